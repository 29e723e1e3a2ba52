//! Values as nft writes them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::kinds::{Kind, Order};

/// One value.
pub(super) fn value(kind: Kind, order: Order, bytes: &[u8]) -> String {
    match (kind, bytes) {
        (Kind::Ipv4, _) => match <[u8; 4]>::try_from(bytes) {
            Ok(address) => Ipv4Addr::from(address).to_string(),
            Err(_) => raw(bytes),
        },
        (Kind::Ipv6, _) => match <[u8; 16]>::try_from(bytes) {
            Ok(address) => Ipv6Addr::from(address).to_string(),
            Err(_) => raw(bytes),
        },
        (Kind::Ethernet, [_, ..]) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
        }
        (Kind::Name, _) => {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            format!("\"{}\"", String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()))
        }
        (Kind::Raw | Kind::Ethernet, _) => raw(bytes),
        _ => match number(order, bytes) {
            Some(number) => self::number_as(kind, number, bytes.len()),
            None => raw(bytes),
        },
    }
}

/// Two values with everything between them, or the prefix that they are the ends of.
pub(super) fn range(kind: Kind, order: Order, first: &[u8], last: &[u8]) -> String {
    if first == last {
        return value(kind, order, first);
    }
    let width = prefix(first, last);
    match (kind, width) {
        (Kind::Ipv4 | Kind::Ipv6, Some(width)) => format!("{}/{width}", value(kind, order, first)),
        // A name with an asterisk is the range of all that begin like it.
        (Kind::Name, Some(_)) => {
            let end = first.iter().position(|byte| *byte == 0).unwrap_or(first.len());
            format!("\"{}*\"", String::from_utf8_lossy(first.get(..end).unwrap_or_default()))
        }
        // The names of what lies between say nothing.
        (Kind::Names(_), _) => {
            format!("{}-{}", value(Kind::Number, order, first), value(Kind::Number, order, last))
        }
        _ => format!("{}-{}", value(kind, order, first), value(kind, order, last)),
    }
}

/// How many bits two ends have in common, when those that follow are all zeroes and all ones.
fn prefix(first: &[u8], last: &[u8]) -> Option<usize> {
    let differ: Vec<u8> = first.iter().zip(last).map(|(one, other)| one ^ other).collect();
    let width = leading_ones(&differ.iter().map(|byte| !byte).collect::<Vec<_>>())?;
    let within = first.iter().zip(&differ).all(|(byte, differ)| byte & differ == 0);
    within.then_some(width)
}

/// The length of the prefix that a mask keeps, if it keeps a prefix.
pub(super) fn leading_ones(mask: &[u8]) -> Option<usize> {
    let mut width = 0;
    let mut ended = false;
    for byte in mask {
        let ones = byte.leading_ones();
        if ended && *byte != 0 || byte.count_ones() != ones {
            return None;
        }
        width += ones as usize;
        ended |= ones < 8;
    }
    Some(width)
}

/// The number in up to eight bytes.
pub(super) fn number(order: Order, bytes: &[u8]) -> Option<u64> {
    let mut wide = [0; 8];
    let room = 8_usize.checked_sub(bytes.len())?;
    wide.get_mut(room..)?.copy_from_slice(bytes);
    // The processor's order is that of the machine that the facts come from, which runs hostduty itself.
    if order == Order::Host && cfg!(target_endian = "little") {
        wide.get_mut(room..)?.reverse();
    }
    Some(u64::from_be_bytes(wide))
}

/// A number of so many bytes.
pub(super) fn number_as(kind: Kind, number: u64, size: usize) -> String {
    let short = u32::try_from(number).ok();
    let name = |names: &[(u32, &'static str)]| {
        names.iter().find(|(value, _)| Some(*value) == short).map(|(_, name)| (*name).to_owned())
    };
    match kind {
        Kind::Names(names) => name(names).unwrap_or_else(|| number.to_string()),
        Kind::Flags(names) => flags(names, number).unwrap_or_else(|| format!("{number:#x}")),
        Kind::Mark => format!("{number:#0width$x}", width = size * 2 + 2),
        Kind::Exists => if number == 0 { "missing" } else { "exists" }.to_owned(),
        // The kernel gives the loopback the first index.
        Kind::Index if number == 1 => "\"lo\"".to_owned(),
        Kind::Priority if number == 0 => "none".to_owned(),
        Kind::Priority => format!("{:x}:{:x}", number >> 16, number & 0xffff),
        Kind::Time => time(number),
        Kind::Hour => format!("\"{:02}:{:02}\"", number / 3600, number / 60 % 60),
        _ => number.to_string(),
    }
}

/// Milliseconds in the largest units that they fill.
pub(super) fn time(mut left: u64) -> String {
    let mut shown = String::new();
    for (length, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
        if left >= length {
            shown += &format!("{}{unit}", left / length);
            left %= length;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

/// Names of the bits that are set, when each has one.
fn flags(names: &[(u32, &'static str)], number: u64) -> Option<String> {
    let set: Vec<_> = names.iter().filter(|(bit, _)| number & u64::from(*bit) != 0).collect();
    let known = set.iter().fold(0, |sum, (bit, _)| sum | u64::from(*bit)) == number;
    (known && !set.is_empty()).then(|| set.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(","))
}

fn raw(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0x0".to_owned() } else { format!("0x{digits}") }
}
