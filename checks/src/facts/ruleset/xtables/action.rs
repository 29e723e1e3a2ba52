//! What a rule of iptables does, by the target that `-j` names.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::sets::{SetKey, SetTarget};
use super::structure::Structure;
use super::{is_false, is_zero, targets};
use crate::facts::ruleset::IpFamily;

/// What a rule of iptables does besides the standard verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// `-j REJECT`
    Reject {
        /// `enum ipt_reject_with` or `ip6t_reject_with`.
        with: u32,
        /// Whether it is that of IPv6.
        #[serde(default, skip_serializing_if = "is_false")]
        ipv6: bool,
    },
    /// `-j LOG`
    Log {
        /// Of syslog(3).
        level: u8,
        /// XT_LOG_*
        #[serde(default, skip_serializing_if = "is_zero")]
        flags: u8,
        /// `--log-prefix`
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
    },
    /// `-j NFLOG`
    Nflog {
        /// `--nflog-group`
        #[serde(default, skip_serializing_if = "is_zero")]
        group: u16,
        /// `--nflog-range`, or `--nflog-size` when it is in force.
        #[serde(default, skip_serializing_if = "is_zero")]
        length: u32,
        /// XT_NFLOG_F_COPY_LEN
        #[serde(default, skip_serializing_if = "is_false")]
        length_in_force: bool,
        /// `--nflog-threshold`
        #[serde(default, skip_serializing_if = "is_zero")]
        threshold: u16,
        /// `--nflog-prefix`
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
    },
    /// `-j MARK`: `mark = (mark & !mask) ^ value`
    Mark {
        /// What is combined by exclusive or.
        value: u32,
        /// The bits that are cleared first.
        mask: u32,
    },
    /// `-j CONNMARK`
    Connmark {
        /// What it does.
        mode: ConnmarkMode,
        /// What is combined by exclusive or, when a mark is set.
        #[serde(default, skip_serializing_if = "is_zero")]
        value: u32,
        /// `--ctmask`, or the bits that are cleared first.
        mask: u32,
        /// `--nfmask`
        #[serde(default, skip_serializing_if = "is_zero")]
        packet_mask: u32,
        /// By how many bits the mark is moved on the way; to the right when negative.
        #[serde(default, skip_serializing_if = "is_zero")]
        shift: i16,
    },
    /// `-j CT` and `-j NOTRACK`
    Ct(Box<CtTarget>),
    /// `-j DNAT`
    Dnat(NatRange),
    /// `-j SNAT`
    Snat(NatRange),
    /// `-j MASQUERADE`
    Masquerade(NatRange),
    /// `-j REDIRECT`
    Redirect(NatRange),
    /// `-j NETMAP`
    Netmap(NatRange),
    /// `-j TPROXY`
    Tproxy {
        /// `--on-ip`; the unspecified address is that of the inbound interface.
        address: IpAddr,
        /// `--on-port`; 0 keeps the packet's.
        port: u16,
        /// `--tproxy-mark`
        #[serde(default, skip_serializing_if = "is_zero")]
        mark: u32,
        /// Its mask.
        #[serde(default, skip_serializing_if = "is_zero")]
        mask: u32,
    },
    /// `-j SET`
    Set(Box<SetTarget>),
    /// `-j NFQUEUE`
    Nfqueue {
        /// `--queue-num`
        first: u16,
        /// How many queues share the packets.
        count: u16,
        /// `--queue-bypass`: accepts when no program listens.
        #[serde(default, skip_serializing_if = "is_false")]
        bypass: bool,
        /// `--queue-cpu-fanout`
        #[serde(default, skip_serializing_if = "is_false")]
        fanout: bool,
    },
    /// `-j TTL`
    Ttl {
        /// 0 set, 1 increase, 2 decrease.
        mode: u8,
        /// To what, or by how much.
        value: u8,
    },
    /// `-j HL`
    Hl {
        /// 0 set, 1 increase, 2 decrease.
        mode: u8,
        /// To what, or by how much.
        value: u8,
    },
    /// `-j DSCP`
    Dscp {
        /// Six bits.
        value: u8,
    },
    /// `-j TOS`: `tos = (tos & !mask) ^ value`
    Tos {
        /// What is combined by exclusive or.
        value: u8,
        /// The bits that are cleared first.
        mask: u8,
    },
    /// `-j SYNPROXY`
    Synproxy {
        /// NF_SYNPROXY_OPT_*
        options: u8,
        /// `--wscale`
        scale: u8,
        /// `--mss`
        segment: u16,
    },
    /// `-j TRACE`
    Trace,
    /// `-j TEE`
    Tee {
        /// `--gateway`
        gateway: IpAddr,
        /// `--oif`
        #[serde(default, skip_serializing_if = "String::is_empty")]
        interface: String,
    },
    /// `-j CLASSIFY`
    Classify {
        /// Major number in the upper half.
        priority: u32,
    },
    /// `-j TCPMSS`
    Tcpmss {
        /// 65535 takes that of the path.
        segment: u16,
    },
    /// One that hostduty does not decode.
    Other {
        /// As `-j` names it.
        name: String,
        /// Of its kernel structure.
        #[serde(default)]
        revision: u32,
    },
}

/// What `-j CONNMARK` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnmarkMode {
    /// Sets the connection's mark.
    Set,
    /// Copies the packet's mark to the connection.
    Save,
    /// Copies the connection's mark to the packet.
    Restore,
}

/// `-j CT`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CtTarget {
    /// `--notrack`
    #[serde(skip_serializing_if = "is_false")]
    pub notrack: bool,
    /// Written as `-j NOTRACK`.
    #[serde(skip_serializing_if = "is_false")]
    pub alias: bool,
    /// `--zone`
    #[serde(skip_serializing_if = "is_zero")]
    pub zone: u16,
    /// `--zone-orig` (1), `--zone-reply` (2), the mark as zone (4).
    #[serde(skip_serializing_if = "is_zero")]
    pub zone_flags: u8,
    /// `--ctevents`
    #[serde(skip_serializing_if = "is_zero")]
    pub events: u32,
    /// `--expevents`
    #[serde(skip_serializing_if = "is_zero")]
    pub expected_events: u32,
    /// `--helper`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub helper: String,
    /// `--timeout`
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timeout: String,
}

/// To what a target of address translation rewrites.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatRange {
    /// NF_NAT_RANGE_*
    pub flags: u32,
    /// First and last address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// First and last port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<(u16, u16)>,
    /// The port that is the first of a range that is shifted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<u16>,
}

impl Target {
    /// Decodes the structure that follows `xt_entry_target`, or NFTA_TARGET_INFO; see [`super::Match::decode`].
    pub(in crate::facts::ruleset) fn decode(
        name: &str,
        revision: u32,
        info: &[u8],
        family: Option<IpFamily>,
    ) -> Self {
        targets::decode(name, revision, &Structure::new(info, family))
            .unwrap_or_else(|| Self::Other { name: name.to_owned(), revision })
    }

    /// As `-j` names it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Reject { .. } => "REJECT",
            Self::Log { .. } => "LOG",
            Self::Nflog { .. } => "NFLOG",
            Self::Mark { .. } => "MARK",
            Self::Connmark { .. } => "CONNMARK",
            Self::Ct(target) if target.alias => "NOTRACK",
            Self::Ct(_) => "CT",
            Self::Dnat(_) => "DNAT",
            Self::Snat(_) => "SNAT",
            Self::Masquerade(_) => "MASQUERADE",
            Self::Redirect(_) => "REDIRECT",
            Self::Netmap(_) => "NETMAP",
            Self::Tproxy { .. } => "TPROXY",
            Self::Set(_) => "SET",
            Self::Nfqueue { .. } => "NFQUEUE",
            Self::Ttl { .. } => "TTL",
            Self::Hl { .. } => "HL",
            Self::Dscp { .. } => "DSCP",
            Self::Tos { .. } => "TOS",
            Self::Synproxy { .. } => "SYNPROXY",
            Self::Trace => "TRACE",
            Self::Tee { .. } => "TEE",
            Self::Classify { .. } => "CLASSIFY",
            Self::Tcpmss { .. } => "TCPMSS",
            Self::Other { name, .. } => name,
        }
    }

    pub(in crate::facts::ruleset) fn sets_mut(&mut self) -> impl Iterator<Item = &mut SetKey> {
        let sets = match self {
            Self::Set(sets) => {
                let SetTarget { add, delete, map, .. } = sets.as_mut();
                [add.as_mut(), delete.as_mut(), map.as_mut()]
            }
            _ => [None, None, None],
        };
        sets.into_iter().flatten()
    }
}
