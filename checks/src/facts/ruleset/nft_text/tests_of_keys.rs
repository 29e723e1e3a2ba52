//! Comparisons, ranges and lookups: what a rule tests.

use super::kinds::{self, Kind, Order};
use super::registers::Key;
use super::{Expression, Text, fields, values, verdict};
use crate::facts::ruleset::nftables::{Data, Element, Family, Operator, Set};
use crate::gap::Reading;

/// NFT_SET_ANONYMOUS
const ANONYMOUS: u32 = 1;
/// More elements than this are not put in order before the first ones are shown.
const SORTED: usize = 4096;

impl Text<'_> {
    /// A comparison; of several keys at once when nft has put them together.
    pub(super) fn compare(&mut self, register: u32, operator: Operator, value: &[u8]) {
        let parts = self.registers.parts(register, value.len());
        if parts.is_empty() {
            let value = values::value(Kind::Raw, Order::Network, value);
            return self.push(format!("[register {register}] {}{value}", sign(operator)));
        }
        for (offset, key) in parts {
            let value = value.get(offset..).unwrap_or_default();
            let value = value.get(..key.length).unwrap_or(value);
            self.compare_one(&key, operator, value);
        }
    }

    fn compare_one(&mut self, key: &Key, operator: Operator, value: &[u8]) {
        let clause = match &key.mask {
            Some((mask, xor)) => self.masked(key, operator, value, mask, xor),
            // An interface by the start of its name.
            None if key.kind == Kind::Name && value.len() < key.size && !value.contains(&0) => {
                format!("{} {}\"{}*\"", key.name, sign(operator), String::from_utf8_lossy(value))
            }
            // An address by its first bytes.
            None if matches!(key.kind, Kind::Ipv4 | Kind::Ipv6) && value.len() < key.size => {
                let mut address = value.to_vec();
                address.resize(key.size, 0);
                let address = values::value(key.kind, key.order, &address);
                format!("{} {}{address}/{}", key.name, sign(operator), value.len() * 8)
            }
            None => {
                let operator = match (key.kind, operator) {
                    // Flags that are all that is set, and not among what is set.
                    (Kind::Flags(_), Operator::Equal) => "== ",
                    (_, operator) => sign(operator),
                };
                format!("{} {operator}{}", key.name, values::value(key.kind, key.order, value))
            }
        };
        self.push(clause);
        if key.mask.is_none() && operator == Operator::Equal {
            self.learn(key, value);
        }
    }

    /// What a comparison says about the protocols of the packet.
    fn learn(&mut self, key: &Key, value: &[u8]) {
        let clause = self.clauses.len().checked_sub(1);
        match (key.name.as_str(), value) {
            ("meta l4proto" | "ip protocol" | "ip6 nexthdr", [protocol]) => {
                self.transport = Some(*protocol);
                // In a table of one family nft adds the latter by itself.
                let added = key.name == "meta l4proto" || self.table.family != Family::Inet;
                self.transport_clause = clause.filter(|_| added);
            }
            ("meta iiftype", _) => self.link_clause = clause,
            ("meta nfproto", [family]) => {
                self.network = Some(*family);
                self.network_clause = clause;
            }
            ("meta protocol" | "ether type", [0x08, 0x00]) => {
                self.network = Some(fields::IPV4);
                self.network_clause = clause;
            }
            ("meta protocol" | "ether type", [0x86, 0xdd]) => {
                self.network = Some(fields::IPV6);
                self.network_clause = clause;
            }
            _ => {}
        }
    }

    fn masked(&self, key: &Key, operator: Operator, value: &[u8], mask: &[u8], xor: &[u8]) -> String {
        let sign = sign(operator);
        if xor.iter().any(|byte| *byte != 0) {
            let [mask, xor, value] =
                [mask, xor, value].map(|bytes| values::value(key.kind, key.order, bytes));
            return format!("{} & {mask} ^ {xor} {sign}{value}", key.name);
        }
        if matches!(key.kind, Kind::Ipv4 | Kind::Ipv6)
            && let Some(width) = values::leading_ones(mask)
        {
            let mut address = value.to_vec();
            address.resize(key.size, 0);
            return format!("{} {sign}{}/{width}", key.name, values::value(key.kind, key.order, &address));
        }
        let part = key.place.and_then(|place| fields::part(self.network, self.transport, place, mask));
        if let Some((name, shift, kind)) = part {
            let number = values::number(Order::Network, value).unwrap_or(0) >> shift;
            return format!("{name} {sign}{}", values::number_as(kind, number, 1));
        }
        let shown = |bytes: &[u8]| values::value(key.kind, key.order, bytes);
        let zero = value.iter().all(|byte| *byte == 0);
        match (key.kind, operator) {
            (Kind::Flags(_), Operator::NotEqual) if zero => format!("{} {}", key.name, shown(mask)),
            (Kind::Flags(_), Operator::Equal) if zero => format!("{} ! {}", key.name, shown(mask)),
            (Kind::Flags(_), _) => format!("{} {sign}{} / {}", key.name, shown(value), shown(mask)),
            (_, Operator::Equal) => {
                format!("{} & {} == {}", key.name, hexadecimal(key, mask), hexadecimal(key, value))
            }
            _ => format!("{} & {} {sign}{}", key.name, hexadecimal(key, mask), hexadecimal(key, value)),
        }
    }

    /// A range that nft writes as two comparisons.
    pub(super) fn range(&mut self, first: &Expression, last: &Expression) {
        if let (Expression::Compare { register, value: from, .. }, Expression::Compare { value: to, .. }) =
            (first, last)
        {
            self.between(*register, false, from, to);
        }
    }

    pub(super) fn between(&mut self, register: u32, invert: bool, from: &[u8], to: &[u8]) {
        let parts = self.registers.parts(register, from.len());
        let sign = if invert { "!= " } else { "" };
        let clause = match parts.as_slice() {
            [(_, key)] if key.mask.is_none() => {
                format!("{} {sign}{}", key.name, values::range(key.kind, key.order, from, to))
            }
            parts => {
                let range = values::range(Kind::Raw, Order::Network, from, to);
                format!("{} {sign}{range}", names(parts))
            }
        };
        self.push(clause);
    }

    /// A lookup in a set or a verdict map, or one in a map whose value a statement uses.
    pub(super) fn lookup(&mut self, name: &str, register: u32, destination: Option<u32>, invert: bool) {
        let set = self.set(name);
        // Longer than any key; what is not loaded ends it.
        let length = set.map_or(64, |set| set.key_length.min(64) as usize);
        let parts = self.registers.parts(register, length);
        let keys = names(&parts);
        let shown = match set {
            Some(set) if set.flags & ANONYMOUS != 0 => self.contents(set, &parts),
            Some(_) => format!("@{name}"),
            // The kernel's own name of a set that has none says nothing.
            None if name.starts_with("__") => "[set]".to_owned(),
            None => format!("@{name}"),
        };
        match destination {
            Some(0) => self.push(format!("{keys} vmap {shown}")),
            None => self.push(format!("{keys} {}{shown}", if invert { "!= " } else { "" })),
            Some(destination) => {
                let mut key = Key::new(format!("{keys} map {shown}"), Kind::Raw, Order::Network, 4);
                // A concatenation of an address and a port lies in two registers.
                key.length = set.map_or(4, data_length);
                self.registers.load(destination, key);
            }
        }
    }

    /// The elements of a set that is written in the rule.
    fn contents(&self, set: &Set, parts: &[(usize, Key)]) -> String {
        let elements = match &set.elements {
            Reading::Known(elements) => elements,
            Reading::Gap(gap) => return format!("{{ [{gap}] }}"),
        };
        let mut order: Vec<&Element> = elements.iter().collect();
        if order.len() <= SORTED {
            // The one that takes every other key comes last.
            order.sort_by_key(|element| (element.key.is_empty(), sortable(&element.key, parts)));
        }
        let kinds = set.data_type.map(kinds::of_type).unwrap_or_default();
        let mut shown: Vec<String> =
            order.iter().take(self.elements).map(|element| one(element, parts, &kinds)).collect();
        let more = order.len() - shown.len();
        match (more, shown.is_empty()) {
            (0, true) => return "{ }".to_owned(),
            (0, false) => {}
            (more, true) => shown.push(format!("… {}", grouped(more))),
            (more, false) => shown.push(format!("… {} more", grouped(more))),
        }
        format!("{{ {} }}", shown.join(", "))
    }
}

/// An element in nft's words.
fn one(element: &Element, parts: &[(usize, Key)], kinds: &[(Kind, Order)]) -> String {
    let key = if element.key.is_empty() { "*".to_owned() } else { key(element, parts) };
    match &element.data {
        None => key,
        Some(Data::Verdict(data)) => format!("{key} : {}", verdict(data)),
        Some(Data::Object(name)) => format!("{key} : \"{name}\""),
        Some(Data::Value(bytes)) => format!("{key} : {}", concatenated(bytes, kinds)),
    }
}

fn key(element: &Element, parts: &[(usize, Key)]) -> String {
    let last = element.last.as_ref().unwrap_or(&element.key);
    if parts.is_empty() {
        return values::range(Kind::Raw, Order::Network, &element.key, last);
    }
    let part = |(offset, key): &(usize, Key)| {
        let of = |bytes: &[u8]| {
            let bytes = bytes.get(*offset..).unwrap_or_default();
            bytes.get(..key.length).unwrap_or(bytes).to_vec()
        };
        values::range(key.kind, key.order, &of(&element.key), &of(last))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" . ")
}

/// Keys sort as numbers do.
fn sortable(bytes: &[u8], parts: &[(usize, Key)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let [(0, key)] = parts
        && key.order == Order::Host
        && !matches!(key.kind, Kind::Name)
        && cfg!(target_endian = "little")
    {
        bytes.reverse();
    }
    bytes
}

/// Values of several types, each at a multiple of four bytes.
pub(super) fn concatenated(bytes: &[u8], kinds: &[(Kind, Order)]) -> String {
    let mut rest = bytes;
    let mut shown = Vec::new();
    for (at, (kind, order)) in kinds.iter().enumerate() {
        let size = match kind {
            Kind::Ipv4 | Kind::Mark | Kind::Index => 4,
            Kind::Ipv6 | Kind::Name => 16,
            Kind::Ethernet => 6,
            Kind::Number if *order == Order::Network => 2,
            _ => rest.len(),
        };
        let size = if at + 1 == kinds.len() && kinds.len() == 1 { bytes.len() } else { size };
        let Some(part) = rest.get(..size) else { break };
        shown.push(values::value(*kind, *order, part));
        rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    if shown.is_empty() { values::value(Kind::Raw, Order::Network, bytes) } else { shown.join(" . ") }
}

/// Bytes of the data of a map, as far as its elements tell.
fn data_length(set: &Set) -> usize {
    let first = set.elements.value().and_then(|elements| elements.first());
    match first.and_then(|element| element.data.as_ref()) {
        Some(Data::Value(bytes)) => bytes.len(),
        _ => 4,
    }
}

fn names(parts: &[(usize, Key)]) -> String {
    if parts.is_empty() {
        return "[register]".to_owned();
    }
    let name = |(_, key): &(usize, Key)| match &key.mask {
        Some((mask, xor)) if xor.iter().all(|byte| *byte == 0) => {
            format!("{} & {}", key.name, values::value(key.kind, key.order, mask))
        }
        Some(_) => "[bitwise]".to_owned(),
        None => key.name.clone(),
    };
    parts.iter().map(name).collect::<Vec<_>>().join(" . ")
}

/// Masks of numbers are hexadecimal.
fn hexadecimal(key: &Key, bytes: &[u8]) -> String {
    if key.kind == Kind::Number && bytes.iter().all(|byte| *byte == 0) {
        return "0".to_owned();
    }
    let kind = if key.kind == Kind::Number { Kind::Mark } else { key.kind };
    values::value(kind, key.order, bytes)
}

/// With the space that follows it; nothing for equality.
fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "",
        Operator::NotEqual => "!= ",
        Operator::Less => "< ",
        Operator::LessOrEqual => "<= ",
        Operator::Greater => "> ",
        Operator::GreaterOrEqual => ">= ",
    }
}

/// A number with commas between the thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}
