//! What is known of nftables: tables with their chains, rules, sets and objects.

use serde::{Deserialize, Serialize};

use super::{Expression, Verdict};
use crate::facts::ruleset::bytes::Bytes;
use crate::facts::ruleset::{Hook, IpFamily, Policy};
use crate::gap::{Gap, Reading};

/// The tables of nftables, of every family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nftables {
    /// In the kernel's order.
    pub tables: Vec<Table>,
    /// Why sets, objects with a name or flowtables could not be listed: older kernels do not know the latter. What a rule
    /// does with an object is known nevertheless; what a set holds that is not there is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlisted: Vec<Gap>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Which packets it can see.
    pub family: Family,
    /// Its name.
    pub name: String,
    /// Switched off as a whole (NFT_TABLE_F_DORMANT): its chains are hooked nowhere.
    #[serde(default)]
    pub dormant: bool,
    /// In the kernel's order.
    #[serde(default)]
    pub chains: Vec<Chain>,
    /// Sets and maps, those without a name included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Set>,
    /// Counters, quotas, limits and helpers that have a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// The names of its flowtables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flowtables: Vec<String>,
}

/// A set, or a map from keys to data or verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// Its name; `__set0` and the like for those that are written in a rule.
    pub name: String,
    /// NFT_SET_*: 4 intervals, 8 a map, 16 timeouts, 32 changed by rules, 64 objects, 128 concatenations.
    pub flags: u32,
    /// nft's own number of the type of its keys, several of six bits each for a concatenation (NFTA_SET_KEY_TYPE).
    pub key_type: u32,
    /// Bytes of a key.
    pub key_length: u32,
    /// Bytes of each part of a key that is a concatenation of ranges (NFTA_SET_FIELD_LEN); each starts at a multiple of
    /// four bytes. Else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<u32>,
    /// nft's own number of the type of a map's data (NFTA_SET_DATA_TYPE); 0xffffff00 for verdicts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<u32>,
    /// NFT_OBJECT_* of what a map of objects gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Elements, those of a set of intervals by their keys; a gap when they could not be read.
    pub elements: Reading<Vec<Element>>,
}

/// One element of a set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Element {
    /// Its key, or the first of an interval; empty for the one that takes every other key (NFT_SET_ELEM_CATCHALL).
    pub key: Bytes,
    /// The last of an interval, included; for a concatenation the last of each of its parts. Without, it is the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Bytes>,
    /// What a map gives for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Milliseconds until it expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Whether it has expressions of its own, such as a limit, that decide as well; a counter does not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub conditional: bool,
}

/// What a map gives for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Data {
    /// Bytes for a register.
    Value(Bytes),
    /// A verdict.
    Verdict(Verdict),
    /// The name of an object.
    Object(String),
}

/// An object that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// NFT_OBJECT_*: 1 counter, 2 quota, 3 helper, 4 limit, 5 connlimit, 7 timeout, 8 secmark, 9 expectation, 10 synproxy.
    pub kind: u32,
    /// Its name.
    pub name: String,
}

/// The families of nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// Frames on bridges.
    Bridge,
    /// Frames on one device, before anything else sees them.
    Netdev,
    /// One that hostduty does not know.
    Other,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// The number that `nft -a` shows.
    pub handle: u64,
    /// Where packets enter it; without, it is only reached by a jump.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// In the order in which packets meet them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// Where on the way of a packet.
    pub hook: Hook,
    /// Lower comes first.
    pub priority: i32,
    /// What happens to a packet that no rule decided.
    pub policy: Policy,
    /// The devices that an ingress or egress chain is bound to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// One rule; its position is its place in [`Chain::rules`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The number that `nft -a` shows.
    pub handle: u64,
    /// Its steps.
    #[serde(default)]
    pub expressions: Vec<Expression>,
    /// What its author says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Family {
    /// The one family of addresses that its rules see, where there is one.
    pub(in crate::facts::ruleset) fn ip(self) -> Option<IpFamily> {
        match self {
            Self::Ip => Some(IpFamily::V4),
            Self::Ip6 => Some(IpFamily::V6),
            _ => None,
        }
    }

    /// As nft writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
            Self::Other => "unknown-family",
        }
    }

    /// From NFPROTO_* in linux/netfilter.h.
    pub(in crate::facts::ruleset) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Inet,
            2 => Self::Ip,
            10 => Self::Ip6,
            3 => Self::Arp,
            7 => Self::Bridge,
            5 => Self::Netdev,
            _ => Self::Other,
        }
    }
}
