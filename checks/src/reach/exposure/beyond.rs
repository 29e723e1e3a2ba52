//! What the chains do not show of a socket: who reaches it from inside, and what may reach it past them.

use std::net::IpAddr;
use std::rc::Rc;

use super::ask::Asking;
use super::gathered::Gathered;
use super::senders::every;
use super::{Reach, holders, is_wildcard, serves};
use crate::facts::network::BpfHook;
use crate::facts::ruleset::IpFamily;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::program::{Action, PROXY, Step};
use crate::reach::ranges::Ranges;
use crate::reach::resolve::resolve;
use crate::reach::routing::number;
use crate::reach::tables::Program;
use crate::reach::walk::{End, Target};

impl Asking<'_> {
    /// Whether the machine itself reaches what nobody else does.
    pub(super) fn within(&mut self, context: &Context<'_>, program: &Program) {
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
    pub(super) fn connected_elsewhere(&mut self, context: &Context<'_>) {
        for at in 0..self.sockets.len() {
            let Some((socket, Some(inode))) = self.sockets.get(at).copied() else { continue };
            if socket.protocol != context.protocol {
                continue;
            }
            let namespaces = self.facts.sockets.value().and_then(|sockets| sockets.namespaces.value());
            let own = namespaces.into_iter().flatten().find(|one| one.inode == inode);
            if let Some(gap) = own.and_then(|one| one.addresses.gap()).filter(|_| !socket.is_loopback())
                && let Some(gathered) = self.gathered.get_mut(at)
            {
                gathered.doubt(Some(context.family), &gap.to_string());
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
    pub(super) fn proxies(&mut self, context: &Context<'_>, program: &Program) {
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
    pub(super) fn control_groups(&mut self) {
        let Some(programs) = self.facts.network.value().and_then(|network| network.bpf.value()) else {
            return;
        };
        let holders = holders(self.facts);
        for program in programs.iter().filter(|program| program.hook == BpfHook::ControlGroup) {
            let last = program.place.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            for (at, (socket, _)) in self.sockets.iter().enumerate().filter(|(_, (_, own))| own.is_none()) {
                let process = holders.as_ref().and_then(|holders| holders.get(&socket.inode));
                // A process that belongs to no unit is in no unit's control group.
                let own = process.is_none_or(|process| process.unit.as_deref() == Some(last));
                // The program of a folder sees the sockets of the folders below it too.
                let concerned = own || !last.contains('.') || last.ends_with(".slice");
                // It can only stop more: what nobody gets through to stays closed.
                let open = |gathered: &&mut Gathered| concerned && !gathered.is_closed();
                if let Some(gathered) = self.gathered.get_mut(at).filter(open) {
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
