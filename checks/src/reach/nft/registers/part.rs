//! A run of bytes in registers that come from one property, and the numbers for which they compare as asked.

use super::Cell;
use crate::reach::program::{Field, Test};
use crate::reach::ranges::{Ranges, largest};

/// Ranges that one masked comparison may take.
const RANGES: usize = 4096;

/// A run of bytes of one origin.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) start: usize,
    pub(super) cells: Vec<Cell>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Known(Vec<u8>),
    Property(usize),
}

impl Part {
    /// The bytes of a key that belong to the part.
    pub(super) fn of<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let end = self.start + self.cells.len();
        key.get(self.start..end).unwrap_or_default()
    }

    /// Whether it is all bytes of a number in their order, unchanged.
    pub(super) fn is_whole(&self, width: usize) -> bool {
        let plain = |(at, cell): (usize, &Cell)| matches!(cell, Cell::Part { byte, mask: 0xff, xor: 0, .. } if *byte == at);
        self.cells.len() == width && self.cells.iter().enumerate().all(plain)
    }

    /// What the part reads when the property has this value, most significant byte first.
    pub(super) fn value(&self, property: &[u8]) -> Option<Vec<u8>> {
        let read = |cell: &Cell| match cell {
            Cell::Part { byte, mask, xor, .. } => Some((property.get(*byte)? & mask) ^ xor),
            _ => None,
        };
        self.cells.iter().map(read).collect()
    }

    /// Mask, flipped bits and the two keys as numbers of `width` bytes, and whether the bytes are in their order.
    fn bits(&self, width: usize, first: &[u8], last: &[u8]) -> Option<Bits> {
        if first.len() != self.cells.len() || last.len() != self.cells.len() {
            return None;
        }
        let mut bits = Bits { mask: 0, flip: 0, low: 0, high: 0, ascending: true };
        let mut before = None;
        for ((cell, first), last) in self.cells.iter().zip(first).zip(last) {
            let Cell::Part { byte, mask: and, xor, .. } = cell else { return None };
            let shift = u32::try_from(width.checked_sub(1 + byte)?).ok()?.checked_mul(8)?;
            bits.mask |= u128::from(*and).checked_shl(shift)?;
            bits.flip |= u128::from(*xor).checked_shl(shift)?;
            bits.low |= u128::from(*first).checked_shl(shift)?;
            bits.high |= u128::from(*last).checked_shl(shift)?;
            bits.ascending &= before.is_none_or(|before| before + 1 == *byte);
            before = Some(*byte);
        }
        Some(bits)
    }

    /// A test of single bits, where ranges would be too many.
    pub(super) fn masked(&self, field: Field, width: usize, first: &[u8], last: &[u8]) -> Test {
        match self.bits(width, first, last) {
            Some(Bits { mask, flip, low, high, .. }) if low == high => {
                let value = low ^ flip;
                if value & !mask == 0 { Test::Masked { field, value, mask } } else { Test::Never }
            }
            _ => Test::Unknown("it orders numbers by single bits".into()),
        }
    }

    /// The numbers of `width` bytes for which the part lies between two keys.
    pub(super) fn numbers(&self, width: usize, first: &[u8], last: &[u8]) -> Option<Ranges> {
        let bits = u32::try_from(width).ok()? * 8;
        let Bits { mask, flip, low, high, ascending } = self.bits(width, first, last)?;
        if low == high {
            return Ranges::masked(low ^ flip, mask, bits, RANGES);
        }
        // A range needs the bytes in their order. Where the mask is a prefix, so are the ends.
        let all = largest(bits);
        let host = all & !mask;
        let is_prefix = host & host.wrapping_add(1) == 0;
        if ascending && flip == 0 && is_prefix {
            if low > high {
                return Some(Ranges::none());
            }
            // Multiples of the host part between the ends.
            let from = low.checked_add(host)? & mask;
            return Some(Ranges::range(from, (high & mask) | host));
        }
        if bits > 16 {
            return None;
        }
        let holds = |number: u128| {
            let bytes = number.to_be_bytes();
            let value = self.value(bytes.get(16 - width..)?)?;
            (first <= value.as_slice() && value.as_slice() <= last).then_some((number, number))
        };
        Some((0..=all).filter_map(holds).collect())
    }
}

/// What the bytes of a part say of a number.
struct Bits {
    mask: u128,
    flip: u128,
    low: u128,
    high: u128,
    ascending: bool,
}
