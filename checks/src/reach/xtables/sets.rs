//! Membership in sets of ipset (net/netfilter/ipset/) and in lists of recent sources.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Context, Field, Free, IpFamily, Protocol, Ranges, Test, all, any, under, when, xor};
use crate::facts::network::Prefix;
use crate::facts::ruleset::ipset::{Element, IpSet, Part};
use crate::facts::ruleset::xtables::{Recent, SetKey, SetMatch};
use crate::reach::ranges::largest;
use crate::reach::routing::number;

/// A set or a list that rules fill, told apart from sets of nftables with the same name.
pub(super) fn set_name(key: &SetKey) -> Rc<str> {
    format!("ipset {}", key.index).into()
}

pub(super) fn recent_name(name: &str) -> Rc<str> {
    format!("recent {name}").into()
}

/// `-m set`
pub(super) fn test(asked: &SetMatch, context: &Context<'_>) -> Test {
    let member = member(&asked.set, asked.return_nomatch, context);
    // Counters of elements are asked only when the match holds, inverted or not.
    let counted = match (asked.packets, asked.bytes) {
        (None, None) => Test::Always,
        _ => Test::Chance("counters of a set".into()),
    };
    let listed = any(vec![member, Test::Added(set_name(&asked.set))]);
    let listed = match find(&asked.set, context) {
        Ok(set) if filled(set, context) => context.filled_by_rules(listed, &set.name),
        _ => listed,
    };
    all(vec![xor(listed, asked.invert), counted])
}

/// Whether rules add to a set, or to one that it lists.
fn filled(set: &IpSet, context: &Context<'_>) -> bool {
    let by_rules = context.filled_ipsets();
    let listed = |part: &Part| {
        let sets = context.ruleset.ipsets.value().into_iter().flatten();
        matches!(part, Part::Set(name) if sets.clone().any(|set| set.name == *name && by_rules.contains(&set.index)))
    };
    let parts = || set.elements.value().into_iter().flatten().flat_map(|element| &element.parts);
    by_rules.contains(&set.index) || !by_rules.is_empty() && set.kind == "list:set" && parts().any(listed)
}

/// Sets are large and asked by many rules: each is turned into a test once for each way to ask it.
fn member(key: &SetKey, return_nomatch: bool, context: &Context<'_>) -> Test {
    let place = (key.index, key.source.clone(), return_nomatch);
    if let Some(known) = context.ipsets.borrow().get(&place) {
        return known.clone();
    }
    let test = find(key, context)
        .map_or_else(Test::Unknown, |set| within(set, &key.source, return_nomatch, context, 0));
    context.ipsets.borrow_mut().insert(place, test.clone());
    test
}

fn find<'a>(key: &SetKey, context: &Context<'a>) -> Result<&'a IpSet, Rc<str>> {
    let sets = context.ruleset.ipsets.known().map_err(|gap| Rc::<str>::from(gap.to_string()))?;
    sets.iter()
        .find(|set| set.index == key.index)
        .ok_or_else(|| format!("the set with the index {}, which was not read", key.index).into())
}

/// Whether a packet's key is in a set. Lists do not hold lists, so that one level is all there is.
fn within(set: &IpSet, source: &[bool], return_nomatch: bool, context: &Context<'_>, depth: usize) -> Test {
    let elements = match set.elements.known() {
        Ok(elements) => elements,
        Err(gap) => return Test::Unknown(gap.to_string().into()),
    };
    if set.kind == "list:set" {
        let sets = context.ruleset.ipsets.value().map_or(&[][..], Vec::as_slice);
        let named = |part: &Part| match part {
            Part::Set(name) if depth == 0 => sets.iter().find(|set| set.name == *name),
            _ => None,
        };
        return any(elements
            .iter()
            .flat_map(|element| &element.parts)
            .map(|part| match named(part) {
                Some(set) => within(set, source, return_nomatch, context, depth + 1),
                None => Context::unknown("a set in a list that was not read"),
            })
            .collect());
    }
    // ip_set_test: a set of the other family, or of more dimensions than are asked, has no key.
    let dimensions = set.kind.split(',').count();
    let own = context.family == IpFamily::V6;
    if set.ipv6.is_some_and(|ipv6| ipv6 != own) || source.len() < dimensions {
        return Test::Never;
    }
    // The longest networks are looked up first, and the first that is found decides; without exceptions any does.
    let exceptions = elements.iter().any(|element| element.nomatch);
    let mut levels: BTreeMap<Vec<u8>, Level<'_>> = BTreeMap::new();
    for element in elements {
        let lengths = element.parts.iter().filter_map(|part| match part {
            Part::Network(prefix) => Some(u8::MAX - prefix.length),
            _ => None,
        });
        let level = levels.entry(if exceptions { lengths.collect() } else { Vec::new() }).or_default();
        if element.nomatch { level.exceptions.push(element) } else { level.members.push(element) }
    }
    let mut test = Test::Never;
    for level in levels.into_values().rev() {
        let (members, exceptions) =
            (keys(set, &level.members, source, context), keys(set, &level.exceptions, source, context));
        test = match return_nomatch {
            false => any(vec![members, all(vec![test, xor(exceptions, true)])]),
            // `--return-nomatch` asks for the exceptions.
            true => any(vec![exceptions, all(vec![test, xor(members, true)])]),
        };
    }
    test
}

#[derive(Default)]
struct Level<'a> {
    members: Vec<&'a Element>,
    exceptions: Vec<&'a Element>,
}

/// Addresses, and an element that stands for all that have them.
type Group<'a> = (Vec<(u128, u128)>, &'a Element);

/// Whether the key is one of these. Elements that differ in their first address alone are one test.
fn keys(set: &IpSet, elements: &[&Element], source: &[bool], context: &Context<'_>) -> Test {
    let mut groups: BTreeMap<Vec<String>, Group<'_>> = BTreeMap::new();
    for element in elements {
        let mut others = Vec::new();
        let mut ranges = Vec::new();
        for (at, part) in element.parts.iter().enumerate() {
            match part {
                Part::Network(prefix) if at == 0 => ranges = network(prefix, set, context),
                other => others.push(format!("{other:?}")),
            }
        }
        groups.entry(others).or_insert_with(|| (Vec::new(), element)).0.extend(ranges);
    }
    any(groups
        .into_values()
        .map(|(ranges, element)| {
            let tests = element.parts.iter().zip(source).enumerate().map(|(at, (part, source))| match part {
                Part::Network(_) if at == 0 => address(*source, ranges.iter().copied().collect()),
                part => self::part(part, *source, set, context),
            });
            all(tests.collect())
        })
        .collect())
}

/// `netmask` leaves only the first bits of an address before it is looked up.
fn network(prefix: &Prefix, set: &IpSet, context: &Context<'_>) -> Vec<(u128, u128)> {
    let bits = context.family.bits();
    let length = u32::from(prefix.length).min(set.length.map_or(bits, u32::from)).min(bits);
    Ranges::prefix(number(prefix.address) & largest(bits), length, bits).as_slice().to_vec()
}

fn address(source: bool, ranges: Ranges) -> Test {
    Test::Is(if source { Field::Source } else { Field::Destination }, Rc::new(ranges))
}

fn part(part: &Part, source: bool, set: &IpSet, context: &Context<'_>) -> Test {
    match part {
        Part::Network(prefix) => address(source, network(prefix, set, context).into_iter().collect()),
        Part::Port { protocol, port } => {
            let own = match context.protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
            };
            if protocol.is_some_and(|protocol| protocol != own) {
                return Test::Never;
            }
            let field = if source { Field::Free(Free::SourcePort) } else { Field::DestinationPort };
            Test::Is(field, Rc::new(Ranges::one((*port).into())))
        }
        Part::Interface { physical: true, .. } => {
            Context::unknown("through which port of a bridge a packet came")
        }
        Part::Interface { name, wildcard, .. } => {
            let those = context.those(|interface| match wildcard {
                true => interface.name.starts_with(name),
                false => interface.name == *name,
            });
            if source { Test::In(those) } else { Test::Out(those) }
        }
        Part::Mark(mark) => {
            let mask = set.mark_mask.unwrap_or(u32::MAX);
            match Ranges::masked((*mark).into(), mask.into(), 32, 1 << 12) {
                Some(ranges) => Test::Is(Field::Mark, Rc::new(ranges)),
                None => super::holes(Field::Mark, (*mark).into(), mask.into()),
            }
        }
        Part::Mac(_) | Part::AnyMac if !source => Context::unknown("the address that a frame is sent to"),
        Part::Mac(address) => {
            let address = address.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
            let is = Test::Is(Field::Free(Free::SourceMac), Rc::new(Ranges::one(address)));
            all(vec![Test::In(super::interfaces::ethernet(context)), is])
        }
        // The first packet fills it in, and then is found.
        Part::AnyMac => when(true),
        Part::Set(_) => Context::unknown("a set in a set"),
    }
}

/// The addresses that `-m recent` finds in its list.
pub(super) fn recent(asked: &Recent, context: &Context<'_>) -> Result<Ranges, String> {
    let list = context.ruleset.recent.iter().find(|list| list.name == asked.name);
    let list = list.ok_or_else(|| format!("the list {:?}, which was not read", asked.name))?;
    let addresses = list.addresses.known().map_err(|gap| gap.to_string())?;
    let mut found = Vec::new();
    for address in addresses.iter().filter(|address| IpFamily::of(**address) == context.family) {
        let Some(ranges) = under(*address, asked.mask, context) else {
            return Err("a mask of an address that has many holes".to_owned());
        };
        // What another rule put there without this mask is never found by it.
        if asked
            .mask
            .is_some_and(|mask| number(*address) & !number(mask) & largest(context.family.bits()) != 0)
        {
            continue;
        }
        found.extend_from_slice(ranges.as_slice());
    }
    Ok(found.into_iter().collect())
}
