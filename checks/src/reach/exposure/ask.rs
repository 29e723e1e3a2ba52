//! Which destinations are asked about, and to which socket each answer belongs.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::gathered::{Gathered, Outlook};
use super::senders::{Near, every, nearby, neighbours, on_link, without_address};
use super::{Access, Exposed, Exposure, Published, Reach, holders, is_wildcard, serves, user};
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::sockets::{Protocol, Socket, Sockets};
use crate::gap::Gap;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::resolve::{Part, resolve};
use crate::reach::routing::{Way, address, number};
use crate::reach::tables::Program;
use crate::reach::walk::{End, Going, Outcome, State, Tally, Target};

/// The key of a published port: its own, and where it leads.
type Leads = (Protocol, u16, (IpAddr, u16));

/// A socket, the interfaces that it hears, and those that it leaves to no other.
type Taker = (usize, u128, u128);

pub(super) struct Asking<'a> {
    pub(super) facts: &'a Facts,
    /// Of this machine, then of other namespaces.
    pub(super) sockets: Vec<(&'a Socket, Option<u64>)>,
    pub(super) by_port: HashMap<(Protocol, u16), Vec<usize>>,
    pub(super) gathered: Vec<Gathered>,
    pub(super) inner: Vec<Reach>,
    published: BTreeMap<Leads, Gathered>,
    /// Why there may be more destinations than those that are asked about.
    pub(super) unasked: Option<Gap>,
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
        unasked: None,
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

/// A socket that is bound to an interface takes what comes in through that one, or through another part of its VRF as the
/// rules see it. The interfaces of other namespaces are not this machine's. The second set is what it leaves to no other.
fn heard_by(socket: &Socket, namespace: Option<u64>, context: &Context<'_>) -> (u128, u128) {
    match socket.device {
        None | Some(0) => (u128::MAX, u128::MAX),
        Some(_) if namespace.is_some() => (u128::MAX, 0),
        Some(index) => {
            let own = context.interfaces.iter().find(|interface| interface.index == index);
            let master = own.and_then(|interface| interface.master);
            let alone = context.those(|one| one.index == index || one.master == Some(index));
            (alone | context.those(|one| master == Some(one.index)), alone)
        }
    }
}

/// Whether every socket gets a packet to this address, not the best one alone (__udp4_lib_mcast_deliver).
fn shared_by_all(context: &Context<'_>, to: IpAddr) -> bool {
    context.protocol == Protocol::Udp && context.routing.way(number(to)) == Way::Many
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
            self.take(outlook, targets, hooks::run(context, program, targets, from, false), false);
        }
        // Only neighbours can write to a link-local address, and only through its own interface.
        for targets in link_local.chunks(128) {
            let mut from: Vec<Packets> = Vec::new();
            for (bit, target) in targets.iter().enumerate() {
                let Some(packets) = neighbours(context, target, 1 << bit, Near::Anybody) else { continue };
                // Those of one link are the same for all of its targets, and go through the rules together.
                match from.iter_mut().find(|known| known.interfaces == packets.interfaces) {
                    Some(known) => known.targets |= packets.targets,
                    None => from.push(packets),
                }
            }
            self.take(outlook, targets, hooks::run(context, program, targets, from, false), true);
        }
        // So it is with broadcast and multicast, which routers do not pass on unless told to, and with 127.0.0.0/8.
        for targets in many.chunks(128) {
            let mut from = on_link(context, every(targets.len()));
            from.extend(without_address(context, targets));
            self.take(outlook, targets, hooks::run(context, program, targets, from, false), true);
        }
    }

    fn take(&mut self, outlook: &Outlook<'_>, targets: &[Target], outcome: Outcome, near: bool) {
        let mut resolved = resolve(outcome);
        if near {
            resolved.parts.iter_mut().for_each(|part| nearby(outlook.context, part));
        }
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
        let takers = self.takers(context, to, port, out.is_some());
        if rewritten && (out.is_some() || takers.is_empty()) && part.end != End::Dropped {
            let key = (context.protocol, target.port, (to, port));
            self.published.entry(key).or_default().add(part, outlook, &[]);
        }
        for (at, heard) in takers {
            let (Some((socket, _)), Some(gathered)) = (self.sockets.get(at), self.gathered.get_mut(at))
            else {
                continue;
            };
            let (Some(packets), _) = part.packets.clone().split_interfaces(heard) else {
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
        for (at, heard) in self.takers(context, to, port, going.out.is_some()) {
            if let Some(gathered) = self.gathered.get_mut(at).filter(|_| heard & going.interfaces != 0) {
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
        (last != own || out.is_none() || !self.namespaces_of(last.0).is_empty()).then_some(last)
    }

    /// The sockets that take packets to an address and port, with the interfaces from which they do: this machine's own, or
    /// where the packets are sent on, those of the namespaces that have the address.
    fn takers(&self, context: &Context<'_>, to: IpAddr, port: u16, sent_on: bool) -> Vec<(usize, u128)> {
        let Some(list) = self.by_port.get(&(context.protocol, port)) else { return Vec::new() };
        let there = if sent_on { self.namespaces_of(to) } else { vec![None] };
        there.into_iter().flat_map(|namespace| self.takers_in(namespace, list, context, to)).collect()
    }

    /// Those of `list` that are in one namespace.
    fn takers_in(
        &self,
        namespace: Option<u64>,
        list: &[usize],
        context: &Context<'_>,
        to: IpAddr,
    ) -> Vec<(usize, u128)> {
        // Those bound to the address come before those bound to all, and of either those of its own family before those
        // of IPv6 that take IPv4 too (__inet_lookup_listener and compute_score in inet_hashtables.c).
        // One of another family that is bound to an interface comes no later than one that is bound to none.
        let shared = shared_by_all(context, to);
        let mut ranks: BTreeMap<(bool, bool), Vec<Taker>> = BTreeMap::new();
        for at in list {
            let Some((socket, own)) = self.sockets.get(*at) else { continue };
            if *own == namespace && serves(socket, to) {
                let bound = socket.device.is_some_and(|index| index != 0);
                let other_family = socket.address.is_ipv4() != to.is_ipv4();
                let rank = (is_wildcard(socket.address) && !shared, other_family && !bound && !shared);
                let (heard, alone) = heard_by(socket, *own, context);
                ranks.entry(rank).or_default().push((*at, heard, alone));
            }
        }
        // One that is bound to an interface leaves what comes in through the others to the next.
        let (mut found, mut taken) = (Vec::new(), 0);
        for rank in ranks.into_values() {
            let all = rank.iter().fold(0, |set, (.., alone)| set | alone);
            let left = rank.into_iter().map(|(at, heard, _)| (at, heard & !taken));
            found.extend(left.filter(|(_, heard)| *heard != 0));
            taken |= all;
        }
        found
    }

    /// The network namespaces beside the machine's own that have an address. Two of them can, and this machine may have
    /// it as well: a namespace of its own takes any address.
    fn namespaces_of(&self, address: IpAddr) -> Vec<Option<u64>> {
        let namespaces = self.facts.sockets.value().and_then(|sockets| sockets.namespaces.value());
        let own = |namespace: &&crate::facts::sockets::Namespace| {
            namespace.addresses.value().is_some_and(|own| own.contains(&address))
        };
        namespaces.into_iter().flatten().filter(own).map(|namespace| Some(namespace.inode)).collect()
    }

    fn finish(self, outlooks: &[Outlook<'_>]) -> Exposure {
        let of = |protocol: Protocol| {
            outlooks
                .iter()
                .filter(|outlook| outlook.context.protocol == protocol)
                .collect::<Vec<&Outlook<'_>>>()
        };
        let holders = holders(self.facts);
        let mut found = Exposure { unasked: self.unasked.clone(), ..Exposure::default() };
        found.gaps.extend(self.unasked);
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
