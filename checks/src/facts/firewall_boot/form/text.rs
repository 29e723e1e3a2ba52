//! Tests in words close to those of nft(8).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::key::Kind;
use super::{Element, Key, Test, Values, sorted};

impl Test {
    /// A test of the first bits of a field as a test of a range.
    pub(super) fn without_prefix(mut self) -> Self {
        if let (Some(bits), Values::Here(elements), [_]) =
            (&self.mask, &mut self.values, self.keys.as_slice())
            && elements.iter().all(|element| prefix(element, bits))
        {
            for (_, last) in elements.iter_mut().flat_map(|element| &mut element.parts) {
                for (byte, mask) in last.iter_mut().zip(bits) {
                    *byte |= !mask;
                }
            }
            self.mask = None;
        }
        self
    }

    /// The same words for the same test, whoever wrote it.
    pub(crate) fn words(self) -> String {
        let Self { keys: all, mask, mut invert, mut values } = self.without_prefix();
        if let Values::Here(elements) = &mut values {
            *elements = sorted(std::mem::take(elements));
        }
        let mut keys = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" . ");
        if let Some(mask) = mask {
            keys += &format!(" & {}", hexadecimal(&mask));
            // `!= 0` of a mask of one bit is `==` that bit.
            if invert
                && mask.iter().map(|byte| byte.count_ones()).sum::<u32>() == 1
                && let Values::Here(elements) = &mut values
                && let [Element { parts, data: None }] = elements.as_mut_slice()
                && let [(first, last)] = parts.as_mut_slice()
                && first == last
                && first.iter().all(|byte| *byte == 0)
            {
                first.clone_from(&mask);
                last.clone_from(&mask);
                invert = false;
            }
        }
        let values = match &values {
            Values::Named { name, verdict: false } => format!("@{name}"),
            Values::Named { name, verdict: true } => format!("vmap @{name}"),
            Values::Here(elements) => {
                let map = if elements.iter().any(|element| element.data.is_some()) { "vmap " } else { "" };
                let shown: Vec<String> = elements.iter().map(|element| shown(&all, element)).collect();
                match shown.as_slice() {
                    [one] if map.is_empty() => one.clone(),
                    several => format!("{map}{{ {} }}", several.join(", ")),
                }
            }
        };
        format!("{keys} {}{values}", if invert { "!= " } else { "" })
    }
}

/// Whether the mask leaves the first bits of a value, and the value has no others.
fn prefix(element: &Element, mask: &[u8]) -> bool {
    let mut ended = false;
    for byte in mask {
        if ended && *byte != 0 || byte.leading_ones() + byte.trailing_zeros() < 8 {
            return false;
        }
        ended |= *byte != 0xff;
    }
    let inside = |(first, last): &(Vec<u8>, Vec<u8>)| {
        first == last
            && first.len() == mask.len()
            && first.iter().zip(mask).all(|(byte, mask)| byte & !mask == 0)
    };
    mask.first().is_some_and(|byte| *byte != 0)
        && element.parts.len() == 1
        && element.parts.iter().all(inside)
}

/// An element of a set with these keys.
pub(crate) fn shown(keys: &[Key], element: &Element) -> String {
    let mut parts = Vec::new();
    for (at, (first, last)) in element.parts.iter().enumerate() {
        parts.push(range(keys.get(at).copied(), first, last));
    }
    let key = if parts.is_empty() { "*".to_owned() } else { parts.join(" . ") };
    match &element.data {
        Some(data) => format!("{key} : {data}"),
        None => key,
    }
}

fn range(key: Option<Key>, first: &[u8], last: &[u8]) -> String {
    let kind = key.and_then(Key::known).map(|(_, kind)| kind);
    if first == last {
        return value(kind, first);
    }
    if kind == Some(Kind::Name) {
        let same: Vec<u8> = first.iter().zip(last).take_while(|(a, b)| a == b).map(|(a, _)| *a).collect();
        return format!("{}*", String::from_utf8_lossy(&same));
    }
    format!("{}-{}", value(kind, first), value(kind, last))
}

fn value(kind: Option<Kind>, bytes: &[u8]) -> String {
    let number = || bytes.iter().fold(0_u64, |number, byte| number.wrapping_shl(8) | u64::from(*byte));
    match (kind, bytes) {
        (Some(Kind::Ipv4), _) if let Ok(bytes) = <[u8; 4]>::try_from(bytes) => {
            Ipv4Addr::from(bytes).to_string()
        }
        (Some(Kind::Ipv6), _) if let Ok(bytes) = <[u8; 16]>::try_from(bytes) => {
            Ipv6Addr::from(bytes).to_string()
        }
        (Some(Kind::Name | Kind::Index), _) => {
            String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
        }
        (Some(Kind::Protocol), [1]) => "icmp".to_owned(),
        (Some(Kind::Protocol), [6]) => "tcp".to_owned(),
        (Some(Kind::Protocol), [17]) => "udp".to_owned(),
        (Some(Kind::Protocol), [58]) => "ipv6-icmp".to_owned(),
        (Some(Kind::Nfproto), [2]) => "ipv4".to_owned(),
        (Some(Kind::Nfproto), [10]) => "ipv6".to_owned(),
        (Some(Kind::Mac | Kind::State | Kind::Status | Kind::TcpFlags), _) => hexadecimal(bytes),
        (_, bytes) if bytes.len() <= 4 => number().to_string(),
        _ => hexadecimal(bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
