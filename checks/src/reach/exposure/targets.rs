//! The destinations that are worth asking about: those of sockets, and those that rules rewrite.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;

use super::ask::Asking;
use super::senders::loopback_from_outside;
use super::serves;
use crate::facts::ruleset::{Hook, IpFamily};
use crate::facts::sockets::{Protocol, Socket};
use crate::gap::Gap;
use crate::reach::context::Context;
use crate::reach::program::{Action, Field, Step, Test};
use crate::reach::ranges::Ranges;
use crate::reach::routing::{ANYCAST, BROADCAST, LOCAL, MULTICAST, Way, address, number};
use crate::reach::tables::{Program, Table};
use crate::reach::walk::Target;

/// Ports, and addresses, that rules rewrite and that are asked about one by one; of wider ranges the first and the last.
const ASKED: usize = 512;

impl Asking<'_> {
    /// Every destination that a socket or a rewriting rule makes interesting.
    pub(super) fn targets(&mut self, context: &Context<'_>, program: &Program) -> Vec<Target> {
        let mut local = representatives(context, program);
        let mut many: Vec<IpAddr> = broadcasts(context, program);
        if loopback_from_outside(context) {
            many.push(IpAddr::from([127, 0, 0, 1]));
        }
        let mut wanted: BTreeMap<(u16, IpAddr), ()> = BTreeMap::new();
        for (socket, namespace) in
            self.sockets.iter().filter(|(socket, _)| socket.protocol == context.protocol)
        {
            let addresses: Vec<IpAddr> = match namespace {
                None => local.iter().chain(&many).copied().collect(),
                Some(inode) => self.addresses_of(*inode),
            };
            for address in addresses.into_iter().filter(|address| serves(socket, *address)) {
                wanted.insert((socket.port, address), ());
            }
            // One bound to an address that stands for others, or that only exists in a namespace of its own.
            let own = socket.address.to_canonical();
            let reachable = (!own.is_loopback() || loopback_from_outside(context))
                && !own.is_unspecified()
                && IpFamily::of(own) == context.family;
            if reachable && namespace.is_none() {
                wanted.insert((socket.port, own), ());
            }
        }
        // Rules can rewrite what is sent to an address that this machine does not have.
        let (mut rewritten, cut) = rewritten_addresses(context, program);
        let mut ports = rewritten_ports(program, &self.by_port);
        if !ports.is_empty() {
            // A rule for a range of ports, or for all of them, sends each on to the socket of the same port.
            let behind = |(socket, namespace): &&(&Socket, Option<u64>)| {
                namespace.is_some() && socket.protocol == context.protocol && !socket.is_loopback()
            };
            ports.extend(self.sockets.iter().filter(behind).map(|(socket, _)| socket.port));
            ports.sort_unstable();
            ports.dedup();
        }
        if cut || rewritten.len() > ASKED || ports.len() > ASKED {
            let what = format!(
                "rules rewrite more than {ASKED} ports or addresses, of which the first were asked about"
            );
            self.unasked.get_or_insert_with(|| Gap::unsupported(what));
            rewritten.truncate(ASKED);
            ports.truncate(ASKED);
        }
        local.extend(rewritten);
        for port in ports {
            wanted.extend(local.iter().map(|address| ((port, *address), ())));
        }
        let target = |(port, address): (u16, IpAddr)| Target {
            address: number(address),
            port,
            socket: super::waiting(self.facts, context.protocol, address, port),
        };
        wanted.into_keys().map(target).collect()
    }

    pub(super) fn addresses_of(&self, namespace: u64) -> Vec<IpAddr> {
        let sockets = self.facts.sockets.value();
        let namespaces = sockets.and_then(|sockets| sockets.namespaces.value()).into_iter().flatten();
        let own = namespaces.filter(|one| one.inode == namespace).filter_map(|one| one.addresses.value());
        own.flatten().copied().filter(|address| !address.is_loopback()).collect()
    }
}

/// The addresses of this machine that strangers can write to.
fn local_addresses(context: &Context<'_>) -> Vec<IpAddr> {
    let addresses = context.interfaces.iter().flat_map(|interface| &interface.addresses);
    let mut list: Vec<IpAddr> = addresses
        .map(|prefix| prefix.address)
        .filter(|address| IpFamily::of(*address) == context.family && !address.is_loopback())
        .collect();
    list.sort();
    list.dedup();
    list
}

/// One address of this machine for all that no rule tells apart.
pub(super) fn representatives(context: &Context<'_>, program: &Program) -> Vec<IpAddr> {
    let mut tests: HashSet<Asked> = HashSet::new();
    for rule in program.tables.iter().flat_map(|table| table.chains.iter().flatten()) {
        destinations(&rule.steps, &mut tests);
    }
    let mut seen: Vec<Vec<bool>> = Vec::new();
    let mut chosen = Vec::new();
    let mut candidates = local_addresses(context);
    candidates.extend(routed_here(context, &tests));
    for address in candidates {
        let signature: Vec<bool> = tests.iter().map(|asked| asked.holds(number(address))).collect();
        // Link-local addresses belong to one interface each.
        if matches!(address, IpAddr::V6(own) if own.is_unicast_link_local()) {
            chosen.push(address);
            continue;
        }
        // Rules can ask the routing table for the kind of an address, which is the same for all, or for its interface.
        if !seen.contains(&signature) {
            seen.push(signature);
            chosen.push(address);
        }
    }
    chosen
}

/// What a rule asks of a destination.
#[derive(PartialEq, Eq, Hash)]
enum Asked {
    In(Rc<Ranges>),
    Masked(u128, u128),
}

impl Asked {
    fn holds(&self, number: u128) -> bool {
        match self {
            Self::In(ranges) => ranges.contains(number),
            Self::Masked(value, mask) => number & mask == *value,
        }
    }

    /// Addresses on both sides of each border; of a mask one in each of these ranges that has one.
    fn borders(&self, within: &Ranges) -> Vec<u128> {
        match self {
            Self::In(ranges) => {
                let around = |(first, last): &(u128, u128)| {
                    [first.saturating_sub(1), *first, *last, last.saturating_add(1)]
                };
                ranges.as_slice().iter().take(BORDERS).flat_map(around).collect()
            }
            Self::Masked(value, mask) => {
                let ranges = within.as_slice().iter().take(BORDERS);
                let found = ranges.filter_map(|(first, last)| masked(*value, *mask, *first, *last));
                found.chain([*value]).collect()
            }
        }
    }
}

/// The smallest number between these two that has this value under the mask.
fn masked(value: u128, mask: u128, first: u128, last: u128) -> Option<u128> {
    // What is larger than the first has its bits down to one that is set instead of clear; below it all is free.
    let larger = (0..u128::BITS).map(|bit| 1_u128 << bit).filter(|bit| first & bit == 0).map(|bit| {
        let below = bit - 1;
        first & !below | bit | value & below
    });
    [first].into_iter().chain(larger).find(|number| number & mask == value && *number <= last)
}

/// Ranges of one test whose borders are tried as destinations.
const BORDERS: usize = 256;

/// The addresses that rules test destinations for.
fn destinations(steps: &[Step], found: &mut HashSet<Asked>) {
    walk_tests(steps, &mut |test| match test {
        Test::Is(Field::Destination | Field::OriginalDestination, ranges) => {
            found.insert(Asked::In(Rc::clone(ranges)));
        }
        Test::Masked { field: Field::Destination | Field::OriginalDestination, value, mask } => {
            found.insert(Asked::Masked(*value, *mask));
        }
        _ => {}
    });
}

/// Addresses that routes of type local make this machine's without an interface that has them, one or more for each route
/// that rules tell apart.
fn routed_here(context: &Context<'_>, tests: &HashSet<Asked>) -> Vec<IpAddr> {
    let Ok(here) = context.kind(LOCAL) else { return Vec::new() };
    let mut numbers: Vec<u128> = here.as_slice().iter().flat_map(|(first, last)| [*first, *last]).collect();
    let borders = tests.iter().flat_map(|asked| asked.borders(&here));
    numbers.extend(borders.filter(|border| here.contains(*border)));
    numbers.sort_unstable();
    numbers.dedup();
    let found = numbers.into_iter().map(|number| address(number, context.family));
    found.filter(|address| !address.is_loopback() && !address.is_unspecified()).collect()
}

/// Broadcast, multicast and anycast addresses that sockets of UDP receive from, one or more for each kind that rules tell apart.
fn broadcasts(context: &Context<'_>, program: &Program) -> Vec<IpAddr> {
    if context.protocol != Protocol::Udp {
        return Vec::new();
    }
    let mut tests: HashSet<Asked> = HashSet::new();
    for rule in program.tables.iter().flat_map(|table| table.chains.iter().flatten()) {
        destinations(&rule.steps, &mut tests);
    }
    let kind = |kind| context.kind(kind).unwrap_or_default();
    let (broadcast, multicast) = (kind(BROADCAST), kind(MULTICAST));
    // The group of all hosts, to which every machine belongs: 224.0.0.1 or ff02::1.
    let every = if context.family == IpFamily::V4 { 0xe000_0001 } else { 0xff02 << 112 | 1 };
    let borders =
        tests.iter().flat_map(|asked| asked.borders(&multicast)).filter(|border| multicast.contains(*border));
    let anycast = kind(ANYCAST);
    // Those of a link alone are left out: every link has the same one.
    let routed = anycast.as_slice().iter().map(|(first, _)| *first).filter(|first| first >> 118 != 0x3fa);
    let own = broadcast.as_slice().iter().flat_map(|(first, last)| [*first, *last]).chain(routed);
    let mut seen: Vec<Vec<bool>> = Vec::new();
    let mut chosen = Vec::new();
    for found in own.chain([every]).chain(borders) {
        let mut signature: Vec<bool> = tests.iter().map(|asked| asked.holds(found)).collect();
        signature.push(broadcast.contains(found));
        if !seen.contains(&signature) {
            seen.push(signature);
            chosen.push(address(found, context.family));
        }
    }
    chosen
}

/// Addresses that the tables with rewriting rules test and that are not this machine's, one of each range; and whether
/// there are more.
fn rewritten_addresses(context: &Context<'_>, program: &Program) -> (Vec<IpAddr>, bool) {
    let mut tests: HashSet<Asked> = HashSet::new();
    for table in rewriting(program) {
        table.chains.iter().flatten().for_each(|rule| destinations(&rule.steps, &mut tests));
    }
    let cut =
        tests.iter().any(|asked| matches!(asked, Asked::In(ranges) if ranges.as_slice().len() > BORDERS));
    let (mut masks, mut ranges) = (Vec::new(), Vec::new());
    for asked in &tests {
        match asked {
            Asked::In(own) => ranges.extend_from_slice(own.as_slice()),
            Asked::Masked(value, mask) => masks.push((*value, *mask)),
        }
    }
    let ranges: Ranges = ranges.into_iter().collect();
    let mut found: Vec<u128> = tests.iter().flat_map(|asked| asked.borders(&Ranges::none())).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|border| {
        let inside = ranges.contains(*border) || masks.iter().any(|(value, mask)| border & mask == *value);
        inside && !matches!(context.routing.way(*border), Way::Here | Way::Many)
    });
    (found.into_iter().map(|border| address(border, context.family)).collect(), cut)
}

pub(super) fn walk_tests(steps: &[Step], see: &mut impl FnMut(&Test)) {
    for step in steps {
        match step {
            Step::Test(test) => inside(test, see),
            Step::Branch(ways) => {
                for (test, steps) in ways {
                    inside(test, see);
                    walk_tests(steps, see);
                }
            }
            _ => {}
        }
    }
}

fn inside(test: &Test, see: &mut impl FnMut(&Test)) {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter().for_each(|test| inside(test, see)),
        Test::Not(test) => inside(test, see),
        other => see(other),
    }
}

fn rewrites(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Then(Action::Destination(_) | Action::Redirect(_)) => true,
        Step::Branch(ways) => ways.iter().any(|(_, steps)| rewrites(steps)),
        _ => false,
    })
}

/// The tables with rules that rewrite destinations.
fn rewriting(program: &Program) -> impl Iterator<Item = &Table> {
    let at_prerouting = program.bases.iter().filter(|base| base.nat && base.hook == Hook::Prerouting);
    let mut tables: Vec<usize> = at_prerouting.map(|base| base.table).collect();
    tables.sort_unstable();
    tables.dedup();
    let tables = tables.into_iter().filter_map(|table| program.tables.get(table));
    tables.filter(|table| table.chains.iter().flatten().any(|rule| rewrites(&rule.steps)))
}

/// The ports that tables with rewriting rules speak of, and one that stands for all others.
fn rewritten_ports(program: &Program, taken: &HashMap<(Protocol, u16), Vec<usize>>) -> Vec<u16> {
    let mut ports: Vec<u16> = Vec::new();
    for table in rewriting(program) {
        let rules = || table.chains.iter().flatten();
        for rule in rules() {
            walk_tests(&rule.steps, &mut |test| {
                let Test::Is(Field::DestinationPort | Field::OriginalDestinationPort, ranges) = test else {
                    return;
                };
                for (first, last) in ranges.as_slice() {
                    ports.extend([first, last].iter().filter_map(|port| u16::try_from(**port).ok()));
                }
            });
        }
        ports.sort_unstable();
        // What a rule without a port sends on.
        let free = (1024..u16::MAX).rev().find(|port| {
            ports.binary_search(port).is_err()
                && ![Protocol::Tcp, Protocol::Udp].iter().any(|one| taken.contains_key(&(*one, *port)))
        });
        ports.extend(free);
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn the_first_number_under_a_mask() {
        for mask in 0..16_u128 {
            for value in (0..16).filter(|value| value & mask == *value) {
                for (first, last) in (0..16).flat_map(|first| (first..16).map(move |last| (first, last))) {
                    let expected = (first..=last).find(|number| number & mask == value);
                    assert_eq!(masked(value, mask, first, last), expected, "{value} {mask} {first} {last}");
                }
            }
        }
        assert_eq!(masked(1, 1, u128::MAX - 1, u128::MAX), Some(u128::MAX));
    }
}
