//! Which destinations are asked about, and to which socket each answer belongs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;

use super::gathered::{Gathered, Outlook};
use super::{Access, Exposed, Exposure, Published, Reach, holders, is_wildcard, serves, user};
use crate::facts::Facts;
use crate::facts::network::{BpfHook, Interface};
use crate::facts::ruleset::{Hook, IpFamily};
use crate::facts::sockets::{Protocol, Socket, Sockets};
use crate::gap::Gap;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::program::{Action, Field, PROXY, Step, Test};
use crate::reach::ranges::Ranges;
use crate::reach::resolve::{Part, resolve};
use crate::reach::routing::{BROADCAST, LOCAL, MULTICAST, Way, address, number};
use crate::reach::tables::{Program, Table};
use crate::reach::walk::{End, Going, Outcome, State, Tally, Target};

/// Ports that rules rewrite and that are asked about one by one; of wider ranges the first and the last.
const PORTS: usize = 512;

/// The key of a published port: its own, and where it leads.
type Leads = (Protocol, u16, (IpAddr, u16));

struct Asking<'a> {
    facts: &'a Facts,
    /// Of this machine, then of other namespaces.
    sockets: Vec<(&'a Socket, Option<u64>)>,
    by_port: HashMap<(Protocol, u16), Vec<usize>>,
    gathered: Vec<Gathered>,
    inner: Vec<Reach>,
    published: BTreeMap<Leads, Gathered>,
}

pub(super) fn everything(facts: &Facts, sockets: &Sockets) -> Result<Exposure, Gap> {
    let (network, ruleset) = (facts.network.known()?, facts.ruleset.known()?);
    let mut list: Vec<(&Socket, Option<u64>)> = sockets.list.iter().map(|socket| (socket, None)).collect();
    for namespace in sockets.namespaces.value().into_iter().flatten() {
        let own = namespace.sockets.value().into_iter().flatten();
        list.extend(own.map(|socket| (socket, Some(namespace.inode))));
    }
    let mut by_port: HashMap<(Protocol, u16), Vec<usize>> = HashMap::new();
    for (at, (socket, _)) in list.iter().enumerate() {
        by_port.entry((socket.protocol, socket.port)).or_default().push(at);
    }
    let count = list.len();
    let mut asking = Asking {
        facts,
        sockets: list,
        by_port,
        gathered: (0..count).map(|_| Gathered::default()).collect(),
        inner: vec![Reach::Nobody; count],
        published: BTreeMap::new(),
    };
    let mut contexts = Vec::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        if ruleset.unused(family).is_some() {
            continue;
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            contexts.push(Context::new(family, protocol, network, ruleset).lasting());
        }
    }
    let programs: Vec<Program> = contexts.iter().map(Program::new).collect();
    let mut outlooks = Vec::new();
    for (context, program) in contexts.iter().zip(&programs) {
        let outside = hooks::outside(context, 0).map_err(|reason| Gap::unsupported(&*reason))?;
        let domains = outside
            .iter()
            .map(|packets| (packets.interfaces, packets.sources.ranges().as_ref().clone()))
            .collect();
        let outlook = Outlook::new(context, program.origins(), domains);
        asking.ask(&outlook, program, &outside);
        outlooks.push(outlook);
    }
    for (context, program) in contexts.iter().zip(&programs) {
        asking.within(context, program);
    }
    for (context, program) in contexts.iter().zip(&programs) {
        asking.connected_elsewhere(context);
        asking.proxies(context, program);
    }
    // Compiled rules take more memory than the facts, and what is left to say needs them no more.
    drop(programs);
    asking.control_groups();
    Ok(asking.finish(&outlooks))
}

/// The targets of a set.
fn chosen(targets: &[Target], bits: u128) -> impl Iterator<Item = &Target> {
    targets
        .iter()
        .take(128)
        .enumerate()
        .filter(move |(bit, _)| bits >> bit & 1 != 0)
        .map(|(_, target)| target)
}

/// A socket that is bound to an interface takes what comes in through that one.
fn heard_by(socket: &Socket, context: &Context<'_>) -> u128 {
    match socket.device {
        None | Some(0) => u128::MAX,
        Some(index) => context.indexed(index),
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

impl<'a> Asking<'a> {
    /// Pushes new connections from everywhere to every destination that matters, in parts of 128.
    fn ask(&mut self, outlook: &Outlook<'_>, program: &Program, outside: &[Packets]) {
        let context = outlook.context;
        let (mut plain, mut link_local, mut many) = (Vec::new(), Vec::new(), Vec::new());
        for target in self.targets(context, program) {
            match address(target.address, context.family) {
                IpAddr::V6(own) if own.is_unicast_link_local() => link_local.push(target),
                own if own.is_loopback() => many.push(target),
                _ if context.routing.way(target.address) == Way::Many => many.push(target),
                _ => plain.push(target),
            }
        }
        for targets in plain.chunks(128) {
            let every = every(targets.len());
            let from = outside.iter().map(|packets| packets.to(every)).collect();
            self.take(outlook, targets, hooks::run(context, program, targets, from, false));
        }
        // Only neighbours can write to a link-local address, and only through its own interface.
        for targets in link_local.chunks(128) {
            let from =
                targets.iter().enumerate().filter_map(|(bit, target)| neighbours(context, target, 1 << bit));
            self.take(outlook, targets, hooks::run(context, program, targets, from.collect(), false));
        }
        // So it is with broadcast and multicast, which routers do not pass on unless told to, and with 127.0.0.0/8.
        for targets in many.chunks(128) {
            let from = on_link(context, every(targets.len()));
            self.take(outlook, targets, hooks::run(context, program, targets, from, false));
        }
    }

    fn take(&mut self, outlook: &Outlook<'_>, targets: &[Target], outcome: Outcome) {
        let resolved = resolve(outcome);
        for part in &resolved.parts {
            for target in chosen(targets, part.packets.targets) {
                self.attribute(outlook, target, part);
            }
        }
        for (going, tally) in &resolved.stopped {
            for target in chosen(targets, going.targets) {
                self.attribute_stopped(outlook, target, going, tally);
            }
        }
    }

    /// To whom an answer belongs: the socket that takes the packet, or the port that is sent on.
    fn attribute(&mut self, outlook: &Outlook<'_>, target: &Target, part: &Part) {
        let context = outlook.context;
        let own = (address(target.address, context.family), target.port);
        let State { destination, out, .. } = part.state;
        let Some((to, port)) = self.arrives(context, target, destination, out) else { return };
        let rewritten = (to, port) != own;
        let needs: Vec<String> = match rewritten && target.port != port {
            true => vec![format!("to port {}", target.port)],
            false => Vec::new(),
        };
        let takers = self.takers(context.protocol, to, port);
        if rewritten && (out.is_some() || takers.is_empty()) && part.end != End::Dropped {
            let key = (context.protocol, target.port, (to, port));
            self.published.entry(key).or_default().add(part, outlook, &[]);
        }
        for at in takers {
            let (Some((socket, _)), Some(gathered)) = (self.sockets.get(at), self.gathered.get_mut(at))
            else {
                continue;
            };
            let (Some(packets), _) = part.packets.clone().split_interfaces(heard_by(socket, context)) else {
                continue;
            };
            let part = &Part { packets, ..part.clone() };
            // One on `::` takes IPv4 too unless its program or the system says otherwise; no other socket takes it here.
            let by_default = self.facts.network.value().and_then(|network| network.bind_ipv6_only.value());
            let mixed = socket.address.is_ipv6()
                && socket.address.is_unspecified()
                && to.is_ipv4()
                && socket.ipv6_only.is_none()
                && by_default != Some(&false);
            match (mixed, &part.end) {
                (true, End::Through) => {
                    let reason = "whether the socket takes IPv4 as well as IPv6 is not known";
                    gathered.doubt(Some(IpFamily::V4), reason);
                }
                _ => gathered.add(part, outlook, &needs),
            }
        }
    }

    /// The sockets that do not hear of what was stopped, with what stopped it.
    fn attribute_stopped(&mut self, outlook: &Outlook<'_>, target: &Target, going: &Going, tally: &Tally) {
        let context = outlook.context;
        let Some((to, port)) = self.arrives(context, target, going.destination, going.out) else { return };
        for at in self.takers(context.protocol, to, port) {
            if let (Some((socket, _)), Some(gathered)) = (self.sockets.get(at), self.gathered.get_mut(at))
                && heard_by(socket, context) & going.interfaces != 0
            {
                gathered.add_stopped(tally, outlook);
            }
        }
    }

    /// The destination in the end, rewritten or not. None of an address that only rewriting rules make interesting, where
    /// they do not rewrite it.
    fn arrives(
        &self,
        context: &Context<'_>,
        target: &Target,
        destination: Option<(u128, u16)>,
        out: Option<u128>,
    ) -> Option<(IpAddr, u16)> {
        let own = (address(target.address, context.family), target.port);
        let last = destination.map_or(own, |(to, port)| (address(to, context.family), port));
        (last != own || out.is_none() || self.namespace_of(last.0).is_some()).then_some(last)
    }

    /// The sockets that take packets to an address and port: those bound to it, else those bound to all.
    fn takers(&self, protocol: Protocol, to: IpAddr, port: u16) -> Vec<usize> {
        let Some(list) = self.by_port.get(&(protocol, port)) else { return Vec::new() };
        let namespace = self.namespace_of(to);
        let here = |at: &&usize| {
            self.sockets.get(**at).is_some_and(|(socket, own)| *own == namespace && serves(socket, to))
        };
        let mut all: Vec<usize> = list.iter().filter(here).copied().collect();
        // A socket of IPv4 comes before one of IPv6 that takes IPv4 too (compute_score in inet_hashtables.c).
        let own_family = |at: &usize| {
            self.sockets.get(*at).is_some_and(|(socket, _)| socket.address.is_ipv4() == to.is_ipv4())
        };
        if all.iter().any(own_family) {
            all.retain(own_family);
        }
        let exact =
            |at: &usize| self.sockets.get(*at).is_some_and(|(socket, _)| !is_wildcard(socket.address));
        let bound: Vec<usize> = all.iter().copied().filter(exact).collect();
        if bound.is_empty() { all } else { bound }
    }

    /// The network namespace that an address belongs to; none for the machine's own.
    fn namespace_of(&self, address: IpAddr) -> Option<u64> {
        let sockets = self.facts.sockets.value()?;
        let own = |namespace: &&crate::facts::sockets::Namespace| {
            namespace.addresses.value().is_some_and(|own| own.contains(&address))
        };
        sockets.namespaces.value()?.iter().find(own).map(|namespace| namespace.inode)
    }

    /// Every destination that a socket or a rewriting rule makes interesting.
    fn targets(&self, context: &Context<'_>, program: &Program) -> Vec<Target> {
        let mut local = representatives(context, program);
        let many: Vec<IpAddr> = broadcasts(context, program);
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
        local.extend(rewritten_addresses(context, program));
        for port in rewritten_ports(program, &self.by_port) {
            wanted.extend(local.iter().map(|address| ((port, *address), ())));
        }
        let target = |(port, address): (u16, IpAddr)| Target {
            address: number(address),
            port,
            socket: super::waiting(self.facts, context.protocol, address, port),
        };
        wanted.into_keys().map(target).collect()
    }

    fn addresses_of(&self, namespace: u64) -> Vec<IpAddr> {
        let sockets = self.facts.sockets.value();
        let namespaces = sockets.and_then(|sockets| sockets.namespaces.value()).into_iter().flatten();
        let own = namespaces.filter(|one| one.inode == namespace).filter_map(|one| one.addresses.value());
        own.flatten().copied().filter(|address| !address.is_loopback()).collect()
    }

    /// Whether the machine itself reaches what nobody else does.
    fn within(&mut self, context: &Context<'_>, program: &Program) {
        let mut asked: Vec<(usize, Target)> = Vec::new();
        for (at, (socket, namespace)) in self.sockets.iter().enumerate() {
            if socket.protocol != context.protocol || !self.gathered.get(at).is_some_and(Gathered::is_closed)
            {
                continue;
            }
            let own = socket.address.to_canonical();
            let to = match (is_wildcard(socket.address), context.family) {
                (true, IpFamily::V4) if serves(socket, IpAddr::from([127, 0, 0, 1])) => {
                    IpAddr::from([127, 0, 0, 1])
                }
                (true, IpFamily::V6) if socket.address.is_ipv6() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
                (false, family) if IpFamily::of(own) == family => own,
                _ => continue,
            };
            if namespace.is_some() || to.is_loopback() && !is_wildcard(socket.address) {
                // Its own namespace or its own address already says that nobody else gets there.
                if let Some(inner) = self.inner.get_mut(at) {
                    *inner = Reach::Loopback;
                }
                continue;
            }
            asked.push((at, Target { address: number(to), port: socket.port, socket: None }));
        }
        let loopback = context.those(|interface| interface.loopback);
        for chunk in asked.chunks(128) {
            let targets: Vec<Target> = chunk.iter().map(|(_, target)| target.clone()).collect();
            let own: Ranges = targets.iter().map(|target| (target.address, target.address)).collect();
            let from = vec![Packets::new(every(targets.len()), loopback, Rc::new(own))];
            for part in resolve(hooks::within(context, program, &targets, from, false)).parts {
                for (bit, (at, _)) in chunk.iter().enumerate() {
                    let concerned = part.packets.targets >> bit & 1 != 0;
                    if let Some(inner) =
                        self.inner.get_mut(*at).filter(|_| concerned && part.end == End::Through)
                    {
                        *inner = Reach::Loopback;
                    }
                }
            }
        }
    }

    /// Containers can have a cable of their own, past the hooks of this machine: a device or a port of a bridge that leads
    /// outside (macvlan, a bridged network).
    fn connected_elsewhere(&mut self, context: &Context<'_>) {
        for at in 0..self.sockets.len() {
            let Some((socket, Some(inode))) = self.sockets.get(at).copied() else { continue };
            if socket.protocol != context.protocol {
                continue;
            }
            let mut own = self.addresses_of(inode).into_iter().filter(|own| {
                let link_local = matches!(own, IpAddr::V6(own) if own.is_unicast_link_local());
                IpFamily::of(*own) == context.family && !link_local && serves(socket, *own)
            });
            if own.any(|own| !only_through_here(context, own))
                && let Some(gathered) = self.gathered.get_mut(at)
            {
                let reason = "its network namespace may be connected past this machine's filter";
                gathered.doubt(Some(context.family), reason);
            }
        }
    }

    /// Rules can hand any packet to a socket with IP_TRANSPARENT, whatever it is bound to.
    fn proxies(&mut self, context: &Context<'_>, program: &Program) {
        let mut rules = program.tables.iter().flat_map(|table| table.chains.iter().flatten());
        if !rules.any(|rule| proxies(&rule.steps)) {
            return;
        }
        for ((socket, namespace), gathered) in self.sockets.iter().zip(&mut self.gathered) {
            if namespace.is_none() && socket.protocol == context.protocol && socket.transparent != Some(false)
            {
                gathered.doubt(Some(context.family), PROXY);
            }
        }
    }

    /// Programs of BPF that filter what the sockets of a control group receive (`IPAddressDeny=` of systemd is one).
    fn control_groups(&mut self) {
        let Some(programs) = self.facts.network.value().and_then(|network| network.bpf.value()) else {
            return;
        };
        let holders = holders(self.facts);
        for program in programs.iter().filter(|program| program.hook == BpfHook::ControlGroup) {
            let last = program.place.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            for (at, (socket, namespace)) in
                self.sockets.iter().enumerate().filter(|(_, (_, own))| own.is_none())
            {
                let _ = namespace;
                let process = holders.as_ref().and_then(|holders| holders.get(&socket.inode));
                // A process that belongs to no unit is in no unit's control group.
                let own = process.is_none_or(|process| process.unit.as_deref() == Some(last));
                // The program of a folder sees the sockets of the folders below it too.
                let concerned = own || !last.contains('.') || last.ends_with(".slice");
                if let Some(gathered) = self.gathered.get_mut(at).filter(|_| concerned) {
                    gathered.doubt(
                        None,
                        &format!(
                            "a program of BPF filters what {} receives",
                            if last.is_empty() { "every unit" } else { last }
                        ),
                    );
                }
            }
        }
    }

    fn finish(self, outlooks: &[Outlook<'_>]) -> Exposure {
        let of = |protocol: Protocol| {
            outlooks
                .iter()
                .filter(|outlook| outlook.context.protocol == protocol)
                .collect::<Vec<&Outlook<'_>>>()
        };
        let holders = holders(self.facts);
        let mut found = Exposure::default();
        let parts = self.sockets.into_iter().zip(self.gathered).zip(self.inner);
        for (((socket, namespace), gathered), inner) in parts {
            let process = holders.as_ref().and_then(|holders| holders.get(&socket.inode));
            found.sockets.push(Exposed {
                socket: socket.clone(),
                process: process.map(|process| process.program().to_owned()),
                unit: process.and_then(|process| process.unit.clone()),
                user: user(self.facts, socket.uid),
                namespace,
                access: gathered.access(&of(socket.protocol), inner),
            });
        }
        for ((protocol, port, to), gathered) in self.published {
            let access: Access = gathered.access(&of(protocol), Reach::Nobody);
            if access.reach == Reach::Nobody {
                continue;
            }
            let address = if to.0.is_ipv4() { IpAddr::from([0, 0, 0, 0]) } else { IpAddr::from([0_u16; 8]) };
            found.published.push(Published { protocol, address, port, to, access });
        }
        if let Some(network) = self.facts.network.value() {
            // A program at a hook of netfilter, which takes another privilege to see, can only stop more: what is closed
            // stays closed.
            found.gaps.extend(network.bpf.gap().cloned());
        }
        if let Some(sockets) = self.facts.sockets.value() {
            found.gaps.extend(sockets.unseen_namespaces().cloned());
        }
        found
    }
}

/// So many targets as a set.
pub(super) fn every(count: usize) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// Packets to a link-local address: from its own link.
pub(super) fn neighbours(context: &Context<'_>, target: &Target, bit: u128) -> Option<Packets> {
    let own = address(target.address, context.family);
    let interfaces = context.those(|one| one.addresses.iter().any(|prefix| prefix.address == own));
    let at = interfaces.trailing_zeros() as usize;
    let interface = context.interfaces.get(at)?;
    let link = interface
        .addresses
        .iter()
        .filter(|prefix| prefix.address.is_ipv6())
        .map(crate::reach::routing::prefix)
        .fold(Ranges::none(), |sum, prefix| sum.or(&prefix));
    let sources = hooks::sources(context, interface).ok()?.and(&link);
    Some(hooks::from_outside(context, Packets::new(bit, interfaces, Rc::new(sources))))
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

/// Whether an address is in a network that leads to virtual machines and containers of this machine only.
fn only_through_here(context: &Context<'_>, own: IpAddr) -> bool {
    let inside = |index: &u32| {
        let all = &context.network.interfaces;
        all.iter().find(|one| one.index == *index).is_some_and(|one| match one.kind.as_str() {
            // In a container the way outside is such a cable too.
            _ if context.default_routes() & context.indexed(*index) != 0 => false,
            "veth" => true,
            "bridge" => all.iter().filter(|port| port.master == Some(*index)).all(|port| port.kind == "veth"),
            _ => false,
        })
    };
    context.routing.connected(number(own)).is_some_and(|through| through.iter().all(inside))
}

fn proxies(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Then(Action::Unknown(reason)) => &**reason == PROXY,
        Step::Branch(ways) => ways.iter().any(|(_, steps)| proxies(steps)),
        _ => false,
    })
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

    /// Addresses on both sides of each border.
    fn borders(&self) -> Vec<u128> {
        match self {
            Self::In(ranges) => {
                let around = |(first, last): &(u128, u128)| {
                    [first.saturating_sub(1), *first, *last, last.saturating_add(1)]
                };
                ranges.as_slice().iter().take(BORDERS).flat_map(around).collect()
            }
            Self::Masked(value, _) => vec![*value],
        }
    }
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
    let borders = tests.iter().flat_map(Asked::borders);
    numbers.extend(borders.filter(|border| here.contains(*border)));
    numbers.sort_unstable();
    numbers.dedup();
    let found = numbers.into_iter().map(|number| address(number, context.family));
    found.filter(|address| !address.is_loopback() && !address.is_unspecified()).collect()
}

/// Broadcast and multicast addresses that sockets of UDP receive from, one or more for each kind that rules tell apart.
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
    let borders = tests.iter().flat_map(Asked::borders).filter(|border| multicast.contains(*border));
    let own = broadcast.as_slice().iter().flat_map(|(first, last)| [*first, *last]);
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

/// Whether an interface takes packets to 127.0.0.0/8 from its link (`route_localnet`).
fn loopback_from_outside(context: &Context<'_>) -> bool {
    let open = |one: &Interface| !one.loopback && one.route_localnet.value() == Some(&true);
    context.family == IpFamily::V4 && context.those(open) != 0
}

/// Packets of neighbours on every interface but the loopbacks, to targets that all of them can write to.
fn on_link(context: &Context<'_>, targets: u128) -> Vec<Packets> {
    let outside = context.interfaces.iter().take(128).enumerate().filter(|(_, one)| !one.loopback);
    let each = outside.filter_map(|(bit, interface)| {
        let own = interface.addresses.iter().filter(|one| IpFamily::of(one.address) == context.family);
        let link = own.map(crate::reach::routing::prefix).fold(Ranges::none(), |sum, prefix| sum.or(&prefix));
        let sources = hooks::sources(context, interface).ok()?.and(&link);
        Some(hooks::from_outside(context, Packets::new(targets, 1 << bit, Rc::new(sources))))
    });
    each.filter(|packets| !packets.sources.is_empty()).collect()
}

/// Addresses that the tables with rewriting rules test and that are not this machine's, one of each range.
fn rewritten_addresses(context: &Context<'_>, program: &Program) -> Vec<IpAddr> {
    let mut tests: HashSet<Asked> = HashSet::new();
    for table in rewriting(program) {
        table.chains.iter().flatten().for_each(|rule| destinations(&rule.steps, &mut tests));
    }
    let mut found: Vec<u128> = tests.iter().flat_map(Asked::borders).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|border| {
        let inside = tests.iter().any(|asked| asked.holds(*border));
        inside && !matches!(context.routing.way(*border), Way::Here | Way::Many)
    });
    found.truncate(PORTS);
    found.into_iter().map(|border| address(border, context.family)).collect()
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
        // What a rule without a port sends on.
        let free = (1024..u16::MAX).rev().find(|port| {
            !ports.contains(port)
                && ![Protocol::Tcp, Protocol::Udp].iter().any(|one| taken.contains_key(&(*one, *port)))
        });
        ports.extend(free);
    }
    ports.sort_unstable();
    ports.dedup();
    ports.truncate(PORTS);
    ports
}
