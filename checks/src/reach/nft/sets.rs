//! The elements of sets and maps as intervals of keys, together with what a map gives for them.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::facts::ruleset::nftables::{Data, Element, Set, Table};

/// The sets of a table.
pub(super) struct Sets<'a> {
    by_name: HashMap<&'a str, Prepared<'a>>,
}

/// A set with its groups, which are made when a rule first asks for them.
struct Prepared<'a> {
    set: &'a Set,
    groups: OnceCell<Result<Vec<Group<'a>>, String>>,
}

/// Keys for which a map gives the same.
pub(super) struct Group<'a> {
    pub(super) data: Option<&'a Data>,
    /// Whether it takes every key that no other group has.
    pub(super) every: bool,
    /// Whether its elements have limits of their own.
    pub(super) conditional: bool,
    /// First and last key of each interval, one after the other.
    bytes: Vec<u8>,
    length: usize,
}

impl<'a> Sets<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        let prepare = |set: &'a Set| (set.name.as_str(), Prepared { set, groups: OnceCell::new() });
        Self { by_name: table.sets.iter().map(prepare).collect() }
    }

    /// Bytes of a key; none of a set that is not there.
    pub(super) fn key_length(&self, set: &str) -> usize {
        self.by_name.get(set).map_or(0, |known| known.set.key_length as usize)
    }

    /// What kind of objects a map gives, NFT_OBJECT_*.
    pub(super) fn object(&self, set: &str) -> Option<u32> {
        self.by_name.get(set).and_then(|known| known.set.object)
    }

    /// The groups of a set; the one that takes every other key last.
    pub(super) fn groups(&self, set: &str) -> Result<&[Group<'a>], String> {
        let known = self.by_name.get(set).ok_or_else(|| format!("the set {set} was not read"))?;
        known.groups.get_or_init(|| groups(known.set)).as_deref().map_err(Clone::clone)
    }
}

impl Group<'_> {
    /// First and last key of each interval.
    pub(super) fn keys(&self) -> Vec<(&[u8], &[u8])> {
        let pairs = self.bytes.chunks_exact((self.length * 2).max(1));
        pairs.map(|pair| pair.split_at(self.length)).collect()
    }
}

fn groups<'a>(set: &'a Set) -> Result<Vec<Group<'a>>, String> {
    let elements = set.elements.known().map_err(|gap| gap.to_string())?;
    let length = set.key_length as usize;
    let mut list: Vec<Group<'a>> = Vec::new();
    let mut index: HashMap<(Vec<u8>, bool), usize> = HashMap::new();
    // Neighbours mostly give the same, and a plain set is one group.
    let mut latest: Option<(Option<&Data>, bool, usize)> = None;
    let mut add = |element: &'a Element, first: &[u8], last: &[u8]| {
        let (data, conditional) = (element.data.as_ref(), element.conditional);
        let known = latest.filter(|(known, state, _)| *known == data && *state == conditional);
        let at = known.map(|(.., at)| at).unwrap_or_else(|| {
            *index.entry((data_key(data), conditional)).or_insert_with(|| {
                list.push(Group { data, every: false, conditional, bytes: Vec::new(), length });
                list.len() - 1
            })
        });
        latest = Some((data, conditional, at));
        if let Some(group) = list.get_mut(at) {
            group.bytes.extend_from_slice(first);
            group.bytes.extend_from_slice(last);
        }
    };
    let mut every = None;
    for element in elements {
        if element.key.is_empty() {
            every = Some(element);
        } else if element.key.len() < length {
            return Err(format!("the set {} has a key that is too short", set.name));
        } else if let Some(last) = &element.last {
            if last.len() < length {
                return Err(format!("the set {} has a key that is too short", set.name));
            }
            add(element, cut(&element.key, length), cut(last, length));
        } else {
            let key = cut(&element.key, length);
            add(element, key, key);
        }
    }
    if let Some(element) = every {
        let data = element.data.as_ref();
        list.push(Group { data, every: true, conditional: element.conditional, bytes: Vec::new(), length });
    }
    Ok(list)
}

fn cut(key: &[u8], length: usize) -> &[u8] {
    key.get(..length).unwrap_or(key)
}

/// By what groups are told apart.
fn data_key(data: Option<&Data>) -> Vec<u8> {
    match data {
        None => Vec::new(),
        Some(Data::Value(bytes)) => [&[1], &**bytes].concat(),
        Some(Data::Verdict(verdict)) => format!("v{verdict:?}").into_bytes(),
        Some(Data::Object(name)) => format!("o{name}").into_bytes(),
    }
}

/// Bytes as a number, the first the most significant.
pub(super) fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
}
