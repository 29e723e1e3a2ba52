//! The expressions of nftables, as nft(8) writes them.

use std::net::IpAddr;

use super::super::draw::Stage::{Mangle, Nat, Raw};
use super::super::namespaces::{Client, written};
use super::{Ingredient, any, around, ipv4, network, ports, tcp, to_container, to_host};

pub(crate) const NFT: &[Ingredient] = &[
    Ingredient {
        name: "payload saddr",
        fits: any,
        add: |rule, dice| {
            let source = rule.about(dice).source;
            rule.test(format!("{} saddr {source}", rule.ip()));
        },
    },
    Ingredient {
        name: "payload daddr",
        fits: any,
        add: |rule, dice| {
            let to = network(rule.about(dice).to, dice);
            rule.test(format!("{} daddr {to}", rule.ip()));
        },
    },
    Ingredient {
        name: "bitwise prefix",
        fits: any,
        add: |rule, dice| {
            let (source, not) = (network(rule.about(dice).source, dice), dice.pick(&["", "", "!= "]));
            rule.test(format!("{} saddr {not}{source}", rule.ip()));
        },
    },
    Ingredient {
        name: "bitwise odd mask",
        fits: any,
        add: |rule, dice| match rule.about(dice).source {
            IpAddr::V4(source) => {
                let mask = [0xff, 0xff00_00ff, 0x00f0_0f00, 0x0000_0101][dice.below(4)];
                let value = std::net::Ipv4Addr::from(u32::from(source) & mask);
                rule.test(format!("ip saddr & {} == {value}", std::net::Ipv4Addr::from(mask)));
            }
            IpAddr::V6(source) => {
                let mask = [0xffff, 0xffff << 112 | 0xff, 0xff << 88][dice.below(3)];
                let value = std::net::Ipv6Addr::from(u128::from(source) & mask);
                rule.test(format!("ip6 saddr & {} == {value}", std::net::Ipv6Addr::from(mask)));
            }
        },
    },
    Ingredient {
        name: "bitwise port",
        fits: any,
        add: |rule, dice| {
            let mask = [0x0001, 0x00ff, 0xff00, 0x0f0f][dice.below(4)];
            let value = rule.about(dice).port & mask;
            rule.test(format!("{} dport & {mask:#x} == {value:#x}", rule.protocol()));
        },
    },
    Ingredient {
        name: "raw payload",
        fits: any,
        add: |rule, dice| {
            let bytes: u32 = match rule.about(dice).source {
                IpAddr::V4(source) => source.into(),
                IpAddr::V6(source) => (u128::from(source) >> 96) as u32,
            };
            let offset = if rule.probe.to.is_ipv4() { 96 } else { 64 };
            rule.test(format!("meta nfproto {} @nh,{offset},32 {bytes:#x}", rule.family()));
        },
    },
    Ingredient {
        name: "raw payload",
        fits: any,
        add: |rule, dice| {
            let port = rule.about(dice).port;
            rule.test(format!("meta l4proto {} @th,16,16 {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "raw payload",
        fits: any,
        add: |rule, dice| {
            // One half of the port.
            let port = rule.about(dice).port;
            rule.test(format!("meta l4proto {} @th,16,8 {:#x}", rule.protocol(), port >> 8));
        },
    },
    Ingredient {
        name: "payload sport",
        fits: any,
        add: |rule, dice| {
            let port = rule.about(dice).source_port;
            rule.test(format!("{} sport {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "payload ether",
        fits: any,
        add: |rule, dice| {
            let mac = written(rule.about(dice).client.mac());
            rule.test(format!("ether saddr {}{mac}", dice.pick(&["", "", "!= "])));
        },
    },
    Ingredient {
        name: "payload protocol",
        fits: any,
        add: |rule, _| {
            let field = if rule.probe.to.is_ipv4() { "ip protocol" } else { "ip6 nexthdr" };
            rule.test(format!("{field} {}", rule.protocol()));
        },
    },
    Ingredient {
        name: "payload tcp flags",
        fits: tcp,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "tcp flags syn",
                "tcp flags & (fin|syn|rst|ack) == syn",
                "tcp flags & (syn|ack) == syn|ack",
                "tcp flags & (fin|rst) == 0x0",
            ]));
        },
    },
    Ingredient {
        name: "cmp less, greater",
        fits: any,
        add: |rule, dice| {
            let port = rule.about(dice).port;
            let (operator, by) = (dice.pick(&["<", "<=", ">", ">=", "!="]), dice.below(5) as u16);
            let port = if operator.starts_with('<') { port + by } else { port - by };
            rule.test(format!("{} dport {operator} {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "cmp less, greater",
        fits: any,
        add: |rule, dice| {
            let operator = dice.pick(&["<", "<=", ">", ">=", "!="]);
            let (first, last) = around(rule.about(dice).source, dice);
            let address = if operator.starts_with('<') { last } else { first };
            rule.test(format!("{} saddr {operator} {address}", rule.ip()));
        },
    },
    Ingredient {
        name: "range",
        fits: any,
        add: |rule, dice| {
            let ((first, last), not) = (ports(rule.about(dice).port, dice), dice.pick(&["", "!= "]));
            rule.test(format!("{} dport {not}{first}-{last}", rule.protocol()));
        },
    },
    Ingredient {
        name: "range",
        fits: any,
        add: |rule, dice| {
            let (first, last) = around(rule.about(dice).source, dice);
            rule.test(format!("{} saddr {}{first}-{last}", rule.ip(), dice.pick(&["", "!= "])));
        },
    },
    Ingredient {
        name: "lookup anonymous",
        fits: any,
        add: |rule, dice| {
            let (one, two) = (rule.about(dice).port, rule.about(dice).port);
            rule.test(format!("{} dport {{ 1, {one}, {two} }}", rule.protocol()));
        },
    },
    Ingredient {
        name: "lookup inverted",
        fits: any,
        add: |rule, dice| {
            let (one, (first, last)) = (super::super::draw::drawn_port(dice), ports(20_000, dice));
            rule.test(format!("{} dport != {{ {one}, {first}-{last} }}", rule.protocol()));
        },
    },
    Ingredient {
        name: "lookup intervals",
        fits: any,
        add: |rule, dice| {
            let (one, (first, last)) =
                (network(rule.about(dice).source, dice), around(rule.about(dice).source, dice));
            let name = rule.set(
                &format!("type {}_addr; flags interval; auto-merge;", rule.family()),
                &[one, format!("{first}-{last}")],
            );
            rule.test(format!("{} saddr @{name}", rule.ip()));
        },
    },
    Ingredient {
        name: "lookup named",
        fits: any,
        add: |rule, dice| {
            let elements: Vec<String> = (0..3).map(|_| rule.about(dice).port.to_string()).collect();
            let name = rule.set("type inet_service;", &elements);
            rule.test(format!("{} dport {}@{name}", rule.protocol(), dice.pick(&["", "", "!= "])));
        },
    },
    Ingredient {
        name: "lookup timeouts",
        fits: any,
        add: |rule, dice| {
            let elements: Vec<String> =
                (0..2).map(|_| format!("{} timeout 1h", rule.about(dice).source)).collect();
            let name = rule.set(&format!("type {}_addr; flags timeout;", rule.family()), &elements);
            rule.test(format!("{} saddr @{name}", rule.ip()));
        },
    },
    Ingredient {
        name: "lookup concatenation",
        fits: any,
        add: |rule, dice| {
            let (one, two) = (rule.about(dice), rule.about(dice));
            rule.test(format!(
                "{} saddr . {} dport {{ {} . {}, {} . {} }}",
                rule.ip(),
                rule.protocol(),
                one.source,
                one.port,
                two.source,
                two.port
            ));
        },
    },
    Ingredient {
        name: "lookup concatenation",
        fits: any,
        add: |rule, dice| {
            let one = rule.about(dice);
            let name = rule.set(
                "typeof iifname . th dport;",
                &[format!("\"{}\" . {}", one.client.interface(), one.port), "\"lo\" . 1".to_owned()],
            );
            rule.test(format!("meta l4proto {} iifname . th dport @{name}", rule.protocol()));
        },
    },
    Ingredient {
        name: "lookup interval concatenation",
        fits: any,
        add: |rule, dice| {
            let one = rule.about(dice);
            let (source, (first, last)) = (network(one.source, dice), ports(one.port, dice));
            let set = format!("type {}_addr . inet_service; flags interval;", rule.family());
            let name = rule.set(&set, &[format!("{source} . {first}-{last}")]);
            rule.test(format!("{} saddr . {} dport @{name}", rule.ip(), rule.protocol()));
        },
    },
    Ingredient {
        name: "lookup verdict map",
        fits: any,
        add: |rule, dice| {
            let (port, verdict) = (rule.about(dice).port, dice.pick(&["accept", "drop"]));
            rule.test(format!("{} dport vmap {{ 1 : drop, {port} : {verdict} }}", rule.protocol()));
            rule.done();
        },
    },
    Ingredient {
        name: "lookup verdict map",
        fits: any,
        add: |rule, dice| {
            let (source, verdict) = (network(rule.about(dice).source, dice), dice.pick(&["accept", "drop"]));
            let map = format!("type {}_addr : verdict; flags interval;", rule.family());
            let name = rule.map(&map, &[format!("{source} : {verdict}")]);
            rule.test(format!("{} saddr vmap @{name}", rule.ip()));
            rule.done();
        },
    },
    Ingredient {
        name: "lookup data map",
        fits: any,
        add: |rule, dice| {
            let (one, mark) = (rule.about(dice).source, 1 + dice.below(200));
            let map = format!("type {}_addr : mark;", rule.family());
            let name = rule.map(&map, &[format!("{one} : {mark}")]);
            rule.first(Mangle, format!("{} meta mark set {} saddr map @{name}", rule.scope(), rule.ip()));
            rule.test(format!("meta mark {mark}"));
        },
    },
    Ingredient {
        name: "meta iif",
        fits: any,
        add: |rule, dice| {
            let interface = rule.about(dice).client.interface();
            rule.test(format!("iif {}{interface}", dice.pick(&["", "!= "])));
        },
    },
    Ingredient {
        name: "meta iifname",
        fits: any,
        add: |rule, dice| {
            let interface = rule.about(dice).client.interface();
            rule.test(match dice.below(4) {
                0 => format!("iifname \"{}*\"", &interface[..2]),
                1 => format!("iifname != \"{interface}\""),
                2 => format!("iifname {{ lo, \"{interface}\" }}"),
                _ => format!("iifname \"{interface}\""),
            });
        },
    },
    Ingredient {
        name: "meta oifname",
        fits: to_container,
        add: |rule, dice| {
            rule.test(format!("oifname {}", dice.pick(&["docker0", "docker0", "wan0", "!= lo"])))
        },
    },
    Ingredient {
        name: "meta l4proto",
        fits: any,
        add: |rule, dice| {
            let test = dice.pick(&[
                "meta l4proto PROTOCOL",
                "meta l4proto != { icmp, ipv6-icmp }",
                "meta l4proto != icmp",
            ]);
            rule.test(test.replace("PROTOCOL", rule.protocol()));
        },
    },
    Ingredient {
        name: "meta nfproto",
        fits: any,
        add: |rule, _| rule.test(format!("meta nfproto {}", rule.family())),
    },
    Ingredient {
        name: "meta protocol",
        fits: any,
        add: |rule, _| rule.test(format!("meta protocol {}", rule.ip())),
    },
    Ingredient {
        name: "meta pkttype",
        fits: any,
        add: |rule, dice| {
            rule.test(format!("meta pkttype {}", dice.pick(&["host", "host", "broadcast", "!= host"])))
        },
    },
    Ingredient {
        name: "meta mark",
        fits: any,
        add: |rule, dice| {
            let mark = 1 + dice.below(200);
            rule.first(Mangle, format!("{} meta mark set {mark:#x}", rule.scope()));
            rule.test(match dice.below(3) {
                0 => format!("meta mark & 0xf0 == {:#x}", mark & 0xf0),
                1 => format!("meta mark != {mark}"),
                _ => format!("meta mark {mark}"),
            });
        },
    },
    Ingredient {
        name: "meta mark",
        fits: any,
        add: |rule, dice| {
            let set = dice.pick(&["meta mark or 0x10", "meta mark and 0xff", "meta mark xor 0x11"]);
            rule.first(Raw, format!("{} meta mark set 0x21", rule.scope()));
            rule.first(Mangle, format!("{} meta mark set {set}", rule.scope()));
            rule.test(format!("meta mark {}", dice.pick(&["0x31", "0x21", "0x30"])));
        },
    },
    Ingredient {
        name: "ct mark",
        fits: any,
        add: |rule, dice| {
            let mark = 1 + dice.below(200);
            rule.first(Mangle, format!("{} ct mark set {mark:#x}", rule.scope()));
            if dice.percent(50) {
                rule.test(format!("ct mark {mark}"));
            } else {
                rule.first(Mangle, format!("{} meta mark set ct mark", rule.scope()));
                rule.test(format!("meta mark {mark}"));
            }
        },
    },
    Ingredient {
        name: "ct state",
        fits: any,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "ct state new",
                "ct state new,untracked",
                "ct state established,related",
                "ct state != established",
                "ct state { new, related }",
                "ct state invalid",
            ]));
        },
    },
    Ingredient {
        name: "ct state",
        fits: any,
        add: |rule, dice| {
            let verdict = dice.pick(&["accept", "drop"]);
            rule.test(format!("ct state vmap {{ established : accept, related : accept, new : {verdict} }}"));
            rule.done();
        },
    },
    Ingredient {
        name: "ct status",
        fits: to_host,
        add: |rule, dice| {
            if dice.percent(60) {
                let port = rule.alias();
                rule.first(Nat, format!("{} dport {port} redirect to :{}", rule.protocol(), rule.probe.port));
                rule.ask(|probe| probe.port = port);
            }
            rule.test(format!("ct status {}dnat", dice.pick(&["", "", "! "])));
        },
    },
    Ingredient {
        name: "ct original",
        fits: any,
        add: |rule, dice| {
            let to = rule.about(dice).to;
            rule.test(format!("ct original {} daddr {to}", rule.ip()));
        },
    },
    Ingredient {
        name: "ct direction",
        fits: any,
        add: |rule, dice| {
            rule.test(format!("ct direction {}", dice.pick(&["original", "original", "reply"])))
        },
    },
    Ingredient {
        name: "fib daddr type",
        fits: any,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "fib daddr type local",
                "fib daddr type != local",
                "fib daddr type { local, broadcast, multicast }",
                "fib daddr . iif type local",
                "fib daddr type unicast",
            ]));
        },
    },
    Ingredient {
        name: "fib saddr type",
        fits: any,
        add: |rule, dice| rule.test(dice.pick(&["fib saddr type unicast", "fib saddr type != local"])),
    },
    Ingredient {
        name: "fib saddr iif oif",
        fits: any,
        add: |rule, dice| {
            // The sender whose replies go elsewhere is the one that it is meant for.
            rule.test(dice.pick(&["fib saddr . iif oif exists", "fib saddr . iif oif missing"]));
            rule.ask(|probe| {
                probe.client = Client::Lan;
                let spoofed = if probe.to.is_ipv4() { "203.0.113.66" } else { "2001:db8:200::66" };
                probe.source = spoofed.parse().unwrap();
            });
        },
    },
    Ingredient {
        name: "socket",
        fits: to_host,
        add: |rule, dice| {
            rule.test(dice.pick(&[
                "socket wildcard 1",
                "socket wildcard 0",
                "socket transparent 0",
                "socket transparent 1",
            ]));
        },
    },
    Ingredient {
        name: "notrack",
        fits: any,
        add: |rule, dice| {
            rule.first(Raw, format!("{} notrack", rule.scope()));
            rule.test(dice.pick(&[
                "ct state untracked",
                "ct state untracked",
                "ct state new",
                "ct state != untracked",
            ]));
        },
    },
    Ingredient {
        name: "dynset",
        fits: any,
        add: |rule, dice| {
            let set = format!("type {}_addr; flags dynamic,timeout; timeout 1m;", rule.family());
            let (name, operation) = (rule.set(&set, &[]), dice.pick(&["add", "update"]));
            rule.first(Mangle, format!("{} {operation} @{name} {{ {} saddr }}", rule.scope(), rule.ip()));
            // What comes by another port was not added.
            rule.test(format!("ct status ! dnat {} saddr @{name}", rule.ip()));
        },
    },
    Ingredient {
        name: "dnat",
        fits: |probe| to_host(probe) && ipv4(probe),
        add: |rule, dice| {
            let (alias, port) = (rule.alias(), dice.pick(&["80", "8080", "53"]));
            let to = dice.pick(&["172.17.0.2", "172.17.0.2", "192.168.77.1"]);
            rule.first(Nat, format!("{} dport {alias} dnat ip to {to}:{port}", rule.protocol()));
            rule.ask(|probe| probe.port = alias);
            rule.forwards = to == "172.17.0.2";
            rule.instead_of_scope(format!("ip daddr {to} {} dport {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "dnat",
        fits: |probe| to_host(probe) && !ipv4(probe),
        add: |rule, dice| {
            let (alias, port) = (rule.alias(), dice.pick(&["80", "8080", "53"]));
            rule.first(Nat, format!("{} dport {alias} dnat ip6 to [fd17::2]:{port}", rule.protocol()));
            rule.ask(|probe| probe.port = alias);
            rule.forwards = true;
            rule.instead_of_scope(format!("ip6 daddr fd17::2 {} dport {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "dnat map",
        fits: |probe| to_host(probe) && ipv4(probe),
        add: |rule, dice| {
            let (one, two, port) = (rule.alias(), rule.alias(), dice.pick(&["80", "8080"]));
            let map = rule.map(
                "type inet_service : ipv4_addr . inet_service;",
                &[format!("{one} : 172.17.0.2 . {port}"), format!("{two} : 198.51.100.9 . 443")],
            );
            rule.first(Nat, format!("meta l4proto {p} dnat ip to {p} dport map @{map}", p = rule.protocol()));
            rule.ask(|probe| probe.port = one);
            rule.ask(|probe| probe.port = two);
            rule.forwards = true;
            rule.instead_of_scope(format!("ct status dnat {} dport {port}", rule.protocol()));
        },
    },
    Ingredient {
        name: "redirect",
        fits: to_host,
        add: |rule, dice| {
            let alias = rule.alias();
            rule.first(Nat, format!("{} dport {alias} redirect to :{}", rule.protocol(), rule.probe.port));
            rule.ask(|probe| probe.port = alias);
            if dice.percent(50) {
                rule.test(format!("ct original {} daddr {}", rule.ip(), rule.probe.to));
            }
        },
    },
];
