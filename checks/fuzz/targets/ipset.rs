//! The sets of ipset over netlink, behind rules that each drop what is in the set of one index: cut short, they are a
//! gap, and the engine has an answer to each question.

#![no_main]

use checks::gap::Gap;
use checks::host::{NftObject, Query};
use hostduty_fuzz::questions::ask;
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

/// NFT_MSG_*
const NEWTABLE: u8 = 0;
const NEWCHAIN: u8 = 3;
const NEWRULE: u8 = 6;
/// As many sets are asked.
const INDEXES: u16 = 16;

fuzz_target!(|data: &[u8]| {
    let sets = parts(data).next().unwrap_or_default();
    // At the hook input, accepting what no rule drops.
    let hook = attribute(4, &[attribute(1, &number(1)), attribute(2, &number(0))].concat());
    let names = [attribute(1, b"filter\0"), attribute(3, b"INPUT\0")].concat();
    let base = [names, hook, attribute(5, &number(1)), attribute(7, b"filter\0")].concat();
    let rules: Vec<u8> = (0..INDEXES).flat_map(rule).collect();
    let mut tree = host().file("/proc/net/dev", "").answer(Query::IpSets, &sets);
    for (object, operation, attributes) in
        [(NftObject::Tables, NEWTABLE, attribute(1, b"filter\0")), (NftObject::Chains, NEWCHAIN, base)]
    {
        tree = tree.answer(Query::Nftables(object), message(operation, &attributes));
    }
    tree = tree.answer(Query::Nftables(NftObject::Rules), rules);
    for object in [NftObject::Sets, NftObject::Objects, NftObject::Flowtables] {
        tree = tree.answer(Query::Nftables(object), "");
    }
    let mut facts = gather(&tree, "", &["ruleset"]);
    let ruleset = facts.ruleset.value().expect("a Linux has a ruleset");
    match ruleset.ipsets.known() {
        Ok(known) => assert!(known.is_empty() || !sets.is_empty(), "sets were made up"),
        Err(Gap { what, .. }) => assert!(!what.is_empty()),
    }
    ask(&mut facts);
});

/// `-m set --match-set … src,dst,src -j DROP`
fn rule(index: u16) -> Vec<u8> {
    // Of revision 1: index, dimensions, which of them are the source.
    let info = attribute(3, &[&index.to_ne_bytes()[..], &[3, 0b1010, 0, 0, 0, 0]].concat());
    let asks = [attribute(1, b"set\0"), attribute(2, &number(1)), info].concat();
    let verdict = attribute(2, &attribute(2, &attribute(1, &number(0))));
    let drops = [attribute(1, &number(0)), verdict].concat();
    let steps = [expression(b"match\0", &asks), expression(b"immediate\0", &drops)].concat();
    let rule = [attribute(1, b"filter\0"), attribute(2, b"INPUT\0"), attribute(4, &steps)].concat();
    message(NEWRULE, &rule)
}

fn number(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).expect("a short value");
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn expression(name: &[u8], data: &[u8]) -> Vec<u8> {
    attribute(1, &[attribute(1, name), attribute(2, data)].concat())
}

/// `nlmsghdr`, then `nfgenmsg` of the family ip.
fn message(operation: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(attributes.len() + 20).expect("a short message");
    let header = [operation, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
    [&length.to_ne_bytes()[..], &header, attributes].concat()
}
