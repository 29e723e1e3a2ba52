//! Routes, and the rules that choose a table of routes.

use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network, or an address with the length of its network; written `192.0.2.1/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// An address in it.
    pub address: IpAddr,
    /// Length in bits.
    pub length: u8,
}

/// One route (RTM_NEWROUTE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Of the destination.
    pub to: Prefix,
    /// Of the source, for a route of IPv6 that holds for some sources only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Prefix>,
    /// RT_TABLE_*: 255 local, 254 main, 253 default.
    pub table: u32,
    /// RTN_*: 1 unicast, 2 local, 3 broadcast, 4 anycast, 5 multicast, 6 blackhole, 7 unreachable, 8 prohibit.
    pub kind: u8,
    /// Type of service or DSCP that it holds for alone; 0 for any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tos: u8,
    /// Smaller is preferred.
    #[serde(default)]
    pub metric: u32,
    /// Indexes of the interfaces that it leads through; several for a route over several paths. A unicast route without
    /// any leads through a next hop that the kernel did not show.
    #[serde(default)]
    pub through: Vec<u32>,
    /// Whether it can be used now: some path is not RTNH_F_DEAD. A path without a carrier (RTNH_F_LINKDOWN) is used all
    /// the same, unless `ignore_routes_with_linkdown` is set.
    #[serde(default = "yes")]
    pub alive: bool,
}

/// One rule that chooses a table (RTM_NEWRULE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRule {
    /// Of which family.
    pub ipv6: bool,
    /// Smaller comes first.
    pub priority: u32,
    /// What it does with the packets that it takes.
    pub action: RuleAction,
    /// Whether it takes the packets that its conditions do not describe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
    /// Source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Prefix>,
    /// Destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Prefix>,
    /// Mark of the packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Name of the interface that the packet came in by; `lo` stands for packets that this machine sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Name of the interface that the sending socket is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Whether it takes packets of VRFs only, and looks into the VRF's own table (`l3mdev`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vrf: bool,
    /// Routes whose prefix has at most this length do not count (`suppress_prefixlength`): the search goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_prefix_length: Option<u32>,
    /// FRA_* of conditions that hostduty does not evaluate, such as ports (23, 24), protocol (22) or user (20); 0 for the
    /// type of service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<u16>,
}

/// What a rule does with the packets that it takes (FR_ACT_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// It looks into this table; what is not found there goes on to the next rule.
    Table(u32),
    /// The rule of this priority comes next.
    Goto(u32),
    /// Nothing.
    Nop,
    /// They vanish.
    Blackhole,
    /// They are refused.
    Unreachable,
    /// They are refused.
    Prohibit,
    /// Something that hostduty does not know.
    Other(u8),
}

/// A test of a packet's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// What it is under the mask.
    pub value: u32,
    /// The bits that are looked at.
    pub mask: u32,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl RouteRule {
    /// Whether it takes every packet of its family.
    #[must_use]
    pub fn takes_everything(&self) -> bool {
        let Self { not, from, to, mark, input, output, vrf, other, .. } = self;
        !not && !vrf
            && from.is_none()
            && to.is_none()
            && mark.is_none()
            && input.is_none()
            && output.is_none()
            && other.is_empty()
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address with the length of its network, such as 192.0.2.1/24");
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length = length.parse().map_err(|_| wrong())?;
        if length > if address.is_ipv4() { 32 } else { 128 } {
            return Err(wrong());
        }
        Ok(Self { address, length })
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
