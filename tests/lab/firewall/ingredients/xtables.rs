//! The matches and targets of iptables, as iptables-extensions(8) writes them; both back ends of it get the same.

use std::net::IpAddr;

use super::super::draw::Stage::{Mangle, Nat, Raw};
use super::super::namespaces::{Client, written};
use super::{Ingredient, any, around, ipv4, network, ports, tcp, to_container, to_host};

pub(crate) const XTABLES: &[Ingredient] = &[
    Ingredient {
        name: "xt source",
        fits: any,
        add: |rule, dice| {
            let source = network(rule.about(dice).source, dice);
            rule.test(format!("{}-s {source}", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt source",
        fits: ipv4,
        add: |rule, dice| {
            let IpAddr::V4(source) = rule.about(dice).source else { return };
            let mask = std::net::Ipv4Addr::from([0xff00_00ff_u32, 0x0000_ffff, 0xf0f0_0000][dice.below(3)]);
            rule.test(format!("-s {}/{mask}", std::net::Ipv4Addr::from(u32::from(source) & u32::from(mask))));
        },
    },
    Ingredient {
        name: "xt destination",
        fits: any,
        add: |rule, dice| {
            let to = network(rule.about(dice).to, dice);
            rule.test(format!("{}-d {to}", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt interface",
        fits: any,
        add: |rule, dice| {
            let interface = rule.about(dice).client.interface();
            rule.test(match dice.below(3) {
                0 => format!("-i {}+", &interface[..2]),
                1 => format!("! -i {interface}"),
                _ => format!("-i {interface}"),
            });
        },
    },
    Ingredient {
        name: "xt out interface",
        fits: to_container,
        add: |rule, dice| rule.test(dice.pick(&["-o docker0", "-o docker0", "-o wan0", "! -o lan0"])),
    },
    Ingredient {
        name: "xt tcp, udp",
        fits: any,
        add: |rule, dice| {
            let (first, last) = ports(rule.about(dice).port, dice);
            rule.instead_of_scope(format!(
                "-p {}{} --dport {first}:{last}",
                rule.protocol(),
                dice.pick(&[""; 2])
            ));
        },
    },
    Ingredient {
        name: "xt tcp, udp",
        fits: any,
        add: |rule, dice| {
            let port = rule.about(dice).source_port;
            let (first, last) = ports(port, dice);
            rule.test(format!("--sport {first}:{last}"));
        },
    },
    Ingredient {
        name: "xt multiport",
        fits: any,
        add: |rule, dice| {
            let (one, (first, last)) = (rule.about(dice).port, ports(rule.about(dice).port, dice));
            let which = dice.pick(&["--dports", "--dports", "--ports", "! --dports"]);
            let scope = format!("-p {} -m multiport {which} 1,{one},{first}:{last}", rule.protocol());
            rule.instead_of_scope(scope);
        },
    },
    Ingredient {
        name: "xt tcp flags",
        fits: tcp,
        add: |rule, dice| {
            rule.test(dice.pick(&["--syn", "! --syn", "--tcp-flags SYN,RST SYN", "--tcp-flags FIN,ACK ACK"]));
        },
    },
    Ingredient {
        name: "xt conntrack",
        fits: any,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "-m conntrack --ctstate NEW",
                "-m conntrack --ctstate RELATED,ESTABLISHED",
                "-m conntrack ! --ctstate RELATED,ESTABLISHED",
                "-m conntrack --ctstate INVALID",
                "-m conntrack --ctdir ORIGINAL",
            ]));
        },
    },
    Ingredient {
        name: "xt conntrack",
        fits: any,
        add: |rule, dice| {
            let to = network(rule.about(dice).to, dice);
            rule.test(format!("-m conntrack --ctorigdst {to}"));
        },
    },
    Ingredient {
        name: "xt conntrack status",
        fits: to_host,
        add: |rule, dice| {
            let alias = rule.alias();
            rule.first(
                Nat,
                format!("-p {} --dport {alias} -j REDIRECT --to-ports {}", rule.protocol(), rule.probe.port),
            );
            rule.ask(|probe| probe.port = alias);
            rule.test(format!("-m conntrack {}--ctstate DNAT", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt state",
        fits: any,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "-m state --state NEW",
                "-m state --state ESTABLISHED",
                "-m state ! --state INVALID",
            ]))
        },
    },
    Ingredient {
        name: "xt addrtype",
        fits: any,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "-m addrtype --dst-type LOCAL",
                "-m addrtype ! --dst-type LOCAL",
                "-m addrtype --src-type UNICAST",
                "-m addrtype ! --src-type LOCAL",
                "-m addrtype --dst-type LOCAL --limit-iface-in",
            ]));
        },
    },
    Ingredient {
        name: "xt set",
        fits: any,
        add: |rule, dice| {
            let family = if rule.probe.to.is_ipv4() { "inet" } else { "inet6" };
            let (one, two) = (rule.about(dice), rule.about(dice));
            let net = network(two.source, dice);
            let test = match dice.below(6) {
                0 => rule.ipset(&format!("hash:ip family {family}"), &[one.source.to_string()]) + " src",
                1 => {
                    let elements = [format!("{net},{}:{}", rule.protocol(), two.port)];
                    rule.ipset(&format!("hash:net,port family {family}"), &elements) + " src,dst"
                }
                2 => rule.ipset("bitmap:port range 0-65535", &[one.port.to_string()]) + " dst",
                3 => {
                    let elements = [format!("{net},{}", two.client.interface())];
                    rule.ipset(&format!("hash:net,iface family {family}"), &elements) + " src,src"
                }
                4 => {
                    let elements = [format!("{},{}:{}", one.source, rule.protocol(), one.port)];
                    rule.ipset(&format!("hash:ip,port family {family} timeout 3600"), &elements) + " src,dst"
                }
                _ => rule.ipset(&format!("hash:net family {family}"), &[net]) + " src",
            };
            rule.test(format!("-m set {}--match-set {test}", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt comment",
        fits: any,
        add: |rule, _| rule.test("-m comment --comment \"decides nothing\""),
    },
    Ingredient {
        name: "xt iprange",
        fits: any,
        add: |rule, dice| {
            let (first, last) = around(rule.about(dice).source, dice);
            rule.test(format!("-m iprange {}--src-range {first}-{last}", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt mac",
        fits: any,
        add: |rule, dice| {
            let mac = written(rule.about(dice).client.mac());
            rule.test(format!("-m mac {}--mac-source {mac}", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt mark",
        fits: any,
        add: |rule, dice| {
            let set = dice.pick(&["--set-mark 0x21", "--set-xmark 0x21/0xff", "--or-mark 0x21"]);
            rule.first(Mangle, format!("{} -j MARK {set}", rule.scope()));
            rule.test(format!(
                "-m mark {}",
                dice.pick(&["--mark 0x21", "--mark 0x20/0xf0", "! --mark 0x21", "--mark 0x1"])
            ));
        },
    },
    Ingredient {
        name: "xt connmark",
        fits: any,
        add: |rule, dice| {
            rule.first(Mangle, format!("{} -j CONNMARK --set-mark 0x42", rule.scope()));
            if dice.percent(50) {
                rule.test(format!(
                    "-m connmark {}",
                    dice.pick(&["--mark 0x42", "--mark 0x40/0xf0", "! --mark 0x42"])
                ));
            } else {
                rule.first(Mangle, format!("{} -j CONNMARK --restore-mark", rule.scope()));
                rule.test("-m mark --mark 0x42");
            }
        },
    },
    Ingredient {
        name: "xt connmark",
        fits: any,
        add: |rule, dice| {
            rule.first(Mangle, format!("{} -j MARK --set-mark 0x7", rule.scope()));
            rule.first(Mangle, format!("{} -j CONNMARK --save-mark", rule.scope()));
            rule.test(format!("-m connmark {}", dice.pick(&["--mark 0x7", "! --mark 0x7/0x7"])));
        },
    },
    Ingredient {
        name: "xt pkttype",
        fits: any,
        add: |rule, dice| {
            rule.test(format!(
                "-m pkttype {}",
                dice.pick(&["--pkt-type unicast", "--pkt-type broadcast", "! --pkt-type unicast"])
            ))
        },
    },
    Ingredient {
        name: "xt physdev",
        fits: any,
        add: |rule, dice| {
            rule.test(format!(
                "-m physdev {}",
                dice.pick(&["! --physdev-in vethbox", "--physdev-in vethbox", "! --physdev-is-bridged"])
            ));
        },
    },
    Ingredient {
        name: "xt notrack",
        fits: any,
        add: |rule, dice| {
            rule.first(Raw, format!("{} -j CT --notrack", rule.scope()));
            rule.test(dice.pick(&[
                "-m conntrack --ctstate UNTRACKED",
                "-m conntrack --ctstate NEW",
                "-m conntrack ! --ctstate UNTRACKED",
            ]));
        },
    },
    Ingredient {
        name: "xt SET",
        fits: any,
        add: |rule, dice| {
            let family = if rule.probe.to.is_ipv4() { "inet" } else { "inet6" };
            let set = rule.ipset(&format!("hash:ip family {family}"), &[]);
            rule.first(Mangle, format!("{} -j SET --add-set {set} src", rule.scope()));
            // What comes by another port was not added.
            rule.test("-m conntrack ! --ctstate DNAT");
            rule.test(format!("-m set {}--match-set {set} src", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "xt DNAT",
        fits: to_host,
        add: |rule, dice| {
            let (alias, port) = (rule.alias(), dice.pick(&["80", "8080", "53"]));
            let (to, target) = match rule.probe.to.is_ipv4() {
                true => ("172.17.0.2", format!("172.17.0.2:{port}")),
                false => ("fd17::2", format!("[fd17::2]:{port}")),
            };
            rule.first(
                Nat,
                format!("-p {} --dport {alias} -j DNAT --to-destination {target}", rule.protocol()),
            );
            rule.ask(|probe| probe.port = alias);
            rule.forwards = true;
            rule.instead_of_scope(format!("-d {to} -p {} --dport {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "xt REDIRECT",
        fits: to_host,
        add: |rule, dice| {
            let alias = rule.alias();
            rule.first(
                Nat,
                format!("-p {} --dport {alias} -j REDIRECT --to-ports {}", rule.protocol(), rule.probe.port),
            );
            rule.ask(|probe| probe.port = alias);
            if dice.percent(50) {
                rule.test(format!("-m conntrack --ctorigdstport {alias}"));
            }
        },
    },
    Ingredient {
        name: "xt NFQUEUE",
        fits: any,
        add: |rule, dice| {
            // Nobody takes from the queue.
            rule.end(&format!("-j NFQUEUE --queue-num 7{}", dice.pick(&["", " --queue-bypass"])));
        },
    },
    Ingredient {
        name: "xt rpfilter",
        fits: any,
        add: |rule, dice| {
            rule.first(
                Raw,
                format!(
                    "{} -m rpfilter {} -j DROP",
                    rule.scope(),
                    dice.pick(&["--invert", "--loose --invert"])
                ),
            );
            rule.ask(|probe| {
                probe.client = Client::Lan;
                let spoofed = if probe.to.is_ipv4() { "203.0.113.66" } else { "2001:db8:200::66" };
                probe.source = spoofed.parse().unwrap();
            });
        },
    },
];
