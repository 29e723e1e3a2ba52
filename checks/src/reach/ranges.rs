//! Sets of numbers as ranges: addresses, ports, marks.

/// A set of numbers, as ranges in order that neither overlap nor touch. Both ends of a range belong to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// No number.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The numbers from the first to the last; none when the last is smaller.
    #[must_use]
    pub fn range(first: u128, last: u128) -> Self {
        Self(if first <= last { vec![(first, last)] } else { Vec::new() })
    }

    /// One number.
    #[must_use]
    pub fn one(number: u128) -> Self {
        Self(vec![(number, number)])
    }

    /// The numbers of `bits` bits.
    #[must_use]
    pub fn all(bits: u32) -> Self {
        Self(vec![(0, largest(bits))])
    }

    /// The numbers that share their first `length` of `bits` bits with this one.
    #[must_use]
    pub fn prefix(number: u128, length: u32, bits: u32) -> Self {
        let host = largest(bits.saturating_sub(length));
        Self(vec![(number & !host, (number | host) & largest(bits))])
    }

    /// The numbers of `bits` bits that are `value` where `mask` has ones. `None` when that takes more than `most` ranges.
    #[must_use]
    pub fn masked(value: u128, mask: u128, bits: u32, most: usize) -> Option<Self> {
        let all = largest(bits);
        let mask = mask & all;
        if value & !mask & all != 0 {
            return Some(Self::none());
        }
        // The bits below the lowest one of the mask are free and make one range; each free bit above doubles the ranges.
        let low = mask.trailing_zeros().min(bits);
        let free: Vec<u32> = (low..bits).filter(|bit| mask >> bit & 1 == 0).collect();
        if free.len() >= 32 || 1_usize << free.len() > most {
            return None;
        }
        let tail = largest(low);
        let ranges = (0_u128..1 << free.len()).map(|choice| {
            let high = free.iter().enumerate().fold(value, |sum, (at, bit)| sum | (choice >> at & 1) << bit);
            (high, high | tail)
        });
        Some(ranges.collect())
    }

    /// Whether it holds no number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges, first and last number of each, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// Whether it holds a number.
    #[must_use]
    pub fn contains(&self, number: u128) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < number);
        self.0.get(at).is_some_and(|(first, _)| *first <= number)
    }

    /// The numbers of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        let mut both = Vec::new();
        // Far fewer ranges on one side are looked up in the other; else both are walked.
        let search = few.0.len().saturating_mul(16) < many.0.len();
        let mut from = 0;
        for (first, last) in &few.0 {
            if search {
                from = many.0.partition_point(|(_, end)| end < first);
            }
            while let Some((start, end)) = many.0.get(from) {
                if start > last {
                    break;
                }
                if end >= first {
                    both.push((*start.max(first), *end.min(last)));
                }
                if end > last {
                    break;
                }
                from += 1;
            }
        }
        Self(both)
    }

    /// Whether any number is in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let (few, many) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        few.0.iter().any(|(first, last)| {
            let at = many.0.partition_point(|(_, end)| end < first);
            many.0.get(at).is_some_and(|(start, _)| start <= last)
        })
    }

    /// The numbers of this set that the other does not hold.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self(Vec::with_capacity(self.0.len()));
        let mut from = 0;
        for (first, last) in &self.0 {
            let mut first = *first;
            let mut open = true;
            if other.0.get(from).is_some_and(|(_, end)| *end < first) {
                let tail = other.0.get(from..).unwrap_or_default();
                from += tail.partition_point(|(_, end)| *end < first);
            }
            while let Some((start, end)) = other.0.get(from) {
                if start > last {
                    break;
                }
                if *start > first {
                    rest.0.push((first, start - 1));
                }
                if end >= last {
                    open = false;
                    break;
                }
                first = end + 1;
                from += 1;
            }
            if open {
                rest.0.push((first, *last));
            }
        }
        // Holes can double the list, and a long one stays.
        rest.0.shrink_to_fit();
        rest
    }

    /// Takes the numbers of one range out, in place.
    pub fn remove(&mut self, first: u128, last: u128) {
        let start = self.0.partition_point(|(_, end)| *end < first);
        let stop = self.0.partition_point(|(begin, _)| *begin <= last);
        if first > last || start >= stop {
            return;
        }
        let before =
            self.0.get(start).filter(|(begin, _)| *begin < first).map(|(begin, _)| (*begin, first - 1));
        let after = self.0.get(stop - 1).filter(|(_, end)| *end > last).map(|(_, end)| (last + 1, *end));
        self.0.splice(start..stop, before.into_iter().chain(after));
    }

    /// Puts the numbers of one range in, in place.
    pub fn insert(&mut self, first: u128, last: u128) {
        if first > last {
            return;
        }
        // Ranges that touch become one.
        let start = self.0.partition_point(|(_, end)| end.checked_add(1).is_some_and(|next| next < first));
        let stop = self.0.partition_point(|(begin, _)| *begin <= last.saturating_add(1)).max(start);
        let old = self.0.get(start..stop).unwrap_or_default();
        let joined = (
            old.first().map_or(first, |(begin, _)| first.min(*begin)),
            old.last().map_or(last, |(_, end)| last.max(*end)),
        );
        self.0.splice(start..stop, [joined]);
    }

    /// The numbers of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut joined = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(one), Some(two)) if two < one => right.next(),
                (Some(_), _) => left.next(),
                (None, _) => right.next(),
            };
            let Some(range) = next else { break };
            append(&mut joined, *range);
        }
        Self(joined)
    }

    /// How many numbers; the largest `u128` stands for all of 128 bits.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.0.iter().fold(0, |sum: u128, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }
}

/// In any order, overlapping or not.
impl FromIterator<(u128, u128)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u128, u128)>>(ranges: I) -> Self {
        let mut list: Vec<(u128, u128)> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        list.sort_unstable();
        let mut joined = Vec::with_capacity(list.len());
        for range in list {
            append(&mut joined, range);
        }
        Self(joined)
    }
}

/// Adds a range that starts where the last one starts or later.
fn append(joined: &mut Vec<(u128, u128)>, (first, last): (u128, u128)) {
    match joined.last_mut() {
        Some((_, end)) if *end >= first || *end + 1 == first => *end = (*end).max(last),
        _ => joined.push((first, last)),
    }
}

/// The largest number of so many bits.
pub(crate) fn largest(bits: u32) -> u128 {
    match bits {
        0 => 0,
        1..=127 => (1 << bits) - 1,
        _ => u128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(set: &Ranges) -> u32 {
        (0..16).filter(|number| set.contains(*number)).fold(0, |bits, number| bits | 1 << number)
    }

    fn set(bits: u32) -> Ranges {
        (0..16).filter(|number| bits >> number & 1 != 0).map(|number| (number, number)).collect()
    }

    /// Every pair of a few thousand sets of sixteen numbers, against the arithmetic of bits.
    #[test]
    fn the_operations_are_those_of_sets() {
        let mut state = 1_u32;
        let mut draw = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for _ in 0..4000 {
            let (left, right) = (draw(), draw());
            let (a, b) = (set(left), set(right));
            assert_eq!(bits(&a), left);
            assert_eq!(a.and(&b), set(left & right));
            assert_eq!(a.or(&b), set(left | right));
            assert_eq!(a.without(&b), set(left & !right));
            assert_eq!(a.meets(&b), left & right != 0);
            assert_eq!(a.count(), u128::from(left.count_ones()));
            let (first, last) = (draw() % 16, draw() % 16);
            let mut taken = a.clone();
            taken.remove(first.into(), last.into());
            let range = Ranges::range(first.into(), last.into());
            assert_eq!(taken, a.without(&range));
            let mut given = a.clone();
            given.insert(first.into(), last.into());
            assert_eq!(given, a.or(&range));
        }
    }

    #[test]
    fn the_ends_of_128_bits_do_not_overflow() {
        let all = Ranges::all(128);
        assert!(all.without(&all).is_empty());
        assert_eq!(all.or(&all), all);
        assert_eq!(all.without(&Ranges::one(u128::MAX)), Ranges::range(0, u128::MAX - 1));
        assert_eq!(Ranges::prefix(0, 0, 128), all);
        assert_eq!(Ranges::prefix(0x0a01_0203, 8, 32), Ranges::range(0x0a00_0000, 0x0aff_ffff));
        let mut one = all.clone();
        one.remove(u128::MAX, u128::MAX);
        one.remove(0, u128::MAX);
        assert!(one.is_empty());
    }

    #[test]
    fn masks_with_holes_make_several_ranges() {
        assert_eq!(
            Ranges::masked(0b10, 0b11, 4, 16),
            Some([(2, 2), (6, 6), (10, 10), (14, 14)].into_iter().collect())
        );
        assert_eq!(Ranges::masked(0, 0, 16, 1), Some(Ranges::all(16)));
        assert_eq!(Ranges::masked(1, 2, 4, 16), Some(Ranges::none()));
        assert_eq!(Ranges::masked(0, 1, 32, 4096), None);
        assert_eq!(Ranges::masked(0x0a00_0000, 0xff00_0000, 32, 1), Some(Ranges::prefix(0x0a00_0000, 8, 32)));
    }
}
