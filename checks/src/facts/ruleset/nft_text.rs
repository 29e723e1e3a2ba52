//! A rule of nftables in the syntax of nft(8), for people to recognise: not meant to be loaded again.
//!
//! The kernel keeps a rule as steps on registers. What a register holds is followed from step to step, so that a
//! comparison can be written with the name of what it compares. Dependencies that nft adds by itself (`meta l4proto tcp`
//! before `tcp dport 22`) are left out again. A step that is not understood stands as `[name]`.

mod fields;
mod kinds;
mod registers;
mod statements;
mod tests_of_keys;
mod values;

use super::nftables::{Expression, Family, Rule, Set, Table, Verdict};
use registers::Registers;

/// Characters that a rule may take; one with sets shows fewer of their elements instead of being longer.
const LENGTH: usize = 160;

/// A rule in one line.
#[must_use]
pub fn rule(table: &Table, rule: &Rule) -> String {
    let mut shown = String::new();
    for elements in [16, 8, 4, 2, 1, 0] {
        shown = Text::new(table, elements).write(rule);
        if shown.chars().count() <= LENGTH {
            return shown;
        }
    }
    match shown.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default().trim_end()),
        None => shown,
    }
}

/// A rule that is being written.
struct Text<'a> {
    table: &'a Table,
    /// Elements shown of each set.
    elements: usize,
    registers: Registers,
    /// What is written already, each with whether nft adds it by itself for what may follow.
    clauses: Vec<String>,
    /// The protocol of the network layer (NFPROTO_*) and that of the transport layer, where the rule says so far.
    network: Option<u8>,
    transport: Option<u8>,
    /// The clauses that said so, as long as they may turn out to be implied.
    link_clause: Option<usize>,
    network_clause: Option<usize>,
    transport_clause: Option<usize>,
}

impl<'a> Text<'a> {
    fn new(table: &'a Table, elements: usize) -> Self {
        Self {
            table,
            elements,
            registers: Registers::default(),
            clauses: Vec::new(),
            network: match table.family {
                Family::Ip => Some(fields::IPV4),
                Family::Ip6 => Some(fields::IPV6),
                _ => None,
            },
            transport: None,
            link_clause: None,
            network_clause: None,
            transport_clause: None,
        }
    }

    fn write(mut self, rule: &Rule) -> String {
        let mut steps = rule.expressions.iter().peekable();
        while let Some(step) = steps.next() {
            if let Some(last) = steps.peek().and_then(|next| range_end(step, next)) {
                self.range(step, last);
                steps.next();
                continue;
            }
            self.step(step);
        }
        if let Some(comment) = &rule.comment {
            self.clauses.push(format!("comment \"{comment}\""));
        }
        self.clauses.retain(|clause| !clause.is_empty());
        self.clauses.join(" ")
    }

    fn step(&mut self, step: &Expression) {
        match step {
            Expression::Payload { base, offset, length, register } => {
                self.load_payload(*base, *offset, *length, *register);
            }
            Expression::Meta { key, register } => self.registers.load(*register, fields::meta(*key)),
            Expression::Ct { key, direction, register } => {
                self.registers.load(*register, fields::ct(*key, *direction, self.table.family));
            }
            Expression::Fib { result, flags, register } => {
                self.registers.load(*register, fields::fib(*result, *flags));
            }
            Expression::Socket { key, level, register } => {
                self.registers.load(*register, fields::socket(*key, *level));
            }
            Expression::Exthdr { operation, kind, offset, length, present, register } => {
                let key = fields::exthdr(*operation, *kind, *offset, *length, *present);
                self.registers.load(*register, key);
            }
            Expression::Numgen { modulus, offset, kind, register } => {
                self.registers.load(*register, fields::numgen(*modulus, *offset, *kind));
            }
            Expression::Hash { register } => self.registers.load(*register, fields::hash()),
            Expression::Load { name, register } => self.registers.load(*register, fields::loaded(name)),
            Expression::Immediate { register, data } => self.registers.constant(*register, data),
            Expression::Bitwise { source, register, length, mask, xor } => {
                self.registers.mask(*source, *register, *length, mask, xor);
            }
            Expression::BitwiseOther { register, .. } => {
                self.registers.load(*register, fields::unnamed("bitwise"));
            }
            Expression::Byteorder { source, register, length, .. } => {
                self.registers.swap(*source, *register, *length);
            }
            Expression::Compare { register, operator, value } => self.compare(*register, *operator, value),
            Expression::Range { register, invert, from, to } => self.between(*register, *invert, from, to),
            Expression::Lookup { set, register, destination, invert } => {
                self.lookup(set, *register, *destination, *invert);
            }
            other => self.statement(other),
        }
    }

    /// The set of a name.
    fn set(&self, name: &str) -> Option<&'a Set> {
        self.table.sets.iter().find(|set| set.name == name)
    }

    fn push(&mut self, clause: impl Into<String>) {
        self.clauses.push(clause.into());
    }

    /// Takes out what nft adds by itself before a match in the network layer, or before one in the transport layer.
    fn imply(&mut self, clause: Option<usize>) {
        if let Some(clause) = clause.and_then(|at| self.clauses.get_mut(at)) {
            clause.clear();
        }
    }
}

/// The last value of a range that is written as `>=` and then `<=`.
fn range_end<'a>(first: &Expression, last: &'a Expression) -> Option<&'a Expression> {
    use super::nftables::Operator::{GreaterOrEqual, LessOrEqual};
    match (first, last) {
        (
            Expression::Compare { register: one, operator: GreaterOrEqual, value: from },
            Expression::Compare { register: other, operator: LessOrEqual, value: to },
        ) if one == other && from.len() == to.len() => Some(last),
        _ => None,
    }
}

/// A verdict in nft's words.
fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Queue => "queue".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        Verdict::Other(number) => format!("[verdict {number}]"),
    }
}
