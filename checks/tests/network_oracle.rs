//! Interfaces, addresses, routes and rules as hostduty reads them from the kernel are those that ip shows (root, Linux).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads what it guards, fails loudly and asks the real programs"
)]
#![cfg(target_os = "linux")]

// The reader under test is the agent's own.
#[path = "../../agent/src/host/netlink.rs"]
#[allow(dead_code, reason = "the oracle asks for less than the agent")]
mod netlink;
#[path = "../../agent/src/host/route.rs"]
mod route;
mod say;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::network::{Network, RouteRule, RuleAction};
use checks::gap::Reading;
use checks::host::{Query, RouteObject, Tree};
use say::left_out;
use serde_json::Value;

/// Kinds that a kernel may lack are made one by one; the rest has to succeed.
const OPTIONAL: &[&str] = &[
    "link add plain type dummy",
    "link add link left name left.7 type vlan id 7",
    "link add blue type vrf table 1007",
    "link add link left name own type macvlan mode bridge",
];

const SCRIPT: &str = "
    echo 1 >/proc/sys/net/ipv6/conf/default/addr_gen_mode
    ip link set lo up
    ip link add left type veth peer name right
    ip link add bridge0 type bridge
    ip link set right master bridge0 group 7
    ip link add far type veth peer name moved
    for name in left right bridge0 far; do ip link set $name up; done
    for name in plain left.7 blue own; do ip link set $name up 2>/dev/null || true; done
    ip addr add 192.0.2.1/24 dev left
    ip addr add 192.0.2.5 peer 192.0.2.6/32 dev far
    ip addr add 2001:db8::1/64 dev left nodad
    ip addr add 2001:db8:1::1/48 dev bridge0 nodad
    ip route add default via 192.0.2.254 metric 50
    ip route add 198.51.100.0/24 nexthop via 192.0.2.7 nexthop via 192.0.2.8
    ip route add blackhole 203.0.113.0/24
    ip route add prohibit 203.0.113.128/25 table 1000
    ip route add unreachable 2001:db8:dead::/48
    ip route add throw 198.18.0.0/15 table 70000
    ip route add 198.18.1.0/24 dev left table 70000 tos 0x10
    ip -6 route add 2001:db8:7::/48 via 2001:db8::7 table 1000 metric 9
    ip -6 route add 2001:db8:8::/48 from 2001:db8::/64 via 2001:db8::7
    ip -6 route add 2001:db8:9::/48 nexthop via 2001:db8::7 nexthop via 2001:db8::8
    ip rule add from 192.0.2.0/24 to 198.51.100.0/24 iif left lookup 1000 priority 100
    ip rule add not fwmark 0xca6c lookup 70000 priority 101
    ip rule add fwmark 1/7 lookup 1000 priority 102
    ip rule add lookup main suppress_prefixlength 0 priority 103
    ip rule add goto 32766 priority 104
    ip rule add blackhole from 203.0.113.9 priority 105
    ip rule add ipproto tcp dport 22 lookup 1000 priority 106
    ip -6 rule add oif left prohibit priority 100
    ip -6 rule add from 2001:db8::/32 nop priority 101
    ip link set far down
    echo 1 >/proc/sys/net/ipv4/conf/left/rp_filter
    echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter
    echo 1 >/proc/sys/net/ipv4/conf/left/route_localnet
    echo 1 >/proc/sys/net/ipv4/conf/left/forwarding
    echo 1 >/proc/sys/net/ipv6/conf/bridge0/disable_ipv6
    echo 1 >/proc/sys/net/ipv6/bindv6only
    # The kernel notices carriers a little later.
    sleep 0.3
";

#[test]
fn the_kernel_and_ip_agree() {
    if !nix::unistd::geteuid().is_root() {
        return left_out("needs root for a network namespace");
    }
    if !["unshare", "ip"]
        .iter()
        .all(|tool| Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()))
    {
        return left_out("needs unshare and ip");
    }
    // A process of its own, because /proc/sys/net shows the namespace of the process.
    let output = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
        .env("HOSTDUTY_NETWORK", "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.lines().filter_map(|line| line.strip_prefix("left out: ")).for_each(left_out);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "the other test starts it in a network namespace"]
fn inside_a_namespace() {
    if std::env::var_os("HOSTDUTY_NETWORK").is_none() {
        return;
    }
    let loopback_alone = read();
    assert_eq!(loopback_alone.interfaces[0].name, "lo");
    let (first, rest) = SCRIPT.split_once("ip link set right").unwrap();
    sh(first);
    for command in OPTIONAL {
        if !Command::new("ip").args(command.split(' ')).output().unwrap().status.success() {
            left_out(format!("ip {command}: this kernel has no such interfaces"));
        }
    }
    sh(&format!("ip link set right{rest}"));
    let network = read();
    same_links(&network);
    same_routes(&network);
    same_rules(&network);
    settings(&network);
    let facts = toml::to_string(&network).unwrap();
    assert_eq!(toml::from_str::<Network>(&facts).unwrap(), network);
    if std::env::var_os("HOSTDUTY_UPDATE").is_some() {
        record();
    }
}

fn sh(script: &str) {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const OBJECTS: [RouteObject; 5] = [
    RouteObject::Links,
    RouteObject::Addresses,
    RouteObject::Routes,
    RouteObject::Rules,
    RouteObject::Qdiscs,
];

/// The facts from the kernel's answers.
fn read() -> Network {
    let mut host = Tree::new(Timestamp(0));
    for object in OBJECTS {
        host = host.answer(Query::Route(object), route::dump_of(object).unwrap());
    }
    let output =
        Command::new("find").args(["/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "-type", "f"]).output();
    for path in String::from_utf8(output.unwrap().stdout).unwrap().lines() {
        if let Ok(bytes) = std::fs::read(path) {
            host = host.file(path, bytes);
        }
    }
    let mut facts = checks::facts::begin(&host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "network").unwrap();
    (room.gather)(&host, &mut facts);
    facts.network.known().unwrap().clone()
}

/// Writes the answers as a seed of the fuzz target `network`.
fn record() {
    let mut answers: Vec<Vec<u8>> = OBJECTS.iter().map(|object| route::dump_of(*object).unwrap()).collect();
    // The fuzzer takes small inputs: two interfaces are enough.
    let length = |at: usize| u32::from_ne_bytes(answers[0][at..at + 4].try_into().unwrap()) as usize;
    let two = length(0) + length(length(0));
    answers[0].truncate(two);
    let seed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/network/several-tables");
    std::fs::create_dir_all(seed.parent().unwrap()).unwrap();
    std::fs::write(seed, answers.join(&b"%%\n"[..])).unwrap();
}

fn ip(arguments: &str) -> Vec<Value> {
    let output = Command::new("ip").args(["-j", "-d"]).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // Without a line to show, ip prints nothing.
    if text.trim().is_empty() { Vec::new() } else { serde_json::from_str(&text).unwrap() }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn same_links(ours: &Network) {
    let theirs = ip("addr show");
    assert_eq!(ours.interfaces.len(), theirs.len());
    assert!(theirs.len() >= 6, "{theirs:?}");
    for (own, their) in ours.interfaces.iter().zip(&theirs) {
        assert_eq!(
            (u64::from(own.index), own.name.as_str()),
            (their["ifindex"].as_u64().unwrap(), text(their, "ifname"))
        );
        let flag = |name: &str| their["flags"].as_array().unwrap().iter().any(|flag| flag == name);
        assert_eq!((own.up, own.loopback), (flag("UP"), flag("LOOPBACK")), "{}", own.name);
        assert_eq!(own.kind, text(&their["linkinfo"], "info_kind"), "{}", own.name);
        assert_eq!(own.table.map(u64::from), their["linkinfo"]["info_data"]["table"].as_u64());
        let name =
            |index: Option<u32>| index.and_then(|index| ours.interface(index)).map_or("", |it| &it.name);
        assert_eq!(name(own.master), text(their, "master"), "{}", own.name);
        assert_eq!(name(own.link), text(their, "link"), "{}", own.name);
        let group = text(their, "group");
        assert_eq!(own.group, if group == "default" { 0 } else { group.parse().unwrap() });
        let hardware = if text(their, "link_type") == "loopback" { 772 } else { 1 };
        assert!(own.hardware == hardware, "{their}");
        let addresses: Vec<String> = own.addresses.iter().map(ToString::to_string).collect();
        let shown: Vec<String> = their["addr_info"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{}/{}", text(one, "local"), one["prefixlen"]))
            .collect();
        assert_eq!(addresses, shown, "{}", own.name);
    }
}

fn same_routes(ours: &Network) {
    const KINDS: [&str; 10] = [
        "",
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
    ];
    let mut mine: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
    for route in ours.routes.known().unwrap() {
        let through: Vec<&str> =
            route.through.iter().map(|index| ours.interface(*index).unwrap().name.as_str()).collect();
        let from = route.from.map(|from| from.to_string()).unwrap_or_default();
        mine.entry(route.to.address.is_ipv6()).or_default().insert(format!(
            "{} {} {} from {from} tos {} metric {} through {through:?} {}",
            KINDS[usize::from(route.kind)],
            route.to,
            route.table,
            route.tos,
            route.metric,
            route.alive
        ));
    }
    for (family, ipv6) in [("-4", false), ("-6", true)] {
        // ip shows local (255), main (254) and default (253) by name.
        let theirs: BTreeSet<String> = ip(&format!("{family} -N route show table all"))
            .iter()
            .map(|one| {
                let network = |key: &str| match text(one, key) {
                    "" => String::new(),
                    "default" => if ipv6 { "::/0" } else { "0.0.0.0/0" }.to_owned(),
                    single if !single.contains('/') => format!("{single}/{}", if ipv6 { 128 } else { 32 }),
                    network => network.to_owned(),
                };
                let table = match text(one, "table") {
                    "" => "254",
                    "local" => "255",
                    "main" => "254",
                    "default" => "253",
                    other => other,
                };
                let kind = text(one, "type");
                let kind = kind.parse().map_or(kind, |number: usize| KINDS[number]);
                let tos = u32::from_str_radix(text(one, "tos").trim_start_matches("0x"), 16).unwrap_or(0);
                let metric = one["metric"].as_u64().unwrap_or(0);
                let hops: Vec<&Value> =
                    one["nexthops"].as_array().map_or(vec![one], |hops| hops.iter().collect());
                let through: Vec<&str> =
                    hops.iter().map(|hop| text(hop, "dev")).filter(|dev| !dev.is_empty()).collect();
                let dead = |hop: &&Value| {
                    hop["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "dead"))
                };
                format!(
                    "{kind} {} {table} from {} tos {tos} metric {metric} through {through:?} {}",
                    network("dst"),
                    network("from"),
                    !hops.iter().all(dead)
                )
            })
            .collect();
        assert_eq!(mine[&ipv6], theirs);
        assert!(theirs.len() > 8, "{theirs:?}");
    }
}

fn same_rules(ours: &Network) {
    let rules = ours.rules.known().unwrap();
    for (family, ipv6) in [("-4", false), ("-6", true)] {
        let mine: Vec<String> = rules.iter().filter(|rule| rule.ipv6 == ipv6).map(shown).collect();
        let theirs: Vec<String> = ip(&format!("{family} rule show"))
            .iter()
            .map(|one| {
                let side = |key: &str| match (text(one, key), one[format!("{key}len")].as_u64()) {
                    ("" | "all", None) => String::new(),
                    (address, None) => format!("{address}/{}", if ipv6 { 128 } else { 32 }),
                    (address, Some(length)) => format!("{address}/{length}"),
                };
                let table = match text(one, "table") {
                    "local" => "255",
                    "main" => "254",
                    "default" => "253",
                    other => other,
                };
                let action = match (text(one, "action"), one["goto"].as_u64()) {
                    (_, Some(target)) => format!("goto {target}"),
                    ("", None) if one.get("nop").is_some() => "nop".to_owned(),
                    ("", None) => format!("table {table}"),
                    (action, None) => action.to_owned(),
                };
                let mark = match (one["fwmark"].as_str(), one["fwmask"].as_str()) {
                    (None, _) => String::new(),
                    (Some(value), mask) => format!("{value}/{}", mask.unwrap_or("0xffffffff")),
                };
                let other = one.get("ipproto").is_some() || one.get("dport").is_some();
                format!(
                    "{}: not {} from {} to {} iif {} oif {} mark {mark} suppress {:?} {other} {action}",
                    one["priority"],
                    one.get("not").is_some(),
                    side("src"),
                    side("dst"),
                    text(one, "iif"),
                    text(one, "oif"),
                    one["suppress_prefixlen"].as_u64(),
                )
            })
            .collect();
        assert_eq!(mine, theirs);
    }
    let everything = rules.iter().filter(|rule| rule.takes_everything()).count();
    // local, main and default of IPv4, local and main of IPv6; suppress_prefixlength and goto.
    let vrf = rules.iter().filter(|rule| rule.vrf).count();
    assert_eq!(everything, 7, "{vrf} rules of VRFs");
}

fn shown(rule: &RouteRule) -> String {
    let network =
        |side: Option<checks::facts::network::Prefix>| side.map(|it| it.to_string()).unwrap_or_default();
    let action = match rule.action {
        // The rule of VRFs names no table.
        RuleAction::Table(_) if rule.vrf => "table ".to_owned(),
        RuleAction::Table(table) => format!("table {table}"),
        RuleAction::Goto(target) => format!("goto {target}"),
        other => format!("{other:?}").to_lowercase(),
    };
    format!(
        "{}: not {} from {} to {} iif {} oif {} mark {} suppress {:?} {} {action}",
        rule.priority,
        rule.not,
        network(rule.from),
        network(rule.to),
        rule.input.as_deref().unwrap_or_default(),
        rule.output.as_deref().unwrap_or_default(),
        rule.mark.map(|mark| format!("{:#x}/{:#x}", mark.value, mark.mask)).unwrap_or_default(),
        rule.suppress_prefix_length,
        !rule.other.is_empty(),
    )
}

fn settings(ours: &Network) {
    let of = |name: &str| ours.interfaces.iter().find(|interface| interface.name == name).unwrap();
    let (left, far) = (of("left"), of("far"));
    assert_eq!(
        (&left.reverse_path_filter, &far.reverse_path_filter),
        (&Reading::Known(2), &Reading::Known(2))
    );
    assert_eq!((left.route_localnet.value(), far.route_localnet.value()), (Some(&true), Some(&false)));
    assert_eq!((left.forwards_ipv4.value(), far.forwards_ipv4.value()), (Some(&true), Some(&false)));
    assert_eq!(
        (of("bridge0").ipv6_disabled.value(), left.ipv6_disabled.value()),
        (Some(&true), Some(&false))
    );
    assert_eq!((ours.forwards_ipv4.value(), ours.forwards_ipv6.value()), (Some(&false), Some(&false)));
    assert_eq!(ours.bind_ipv6_only, Reading::Known(true));
}
