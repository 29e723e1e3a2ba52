//! With what matches of iptables compare a packet: ranges, masks, names and lists.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{is_false, is_zero};

/// A range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// The flags of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpFlags {
    /// Those that are looked at.
    pub mask: u8,
    /// Those of them that have to be set, and no others.
    pub set: u8,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// A number that something has to be, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The number.
    pub value: u16,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// Messages of ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Icmp {
    /// Their type; 255 is any for ICMP of IPv4.
    pub kind: u8,
    /// First and last code.
    pub codes: (u8, u8),
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// Which of the two ends of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The sender's.
    Source,
    /// The receiver's.
    Destination,
    /// Either of them.
    Either,
}

/// Addresses from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressRange {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// A mark, or another number with a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkMatch {
    /// What the masked mark has to be.
    pub value: u32,
    /// Which bits count.
    pub mask: u32,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// Numbers from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// `-m recent`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recent {
    /// The list.
    pub name: String,
    /// What it does with the list.
    pub action: RecentAction,
    /// `--rdest`: the destination counts instead of the source.
    #[serde(default, skip_serializing_if = "is_false")]
    pub destination: bool,
    /// Holds where it would not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
    /// `--seconds`
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: u32,
    /// `--hitcount`
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hits: u32,
    /// `--rttl`
    #[serde(default, skip_serializing_if = "is_false")]
    pub same_ttl: bool,
    /// `--reap`
    #[serde(default, skip_serializing_if = "is_false")]
    pub reap: bool,
    /// `--mask`; missing in the first structure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<IpAddr>,
}

/// What `-m recent` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecentAction {
    /// `--set`
    Set,
    /// `--rcheck`
    Check,
    /// `--update`
    Update,
    /// `--remove`
    Remove,
}

/// `-m physdev`: the port of a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Physdev {
    /// `--physdev-in`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Interface>,
    /// `--physdev-out`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Interface>,
    /// `--physdev-is-in`, and whether it is inverted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_in: Option<bool>,
    /// `--physdev-is-out`, and whether it is inverted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_out: Option<bool>,
    /// `--physdev-is-bridged`, and whether it is inverted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_bridged: Option<bool>,
}

/// Interfaces by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The name, or what it starts with.
    pub name: String,
    /// `NAME+`: every interface whose name starts so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wildcard: bool,
    /// Holds for all others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub invert: bool,
}

/// The TTL or the hop limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HopCount {
    /// 0 equal, 1 not equal, 2 less, 3 greater.
    pub mode: u8,
    /// Compared with this.
    pub value: u8,
}

/// `-m rt`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingHeader {
    /// `--rt-type`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Span>,
    /// `--rt-segsleft`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<Span>,
    /// `--rt-len`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Span>,
    /// IP6T_RT_RES, _FST and _FST_NSTRICT: tests of the reserved field and of addresses, which are not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u8,
}
