//! One view of both packet filters: chains of steps that may apply and then do something.

use std::collections::BTreeMap;

use super::nftables::{Expression, Family, Operator, Verdict};
use super::xtables::Match;
use super::{IpFamily, legacy, nftables};

/// The chains of one table, by name.
pub(super) struct Program<'a> {
    /// How to name a place in it: `inet filter`, `iptables filter`.
    pub(super) label: String,
    /// `handle` or `rule`.
    pub(super) counted_by: &'static str,
    pub(super) chains: BTreeMap<&'a str, Vec<Step<'a>>>,
}

/// One rule.
pub(super) struct Step<'a> {
    pub(super) when: When,
    pub(super) then: Then<'a>,
    /// Its handle, or its number.
    pub(super) number: u64,
}

/// Whether a rule takes a packet, as far as its tests are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It tests nothing.
    Always,
    /// It is for the other family of addresses.
    Never,
    /// It tests something.
    Sometimes,
    /// It has steps of unknown effect, and may test nothing.
    Unsure,
}

/// What a rule does to the packets that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then<'a> {
    Nothing,
    Accept,
    Drop,
    Return,
    Jump(&'a str),
    Goto(&'a str),
    /// It depends on something that hostduty has not read, such as a verdict map; may let through and may drop.
    Either(&'a str),
    /// Sends the packet elsewhere, such as `dnat`.
    Divert(&'a str),
}

/// A table of nftables for packets of one family of addresses.
pub(super) fn nft<'a>(table: &'a nftables::Table, family: IpFamily) -> Program<'a> {
    let chains = table
        .chains
        .iter()
        .map(|chain| {
            let steps = chain.rules.iter().map(|rule| nft_step(rule, table.family, family)).collect();
            (chain.name.as_str(), steps)
        })
        .collect();
    Program { label: format!("{} {}", table.family.name(), table.name), counted_by: "handle", chains }
}

/// A legacy table.
pub(super) fn legacy(table: &legacy::Table, family: IpFamily) -> Program<'_> {
    let chains = table
        .chains
        .iter()
        .map(|chain| {
            let steps = (1..).zip(&chain.rules).map(|(number, rule)| legacy_step(rule, number)).collect();
            (chain.name.as_str(), steps)
        })
        .collect();
    let tool = match family {
        IpFamily::V4 => "iptables",
        IpFamily::V6 => "ip6tables",
    };
    Program { label: format!("{tool} {}", table.name), counted_by: "rule", chains }
}

fn nft_step(rule: &nftables::Rule, table: Family, family: IpFamily) -> Step<'_> {
    let mut when = When::Always;
    let mut then = Then::Nothing;
    // The register into which the step before loaded the family of addresses.
    let mut protocol = None;
    for expression in &rule.expressions {
        let loaded = protocol.take();
        match expression {
            Expression::Neutral(_) => protocol = loaded,
            Expression::Verdict(verdict) => then = nft_verdict(verdict),
            Expression::Reject { .. } => then = Then::Drop,
            Expression::Lookup { destination: Some(0), .. } => {
                // Whether it has an entry for a packet is a test as well.
                when = when.and(When::Sometimes);
                then = Then::Either("a verdict map");
            }
            Expression::Meta { key: NFPROTO, register } if matches!(table, Family::Inet) => {
                protocol = Some(*register);
            }
            Expression::Compare { register, operator, value } if loaded == Some(*register) => {
                when = when.and(compare_family(*operator, value, family));
            }
            Expression::Compare { .. } => when = when.and(When::Sometimes),
            Expression::Meta { .. }
            | Expression::MetaSet { .. }
            | Expression::CtSet { .. }
            | Expression::PayloadSet { .. }
            | Expression::Immediate { .. } => {}
            Expression::Match(Match::Comment(_)) => {}
            Expression::Range { .. }
            | Expression::Lookup { .. }
            | Expression::Limit { .. }
            | Expression::Quota { .. }
            | Expression::Connlimit { .. }
            | Expression::Dynset { .. }
            | Expression::Match(_) => when = when.and(When::Sometimes),
            Expression::Target(target) => then = extension(target.name()),
            Expression::Queue { .. } => then = Then::Either("queue"),
            Expression::Nat { .. } => then = Then::Divert("nat"),
            Expression::Masquerade => then = Then::Divert("masq"),
            Expression::Redirect { .. } => then = Then::Divert("redir"),
            Expression::Tproxy { .. } => then = Then::Divert("tproxy"),
            Expression::Synproxy => then = Then::Divert("synproxy"),
            Expression::Other(name) => match name.as_str() {
                "dup" => {}
                "fwd" => then = Then::Divert(name),
                _ => then = Then::Either(name),
            },
            Expression::Object { kind: 1 | 3 | 7 | 8, .. } | Expression::FlowOffload(_) => {}
            // Loading a field or computing with it decides nothing until a comparison does.
            _ => when = when.and(When::Unsure),
        }
        if then != Then::Nothing {
            break;
        }
    }
    Step { when, then, number: rule.handle }
}

fn nft_verdict(verdict: &Verdict) -> Then<'_> {
    match verdict {
        Verdict::Accept => Then::Accept,
        Verdict::Drop => Then::Drop,
        Verdict::Return => Then::Return,
        Verdict::Continue => Then::Nothing,
        Verdict::Jump(chain) => Then::Jump(chain),
        Verdict::Goto(chain) => Then::Goto(chain),
        Verdict::Queue => Then::Either("queue"),
        Verdict::Other(_) => Then::Either("an unknown verdict"),
    }
}

/// NFT_META_NFPROTO
const NFPROTO: u32 = 15;

fn compare_family(operator: Operator, value: &[u8], family: IpFamily) -> When {
    let own = match family {
        IpFamily::V4 => [2],
        IpFamily::V6 => [10],
    };
    match (operator, value == own) {
        (Operator::Equal, true) | (Operator::NotEqual, false) => When::Always,
        (Operator::Equal, false) | (Operator::NotEqual, true) => When::Never,
        _ => When::Sometimes,
    }
}

fn legacy_step(rule: &legacy::Rule, number: u64) -> Step<'_> {
    let then = match &rule.target {
        legacy::Target::Accept => Then::Accept,
        legacy::Target::Drop => Then::Drop,
        legacy::Target::Queue => Then::Either("QUEUE"),
        legacy::Target::Return => Then::Return,
        legacy::Target::Continue => Then::Nothing,
        legacy::Target::Jump(chain) => Then::Jump(chain),
        legacy::Target::Goto(chain) => Then::Goto(chain),
        legacy::Target::Extension(target) => extension(target.name()),
        legacy::Target::Other(_) => Then::Either("an unknown verdict"),
    };
    Step { when: if rule.takes_all() { When::Always } else { When::Sometimes }, then, number }
}

/// What a target of xtables does, from iptables-extensions(8).
fn extension(name: &str) -> Then<'_> {
    match name {
        "AUDIT" | "CHECKSUM" | "CLASSIFY" | "CONNMARK" | "CONNSECMARK" | "CT" | "DSCP" | "ECN" | "HL"
        | "HMARK" | "IDLETIMER" | "LED" | "LOG" | "MARK" | "NFLOG" | "NOTRACK" | "RATEEST" | "SECMARK"
        | "SET" | "TCPMSS" | "TCPOPTSTRIP" | "TEE" | "TOS" | "TRACE" | "TTL" | "ULOG" => Then::Nothing,
        "REJECT" => Then::Drop,
        "DNAT" | "MASQUERADE" | "NETMAP" | "REDIRECT" | "SNAT" | "TPROXY" => Then::Divert(name),
        _ => Then::Either(name),
    }
}

impl When {
    /// Both have to hold. One test is enough to make a rule conditional, whatever the other steps are.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Sometimes, _) | (_, Self::Sometimes) => Self::Sometimes,
            (Self::Unsure, _) | (_, Self::Unsure) => Self::Unsure,
            (Self::Always, Self::Always) => Self::Always,
        }
    }
}
