//! What a rule of iptables tests, by the match that `-m` names.

use serde::{Deserialize, Serialize};

use super::conntrack::Conntrack;
use super::operands::{
    AddressRange, HopCount, Icmp, MarkMatch, Number, Physdev, Ports, Recent, RoutingHeader, Side, Span,
    TcpFlags,
};
use super::rate::HashLimit;
use super::sets::{SetKey, SetMatch};
use super::structure::Structure;
use super::{is_false, is_zero, matches};
use crate::facts::ruleset::IpFamily;

/// What a rule of iptables tests besides addresses, interfaces and the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Match {
    /// `-m tcp`
    Tcp {
        /// `--sport`
        source: Ports,
        /// `--dport`
        destination: Ports,
        /// `--tcp-flags`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flags: Option<TcpFlags>,
        /// `--tcp-option`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        option: Option<Number>,
    },
    /// `-m udp`
    Udp {
        /// `--sport`
        source: Ports,
        /// `--dport`
        destination: Ports,
    },
    /// `-m icmp`
    Icmp(Icmp),
    /// `-m icmp6`
    Icmp6(Icmp),
    /// `-m multiport`
    Multiport {
        /// Whose ports.
        side: Side,
        /// First and last of each range.
        ports: Vec<(u16, u16)>,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m conntrack`, and `-m state` of today's iptables.
    Conntrack(Box<Conntrack>),
    /// `-m state` with its own structure.
    State {
        /// XT_STATE_*
        states: u32,
    },
    /// `-m addrtype`
    Addrtype {
        /// `--src-type`: bits by RTN_*; 0 when it is not asked.
        #[serde(default, skip_serializing_if = "is_zero")]
        source: u16,
        /// `! --src-type`
        #[serde(default, skip_serializing_if = "is_false")]
        invert_source: bool,
        /// `--dst-type`
        #[serde(default, skip_serializing_if = "is_zero")]
        destination: u16,
        /// `! --dst-type`
        #[serde(default, skip_serializing_if = "is_false")]
        invert_destination: bool,
        /// `--limit-iface-in`
        #[serde(default, skip_serializing_if = "is_false")]
        limit_in: bool,
        /// `--limit-iface-out`
        #[serde(default, skip_serializing_if = "is_false")]
        limit_out: bool,
    },
    /// `-m set`
    Set(SetMatch),
    /// `-m comment`
    Comment(String),
    /// `-m limit`
    Limit {
        /// `--limit`, in ten-thousandths of a second between packets.
        interval: u32,
        /// `--limit-burst`
        burst: u32,
    },
    /// `-m hashlimit`
    Hashlimit(Box<HashLimit>),
    /// `-m recent`
    Recent(Recent),
    /// `-m iprange`
    Iprange {
        /// `--src-range`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<AddressRange>,
        /// `--dst-range`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<AddressRange>,
    },
    /// `-m mac`
    Mac {
        /// `--mac-source`
        address: [u8; 6],
        /// `! --mac-source`
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m mark`
    Mark(MarkMatch),
    /// `-m connmark`
    Connmark(MarkMatch),
    /// `-m owner`
    Owner {
        /// `--uid-owner`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        users: Option<Span>,
        /// `--gid-owner`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups: Option<Span>,
        /// `--socket-exists`, and whether it is inverted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        socket: Option<bool>,
        /// `--suppl-groups`
        #[serde(default, skip_serializing_if = "is_false")]
        supplementary: bool,
    },
    /// `-m pkttype`
    Pkttype {
        /// PACKET_*: 0 unicast, 1 broadcast, 2 multicast.
        kind: u32,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m physdev`
    Physdev(Physdev),
    /// `-m length`
    Length {
        /// Of the packet with its IP header.
        first: u16,
        /// The longest.
        last: u16,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m ttl`
    Ttl(HopCount),
    /// `-m hl`
    Hl(HopCount),
    /// `-m dscp`
    Dscp {
        /// Six bits.
        value: u8,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m tos`
    Tos {
        /// What the masked byte has to be.
        value: u8,
        /// Which bits count.
        mask: u8,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m statistic`
    Statistic {
        /// `--mode random --probability`, in parts of 2^31.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probability: Option<u32>,
        /// `--mode nth --every`, less one.
        #[serde(default, skip_serializing_if = "is_zero")]
        every: u32,
        /// `--packet`
        #[serde(default, skip_serializing_if = "is_zero")]
        packet: u32,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m connlimit`
    Connlimit {
        /// Connections.
        limit: u32,
        /// Length of the network that is counted together.
        prefix: u8,
        /// `--connlimit-daddr`
        #[serde(default, skip_serializing_if = "is_false")]
        destination: bool,
        /// `--connlimit-upto`; else `--connlimit-above`.
        #[serde(default, skip_serializing_if = "is_false")]
        up_to: bool,
    },
    /// `-m socket`
    Socket {
        /// `--transparent`
        #[serde(default, skip_serializing_if = "is_false")]
        transparent: bool,
        /// `--nowildcard`
        #[serde(default, skip_serializing_if = "is_false")]
        no_wildcard: bool,
        /// `--restore-skmark`
        #[serde(default, skip_serializing_if = "is_false")]
        restore_mark: bool,
    },
    /// `-m rpfilter`
    Rpfilter {
        /// `--loose`
        #[serde(default, skip_serializing_if = "is_false")]
        loose: bool,
        /// `--validmark`
        #[serde(default, skip_serializing_if = "is_false")]
        valid_mark: bool,
        /// `--accept-local`
        #[serde(default, skip_serializing_if = "is_false")]
        accept_local: bool,
        /// `--invert`
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m devgroup`
    Devgroup {
        /// `--src-group`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<MarkMatch>,
        /// `--dst-group`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<MarkMatch>,
    },
    /// `-m rt`: a routing header of IPv6.
    Rt(RoutingHeader),
    /// `-m quota`
    Quota {
        /// In bytes.
        bytes: u64,
        /// Holds beyond it.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m cpu`
    Cpu {
        /// Its number.
        cpu: u32,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m helper`
    Helper {
        /// Of connection tracking: `ftp`; empty takes any.
        name: String,
        /// Holds for all others.
        #[serde(default, skip_serializing_if = "is_false")]
        invert: bool,
    },
    /// `-m policy` without a description of the policy.
    Policy {
        /// `--dir out`; else `in`.
        #[serde(default, skip_serializing_if = "is_false")]
        outbound: bool,
        /// `--pol none`; else `ipsec`.
        #[serde(default, skip_serializing_if = "is_false")]
        none: bool,
        /// `--strict`
        #[serde(default, skip_serializing_if = "is_false")]
        strict: bool,
    },
    /// One that hostduty does not decode.
    Other {
        /// As `-m` names it.
        name: String,
        /// Of its kernel structure.
        #[serde(default)]
        revision: u32,
    },
}

impl Match {
    /// Decodes the structure that follows `xt_entry_match`, or NFTA_MATCH_INFO. Some structures hold addresses, and
    /// belong to one family alone; without a family those are not decoded.
    pub(in crate::facts::ruleset) fn decode(
        name: &str,
        revision: u32,
        info: &[u8],
        family: Option<IpFamily>,
    ) -> Self {
        matches::decode(name, revision, &Structure::new(info, family))
            .unwrap_or_else(|| Self::Other { name: name.to_owned(), revision })
    }

    /// As `-m` names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::Udp { .. } => "udp",
            Self::Icmp(_) => "icmp",
            Self::Icmp6(_) => "icmp6",
            Self::Multiport { .. } => "multiport",
            Self::Conntrack(conntrack) if conntrack.is_state() => "state",
            Self::Conntrack(_) => "conntrack",
            Self::State { .. } => "state",
            Self::Addrtype { .. } => "addrtype",
            Self::Set(_) => "set",
            Self::Comment(_) => "comment",
            Self::Limit { .. } => "limit",
            Self::Hashlimit(_) => "hashlimit",
            Self::Recent(_) => "recent",
            Self::Iprange { .. } => "iprange",
            Self::Mac { .. } => "mac",
            Self::Mark(_) => "mark",
            Self::Connmark(_) => "connmark",
            Self::Owner { .. } => "owner",
            Self::Pkttype { .. } => "pkttype",
            Self::Physdev(_) => "physdev",
            Self::Length { .. } => "length",
            Self::Ttl(_) => "ttl",
            Self::Hl(_) => "hl",
            Self::Dscp { .. } => "dscp",
            Self::Tos { .. } => "tos",
            Self::Statistic { .. } => "statistic",
            Self::Connlimit { .. } => "connlimit",
            Self::Socket { .. } => "socket",
            Self::Rpfilter { .. } => "rpfilter",
            Self::Devgroup { .. } => "devgroup",
            Self::Rt(_) => "rt",
            Self::Quota { .. } => "quota",
            Self::Cpu { .. } => "cpu",
            Self::Helper { .. } => "helper",
            Self::Policy { .. } => "policy",
            Self::Other { name, .. } => name,
        }
    }

    /// The set that it asks.
    #[must_use]
    pub fn set(&self) -> Option<&SetKey> {
        match self {
            Self::Set(SetMatch { set, .. }) => Some(set),
            _ => None,
        }
    }

    pub(in crate::facts::ruleset) fn sets_mut(&mut self) -> impl Iterator<Item = &mut SetKey> {
        match self {
            Self::Set(SetMatch { set, .. }) => Some(set),
            _ => None,
        }
        .into_iter()
    }
}
