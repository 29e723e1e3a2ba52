//! The elements of a set of nftables, from a dump of them (NFT_MSG_GETSETELEM); intervals have both their ends.

use super::bytes::Bytes;
use super::decode;
use super::expression::Expression;
use super::netlink::{Attributes, Message, text};
use super::nftables::{Data, Element, Set};
use crate::gap::Gap;

/// More elements of all sets together are not held: each takes about a hundred bytes, and less than twenty in a reply.
pub(super) const MANY: usize = 1 << 20;

/// NFT_SET_*
const INTERVAL: u32 = 4;
/// NFT_SET_ELEM_*
const INTERVAL_END: u32 = 1;
const CATCHALL: u32 = 2;

/// What a dump says of one set; `left` is how many elements may still come.
pub(super) fn elements(set: &Set, messages: &[Message<'_>], left: &mut usize) -> Result<Vec<Element>, Gap> {
    let mut found = Found { starts: Vec::new(), ends: Vec::new() };
    for message in messages {
        // NFTA_SET_ELEM_LIST_SET, _ELEMENTS
        if message.attributes.find(2).map(text).is_some_and(|name| name != set.name) {
            return Err(Gap::malformed(format!("nftables sent elements of another set than {}", set.name)));
        }
        for (_, value) in message.attributes.nested(3)?.iter().flat_map(Attributes::iter) {
            *left = left.checked_sub(1).ok_or_else(too_many)?;
            found.add(set, value)?;
        }
    }
    if set.flags & INTERVAL != 0 {
        found.pair();
    }
    found.starts.shrink_to_fit();
    Ok(found.starts)
}

struct Found {
    starts: Vec<Element>,
    /// The keys before which an interval ends.
    ends: Vec<Bytes>,
}

impl Found {
    /// NFTA_SET_ELEM_*
    fn add(&mut self, set: &Set, bytes: &[u8]) -> Result<(), Gap> {
        let (mut key, mut flags) = (None, 0);
        let mut element = Element::default();
        for (kind, value) in Attributes::parse(bytes)?.iter() {
            match kind {
                1 => key = Some(data(value)?),
                2 => element.data = Some(mapped(value)?),
                3 => flags = u32::from_be_bytes(value.try_into().map_err(|_| odd(set))?),
                5 => {
                    let expires = u64::from_be_bytes(value.try_into().map_err(|_| odd(set))?);
                    // TOML holds less than 2^63.
                    element.expires = Some(expires.min(i64::MAX.unsigned_abs()));
                }
                7 => element.conditional |= decides(value)?,
                9 => element.data = Some(Data::Object(text(value))),
                10 => element.last = Some(data(value)?),
                11 => {
                    for (_, one) in Attributes::parse(value)?.iter() {
                        element.conditional |= decides(one)?;
                    }
                }
                // The timeout that it began with, and what nft keeps of its own, such as a comment.
                _ => {}
            }
        }
        match (key, flags) {
            (Some(key), INTERVAL_END) => self.ends.push(key),
            (Some(key), 0) => {
                element.key = key;
                self.starts.push(element);
            }
            (None, CATCHALL) => self.starts.push(element),
            _ => return Err(odd(set)),
        }
        Ok(())
    }

    /// An interval goes on until the next key, whether an interval starts or one ends there; the last one has no end.
    fn pair(&mut self) {
        self.starts.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        self.ends.sort_unstable();
        let mut ends = self.ends.iter().peekable();
        let mut starts =
            self.starts.iter_mut().filter(|one| !one.key.is_empty() && one.last.is_none()).peekable();
        while let Some(start) = starts.next() {
            while ends.next_if(|end| **end <= start.key).is_some() {}
            let next =
                [ends.peek().copied(), starts.peek().map(|next| &next.key)].into_iter().flatten().min();
            let last = match next {
                Some(next) => before(next),
                None => Bytes::from(vec![0xff; start.key.len()]),
            };
            start.last = Some(last).filter(|last| *last > start.key);
        }
    }
}

/// The number that comes before, most significant byte first.
fn before(bytes: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    for byte in bytes.iter_mut().rev() {
        let borrows = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !borrows {
            break;
        }
    }
    Bytes::from(bytes)
}

/// NFTA_DATA_VALUE
fn data(bytes: &[u8]) -> Result<Bytes, Gap> {
    let value = Attributes::parse(bytes)?.find(1);
    value.map(Bytes::from).ok_or_else(|| Gap::malformed("nftables sent a key without a value"))
}

/// NFTA_DATA_VALUE or _VERDICT
fn mapped(bytes: &[u8]) -> Result<Data, Gap> {
    match Attributes::parse(bytes)?.nested(2)? {
        Some(verdict) => decode::verdict(&verdict).map(Data::Verdict),
        None => data(bytes).map(Data::Value),
    }
}

/// Whether an expression can keep the element from being found; a counter cannot.
fn decides(bytes: &[u8]) -> Result<bool, Gap> {
    decode::expression(&Attributes::parse(bytes)?, super::nftables::Family::Inet)
        .map(|expression| !matches!(expression, Expression::Neutral(_)))
}

/// Why a set is not held.
pub(super) fn too_many() -> Gap {
    Gap::too_large(format!("a packet filter whose sets hold more than {MANY} elements"))
}

fn odd(set: &Set) -> Gap {
    Gap::malformed(format!(
        "nftables sent an element of the set {} that hostduty does not understand",
        set.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(list: &[&[u8]]) -> Vec<Bytes> {
        list.iter().map(|one| Bytes::from(*one)).collect()
    }

    fn paired(starts: &[&[u8]], ends: &[&[u8]]) -> Vec<String> {
        let start = |key: Bytes| Element { key, ..Element::default() };
        let mut found = Found { starts: bytes(starts).into_iter().map(start).collect(), ends: bytes(ends) };
        found.pair();
        let shown = found.starts.iter().map(|one| match &one.last {
            Some(last) => format!("{}-{last}", one.key),
            None => one.key.to_string(),
        });
        shown.collect()
    }

    #[test]
    fn intervals_end_before_the_next_key() {
        // As the kernel sends them: the highest key first.
        assert_eq!(
            paired(&[&[0xc0, 5], &[0x0a, 0]], &[&[0xc0, 9], &[0x0b, 0], &[0, 0]]),
            ["0a00-0aff", "c005-c008"]
        );
        // One that touches the next, one of a single key, and one without an end.
        assert_eq!(paired(&[&[240], &[11], &[10]], &[&[12], &[11], &[0]]), ["0a", "0b", "f0-ff"]);
        assert_eq!(paired(&[&[20], &[10]], &[]), ["0a-13", "14-ff"]);
        assert_eq!(paired(&[&[0]], &[]), ["00-ff"]);
        // The one that takes every other key is no interval.
        assert_eq!(paired(&[&[], &[1]], &[&[3]]), ["", "01-02"]);
        assert_eq!(paired(&[], &[&[0]]), Vec::<String>::new());
    }

    #[test]
    fn the_number_before_borrows() {
        assert_eq!(before(&[1, 0, 0]).to_string(), "00ffff");
        assert_eq!(before(&[0]).to_string(), "ff");
    }
}
