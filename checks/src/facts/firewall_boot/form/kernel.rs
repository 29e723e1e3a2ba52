//! The kernel's expressions as the steps that a file's words give too.

mod comparison;
mod lookup;

use std::collections::BTreeMap;

use super::key::{Key, Kind, Place};
use super::{Element, Step, words};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::nftables::{Expression, Family, Rule, Table, Verdict};
pub(crate) use lookup::elements;

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

/// A number of the processor's with the most significant byte first.
fn ordered(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
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
