//! What becomes of connections to ports that no rule and no socket names: what each interface lets in by default.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::gathered::{Gathered, Outlook};
use super::senders::{Near, every, neighbours};
use super::targets::{representatives, walk_tests};
use super::{Access, Reach};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::sockets::Protocol;
use crate::gap::Gap;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::program::{Field, Test};
use crate::reach::ranges::Ranges;
use crate::reach::resolve::{Resolved, resolve};
use crate::reach::routing::number;
use crate::reach::tables::{Place, Program};
use crate::reach::walk::{End, Target};

/// A rule for more ports than this does not name them.
const NAMED: u128 = 4096;
/// Ports that are asked about for one address.
const PORTS: usize = 256;

/// What comes in through one interface, of one family and one protocol, unless a rule or a socket names its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// IPv4 or IPv6.
    pub family: IpFamily,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The name of the interface.
    pub interface: String,
    /// A port that nothing names, as an example: one that lets somebody in, where there is one.
    pub port: u16,
    /// Who gets through to such ports, and what decides. Its reach is `Nobody` where everything is stopped.
    pub access: Access,
    /// Whether most sources are stopped on their way to some port, named or not, and by which rule or policy.
    pub filtered: Filtered,
}

/// Whether the packet filter stops anything worth speaking of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtered {
    /// By this rule or policy, for one.
    By(Evidence),
    /// Nothing is stopped, or only what a few sources send.
    Not,
    /// That cannot be told.
    Unknown(String),
}

/// Asks the packet filter about ports that nothing names, for every interface but the loopbacks. There is no answer for
/// a family that this machine has no addresses of.
///
/// # Errors
/// The gap of the network or the ruleset.
pub fn unnamed(facts: &Facts) -> Result<Vec<Unnamed>, Gap> {
    let (network, ruleset) = (facts.network.known()?, facts.ruleset.known()?);
    let mut found = Vec::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        if ruleset.unused(family).is_some() {
            continue;
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let context = Context::new(family, protocol, network, ruleset).lasting();
            let program = Program::new(&context);
            let outside = hooks::outside(&context, 0).map_err(|reason| Gap::unsupported(&*reason))?;
            let domains =
                outside.iter().map(|one| (one.interfaces, one.sources.ranges().as_ref().clone())).collect();
            let outlook = Outlook::new(&context, program.origins(), domains);
            found.extend(asked(facts, &outlook, &program, &outside));
        }
    }
    Ok(found)
}

/// Whether the packet filter stops inbound traffic of a family on some interface.
///
/// # Errors
/// Why that is not known.
pub fn filters(facts: &Facts, family: IpFamily) -> Result<bool, String> {
    let found = unnamed(facts).map_err(|gap| gap.to_string())?;
    let own = || found.iter().filter(|one| one.family == family).map(|one| &one.filtered);
    if own().any(|filtered| matches!(filtered, Filtered::By(_))) {
        return Ok(true);
    }
    let doubt = own().find_map(|filtered| match filtered {
        Filtered::Unknown(reason) => Some(reason.clone()),
        _ => None,
    });
    doubt.map_or(Ok(false), Err)
}

/// What was found about one interface.
struct Interface {
    gathered: Gathered,
    open: Option<u16>,
    filtered: Option<Evidence>,
    doubt: Option<String>,
}

fn asked(facts: &Facts, outlook: &Outlook<'_>, program: &Program, outside: &[Packets]) -> Vec<Unnamed> {
    let context = outlook.context;
    let ports = Ports::new(facts, program, context.protocol);
    let Some(example) = ports.unnamed.first().copied() else { return Vec::new() };
    let mut interfaces: BTreeMap<u32, Interface> = BTreeMap::new();
    for own in representatives(context, program) {
        let link_local = matches!(own, std::net::IpAddr::V6(own) if own.is_unicast_link_local());
        let targets: Vec<Target> =
            ports.all().map(|port| Target { address: number(own), port, socket: None }).collect();
        for targets in targets.chunks(128) {
            let every = every(targets.len());
            let from: Vec<Packets> = match (link_local, targets.first()) {
                (true, Some(target)) => {
                    neighbours(context, target, every, Near::Numbered).into_iter().collect()
                }
                _ => outside.iter().map(|packets| packets.to(every)).collect(),
            };
            let from: Vec<Packets> = from.into_iter().filter(|packets| !packets.is_empty()).collect();
            let resolved = resolve(hooks::run(context, program, targets, from.clone(), false));
            for packets in from {
                for bit in (0..128).filter(|bit| packets.interfaces >> bit & 1 != 0) {
                    let interface = interfaces.entry(bit).or_insert_with(|| Interface {
                        gathered: Gathered::default(),
                        open: None,
                        filtered: None,
                        doubt: None,
                    });
                    interface.take(&resolved, 1 << bit, targets, &packets.sources.ranges(), &ports, outlook);
                }
            }
        }
    }
    let finish = |(bit, found): (u32, Interface)| {
        let interface = context.interfaces.get(bit as usize)?;
        let filtered = match (found.filtered, found.doubt) {
            (Some(evidence), _) => Filtered::By(evidence),
            (None, Some(reason)) => Filtered::Unknown(reason),
            (None, None) => Filtered::Not,
        };
        Some(Unnamed {
            family: context.family,
            protocol: context.protocol,
            interface: interface.name.clone(),
            port: found.open.unwrap_or(example),
            access: found.gathered.access(&[outlook], Reach::Nobody),
            filtered,
        })
    };
    interfaces.into_iter().filter_map(finish).collect()
}

impl Interface {
    fn take(
        &mut self,
        resolved: &Resolved,
        interface: u128,
        targets: &[Target],
        domain: &Rc<Ranges>,
        ports: &Ports,
        outlook: &Outlook<'_>,
    ) {
        // How many sources are stopped on their way to each target, and by what most of them.
        let mut stopped: BTreeMap<usize, (u128, Option<(u128, Place)>)> = BTreeMap::new();
        let mut stop = |at: usize, sources: u128, most: u128, place: Place| {
            let (sum, by) = stopped.entry(at).or_default();
            *sum = sum.saturating_add(sources);
            if by.is_none_or(|(known, _)| known < most) {
                *by = Some((most, place));
            }
        };
        for (going, tally) in &resolved.stopped {
            if going.interfaces & interface == 0 {
                continue;
            }
            for (at, target) in targets.iter().enumerate().take(128) {
                if going.targets >> at & 1 == 0 {
                    continue;
                }
                if ports.unnamed.contains(&target.port) {
                    self.gathered.add_stopped(tally, outlook);
                }
                if let Some((most, place)) = tally.by.iter().max_by_key(|(sources, _)| *sources) {
                    stop(at, tally.sources, *most, *place);
                }
            }
        }
        for part in resolved.parts.iter().filter(|part| part.packets.interfaces & interface != 0) {
            let mut own = part.clone();
            own.packets.interfaces = interface;
            for (at, target) in targets.iter().enumerate().take(128) {
                if part.packets.targets >> at & 1 == 0 {
                    continue;
                }
                // What a rule sends on whatever its port is let in as well.
                if ports.unnamed.contains(&target.port) {
                    self.gathered.add(&own, outlook, &[]);
                    if part.end == End::Through {
                        self.open = self.open.or(Some(target.port));
                    }
                }
                match (&part.end, part.by) {
                    (End::Dropped | End::Rejected, Some(place)) if part.packets.are_usual() => {
                        let sources = part.packets.sources.count();
                        stop(at, sources, sources, place);
                    }
                    (End::Unknown(reason), _) => {
                        self.doubt.get_or_insert_with(|| reason.to_string());
                    }
                    _ => {}
                }
            }
        }
        let most = stopped.into_values().find(|(sources, _)| *sources > domain.count() / 2);
        if self.filtered.is_none() {
            self.filtered = most.and_then(|(_, by)| by).map(|(_, place)| outlook.evidence(Some(place)));
        }
    }
}

/// The ports that are asked about.
struct Ports {
    /// Ports that nothing names: one for each way in which rules for many ports tell them apart.
    unnamed: BTreeSet<u16>,
    /// Ports that rules name.
    named: BTreeSet<u16>,
}

impl Ports {
    fn new(facts: &Facts, program: &Program, protocol: Protocol) -> Self {
        let (mut few, mut many): (Vec<Ranges>, Vec<Ranges>) = (Vec::new(), Vec::new());
        for rule in program.tables.iter().flat_map(|table| table.chains.iter().flatten()) {
            walk_tests(&rule.steps, &mut |test| {
                let Test::Is(Field::DestinationPort | Field::OriginalDestinationPort, ranges) = test else {
                    return;
                };
                let rest = Ranges::all(16).without(ranges);
                let list = if ranges.count().min(rest.count()) <= NAMED { &mut few } else { &mut many };
                let smaller = if rest.count() < ranges.count() { rest } else { ranges.as_ref().clone() };
                if !list.contains(&smaller) {
                    list.push(smaller);
                }
            });
        }
        let port = |number: u128| u16::try_from(number).ok();
        let ends = few.iter().flat_map(|ranges| ranges.as_slice()).flat_map(|(first, last)| [*first, *last]);
        let mut named: BTreeSet<u16> = ends.filter_map(port).filter(|port| *port != 0).collect();
        while named.len() > PORTS {
            named.pop_last();
        }
        let mut taken: Ranges = few.iter().flat_map(|ranges| ranges.as_slice().iter().copied()).collect();
        let sockets = facts.sockets.value().into_iter().flat_map(|sockets| &sockets.list);
        let held = sockets.filter(|socket| socket.protocol == protocol).map(|socket| socket.port.into());
        taken = taken.or(&held.map(|port: u128| (port, port)).collect());
        // High ports first: they are the ones that a careless program takes.
        let mut edges: BTreeSet<u128> = many
            .iter()
            .flat_map(|ranges| ranges.as_slice())
            .flat_map(|(first, last)| [*first, last.saturating_add(1)])
            .collect();
        edges.extend([1, 1024, 32_768]);
        let mut classes: Vec<Vec<bool>> = Vec::new();
        let mut unnamed = BTreeSet::new();
        for edge in edges.into_iter().rev().filter(|edge| *edge <= 0xffff) {
            let free = (edge.max(1)..=0xffff).find(|port| !taken.contains(*port));
            let Some(number) = free else { continue };
            let class: Vec<bool> = many.iter().map(|ranges| ranges.contains(number)).collect();
            if !classes.contains(&class) && unnamed.len() < PORTS {
                classes.push(class);
                unnamed.extend(port(number));
            }
        }
        Self { unnamed, named }
    }

    fn all(&self) -> impl Iterator<Item = u16> {
        self.unnamed.union(&self.named).copied()
    }
}
