//! Who may send packets to which targets.

use std::rc::Rc;

use crate::facts::network::Interface;
use crate::facts::ruleset::IpFamily;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::ranges::Ranges;
use crate::reach::routing::{address, prefix};
use crate::reach::walk::Target;

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
        .map(prefix)
        .fold(Ranges::none(), |sum, prefix| sum.or(&prefix));
    let sources = hooks::sources(context, interface).ok()?.and(&link);
    Some(hooks::from_outside(context, Packets::new(bit, interfaces, Rc::new(sources))))
}

/// Packets of neighbours on every interface but the loopbacks, to targets that all of them can write to.
pub(super) fn on_link(context: &Context<'_>, targets: u128) -> Vec<Packets> {
    let outside = context.interfaces.iter().take(128).enumerate().filter(|(_, one)| !one.loopback);
    let each = outside.filter_map(|(bit, interface)| {
        let own = interface.addresses.iter().filter(|one| IpFamily::of(one.address) == context.family);
        let link = own.map(prefix).fold(Ranges::none(), |sum, prefix| sum.or(&prefix));
        let sources = hooks::sources(context, interface).ok()?.and(&link);
        Some(hooks::from_outside(context, Packets::new(targets, 1 << bit, Rc::new(sources))))
    });
    each.filter(|packets| !packets.sources.is_empty()).collect()
}

/// Whether an interface takes packets to 127.0.0.0/8 from its link (`route_localnet`).
pub(super) fn loopback_from_outside(context: &Context<'_>) -> bool {
    let open = |one: &Interface| !one.loopback && one.route_localnet.value() == Some(&true);
    context.family == IpFamily::V4 && context.those(open) != 0
}
