//! `-m hashlimit` (linux/netfilter/xt_hashlimit.h), and how iptables writes rates.

use serde::{Deserialize, Serialize};

use super::structure::Structure;
use super::{is_false, is_zero};
use crate::facts::ruleset::IpFamily;

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
    /// Whether addresses are those of IPv6.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ipv6: bool,
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
    /// The reciprocal of bytes in a second.
    Bytes,
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
        (true, _) => RateUnit::Bytes,
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
        ipv6: info.family() == Some(IpFamily::V6),
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

/// Packets in a time, by the time between two of them.
pub(super) struct Between {
    pub(super) period: u64,
    /// How many units a second has.
    pub(super) second: u64,
}

impl Between {
    /// The longest time in which the rate is a whole number, in seconds, with its name and the number.
    fn written(&self) -> (u64, &'static str, u64) {
        const NAMES: [(u64, &str); 4] = [(86_400, "day"), (3600, "hour"), (60, "min"), (1, "sec")];
        let mut found = (86_400, "day");
        for (seconds, name) in NAMES {
            let units = seconds.saturating_mul(self.second);
            let parts = units.checked_div(self.period).unwrap_or(0);
            let rest = units.checked_rem(self.period).unwrap_or(0);
            if seconds != 86_400 && (self.period > units || parts < rest) {
                break;
            }
            found = (seconds, name);
        }
        let (seconds, name) = found;
        (seconds, name, seconds.saturating_mul(self.second).checked_div(self.period).unwrap_or(0))
    }
}

impl std::fmt::Display for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (_, name, number) = self.written();
        write!(f, "{number}/{name}")
    }
}

impl std::fmt::Display for HashLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let direction = if self.above { "above" } else { "upto" };
        write!(f, " --hashlimit-{direction} ")?;
        // How long entries are kept unless somebody says otherwise, in milliseconds.
        let kept = match self.rate.unit {
            RateUnit::TenThousandths | RateUnit::Millionths => {
                let second = if self.rate.unit == RateUnit::Millionths { 1_000_000 } else { 10_000 };
                let rate = Between { period: self.rate.value, second };
                write!(f, "{rate} --hashlimit-burst {}", self.burst)?;
                rate.written().0.saturating_mul(1000)
            }
            RateUnit::Bytes => {
                write!(f, "{}/s", Size(self.bytes()))?;
                match self.burst {
                    0 | 1 => 15_000,
                    burst => {
                        write!(f, " --hashlimit-burst {}", Size(self.bytes().saturating_mul(burst)))?;
                        60_000
                    }
                }
            }
        };
        let modes = [(4, "srcip"), (8, "srcport"), (1, "dstip"), (2, "dstport")];
        if self.mode != 0 {
            write!(f, " --hashlimit-mode {}", super::words::bits(self.mode, &modes))?;
        }
        write!(f, " --hashlimit-name {}", self.name)?;
        for (option, number, usual) in [
            ("htable-size", u64::from(self.size), 0),
            ("htable-max", self.max.into(), 0),
            ("htable-gcinterval", self.collected.into(), 1000),
            ("htable-expire", self.expires.into(), kept),
        ] {
            if number != usual {
                write!(f, " --hashlimit-{option} {number}")?;
            }
        }
        let whole = if self.ipv6 { 128 } else { 32 };
        for (option, length) in [("srcmask", self.source_length), ("dstmask", self.destination_length)] {
            if length != whole {
                write!(f, " --hashlimit-{option} {length}")?;
            }
        }
        if self.rate_match {
            f.write_str(" --hashlimit-rate-match")?;
        }
        if self.interval > 1 {
            write!(f, " --hashlimit-rate-interval {}", self.interval)?;
        }
        Ok(())
    }
}

impl HashLimit {
    /// In a second; the kernel counts in steps of 16 bytes.
    fn bytes(&self) -> u64 {
        let most = u64::from(u32::MAX);
        most.checked_div(self.rate.value).unwrap_or(most).saturating_sub(1).saturating_mul(16)
    }
}

/// Bytes in the largest unit that makes a whole number.
struct Size(u64);

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 => write!(f, "{}mb", bytes >> 20),
            bytes if bytes >= 1 << 10 => write!(f, "{}kb", bytes >> 10),
            bytes => write!(f, "{bytes}b"),
        }
    }
}
