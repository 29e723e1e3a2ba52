//! A rule of nftables in the syntax of nft(8), for people to recognise: not meant to be loaded again.
//!
//! The kernel keeps a rule as steps on registers. What a register holds is followed from step to step, so that a
//! comparison can be written with the name of what it compares. Dependencies that nft adds by itself (`meta l4proto tcp`
//! before `tcp dport 22`) are left out again. A step that is not understood stands as `[name]`.

mod fields;
mod kinds;
mod properties;
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
            Expression::Meta { key, register } => self.registers.load(*register, properties::meta(*key)),
            Expression::Ct { key, direction, register } => {
                self.registers.load(*register, properties::ct(*key, *direction, self.table.family));
            }
            Expression::Fib { result, flags, register } => {
                self.registers.load(*register, properties::fib(*result, *flags));
            }
            Expression::Socket { key, level, register } => {
                self.registers.load(*register, properties::socket(*key, *level));
            }
            Expression::Exthdr { operation, kind, offset, length, present, register } => {
                let key = properties::exthdr(*operation, *kind, *offset, *length, *present);
                self.registers.load(*register, key);
            }
            Expression::Numgen { modulus, offset, kind, register } => {
                self.registers.load(*register, properties::numgen(*modulus, *offset, *kind));
            }
            Expression::Hash { register } => self.registers.load(*register, properties::hash()),
            Expression::Load { name, register } => self.registers.load(*register, properties::loaded(name)),
            Expression::Immediate { register, data } => self.registers.constant(*register, data),
            Expression::Bitwise { source, register, length, mask, xor } => {
                self.registers.mask(*source, *register, *length, mask, xor);
            }
            Expression::BitwiseOther { register, .. } => {
                self.registers.load(*register, properties::unnamed("bitwise"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sets: &str, rule: &str) -> String {
        let table: Table = toml::from_str(&format!("family = \"inet\"\nname = \"t\"\n{sets}")).unwrap();
        let rule: Rule = toml::from_str(&format!("handle = 1\nexpressions = [{rule}]")).unwrap();
        super::rule(&table, &rule)
    }

    const SADDR: &str = r#"{ meta = { key = 15, register = 1 } },
        { compare = { register = 1, operator = "equal", value = "02" } },
        { payload = { base = "network", offset = 12, length = 4, register = 1 } }"#;

    #[test]
    fn a_long_set_is_shortened_and_says_by_how_much() {
        let addresses: Vec<_> = (0..1205).map(|one| format!("{{ key = \"0a{one:06x}\" }}")).collect();
        let set = format!(
            "[[sets]]\nname = \"__set0\"\nflags = 3\nkey_type = 7\nkey_length = 4\nelements = {{ known = [{}] }}",
            addresses.join(", ")
        );
        let lookup = format!("{SADDR}, {{ lookup = {{ set = \"__set0\", register = 1 }} }}");
        let shown = text(&set, &format!("{lookup}, {{ verdict = \"drop\" }}"));
        let eight = (0..8).map(|one| format!("10.0.0.{one}")).collect::<Vec<_>>().join(", ");
        assert_eq!(shown, format!("ip saddr {{ {eight}, … 1,197 more }} drop"));
        // Where little room is left, fewer are shown.
        let chain = "a".repeat(110);
        let shown = text(&set, &format!("{lookup}, {{ verdict = {{ jump = \"{chain}\" }} }}"));
        assert_eq!(shown, format!("ip saddr {{ 10.0.0.0, … 1,204 more }} jump {chain}"));
        let shown = text(&set, &format!("{lookup}, {{ verdict = {{ jump = \"{}\" }} }}", "a".repeat(200)));
        assert!(shown.starts_with("ip saddr { … 1,205 } jump a") && shown.ends_with('…'), "{shown}");
        assert_eq!(shown.chars().count(), LENGTH + 1);
    }

    #[test]
    fn what_is_not_understood_stands_in_brackets() {
        assert_eq!(text("", r#"{ other = "novel" }, { verdict = "accept" }"#), "[novel] accept");
        assert_eq!(
            text("", r#"{ compare = { register = 9, operator = "equal", value = "01" } }"#),
            "[register 9] 0x1"
        );
        assert_eq!(
            text(
                "",
                r#"{ payload = { base = "inner", offset = 3, length = 2, register = 1 } },
                { compare = { register = 1, operator = "not-equal", value = "0102" } }"#
            ),
            "@ih,24,16 != 0x102"
        );
        let lookup = format!("{SADDR}, {{ lookup = {{ set = \"__set7\", register = 1 }} }}");
        assert_eq!(text("", &lookup), "ip saddr [set]");
        let gone = "[[sets]]\nname = \"__set7\"\nflags = 3\nkey_type = 7\nkey_length = 4\n\
            elements = { gap = { why = \"timed-out\" } }";
        assert!(text(gone, &lookup).starts_with("ip saddr { ["));
        assert_eq!(text("", r#"{ verdict = { other = 77 } }"#), "[verdict 77]");
        assert_eq!(text("", ""), "");
    }

    #[test]
    fn queues_flowtables_and_matches_of_xtables_have_words() {
        assert_eq!(text("", "{ queue = { bypass = true } }"), "queue flags bypass");
        assert_eq!(text("", r#"{ flow-offload = "fast" }"#), "flow add @fast");
        assert_eq!(
            text("", r#"{ match = { other = { name = "novel" } } }, { verdict = "drop" }"#),
            "-m novel [not decoded] drop"
        );
    }
}
