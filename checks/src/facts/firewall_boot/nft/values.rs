//! Values as nft(8) takes them: addresses, ports, names of services, flags; alone, as ranges and in sets.

mod names;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::context;
use super::lexer::Token;
use crate::facts::firewall_boot::form::key::{KEYS, Kind};
use crate::facts::firewall_boot::form::{self, Element, Key};
use names::{ICMP, ICMPV6, PROTOCOLS, SERVICES};

/// A field with the kind of its values: fields of several protocols may lie in the same place.
pub(super) type Typed = (Key, Kind);

/// First and last value.
type Range = (Vec<u8>, Vec<u8>);

/// The key of a set by the names of its types; a map has to give verdicts.
pub(super) fn keys_of_types(words: &[Token]) -> Result<Vec<Typed>, String> {
    let (key, data) = before_colon(words);
    if data.is_some_and(|data| !data.first().is_some_and(|word| word.is("verdict"))) {
        return Err("a map gives something else than verdicts".to_owned());
    }
    key.split(|word| word.is("."))
        .map(|part| part.first().map(|word| word.text.as_str()).and_then(type_key))
        .map(|key| key.ok_or_else(|| "a set has a type that hostduty does not compare".to_owned()))
        .collect()
}

/// The key of a set by fields of packets.
pub(super) fn keys_of_fields(words: &[Token]) -> Result<Vec<Typed>, String> {
    let (key, data) = before_colon(words);
    if data.is_some_and(|data| !data.first().is_some_and(|word| word.is("verdict"))) {
        return Err("a map gives something else than verdicts".to_owned());
    }
    let mut rest = key;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let (found, name, taken) =
            context::key(rest).ok_or("a set has a key that hostduty does not compare")?;
        keys.push((found, kind_of(name)));
        rest = rest.get(taken..).unwrap_or_default();
        rest = rest.strip_prefix_token(".");
    }
    Ok(keys)
}

/// Leaves a sign out at the beginning.
trait StripPrefix {
    fn strip_prefix_token(&self, sign: &str) -> &Self;
}

impl StripPrefix for [Token] {
    fn strip_prefix_token(&self, sign: &str) -> &Self {
        match self {
            [first, rest @ ..] if first.is(sign) => rest,
            all => all,
        }
    }
}

fn before_colon(words: &[Token]) -> (&[Token], Option<&[Token]>) {
    let Some(at) = words.iter().position(|word| word.is(":")) else { return (words, None) };
    (words.get(..at).unwrap_or_default(), words.get(at.saturating_add(1)..))
}

/// A field of packets that has values of this type.
fn type_key(name: &str) -> Option<Typed> {
    let field = match name {
        "ipv4_addr" => "ip saddr",
        "ipv6_addr" => "ip6 saddr",
        "ether_addr" => "ether saddr",
        "ether_type" => "ether type",
        "inet_proto" => "meta l4proto",
        "inet_service" => "th dport",
        "icmp_type" => "icmp type",
        "icmpv6_type" => "icmpv6 type",
        "mark" => "meta mark",
        "ifname" => "meta iifname",
        "nf_proto" => "meta nfproto",
        "ct_state" => "ct state",
        _ => return None,
    };
    KEYS.iter().find(|entry| entry.0 == field).map(|entry| (Key::new(entry.1, entry.2), entry.3))
}

/// The kind of values that a field has.
pub(super) fn kind_of(name: &str) -> Kind {
    KEYS.iter().find(|entry| entry.0 == name).map_or(Kind::Number, |entry| entry.3)
}

/// The same for the number that the kernel keeps for nft: types of six bits each, the first in the highest bits.
pub(crate) fn keys_of_number(number: u32) -> Option<Vec<Key>> {
    let mut rest = number;
    let mut keys = Vec::new();
    while rest != 0 {
        keys.push(
            type_key(match rest & 0x3f {
                2 => "nf_proto",
                7 => "ipv4_addr",
                8 => "ipv6_addr",
                9 => "ether_addr",
                10 => "ether_type",
                12 => "inet_proto",
                13 => "inet_service",
                14 => "icmp_type",
                19 => "mark",
                26 => "ct_state",
                29 => "icmpv6_type",
                41 => "ifname",
                _ => return None,
            })?
            .0,
        );
        rest >>= 6;
    }
    keys.reverse();
    (!keys.is_empty()).then_some(keys)
}

/// Elements in braces, nested ones too: a name that stands for a set may be an element of another.
pub(super) fn braces(keys: &[Typed], words: &[Token]) -> Result<Vec<Element>, String> {
    let mut elements = Vec::new();
    let inside = words.iter().filter(|word| !word.is("\n")).collect::<Vec<_>>();
    for one in inside.split(|word| word.is(",") || word.is("{") || word.is("}")) {
        if !one.is_empty() {
            elements.push(element(keys, one)?);
        }
    }
    Ok(elements)
}

fn element(keys: &[Typed], words: &[&Token]) -> Result<Element, String> {
    let colon = words.iter().position(|word| word.is(":"));
    let (key, data) = words.split_at_checked(colon.unwrap_or(words.len())).unwrap_or((words, &[]));
    let data = match data {
        [_, verdict] if ["accept", "drop", "return", "continue"].iter().any(|known| verdict.is(known)) => {
            Some(verdict.text.clone())
        }
        [_, verb, chain] if verb.is("jump") || verb.is("goto") => {
            Some(format!("{} {}", verb.text, chain.text))
        }
        [] => None,
        _ => return Err("a map gives something else than verdicts".to_owned()),
    };
    // Comments do not decide; times and counters change.
    let end = key
        .iter()
        .position(|word| ["comment", "timeout", "expires", "counter"].iter().any(|name| word.is(name)));
    if end.is_some_and(|end| key.get(end).is_some_and(|word| word.is("timeout"))) {
        return Err("an element has a time of its own".to_owned());
    }
    let key = key.get(..end.unwrap_or(key.len())).unwrap_or_default();
    if let [any] = key
        && any.is("*")
    {
        return Ok(Element { parts: Vec::new(), data });
    }
    let parts: Vec<&[&Token]> = key.split(|word| word.is(".")).collect();
    if parts.len() != keys.len() {
        return Err("an element has another number of parts than its set".to_owned());
    }
    let parts = parts.iter().zip(keys).map(|(words, key)| range(*key, words)).collect::<Result<_, _>>()?;
    Ok(Element { parts, data })
}

/// Elements in words.
pub(super) fn shown(keys: &[Typed], elements: &[Element]) -> Vec<String> {
    let keys: Vec<Key> = keys.iter().map(|(key, _)| *key).collect();
    elements.iter().map(|element| form::shown(&keys, element)).collect()
}

/// A value, a range or a prefix.
pub(super) fn range((key, kind): Typed, words: &[&Token]) -> Result<Range, String> {
    let wrong = || {
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        format!("hostduty does not know the value {text:?}")
    };
    let one = |text: &str| value(kind, key.bytes, text);
    match words {
        [word] if kind == Kind::Name => {
            let name = word.text.as_bytes();
            let padded = |name: &[u8], with: u8| {
                let mut bytes = name.to_vec();
                bytes.resize(16, with);
                bytes
            };
            match name.strip_suffix(b"*") {
                _ if name.len() > 15 => Err(wrong()),
                Some(start) if !start.ends_with(b"\\") => Ok((padded(start, 0), padded(start, 0xff))),
                _ => Ok((padded(name, 0), padded(name, 0))),
            }
        }
        [word] => {
            let text = word.text.as_str();
            if let Some(value) = one(text) {
                return Ok((value.clone(), value));
            }
            if let Some((address, length)) = text.split_once('/') {
                return prefix(one(address).ok_or_else(wrong)?, length).ok_or_else(wrong);
            }
            let (first, last) = text.split_once('-').ok_or_else(wrong)?;
            Ok((one(first).ok_or_else(wrong)?, one(last).ok_or_else(wrong)?))
        }
        [first, dash, last] if dash.is("-") => {
            Ok((one(&first.text).ok_or_else(wrong)?, one(&last.text).ok_or_else(wrong)?))
        }
        _ => Err(wrong()),
    }
}

fn prefix(address: Vec<u8>, length: &str) -> Option<Range> {
    let length: usize = length.parse().ok()?;
    if length > address.len().saturating_mul(8) {
        return None;
    }
    let (mut first, mut last) = (address.clone(), address);
    for (at, (low, high)) in first.iter_mut().zip(&mut last).enumerate() {
        let bits = length.saturating_sub(at.saturating_mul(8)).min(8);
        let mask = !(0xff_u16 >> bits).to_le_bytes().first().copied().unwrap_or(0);
        *low &= mask;
        *high |= !mask;
    }
    Some((first, last))
}

/// One value with the most significant byte first.
pub(super) fn value(kind: Kind, bytes: u32, text: &str) -> Option<Vec<u8>> {
    let named =
        |names: &[(&str, u64)]| names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    let number = match kind {
        Kind::Ipv4 => return text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec()),
        Kind::Ipv6 => return text.parse::<Ipv6Addr>().ok().map(|address| address.octets().to_vec()),
        Kind::Mac => {
            let parts: Option<Vec<u8>> =
                text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
            return parts.filter(|parts| parts.len() == 6);
        }
        Kind::Index if text.parse::<u32>().is_err() => return Some(text.as_bytes().to_vec()),
        Kind::Index | Kind::Name => return None,
        Kind::Port => named(SERVICES),
        Kind::Protocol => named(PROTOCOLS),
        Kind::EtherType => {
            named(&[("ip", 0x800), ("arp", 0x806), ("ip6", 0x86dd), ("vlan", 0x8100), ("8021q", 0x8100)])
        }
        Kind::Nfproto => named(&[("ipv4", 2), ("ipv6", 10)]),
        Kind::Icmp => named(ICMP),
        Kind::Icmpv6 => named(ICMPV6),
        Kind::TcpFlags => named(&[
            ("fin", 1),
            ("syn", 2),
            ("rst", 4),
            ("psh", 8),
            ("ack", 16),
            ("urg", 32),
            ("ecn", 64),
            ("cwr", 128),
        ]),
        Kind::State => {
            named(&[("invalid", 1), ("established", 2), ("related", 4), ("new", 8), ("untracked", 64)])
        }
        Kind::Status => named(&[
            ("expected", 1),
            ("seen-reply", 2),
            ("assured", 4),
            ("confirmed", 8),
            ("snat", 16),
            ("dnat", 32),
            ("dying", 512),
        ]),
        Kind::AddressType => named(&[
            ("unspec", 0),
            ("unicast", 1),
            ("local", 2),
            ("broadcast", 3),
            ("anycast", 4),
            ("multicast", 5),
            ("blackhole", 6),
            ("unreachable", 7),
            ("prohibit", 8),
        ]),
        Kind::PacketType => {
            named(&[("host", 0), ("unicast", 0), ("broadcast", 1), ("multicast", 2), ("other", 3)])
        }
        Kind::Presence => {
            named(&[("exists", 1), ("missing", 0), ("true", 1), ("false", 0), ("1", 1), ("0", 0)])
        }
        Kind::Number => None,
    };
    let number = number.or_else(|| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    })?;
    let all = number.to_be_bytes();
    let (high, low) = all.split_at_checked(8_usize.checked_sub(bytes as usize)?)?;
    high.iter().all(|byte| *byte == 0).then(|| low.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_numbers() {
        let wanted = (vec![172, 16, 0, 0], vec![172, 31, 255, 255]);
        assert_eq!(prefix(vec![172, 16, 9, 9], "12"), Some(wanted));
        assert_eq!(prefix(vec![1, 2, 3, 4], "33"), None);
        assert_eq!(prefix(vec![1, 2, 3, 4], "32"), Some((vec![1, 2, 3, 4], vec![1, 2, 3, 4])));
        assert_eq!(value(Kind::Port, 2, "ssh"), Some(vec![0, 22]));
        assert_eq!(value(Kind::Port, 2, "65536"), None);
        assert_eq!(value(Kind::Number, 4, "0x10"), Some(vec![0, 0, 0, 16]));
    }
}
