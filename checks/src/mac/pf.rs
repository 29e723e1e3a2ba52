//! What pf decides about new TCP connections: who gets through to a port, through which interface and by which rule.
//!
//! Redirections come first: the first that matches counts. Then the filter rules are asked with the new destination: the last
//! that matches decides, or the first that is `quick`, and without one packets pass (pf.conf(5)). Peers stay open: each
//! rule cuts their set. What cannot be told about a rule is followed both ways, and is unknown for exactly those peers
//! with whom the ways end differently.

mod redirect;
mod tables;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::facts::mac::interfaces::Interface;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::mac::pf_rule::Rule;
use crate::gap::Gap;
use crate::reach::ranges::Ranges;
use tables::Tables;

/// Steps of one walk through all rules for all peers, ways and ports, so that hostile rules come to an end.
const FUEL: u64 = 20_000_000;
/// Ports and addresses that rules tell apart; with more of either pf is not followed.
const POINTS: usize = 64;

/// Who gets through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decision<'a> {
    /// Peers that do.
    pub(crate) open: Ranges,
    /// The rules that let them in; none where no rule matches.
    pub(crate) opened_by: Vec<&'a Rule>,
    /// Whether some of them get through because no rule matches.
    pub(crate) by_default: bool,
    /// Peers of whom it is not known.
    pub(crate) unknown: Ranges,
    /// The rules because of which it is not.
    pub(crate) doubts: Vec<&'a Rule>,
    /// The rules that refuse others.
    pub(crate) refused_by: Vec<&'a Rule>,
}

impl<'a> Decision<'a> {
    /// The same of both ways together: who gets through one of them gets through.
    pub(crate) fn join(&mut self, other: Self) {
        let add = |list: &mut Vec<&'a Rule>, more: Vec<&'a Rule>| {
            for rule in more {
                if list.len() < POINTS && !list.iter().any(|known| known.text == rule.text) {
                    list.push(rule);
                }
            }
        };
        self.open = self.open.or(&other.open);
        self.unknown = self.unknown.or(&other.unknown).without(&self.open);
        self.by_default |= other.by_default;
        add(&mut self.opened_by, other.opened_by);
        add(&mut self.doubts, other.doubts);
        add(&mut self.refused_by, other.refused_by);
    }
}

/// pf of one machine, ready for questions.
pub(crate) struct Pf<'a> {
    filter: &'a PacketFilter,
    /// The machine's interfaces, where they are known.
    interfaces: Option<&'a [Interface]>,
    tables: Tables<'a>,
    fuel: Cell<u64>,
}

/// A way to a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// The interface that packets come in through; an empty name stands for any that no rule names.
    pub(crate) interface: &'a str,
    /// `inet` or `inet6`.
    pub(crate) family: &'a str,
}

/// One packet but for its sender.
#[derive(Debug, Clone, Copy)]
struct Packet<'w> {
    way: Way<'w>,
    /// Its destination; nothing for any address of this machine.
    to: Option<IpAddr>,
    port: u16,
    from_port: u16,
}

impl<'a> Pf<'a> {
    pub(crate) fn new(filter: &'a PacketFilter, interfaces: Option<&'a [Interface]>) -> Self {
        Self { filter, interfaces, tables: Tables::new(filter), fuel: Cell::new(FUEL) }
    }

    /// Whether pf looks at what comes in through an interface (`set skip on`).
    pub(crate) fn skips(&self, interface: &str) -> bool {
        self.filter.skipped.iter().any(|name| name == interface)
    }

    /// The interfaces that matter: those that are up and have an address, or where they are not known those that the rules
    /// name and an empty name for any other.
    pub(crate) fn interfaces(&self) -> Vec<&'a str> {
        match self.interfaces {
            Some(all) => {
                let used = all.iter().filter(|one| one.up && !one.loopback && !one.addresses.is_empty());
                used.map(|one| one.name.as_str()).collect()
            }
            None => named_interfaces(self.filter),
        }
    }

    /// Whether others can send something through an interface over a family, as far as that is known.
    pub(crate) fn matters(&self, interface: &str, family: &str) -> bool {
        let own = self.interfaces.and_then(|all| all.iter().find(|one| one.name == interface));
        own.is_none_or(|one| one.matters(family))
    }

    /// Who gets through to a port of this machine. `beyond_loopback` says whether something listens there beyond the
    /// loopback: what listens on the loopback alone is reached where a redirection leads to it.
    ///
    /// # Errors
    /// [`crate::gap::GapKind::TooLarge`] when following the rules would take too long.
    pub(crate) fn reach(&self, way: Way<'_>, port: u16, beyond_loopback: bool) -> Result<Decision<'a>, Gap> {
        let everybody = senders(way.family, self.interfaces);
        let mut found = Decision::default();
        if self.skips(way.interface) {
            if beyond_loopback {
                (found.open, found.by_default) = (everybody, true);
            }
            return Ok(found);
        }
        for from_port in self.points(&[49_152], |rule| rule.source_ports)? {
            for outer in self.outer_ports(port)? {
                for to in self.destinations(way.family)? {
                    let packet = Packet { way, to, port: outer, from_port };
                    found.join(self.one(packet, port, beyond_loopback, &everybody)?);
                }
            }
        }
        Ok(found)
    }

    /// The ports that strangers may write to so that redirections lead to this one.
    fn outer_ports(&self, port: u16) -> Result<BTreeSet<u16>, Gap> {
        let redirections = || self.filter.rulesets.iter().flat_map(|set| &set.redirections);
        if redirections().next().is_none() {
            return Ok([port].into());
        }
        points(&[port], redirections().filter_map(|rule| rule.ports))
    }

    /// The values that the rules tell apart.
    fn points(&self, known: &[u16], of: impl Fn(&Rule) -> Option<(u16, u16)>) -> Result<BTreeSet<u16>, Gap> {
        let rules = self.filter.rulesets.iter().flat_map(|set| set.rules.iter().chain(&set.redirections));
        points(known, rules.filter_map(of))
    }

    /// The addresses of this machine that rules may tell apart.
    fn destinations(&self, family: &str) -> Result<Vec<Option<IpAddr>>, Gap> {
        let rules = || self.filter.rulesets.iter().flat_map(|set| set.rules.iter().chain(&set.redirections));
        let Some(all) = self.interfaces.filter(|_| rules().any(|rule| rule.to.is_some())) else {
            return Ok(vec![None]);
        };
        let own = all.iter().filter(|one| one.up && !one.loopback).flat_map(|one| &one.addresses);
        let own = own.map(|prefix| prefix.address).filter(|one| one.is_ipv4() == (family == "inet"));
        let own: BTreeSet<IpAddr> = own.collect();
        match own.len() {
            0 => Ok(vec![None]),
            1..=POINTS => Ok(own.into_iter().map(Some).collect()),
            _ => Err(Gap::too_large("the list of this machine's addresses")),
        }
    }

    /// What becomes of one packet, whoever sends it.
    fn one(
        &self,
        packet: Packet<'_>,
        port: u16,
        beyond_loopback: bool,
        everybody: &Ranges,
    ) -> Result<Decision<'a>, Gap> {
        // Where no rule is asked, putting the answers together is what takes time.
        self.burn(self.filter.rulesets.len().min(POINTS))?;
        let mut found = Decision::default();
        for (senders, end) in self.redirected(packet, everybody)? {
            let arrives = match end {
                redirect::End::Stays if packet.port == port && beyond_loopback => packet,
                redirect::End::Stays => continue,
                redirect::End::Doubt(rule) => {
                    found.join(Decision { unknown: senders, doubts: vec![rule], ..Decision::default() });
                    continue;
                }
                redirect::End::Moves(rule, target) => {
                    let arrives =
                        Packet { to: target.address, port: target.port.unwrap_or(packet.port), ..packet };
                    let own = match target.address {
                        Some(address) if address.is_loopback() => true,
                        Some(address) => beyond_loopback && self.is_own(address),
                        None => true,
                    };
                    if arrives.port != port || !own {
                        continue;
                    }
                    if target.past_rules {
                        let opened_by = vec![rule];
                        found.join(Decision { open: senders, opened_by, ..Decision::default() });
                        continue;
                    }
                    arrives
                }
            };
            found.join(self.filtered(arrives, senders)?);
        }
        Ok(found)
    }

    /// Whether an address may be one of this machine's.
    fn is_own(&self, address: IpAddr) -> bool {
        let own =
            |all: &[Interface]| all.iter().flat_map(|one| &one.addresses).any(|one| one.address == address);
        self.interfaces.is_none_or(own)
    }

    fn burn(&self, steps: usize) -> Result<(), Gap> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1);
        let left = self.fuel.get().checked_sub(steps);
        self.fuel.set(left.ok_or_else(|| Gap::too_large("the ruleset of pf"))?);
        Ok(())
    }
}

/// The interfaces about which the rules may decide differently: those that they name but for the loopback, and an empty
/// name for any other.
fn named_interfaces(filter: &PacketFilter) -> Vec<&str> {
    let rules = filter.rulesets.iter().flat_map(|set| set.rules.iter().chain(&set.redirections));
    let mut names: Vec<&str> = rules.filter_map(|rule| rule.interface.as_deref()).collect();
    names.extend(filter.skipped.iter().map(String::as_str));
    names.push("");
    names.retain(|name| !matches!(*name, "lo0" | "lo" | "any" | "all"));
    names.sort_unstable();
    names.dedup();
    names
}

/// A port that no rule names, so that what is decided about it holds for the services that nobody thought of.
pub(crate) fn unnamed_port(filter: &PacketFilter) -> Option<u16> {
    let rules = || filter.rulesets.iter().flat_map(|set| &set.rules).filter_map(|rule| rule.ports);
    // Open ranges such as `> 1023` name ports without a service in mind; they are asked about too.
    let named = |port: u16| rules().any(|(first, last)| last < u16::MAX && (first..=last).contains(&port));
    std::iter::once(40_000)
        .chain(rules().filter_map(|(_, last)| last.checked_add(1)))
        .take(200)
        .find(|port| !named(*port))
}

/// Some values, and both ends of each range with what comes behind it.
fn points(known: &[u16], ranges: impl Iterator<Item = (u16, u16)>) -> Result<BTreeSet<u16>, Gap> {
    let mut points: BTreeSet<u16> = known.iter().copied().collect();
    for (first, last) in ranges {
        points.extend([first, last].into_iter().chain(first.checked_sub(1)).chain(last.checked_add(1)));
        if points.len() > 4 * POINTS {
            return Err(Gap::too_large("the list of ports in pf's rules"));
        }
    }
    Ok(points)
}

/// Everybody who may send something through a network: not this machine, and no group of machines.
fn senders(family: &str, interfaces: Option<&[Interface]>) -> Ranges {
    let (bits, never): (u32, &[(u128, u32)]) = match family {
        "inet" => (32, &[(0, 8), (127 << 24, 8), (224 << 24, 3)]),
        _ => (128, &[(0, 127), (0xff << 120, 8)]),
    };
    let never = never.iter().fold(Ranges::all(bits), |rest, (first, length)| {
        rest.without(&Ranges::prefix(*first, *length, bits))
    });
    let own = interfaces.into_iter().flatten().flat_map(|one| &one.addresses);
    let own = own.filter(|one| one.address.is_ipv4() == (family == "inet"));
    own.fold(never, |rest, one| rest.without(&Ranges::one(number(one.address))))
}

/// An address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
