//! The patterns of sshd_config(5): names with `*` and `?`, lists with `!`, addresses with a length of their prefix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::build::Build;

/// Longest pattern of a list that sshd compares; a longer one makes its whole list match nothing (match.c).
const LONGEST: usize = 1023;

/// PATTERNS of ssh_config(5): `*` is any text, `?` any letter. At most pattern × text steps.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    loop {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(wanted) if text.get(seen).is_some_and(|byte| byte == wanted || *wanted == b'?') => {
                at += 1;
                seen += 1;
            }
            None if seen == text.len() => return true,
            _ => match star {
                Some((behind, from)) if from < text.len() => {
                    star = Some((behind, from + 1));
                    (at, seen) = (behind, from + 1);
                }
                _ => return false,
            },
        }
    }
}

/// What a list of patterns says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// A pattern matches, and none with `!` does.
    Yes,
    /// None matches.
    No,
    /// One with `!` matches, whatever the others say.
    Negated,
}

/// A list of patterns between commas, compared with the case as it is.
pub(crate) fn list(patterns: &str, text: &str) -> Listed {
    let mut listed = Listed::No;
    let mut rest = patterns;
    while !rest.is_empty() {
        let (negated, behind) = rest.strip_prefix('!').map_or((false, rest), |behind| (true, behind));
        let (pattern, next) = behind.split_once(',').unwrap_or((behind, ""));
        if pattern.len() >= LONGEST {
            return Listed::No;
        }
        if matches(pattern, text) {
            if negated {
                return Listed::Negated;
            }
            listed = Listed::Yes;
        }
        rest = next;
    }
    listed
}

/// A list of patterns of host names, which have no case.
pub(crate) fn host_list(patterns: &str, host: &str) -> Listed {
    list(&patterns.to_ascii_lowercase(), &host.to_ascii_lowercase())
}

/// A list of addresses, networks and patterns of addresses as text, taken apart once for many questions.
#[derive(Debug)]
pub(crate) struct AddressList<'a> {
    /// Up to the first entry for which sshd refuses the list, each with whether it stands behind `!`.
    entries: Vec<(bool, Entry<'a>)>,
    refused: bool,
}

#[derive(Debug)]
enum Entry<'a> {
    Network(Network),
    Text(&'a str),
}

impl<'a> AddressList<'a> {
    pub(crate) fn new(patterns: &'a str) -> Self {
        let mut entries = Vec::new();
        for entry in patterns.split(',') {
            let (negated, entry) = entry.strip_prefix('!').map_or((false, entry), |entry| (true, entry));
            match Network::parse(entry) {
                Parsed::Network(network) => entries.push((negated, Entry::Network(network))),
                Parsed::Text if !entry.is_empty() => entries.push((negated, Entry::Text(entry))),
                Parsed::Inconsistent | Parsed::Text => return Self { entries, refused: true },
            }
        }
        Self { entries, refused: false }
    }

    /// About how many networks could be compared in the time that a comparison with the list takes.
    pub(crate) fn cost(&self) -> usize {
        let cost = |entry: &Entry<'_>| match entry {
            Entry::Network(_) => 1,
            Entry::Text(text) => 1 + text.len(),
        };
        self.entries.iter().map(|(_, entry)| cost(entry)).sum()
    }

    /// What the list says of an address.
    ///
    /// # Errors
    /// An entry is empty, or a network whose length does not fit its address: sshd refuses such a list.
    pub(crate) fn listed(&self, address: Option<&str>) -> Result<Listed, ()> {
        let parsed = address.map(self::address);
        // Text that is no address is in no list, not even in one that is malformed.
        if parsed == Some(None) && !address.is_some_and(is_scoped) {
            return Ok(Listed::No);
        }
        let parsed = parsed.flatten();
        let mut listed = Listed::No;
        for (negated, entry) in &self.entries {
            let hit = match entry {
                Entry::Network(network) => parsed.is_some_and(|address| network.contains(address)),
                Entry::Text(text) => address.is_some_and(|address| matches(text, address)),
            };
            if hit && *negated {
                return Ok(Listed::Negated);
            }
            if hit {
                listed = Listed::Yes;
            }
        }
        if self.refused { Err(()) } else { Ok(listed) }
    }
}

/// [`AddressList::listed`], for one question.
///
/// # Errors
/// As there.
pub(crate) fn address_list(patterns: &str, address: Option<&str>) -> Result<Listed, ()> {
    AddressList::new(patterns).listed(address)
}

/// Whether sshd takes a list of addresses. Until 9.7 it compared a network of more than 128 bits as text.
pub(crate) fn takes(patterns: &str, build: &Build) -> bool {
    let is_overlong = |entry: &str| {
        let (address, length) = entry.strip_prefix('!').unwrap_or(entry).split_once('/')?;
        Some(entry.len() < 64 && self::address(address).is_some() && strtonum(length)? > 128)
    };
    address_list(patterns, None).is_ok()
        && !(build.since(9, 8) && patterns.split(',').any(|entry| is_overlong(entry) == Some(true)))
}

/// Whether it is an address of one network interface only, such as `fe80::1%eth0`. That is in no network without the
/// interface, but in a pattern of its text.
fn is_scoped(text: &str) -> bool {
    let Some((address, scope)) = text.split_once('%') else { return false };
    let Ok(address) = address.parse::<Ipv6Addr>() else { return false };
    let is_local =
        address.is_unicast_link_local() || (address.is_multicast() && address.segments()[0] & 0xf == 2);
    !scope.is_empty() && (is_local || scope.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The name and the hosts of a pattern `user@host`. Until 9.8 sshd cuts at the first `@`, since then at the last.
pub(crate) fn at_host<'a>(pattern: &'a str, build: &Build) -> Option<(&'a str, &'a str)> {
    if build.since(9, 9) { pattern.rsplit_once('@') } else { pattern.split_once('@') }
}

/// The part behind `@` in AllowUsers and its like: addresses and host names in one list.
pub(crate) fn host_or_address(patterns: &str, host: Option<&str>, address: Option<&str>) -> Result<bool, ()> {
    host_or_listed(patterns, &AddressList::new(patterns), host, address)
}

/// The same for a list that is taken apart already.
pub(crate) fn host_or_listed(
    patterns: &str,
    list: &AddressList<'_>,
    host: Option<&str>,
    address: Option<&str>,
) -> Result<bool, ()> {
    let by_address = list.listed(address)?;
    let (Some(host), Some(_)) = (host, address) else { return Ok(false) };
    if by_address == Listed::Negated {
        return Ok(false);
    }
    Ok(match host_list(patterns, host) {
        Listed::Negated => false,
        Listed::Yes => true,
        Listed::No => by_address == Listed::Yes,
    })
}

/// A network: the first bits of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    /// Its lowest address.
    pub(crate) address: IpAddr,
    /// How many bits count: 32 or 128 for one address.
    pub(crate) length: u8,
}

/// What an entry of a list of addresses is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// An address or a network.
    Network(Network),
    /// A network with bits set behind its length, or with a length that its family has not.
    Inconsistent,
    /// Anything else, which sshd compares as text.
    Text,
}

impl Network {
    /// `address` or `address/length`, as addr_pton_cidr of OpenSSH reads it.
    pub(crate) fn parse(text: &str) -> Parsed {
        if text.len() >= 64 {
            return Parsed::Text;
        }
        let (text, length) = match text.split_once('/') {
            None => (text, None),
            Some((text, length)) => match strtonum(length) {
                // See `takes`.
                Some(length) if length <= 128 => (text, Some(length)),
                _ => return Parsed::Text,
            },
        };
        let Some(address) = address(text) else { return Parsed::Text };
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let Ok(length) = u8::try_from(length.unwrap_or(whole)) else { return Parsed::Inconsistent };
        let network = Self { address, length };
        match i64::from(length) <= whole && network.host_bits() == 0 {
            true => Parsed::Network(network),
            false => Parsed::Inconsistent,
        }
    }

    /// Whether an address of the same family lies in it.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self { address, ..self }.network_bits() == self.network_bits()
    }

    fn network_bits(self) -> u128 {
        let (bits, whole) = bits(self.address);
        bits.checked_shr(whole.saturating_sub(u32::from(self.length))).unwrap_or(0)
    }

    fn host_bits(self) -> u128 {
        let (bits, whole) = bits(self.address);
        let behind = whole.saturating_sub(u32::from(self.length));
        bits & 1_u128.checked_shl(behind).map_or(u128::MAX, |bit| bit - 1)
    }
}

/// The bits of an address and how many they are.
pub(crate) fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

/// A number from 0 to 2^31-1 as strtonum(3) reads it: blanks and a sign before it are fine.
fn strtonum(text: &str) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    text.parse().ok().filter(|number| (0..=i64::from(i32::MAX)).contains(number))
}

/// A numeric address as getaddrinfo(3) reads it with AI_NUMERICHOST: IPv4 also in the forms of inet_aton(3).
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse().ok();
    }
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|part| *part > 255) {
        return None;
    }
    let behind = 32 - 8 * u32::try_from(leading.len()).ok()?;
    if behind < 32 && *last >= 1 << behind {
        return None;
    }
    let high = leading.iter().fold(0_u64, |all, part| all << 8 | u64::from(*part));
    let all = (high << behind) | u64::from(*last);
    u32::try_from(all).ok().map(|all| Ipv4Addr::from(all).into())
}

/// A number as inet_aton(3) reads it: decimal, octal after `0`, hexadecimal after `0x`.
fn number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (lower.get(1..)?, 8),
        None => (lower.as_str(), 10),
    };
    let fits = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    if fits { u32::from_str_radix(digits, radix).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("a*", "anna", true),
            ("a?", "a", false),
            ("*na*", "anna", true),
            ("a*b*c", "aXbXd", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
        assert_eq!(list("a*,!anna", "anna"), Listed::Negated);
        assert_eq!(list("!bob", "anna"), Listed::No);
        assert_eq!(list("bob,an*", "anna"), Listed::Yes);
        assert_eq!(host_list("*.Example.org", "A.example.ORG"), Listed::Yes);
        assert_eq!(list(&format!("anna,{}", "x".repeat(1100)), "anna"), Listed::No);
    }

    #[test]
    fn addresses() {
        for (patterns, address, wanted) in [
            ("10.0.0.0/8", "10.1.2.3", Ok(Listed::Yes)),
            ("10.0.0.0/8,!10.1.0.0/16", "10.1.2.3", Ok(Listed::Negated)),
            ("10.0.0.0/8", "11.1.2.3", Ok(Listed::No)),
            ("0.0.0.0/0", "::1", Ok(Listed::No)),
            ("::/0", "2001:db8::1", Ok(Listed::Yes)),
            ("2001:db8::/32", "2001:db8:1::1", Ok(Listed::Yes)),
            ("192.168.*", "192.168.7.1", Ok(Listed::Yes)),
            ("127.1", "127.0.0.1", Ok(Listed::Yes)),
            ("10.0.0.1/8", "10.0.0.1", Err(())),
            ("10.0.0.0/33", "10.0.0.1", Err(())),
            ("10.0.0.0/x", "10.0.0.0", Ok(Listed::No)),
            ("10.0.0.0/129", "10.0.0.0", Ok(Listed::No)),
            ("fe80::/10", "fe80::1%eth0", Ok(Listed::No)),
            ("fe80::*", "fe80::1%eth0", Ok(Listed::Yes)),
            ("*", "2001:db8::1%eth0", Ok(Listed::No)),
            ("10.0.0.1,", "10.0.0.1", Err(())),
            ("", "10.0.0.1", Err(())),
        ] {
            assert_eq!(address_list(patterns, Some(address)), wanted, "{patterns} {address}");
        }
    }

    #[test]
    fn numeric_addresses() {
        for (text, wanted) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("0x7f.1", Some("127.0.0.1")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("10", Some("0.0.0.10")),
            ("4294967295", Some("255.255.255.255")),
            ("1.2.3.256", None),
            ("1.2.3.4.5", None),
            ("256.1", None),
            ("", None),
            ("+1.2.3.4", None),
            ("::ffff:1.2.3.4", Some("::ffff:1.2.3.4")),
            ("::g", None),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn hosts_behind_an_at() {
        let at = |patterns| host_or_address(patterns, Some("a.example.org"), Some("10.0.0.1"));
        assert_eq!(at("10.0.0.0/8"), Ok(true));
        assert_eq!(at("*.example.org"), Ok(true));
        assert_eq!(at("10.0.0.0/8,!a.*"), Ok(false));
        assert_eq!(at("!10.0.0.1,*"), Ok(false));
        assert_eq!(at("example.org"), Ok(false));
        assert_eq!(host_or_address("10.0.0.0/40", None, None), Err(()));
    }
}
