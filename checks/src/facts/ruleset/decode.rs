//! Expressions of nftables out of netlink attributes (linux/netfilter/nf_tables.h).

mod loads;

use super::expression::{Expression, Operator, Verdict};
use super::netlink::{Attributes, text};
use super::nftables::Family;
use super::xtables::{Match, Target};
use crate::gap::Gap;
use loads::{bitwise, exthdr, load, payload, value};

/// Expressions nested in expressions deeper than this are not followed; the kernel nests once.
const DEPTH: usize = 4;

/// Decodes one element of NFTA_RULE_EXPRESSIONS: NFTA_EXPR_NAME and NFTA_EXPR_DATA. What is of xtables is decoded by the
/// family of its table.
pub(super) fn expression(element: &Attributes<'_>, family: Family) -> Result<Expression, Gap> {
    Ok(match nested(element, 0)? {
        Expression::Match(Match::Other { name, revision }) => {
            Expression::Match(Match::decode(&name, revision, info(element)?, family.ip()))
        }
        Expression::Target(Target::Other { name, revision }) => {
            Expression::Target(Target::decode(&name, revision, info(element)?, family.ip()))
        }
        other => other,
    })
}

/// NFTA_MATCH_INFO, NFTA_TARGET_INFO
fn info<'a>(element: &Attributes<'a>) -> Result<&'a [u8], Gap> {
    Ok(element.nested(2)?.and_then(|data| data.find(3)).unwrap_or_default())
}

fn nested(element: &Attributes<'_>, depth: usize) -> Result<Expression, Gap> {
    let name = element.name(1, "an expression")?;
    let Some(data) = element.nested(2)? else {
        // Some expressions take no argument.
        return Ok(match name.as_str() {
            "notrack" => Expression::Notrack,
            "masq" => Expression::Masquerade,
            "redir" => Expression::Redirect { ports: None },
            "counter" | "last" | "log" => Expression::Neutral(name),
            "tproxy" => Expression::Tproxy { family: 0, address: None, port: None },
            _ => Expression::Other(name),
        });
    };
    // What lacks an attribute that it needs is of another kernel, and not understood.
    Ok(known(&name, &data, depth)?.unwrap_or(Expression::Other(name)))
}

fn known(name: &str, data: &Attributes<'_>, depth: usize) -> Result<Option<Expression>, Gap> {
    let number = |kind| data.number(kind);
    let flag = |kind, bit: u32| Ok::<_, Gap>(data.number(kind)?.unwrap_or(0) & bit != 0);
    let found = match name {
        "immediate" => return immediate(data),
        "reject" => match number(1)? {
            Some(kind) => Expression::Reject { kind, code: data.byte(2).unwrap_or(0) },
            None => return Ok(None),
        },
        "counter" | "last" => Expression::Neutral(name.to_owned()),
        "log" => Expression::Neutral(log(data)?),
        "payload" => return payload(data),
        "meta" => match (number(1)?, number(2)?, number(3)?) {
            (Some(register), Some(key), None) => Expression::Meta { key, register },
            (None, Some(key), Some(register)) => Expression::MetaSet { key, register },
            _ => return Ok(None),
        },
        "ct" => match (number(1)?, number(2)?, number(4)?) {
            (Some(register), Some(key), None) => Expression::Ct { key, direction: data.byte(3), register },
            (None, Some(key), Some(register)) => Expression::CtSet { key, register },
            _ => return Ok(None),
        },
        "notrack" => Expression::Notrack,
        "cmp" => match (number(1)?, number(2)?.and_then(operator), value(data, 3)?) {
            (Some(register), Some(operator), Some(value)) => {
                Expression::Compare { register, operator, value }
            }
            _ => return Ok(None),
        },
        "range" => match (number(1)?, number(2)?, value(data, 3)?, value(data, 4)?) {
            (Some(register), Some(operation @ 0..=1), Some(from), Some(to)) => {
                Expression::Range { register, invert: operation == 1, from, to }
            }
            _ => return Ok(None),
        },
        "bitwise" => return bitwise(data),
        "byteorder" => match (number(1)?, number(2)?, number(4)?, number(5)?) {
            (Some(source), Some(register), Some(length), Some(size)) => {
                Expression::Byteorder { source, register, length, size }
            }
            _ => return Ok(None),
        },
        "lookup" => match (data.text(1), number(2)?) {
            (Some(set), Some(register)) => {
                Expression::Lookup { set, register, destination: number(3)?, invert: flag(5, 1)? }
            }
            _ => return Ok(None),
        },
        "dynset" => return dynset(data, depth),
        "fib" => match (number(1)?, number(2)?, number(3)?) {
            (Some(register), Some(result), Some(flags)) => Expression::Fib { result, flags, register },
            _ => return Ok(None),
        },
        "socket" => match (number(1)?, number(2)?) {
            (Some(key), Some(register)) => {
                Expression::Socket { key, level: number(3)?.unwrap_or(0), register }
            }
            _ => return Ok(None),
        },
        "numgen" => match (number(1)?, number(2)?, number(3)?) {
            (Some(register), Some(modulus), Some(kind)) => {
                Expression::Numgen { modulus, offset: number(4)?.unwrap_or(0), kind, register }
            }
            _ => return Ok(None),
        },
        "hash" => match number(2)? {
            Some(register) => Expression::Hash { register },
            None => return Ok(None),
        },
        "exthdr" => return exthdr(data),
        "tunnel" | "rt" | "osf" | "xfrm" | "inner" => return load(name, data, depth),
        "limit" => match (data.long(1)?, data.long(2)?) {
            (Some(rate), Some(unit)) => Expression::Limit {
                rate,
                unit,
                burst: number(3)?.unwrap_or(0),
                bytes: number(4)? == Some(1),
                over: flag(5, 1)?,
            },
            _ => return Ok(None),
        },
        "quota" => match data.long(1)? {
            Some(bytes) => Expression::Quota { bytes, over: flag(2, 1)? },
            None => return Ok(None),
        },
        "connlimit" => match number(1)? {
            Some(count) => Expression::Connlimit { count, over: flag(2, 1)? },
            None => return Ok(None),
        },
        "objref" => match (number(1)?, data.text(2), number(3)?, data.text(4)) {
            (Some(kind), Some(name), ..) => Expression::Object { kind, name, register: None },
            (.., register, Some(name)) => Expression::Object { kind: 0, name, register },
            _ => return Ok(None),
        },
        "nat" => match (number(1)?, number(2)?) {
            (Some(kind), Some(family)) => Expression::Nat {
                kind,
                family,
                addresses: pair(number(3)?, number(4)?),
                ports: pair(number(5)?, number(6)?),
                flags: number(7)?.unwrap_or(0),
            },
            _ => return Ok(None),
        },
        "redir" => Expression::Redirect { ports: pair(number(1)?, number(2)?) },
        "masq" => Expression::Masquerade,
        "queue" => Expression::Queue { bypass: data.short(3).unwrap_or(0) & 1 != 0 },
        "tproxy" => {
            Expression::Tproxy { family: number(1)?.unwrap_or(0), address: number(2)?, port: number(3)? }
        }
        "synproxy" => Expression::Synproxy,
        "flow_offload" => Expression::FlowOffload(data.text(1).unwrap_or_default()),
        "match" => {
            let (name, revision) = (data.name(1, "a match")?, number(2)?.unwrap_or(0));
            Expression::Match(Match::Other { name, revision })
        }
        "target" => {
            let (name, revision) = (data.name(1, "a target")?, number(2)?.unwrap_or(0));
            Expression::Target(Target::Other { name, revision })
        }
        _ => return Ok(None),
    };
    Ok(Some(found))
}

/// First and last register of a range; without a last one it is a single value.
fn pair(first: Option<u32>, last: Option<u32>) -> Option<(u32, u32)> {
    first.map(|first| (first, last.unwrap_or(first)))
}

fn operator(number: u32) -> Option<Operator> {
    Some(match number {
        0 => Operator::Equal,
        1 => Operator::NotEqual,
        2 => Operator::Less,
        3 => Operator::LessOrEqual,
        4 => Operator::Greater,
        5 => Operator::GreaterOrEqual,
        _ => return None,
    })
}

/// NFTA_LOG_GROUP, _PREFIX, _LEVEL
fn log(data: &Attributes<'_>) -> Result<String, Gap> {
    const LEVELS: [&str; 9] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit"];
    let mut words = "log".to_owned();
    if let Some(prefix) = data.text(2) {
        words += &format!(" prefix \"{prefix}\"");
    }
    // nft leaves out the level that is meant without one.
    let level = data.number(5)?.filter(|level| *level != 4).and_then(|level| LEVELS.get(level as usize));
    if let Some(level) = level {
        words += &format!(" level {level}");
    }
    if let Some(group) = data.short(1) {
        words += &format!(" group {group}");
    }
    Ok(words)
}

fn dynset(data: &Attributes<'_>, depth: usize) -> Result<Option<Expression>, Gap> {
    let (Some(set), Some(operation), Some(register)) = (data.text(1), data.number(3)?, data.number(4)?)
    else {
        return Ok(None);
    };
    if depth >= DEPTH {
        return Ok(None);
    }
    // NFTA_DYNSET_EXPR for one, _EXPRESSIONS for several.
    let mut expressions = Vec::new();
    if let Some(one) = data.nested(7)? {
        expressions.push(nested(&one, depth + 1)?);
    } else if let Some(several) = data.nested(10)? {
        for one in several.each(1) {
            expressions.push(nested(&one?, depth + 1)?);
        }
    }
    let invert = data.number(9)?.unwrap_or(0) & 1 != 0;
    Ok(Some(Expression::Dynset { set, operation, register, invert, expressions }))
}

/// NFT_REG_VERDICT
const VERDICT_REGISTER: u32 = 0;

fn immediate(data: &Attributes<'_>) -> Result<Option<Expression>, Gap> {
    let register =
        data.number(1)?.ok_or_else(|| Gap::malformed("an immediate expression has no register"))?;
    if register != VERDICT_REGISTER {
        return Ok(value(data, 2)?.map(|data| Expression::Immediate { register, data }));
    }
    let value = data.nested(2)?.map(|value| value.nested(2)).transpose()?.flatten();
    let value = value.ok_or_else(|| Gap::malformed("an immediate expression has no verdict"))?;
    verdict(&value).map(|verdict| Some(Expression::Verdict(verdict)))
}

/// NFTA_VERDICT_CODE and _CHAIN.
pub(super) fn verdict(value: &Attributes<'_>) -> Result<Verdict, Gap> {
    let code = value.number(1)?.ok_or_else(|| Gap::malformed("a verdict has no code"))?;
    let chain = || value.find(2).map(text).ok_or_else(|| Gap::malformed("a jump names no chain"));
    Ok(match code.cast_signed() {
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn number(kind: u16, value: u32) -> Vec<u8> {
        attribute(kind, &value.to_be_bytes())
    }

    fn bytes(name: &str, data: &[Vec<u8>]) -> Vec<u8> {
        let name = attribute(1, &[name.as_bytes(), &[0]].concat());
        [name, attribute(2 | 0x8000, &data.concat())].concat()
    }

    fn decoded(name: &str, data: &[Vec<u8>]) -> Expression {
        expression(&Attributes::parse(&bytes(name, data)).unwrap(), Family::Inet).unwrap()
    }

    /// The others are held against nft, where the kernel has them; these it seldom has.
    #[test]
    fn expressions_that_few_kernels_have() {
        let queue =
            |flags: u16| [attribute(1, &[0, 1]), attribute(2, &[0, 3]), attribute(3, &flags.to_be_bytes())];
        assert_eq!(decoded("queue", &queue(1)), Expression::Queue { bypass: true });
        assert_eq!(decoded("queue", &queue(2)), Expression::Queue { bypass: false });
        assert_eq!(decoded("queue", &[number(4, 1)]), Expression::Queue { bypass: false });
        assert_eq!(
            decoded("flow_offload", &[attribute(1, b"fast\0")]),
            Expression::FlowOffload("fast".to_owned())
        );
        let load = |name: &str| Expression::Load { name: name.to_owned(), register: 9 };
        assert_eq!(decoded("tunnel", &[number(1, 1), number(2, 9)]), load("tunnel id"));
        let payload = [number(1, 9), number(2, 1), number(3, 12), number(4, 4)];
        let inner = [number(1, 0), number(2, 1), number(3, 7), attribute(5, &bytes("payload", &payload))];
        assert_eq!(decoded("inner", &inner), load("inner"));
        assert_eq!(decoded("inner", &[number(2, 1)]), Expression::Other("inner".to_owned()));
    }

    #[test]
    fn an_option_of_tcp_is_loaded_written_or_removed() {
        let option = |more: Vec<u8>| {
            let all = [attribute(2, &[2]), number(3, 2), number(4, 2), number(6, 1), more];
            decoded("exthdr", &all)
        };
        let (operation, kind, offset, length) = (1, 2, 2, 2);
        assert_eq!(
            option(number(1, 1)),
            Expression::Exthdr { operation, kind, offset, length, present: false, register: 1 }
        );
        assert_eq!(
            option(number(7, 1)),
            Expression::ExthdrSet { operation, kind, offset, length, register: Some(1) }
        );
        assert_eq!(
            option(Vec::new()),
            Expression::ExthdrSet { operation, kind, offset, length, register: None }
        );
    }

    #[test]
    fn another_kernels_bitwise_is_not_taken_for_a_mask() {
        let known = [number(1, 1), number(2, 1), number(3, 4)];
        let and = [known.concat(), number(6, 3), number(8, 2)];
        assert_eq!(decoded("bitwise", &and), Expression::BitwiseOther { operation: 3, register: 1 });
    }
}
