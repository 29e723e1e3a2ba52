//! Dumps of nftables over netlink: tables, chains, rules. Cut short, they are a gap and never a filter.

#![no_main]

use checks::facts::ruleset::IpFamily;
use checks::host::{NftObject, Query};
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

const OBJECTS: [NftObject; 3] = [NftObject::Tables, NftObject::Chains, NftObject::Rules];

fuzz_target!(|data: &[u8]| {
    let mut tree = host().file("/proc/net/dev", "");
    for (part, object) in parts(data).zip(OBJECTS) {
        tree = tree.answer(Query::Nftables(object), part);
    }
    let facts = gather(&tree, "", &["ruleset"]);
    let ruleset = facts.ruleset.value().expect("a Linux has a ruleset");
    for family in [IpFamily::V4, IpFamily::V6] {
        let _ = ruleset.inbound(family);
    }
});
