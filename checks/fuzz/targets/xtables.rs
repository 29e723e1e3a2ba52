//! The legacy tables of both families, the sets of ipset and a list of recent sources, in the kernel's own structures;
//! then a question that every rule of them is compiled for, and each rule in words.

#![no_main]

use checks::facts::network::{Interface, Network, Prefix, Route};
use checks::facts::ruleset::xtables::rule;
use checks::facts::sockets::Protocol;
use checks::gap::Reading;
use checks::host::Query;
use checks::reach::{Question, connect};
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

/// Tables by the order of the parts; then come the sets and the list.
const TABLES: [(bool, &str); 4] = [(false, "filter"), (true, "filter"), (false, "mangle"), (true, "nat")];

fuzz_target!(|data: &[u8]| {
    let mut names = [String::new(), String::new()];
    let mut tree = host().file("/proc/net/dev", "");
    for (at, part) in parts(data).take(TABLES.len() + 2).enumerate() {
        tree = match TABLES.get(at) {
            Some((ipv6, table)) => {
                names[usize::from(*ipv6)] += &format!("{table}\n");
                tree.answer(Query::LegacyTable { ipv6: *ipv6, table: (*table).to_owned() }, part)
            }
            None if at == TABLES.len() => tree.answer(Query::IpSets, part),
            None => tree.file("/proc/net/xt_recent/SSH", part),
        };
    }
    let [ipv4, ipv6] = names;
    tree = tree.file("/proc/net/ip_tables_names", ipv4).file("/proc/net/ip6_tables_names", ipv6);
    let mut facts = gather(&tree, "", &["ruleset"]);
    let ruleset = facts.ruleset.value().expect("a Linux has a ruleset");
    for tables in [&ruleset.legacy_ipv4, &ruleset.legacy_ipv6] {
        for chain in tables.value().into_iter().flatten().flat_map(|table| &table.chains) {
            for one in &chain.rules {
                assert!(rule(&chain.name, one).starts_with("-A "));
            }
        }
    }
    facts.network = Reading::Known(network());
    for (from, to) in [("198.51.100.7", "192.0.2.1"), ("2001:db8:7::7", "2001:db8::1")] {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let _ = connect(
                &facts,
                &Question {
                    protocol,
                    from: from.parse().expect("an address"),
                    from_port: None,
                    to: to.parse().expect("an address"),
                    port: 22,
                    interface: Some("eth0".to_owned()),
                    source_mac: None,
                },
            );
        }
    }
});

fn network() -> Network {
    let prefix = |address: &str, length| Prefix { address: address.parse().expect("an address"), length };
    let route = |to, table, kind| Route {
        to,
        from: None,
        table,
        kind,
        tos: 0,
        metric: 0,
        through: vec![1],
        alive: true,
    };
    Network {
        interfaces: vec![Interface {
            index: 1,
            name: "eth0".to_owned(),
            up: true,
            hardware: 1,
            addresses: vec![prefix("192.0.2.1", 24), prefix("2001:db8::1", 64)],
            ..Interface::default()
        }],
        routes: Reading::Known(vec![
            route(prefix("192.0.2.1", 32), 255, 2),
            route(prefix("2001:db8::1", 128), 255, 2),
            route(prefix("0.0.0.0", 0), 254, 1),
            route(prefix("::", 0), 254, 1),
        ]),
        rules: Reading::Known(Vec::new()),
        bpf: Reading::Known(Vec::new()),
        ..Network::default()
    }
}
