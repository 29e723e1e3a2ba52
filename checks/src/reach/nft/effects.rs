//! What expressions of nftables do with a packet, apart from loading and comparing.

use super::registers::{Property, Registers};
use super::{Compiler, loads, push, sets};
use crate::facts::ruleset::nftables::Expression;
use crate::reach::context::Context;
use crate::reach::program::{self, Action, Field, Rewrite, STATE_NEW, Step, Test};

impl<'a> Compiler<'a> {
    /// What an expression does that loads nothing.
    pub(super) fn effect(&self, expression: &'a Expression, registers: &Registers) -> Vec<Step> {
        let chance = |what: &str| vec![Step::Test(Test::Chance(what.into()))];
        let ends = |action| vec![Step::Then(action)];
        let unknown = |reason: &str| vec![Step::Then(Action::Unknown(reason.into()))];
        match expression {
            Expression::Neutral(_) => Vec::new(),
            Expression::Verdict(verdict) => vec![Step::Then(self.action(verdict))],
            Expression::Reject { .. } => ends(Action::Reject),
            Expression::Limit { .. } => chance("limit"),
            Expression::Quota { .. } => chance("quota"),
            Expression::Connlimit { .. } => chance("ct count"),
            // NFT_OBJECT_*: those that count, watch or label decide nothing.
            Expression::Object { kind: 1 | 3 | 7 | 8 | 9, .. } => Vec::new(),
            Expression::Object { kind: 2, .. } => chance("quota"),
            Expression::Object { kind: 4, .. } => chance("limit"),
            Expression::Object { kind: 5, .. } => chance("ct count"),
            // A map gives the object's name; a key that it does not have ends the rule.
            Expression::Object { kind: 0, name, register: Some(register) } => {
                let mut steps = Vec::new();
                push(&mut steps, self.lookup(name, *register, registers));
                match self.sets.object(name) {
                    Some(1 | 3 | 7 | 8 | 9) => {}
                    Some(2 | 4 | 5) => steps.extend(chance("an object of a map")),
                    _ => steps.push(Step::Test(Context::unknown("an object of a map is not known"))),
                }
                steps
            }
            Expression::Object { .. } => vec![Step::Test(Context::unknown("an object is not known"))],
            Expression::Dynset { set, operation, expressions, invert, .. } => {
                if *operation > 1 || *invert {
                    return vec![Step::Test(Context::unknown(format!(
                        "what it changes in {set} is not followed"
                    )))];
                }
                let mut steps = vec![Step::Adds(set.as_str().into())];
                if expressions.iter().any(|one| !matches!(one, Expression::Neutral(_))) {
                    steps.push(Step::Test(Test::Chance("limit".into())));
                }
                steps
            }
            Expression::MetaSet { key: 3, register } => mark(registers, *register),
            Expression::MetaSet { .. } => Vec::new(),
            Expression::CtSet { key: 3, register } => connection_mark(registers, *register),
            Expression::CtSet { .. } | Expression::ExthdrSet { .. } => Vec::new(),
            Expression::PayloadSet { .. } => {
                vec![Step::ForgetPacket("a rule wrote into the packet".into())]
            }
            Expression::Notrack => vec![Step::Untrack],
            Expression::Nat { kind: 1, family, addresses, ports, .. } => {
                // NFPROTO_INET takes both families.
                let own = u32::from(loads::family_number(self.context.family));
                if ![own, 1].contains(family) {
                    return vec![Step::Test(Test::Never)];
                }
                match self.rewrite(registers, *addresses, *ports) {
                    Some(choice) => ends(Action::Destination(vec![choice])),
                    None => unknown("the new destination is not a fixed one"),
                }
            }
            Expression::Nat { .. } | Expression::Masquerade => ends(Action::Source),
            Expression::Redirect { ports } => {
                match ports.map(|(first, last)| port_range(registers, first, last)) {
                    None => ends(Action::Redirect(None)),
                    Some(Some(ports)) => ends(Action::Redirect(Some(ports))),
                    Some(None) => unknown("the new port is not a fixed one"),
                }
            }
            Expression::Queue { .. } => unknown("a program decides (queue)"),
            Expression::Tproxy { .. } => unknown(program::PROXY),
            Expression::Synproxy => unknown("synproxy answers it"),
            // Only established connections take the short cut; the expression ends the rule for others.
            Expression::FlowOffload(_) => vec![Step::Test(Test::Never)],
            Expression::Other(name) if name == "dup" => Vec::new(),
            Expression::Other(name) => unknown(&format!("{name} is not understood")),
            _ => Vec::new(),
        }
    }

    fn rewrite(
        &self,
        registers: &Registers,
        addresses: Option<(u32, u32)>,
        ports: Option<(u32, u32)>,
    ) -> Option<Rewrite> {
        let width = usize::try_from(self.context.family.bits() / 8).ok()?;
        let address = |register| registers.known(register, width).map(|bytes| sets::number(&bytes));
        let addresses = match addresses {
            None => None,
            Some((first, last)) => Some((address(first)?, address(last)?)),
        };
        let ports = match ports {
            None => None,
            Some((first, last)) => Some(port_range(registers, first, last)?),
        };
        Some(Rewrite { addresses, ports })
    }
}

fn port_range(registers: &Registers, first: u32, last: u32) -> Option<(u16, u16)> {
    let port =
        |register| registers.known(register, 2).and_then(|bytes| u16::try_from(sets::number(&bytes)).ok());
    Some((port(first)?, port(last)?))
}

/// `meta mark set`: to a number, to the mark itself with bits changed, to the connection's mark.
fn mark(registers: &Registers, register: u32) -> Vec<Step> {
    if let Some(value) = registers.known(register, 4) {
        return vec![Step::SetMark { and: 0, xor: little(&value) }];
    }
    match registers.masked(register) {
        Some((Property::Number(Field::Mark, _), and, xor)) => vec![Step::SetMark { and, xor }],
        Some((Property::Number(Field::ConnectionMark, _), u32::MAX, 0)) => {
            vec![Step::Test(Test::State(STATE_NEW)), Step::RestoreMark { mask: u32::MAX }]
        }
        _ => vec![Step::ForgetMark],
    }
}

/// `ct mark set` likewise.
fn connection_mark(registers: &Registers, register: u32) -> Vec<Step> {
    if let Some(value) = registers.known(register, 4) {
        return vec![Step::SetConnectionMark { and: 0, xor: little(&value) }];
    }
    match registers.masked(register) {
        Some((Property::Number(Field::ConnectionMark, _), and, xor)) => {
            vec![Step::SetConnectionMark { and, xor }]
        }
        Some((Property::Number(Field::Mark, _), u32::MAX, 0)) => vec![Step::SaveMark { mask: u32::MAX }],
        _ => vec![Step::ForgetConnectionMark],
    }
}

/// A number of 32 bits as x86_64 and aarch64 keep it.
fn little(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
