//! What a rule asks of interfaces, and of addresses by the routing tables.

use std::rc::Rc;

use super::{Context, Field, IpFamily, Ranges, Test, all, any, number, when, xor};
use crate::facts::network;
use crate::facts::ruleset::xtables::{Interface, MarkMatch, Match, Physdev};
use crate::reach::program::Action;
use crate::reach::routing::{BROADCAST, LOCAL, prefix};

/// The interfaces that a name, or the start of names, stands for.
pub(super) fn named(asked: &Interface, context: &Context<'_>) -> u128 {
    context.those(|interface| match asked.wildcard {
        true => interface.name.starts_with(&asked.name),
        false => interface.name == asked.name,
    })
}

/// Where a packet has no outbound interface its name is empty, which `+` alone stands for.
pub(super) fn out(asked: &Interface, context: &Context<'_>) -> Test {
    if asked.wildcard && asked.name.is_empty() {
        return when(!asked.invert);
    }
    xor(Test::Out(named(asked, context)), asked.invert)
}

/// ARPHRD_ETHER
pub(super) fn ethernet(context: &Context<'_>) -> u128 {
    context.those(|interface| interface.hardware == 1)
}

/// Only packets that a bridge took in with br_netfilter know a port; of others nothing holds that is not inverted.
pub(super) fn physdev(asked: &Physdev, context: &Context<'_>) -> Test {
    let Physdev { input, output, is_in, is_out, is_bridged } = asked;
    let ports = [input, output].into_iter().flatten().all(|port| port.invert);
    let flags = [is_in, is_out, is_bridged].into_iter().flatten().all(|invert| *invert);
    let elsewhere = when(ports && flags);
    match context.those(|interface| interface.kind == "bridge") {
        0 => elsewhere,
        bridges => any(vec![
            all(vec![Test::In(bridges), Context::unknown("through which port of a bridge a packet came")]),
            all(vec![xor(Test::In(bridges), true), elsewhere]),
        ]),
    }
}

pub(super) fn devgroup(
    source: &Option<MarkMatch>,
    destination: &Option<MarkMatch>,
    context: &Context<'_>,
) -> Test {
    let group =
        |asked: &MarkMatch| context.those(|interface| (interface.group ^ asked.value) & asked.mask == 0);
    all(vec![
        source.as_ref().map_or(Test::Always, |asked| xor(Test::In(group(asked)), asked.invert)),
        destination.as_ref().map_or(Test::Always, |asked| xor(Test::Out(group(asked)), asked.invert)),
    ])
}

/// `-m addrtype` (xt_addrtype.c).
pub(super) fn addrtype(one: &Match, context: &Context<'_>) -> Test {
    let Match::Addrtype { source, invert_source, destination, invert_destination, limit_in, limit_out } = one
    else {
        return Test::Never;
    };
    let ask = |field, kinds: u16, invert| match kinds {
        0 => Test::Always,
        _ if *limit_out => Context::unknown("the kind of an address for the outbound interface"),
        _ if *limit_in => {
            by_interface(context, |interface| kinds_of(field, kinds, Some(interface), context), invert)
        }
        _ => xor(kinds_of(field, kinds, None, context), invert),
    };
    all(vec![
        ask(Field::Source, *source, *invert_source),
        ask(Field::Destination, *destination, *invert_destination),
    ])
}

/// A test that differs by the interface that a packet came in through.
fn by_interface(context: &Context<'_>, test: impl Fn(&network::Interface) -> Test, invert: bool) -> Test {
    any(context
        .interfaces
        .iter()
        .map(|interface| all(vec![Test::In(context.indexed(interface.index)), xor(test(interface), invert)]))
        .collect())
}

fn kinds_of(field: Field, kinds: u16, on: Option<&network::Interface>, context: &Context<'_>) -> Test {
    match context.family {
        IpFamily::V4 => kinds_of_ipv4(field, kinds, on, context),
        IpFamily::V6 => kinds_of_ipv6(field, kinds, on, context),
    }
}

/// The addresses of the local table, of all interfaces or of one.
fn of_local_table(
    kind: u8,
    on: Option<&network::Interface>,
    context: &Context<'_>,
) -> Result<Rc<Ranges>, Rc<str>> {
    let Some(interface) = on else { return context.kind(kind) };
    let routes = context.network.routes.known().map_err(|gap| Rc::<str>::from(gap.to_string()))?;
    let own = routes.iter().filter(|route| {
        route.table == 255
            && route.kind == kind
            && route.through.contains(&interface.index)
            && IpFamily::of(route.to.address) == context.family
    });
    Ok(Rc::new(own.flat_map(|route| prefix(&route.to).as_slice().to_vec()).collect()))
}

/// `inet_dev_addr_type` asks the local table alone: what is not in it is unicast.
fn kinds_of_ipv4(field: Field, kinds: u16, on: Option<&network::Interface>, context: &Context<'_>) -> Test {
    let (local, broadcast) =
        match (of_local_table(LOCAL, on, context), of_local_table(BROADCAST, on, context)) {
            (Ok(local), Ok(broadcast)) => (local, broadcast),
            (Err(reason), _) | (_, Err(reason)) => return Test::Unknown(reason),
        };
    let multicast = Ranges::prefix(0xe000_0000, 4, 32);
    let fixed: Ranges = [(0, 0x00ff_ffff), (0xffff_ffff, 0xffff_ffff)].into_iter().collect();
    let broadcast = broadcast.or(&fixed).without(&multicast);
    let local = local.without(&fixed).without(&multicast);
    let unicast = Ranges::all(32).without(&multicast).without(&broadcast).without(&local);
    let mut found = Ranges::none();
    for (bit, ranges) in [(1, &unicast), (2, &local), (3, &broadcast), (5, &multicast)] {
        if kinds >> bit & 1 != 0 {
            found = found.or(ranges);
        }
    }
    // Other kinds than these stand in the local table only when somebody put them there.
    Test::Is(field, Rc::new(found))
}

/// `match_type6`: what it asks of the address alone has to hold, and then one of what it asks of the routes.
fn kinds_of_ipv6(field: Field, kinds: u16, on: Option<&network::Interface>, context: &Context<'_>) -> Test {
    let is = |ranges: Ranges| Test::Is(field, Rc::new(ranges));
    let asks = |bit: u16| kinds >> bit & 1 != 0;
    let multicast = Ranges::prefix(0xff << 120, 8, 128);
    let mapped = Ranges::prefix(0xffff << 32, 96, 128);
    let mut tests = Vec::new();
    if asks(5) {
        tests.push(is(multicast.clone()));
    }
    if asks(1) {
        tests.push(is(Ranges::all(128).without(&multicast).without(&mapped).without(&Ranges::one(0))));
    }
    if asks(0) {
        tests.push(is(Ranges::one(0)));
    }
    let mut routed = Vec::new();
    if asks(2) {
        routed.push(match on {
            // ipv6_chk_addr with the interface: one of its own addresses.
            Some(interface) => is(interface
                .addresses
                .iter()
                .filter(|own| own.address.is_ipv6())
                .map(|own| (number(own.address), number(own.address)))
                .collect()),
            None => context.kind(LOCAL).map_or_else(Test::Unknown, |local| Test::Is(field, local)),
        });
    }
    if asks(4) {
        routed.push(context.kind(ANYCAST).map_or_else(Test::Unknown, |anycast| Test::Is(field, anycast)));
    }
    if asks(7) {
        routed.push(Context::unknown("addresses without a route (UNREACHABLE)"));
    }
    if asks(2) || asks(4) || asks(7) {
        tests.push(any(routed));
    }
    all(tests)
}

/// RTN_ANYCAST
const ANYCAST: u8 = 4;

/// `-m rpfilter`: whether the way back to the source leads through the interface that the packet came in through.
pub(super) fn rpfilter(one: &Match, context: &Context<'_>) -> Test {
    let Match::Rpfilter { loose, accept_local, invert, .. } = one else { return Test::Never };
    let here = match (*accept_local, context.kind(LOCAL)) {
        (_, Err(reason)) => return Test::Unknown(reason),
        (true, Ok(local)) => local,
        (false, Ok(_)) => Rc::default(),
    };
    let mut anywhere = here.as_ref().clone();
    for interface in &context.network.interfaces {
        match context.routing.through(interface.index) {
            Ok(through) if *loose => anywhere = anywhere.or(&through),
            Ok(_) => {}
            Err(reason) => return Test::Unknown(reason),
        }
    }
    // Sources of a link lie behind it, whichever route to them comes first; the kernel asks with the interface.
    if context.family == IpFamily::V6 {
        anywhere = anywhere.or(&Ranges::prefix(0xfe80 << 112, 10, 128)).or(&Ranges::one(0));
    }
    by_interface(
        context,
        |interface| match context.routing.through(interface.index) {
            _ if interface.loopback => Test::Always,
            Ok(through) => Test::Is(Field::Source, Rc::new(anywhere.or(&through))),
            Err(reason) => Test::Unknown(reason),
        },
        *invert,
    )
}

/// An action that cannot be followed.
pub(super) fn unknown(reason: &str) -> Action {
    Action::Unknown(reason.into())
}
