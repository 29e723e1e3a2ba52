//! Interfaces, addresses and routes of this machine's network namespace, and what filters packets outside netfilter.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::facts::ruleset::IpFamily;
use crate::gap::{Gap, Reading};

/// What the kernel needs to know to tell where a packet goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// By index.
    pub interfaces: Vec<Interface>,
    /// Routes of every table, of both families.
    pub routes: Vec<Route>,
    /// Rules that choose a table, by priority, of both families.
    pub rules: Vec<RouteRule>,
    /// `net.ipv4.ip_forward`.
    pub forwards_ipv4: Reading<bool>,
    /// `net.ipv6.conf.all.forwarding`.
    pub forwards_ipv6: Reading<bool>,
    /// Whether a socket on `::` takes IPv6 alone by default (`net.ipv6.bindv6only`).
    pub bind_ipv6_only: Reading<bool>,
    /// Programs that can drop or redirect packets outside netfilter.
    pub bpf: Reading<Vec<Bpf>>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interface {
    /// IFLA index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is up (IFF_UP).
    pub up: bool,
    /// Whether it is a loopback interface (IFF_LOOPBACK).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub loopback: bool,
    /// ARPHRD_*
    pub hardware: u16,
    /// Of its group; 0 by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub group: u32,
    /// `bridge`, `veth`, `vlan`, `bond`, `vrf`, `wireguard`…; empty for a device of hardware.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Index of the bridge, bond or VRF that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<u32>,
    /// Its addresses, with the length of their network in bits.
    pub addresses: Vec<Prefix>,
    /// `net.ipv4.conf.IFACE.rp_filter` in effect, the larger of `all` and its own: 0 none, 1 strict, 2 loose.
    pub reverse_path_filter: Reading<u32>,
    /// `net.ipv4.conf.IFACE.route_localnet` in effect.
    pub route_localnet: Reading<bool>,
    /// `net.ipv6.conf.IFACE.disable_ipv6`.
    pub ipv6_disabled: Reading<bool>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A network, or an address with the length of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// An address in it.
    pub address: IpAddr,
    /// Length in bits.
    pub length: u8,
}

/// One route (RTM_NEWROUTE).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Of the destination.
    pub to: Prefix,
    /// RT_TABLE_*: 255 local, 254 main, 253 default.
    pub table: u32,
    /// RTN_*: 1 unicast, 2 local, 3 broadcast, 4 anycast, 5 multicast, 6 blackhole, 7 unreachable, 8 prohibit.
    pub kind: u8,
    /// Smaller is preferred.
    #[serde(default)]
    pub metric: u32,
    /// Indexes of the interfaces that it leads through; several for a route over several paths.
    #[serde(default)]
    pub through: Vec<u32>,
    /// Whether it can be used now (not RTNH_F_DEAD or _LINKDOWN).
    #[serde(default = "yes")]
    pub alive: bool,
}

fn yes() -> bool {
    true
}

/// One rule that chooses a table (RTM_NEWRULE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRule {
    /// Of which family.
    pub ipv6: bool,
    /// Smaller comes first.
    pub priority: u32,
    /// The table that it chooses.
    pub table: u32,
    /// Whether it takes every packet; others are not evaluated.
    pub plain: bool,
}

/// A program of BPF in the way of inbound packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bpf {
    /// Where it sits.
    pub hook: BpfHook,
    /// The interface (XDP, tc) or the control group (below /sys/fs/cgroup) that it is attached to.
    pub place: String,
    /// As the kernel or tc names it; may be empty.
    pub name: String,
}

/// Where a program of BPF, or a filter of tc, sees packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BpfHook {
    /// As a frame comes from the device.
    Xdp,
    /// The ingress filters of tc, and tcx.
    Tc,
    /// Sockets of a control group (BPF_CGROUP_INET_INGRESS).
    ControlGroup,
    /// The choice of a socket (BPF_SK_LOOKUP).
    SocketLookup,
    /// A program at a netfilter hook (BPF_PROG_TYPE_NETFILTER).
    Netfilter,
}

impl Network {
    /// Whether packets for others are passed on.
    ///
    /// # Errors
    /// The gap of the setting.
    pub fn forwards(&self, family: IpFamily) -> Result<bool, Gap> {
        match family {
            IpFamily::V4 => self.forwards_ipv4.known().copied(),
            IpFamily::V6 => self.forwards_ipv6.known().copied(),
        }
    }
}
