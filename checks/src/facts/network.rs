//! Interfaces, addresses and routes of this machine's network namespace, and what filters packets outside netfilter.

mod bpf;
mod decode;
pub(in crate::facts) mod netlink;
mod route;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::facts::ruleset::IpFamily;
use crate::gap::{Gap, Reading};
use crate::host::{self, BpfObject, Host, Query, RouteObject, System};
pub use bpf::{Bpf, BpfHook};
pub use route::{Mark, Prefix, Route, RouteRule, RuleAction};

/// More routes than this are not kept: a router of the whole internet has a million, and a snapshot has to stay small.
const ROUTES: usize = 20_000;
/// More interfaces than this are not kept.
const INTERFACES: usize = 10_000;

/// What the kernel needs to know to tell where a packet goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// By index.
    pub interfaces: Vec<Interface>,
    /// Routes of every table, of both families.
    pub routes: Reading<Vec<Route>>,
    /// Rules that choose a table, by family and priority. A kernel without policy routing has none: it looks into the
    /// table local (255), then into main (254).
    pub rules: Reading<Vec<RouteRule>>,
    /// `net.ipv4.ip_forward`. What counts is [`Interface::forwards_ipv4`] of the interface that a packet came in by.
    pub forwards_ipv4: Reading<bool>,
    /// `net.ipv6.conf.all.forwarding`.
    pub forwards_ipv6: Reading<bool>,
    /// Whether a socket on `::` takes IPv6 alone by default (`net.ipv6.bindv6only`).
    pub bind_ipv6_only: Reading<bool>,
    /// Programs and filters that can drop or redirect packets outside netfilter: XDP, tc, tcx, netkit, control groups
    /// and the choice of sockets. Those that only count or classify are among them.
    pub bpf: Reading<Vec<Bpf>>,
    /// Programs at hooks of netfilter, of whichever network namespace. In a kernel that knows them (6.4 and newer) only
    /// CAP_SYS_ADMIN can tell.
    pub bpf_netfilter: Reading<Vec<Bpf>>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interface {
    /// Its index.
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
    /// Index of the interface that it stands on (vlan, macvlan), or of its other end (veth), in this namespace: what
    /// comes by a vlan passes the hooks of the interface below first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// The table of routes of a VRF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// Its addresses, with the length of their network in bits.
    pub addresses: Vec<Prefix>,
    /// `net.ipv4.conf.IFACE.rp_filter` in effect, the larger of `all` and its own: 0 none, 1 strict, 2 loose. There is
    /// none for IPv6.
    pub reverse_path_filter: Reading<u32>,
    /// `net.ipv4.conf.IFACE.route_localnet` in effect: that of `all` or its own.
    pub route_localnet: Reading<bool>,
    /// `net.ipv4.conf.IFACE.forwarding`: whether packets of IPv4 that came in here are passed on.
    pub forwards_ipv4: Reading<bool>,
    /// `net.ipv6.conf.IFACE.disable_ipv6`; true in a kernel without IPv6.
    pub ipv6_disabled: Reading<bool>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
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

    /// Every program and filter that is known to see packets outside netfilter's own rules.
    pub fn programs(&self) -> impl Iterator<Item = &Bpf> {
        [&self.bpf, &self.bpf_netfilter].into_iter().filter_map(Reading::value).flatten()
    }

    /// The interface of an index.
    #[must_use]
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        let place = self.interfaces.binary_search_by_key(&index, |interface| interface.index).ok()?;
        self.interfaces.get(place)
    }

    /// Every address of every interface.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(|interface| &interface.addresses).map(|prefix| prefix.address)
    }
}

/// Asks the kernel over netlink, which takes no privilege, and reads /proc/sys.
pub(crate) fn read(host: &dyn Host) -> Result<Network, Gap> {
    if host.system() != System::Linux {
        return Err(Gap::unsupported(
            "the routes of this system are not read: only Linux tells them over netlink",
        ));
    }
    let ask = |object| host.query(&Query::Route(object));
    let (mut interfaces, xdp) = decode::interfaces(&ask(RouteObject::Links)?)?;
    if interfaces.len() > INTERFACES {
        return Err(Gap::too_large("the list of interfaces"));
    }
    decode::addresses(&ask(RouteObject::Addresses)?, &mut interfaces)?;
    for interface in &mut interfaces {
        settings(host, interface);
    }
    let routes = ask(RouteObject::Routes).and_then(|answer| decode::routes(&answer)).and_then(|routes| {
        if routes.len() > ROUTES { Err(Gap::too_large("the list of routes")) } else { Ok(routes) }
    });
    Ok(Network {
        routes: routes.into(),
        rules: ask(RouteObject::Rules).and_then(|answer| decode::rules(&answer)).into(),
        forwards_ipv4: switch(host, "/proc/sys/net/ipv4/ip_forward").into(),
        forwards_ipv6: without_ipv6(host, switch(host, "/proc/sys/net/ipv6/conf/all/forwarding"), false)
            .into(),
        bind_ipv6_only: without_ipv6(host, switch(host, "/proc/sys/net/ipv6/bindv6only"), false).into(),
        bpf: bpf::read(host, &interfaces, xdp).into(),
        bpf_netfilter: bpf::lines(host, BpfObject::Netfilter, None).into(),
        interfaces,
    })
}

fn settings(host: &dyn Host, interface: &mut Interface) {
    let name = interface.name.as_str();
    // The kernel gives no interface such a name; below /proc/sys it would lead elsewhere.
    if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
        return;
    }
    let own = |family: &str, key: &str| format!("/proc/sys/net/{family}/conf/{name}/{key}");
    let larger = |key: &str| {
        let all = number(host, &format!("/proc/sys/net/ipv4/conf/all/{key}"))?;
        Ok::<_, Gap>(all.max(number(host, &own("ipv4", key))?))
    };
    interface.reverse_path_filter = larger("rp_filter").into();
    interface.route_localnet = larger("route_localnet").map(|value| value != 0).into();
    interface.forwards_ipv4 = switch(host, &own("ipv4", "forwarding")).into();
    interface.ipv6_disabled = without_ipv6(host, switch(host, &own("ipv6", "disable_ipv6")), true).into();
}

/// A setting of IPv6; `absent` is what holds in a kernel without IPv6.
fn without_ipv6(host: &dyn Host, setting: Result<bool, Gap>, absent: bool) -> Result<bool, Gap> {
    match setting {
        Err(gap) if gap.is_absent() => {
            match (host.stat("/proc/sys/net/ipv6"), host.stat("/proc/sys/net/ipv4")) {
                (Err(missing), Ok(_)) if missing.is_absent() => Ok(absent),
                _ => Err(gap),
            }
        }
        other => other,
    }
}

fn switch(host: &dyn Host, path: &str) -> Result<bool, Gap> {
    number(host, path).map(|value| value != 0)
}

fn number(host: &dyn Host, path: &str) -> Result<u32, Gap> {
    let text = host::read_line(host, path)?;
    text.trim().parse().map_err(|_| Gap::malformed(format!("{path} is not a number")))
}

#[cfg(test)]
mod tests;
