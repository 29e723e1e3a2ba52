//! Tables, chains and rules of nftables, from the kernel's netlink dumps (linux/netfilter/nf_tables.h).

mod known;

use std::collections::BTreeMap;

use super::decode;
use super::elements;
pub use super::expression::{Expression, Layer, Operator, Verdict};
use super::netlink::{Attributes, Message, messages, text};
use super::{Hook, Policy};
use crate::gap::{Gap, Reading};
use crate::host::{Host, LARGE, NftObject, Query};
pub use known::{Base, Chain, Data, Element, Family, Nftables, Object, Rule, Set, Table};

/// Asks the kernel. A ruleset that changes between two dumps is read once more.
pub(super) fn read(host: &dyn Host) -> Result<Nftables, Gap> {
    let dump = |object| host.query(&Query::Nftables(object));
    for _ in 0..2 {
        let tables = dump(NftObject::Tables)?;
        let chains = dump(NftObject::Chains)?;
        let rules = dump(NftObject::Rules)?;
        let mut unlisted = Vec::new();
        let mut others = |object| {
            dump(object).unwrap_or_else(|gap| {
                unlisted.push(gap);
                Vec::new()
            })
        };
        let (sets, objects, flowtables) =
            (others(NftObject::Sets), others(NftObject::Objects), others(NftObject::Flowtables));
        let [tables, chains, rules] = [messages(&tables)?, messages(&chains)?, messages(&rules)?];
        let [sets, objects, flowtables] = [messages(&sets)?, messages(&objects)?, messages(&flowtables)?];
        let mut generation = Generation::default();
        generation.see([&tables, &chains, &rules, &sets, &objects, &flowtables]);
        // Parts of two rulesets do not fit together, which is no fault of theirs.
        if generation.changed {
            continue;
        }
        let (mut found, index) = assemble(&tables, &chains, &rules)?;
        found.unlisted = unlisted;
        add_named(&mut found, &index, &objects, &flowtables)?;
        add_sets(&mut found, &index, &sets, host, &mut generation)?;
        // The tables again: their messages carry the generation after the last dump.
        let again = dump(NftObject::Tables)?;
        let again = messages(&again)?;
        generation.see([&again]);
        if !generation.changed && tables.len() == again.len() {
            return Ok(found);
        }
    }
    Err(Gap::malformed("the nftables ruleset changed while it was read, twice in a row"))
}

/// Whether all messages are of one generation of the ruleset.
#[derive(Default)]
struct Generation {
    number: Option<u16>,
    changed: bool,
}

impl Generation {
    fn see<const N: usize>(&mut self, dumps: [&Vec<Message<'_>>; N]) {
        for message in dumps.into_iter().flatten() {
            self.changed |= *self.number.get_or_insert(message.generation) != message.generation;
        }
    }
}

/// Where a table is, by the number of its family and its name.
type Index = BTreeMap<(u8, String), usize>;

/// Puts tables, chains and rules together.
fn assemble(
    tables: &[Message<'_>],
    chains: &[Message<'_>],
    rules: &[Message<'_>],
) -> Result<(Nftables, Index), Gap> {
    let mut found = Nftables::default();
    let mut table_index = Index::new();
    for message in of(tables, NEWTABLE) {
        let table = table(message)?;
        once(table_index.insert((message.family, table.name.clone()), found.tables.len()), "table")?;
        found.tables.push(table);
    }
    let stray = |what: &str| {
        Gap::malformed(format!("nftables sent a {what} of a table or chain that it did not send"))
    };
    let mut chain_index = BTreeMap::new();
    for message in of(chains, NEWCHAIN) {
        let key = (message.family, message.attributes.name(1, "a table")?);
        let at = *table_index.get(&key).ok_or_else(|| stray("chain"))?;
        let table = found.tables.get_mut(at).ok_or_else(|| stray("chain"))?;
        let chain = chain(message, table.family)?;
        once(chain_index.insert((key.0, key.1, chain.name.clone()), (at, table.chains.len())), "chain")?;
        table.chains.push(chain);
    }
    for message in of(rules, NEWRULE) {
        let attributes = &message.attributes;
        let key = (message.family, attributes.name(1, "a table")?, attributes.name(2, "a chain")?);
        let (table, chain) = *chain_index.get(&key).ok_or_else(|| stray("rule"))?;
        let table = found.tables.get_mut(table).ok_or_else(|| stray("rule"))?;
        let chain = table.chains.get_mut(chain).ok_or_else(|| stray("rule"))?;
        chain.rules.push(rule(attributes, table.family)?);
    }
    Ok((found, table_index))
}

/// Refuses what came before under the same name: the kernel has each table, chain and set once, and a reply that repeats
/// them would have its elements counted again and again.
fn once<T>(before: Option<T>, what: &str) -> Result<(), Gap> {
    match before {
        None => Ok(()),
        Some(_) => Err(Gap::malformed(format!("nftables sent a {what} twice"))),
    }
}

/// Adds sets with their elements, each of which may be a gap of its own.
fn add_sets(
    found: &mut Nftables,
    index: &Index,
    sets: &[Message<'_>],
    host: &dyn Host,
    generation: &mut Generation,
) -> Result<(), Gap> {
    let (mut left, mut elements_left) = (LARGE, elements::MANY);
    let mut names = BTreeMap::new();
    for message in of(sets, NEWSET) {
        let table = table_of(found, index, message, "set")?;
        let mut set = set(&message.attributes)?;
        once(names.insert((message.family, table.name.clone(), set.name.clone()), ()), "set")?;
        let query =
            Query::NftElements { family: message.family, table: table.name.clone(), set: set.name.clone() };
        let mut elements = || {
            let dump = host.query(&query)?;
            left = left
                .checked_sub(dump.len())
                .ok_or_else(|| Gap::too_large("what all sets of nftables hold"))?;
            let messages = messages(&dump)?;
            generation.see([&messages]);
            elements::elements(&set, &messages, &mut elements_left)
        };
        set.elements = elements().into();
        table.sets.push(set);
    }
    Ok(())
}

/// Adds what else has a name.
fn add_named(
    found: &mut Nftables,
    index: &Index,
    objects: &[Message<'_>],
    flowtables: &[Message<'_>],
) -> Result<(), Gap> {
    // NFTA_OBJ_NAME, _TYPE
    for message in of(objects, NEWOBJ) {
        let (name, kind) = (message.attributes.name(2, "an object")?, message.attributes.number(3)?);
        table_of(found, index, message, "object")?.objects.push(Object { kind: kind.unwrap_or(0), name });
    }
    // NFTA_FLOWTABLE_NAME
    for message in of(flowtables, NEWFLOWTABLE) {
        let name = message.attributes.name(2, "a flowtable")?;
        table_of(found, index, message, "flowtable")?.flowtables.push(name);
    }
    Ok(())
}

/// The table that a set or an object lies in: the first attribute of each names it.
fn table_of<'a>(
    found: &'a mut Nftables,
    index: &Index,
    message: &Message<'_>,
    what: &str,
) -> Result<&'a mut Table, Gap> {
    let at = index.get(&(message.family, message.attributes.name(1, "a table")?));
    at.and_then(|at| found.tables.get_mut(*at))
        .ok_or_else(|| Gap::malformed(format!("nftables sent a {what} of a table that it did not send")))
}

/// `enum nf_tables_msg_types`
const NEWTABLE: u8 = 0;
const NEWCHAIN: u8 = 3;
const NEWRULE: u8 = 6;
const NEWSET: u8 = 9;
const NEWOBJ: u8 = 18;
const NEWFLOWTABLE: u8 = 22;

fn of<'a, 'b>(messages: &'a [Message<'b>], operation: u8) -> impl Iterator<Item = &'a Message<'b>> {
    messages.iter().filter(move |message| message.operation == operation)
}

/// NFTA_TABLE_NAME, _FLAGS
fn table(message: &Message<'_>) -> Result<Table, Gap> {
    let flags = message.attributes.number(2)?.unwrap_or(0);
    Ok(Table {
        family: Family::from_number(message.family),
        name: message.attributes.name(1, "a table")?,
        dormant: flags & 1 != 0,
        chains: Vec::new(),
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
    })
}

/// NFTA_CHAIN_HANDLE, _NAME, _HOOK, _POLICY, _TYPE
fn chain(message: &Message<'_>, family: Family) -> Result<Chain, Gap> {
    let attributes = &message.attributes;
    let base = match attributes.nested(4)? {
        None => None,
        Some(hook) => Some(Base {
            kind: attributes.text(7).unwrap_or_default(),
            hook: self::hook(family, hook.number(1)?),
            priority: hook.number(2)?.unwrap_or(0).cast_signed(),
            policy: match attributes.number(5)? {
                Some(0) => Policy::Drop,
                Some(1) => Policy::Accept,
                _ => {
                    return Err(Gap::malformed("a base chain of nftables has no policy that hostduty knows"));
                }
            },
            devices: devices(&hook)?,
        }),
    };
    Ok(Chain {
        name: attributes.name(3, "a chain")?,
        handle: attributes.long(2)?.unwrap_or(0),
        base,
        rules: Vec::new(),
    })
}

fn hook(family: Family, number: Option<u32>) -> Hook {
    match (family, number) {
        (Family::Netdev, Some(0)) => Hook::Ingress,
        (Family::Netdev, Some(1)) => Hook::Egress,
        (Family::Arp, Some(0)) => Hook::Input,
        (Family::Arp, Some(1)) => Hook::Output,
        (Family::Inet | Family::Ip | Family::Ip6 | Family::Bridge, Some(number)) => Hook::from_number(number),
        _ => Hook::Other,
    }
}

/// NFTA_HOOK_DEV, or NFTA_HOOK_DEVS with one NFTA_DEVICE_NAME each.
fn devices(hook: &Attributes<'_>) -> Result<Vec<String>, Gap> {
    let mut names: Vec<String> = hook.nested(4)?.iter().flat_map(|list| list.all(1)).map(text).collect();
    if names.is_empty() {
        names.extend(hook.text(3));
    }
    Ok(names)
}

/// NFTA_SET_NAME, _FLAGS, _KEY_TYPE, _KEY_LEN, _DATA_TYPE, _DESC, _OBJ_TYPE
fn set(attributes: &Attributes<'_>) -> Result<Set, Gap> {
    let mut fields = Vec::new();
    // NFTA_SET_DESC_CONCAT, then NFTA_SET_FIELD_LEN each.
    if let Some(parts) = attributes.nested(9)?.map(|description| description.nested(2)).transpose()?.flatten()
    {
        for part in parts.each(1) {
            fields.extend(part?.number(1)?);
        }
    }
    Ok(Set {
        name: attributes.name(2, "a set")?,
        flags: attributes.number(3)?.unwrap_or(0),
        key_type: attributes.number(4)?.unwrap_or(0),
        key_length: attributes.number(5)?.unwrap_or(0),
        fields,
        data_type: attributes.number(6)?,
        object: attributes.number(15)?,
        elements: Reading::Known(Vec::new()),
    })
}

/// NFTA_RULE_HANDLE, _EXPRESSIONS, _USERDATA
fn rule(attributes: &Attributes<'_>, family: Family) -> Result<Rule, Gap> {
    let mut expressions: Vec<Expression> = match attributes.nested(4)? {
        None => Vec::new(),
        Some(list) => {
            list.each(1).map(|element| decode::expression(&element?, family)).collect::<Result<_, Gap>>()?
        }
    };
    // There may be ten thousand of them, and they stay.
    expressions.shrink_to_fit();
    let comment = attributes.find(7).and_then(comment);
    Ok(Rule { handle: attributes.long(3)?.unwrap_or(0), expressions, comment })
}

/// Among what nft keeps of its own with a rule, the text of type 0: one byte of type, one of length, then the value.
fn comment(mut bytes: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = bytes {
        let (value, after) = rest.split_at_checked(usize::from(*length))?;
        if *kind == 0 {
            return Some(text(value));
        }
        bytes = after;
    }
    None
}

#[cfg(test)]
mod tests;
