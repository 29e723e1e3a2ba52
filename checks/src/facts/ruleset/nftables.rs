//! Tables, chains and rules of nftables, from the kernel's netlink dumps (linux/netfilter/nf_tables.h).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::decode;
use super::elements;
pub use super::expression::{Expression, Layer, Operator, Verdict};
use super::netlink::{Attributes, Message, messages, text};
use super::{Hook, IpFamily, Policy};
use crate::gap::{Gap, Reading};
use crate::host::{Host, LARGE, NftObject, Query};

/// The tables of nftables, of every family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nftables {
    /// In the kernel's order.
    pub tables: Vec<Table>,
    /// Why sets, objects with a name or flowtables could not be listed: older kernels do not know the latter. What a rule
    /// does with an object is known nevertheless; what a set holds that is not there is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Gap>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Which packets it can see.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Switched off as a whole (NFT_TABLE_F_DORMANT): its chains are hooked nowhere.
    #[serde(default)]
    pub dormant: bool,
    /// In the kernel's order.
    #[serde(default)]
    pub chains: Vec<Chain>,
    /// Sets and maps, those without a name included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Set>,
    /// Counters, quotas, limits and helpers that have a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// The names of its flowtables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flowtables: Vec<String>,
}

/// A set, or a map from keys to data or verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name; `__set0` and the like for those that are written in a rule.
    pub name: String,
    /// NFT_SET_*: 4 intervals, 8 a map, 16 timeouts, 32 changed by rules, 64 objects, 128 concatenations.
    pub flags: u32,
    /// nft's own number of the type of its keys, several of six bits each for a concatenation (NFTA_SET_KEY_TYPE).
    pub key_type: u32,
    /// Bytes of a key.
    pub key_length: u32,
    /// Bytes of each part of a key that is a concatenation of ranges (NFTA_SET_FIELD_LEN); each starts at a multiple of
    /// four bytes. Else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<u32>,
    /// nft's own number of the type of a map's data (NFTA_SET_DATA_TYPE); 0xffffff00 for verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<u32>,
    /// NFT_OBJECT_* of what a map of objects gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Elements, those of a set of intervals by their keys; a gap when they could not be read.
    pub elements: Reading<Vec<Element>>,
}

/// One element of a set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Element {
    /// Its key, or the first of an interval; empty for the one that takes every other key (NFT_SET_ELEM_CATCHALL).
    pub key: Bytes,
    /// The last of an interval, included; for a concatenation the last of each of its parts. Without, it is the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Bytes>,
    /// What a map gives for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Milliseconds until it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Whether it has expressions of its own, such as a limit, that decide as well; a counter does not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conditional: bool,
}

/// What a map gives for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Data {
    /// Bytes for a register.
    Value(Bytes),
    /// A verdict.
    Verdict(Verdict),
    /// The name of an object.
    Object(String),
}

/// An object that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// NFT_OBJECT_*: 1 counter, 2 quota, 3 helper, 4 limit, 5 connlimit, 7 timeout, 8 secmark, 9 expectation, 10 synproxy.
    pub kind: u32,
    /// Its name.
    pub name: String,
}

/// The families of nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Frames on bridges.
    Bridge,
    /// Frames on one device, before anything else sees them.
    Netdev,
    /// One that hostduty does not know.
    Other,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The number that `nft -a` shows.
    pub handle: u64,
    /// Where packets enter it; without, it is only reached by a jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// In the order in which packets meet them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// Where on the way of a packet.
    pub hook: Hook,
    /// Lower comes first.
    pub priority: i32,
    /// What happens to a packet that no rule decided.
    pub policy: Policy,
    /// The devices that an ingress or egress chain is bound to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// One rule; its position is its place in [`Chain::rules`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The number that `nft -a` shows.
    pub handle: u64,
    /// Its steps.
    #[serde(default)]
    pub expressions: Vec<Expression>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Family {
    /// The one family of addresses that its rules see, where there is one.
    pub(super) fn ip(self) -> Option<IpFamily> {
        match self {
            Self::Ip => Some(IpFamily::V4),
            Self::Ip6 => Some(IpFamily::V6),
            _ => None,
        }
    }

    /// As nft writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
            Self::Other => "unknown-family",
        }
    }

    /// From NFPROTO_* in linux/netfilter.h.
    pub(super) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Inet,
            2 => Self::Ip,
            10 => Self::Ip6,
            3 => Self::Arp,
            7 => Self::Bridge,
            5 => Self::Netdev,
            _ => Self::Other,
        }
    }
}

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
