//! `-m hashlimit` (linux/netfilter/xt_hashlimit.h), and how iptables writes rates.

use serde::{Deserialize, Serialize};

use super::structure::Structure;
use super::{is_false, is_zero};

/// `-m hashlimit`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashLimit {
    /// `--hashlimit-name`
    pub name: String,
    /// `--hashlimit-upto` or `-above`
    pub rate: Rate,
    /// `--hashlimit-burst`, as the kernel counts it.
    pub burst: u64,
    /// `--hashlimit-above`; else `-upto`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub above: bool,
    /// `--hashlimit-mode`: 1 destination, 2 its port, 4 source, 8 its port.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mode: u32,
    /// `--hashlimit-htable-size`
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size: u32,
    /// `--hashlimit-htable-max`
    #[serde(default, skip_serializing_if = "is_zero")]
    pub max: u32,
    /// `--hashlimit-htable-gcinterval`, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub collected: u32,
    /// `--hashlimit-htable-expire`, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expires: u32,
    /// `--hashlimit-srcmask`
    pub source_length: u8,
    /// `--hashlimit-dstmask`
    pub destination_length: u8,
    /// `--hashlimit-rate-interval`, in seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: u32,
    /// `--hashlimit-rate-match`
    #[serde(default, skip_serializing_if = "is_false")]
    pub rate_match: bool,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// `avg` of the kernel.
    pub value: u64,
    /// In which it counts.
    pub unit: RateUnit,
}

/// What the number of a rate means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateUnit {
    /// Ten-thousandths of a second between packets.
    TenThousandths,
    /// Millionths of a second between packets.
    Millionths,
    /// The reciprocal of bytes in a second, by the first two structures.
    Bytes,
    /// The same by the third.
    LongBytes,
}

/// `struct xt_hashlimit_mtinfo1` to `3`.
pub(super) fn decode(revision: u32, info: &Structure<'_>) -> Option<HashLimit> {
    let (name, fields, tail) = match revision {
        1 => (16, 20, 44),
        2 => (255, 256, 292),
        3 => (255, 256, 296),
        _ => return None,
    };
    let (mode, average, burst) = match revision {
        1 => (info.number(16)?, info.number(fields)?.into(), info.number(fields + 4)?.into()),
        _ => (info.number(272)?, info.long(fields)?, info.long(fields + 8)?),
    };
    let sizes = if revision == 1 { 28 } else { 276 };
    if mode & !0x7f != 0 || (mode & RATE_MATCH != 0 && revision != 3) {
        return None;
    }
    let unit = match (mode & BYTES != 0, revision) {
        (false, 1) => RateUnit::TenThousandths,
        (false, _) => RateUnit::Millionths,
        (true, 1) => RateUnit::Bytes,
        (true, _) => RateUnit::LongBytes,
    };
    Some(HashLimit {
        name: info.text(0, name)?,
        rate: Rate { value: average, unit },
        burst,
        above: mode & INVERT != 0,
        mode: mode & 0x0f,
        size: info.number(sizes)?,
        max: info.number(sizes + 4)?,
        collected: info.number(sizes + 8)?,
        expires: info.number(sizes + 12)?,
        source_length: info.byte(tail)?,
        destination_length: info.byte(tail + 1)?,
        interval: if revision == 3 { info.number(292)? } else { 0 },
        rate_match: mode & RATE_MATCH != 0,
    })
}

/// XT_HASHLIMIT_INVERT, _BYTES, _RATE_MATCH
const INVERT: u32 = 0x10;
const BYTES: u32 = 0x20;
const RATE_MATCH: u32 = 0x40;
