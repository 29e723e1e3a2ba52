//! Addresses, networks, hosts and ports as sshd reads them.

use std::net::{IpAddr, Ipv4Addr};

use super::numbers;
use crate::facts::sshd::build::Build;

/// An address in any form that getaddrinfo(3) takes as a number: also `127.1` and `0x7f000001`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| short_ipv4(text).map(IpAddr::V4))
}

/// One to four numbers, the last of which fills the rest, as inet_aton(3) reads them.
fn short_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut total: u64 = 0;
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    for (index, part) in parts.iter().enumerate() {
        if !part.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let (number, rest) = numbers::leading(part, 0)?;
        let number = u64::try_from(number).ok().filter(|_| rest.is_empty())?;
        let bits = if index + 1 == parts.len() { 8 * (5 - parts.len()) } else { 8 };
        if number >= 1 << bits {
            return None;
        }
        total = (total << bits) | number;
    }
    u32::try_from(total).ok().map(Ipv4Addr::from)
}

/// Whether sshd takes a list of addresses, networks and patterns: only a network whose mask does not fit is wrong.
pub(super) fn is_address_list(list: &str, build: &Build) -> bool {
    list.split(',').all(|part| {
        let part = part.strip_prefix('!').unwrap_or(part);
        let Some((network, mask)) = part.split_once('/') else { return !part.is_empty() };
        if part.len() > 63 {
            return true;
        }
        let bits = match build.since(9, 8) {
            true => numbers::number(mask, i64::from(i32::MAX)),
            false if mask.bytes().all(|byte| byte.is_ascii_digit()) => numbers::number(mask, 128),
            false => None,
        };
        match (bits, address(network)) {
            (Some(bits), Some(IpAddr::V4(network))) => u32::try_from(bits).is_ok_and(|bits| {
                bits <= 32 && u64::from(u32::from(network)) & ((1 << (32 - bits)) - 1) == 0
            }),
            (Some(bits), Some(IpAddr::V6(network))) => u32::try_from(bits).is_ok_and(|bits| {
                let host =
                    if bits == 0 { u128::MAX } else { (1_u128 << (128 - bits.min(128))).wrapping_sub(1) };
                bits <= 128 && u128::from(network) & host == 0
            }),
            _ => true,
        }
    })
}

/// Whether AllowUsers takes a pattern: what follows its last `@` must be a list of addresses.
pub(super) fn is_user_pattern(pattern: &str, build: &Build) -> bool {
    pattern.rsplit_once('@').is_none_or(|(_, hosts)| is_address_list(hosts, build))
}

/// A port from 1 on, or a name that services(5) of the machine may hold.
pub(super) fn port(text: &str) -> Option<String> {
    match numbers::number(text, 65_535) {
        Some(0) => None,
        Some(port) => Some(port.to_string()),
        None => {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+*/".contains(&byte);
            let named = text.bytes().any(|byte| byte.is_ascii_alphabetic()) && text.bytes().all(fits);
            named.then(|| text.to_owned())
        }
    }
}

/// The host before the first `:` and what follows that. The host may stand in brackets.
fn host(text: &str) -> Option<(&str, Option<&str>)> {
    let end = match text.strip_prefix('[') {
        Some(_) => text.find(']')? + 1,
        None => text.find([':', '/']).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(end)?;
    match rest.strip_prefix(':') {
        Some(rest) => Some((host, Some(rest))),
        None => rest.is_empty().then_some((host, None)),
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Whether PermitOpen takes a host with a port.
pub(super) fn is_forward(text: &str) -> bool {
    matches!(host(text), Some((_, Some(rest))) if rest == "*" || port(rest).is_some())
}

/// Whether a value of PermitOpen has a port by its name.
pub(super) fn names_a_port(text: &str) -> bool {
    matches!(host(text), Some((_, Some(rest))) if rest != "*" && numbers::number(rest, 65_535).is_none())
}

/// An address of ListenAddress as `sshd -T` writes it, without a port where there is none. A name stays a name, as only
/// the machine can say what it stands for.
pub(super) fn listen(text: &str) -> Option<String> {
    let bare = !text.contains('[') && text.matches(':').count() > 1;
    let (host, behind) = if bare { (text, None) } else { host(text)? };
    let behind = match behind {
        Some(behind) => Some(port(behind)?),
        None => None,
    };
    let host = without_brackets(host);
    let shown = match address(host) {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(IpAddr::V4(address)) => address.to_string(),
        None if host.contains(':') => format!("[{host}]"),
        None if host.is_empty() => return None,
        None => host.to_owned(),
    };
    Some(match behind {
        Some(port) => format!("{shown}:{port}"),
        None => shown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, wanted) in [
            ("127.1", Some("127.0.0.1")),
            ("0x7f000001", Some("127.0.0.1")),
            ("010.0.0.1", Some("8.0.0.1")),
            ("1.2.3.256", None),
            ("1.2.3.4.5", None),
            ("::1", Some("::1")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(address(text).map(|found| found.to_string()).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn masks_must_fit() {
        let build = Build { version: (9, 2), ..Build::default() };
        for (list, fits) in [
            ("10.0.0.0/8,!10.1.0.0/16,*.example.org", true),
            ("10.0.0.1/8", false),
            ("10.0.0.0/33", false),
            ("0.0.0.0/0,::/0", true),
            ("2001:db8::/32", true),
            ("2001:db8::1/32", false),
            ("10.0.0.0/x", true),
            ("a,,b", false),
            ("!", false),
        ] {
            assert_eq!(is_address_list(list, &build), fits, "{list}");
        }
    }

    #[test]
    fn listeners() {
        for (text, wanted) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("127.0.0.1:022", Some("127.0.0.1:22")),
            ("::1", Some("[::1]")),
            ("[::1]:2222", Some("[::1]:2222")),
            ("[::1]", Some("[::1]")),
            ("host.example.org:ssh", Some("host.example.org:ssh")),
            ("127.0.0.1:0", None),
            ("127.0.0.1:", None),
            ("a/b", None),
            ("[::1", None),
            ("[::1]x", None),
        ] {
            assert_eq!(listen(text).as_deref(), wanted, "{text}");
        }
    }
}
