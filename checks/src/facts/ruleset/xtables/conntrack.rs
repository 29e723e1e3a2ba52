//! `-m conntrack` (linux/netfilter/xt_conntrack.h).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::structure::Structure;
use super::{Ports, is_false, is_zero};

/// What is asked of the connection that a packet belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conntrack {
    /// XT_CONNTRACK_*: what is asked, [`conntrack_flag`].
    pub asked: u16,
    /// The same bits: what is inverted.
    #[serde(skip_serializing_if = "is_zero")]
    pub inverted: u16,
    /// `--ctstate`: 1 invalid, 2 established, 4 related, 8 new, 64 SNAT, 128 DNAT, 256 untracked.
    #[serde(skip_serializing_if = "is_zero")]
    pub states: u16,
    /// `--ctstatus`: bits of `enum ip_conntrack_status`.
    #[serde(skip_serializing_if = "is_zero")]
    pub status: u16,
    /// `--ctproto`
    #[serde(skip_serializing_if = "is_zero")]
    pub protocol: u16,
    /// `--ctexpire`, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<(u32, u32)>,
    /// `--ctorigsrc`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_source: Option<Masked>,
    /// `--ctorigdst`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_destination: Option<Masked>,
    /// `--ctreplsrc`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_source: Option<Masked>,
    /// `--ctrepldst`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_destination: Option<Masked>,
    /// `--ctorigsrcport`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_source_port: Option<Ports>,
    /// `--ctorigdstport`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_destination_port: Option<Ports>,
    /// `--ctreplsrcport`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_source_port: Option<Ports>,
    /// `--ctrepldstport`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_destination_port: Option<Ports>,
}

/// Addresses that have some bits in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// The bits.
    pub address: IpAddr,
    /// Which bits count.
    pub mask: IpAddr,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// Bits of [`Conntrack::asked`].
pub mod conntrack_flag {
    /// `--ctstate`
    pub const STATE: u16 = 1;
    /// `--ctproto`
    pub const PROTOCOL: u16 = 2;
    /// `--ctorigsrc`
    pub const ORIGINAL_SOURCE: u16 = 4;
    /// `--ctorigdst`
    pub const ORIGINAL_DESTINATION: u16 = 8;
    /// `--ctreplsrc`
    pub const REPLY_SOURCE: u16 = 16;
    /// `--ctrepldst`
    pub const REPLY_DESTINATION: u16 = 32;
    /// `--ctstatus`
    pub const STATUS: u16 = 64;
    /// `--ctexpire`
    pub const EXPIRES: u16 = 128;
    /// `--ctorigsrcport`
    pub const ORIGINAL_SOURCE_PORT: u16 = 256;
    /// `--ctorigdstport`
    pub const ORIGINAL_DESTINATION_PORT: u16 = 512;
    /// `--ctreplsrcport`
    pub const REPLY_SOURCE_PORT: u16 = 1024;
    /// `--ctrepldstport`
    pub const REPLY_DESTINATION_PORT: u16 = 2048;
    /// `--ctdir`; inverted it asks for REPLY.
    pub const DIRECTION: u16 = 4096;
    /// It was written as `-m state`.
    pub const STATE_ALIAS: u16 = 8192;
    /// All of these.
    pub const ALL: u16 = 16383;
}

impl Conntrack {
    /// Whether it was written as `-m state`.
    #[must_use]
    pub fn is_state(&self) -> bool {
        self.asked & conntrack_flag::STATE_ALIAS != 0
    }

    /// Whether this is asked, and whether it is inverted.
    #[must_use]
    pub fn asks(&self, flag: u16) -> Option<bool> {
        (self.asked & flag != 0).then_some(self.inverted & flag != 0)
    }
}

/// `struct xt_conntrack_mtinfo1` to `3`.
pub(super) fn decode(revision: u32, info: &Structure<'_>) -> Option<Conntrack> {
    use conntrack_flag as flag;
    let (asked, inverted) = (info.short(146)?, info.short(148)?);
    let known = |flag: u16| asked & flag != 0;
    let invert = |flag: u16| inverted & flag != 0;
    let masked = |at: usize, flag| {
        Some(Masked { address: info.address(at)?, mask: info.address(at + 16)?, invert: invert(flag) })
    };
    let ports = |at: usize, last: usize, flag| {
        let (first, last) = match revision {
            3 => (info.short(at)?, info.short(last)?),
            _ => (info.port(at)?, info.port(at)?),
        };
        Some(Ports { first, last, invert: invert(flag) })
    };
    // An option that is asked for and missing makes the structure one that is not understood.
    fn when<T>(asked: bool, value: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
        if asked { value().map(Some) } else { Some(None) }
    }
    let (states, status) = match revision {
        1 => (info.byte(150)?.into(), info.byte(151)?.into()),
        2 | 3 => (info.short(150)?, info.short(152)?),
        _ => return None,
    };
    if asked & !flag::ALL != 0 {
        return None;
    }
    Some(Conntrack {
        asked,
        inverted: inverted & asked,
        states: if known(flag::STATE) { states } else { 0 },
        status: if known(flag::STATUS) { status } else { 0 },
        protocol: if known(flag::PROTOCOL) { info.short(136)? } else { 0 },
        expires: when(known(flag::EXPIRES), || Some((info.number(128)?, info.number(132)?)))?,
        original_source: when(known(flag::ORIGINAL_SOURCE), || masked(0, flag::ORIGINAL_SOURCE))?,
        original_destination: when(known(flag::ORIGINAL_DESTINATION), || {
            masked(32, flag::ORIGINAL_DESTINATION)
        })?,
        reply_source: when(known(flag::REPLY_SOURCE), || masked(64, flag::REPLY_SOURCE))?,
        reply_destination: when(known(flag::REPLY_DESTINATION), || masked(96, flag::REPLY_DESTINATION))?,
        original_source_port: when(known(flag::ORIGINAL_SOURCE_PORT), || {
            ports(138, 154, flag::ORIGINAL_SOURCE_PORT)
        })?,
        original_destination_port: when(known(flag::ORIGINAL_DESTINATION_PORT), || {
            ports(140, 156, flag::ORIGINAL_DESTINATION_PORT)
        })?,
        reply_source_port: when(known(flag::REPLY_SOURCE_PORT), || ports(142, 158, flag::REPLY_SOURCE_PORT))?,
        reply_destination_port: when(known(flag::REPLY_DESTINATION_PORT), || {
            ports(144, 160, flag::REPLY_DESTINATION_PORT)
        })?,
    })
}
