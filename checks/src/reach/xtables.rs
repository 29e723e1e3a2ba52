//! Rules of xtables, of legacy tables and inside of nftables, as steps.
//!
//! What each match and target does was read off the kernel's net/netfilter/xt_*.c. Matches look at the first packet of
//! a connection that comes from outside.

mod conntrack;
mod interfaces;
mod sets;
mod targets;

use std::net::IpAddr;
use std::rc::Rc;

use super::context::Context;
use super::program::{
    Action, Field, Free, Rule, STATE_ESTABLISHED, STATE_NEW, STATE_RELATED, Socket, Step, Test,
};
use super::ranges::Ranges;
use super::routing::{BROADCAST, MULTICAST, number};
use crate::facts::ruleset::IpFamily;
use crate::facts::ruleset::legacy::{self, Chain};
use crate::facts::ruleset::xtables::{AddressRange, MarkMatch, Masked, Match, Ports, Recent, Side, TcpFlags};
use crate::facts::sockets::Protocol;
pub(crate) use targets::target;

/// A rule of a legacy table, whose jumps lead to these chains.
pub(crate) fn entry(rule: &legacy::Rule, chains: &[Chain], context: &Context<'_>) -> Rule {
    let mut steps = Vec::new();
    for test in header(rule, context) {
        push(&mut steps, test);
    }
    for one in &rule.matches {
        steps.extend(matching(one, context));
    }
    if matches!(steps.last(), Some(Step::Test(Test::Never))) {
        return Rule { steps };
    }
    // Heads of chains are among the chains of the table, so that a name that is not there was not read from a kernel.
    let chain = |name: &str| chains.iter().position(|chain| chain.name == *name);
    let lost = || Action::Unknown("it jumps to a chain that is not there".into());
    let action = match &rule.target {
        legacy::Target::Accept => Action::Accept,
        legacy::Target::Drop => Action::Drop,
        legacy::Target::Return => Action::Return,
        legacy::Target::Queue => Action::Unknown("a program decides (QUEUE)".into()),
        legacy::Target::Continue => return Rule { steps },
        legacy::Target::Jump(name) => chain(name).map_or_else(lost, Action::Jump),
        legacy::Target::Goto(name) => chain(name).map_or_else(lost, Action::Goto),
        legacy::Target::Extension(one) => {
            steps.extend(target(one, context));
            return Rule { steps };
        }
        legacy::Target::Other(verdict) => Action::Unknown(format!("the verdict {verdict}").into()),
    };
    steps.push(Step::Then(action));
    Rule { steps }
}

/// A match. What is not a test, such as filling a list, is a step of its own.
pub(crate) fn matching(one: &Match, context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Match::Recent(recent) = one
        && recent.action == crate::facts::ruleset::xtables::RecentAction::Set
    {
        // It is filled whether the match then holds or, inverted, does not.
        steps.push(Step::Adds(sets::recent_name(&recent.name)));
        push(&mut steps, when(!recent.invert));
        return steps;
    }
    push(&mut steps, test(one, context));
    steps
}

fn push(steps: &mut Vec<Step>, test: Test) {
    match test {
        Test::Always => {}
        test => steps.push(Step::Test(test)),
    }
}

/// What a rule asks before its matches (ip_packet_match, ip6_packet_match).
fn header(rule: &legacy::Rule, context: &Context<'_>) -> Vec<Test> {
    let address = |field, address: &Option<Masked>| match address {
        None => Test::Always,
        Some(address) => masked(field, address, context),
    };
    let own = match context.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    };
    let mut tests = vec![
        match &rule.protocol {
            Some(protocol) => when((protocol.value == own) != protocol.invert),
            None => Test::Always,
        },
        // Only the first fragment of a packet has a header of TCP or UDP, and starts a connection.
        when(rule.fragments != Some(true)),
        match &rule.input {
            Some(interface) => xor(Test::In(interfaces::named(interface, context)), interface.invert),
            None => Test::Always,
        },
        match &rule.output {
            Some(interface) => interfaces::out(interface, context),
            None => Test::Always,
        },
        address(Field::Source, &rule.source),
        address(Field::Destination, &rule.destination),
    ];
    tests.extend(rule.strange.iter().map(Context::unknown));
    // One that never holds decides alone.
    if tests.contains(&Test::Never) { vec![Test::Never] } else { tests }
}

fn test(one: &Match, context: &Context<'_>) -> Test {
    match one {
        Match::Comment(_) => Test::Always,
        Match::Tcp { source, destination, flags, option } if context.protocol == Protocol::Tcp => all(vec![
            ports(Field::Free(Free::SourcePort), source),
            ports(Field::DestinationPort, destination),
            flags.as_ref().map_or(Test::Always, tcp_flags),
            // A sender is free to send any option.
            option.map_or(Test::Always, |_| Context::unknown("the options of TCP")),
        ]),
        Match::Udp { source, destination } if context.protocol == Protocol::Udp => all(vec![
            ports(Field::Free(Free::SourcePort), source),
            ports(Field::DestinationPort, destination),
        ]),
        // The kernel takes a rule with these only together with their protocol.
        Match::Tcp { .. } | Match::Udp { .. } | Match::Icmp(_) | Match::Icmp6(_) => Test::Never,
        Match::Multiport { side, ports, invert } => {
            let ranges: Ranges =
                ports.iter().map(|(first, last)| ((*first).into(), (*last).into())).collect();
            let ranges = Rc::new(ranges);
            let source = Test::Is(Field::Free(Free::SourcePort), Rc::clone(&ranges));
            let destination = Test::Is(Field::DestinationPort, ranges);
            let test = match side {
                Side::Source => source,
                Side::Destination => destination,
                Side::Either => Test::Any(vec![source, destination]),
            };
            xor(test, *invert)
        }
        Match::Conntrack(asked) => conntrack::test(asked, context),
        Match::State { states } => Test::State(*states),
        Match::Addrtype { .. } => interfaces::addrtype(one, context),
        Match::Set(asked) => sets::test(asked, context),
        Match::Limit { .. } | Match::Hashlimit(_) | Match::Quota { .. } | Match::Connlimit { .. } => {
            Test::Chance(one.name().into())
        }
        // Which processor takes a packet is not the sender's choice.
        Match::Cpu { .. } => Test::Chance("cpu".into()),
        Match::Statistic { probability, every, invert, .. } => match (probability, every) {
            (Some(0), _) => when(*invert),
            (Some(0x8000_0000..), _) | (None, 0) => when(!*invert),
            _ => Test::Chance("statistic".into()),
        },
        Match::Recent(asked) => recent(asked, context),
        Match::Iprange { source, destination } => all(vec![
            source.map_or(Test::Always, |range| between(Field::Source, &range)),
            destination.map_or(Test::Always, |range| between(Field::Destination, &range)),
        ]),
        Match::Mac { address, invert } => {
            let address = address.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
            let is = Test::Is(Field::Free(Free::SourceMac), Rc::new(Ranges::one(address)));
            // Frames of other devices have no such address, and then it does not hold, inverted or not.
            all(vec![Test::In(interfaces::ethernet(context)), xor(is, *invert)])
        }
        Match::Mark(asked) => mark(Field::Mark, asked),
        // Without a connection it does not hold, inverted or not.
        Match::Connmark(asked) => all(vec![tracked(), mark(Field::ConnectionMark, asked)]),
        Match::Owner { users, groups, socket, supplementary } => {
            // A packet from outside has no socket yet; then all that is asked has to be inverted.
            let spans = [users, groups].into_iter().flatten().all(|span| span.invert);
            when(spans && *socket != Some(false) && !*supplementary)
        }
        Match::Pkttype { kind, invert } => xor(packet_type(context, *kind), *invert),
        Match::Physdev(asked) => interfaces::physdev(asked, context),
        Match::Length { first, last, invert } => {
            let lengths = Ranges::range((*first).into(), (*last).into());
            xor(Test::Is(Field::Free(Free::Length), Rc::new(lengths)), *invert)
        }
        Match::Ttl(asked) | Match::Hl(asked) => {
            let value = u128::from(asked.value);
            let (ranges, invert) = match asked.mode {
                0 => (Ranges::one(value), false),
                1 => (Ranges::one(value), true),
                2 => (Ranges::range(0, 255).without(&Ranges::range(value, 255)), false),
                _ => (Ranges::range(value + 1, 255), false),
            };
            xor(Test::Is(Field::Free(Free::TimeToLive), Rc::new(ranges)), invert)
        }
        Match::Dscp { value, invert } => xor(traffic_class(value.wrapping_shl(2), 0xfc), *invert),
        Match::Tos { value, mask, invert } => xor(traffic_class(*value, *mask), *invert),
        Match::Socket { restore_mark: true, .. } => Context::unknown("the mark of a socket"),
        // Sockets on every address do not count unless asked for.
        Match::Socket { transparent, no_wildcard, .. } => all(vec![
            Test::Socket(Socket::Exists),
            if *no_wildcard { Test::Always } else { xor(Test::Socket(Socket::Wildcard), true) },
            if *transparent { Test::Socket(Socket::Transparent) } else { Test::Always },
        ]),
        Match::Rpfilter { .. } => interfaces::rpfilter(one, context),
        Match::Devgroup { source, destination } => interfaces::devgroup(source, destination, context),
        Match::Rt(asked) => routing_header(asked, context),
        // A new connection that nothing expected has no helper's connection above it.
        Match::Helper { invert, .. } => when(*invert),
        Match::Policy { .. } => Context::unknown("whether the packet came through IPsec"),
        Match::Other { name, .. } => Context::unknown(format!("-m {name}")),
    }
}

/// A connection that connection tracking knows.
/// PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, as the destination tells.
fn packet_type(context: &Context<'_>, kind: u32) -> Test {
    let to = |kind| match context.kind(kind) {
        Ok(found) => Test::Is(Field::Destination, found),
        Err(reason) => Test::Unknown(reason),
    };
    match kind {
        0 => xor(any(vec![to(BROADCAST), to(MULTICAST)]), true),
        1 => to(BROADCAST),
        2 => to(MULTICAST),
        _ => Test::Never,
    }
}

fn tracked() -> Test {
    Test::State(STATE_NEW | STATE_ESTABLISHED | STATE_RELATED)
}

fn when(holds: bool) -> Test {
    if holds { Test::Always } else { Test::Never }
}

fn xor(test: Test, invert: bool) -> Test {
    match (test, invert) {
        (test, false) => test,
        (Test::Always, true) => Test::Never,
        (Test::Never, true) => Test::Always,
        (Test::Not(test), true) => *test,
        (test, true) => Test::Not(Box::new(test)),
    }
}

fn all(mut tests: Vec<Test>) -> Test {
    tests.retain(|test| *test != Test::Always);
    if tests.contains(&Test::Never) {
        return Test::Never;
    }
    match (tests.pop(), tests.is_empty()) {
        (None, _) => Test::Always,
        (Some(test), true) => test,
        (Some(test), false) => {
            tests.push(test);
            Test::All(tests)
        }
    }
}

fn any(mut tests: Vec<Test>) -> Test {
    tests.retain(|test| *test != Test::Never);
    if tests.contains(&Test::Always) {
        return Test::Always;
    }
    match (tests.pop(), tests.is_empty()) {
        (None, _) => Test::Never,
        (Some(test), true) => test,
        (Some(test), false) => {
            tests.push(test);
            Test::Any(tests)
        }
    }
}

fn ports(field: Field, ports: &Ports) -> Test {
    let Ports { first, last, invert } = *ports;
    match (first, last) {
        (0, u16::MAX) => when(!invert),
        _ => xor(Test::Is(field, Rc::new(Ranges::range(first.into(), last.into()))), invert),
    }
}

fn tcp_flags(flags: &TcpFlags) -> Test {
    let ranges = Ranges::masked(flags.set.into(), flags.mask.into(), 8, 256).unwrap_or_default();
    xor(Test::Is(Field::Free(Free::TcpFlags), Rc::new(ranges)), flags.invert)
}

fn traffic_class(value: u8, mask: u8) -> Test {
    let ranges = Ranges::masked(value.into(), mask.into(), 8, 256).unwrap_or_default();
    Test::Is(Field::Free(Free::TrafficClass), Rc::new(ranges))
}

fn mark(field: Field, asked: &MarkMatch) -> Test {
    match Ranges::masked(asked.value.into(), asked.mask.into(), 32, HOLES) {
        Some(ranges) => xor(Test::Is(field, Rc::new(ranges)), asked.invert),
        None => xor(holes(field, asked.value.into(), asked.mask.into()), asked.invert),
    }
}

/// A test of single bits, where ranges would be too many.
fn holes(field: Field, value: u128, mask: u128) -> Test {
    if value & !mask == 0 { Test::Masked { field, value, mask } } else { Test::Never }
}

/// Ranges that a mask with holes may make.
const HOLES: usize = 1 << 12;

/// An address of the other family has no such bits, and is never the packet's.
fn masked(field: Field, asked: &Masked, context: &Context<'_>) -> Test {
    if IpFamily::of(asked.address) != context.family {
        return Test::Never;
    }
    match Ranges::masked(number(asked.address), number(asked.mask), context.family.bits(), HOLES) {
        Some(ranges) => xor(Test::Is(field, Rc::new(ranges)), asked.invert),
        None => xor(holes(field, number(asked.address), number(asked.mask)), asked.invert),
    }
}

fn between(field: Field, range: &AddressRange) -> Test {
    let ranges = Ranges::range(number(range.first), number(range.last));
    xor(Test::Is(field, Rc::new(ranges)), range.invert)
}

fn recent(asked: &Recent, context: &Context<'_>) -> Test {
    // How often and when a source came before is not kept with its address.
    if asked.seconds != 0 || asked.hits > 1 || asked.same_ttl {
        return Test::Chance("recent".into());
    }
    let field = if asked.destination { Field::Destination } else { Field::Source };
    let known =
        sets::recent(asked, context).map_or_else(Context::unknown, |ranges| Test::Is(field, Rc::new(ranges)));
    let listed = any(vec![Test::Added(sets::recent_name(&asked.name)), known]);
    let listed = match context.filled_recents().contains(&asked.name) {
        true => context.filled_by_rules(listed, &asked.name),
        false => listed,
    };
    xor(listed, asked.invert)
}

/// A sender is free to add one (rt_mt6). It stands where the fixed header says that it comes next.
fn routing_header(asked: &crate::facts::ruleset::xtables::RoutingHeader, context: &Context<'_>) -> Test {
    if context.family == IpFamily::V4 {
        return Test::Never;
    }
    if asked.segments.is_some() || asked.length.is_some() || asked.more != 0 {
        return all(vec![
            header_byte(NEXT_HEADER, Ranges::one(43)),
            Context::unknown("what a routing header says"),
        ]);
    }
    let kind = match &asked.kind {
        None => Test::Always,
        Some(kind) => {
            xor(header_byte(ROUTING_TYPE, Ranges::range(kind.first.into(), kind.last.into())), kind.invert)
        }
    };
    all(vec![header_byte(NEXT_HEADER, Ranges::one(43)), kind])
}

/// Places in the header of IPv6, and in a routing header that follows it.
const NEXT_HEADER: u16 = 6;
const ROUTING_TYPE: u16 = 42;

fn header_byte(offset: u16, values: Ranges) -> Test {
    Test::Is(Field::Free(Free::Bytes(1, offset, 1)), Rc::new(values))
}

/// A whole address, or the part that a mask leaves.
fn under(address: IpAddr, mask: Option<IpAddr>, context: &Context<'_>) -> Option<Ranges> {
    let bits = context.family.bits();
    let mask = mask.map_or(super::ranges::largest(bits), number);
    Ranges::masked(number(address) & mask, mask, bits, HOLES)
}

#[cfg(test)]
mod tests;
