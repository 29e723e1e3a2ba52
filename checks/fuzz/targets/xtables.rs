//! The legacy tables of both families, in the kernel's own structures.

#![no_main]

use checks::host::Query;
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

/// Tables by the order of the parts.
const TABLES: [(bool, &str); 4] = [(false, "filter"), (true, "filter"), (false, "mangle"), (true, "nat")];

fuzz_target!(|data: &[u8]| {
    let mut names = [String::new(), String::new()];
    let mut tree = host().file("/proc/net/dev", "");
    for (part, (ipv6, table)) in parts(data).zip(TABLES) {
        names[usize::from(ipv6)] += &format!("{table}\n");
        tree = tree.answer(Query::LegacyTable { ipv6, table: table.to_owned() }, part);
    }
    let [ipv4, ipv6] = names;
    tree = tree.file("/proc/net/ip_tables_names", ipv4).file("/proc/net/ip6_tables_names", ipv6);
    let facts = gather(&tree, "", &["ruleset"]);
    let _ = facts.ruleset.value().expect("a Linux has a ruleset");
});
