//! Expressions that fill registers, out of netlink attributes.

use super::{DEPTH, nested};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::expression::{Expression, Layer};
use crate::facts::ruleset::netlink::Attributes;
use crate::gap::Gap;

pub(super) fn payload(data: &Attributes<'_>) -> Result<Option<Expression>, Gap> {
    let base = match data.number(2)? {
        Some(0) => Layer::Link,
        Some(1) => Layer::Network,
        Some(2) => Layer::Transport,
        Some(3) => Layer::Inner,
        Some(4) => Layer::Tunnel,
        _ => return Ok(None),
    };
    let (Some(offset), Some(length)) = (data.number(3)?, data.number(4)?) else { return Ok(None) };
    Ok(match (data.number(1)?, data.number(5)?) {
        (Some(register), None) => Some(Expression::Payload { base, offset, length, register }),
        (None, Some(register)) => Some(Expression::PayloadSet { base, offset, length, register }),
        _ => None,
    })
}

pub(super) fn bitwise(data: &Attributes<'_>) -> Result<Option<Expression>, Gap> {
    let (Some(source), Some(register)) = (data.number(1)?, data.number(2)?) else { return Ok(None) };
    let operation = data.number(6)?.unwrap_or(0);
    if operation != 0 {
        return Ok(Some(Expression::BitwiseOther { operation, register }));
    }
    Ok(match (data.number(3)?, value(data, 4)?, value(data, 5)?) {
        (Some(length), Some(mask), Some(xor)) => {
            Some(Expression::Bitwise { source, register, length, mask, xor })
        }
        _ => None,
    })
}

/// NFTA_EXTHDR_DREG, _TYPE, _OFFSET, _LEN, _FLAGS, _OP, _SREG; without a register the option is removed.
pub(super) fn exthdr(data: &Attributes<'_>) -> Result<Option<Expression>, Gap> {
    let (Some(kind), Some(offset), Some(length)) = (data.byte(2), data.number(3)?, data.number(4)?) else {
        return Ok(None);
    };
    let operation = data.number(6)?.unwrap_or(0);
    let present = data.number(5)?.unwrap_or(0) & 1 != 0;
    Ok(Some(match data.number(1)? {
        Some(register) => Expression::Exthdr { operation, kind, offset, length, present, register },
        None => Expression::ExthdrSet { operation, kind, offset, length, register: data.number(7)? },
    }))
}

/// What only loads a register, in nft's words where its key is known.
pub(super) fn load(name: &str, data: &Attributes<'_>, depth: usize) -> Result<Option<Expression>, Gap> {
    let (register, words) = match name {
        "rt" => {
            let key = match data.number(2)? {
                Some(0) => "rt classid",
                Some(1) => "rt ip nexthop",
                Some(2) => "rt ip6 nexthop",
                Some(3) => "rt mtu",
                Some(4) => "rt ipsec",
                _ => "rt",
            };
            (data.number(1)?, key)
        }
        "osf" => (data.number(1)?, if data.number(3)? == Some(1) { "osf version" } else { "osf name" }),
        "xfrm" => (data.number(1)?, "ipsec"),
        "tunnel" => (data.number(2)?, if data.number(1)? == Some(1) { "tunnel id" } else { "tunnel path" }),
        // NFTA_INNER_EXPR: the same load, from a packet inside this one.
        "inner" if depth < DEPTH => {
            let inside = data.nested(5)?.map(|inside| nested(&inside, depth + 1)).transpose()?;
            let register = match inside {
                Some(Expression::Payload { register, .. } | Expression::Meta { register, .. }) => {
                    Some(register)
                }
                _ => None,
            };
            (register, "inner")
        }
        _ => (None, name),
    };
    Ok(register.map(|register| Expression::Load { name: words.to_owned(), register }))
}

/// NFTA_DATA_VALUE in an attribute.
pub(super) fn value(data: &Attributes<'_>, kind: u16) -> Result<Option<Bytes>, Gap> {
    Ok(data.nested(kind)?.and_then(|value| value.find(1).map(Bytes::from)))
}
