//! Replies that no kernel sends end as gaps before they take memory.

use super::super::elements::MANY;
use super::*;
use crate::date::Timestamp;
use crate::gap::GapKind;
use crate::host::Tree;

const INET: u8 = 1;
const NEWSETELEM: u8 = 12;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(operation: u8, generation: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut bytes = u32::try_from(attributes.len() + 20).unwrap().to_ne_bytes().to_vec();
    bytes.extend([operation, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, INET, 0]);
    bytes.extend(generation.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

fn name(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, format!("{text}\0").as_bytes())
}

fn table(generation: u16) -> Vec<u8> {
    message(NEWTABLE, generation, &[name(1, "filter")])
}

fn set_named(set: &str) -> Vec<u8> {
    message(NEWSET, 1, &[name(1, "filter"), name(2, set)])
}

/// As many elements as fit into one message, again and again: those that match any key are the shortest.
fn dump_of(set: &str, count: usize) -> Vec<u8> {
    let element = attribute(1, &attribute(3, &2_u32.to_be_bytes()));
    let mut dump = Vec::new();
    let mut left = count;
    while left > 0 {
        let some = left.min(4000);
        let list = attribute(3, &element.repeat(some));
        dump.extend(message(NEWSETELEM, 1, &[name(1, "filter"), name(2, set), list]));
        left -= some;
    }
    dump
}

fn host(tables: &[Vec<u8>], chains: &[Vec<u8>], sets: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new(Timestamp(0));
    for object in [NftObject::Rules, NftObject::Objects, NftObject::Flowtables] {
        tree = tree.answer(Query::Nftables(object), "");
    }
    tree.answer(Query::Nftables(NftObject::Tables), tables.concat())
        .answer(Query::Nftables(NftObject::Chains), chains.concat())
        .answer(Query::Nftables(NftObject::Sets), sets.concat())
}

fn with_elements(tree: Tree, set: &str, count: usize) -> Tree {
    let query = Query::NftElements { family: INET, table: "filter".into(), set: set.into() };
    tree.answer(query, dump_of(set, count))
}

#[test]
fn all_sets_together_hold_no_more_elements_than_the_bound() {
    let half = MANY / 2;
    let mut tree = host(&[table(1)], &[], &[set_named("one"), set_named("two"), set_named("three")]);
    for (set, count) in [("one", half), ("two", half), ("three", 1)] {
        tree = with_elements(tree, set, count);
    }
    let found = read(&tree).unwrap();
    let [one, two, three] = found.tables[0].sets.as_slice() else { panic!("three sets") };
    assert_eq!(one.elements.known().unwrap().len(), half);
    assert_eq!(two.elements.known().unwrap().len(), half);
    let gap = three.elements.known().unwrap_err();
    assert_eq!(gap.why, GapKind::TooLarge);
    assert!(gap.what.contains(&MANY.to_string()), "{gap}");
}

#[test]
fn what_has_a_name_comes_once() {
    let chain = message(NEWCHAIN, 1, &[name(1, "filter"), name(3, "input")]);
    let other = message(NEWCHAIN, 1, &[name(1, "filter"), name(3, "output")]);
    assert!(read(&host(&[table(1)], &[chain.clone(), other], &[set_named("one")])).is_ok());
    for (tables, chains, sets, what) in [
        (vec![table(1), table(1)], vec![], vec![], "table"),
        (vec![table(1)], vec![chain.clone(), chain], vec![], "chain"),
        (vec![table(1)], vec![], vec![set_named("one"), set_named("one")], "set"),
    ] {
        let gap = read(&host(&tables, &chains, &sets)).unwrap_err();
        assert_eq!((gap.why, gap.what), (GapKind::Malformed, format!("nftables sent a {what} twice")));
    }
}

#[test]
fn parts_of_two_rulesets_are_no_ruleset() {
    // The chain is of a table that went away between the two dumps.
    let chain = message(NEWCHAIN, 2, &[name(1, "gone"), name(3, "input")]);
    let gap = read(&host(&[table(1)], &[chain], &[])).unwrap_err();
    assert!(gap.what.contains("changed while it was read"), "{gap}");
}
