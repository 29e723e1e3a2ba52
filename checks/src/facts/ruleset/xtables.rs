//! Matches and targets of xtables: the same kernel structures behind iptables-legacy and iptables-nft.

mod conntrack;
mod match_words;
mod matches;
mod rate;
mod structure;
mod target_words;
mod targets;
mod words;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::IpFamily;
pub use conntrack::{Conntrack, Masked, conntrack_flag};
pub use rate::{HashLimit, Rate, RateUnit};
pub(super) use structure::Structure;
pub use words::rule;

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

impl Match {
    /// Decodes the structure that follows `xt_entry_match`, or NFTA_MATCH_INFO. Some structures hold addresses, and
    /// belong to one family alone; without a family those are not decoded.
    pub(super) fn decode(name: &str, revision: u32, info: &[u8], family: Option<IpFamily>) -> Self {
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

    pub(super) fn sets_mut(&mut self) -> impl Iterator<Item = &mut SetKey> {
        match self {
            Self::Set(SetMatch { set, .. }) => Some(set),
            _ => None,
        }
        .into_iter()
    }
}

impl Target {
    /// Decodes the structure that follows `xt_entry_target`, or NFTA_TARGET_INFO; see [`Match::decode`].
    pub(super) fn decode(name: &str, revision: u32, info: &[u8], family: Option<IpFamily>) -> Self {
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

    pub(super) fn sets_mut(&mut self) -> impl Iterator<Item = &mut SetKey> {
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

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
