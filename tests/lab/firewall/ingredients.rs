//! What rules are made of: one entry for each expression and match that decides reachability.
//!
//! An ingredient adds its test to a rule that is about one connection, `rule.probe`. `rule.about(dice)` mostly gives that
//! connection and sometimes another, so that tests hold and fail. A new ingredient is an entry in `nft.rs` or `xtables.rs`:
//!
//! ```text
//! Ingredient {
//!     name: "meta iifname",
//!     fits: any,                       // or what the connection has to be: tcp, ipv4, to_container…
//!     add: |rule, dice| rule.test(format!("iifname {}", rule.about(dice).client.interface())),
//! },
//! ```

pub(crate) mod nft;
pub(crate) mod xtables;

use std::net::IpAddr;

use checks::facts::sockets::Protocol;

use super::dice::Dice;
use super::draw::{Rule, drawn_probe};
use super::probe::Probe;

/// One thing that rules are made of.
pub(crate) struct Ingredient {
    /// As the coverage table shows it; several entries may share a name.
    pub(crate) name: &'static str,
    /// Whether it says something about such a connection.
    pub(crate) fits: fn(&Probe) -> bool,
    /// Adds it.
    pub(crate) add: fn(&mut Rule, &mut Dice),
}

pub(crate) fn any(_: &Probe) -> bool {
    true
}
pub(crate) fn tcp(probe: &Probe) -> bool {
    probe.protocol == Protocol::Tcp
}
pub(crate) fn ipv4(probe: &Probe) -> bool {
    probe.to.is_ipv4()
}
pub(crate) fn to_container(probe: &Probe) -> bool {
    super::namespaces::BOX.iter().any(|address| probe.to == address.parse::<IpAddr>().unwrap())
}
pub(crate) fn to_host(probe: &Probe) -> bool {
    !to_container(probe)
}

impl Rule {
    /// The connection that the rule is about, or at times another one of its family and protocol.
    pub(crate) fn about(&self, dice: &mut Dice) -> Probe {
        if dice.percent(82) {
            return self.probe.clone();
        }
        loop {
            let other = drawn_probe(dice);
            if other.to.is_ipv4() == self.probe.to.is_ipv4() && other.protocol == self.probe.protocol {
                return other;
            }
        }
    }
    /// `ip` or `ip6`.
    pub(crate) fn ip(&self) -> &'static str {
        if self.probe.to.is_ipv4() { "ip" } else { "ip6" }
    }
    /// `ipv4` or `ipv6`.
    pub(crate) fn family(&self) -> &'static str {
        if self.probe.to.is_ipv4() { "ipv4" } else { "ipv6" }
    }
    /// `tcp` or `udp`.
    pub(crate) fn protocol(&self) -> &'static str {
        self.probe.protocol.name()
    }
}

/// The network of a length that an address lies in.
pub(crate) fn network(address: IpAddr, dice: &mut Dice) -> String {
    let lengths: &[u32] = if address.is_ipv4() {
        &[0, 5, 8, 12, 16, 20, 24, 25, 28, 31, 32]
    } else {
        &[0, 3, 16, 32, 33, 40, 48, 64, 100, 127, 128]
    };
    let length = lengths[1 + dice.below(lengths.len() - 1)];
    format!("{}/{length}", masked(address, length))
}

/// An address with all but its first bits cleared.
pub(crate) fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            IpAddr::V4((u32::from(address) & u32::MAX.checked_shl(32 - length).unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            IpAddr::V6((u128::from(address) & u128::MAX.checked_shl(128 - length).unwrap_or(0)).into())
        }
    }
}

/// A range of addresses around one: first and last.
pub(crate) fn around(address: IpAddr, dice: &mut Dice) -> (IpAddr, IpAddr) {
    let (down, up) = (dice.below(40) as u32, dice.below(40) as u32);
    match address {
        IpAddr::V4(address) => {
            let number = u32::from(address);
            (IpAddr::V4((number - down).into()), IpAddr::V4((number + up).into()))
        }
        IpAddr::V6(address) => {
            let number = u128::from(address);
            // Some are the first of their network.
            let down = u128::from(down).min(number & 0xff);
            (IpAddr::V6((number - down).into()), IpAddr::V6((number + u128::from(up)).into()))
        }
    }
}

/// A range of ports around one.
pub(crate) fn ports(port: u16, dice: &mut Dice) -> (u16, u16) {
    (port.saturating_sub(dice.below(30) as u16).max(1), port.saturating_add(dice.below(30) as u16))
}
