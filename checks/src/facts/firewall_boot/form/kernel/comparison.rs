//! Comparisons of the kernel as tests of whole fields: neighbours that nft(8) put together are taken apart, and the two
//! halves of a range are put together.

use super::{Held, Reader, is_index, ordered, piece};
use crate::facts::firewall_boot::form::key::{Key, Kind, L4PROTO, NFPROTO, Place};
use crate::facts::firewall_boot::form::{Element, Step, Test, Values, next, previous};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::nftables::{Layer, Operator};

impl Reader<'_> {
    pub(super) fn bitwise(
        &mut self,
        source: u32,
        register: u32,
        bits: &Bytes,
        xor: &Bytes,
    ) -> Result<(), String> {
        let mut held = self.held(source)?;
        match &mut held {
            Held::Key { mask: mask @ None, native, .. } if xor.iter().all(|byte| *byte == 0) => {
                *mask = Some(if *native { ordered(bits) } else { bits.to_vec() });
            }
            _ => return Err("it computes with bits in a way that hostduty does not compare".to_owned()),
        }
        self.registers.insert(piece(register), held);
        Ok(())
    }

    pub(super) fn compare(&mut self, register: u32, operator: Operator, bytes: &[u8]) -> Result<(), String> {
        let (key, mask, native) = self.key(register)?;
        let value = if native { ordered(bytes) } else { bytes.to_vec() };
        let (least, most) = (vec![0; value.len()], vec![0xff; value.len()]);
        let impossible = || "it compares with a number beyond all others".to_owned();
        let (first, last, invert) = match operator {
            Operator::Equal => (value.clone(), value, false),
            Operator::NotEqual => (value.clone(), value, true),
            Operator::Less => (least, previous(&value).ok_or_else(impossible)?, false),
            Operator::LessOrEqual => {
                // The second half of a range.
                if let Some(Step::Test(test)) = self.steps.last_mut()
                    && test.keys == [key]
                    && test.mask == mask
                    && !test.invert
                    && let Values::Here(elements) = &mut test.values
                    && let [Element { parts, data: None }] = elements.as_mut_slice()
                    && let [(_, last)] = parts.as_mut_slice()
                    && *last == most
                {
                    *last = value;
                    return Ok(());
                }
                (least, value, false)
            }
            Operator::Greater => (next(&value).ok_or_else(impossible)?, most, false),
            Operator::GreaterOrEqual => (value, most, false),
        };
        self.test(key, mask, invert, Element::range(first, last))
    }

    /// Adds a test; what compares the first bytes of a field tests a range of it.
    pub(super) fn test(
        &mut self,
        key: Key,
        mask: Option<Vec<u8>>,
        invert: bool,
        mut element: Element,
    ) -> Result<(), String> {
        let key = key.whole(self.ipv6);
        if let Some(fields) = self.merged(key).filter(|_| mask.is_none() && !invert)
            && let [(first, last)] = element.parts.as_slice()
            && first == last
        {
            let mut rest = first.as_slice();
            for field in fields {
                let (value, after) = rest.split_at_checked(field.bytes as usize).unwrap_or((rest, &[]));
                self.test(field, None, false, Element::range(value.to_vec(), value.to_vec()))?;
                rest = after;
            }
            return Ok(());
        }
        if let (Place::Meta(L4PROTO) | Place::Payload(Layer::Network, 9 | 6), [(first, last)]) =
            (key.place, element.parts.as_slice())
        {
            self.icmp = first == last && matches!(first.as_slice(), [1 | 58]);
        }
        self.ipv6 |=
            matches!(key.place, Place::Meta(NFPROTO)) && element == Element::range(vec![10], vec![10]);
        if is_index(key) {
            self.name(&mut element)?;
        } else {
            // The rest of an address, or of a name that ends in `*`.
            let bytes = (key.bytes as usize).min(16);
            let name = matches!(key.known(), Some((_, Kind::Name)));
            for (first, last) in &mut element.parts {
                // A name that is compared with its end is a whole one.
                let rest = if name && last.last() == Some(&0) { 0 } else { 0xff };
                first.resize(bytes.max(first.len()), 0);
                last.resize(bytes.max(last.len()), rest);
            }
        }
        let values = Values::Here(vec![element]);
        self.steps.push(Step::Test(Test { keys: vec![key], mask, invert, values }));
        Ok(())
    }

    /// The fields that are loaded at once: nft(8) puts comparisons of neighbours into one.
    fn merged(&self, key: Key) -> Option<Vec<Key>> {
        let Place::Payload(layer, mut at) = key.place else { return None };
        let in_ports = layer == Layer::Transport && at == 0;
        if self.icmp && in_ports && key.bytes == 2 {
            // The type and the code.
            return Some(vec![Key::new(key.place, 1), Key::new(Place::Payload(layer, 1), 1)]);
        }
        if key.known().is_some() {
            return None;
        }
        let mut left = key.bytes;
        let mut fields = Vec::new();
        while left > 0 {
            let fits = |field: &&Key| field.bytes <= left && field.known().is_some();
            let places = [16, 6, 4, 2, 1].map(|bytes| Key::new(Place::Payload(layer, at), bytes));
            let field = *places.iter().find(fits)?;
            fields.push(field);
            at = at.checked_add(field.bytes)?;
            left = left.checked_sub(field.bytes)?;
        }
        Some(fields)
    }
}
