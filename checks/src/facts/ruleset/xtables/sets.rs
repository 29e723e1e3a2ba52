//! How rules of iptables ask and fill sets of ipset.

use serde::{Deserialize, Serialize};

use super::{is_false, is_zero};

/// A set of ipset, and which properties of a packet make its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetKey {
    /// By which the kernel knows the set.
    pub index: u16,
    /// By which people do; missing when the sets could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For each dimension whether it is the source's.
    pub source: Vec<bool>,
}

/// `-m set`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetMatch {
    /// The set.
    pub set: SetKey,
    /// Holds when the set does not have the key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
    /// `--return-nomatch`: an element with `nomatch` counts as found.
    #[serde(default, skip_serializing_if = "is_false")]
    pub return_nomatch: bool,
    /// IPSET_FLAG_SKIP_COUNTER_UPDATE and _SUBCOUNTER_UPDATE
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// `--packets-…`: `enum` IPSET_COUNTER_* and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<(u8, u64)>,
    /// `--bytes-…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<(u8, u64)>,
}

/// `-j SET`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetTarget {
    /// `--add-set`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<SetKey>,
    /// `--del-set`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<SetKey>,
    /// `--map-set`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<SetKey>,
    /// `--timeout`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// IPSET_FLAG_*: `--exist` and what `--map-set` maps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
}
