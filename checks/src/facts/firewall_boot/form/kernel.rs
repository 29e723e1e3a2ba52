//! The kernel's expressions as the steps that a file's words give too.

use std::collections::BTreeMap;

use super::key::{Key, Kind, L4PROTO, NFPROTO, Place};
use super::{Element, Step, Test, Values, next, previous, words};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::nftables::{self, Expression, Family, Layer, Operator, Rule, Set, Table, Verdict};

/// The rule in words, or why it cannot be said in them.
pub(crate) fn rule(
    table: &Table,
    rule: &Rule,
    interfaces: &BTreeMap<u32, String>,
) -> Result<Vec<String>, String> {
    Ok(words(table.family.name(), steps(table, rule, interfaces)?))
}

/// The rule step by step.
pub(super) fn steps(
    table: &Table,
    rule: &Rule,
    interfaces: &BTreeMap<u32, String>,
) -> Result<Vec<Step>, String> {
    let ipv6 = table.family == Family::Ip6;
    let mut reader =
        Reader { table, interfaces, ipv6, icmp: false, registers: BTreeMap::new(), steps: Vec::new() };
    for expression in &rule.expressions {
        reader.expression(expression)?;
    }
    Ok(reader.steps)
}

/// The elements of a set, sorted; a gap when they were not read.
pub(crate) fn elements(set: &Set, keys: &[Key], native: bool) -> Result<Vec<Element>, String> {
    let read = set.elements.known().map_err(|gap| gap.to_string())?;
    let mut elements = Vec::new();
    let turn = |bytes: &[u8]| parts(bytes, keys, native);
    for element in read {
        if element.conditional {
            return Err(format!("set {} has elements with conditions of their own", set.name));
        }
        let data = data(element)?;
        if element.key.is_empty() {
            elements.push(Element { parts: Vec::new(), data });
        } else {
            let first = turn(&element.key)?;
            let last = turn(element.last.as_ref().unwrap_or(&element.key))?;
            elements.push(Element { parts: first.into_iter().zip(last).collect(), data });
        }
    }
    Ok(super::sorted(elements))
}

fn data(element: &nftables::Element) -> Result<Option<String>, String> {
    match &element.data {
        None => Ok(None),
        Some(nftables::Data::Verdict(end)) => verdict(end).map(Some),
        Some(_) => Err("a map gives something else than verdicts".to_owned()),
    }
}

/// The parts of a key that is a concatenation, each filled up to four bytes.
fn parts(bytes: &[u8], keys: &[Key], native: bool) -> Result<Vec<Vec<u8>>, String> {
    let wrong = || "the keys of a set have another length than what is looked up".to_owned();
    let mut rest = bytes;
    let mut parts = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let bytes = key.bytes as usize;
        let part = rest.get(..bytes).ok_or_else(wrong)?;
        parts.push(if native && key.is_native() { ordered(part) } else { part.to_vec() });
        let taken = if at.saturating_add(1) == keys.len() { bytes } else { bytes.next_multiple_of(4) };
        rest = rest.get(taken..).ok_or_else(wrong)?;
    }
    if rest.len() >= 4 { Err(wrong()) } else { Ok(parts) }
}

/// A number of the processor's with the most significant byte first.
fn ordered(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}

/// What a register holds.
#[derive(Clone)]
enum Held {
    Key { key: Key, mask: Option<Vec<u8>>, native: bool, fresh: bool },
    Bytes(Bytes),
}

struct Reader<'a> {
    table: &'a Table,
    interfaces: &'a BTreeMap<u32, String>,
    /// Whether the packet is certainly one of IPv6.
    ipv6: bool,
    /// Whether it is certainly a message of ICMP.
    icmp: bool,
    /// By piece of four bytes.
    registers: BTreeMap<u32, Held>,
    steps: Vec<Step>,
}

impl Reader<'_> {
    fn expression(&mut self, expression: &Expression) -> Result<(), String> {
        let load = |reader: &mut Self, register: &u32, place, bytes| {
            let key = Key::new(place, bytes);
            let native = key.is_native();
            reader.registers.insert(piece(*register), Held::Key { key, mask: None, native, fresh: true });
        };
        match expression {
            Expression::Verdict(end) => self.does(verdict(end)?),
            Expression::Reject { kind, code } => self.does(format!("reject {kind} {code}")),
            // They decide nothing.
            Expression::Neutral(_) => {}
            Expression::Immediate { register, data } => {
                self.registers.insert(piece(*register), Held::Bytes(data.clone()));
            }
            Expression::Payload { base, offset, length, register } => {
                load(self, register, Place::Payload(*base, *offset), *length);
            }
            Expression::Meta { key, register } => load(self, register, Place::Meta(*key), meta_bytes(*key)),
            Expression::Ct { key, direction, register } => {
                load(self, register, Place::Ct(*key, *direction), if *key == 1 { 1 } else { 4 });
            }
            Expression::Fib { result, flags, register } => {
                // NFTA_FIB_F_PRESENT, then NFT_FIB_RESULT_OIFNAME.
                let bytes = if *flags & 32 != 0 {
                    1
                } else if *result == 2 {
                    16
                } else {
                    4
                };
                load(self, register, Place::Fib(*result, *flags), bytes);
            }
            Expression::Socket { key, level, register } => {
                load(self, register, Place::Socket(*key, *level), if *key == 1 { 4 } else { 1 });
            }
            Expression::Bitwise { source, register, mask, xor, .. } => {
                self.bitwise(*source, *register, mask, xor)?
            }
            Expression::Byteorder { source, register, .. } => {
                let mut held = self.held(*source)?;
                if let Held::Key { native, .. } = &mut held {
                    *native = false;
                }
                self.registers.insert(piece(*register), held);
            }
            Expression::Compare { register, operator, value } => self.compare(*register, *operator, value)?,
            Expression::Range { register, invert, from, to } => {
                let (key, mask, native) = self.key(*register)?;
                let turn = |bytes: &Bytes| if native { ordered(bytes) } else { bytes.to_vec() };
                self.test(key, mask, *invert, Element::range(turn(from), turn(to)))?;
            }
            Expression::Lookup { set, register, destination, invert } => {
                self.lookup(set, *register, *destination, *invert)?;
            }
            Expression::Limit { rate, unit, burst, bytes, over } => {
                self.does(limit(*rate, *unit, *burst, *bytes, *over));
            }
            Expression::Quota { bytes, over } => self.does(format!("quota {} {bytes}", sign(*over))),
            Expression::Connlimit { count, over } => self.does(format!("ct count {} {count}", sign(*over))),
            Expression::Notrack => self.does("notrack".to_owned()),
            Expression::Masquerade => self.does("masquerade".to_owned()),
            Expression::Redirect { ports } => {
                let ports = self.immediate(*ports)?;
                self.does(format!("redirect {ports}"));
            }
            Expression::Nat { kind, family, addresses, ports, .. } => {
                let (addresses, ports) = (self.immediate(*addresses)?, self.immediate(*ports)?);
                self.does(format!("nat {kind} {family} {addresses} {ports}"));
            }
            Expression::MetaSet { key, register } => {
                let value = self.source(*register, Place::Meta(*key))?;
                self.does(format!("{} set {value}", Key::new(Place::Meta(*key), meta_bytes(*key))));
            }
            Expression::CtSet { key, register } => {
                let value = self.source(*register, Place::Ct(*key, None))?;
                self.does(format!("{} set {value}", Key::new(Place::Ct(*key, None), 4)));
            }
            Expression::Object { kind: 1, .. } => {}
            Expression::Object { kind, name, .. } => self.does(format!("object {kind} {name}")),
            Expression::Match(one) => self.steps.push(Step::Xtables(one.to_string())),
            Expression::Target(one) => self.steps.push(Step::Xtables(one.to_string())),
            Expression::FlowOffload(name) => self.does(format!("flow add @{name}")),
            other => {
                let name = format!("{other:?}");
                let name = name.split([' ', '(', '{']).next().unwrap_or_default().to_lowercase();
                return Err(format!("it has an expression ({name}) that hostduty does not compare"));
            }
        }
        Ok(())
    }

    fn does(&mut self, what: String) {
        self.steps.push(Step::Does(what));
    }

    fn held(&self, register: u32) -> Result<Held, String> {
        self.registers
            .get(&piece(register))
            .cloned()
            .ok_or_else(|| "it uses a register that nothing filled".to_owned())
    }

    /// The property in a register, its mask, and whether its bytes are in the processor's order.
    fn key(&mut self, register: u32) -> Result<(Key, Option<Vec<u8>>, bool), String> {
        match self.registers.get_mut(&piece(register)) {
            Some(Held::Key { key, mask, native, fresh }) => {
                *fresh = false;
                Ok((*key, mask.clone(), *native))
            }
            _ => Err("it compares what hostduty does not follow".to_owned()),
        }
    }

    fn bitwise(&mut self, source: u32, register: u32, bits: &Bytes, xor: &Bytes) -> Result<(), String> {
        let mut held = self.held(source)?;
        match &mut held {
            Held::Key { mask: mask @ None, native, .. } if xor.iter().all(|byte| *byte == 0) => {
                *mask = Some(if *native { ordered(bits) } else { bits.to_vec() });
            }
            _ => return Err("it computes with bits in a way that hostduty does not compare".to_owned()),
        }
        self.registers.insert(piece(register), held);
        Ok(())
    }

    fn compare(&mut self, register: u32, operator: Operator, bytes: &[u8]) -> Result<(), String> {
        let (key, mask, native) = self.key(register)?;
        let value = if native { ordered(bytes) } else { bytes.to_vec() };
        let (least, most) = (vec![0; value.len()], vec![0xff; value.len()]);
        let impossible = || "it compares with a number beyond all others".to_owned();
        let (first, last, invert) = match operator {
            Operator::Equal => (value.clone(), value, false),
            Operator::NotEqual => (value.clone(), value, true),
            Operator::Less => (least, previous(&value).ok_or_else(impossible)?, false),
            Operator::LessOrEqual => {
                // The second half of a range.
                if let Some(Step::Test(test)) = self.steps.last_mut()
                    && test.keys == [key]
                    && test.mask == mask
                    && !test.invert
                    && let Values::Here(elements) = &mut test.values
                    && let [Element { parts, data: None }] = elements.as_mut_slice()
                    && let [(_, last)] = parts.as_mut_slice()
                    && *last == most
                {
                    *last = value;
                    return Ok(());
                }
                (least, value, false)
            }
            Operator::Greater => (next(&value).ok_or_else(impossible)?, most, false),
            Operator::GreaterOrEqual => (value, most, false),
        };
        self.test(key, mask, invert, Element::range(first, last))
    }

    /// Adds a test; what compares the first bytes of a field tests a range of it.
    fn test(
        &mut self,
        key: Key,
        mask: Option<Vec<u8>>,
        invert: bool,
        mut element: Element,
    ) -> Result<(), String> {
        let key = key.whole(self.ipv6);
        if let Some(fields) = self.merged(key).filter(|_| mask.is_none() && !invert)
            && let [(first, last)] = element.parts.as_slice()
            && first == last
        {
            let mut rest = first.as_slice();
            for field in fields {
                let (value, after) = rest.split_at_checked(field.bytes as usize).unwrap_or((rest, &[]));
                self.test(field, None, false, Element::range(value.to_vec(), value.to_vec()))?;
                rest = after;
            }
            return Ok(());
        }
        if let (Place::Meta(L4PROTO) | Place::Payload(Layer::Network, 9 | 6), [(first, last)]) =
            (key.place, element.parts.as_slice())
        {
            self.icmp = first == last && matches!(first.as_slice(), [1 | 58]);
        }
        self.ipv6 |=
            matches!(key.place, Place::Meta(NFPROTO)) && element == Element::range(vec![10], vec![10]);
        if is_index(key) {
            self.name(&mut element)?;
        } else {
            // The rest of an address, or of a name that ends in `*`.
            let bytes = (key.bytes as usize).min(16);
            let name = matches!(key.known(), Some((_, Kind::Name)));
            for (first, last) in &mut element.parts {
                // A name that is compared with its end is a whole one.
                let rest = if name && last.last() == Some(&0) { 0 } else { 0xff };
                first.resize(bytes.max(first.len()), 0);
                last.resize(bytes.max(last.len()), rest);
            }
        }
        let values = Values::Here(vec![element]);
        self.steps.push(Step::Test(Test { keys: vec![key], mask, invert, values }));
        Ok(())
    }

    /// The fields that are loaded at once: nft(8) puts comparisons of neighbours into one.
    fn merged(&self, key: Key) -> Option<Vec<Key>> {
        let Place::Payload(layer, mut at) = key.place else { return None };
        let in_ports = layer == Layer::Transport && at == 0;
        if self.icmp && in_ports && key.bytes == 2 {
            // The type and the code.
            return Some(vec![Key::new(key.place, 1), Key::new(Place::Payload(layer, 1), 1)]);
        }
        if key.known().is_some() {
            return None;
        }
        let mut left = key.bytes;
        let mut fields = Vec::new();
        while left > 0 {
            let fits = |field: &&Key| field.bytes <= left && field.known().is_some();
            let places = [16, 6, 4, 2, 1].map(|bytes| Key::new(Place::Payload(layer, at), bytes));
            let field = *places.iter().find(fits)?;
            fields.push(field);
            at = at.checked_add(field.bytes)?;
            left = left.checked_sub(field.bytes)?;
        }
        Some(fields)
    }

    /// Puts the name of an interface in the place of its number: that is what a file has.
    fn name(&self, element: &mut Element) -> Result<(), String> {
        for (first, last) in &mut element.parts {
            let name = self.interface(first).filter(|_| first == last);
            let name = name.ok_or("it names an interface by a number that hostduty does not know")?;
            first.clone_from(&name);
            *last = name;
        }
        Ok(())
    }

    fn interface(&self, index: &[u8]) -> Option<Vec<u8>> {
        let index = u32::from_be_bytes(index.try_into().ok()?);
        self.interfaces.get(&index).map(|name| name.clone().into_bytes())
    }

    fn lookup(
        &mut self,
        name: &str,
        register: u32,
        destination: Option<u32>,
        invert: bool,
    ) -> Result<(), String> {
        let mut keys = Vec::new();
        let (mut at, mut masked, mut all_native) = (piece(register), None, true);
        while let Some(Held::Key { key, mask, native, fresh: fresh @ true }) = self.registers.get_mut(&at) {
            *fresh = false;
            all_native &= *native || !key.is_native();
            masked = masked.or_else(|| mask.clone());
            at = at.saturating_add(key.bytes.div_ceil(4));
            keys.push(*key);
        }
        if keys.is_empty() || (masked.is_some() && keys.len() > 1) {
            return Err("it looks up what hostduty does not follow".to_owned());
        }
        if !matches!(destination, None | Some(0)) {
            return Err("it looks up a value in a map".to_owned());
        }
        let verdict = destination.is_some();
        let values = if name.starts_with("__") {
            let set = self.table.sets.iter().find(|set| set.name == name);
            let set = set.ok_or_else(|| format!("the elements of its set {name} were not read"))?;
            let mut elements = elements(set, &keys, all_native)?;
            if keys.iter().copied().any(is_index) {
                if keys.len() > 1 {
                    return Err("it names interfaces by a number".to_owned());
                }
                elements.iter_mut().try_for_each(|element| self.name(element))?;
            }
            Values::Here(elements)
        } else {
            Values::Named { name: name.to_owned(), verdict }
        };
        self.steps.push(Step::Test(Test { keys, mask: masked, invert, values }));
        Ok(())
    }

    /// What two registers were filled with, as digits.
    fn immediate(&self, registers: Option<(u32, u32)>) -> Result<String, String> {
        let Some((first, last)) = registers else { return Ok("-".to_owned()) };
        match (self.held(first)?, self.held(last)?) {
            (Held::Bytes(first), Held::Bytes(last)) if first == last => Ok(first.to_string()),
            (Held::Bytes(first), Held::Bytes(last)) => Ok(format!("{first}-{last}")),
            _ => Err("it translates addresses by a map".to_owned()),
        }
    }

    /// What a mark is set to: a number, or another mark.
    fn source(&self, register: u32, place: Place) -> Result<String, String> {
        match self.held(register)? {
            Held::Bytes(bytes) => {
                let key = Key::new(place, u32::try_from(bytes.len()).unwrap_or(0));
                let bytes = if key.is_native() { Bytes::from(ordered(&bytes)) } else { bytes };
                Ok(bytes.to_string())
            }
            Held::Key { key, mask: None, .. } => Ok(key.to_string()),
            Held::Key { .. } => Err("it sets a mark from some bits of another".to_owned()),
        }
    }
}

fn is_index(key: Key) -> bool {
    matches!(key.known(), Some((_, Kind::Index)))
}

/// Registers of 16 bytes and of 4 bytes name the same space.
fn piece(register: u32) -> u32 {
    match register {
        1..=4 => register.saturating_sub(1).saturating_mul(4),
        other => other.saturating_sub(8),
    }
}

fn meta_bytes(key: u32) -> u32 {
    match key {
        6 | 7 => 16,
        15 | 16 | 19 => 1,
        1 | 8 | 9 => 2,
        _ => 4,
    }
}

fn sign(over: bool) -> &'static str {
    if over { "over" } else { "until" }
}

/// `limit` in the words of both sides.
pub(crate) fn limit(rate: u64, unit: u64, burst: u32, bytes: bool, over: bool) -> String {
    let what = if bytes { "bytes" } else { "packets" };
    format!("limit {} {rate}/{unit}s burst {burst} {what}", sign(over))
}

fn verdict(verdict: &Verdict) -> Result<String, String> {
    Ok(match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        Verdict::Queue | Verdict::Other(_) => return Err("it hands packets to a program".to_owned()),
    })
}
