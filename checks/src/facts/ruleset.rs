//! The packet filter that the kernel enforces: nftables and legacy tables.

pub mod bytes;
mod decode;
mod elements;
mod expression;
pub mod ipset;
pub mod legacy;
mod netlink;
pub mod nft_text;
pub mod nftables;
mod recent;
pub mod xtables;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::xtables::{Match, SetKey, Target};

use crate::gap::{Gap, Reading};
use crate::host::{Host, LARGE, System, read_text};
pub use recent::RecentList;

/// The packet filter that the kernel enforces. nftables and the legacy tables can be loaded side by side; a packet
/// has to pass both.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ruleset {
    /// Whether packets of IPv6 can reach this machine at all.
    pub ipv6: Reading<Ipv6>,
    /// nftables of every family, with what `iptables-nft` put there.
    pub nftables: Reading<nftables::Nftables>,
    /// The legacy tables of IPv4 (`iptables-legacy`).
    pub legacy_ipv4: Reading<Vec<legacy::Table>>,
    /// The legacy tables of IPv6 (`ip6tables-legacy`).
    pub legacy_ipv6: Reading<Vec<legacy::Table>>,
    /// The sets of ipset, when a rule uses one.
    pub ipsets: Reading<Vec<ipset::IpSet>>,
    /// The lists of recent sources that rules ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<RecentList>,
}

/// What the kernel does with IPv6, from /proc/net/if_inet6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ipv6 {
    /// The kernel has no IPv6.
    Absent,
    /// No interface but the loopback has an address, not even a link-local one: it is switched off on each.
    Unaddressed,
    /// Some interface has an address.
    Addressed,
}

/// The families of addresses that are judged apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl std::fmt::Display for IpFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Where on the way of a packet a chain sees it (`enum nf_inet_hooks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// As it comes from one device.
    Ingress,
    /// Before it is routed.
    Prerouting,
    /// When it is for this machine.
    Input,
    /// When it passes through.
    Forward,
    /// When this machine sent it.
    Output,
    /// After it was routed.
    Postrouting,
    /// As it leaves through one device.
    Egress,
    /// One that hostduty does not know.
    Other,
}

impl Ruleset {
    /// Why packets of a family cannot reach this machine at all, with or without a filter.
    #[must_use]
    pub fn unused(&self, family: IpFamily) -> Option<&'static str> {
        match (family, self.ipv6.value()?) {
            (IpFamily::V6, Ipv6::Absent) => Some("the kernel has no IPv6"),
            (IpFamily::V6, Ipv6::Unaddressed) => {
                Some("IPv6 is switched off on every interface but the loopback")
            }
            _ => None,
        }
    }
}

impl Hook {
    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Prerouting,
            1 => Self::Input,
            2 => Self::Forward,
            3 => Self::Output,
            4 => Self::Postrouting,
            5 => Self::Ingress,
            _ => Self::Other,
        }
    }
}

/// What happens to a packet that no rule of a base chain decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It ends here.
    Drop,
}

/// Reads both packet filters; each that cannot be read is a gap of its own.
pub(crate) fn read(host: &dyn Host) -> Result<Ruleset, Gap> {
    if host.system() != System::Linux {
        return Err(Gap::unsupported("only Linux filters packets with netfilter"));
    }
    let mut ruleset = Ruleset {
        ipv6: ipv6(host).into(),
        nftables: nftables::read(host).into(),
        legacy_ipv4: legacy::read(host, false).into(),
        legacy_ipv6: legacy::read(host, true).into(),
        ipsets: Reading::Known(Vec::new()),
        recent: Vec::new(),
    };
    let mut uses_sets = false;
    let mut lists = BTreeSet::new();
    ruleset.extensions(&mut |extension| match extension {
        Extension::Match(Match::Recent(recent)) => {
            lists.insert(recent.name.clone());
        }
        Extension::Match(one) => uses_sets |= one.sets_mut().next().is_some(),
        Extension::Target(target) => uses_sets |= target.sets_mut().next().is_some(),
    });
    ruleset.recent = lists.iter().map(|name| recent::read(host, name)).collect();
    if uses_sets {
        ruleset.ipsets = ipset::read(host).into();
        ruleset.name_sets();
    }
    Ok(ruleset)
}

/// What a rule takes from xtables.
enum Extension<'a> {
    Match(&'a mut Match),
    Target(&'a mut Target),
}

impl Ruleset {
    fn extensions(&mut self, look: &mut dyn FnMut(Extension<'_>)) {
        for reading in [&mut self.legacy_ipv4, &mut self.legacy_ipv6] {
            let Reading::Known(tables) = reading else { continue };
            for rule in
                tables.iter_mut().flat_map(|table| &mut table.chains).flat_map(|chain| &mut chain.rules)
            {
                rule.matches.iter_mut().for_each(|one| look(Extension::Match(one)));
                if let legacy::Target::Extension(target) = &mut rule.target {
                    look(Extension::Target(target));
                }
            }
        }
        let Reading::Known(nftables) = &mut self.nftables else { return };
        let chains = nftables.tables.iter_mut().flat_map(|table| &mut table.chains);
        for expression in chains.flat_map(|chain| &mut chain.rules).flat_map(|rule| &mut rule.expressions) {
            match expression {
                nftables::Expression::Match(one) => look(Extension::Match(one)),
                nftables::Expression::Target(target) => look(Extension::Target(target)),
                _ => {}
            }
        }
    }

    /// Rules know sets by index, people by name.
    fn name_sets(&mut self) {
        let names: BTreeMap<u16, String> =
            self.ipsets.value().into_iter().flatten().map(|set| (set.index, set.name.clone())).collect();
        let name = |key: &mut SetKey| key.name = names.get(&key.index).cloned();
        self.extensions(&mut |extension| match extension {
            Extension::Match(one) => one.sets_mut().for_each(name),
            Extension::Target(target) => target.sets_mut().for_each(name),
        });
    }
}

fn ipv6(host: &dyn Host) -> Result<Ipv6, Gap> {
    let table = match read_text(host, "/proc/net/if_inet6", LARGE) {
        Ok(table) => table,
        // Without /proc the file is missing too, and says nothing.
        Err(gap) if gap.is_absent() => {
            host.stat("/proc/net/dev")?;
            return Ok(Ipv6::Absent);
        }
        Err(gap) => return Err(gap),
    };
    // The last column is the device. An address under duplicate detection counts as well.
    let device = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
    let addressed = table.lines().any(|line| device(line).is_none_or(|name| name != "lo"));
    Ok(if addressed || routed_here(host) { Ipv6::Addressed } else { Ipv6::Unaddressed })
}

/// Whether routes of type local make addresses beside ::1 this machine's own, which takes no interface that has them.
fn routed_here(host: &dyn Host) -> bool {
    const LOOPBACK: &str = "00000000000000000000000000000001";
    /// RTF_LOCAL in linux/ipv6_route.h.
    const LOCAL: u32 = 0x8000_0000;
    let table = match read_text(host, "/proc/net/ipv6_route", LARGE) {
        Ok(table) => table,
        Err(gap) => return !gap.is_absent(),
    };
    table.lines().any(|line| {
        let mut columns = line.split_whitespace();
        let to = columns.next();
        let flags = columns.nth(7).and_then(|flags| u32::from_str_radix(flags, 16).ok());
        to != Some(LOOPBACK) && flags.is_none_or(|flags| flags & LOCAL != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    #[test]
    fn every_part_is_a_gap_of_its_own() {
        let host = Tree::new(Timestamp(0))
            .file("/proc/net/dev", "")
            .refuse("/proc/net/ip_tables_names", Gap::denied("/proc/net/ip_tables_names"));
        let ruleset = read(&host).unwrap();
        assert_eq!(ruleset.ipv6, Reading::Known(Ipv6::Absent));
        assert_eq!(ruleset.nftables.known().unwrap_err().why, GapKind::Offline);
        assert_eq!(ruleset.legacy_ipv4.known().unwrap_err().why, GapKind::Denied);
        assert_eq!(ruleset.legacy_ipv6, Reading::Known(Vec::new()));
    }

    #[test]
    fn ipv6_is_addressed_when_anything_but_the_loopback_has_an_address() {
        let lo = "00000000000000000000000000000001 01 80 10 80       lo\n";
        let eth0 = "fe80000000000000505400fffe123456 02 40 20 80     eth0\n";
        let of = |content: &str| ipv6(&Tree::new(Timestamp(0)).file("/proc/net/if_inet6", content)).unwrap();
        assert_eq!(of(""), Ipv6::Unaddressed);
        assert_eq!(of(lo), Ipv6::Unaddressed);
        assert_eq!(of(&format!("{lo}{eth0}")), Ipv6::Addressed);
        assert_eq!(of("not a table"), Ipv6::Addressed);
        assert!(ipv6(&Tree::new(Timestamp(0))).is_err());
    }

    #[test]
    fn ipv6_is_addressed_where_a_route_makes_addresses_this_machine_s_own() {
        let zeros = "00000000000000000000000000000000";
        let route = |to: &str, flags: &str| {
            format!("{to} 80 {zeros} 00 {zeros} 00000000 00000002 00000000 {flags}       lo\n")
        };
        let own = route("00000000000000000000000000000001", "80200001");
        let of = |routes: String| {
            let host = Tree::new(Timestamp(0)).file("/proc/net/if_inet6", "");
            ipv6(&host.file("/proc/net/ipv6_route", &routes)).unwrap()
        };
        assert_eq!(of(own.clone() + &route(zeros, "00200200")), Ipv6::Unaddressed);
        assert_eq!(of(own + &route("20010db8000500000000000000000000", "80000001")), Ipv6::Addressed);
    }
}
