//! Sets of addresses and what limits them, in words.

use super::ranges::{Ranges, largest};
use super::routing::address;
use crate::facts::ruleset::IpFamily;

/// A list in a sentence, without repetitions.
pub(crate) fn list(words: &[&str]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        if !seen.contains(word) {
            seen.push(word);
        }
    }
    seen.join(", ")
}

/// Networks of a set of addresses, in CIDR notation; at most so many, then how many more ranges there are.
pub(crate) fn networks(sources: &Ranges, family: IpFamily, most: usize) -> Vec<String> {
    let bits = family.bits();
    if *sources == Ranges::all(bits) {
        return vec![everything(family).to_owned()];
    }
    let mut names = Vec::new();
    for (at, (first, last)) in sources.as_slice().iter().enumerate() {
        if names.len() >= most {
            names.push(format!("{} more ranges", sources.as_slice().len() - at));
            break;
        }
        names.push(range(*first, *last, family));
    }
    names
}

/// A range of addresses: as one network where it is one.
fn range(first: u128, last: u128, family: IpFamily) -> String {
    let bits = family.bits();
    if first == last {
        return address(first, family).to_string();
    }
    let host = last - first;
    if host & host.wrapping_add(1) == 0 && first & host == 0 {
        let length = bits - (0..=bits).find(|free| largest(*free) == host).unwrap_or(bits);
        return format!("{}/{length}", address(first, family));
    }
    format!("{}-{}", address(first, family), address(last, family))
}

fn everything(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "0.0.0.0/0",
        IpFamily::V6 => "::/0",
    }
}

/// Addresses that the internet routes (RFC 6890 and the registries that it names).
pub(crate) fn public(family: IpFamily) -> Ranges {
    match family {
        IpFamily::V6 => Ranges::prefix(0x2 << 124, 3, 128),
        IpFamily::V4 => {
            let special: [([u8; 4], u32); 13] = [
                ([0, 0, 0, 0], 8),
                ([10, 0, 0, 0], 8),
                ([100, 64, 0, 0], 10),
                ([127, 0, 0, 0], 8),
                ([169, 254, 0, 0], 16),
                ([172, 16, 0, 0], 12),
                ([192, 0, 0, 0], 24),
                ([192, 0, 2, 0], 24),
                ([192, 168, 0, 0], 16),
                ([198, 18, 0, 0], 15),
                ([198, 51, 100, 0], 24),
                ([203, 0, 113, 0], 24),
                ([224, 0, 0, 0], 3),
            ];
            special.into_iter().fold(Ranges::all(32), |rest, (first, length)| {
                rest.without(&Ranges::prefix(u32::from_be_bytes(first).into(), length, 32))
            })
        }
    }
}

/// Whether a set of sources holds most of the internet.
pub(crate) fn is_most(sources: &Ranges, family: IpFamily) -> bool {
    let public = public(family);
    sources.and(&public).count() > public.count() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_people_do() {
        let v4 = |list: &[(u128, u128)]| networks(&list.iter().copied().collect(), IpFamily::V4, 2);
        assert_eq!(v4(&[(0, u32::MAX.into())]), ["0.0.0.0/0"]);
        assert_eq!(v4(&[(0x0a00_0000, 0x0aff_ffff)]), ["10.0.0.0/8"]);
        assert_eq!(v4(&[(0x0a00_0001, 0x0a00_0001)]), ["10.0.0.1"]);
        assert_eq!(v4(&[(0x0a00_0001, 0x0a00_0009)]), ["10.0.0.1-10.0.0.9"]);
        assert_eq!(v4(&[(1, 1), (3, 3), (5, 5), (7, 7)]), ["0.0.0.1", "0.0.0.3", "2 more ranges"]);
        assert_eq!(networks(&Ranges::prefix(0, 0, 128), IpFamily::V6, 1), ["::/0"]);
        assert_eq!(networks(&Ranges::prefix(0xfd << 120, 8, 128), IpFamily::V6, 1), ["fd00::/8"]);
    }

    #[test]
    fn most_of_the_internet_is_not_a_list_of_private_networks() {
        let private = Ranges::prefix(0x0a00_0000, 8, 32);
        assert!(!is_most(&private, IpFamily::V4));
        assert!(is_most(&Ranges::all(32).without(&private), IpFamily::V4));
        assert!(is_most(&Ranges::all(128), IpFamily::V6));
        assert!(!is_most(&Ranges::prefix(0xfd << 120, 8, 128), IpFamily::V6));
    }
}
