//! Who may send packets to which targets.

use std::rc::Rc;

use crate::facts::network::Interface;
use crate::facts::ruleset::IpFamily;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::packets::Packets;
use crate::reach::ranges::Ranges;
use crate::reach::resolve::Part;
use crate::reach::routing::{address, prefix};
use crate::reach::sources::Sources;
use crate::reach::walk::{End, Target};
use crate::reach::words::is_most;

/// So many targets as a set.
pub(super) fn every(count: usize) -> u128 {
    if count >= 128 { u128::MAX } else { (1 << count) - 1 }
}

/// Which senders on a link are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Near {
    /// Those with an address of the link.
    Numbered,
    /// Those with any address: nothing but the rules keeps a neighbour to the addresses of the link.
    Anybody,
}

/// Packets to a link-local address: from its own link.
pub(super) fn neighbours(context: &Context<'_>, target: &Target, bit: u128, near: Near) -> Option<Packets> {
    let own = address(target.address, context.family);
    let interfaces = context.those(|one| one.addresses.iter().any(|prefix| prefix.address == own));
    let at = interfaces.trailing_zeros() as usize;
    let interface = context.interfaces.get(at)?;
    let mut sources = hooks::sources(context, interface).ok()?;
    if near == Near::Numbered {
        sources = sources.and(&link(context, interfaces));
    }
    Some(hooks::from_outside(context, Packets::new(bit, interfaces, Rc::new(sources))))
}

/// Packets of neighbours on every interface but the loopbacks, to targets that all of them can write to.
pub(super) fn on_link(context: &Context<'_>, targets: u128) -> Vec<Packets> {
    let outside = context.interfaces.iter().take(128).enumerate().filter(|(_, one)| !one.loopback);
    let each = outside.filter_map(|(bit, interface)| {
        let sources = hooks::sources(context, interface).ok()?;
        Some(hooks::from_outside(context, Packets::new(targets, 1 << bit, Rc::new(sources))))
    });
    each.filter(|packets| !packets.sources.is_empty()).collect()
}

/// Packets of machines that have no address yet (DHCP): to all of a link (ip_route_input_slow, ip_mc_validate_source).
pub(super) fn without_address(context: &Context<'_>, targets: &[Target]) -> Option<Packets> {
    let takes = |target: &Target| target.address == 0xffff_ffff || target.address >> 8 == 0x00e0_0000;
    let bits = targets.iter().take(128).enumerate().filter(|(_, target)| takes(target));
    let bits = bits.fold(0, |set, (bit, _)| set | 1_u128 << bit);
    let interfaces = context.those(|interface| !interface.loopback);
    (context.family == IpFamily::V4 && bits != 0 && interfaces != 0)
        .then(|| Packets::new(bits, interfaces, Rc::new(Ranges::one(0))))
}

/// Of neighbours those with an address of the link are named, where they get through, or else those that gave themselves
/// one (RFC 3927, RFC 4291 section 2.5.6): others are not who is meant by anyone.
pub(super) fn nearby(context: &Context<'_>, part: &mut Part) {
    let sources = part.packets.sources.ranges();
    let own = match context.family {
        IpFamily::V4 => Ranges::prefix(0xa9fe_0000, 16, 32),
        IpFamily::V6 => Ranges::prefix(0xfe80 << 112, 64, 128),
    };
    let links = [link(context, part.packets.interfaces), own];
    let named = links.iter().map(|link| sources.and(link)).find(|sources| !sources.is_empty());
    if let Some(named) = named {
        part.packets.sources = Sources::new(Rc::new(named));
    } else if part.end == End::Through && is_most(&sources, context.family) {
        part.end =
            End::Unknown("only neighbours get there, with addresses that are not of their link".into());
    }
}

/// The addresses of the links of these interfaces.
fn link(context: &Context<'_>, interfaces: u128) -> Ranges {
    let own = context.interfaces.iter().take(128).enumerate().filter(|(bit, _)| interfaces >> bit & 1 != 0);
    let addresses = own.flat_map(|(_, interface)| &interface.addresses);
    let own = addresses.filter(|one| IpFamily::of(one.address) == context.family);
    own.map(prefix).fold(Ranges::none(), |sum, prefix| sum.or(&prefix))
}

/// Whether an interface takes packets to 127.0.0.0/8 from its link (`route_localnet`).
pub(super) fn loopback_from_outside(context: &Context<'_>) -> bool {
    let open = |one: &Interface| !one.loopback && one.route_localnet.value() == Some(&true);
    context.family == IpFamily::V4 && context.those(open) != 0
}
