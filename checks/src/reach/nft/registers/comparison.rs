//! What is asked of a packet where registers are compared with numbers, ranges and sets.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::part::{Kind, Part};
use super::{Cell, Property, Registers, start};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::nftables::Operator;
use crate::reach::nft::logic::{all, any, not};
use crate::reach::nft::sets::number;
use crate::reach::program::{Field, Test};
use crate::reach::ranges::Ranges;

/// First and last key of an interval, or the part of them that belongs to one property.
type Ends<'k> = (&'k [u8], &'k [u8]);

impl Registers {
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

fn nothing_loaded() -> Test {
    Test::Unknown("it compares what hostduty did not see loaded".into())
}
