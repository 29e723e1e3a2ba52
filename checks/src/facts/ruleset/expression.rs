//! The expressions that a rule of nftables is made of, as far as they are understood.

use serde::{Deserialize, Serialize};

use super::netlink::{Attributes, text};
use crate::gap::Gap;

/// One step of a rule. The kernel takes them in order; one that does not hold ends the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expression {
    /// Ends the rule with a verdict.
    Verdict(Verdict),
    /// Drops the packet and tells the sender.
    Reject,
    /// Always goes on to the next expression, and tests nothing: `counter`, `log`, `meta set`.
    Neutral(String),
    /// Loads a property of the packet that is not in its bytes, by its number in `enum nft_meta_keys`.
    Meta {
        /// NFT_META_*
        key: u32,
        /// Where to.
        register: u32,
    },
    /// Compares a register.
    Compare {
        /// What is compared.
        register: u32,
        /// How.
        operator: Operator,
        /// With which bytes, in hexadecimal.
        value: String,
    },
    /// Looks a verdict up in the named map; goes on when the map does not have it.
    VerdictMap(String),
    /// A match of xtables by name, from `iptables-nft`.
    Match(String),
    /// A target of xtables by name, from `iptables-nft`.
    Target(String),
    /// Another expression by name.
    Other(String),
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Ends this base chain; later base chains still see the packet.
    Accept,
    /// Ends the packet.
    Drop,
    /// Hands the packet to a program.
    Queue,
    /// Goes on with the next rule.
    Continue,
    /// Goes back to the chain that jumped here, or to the policy.
    Return,
    /// Goes to a chain and comes back.
    Jump(String),
    /// Goes to a chain and comes back to where this chain was called from.
    Goto(String),
    /// A number that is none of these.
    Other(u32),
}

/// `enum nft_cmp_ops`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`, `<=`, `>`, `>=`
    Order,
}

/// Decodes one element of NFTA_RULE_EXPRESSIONS: NFTA_EXPR_NAME and NFTA_EXPR_DATA.
pub(super) fn decode(element: &Attributes<'_>) -> Result<Expression, Gap> {
    let name = element.name(1, "an expression")?;
    let Some(data) = element.nested(2)? else {
        // Some expressions take no argument, such as `notrack`.
        return Ok(if name == "notrack" { Expression::Neutral(name) } else { Expression::Other(name) });
    };
    Ok(match name.as_str() {
        "immediate" => immediate(&data, name)?,
        "reject" => Expression::Reject,
        "counter" | "log" | "last" | "notrack" => Expression::Neutral(name),
        "meta" => match (data.number(1)?, data.number(2)?) {
            (Some(register), Some(key)) => Expression::Meta { key, register },
            // Without a register to load into it writes the mark, the priority or the like.
            _ => Expression::Neutral("meta set".to_owned()),
        },
        "ct" if data.number(1)?.is_none() => Expression::Neutral("ct set".to_owned()),
        "payload" if data.number(1)?.is_none() => Expression::Neutral("payload set".to_owned()),
        "exthdr" if data.number(1)?.is_none() => Expression::Other("exthdr set".to_owned()),
        "objref" => match data.number(1)? {
            // NFT_OBJECT_COUNTER, _CT_HELPER, _CT_TIMEOUT, _SECMARK
            Some(1 | 3 | 7 | 8) => Expression::Neutral(name),
            _ => Expression::Other(name),
        },
        "cmp" => compare(&data, name)?,
        "lookup" if data.number(3)? == Some(VERDICT_REGISTER) => {
            Expression::VerdictMap(data.text(1).unwrap_or_default())
        }
        "match" => Expression::Match(data.name(1, "a match")?),
        "target" => Expression::Target(data.name(1, "a target")?),
        _ => Expression::Other(name),
    })
}

/// NFT_REG_VERDICT
const VERDICT_REGISTER: u32 = 0;

fn immediate(data: &Attributes<'_>, name: String) -> Result<Expression, Gap> {
    let register =
        data.number(1)?.ok_or_else(|| Gap::malformed("an immediate expression has no register"))?;
    if register != VERDICT_REGISTER {
        return Ok(Expression::Neutral(name));
    }
    let value = data.nested(2)?.map(|value| value.nested(2)).transpose()?.flatten();
    let value = value.ok_or_else(|| Gap::malformed("an immediate expression has no verdict"))?;
    let code = value.number(1)?.ok_or_else(|| Gap::malformed("a verdict has no code"))?;
    let chain = || value.find(2).map(text).ok_or_else(|| Gap::malformed("a jump names no chain"));
    Ok(Expression::Verdict(match code.cast_signed() {
        -1 => Verdict::Continue,
        -3 => Verdict::Jump(chain()?),
        -4 => Verdict::Goto(chain()?),
        -5 => Verdict::Return,
        // The high bits carry the number of a queue or an errno (NF_VERDICT_MASK is the low byte).
        0.. => match code & 0xff {
            0 => Verdict::Drop,
            1 => Verdict::Accept,
            3 => Verdict::Queue,
            _ => Verdict::Other(code),
        },
        _ => Verdict::Other(code),
    }))
}

fn compare(data: &Attributes<'_>, name: String) -> Result<Expression, Gap> {
    let value = data.nested(3)?.and_then(|value| value.find(1));
    let (Some(register), Some(operator), Some(value)) = (data.number(1)?, data.number(2)?, value) else {
        return Ok(Expression::Other(name));
    };
    let operator = match operator {
        0 => Operator::Equal,
        1 => Operator::NotEqual,
        _ => Operator::Order,
    };
    let value = value.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Expression::Compare { register, operator, value })
}
