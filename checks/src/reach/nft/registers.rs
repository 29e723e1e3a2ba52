//! What the registers of nftables hold while a rule is compiled: every byte is known, or a part of a packet's property.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::sets::number;
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::nftables::Operator;
use crate::reach::program::{Field, Test};
use crate::reach::ranges::{Ranges, largest};

/// First and last key of an interval, or the part of them that belongs to one property.
type Ends<'k> = (&'k [u8], &'k [u8]);

/// Ranges that one masked comparison may take.
const RANGES: usize = 4096;

/// The 64 bytes of NFT_REG32_00 to NFT_REG32_15; NFT_REG_1 to NFT_REG_4 are the same space in pieces of 16.
#[derive(Clone)]
pub(crate) struct Registers {
    cells: Vec<Cell>,
    properties: Vec<Property>,
}

/// One byte of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Empty,
    Known(u8),
    /// `(byte & mask) ^ xor` of a property; byte 0 is the most significant.
    Part {
        property: usize,
        byte: usize,
        mask: u8,
        xor: u8,
    },
}

/// Where bytes of a register come from.
#[derive(Debug, Clone)]
pub(crate) enum Property {
    /// A number of so many bytes.
    Number(Field, usize),
    /// One of several values, each with the test that tells when; most significant byte first, all of one length.
    Choice(Vec<(Vec<u8>, Test)>),
    /// It cannot be compared, and gives this test instead.
    Open(Test),
}

impl Property {
    /// 1 when a test holds and 0 when not.
    pub(crate) fn truth(test: Test) -> Self {
        Self::Choice(vec![(vec![1], test.clone()), (vec![0], Test::Not(Box::new(test)))])
    }
}

/// The first byte of a register, by the number that the kernel sends (NFT_REG_*).
pub(crate) fn start(register: u32) -> Option<usize> {
    match register {
        1..=4 => Some((register as usize - 1) * 16),
        8..=23 => Some((register as usize - 8) * 4),
        _ => None,
    }
}

/// In which order a property's bytes are laid down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Most significant first.
    Network,
    /// As the processor keeps numbers: least significant first.
    Host,
}

impl Registers {
    pub(crate) fn new() -> Self {
        Self { cells: vec![Cell::Empty; 64], properties: Vec::new() }
    }

    /// Puts known bytes into a register, and zeros up to the next word as the kernel does.
    pub(crate) fn set(&mut self, register: u32, bytes: &[u8]) {
        let Some(at) = start(register) else { return };
        let padded = bytes.len().next_multiple_of(4);
        for (offset, cell) in self.cells.iter_mut().skip(at).take(padded).enumerate() {
            *cell = Cell::Known(bytes.get(offset).copied().unwrap_or(0));
        }
    }

    /// Loads a property of `width` bytes, the bytes `from..from + length` of it in their order.
    pub(crate) fn load(
        &mut self,
        register: u32,
        property: Property,
        width: usize,
        from: usize,
        length: usize,
        order: Order,
    ) {
        let index = self.properties.len();
        self.properties.push(property);
        let Some(at) = start(register) else { return };
        self.pad(at, length);
        for (offset, cell) in self.cells.iter_mut().skip(at).take(length).enumerate() {
            let byte = match order {
                Order::Network => from + offset,
                Order::Host => width.saturating_sub(1 + from + offset),
            };
            *cell = Cell::Part { property: index, byte, mask: 0xff, xor: 0 };
        }
    }

    /// Puts a part of a property at a byte of a register, beside others.
    pub(crate) fn place(&mut self, at: usize, property: usize, byte: usize) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::Part { property, byte, mask: 0xff, xor: 0 };
        }
    }

    /// Puts a known byte at a byte of a register.
    pub(crate) fn put(&mut self, at: usize, value: u8) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = Cell::Known(value);
        }
    }

    pub(crate) fn property(&mut self, property: Property) -> usize {
        self.properties.push(property);
        self.properties.len() - 1
    }

    pub(crate) fn pad(&mut self, at: usize, length: usize) {
        let padding = length.next_multiple_of(4) - length;
        for cell in self.cells.iter_mut().skip(at + length).take(padding) {
            *cell = Cell::Known(0);
        }
    }

    /// `(source & mask) ^ xor` of each byte.
    pub(crate) fn bitwise(&mut self, source: u32, register: u32, masks: &[u8], xors: &[u8]) {
        let (Some(from), Some(to)) = (start(source), start(register)) else { return };
        let moved: Vec<Cell> = masks
            .iter()
            .zip(xors)
            .enumerate()
            .map(|(offset, (and, flip))| match self.cells.get(from + offset) {
                Some(Cell::Known(value)) => Cell::Known((value & and) ^ flip),
                Some(Cell::Part { property, byte, mask, xor }) => {
                    Cell::Part { property: *property, byte: *byte, mask: mask & and, xor: (xor & and) ^ flip }
                }
                _ => Cell::Empty,
            })
            .collect();
        self.write(to, &moved);
    }

    /// Turns the bytes of each number around; one way and back are the same.
    pub(crate) fn reverse(&mut self, source: u32, register: u32, length: usize, size: usize) {
        let (Some(from), Some(to)) = (start(source), start(register)) else { return };
        let cells: Vec<Cell> = self.cells.iter().skip(from).take(length).copied().collect();
        let turned: Vec<Cell> =
            cells.chunks(size.max(1)).flat_map(|chunk| chunk.iter().rev().copied()).collect();
        self.write(to, &turned);
    }

    fn write(&mut self, at: usize, cells: &[Cell]) {
        for (place, cell) in self.cells.iter_mut().skip(at).zip(cells) {
            *place = *cell;
        }
    }

    /// The bytes of a register, where all are known.
    pub(crate) fn known(&self, register: u32, length: usize) -> Option<Vec<u8>> {
        let at = start(register)?;
        let cells = self.cells.get(at..at + length)?;
        cells.iter().map(|cell| if let Cell::Known(value) = cell { Some(*value) } else { None }).collect()
    }

    /// What 32 bits of a register are made of, when they are a whole number masked and flipped: the property, the mask
    /// and the flipped bits, least significant byte first.
    pub(crate) fn masked(&self, register: u32) -> Option<(&Property, u32, u32)> {
        let at = start(register)?;
        let (mut found, mut masks, mut xors) = (None, [0; 4], [0; 4]);
        for (offset, cell) in self.cells.get(at..at + 4)?.iter().enumerate() {
            let Cell::Part { property, byte, mask, xor } = cell else { return None };
            if *byte != 3 - offset || found.is_some_and(|other| other != *property) {
                return None;
            }
            found = Some(*property);
            *masks.get_mut(offset)? = *mask;
            *xors.get_mut(offset)? = *xor;
        }
        let property = self.properties.get(found?)?;
        Some((property, u32::from_le_bytes(masks), u32::from_le_bytes(xors)))
    }

    /// A word for what a register holds, by which two keys can be told to be the same.
    pub(crate) fn describe(&self, register: u32, length: usize) -> Option<String> {
        let at = start(register)?;
        let cells = self.cells.get(at..at + length)?;
        let part = |cell: &Cell| match cell {
            Cell::Part { property, byte, mask, xor } => {
                format!("{:?} {byte} {mask} {xor}", self.properties.get(*property))
            }
            other => format!("{other:?}"),
        };
        Some(cells.iter().map(part).collect::<Vec<_>>().join(";"))
    }

    /// A test of `bytes.len()` bytes of a register.
    pub(crate) fn compare(&self, register: u32, operator: Operator, bytes: &Bytes) -> Test {
        let bytes: &[u8] = bytes;
        let (zero, ones) = (vec![0; bytes.len()], vec![0xff; bytes.len()]);
        match operator {
            Operator::Equal => self.between(register, bytes, bytes),
            Operator::NotEqual => not(self.between(register, bytes, bytes)),
            Operator::LessOrEqual => self.between(register, &zero, bytes),
            Operator::Greater => not(self.between(register, &zero, bytes)),
            Operator::GreaterOrEqual => self.between(register, bytes, &ones),
            Operator::Less => not(self.between(register, bytes, &ones)),
        }
    }

    /// Whether the bytes lie between two others, both included, as memcmp(3) orders them.
    pub(crate) fn between(&self, register: u32, first: &[u8], last: &[u8]) -> Test {
        let Some(parts) = self.parts(register, first.len()) else { return nothing_loaded() };
        if first != last && parts.len() > 1 {
            // Only where all but one part are equal at both ends is it a question about one part.
            let differ = parts.iter().filter(|part| part.of(first) != part.of(last)).count();
            if differ > 1 {
                return Test::Unknown("it compares several properties as one number".into());
            }
        }
        all(parts.iter().map(|part| self.part(part, part.of(first), part.of(last))).collect())
    }

    /// A test whether the key is one of these intervals. Parts are compared apart, as sets with concatenations do.
    pub(crate) fn among(&self, register: u32, length: usize, keys: &[(&[u8], &[u8])]) -> Test {
        let Some(parts) = self.parts(register, length) else { return nothing_loaded() };
        if let [part] = parts.as_slice() {
            return self.part_among(part, keys.iter().map(|(first, last)| (part.of(first), part.of(last))));
        }
        // By all parts but the widest: those that agree in them share one list of the widest.
        let widest =
            parts.iter().enumerate().max_by_key(|(_, part)| self.weight(part)).map_or(0, |(at, _)| at);
        let mut groups: BTreeMap<Vec<Ends<'_>>, Vec<Ends<'_>>> = BTreeMap::new();
        for (first, last) in keys {
            let mut others = Vec::with_capacity(parts.len());
            let mut wide = None;
            let mut possible = true;
            for (at, part) in parts.iter().enumerate() {
                let ends = (part.of(first), part.of(last));
                match &part.kind {
                    Kind::Known(value) => {
                        possible &= ends.0 <= value.as_slice() && value.as_slice() <= ends.1
                    }
                    Kind::Property(_) if at == widest => wide = Some(ends),
                    Kind::Property(_) => others.push(ends),
                }
            }
            if possible {
                let list = groups.entry(others).or_default();
                list.extend(wide);
            }
        }
        let named: Vec<&Part> = parts
            .iter()
            .enumerate()
            .filter(|(at, part)| *at != widest && matches!(part.kind, Kind::Property(_)))
            .map(|(_, part)| part)
            .collect();
        let tests = groups.into_iter().map(|(others, wide)| {
            let mut tests: Vec<Test> =
                named.iter().zip(others).map(|(part, (first, last))| self.part(part, first, last)).collect();
            if let Some(part) = parts.get(widest).filter(|part| matches!(part.kind, Kind::Property(_))) {
                tests.push(self.part_among(part, wide.into_iter()));
            }
            all(tests)
        });
        any(tests.collect())
    }

    /// Sources are the widest; of others the longest.
    fn weight(&self, part: &Part) -> usize {
        match &part.kind {
            Kind::Known(_) => 0,
            Kind::Property(property) => match self.properties.get(*property) {
                Some(Property::Number(Field::Source, _)) => 1000,
                _ => part.cells.len(),
            },
        }
    }

    /// The bytes of a register as runs that belong to one property, or that are known.
    fn parts(&self, register: u32, length: usize) -> Option<Vec<Part>> {
        let at = start(register)?;
        let cells = self.cells.get(at..at.checked_add(length)?)?;
        let mut parts: Vec<Part> = Vec::new();
        for (offset, cell) in cells.iter().enumerate() {
            match (cell, parts.last_mut()) {
                (Cell::Empty, _) => return None,
                // Fields of a concatenation start at words, and are compared apart.
                (Cell::Known(value), Some(Part { kind: Kind::Known(known), cells, .. }))
                    if offset % 4 != 0 =>
                {
                    known.push(*value);
                    cells.push(*cell);
                }
                (Cell::Known(value), _) => {
                    parts.push(Part { start: offset, cells: vec![*cell], kind: Kind::Known(vec![*value]) });
                }
                (Cell::Part { property, .. }, Some(Part { kind: Kind::Property(last), cells, .. }))
                    if last == property =>
                {
                    cells.push(*cell);
                }
                (Cell::Part { property, .. }, _) => {
                    parts.push(Part { start: offset, cells: vec![*cell], kind: Kind::Property(*property) });
                }
            }
        }
        Some(parts)
    }

    fn part(&self, part: &Part, first: &[u8], last: &[u8]) -> Test {
        self.part_among(part, std::iter::once((first, last)))
    }

    fn part_among<'k>(&self, part: &Part, keys: impl Iterator<Item = (&'k [u8], &'k [u8])> + Clone) -> Test {
        let property = match &part.kind {
            Kind::Known(value) => {
                let value = value.as_slice();
                let mut keys = keys;
                return if keys.any(|(first, last)| first <= value && value <= last) {
                    Test::Always
                } else {
                    Test::Never
                };
            }
            Kind::Property(property) => self.properties.get(*property),
        };
        match property {
            None => nothing_loaded(),
            Some(Property::Open(test)) => test.clone(),
            Some(Property::Choice(choices)) => {
                let holds = |value: &[u8]| {
                    part.value(value).is_some_and(|value| {
                        keys.clone()
                            .any(|(first, last)| first <= value.as_slice() && value.as_slice() <= last)
                    })
                };
                let (yes, no): (Vec<_>, Vec<_>) = choices.iter().partition(|(value, _)| holds(value));
                match no.is_empty() {
                    true => Test::Always,
                    false => any(yes.into_iter().map(|(_, test)| test.clone()).collect()),
                }
            }
            Some(Property::Number(field, width)) => {
                let mut ranges = Vec::new();
                let whole = part.is_whole(*width);
                for (first, last) in keys.clone() {
                    if whole {
                        ranges.push((number(first), number(last)));
                        continue;
                    }
                    match part.numbers(*width, first, last) {
                        Some(found) => ranges.extend_from_slice(found.as_slice()),
                        None => {
                            let tests = keys.map(|(first, last)| part.masked(*field, *width, first, last));
                            return any(tests.collect());
                        }
                    }
                }
                let ranges: Ranges = ranges.into_iter().collect();
                match (ranges.is_empty(), ranges == Ranges::all(8 * u32::try_from(*width).unwrap_or(16))) {
                    (true, _) => Test::Never,
                    (_, true) => Test::Always,
                    _ => Test::Is(*field, Rc::new(ranges)),
                }
            }
        }
    }
}

/// A run of bytes of one origin.
#[derive(Debug)]
struct Part {
    start: usize,
    cells: Vec<Cell>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Known(Vec<u8>),
    Property(usize),
}

impl Part {
    /// The bytes of a key that belong to the part.
    fn of<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        let end = self.start + self.cells.len();
        key.get(self.start..end).unwrap_or_default()
    }

    /// Whether it is all bytes of a number in their order, unchanged.
    fn is_whole(&self, width: usize) -> bool {
        let plain = |(at, cell): (usize, &Cell)| matches!(cell, Cell::Part { byte, mask: 0xff, xor: 0, .. } if *byte == at);
        self.cells.len() == width && self.cells.iter().enumerate().all(plain)
    }

    /// What the part reads when the property has this value, most significant byte first.
    fn value(&self, property: &[u8]) -> Option<Vec<u8>> {
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
    fn masked(&self, field: Field, width: usize, first: &[u8], last: &[u8]) -> Test {
        match self.bits(width, first, last) {
            Some(Bits { mask, flip, low, high, .. }) if low == high => {
                let value = low ^ flip;
                if value & !mask == 0 { Test::Masked { field, value, mask } } else { Test::Never }
            }
            _ => Test::Unknown("it orders numbers by single bits".into()),
        }
    }

    /// The numbers of `width` bytes for which the part lies between two keys.
    fn numbers(&self, width: usize, first: &[u8], last: &[u8]) -> Option<Ranges> {
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

fn nothing_loaded() -> Test {
    Test::Unknown("it compares what hostduty did not see loaded".into())
}

/// All of these, without those that always hold.
pub(crate) fn all(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Always => {}
            Test::Never => return Test::Never,
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Test::Always,
        1 => kept.swap_remove(0),
        _ => Test::All(kept),
    }
}

/// One of these, without those that never hold.
pub(crate) fn any(tests: Vec<Test>) -> Test {
    let mut kept = Vec::with_capacity(tests.len());
    for test in tests {
        match test {
            Test::Never => {}
            Test::Always => return Test::Always,
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Test::Never,
        1 => kept.swap_remove(0),
        _ => Test::Any(kept),
    }
}

pub(crate) fn not(test: Test) -> Test {
    match test {
        Test::Always => Test::Never,
        Test::Never => Test::Always,
        Test::Not(test) => *test,
        // Neither chance nor ignorance turns around.
        Test::Chance(_) | Test::Unknown(_) => test,
        other => Test::Not(Box::new(other)),
    }
}
