//! What a rule asks of the connection that a packet starts (xt_conntrack.c).

use std::rc::Rc;

use super::{Context, Field, Free, Protocol, Ranges, Test, all, any, masked, tracked, when, xor};
use crate::facts::ruleset::xtables::{Conntrack, Masked, Ports, conntrack_flag as flag};
use crate::reach::program::STATE_UNTRACKED;

pub(super) fn test(asked: &Conntrack, context: &Context<'_>) -> Test {
    let rest = all(properties(asked, context));
    match asked.asks(flag::STATE) {
        // Without a connection, all but its state is left out when the state is asked, and nothing holds when not.
        Some(invert) => all(vec![
            xor(states(asked.states), invert),
            match rest {
                Test::Always => Test::Always,
                rest => any(vec![xor(tracked(), true), rest]),
            },
        ]),
        None => all(vec![tracked(), rest]),
    }
}

/// XT_CONNTRACK_STATE_*: the first four are those of `ct state`, then come SNAT, DNAT and untracked.
fn states(states: u16) -> Test {
    let mut plain = u32::from(states & 0x0f);
    if states & 0x100 != 0 {
        plain |= STATE_UNTRACKED;
    }
    let mut tests = vec![if plain == 0 { Test::Never } else { Test::State(plain) }];
    if states & 0x40 != 0 {
        tests.push(Test::SourceRewritten);
    }
    if states & 0x80 != 0 {
        tests.push(Test::DestinationRewritten);
    }
    any(tests)
}

fn properties(asked: &Conntrack, context: &Context<'_>) -> Vec<Test> {
    let own = match context.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    };
    let address = |field, address: &Option<Masked>| match address {
        Some(address) => masked(field, address, context),
        None => Test::Always,
    };
    let ports = |field, ports: &Option<Ports>| match ports {
        Some(Ports { first, last, invert }) => {
            xor(Test::Is(field, Rc::new(Ranges::range((*first).into(), (*last).into()))), *invert)
        }
        None => Test::Always,
    };
    vec![
        // It is the first packet of its connection, and so in the original direction.
        asked.asks(flag::DIRECTION).map_or(Test::Always, |reply| when(!reply)),
        asked.asks(flag::PROTOCOL).map_or(Test::Always, |invert| when((asked.protocol == own) != invert)),
        address(Field::Source, &asked.original_source),
        address(Field::OriginalDestination, &asked.original_destination),
        // The reply comes from where the packet goes to, as rewritten so far.
        address(Field::Destination, &asked.reply_source),
        address(Field::Source, &asked.reply_destination),
        ports(Field::Free(Free::SourcePort), &asked.original_source_port),
        ports(Field::OriginalDestinationPort, &asked.original_destination_port),
        ports(Field::DestinationPort, &asked.reply_source_port),
        ports(Field::Free(Free::SourcePort), &asked.reply_destination_port),
        // Neither expected nor answered, assured or confirmed; NONE asks for no bit, and finds none.
        asked.asks(flag::STATUS).map_or(Test::Always, when),
        asked.asks(flag::EXPIRES).map_or(Test::Always, |_| Context::unknown("when a new connection expires")),
    ]
}
