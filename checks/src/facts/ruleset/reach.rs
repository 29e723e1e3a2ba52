//! Who can reach a socket, as far as the default outcome of the packet filter tells.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{IpFamily, Outcome, Ruleset};
use crate::evidence::Evidence;
use crate::facts::sockets::{Protocol, Socket, Sockets};
use crate::gap::Reading;

/// Who can reach a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Anyone who can send packets to this machine: nothing drops any.
    Anyone {
        /// By which protocol.
        family: IpFamily,
        /// What lets it in, or where a filter could be.
        evidence: Vec<Evidence>,
    },
    /// Nobody but the machine itself, and who is connected already: nothing is let in.
    Nobody(Vec<Evidence>),
    /// Some, or none, for this reason.
    Unknown(String),
}

/// What a packet filter means for sockets.
#[derive(Debug)]
pub struct Filter {
    ipv4: Outcome,
    /// `None` where IPv6 cannot reach the machine.
    ipv6: Option<Outcome>,
    /// Ports of sockets on every address of IPv4.
    wildcards: BTreeSet<(Protocol, u16)>,
}

impl Filter {
    /// The filter in front of these sockets.
    #[must_use]
    pub fn new(ruleset: &Reading<Ruleset>, sockets: &Sockets) -> Self {
        let wildcards = sockets.list.iter().filter(|socket| match socket.address {
            IpAddr::V4(address) => address.is_unspecified(),
            IpAddr::V6(_) => false,
        });
        let wildcards = wildcards.map(|socket| (socket.protocol, socket.port)).collect();
        let (ipv4, ipv6) = match ruleset.known() {
            Ok(ruleset) => {
                let ipv6 = ruleset.unused(IpFamily::V6).is_none();
                (ruleset.inbound(IpFamily::V4), ipv6.then(|| ruleset.inbound(IpFamily::V6)))
            }
            Err(gap) => (Outcome::Unknown(gap.to_string()), Some(Outcome::Unknown(gap.to_string()))),
        };
        Self { ipv4, ipv6, wildcards }
    }

    /// Who can reach a socket that is not on the loopback.
    #[must_use]
    pub fn reach(&self, socket: &Socket) -> Reach {
        let ipv4 = || reach(IpFamily::V4, &self.ipv4);
        let ipv6 = || match &self.ipv6 {
            Some(outcome) => reach(IpFamily::V6, outcome),
            None => Reach::Nobody(vec![Evidence::of("/proc/net/if_inet6")]),
        };
        let address = match socket.address {
            IpAddr::V4(_) => return ipv4(),
            IpAddr::V6(address) => address,
        };
        if address.to_ipv4_mapped().is_some() {
            return ipv4();
        }
        // Beside a socket on 0.0.0.0 with the same port, one on [::] takes IPv6 alone.
        if !address.is_unspecified() || self.wildcards.contains(&(socket.protocol, socket.port)) {
            return ipv6();
        }
        // Otherwise it serves IPv4 too, unless its program asked for IPv6 alone, which /proc does not show.
        match (ipv6(), ipv4()) {
            (anyone @ Reach::Anyone { .. }, _) => anyone,
            (Reach::Unknown(reason), _) | (_, Reach::Unknown(reason)) => Reach::Unknown(reason),
            (Reach::Nobody(mut six), Reach::Nobody(four)) => {
                six.extend(four);
                Reach::Nobody(six)
            }
            (Reach::Nobody(_), Reach::Anyone { .. }) => Reach::Unknown(
                "nothing filters IPv4, and whether a socket on [::] takes IPv4 is not known".to_owned(),
            ),
        }
    }
}

fn reach(family: IpFamily, outcome: &Outcome) -> Reach {
    match outcome {
        Outcome::Accepts { decided_by, conditional_drops: 0 } => {
            Reach::Anyone { family, evidence: decided_by.clone() }
        }
        Outcome::Accepts { conditional_drops, .. } => Reach::Unknown(format!(
            "{family} is let in unless one of {conditional_drops} conditions drops it, and which traffic those drop is \
             not evaluated yet"
        )),
        Outcome::Drops { decided_by, conditional_accepts: 0 } => Reach::Nobody(vec![decided_by.clone()]),
        Outcome::Drops { conditional_accepts, .. } => Reach::Unknown(format!(
            "{family} is dropped unless one of {conditional_accepts} conditions lets it in, and which traffic those let \
             in is not evaluated yet"
        )),
        Outcome::Unknown(reason) => Reach::Unknown(reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str) -> Socket {
        Socket { protocol: Protocol::Tcp, port: 80, address: address.parse().unwrap(), inode: 1, uid: 0, ipv6_only: None, transparent: None }
    }

    fn shown(filter: &Filter, address: &str) -> &'static str {
        match filter.reach(&socket(address)) {
            Reach::Anyone { family: IpFamily::V4, .. } => "anyone by 4",
            Reach::Anyone { family: IpFamily::V6, .. } => "anyone by 6",
            Reach::Nobody(_) => "nobody",
            Reach::Unknown(_) => "unknown",
        }
    }

    #[test]
    fn a_socket_on_every_address_takes_both_families() {
        let open = || Outcome::Accepts { decided_by: Vec::new(), conditional_drops: 0 };
        let shut = || Outcome::Drops { decided_by: Evidence::of("x"), conditional_accepts: 0 };
        let some = || Outcome::Drops { decided_by: Evidence::of("x"), conditional_accepts: 1 };
        let of = |ipv4: Outcome, ipv6: Option<Outcome>| Filter { ipv4, ipv6, wildcards: BTreeSet::new() };
        assert_eq!(shown(&of(shut(), Some(open())), "::"), "anyone by 6");
        assert_eq!(shown(&of(open(), Some(shut())), "::"), "unknown");
        assert_eq!(shown(&of(open(), None), "::"), "unknown");
        assert_eq!(shown(&of(shut(), Some(shut())), "::"), "nobody");
        assert_eq!(shown(&of(shut(), Some(some())), "::"), "unknown");
        assert_eq!(shown(&of(shut(), Some(open())), "0.0.0.0"), "nobody");
        assert_eq!(shown(&of(open(), Some(shut())), "::ffff:192.0.2.1"), "anyone by 4");
        assert_eq!(shown(&of(open(), Some(shut())), "2001:db8::1"), "nobody");
        let mut beside = of(open(), Some(shut()));
        beside.wildcards.insert((Protocol::Tcp, 80));
        assert_eq!(shown(&beside, "::"), "nobody");
    }
}
