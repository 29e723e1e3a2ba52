//! Every socket and every published port, with who can reach it and by which rule.

mod ask;
mod beyond;
mod bypass;
mod gathered;
mod senders;
mod targets;
#[cfg(test)]
mod tests;
mod unnamed;

use std::net::IpAddr;

use serde::Serialize;

use super::walk::Waiting;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Processes;
use crate::facts::sockets::{Protocol, Socket};
use crate::gap::Gap;
pub use bypass::without_rewriting;
pub use unnamed::{Filtered, Unnamed, filters, unnamed};

/// Who can reach what on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exposure {
    /// Sockets of this machine, then those of other network namespaces.
    pub sockets: Vec<Exposed>,
    /// Ports that rules send on to another machine or to a container, beside any socket.
    pub published: Vec<Published>,
    /// What could not be looked at and limits what is said.
    pub gaps: Vec<Gap>,
    /// Why there may be more published ports than these.
    pub unasked: Option<Gap>,
}

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// The socket itself.
    pub socket: Socket,
    /// The program that holds it, where that is known.
    pub process: Option<String>,
    /// The systemd unit that the program belongs to.
    pub unit: Option<String>,
    /// The name of its owner, or the number where there is no name.
    pub user: String,
    /// The network namespace, when it is not the machine's own: its inode.
    pub namespace: Option<u64>,
    /// Who can reach it.
    pub access: Access,
}

/// A port that is sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address of this machine; unspecified for all of them.
    pub address: IpAddr,
    /// The port as strangers write it; 0 for every port that nothing else takes.
    pub port: u16,
    /// Where it leads.
    pub to: (IpAddr, u16),
    /// Who can reach it.
    pub access: Access,
}

impl std::fmt::Display for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = std::net::SocketAddr::new(self.address, self.port);
        let to = std::net::SocketAddr::new(self.to.0, self.to.1);
        write!(f, "{} {place}, sent on to {to}", self.protocol.name())
    }
}

/// Who can reach something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// In one word.
    pub reach: Reach,
    /// The same over IPv4 alone.
    pub ipv4: Reach,
    /// The same over IPv6 alone.
    pub ipv6: Reach,
    /// The sources that get through, as networks, with what else they need.
    pub from: Vec<String>,
    /// Which rules or policies decide.
    pub decided_by: Vec<Evidence>,
    /// Whether chance, a rate or a counter stops some connections.
    pub rate_limited: bool,
    /// Why it is not known, or what else there is to say.
    pub reason: Option<String>,
}

/// Who can reach something, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Most of the internet, as far as this machine decides.
    Anyone,
    /// Some networks.
    Networks,
    /// That cannot be told.
    Unknown,
    /// Only this machine itself.
    Loopback,
    /// Nobody, not even this machine.
    Nobody,
}

/// Asks the packet filter about every socket and every port that rules send on.
///
/// # Errors
/// The gap of the sockets, the network or the ruleset, without which nothing can be said.
pub fn exposure(facts: &Facts) -> Result<Exposure, Gap> {
    let sockets = facts.sockets.known()?;
    let mut found = ask::everything(facts, sockets)?;
    found.sockets.sort_by(|one, other| {
        let key = |exposed: &Exposed| (exposed.namespace, exposed.access.reach, exposed.socket.clone());
        key(one).cmp(&key(other))
    });
    Ok(found)
}

/// The socket that takes packets to an address and port: the one bound to it, else one bound to all.
pub(super) fn waiting(facts: &Facts, protocol: Protocol, address: IpAddr, port: u16) -> Option<Waiting> {
    let sockets = facts.sockets.value()?;
    let here = sockets.list.iter().filter(|socket| socket.protocol == protocol && socket.port == port);
    let best = here.filter(|socket| serves(socket, address)).min_by_key(|socket| {
        // compute_score in inet_hashtables.c: an address of its own counts more than a family of its own.
        (is_wildcard(socket.address), socket.address.is_ipv6() != address.is_ipv6())
    })?;
    Some(Waiting { wildcard: is_wildcard(best.address), transparent: best.transparent })
}

fn is_wildcard(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_unspecified(),
        IpAddr::V6(address) => {
            address.is_unspecified()
                || address.to_ipv4_mapped().is_some_and(|address| address.is_unspecified())
        }
    }
}

/// Whether a socket takes packets to an address, as far as its own address goes. One on `::` takes IPv4 too, unless its
/// program said otherwise; where that is not known it is taken to.
pub(super) fn serves(socket: &Socket, address: IpAddr) -> bool {
    match (socket.address, address) {
        (IpAddr::V6(own), IpAddr::V4(address)) => match own.to_ipv4_mapped() {
            Some(own) => own.is_unspecified() || own == address,
            None => own.is_unspecified() && socket.ipv6_only != Some(true),
        },
        (IpAddr::V6(own), IpAddr::V6(address)) if own.to_ipv4_mapped().is_none() => {
            own.is_unspecified() || own == address
        }
        (IpAddr::V4(own), IpAddr::V4(address)) => own.is_unspecified() || own == address,
        _ => false,
    }
}

fn holders(facts: &Facts) -> Option<std::collections::HashMap<u64, &crate::facts::processes::Process>> {
    facts.processes.value().map(Processes::holders)
}

/// The name of a user.
fn user(facts: &Facts, uid: u32) -> String {
    let known =
        facts.accounts.value().and_then(|accounts| accounts.users.iter().find(|user| user.uid == uid));
    known.map_or_else(|| uid.to_string(), |user| user.name.clone())
}
