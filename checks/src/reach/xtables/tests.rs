//! What each match and target becomes.

mod matches;
mod rules;
mod sets;

use super::*;
use crate::facts::network::{Interface, Network, Prefix, Route};
use crate::facts::ruleset::ipset::{Element, IpSet, Part};
use crate::facts::ruleset::xtables::{
    ConnmarkMode, Conntrack, CtTarget, HopCount, NatRange, Number, Physdev, RecentAction, RoutingHeader,
    SetKey, SetMatch, SetTarget, Span, Target, conntrack_flag,
};
use crate::facts::ruleset::{RecentList, Ruleset};
use crate::gap::{Gap, Reading};
use crate::reach::program::{Rewrite, STATE_UNTRACKED};

fn network() -> Network {
    let interface = |index, name: &str, kind: &str, hardware, group| Interface {
        index,
        name: name.to_owned(),
        up: true,
        kind: kind.to_owned(),
        hardware,
        group,
        loopback: name == "lo",
        ..Interface::default()
    };
    let route = |to: &str, table, kind, through| Route {
        to: prefix(to),
        from: None,
        table,
        kind,
        tos: 0,
        metric: 0,
        through: vec![through],
        alive: true,
    };
    Network {
        interfaces: vec![
            interface(1, "lo", "", 772, 0),
            interface(2, "eth0", "", 1, 7),
            interface(3, "eth1", "", 1, 0),
            interface(4, "br0", "bridge", 1, 0),
        ],
        routes: Reading::Known(vec![
            route("127.0.0.0/8", 255, 2, 1),
            route("192.0.2.1/32", 255, 2, 2),
            route("192.0.2.255/32", 255, 3, 2),
            route("192.0.2.0/24", 254, 1, 2),
            route("0.0.0.0/0", 254, 1, 3),
            route("2001:db8::1/128", 255, 2, 2),
            route("::/0", 254, 1, 3),
        ]),
        rules: Reading::Known(Vec::new()),
        ..Network::default()
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
}

fn with<T>(ruleset: Ruleset, family: IpFamily, look: impl FnOnce(&Context<'_>) -> T) -> T {
    let network = network();
    look(&Context::new(family, Protocol::Tcp, &network, &ruleset))
}

/// The test that a match becomes for a packet of TCP over IPv4.
fn of(one: Match) -> Test {
    with(Ruleset::default(), IpFamily::V4, |context| test(&one, context))
}

fn is(field: Field, first: u128, last: u128) -> Test {
    Test::Is(field, Rc::new(Ranges::range(first, last)))
}

fn not(test: Test) -> Test {
    Test::Not(Box::new(test))
}

const ANY_PORT: Ports = Ports { first: 0, last: 65535, invert: false };

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn masked_by(text: &str, mask: &str, invert: bool) -> Masked {
    Masked { address: address(text), mask: address(mask), invert }
}

fn plain(target: legacy::Target) -> legacy::Rule {
    legacy::Rule {
        source: None,
        destination: None,
        input: None,
        output: None,
        protocol: None,
        fragments: None,
        strange: Vec::new(),
        matches: Vec::new(),
        target,
    }
}

fn key(source: &[bool]) -> SetKey {
    SetKey { index: 3, name: None, source: source.to_vec() }
}
