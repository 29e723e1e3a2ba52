//! Ranges of addresses between the borders of networks and patterns.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::patterns::{self, Network, Parsed};

/// Texts that are compared with one pattern before it counts as too much.
const STEPS: usize = 20_000;
/// The same for all patterns together.
const ALL_STEPS: usize = 400_000;

/// Addresses of one family from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    family: Family,
    first: u128,
    last: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn last(self) -> u128 {
        match self {
            Self::V4 => u128::from(u32::MAX),
            Self::V6 => u128::MAX,
        }
    }
    fn length(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
    fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(u32::try_from(bits).unwrap_or(u32::MAX)).into(),
            Self::V6 => Ipv6Addr::from(bits).into(),
        }
    }
    fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl Range {
    /// One address.
    pub(crate) fn single(address: IpAddr) -> Self {
        let (bits, _) = patterns::bits(address);
        Self { family: Family::of(address), first: bits, last: bits }
    }
    /// An address that stands for the range.
    pub(crate) fn address(&self) -> IpAddr {
        // The lowest address of a network is not one that a client has.
        self.family.address(self.first.saturating_add(1).min(self.last))
    }
    /// Whether only this host itself has such addresses.
    pub(crate) fn is_loopback(&self) -> bool {
        self.family.address(self.first).is_loopback() && self.family.address(self.last).is_loopback()
    }
    /// Whether it is a large part of the internet.
    pub(crate) fn is_vast(&self) -> bool {
        let bits = match self.family {
            Family::V4 => 28,
            Family::V6 => 120,
        };
        self.last - self.first >= 1 << bits
    }
    /// The networks that it is made of, up to a number; true when there are more.
    fn networks(&self, most: usize) -> (Vec<Network>, bool) {
        let mut networks = Vec::new();
        let mut first = self.first;
        loop {
            if networks.len() == most {
                return (networks, true);
            }
            let mut free = first.trailing_zeros().min(self.family.length());
            let end =
                |free: u32| 1_u128.checked_shl(free).map_or(u128::MAX, |size| first.saturating_add(size - 1));
            while free > 0 && end(free) > self.last {
                free -= 1;
            }
            let length = u8::try_from(self.family.length() - free).unwrap_or(0);
            networks.push(Network { address: self.family.address(first), length });
            if end(free) >= self.last {
                return (networks, false);
            }
            first = end(free).saturating_add(1);
        }
    }
}

/// Some of the networks of ranges, in words.
pub(crate) fn describe(ranges: &[Range], most: usize) -> String {
    let mut names = Vec::new();
    let mut more = false;
    for range in joined(ranges) {
        let (networks, rest) = range.networks((most + 1).saturating_sub(names.len()));
        names.extend(networks.iter().map(|network| {
            match u32::from(network.length) == range.family.length() {
                true => network.address.to_string(),
                false => format!("{}/{}", network.address, network.length),
            }
        }));
        more |= rest;
    }
    if names.len() > most || more {
        names.truncate(most);
        return format!("{} and others", names.join(", "));
    }
    names.join(", ")
}

/// The ranges with those next to each other made one.
fn joined(ranges: &[Range]) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(before)
                if before.family == range.family && before.last.checked_add(1) == Some(range.first) =>
            {
                before.last = range.last;
            }
            _ => joined.push(*range),
        }
    }
    joined
}

/// The borders that cut the address space into ranges.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    /// First addresses of ranges, beside the first of each family.
    starts: BTreeSet<(Family, u128)>,
    /// Texts that were compared with patterns.
    steps: usize,
}

impl Cuts {
    /// Cuts out a network, an address, or the addresses whose text a pattern matches; false when that is too much.
    pub(crate) fn cut(&mut self, entry: &str) -> bool {
        match Network::parse(entry) {
            Parsed::Inconsistent => true,
            Parsed::Network(network) => {
                let (first, whole) = patterns::bits(network.address);
                let size = 1_u128.checked_shl(whole - u32::from(network.length).min(whole));
                let last = size.map_or(u128::MAX, |size| first.saturating_add(size - 1));
                self.range(Family::of(network.address), first, last);
                true
            }
            Parsed::Text => self.text(entry),
        }
    }

    fn range(&mut self, family: Family, first: u128, last: u128) {
        self.starts.insert((family, first));
        if last < family.last() {
            self.starts.insert((family, last + 1));
        }
    }

    /// Every range, in order.
    pub(crate) fn ranges(&self) -> Vec<Range> {
        let mut ranges = Vec::new();
        for family in [Family::V4, Family::V6] {
            let mut starts: Vec<u128> = vec![0];
            starts.extend(self.starts.range((family, 1)..=(family, u128::MAX)).map(|(_, start)| *start));
            let ends = starts.iter().skip(1).map(|next| next - 1).chain([family.last()]);
            ranges.extend(starts.iter().zip(ends).map(|(first, last)| Range { family, first: *first, last }));
        }
        ranges
    }

    fn text(&mut self, pattern: &str) -> bool {
        if pattern.bytes().all(|byte| byte == b'*') {
            return true;
        }
        let mut pieces = Vec::new();
        let most = STEPS.min(ALL_STEPS.saturating_sub(self.steps));
        let mut left = most;
        let fits = !may_be_v4(pattern) || octets(pattern, "", 0, 0, &mut left, &mut pieces);
        self.steps += most - left;
        for (first, last) in &pieces {
            self.range(Family::V4, *first, *last);
        }
        fits && self.text_v6(pattern)
    }

    /// A pattern of IPv6 addresses is understood where it is groups that are not zero, and then anything: no shorter
    /// way to write zeros can hide in front of the star.
    fn text_v6(&mut self, pattern: &str) -> bool {
        if !may_be_v6(pattern) {
            return true;
        }
        let Some(groups) = pattern.strip_suffix(":*") else { return false };
        let mut bits = 0_u128;
        let mut count = 0_u32;
        for group in groups.split(':') {
            let Some(value) = u16::from_str_radix(group, 16).ok().filter(|value| *value != 0) else {
                return false;
            };
            // sshd compares with the address in lower case and without leading zeros.
            if format!("{value:x}") != group {
                return true;
            }
            bits = bits << 16 | u128::from(value);
            count += 1;
        }
        if count > 7 {
            return false;
        }
        let free = 128 - 16 * count;
        let first = bits << free;
        self.range(Family::V6, first, first | ((1 << free) - 1));
        true
    }
}

fn may_be_v4(pattern: &str) -> bool {
    pattern.bytes().all(|byte| byte.is_ascii_digit() || b".*?".contains(&byte))
}

/// A colon stands in every IPv6 address; a star or question mark may stand for one.
fn may_be_v6(pattern: &str) -> bool {
    !pattern.contains('.') && (pattern.contains(':') || pattern.contains('*') || pattern.contains('?'))
}

/// The ranges of IPv4 addresses that begin with `text` and whose text a pattern matches; false when they are too many.
fn octets(
    pattern: &str,
    text: &str,
    above: u128,
    done: u32,
    steps: &mut usize,
    pieces: &mut Vec<(u128, u128)>,
) -> bool {
    for octet in 0..=255_u8 {
        let Some(left) = steps.checked_sub(1) else { return false };
        *steps = left;
        let text = match done {
            0 => octet.to_string(),
            _ => format!("{text}.{octet}"),
        };
        let bits = above << 8 | u128::from(octet);
        let free = 8 * (3 - done);
        let (first, last) = (bits << free, (bits << free) | ((1_u128 << free) - 1));
        let whole = match done {
            3 => patterns::matches(pattern, &text),
            // A trailing star behind what the text already matches takes anything that follows.
            _ => pattern.ends_with('*') && patterns::matches(pattern, &format!("{text}.")),
        };
        if whole {
            match pieces.last_mut() {
                Some((_, end)) if *end + 1 == first => *end = last,
                _ => pieces.push((first, last)),
            }
        } else if done < 3
            && may_begin(pattern, &text)
            && !octets(pattern, &text, bits, done + 1, steps, pieces)
        {
            return false;
        }
    }
    true
}

/// Whether some longer text that begins with `text` and a dot may match a pattern.
fn may_begin(pattern: &str, text: &str) -> bool {
    let begin = format!("{text}.");
    // Up to its first star a pattern has as many letters as what it matches.
    let fixed = pattern.split('*').next().unwrap_or_default();
    let agree = fixed.bytes().zip(begin.bytes()).all(|(wanted, byte)| wanted == byte || wanted == b'?');
    agree && (fixed.len() < pattern.len() || fixed.len() > begin.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pattern: &str) -> (bool, String) {
        let mut cuts = Cuts::default();
        let fits = cuts.cut(pattern);
        // Every range whose address the pattern matches, and no other.
        let hits: Vec<Range> = cuts
            .ranges()
            .into_iter()
            .filter(|range| {
                patterns::address_list(pattern, Some(&range.address().to_string()))
                    == Ok(patterns::Listed::Yes)
            })
            .collect();
        (fits, describe(&hits, 4))
    }

    #[test]
    fn networks_and_patterns() {
        for (pattern, wanted) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::/0", "::/0"),
            ("10.0.0.*", "10.0.0.0/24"),
            ("10.*", "10.0.0.0/8"),
            ("10.1?.0.1", "10.10.0.1, 10.11.0.1, 10.12.0.1, 10.13.0.1 and others"),
            ("192.168.1.1?", "192.168.1.10/31, 192.168.1.12/30, 192.168.1.16/30"),
            ("25?.1.1.1", "250.1.1.1, 251.1.1.1, 252.1.1.1, 253.1.1.1 and others"),
            ("2001:db8:*", "2001:db8::/32"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(cut(pattern), (true, wanted.to_owned()), "{pattern}");
        }
        assert!(!cut("*.5").0, "a star in front is too much");
        assert!(!cut("*:1").0);
        assert!(!cut("2001:db8::*").0);
        assert!(cut("300.*").0);
    }

    #[test]
    fn the_whole_space_is_covered() {
        let mut cuts = Cuts::default();
        for entry in ["10.0.0.0/8", "10.1.0.0/16", "::1", "255.255.255.255", "0.0.0.0/0"] {
            assert!(cuts.cut(entry));
        }
        let ranges = cuts.ranges();
        assert_eq!(describe(&ranges, 9), "0.0.0.0/0, ::/0");
        assert_eq!(ranges.len(), 6 + 3);
    }
}
