//! Dumps of nftables over netlink: tables, chains, rules, sets, objects, flowtables, elements. Cut short, they are a gap
//! and never a filter; whatever a rule holds, its text is short, and the engine has an answer to each question.

#![no_main]

use std::borrow::Cow;

use checks::facts::ruleset::nft_text;
use checks::host::{NftObject, Query};
use hostduty_fuzz::questions::ask;
use hostduty_fuzz::{gather, host, shared, typed};
use libfuzzer_sys::fuzz_target;

const OBJECTS: [NftObject; 6] = [
    NftObject::Tables,
    NftObject::Chains,
    NftObject::Rules,
    NftObject::Sets,
    NftObject::Objects,
    NftObject::Flowtables,
];
/// Sets whose elements are answered; the others are gaps.
const SETS: usize = 16;

fuzz_target!(|data: &[u8]| {
    let mut tree = host().file("/proc/net/dev", "");
    let parts: Vec<_> = typed(data).collect();
    for (part, object) in parts.iter().zip(OBJECTS) {
        // A kernel has many rules that are alike, but each table, chain and set once.
        let reply = if object == NftObject::Rules { shared(part, 1) } else { Cow::Borrowed(*part) };
        tree = tree.answer(Query::Nftables(object), reply);
    }
    // What follows is the elements of each set in turn, which share what a kernel may send.
    let names = parts.get(3).map(|dump| sets(dump)).unwrap_or_default();
    let dumps = parts.get(OBJECTS.len()..).unwrap_or_default();
    for (part, (family, table, set)) in dumps.iter().zip(names) {
        let reply = shared(part, dumps.len());
        tree = tree.answer(Query::NftElements { family, table, set }, reply);
    }
    let mut facts = gather(&tree, "", &["ruleset"]);
    let ruleset = facts.ruleset.value().expect("a Linux has a ruleset");
    for table in ruleset.nftables.value().into_iter().flat_map(|nftables| &nftables.tables) {
        for rule in table.chains.iter().flat_map(|chain| &chain.rules).take(100) {
            let text = nft_text::rule(table, rule);
            assert!(text.chars().count() <= 161, "{text}");
        }
    }
    ask(&mut facts);
});

/// Family, table and name of the first sets in a dump of them: their first two attributes.
fn sets(mut dump: &[u8]) -> Vec<(u8, String, String)> {
    let mut found = Vec::new();
    while let Some(length) = dump.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) {
        let (Some(family), Some(message)) = (dump.get(16), dump.get(20..length)) else { break };
        let Some((table, rest)) = name(message) else { break };
        let Some((set, _)) = name(rest) else { break };
        found.push((*family, table, set));
        dump = dump.get(length.next_multiple_of(4)..).unwrap_or_default();
        if found.len() == SETS {
            break;
        }
    }
    found
}

fn name(attributes: &[u8]) -> Option<(String, &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*attributes.first_chunk()?));
    let text = attributes.get(4..length)?.split(|byte| *byte == 0).next()?;
    Some((String::from_utf8_lossy(text).into_owned(), attributes.get(length.next_multiple_of(4)..)?))
}
