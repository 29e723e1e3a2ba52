//! The legacy tables of both families, the sets of ipset and a list of recent sources, in the kernel's own structures;
//! then questions that every rule of them is compiled for, and each rule in words.

#![no_main]

use checks::facts::ruleset::xtables::rule;
use checks::host::Query;
use hostduty_fuzz::questions::ask;
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
    ask(&mut facts);
});
