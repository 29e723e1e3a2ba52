//! What each match and target becomes.

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

fn compiled(rule: &legacy::Rule) -> Vec<Step> {
    let chain = |name: &str| Chain { name: name.to_owned(), base: None, rules: Vec::new() };
    with(Ruleset::default(), IpFamily::V4, |context| {
        entry(rule, &[chain("INPUT"), chain("mine")], context).steps
    })
}

#[test]
fn a_rule_asks_its_header_then_its_matches_and_then_acts() {
    let rule = legacy::Rule {
        source: Some(masked_by("10.0.0.0", "255.0.0.0", false)),
        protocol: Some(Number { value: 6, invert: false }),
        input: Some(crate::facts::ruleset::xtables::Interface {
            name: "eth".into(),
            wildcard: true,
            invert: false,
        }),
        matches: vec![Match::Tcp {
            source: ANY_PORT,
            destination: Ports { first: 22, last: 22, invert: false },
            flags: None,
            option: None,
        }],
        ..plain(legacy::Target::Jump("mine".into()))
    };
    let wanted = [
        Step::Test(Test::In(0b110)),
        Step::Test(is(Field::Source, 0x0a00_0000, 0x0aff_ffff)),
        Step::Test(is(Field::DestinationPort, 22, 22)),
        Step::Then(Action::Jump(1)),
    ];
    assert_eq!(compiled(&rule), wanted);
    let udp = legacy::Rule { protocol: Some(Number { value: 17, invert: false }), ..rule.clone() };
    assert_eq!(compiled(&udp).first(), Some(&Step::Test(Test::Never)));
    let others =
        legacy::Rule { protocol: Some(Number { value: 17, invert: true }), ..plain(legacy::Target::Drop) };
    assert_eq!(compiled(&others), [Step::Then(Action::Drop)]);
    let fragments = legacy::Rule { fragments: Some(true), ..plain(legacy::Target::Drop) };
    assert_eq!(compiled(&fragments).first(), Some(&Step::Test(Test::Never)));
    // An inverted test of no bits holds for no packet.
    let none =
        legacy::Rule { source: Some(masked_by("0.0.0.0", "0.0.0.0", true)), ..plain(legacy::Target::Accept) };
    assert_eq!(compiled(&none).first(), Some(&Step::Test(not(is(Field::Source, 0, u128::from(u32::MAX))))));
    assert!(matches!(
        compiled(&plain(legacy::Target::Goto("gone".into())))[..],
        [Step::Then(Action::Unknown(_))]
    ));
    let strange = legacy::Rule { strange: vec!["flags".into()], ..plain(legacy::Target::Accept) };
    assert!(matches!(compiled(&strange).first(), Some(Step::Test(Test::Unknown(_)))));
}

#[test]
fn ports_flags_and_other_fields() {
    let ports = Ports { first: 1, last: 5, invert: true };
    let flags = TcpFlags { mask: 0x17, set: 0x02, invert: false };
    let Test::All(tests) =
        of(Match::Tcp { source: ports, destination: ANY_PORT, flags: Some(flags), option: None })
    else {
        panic!()
    };
    assert_eq!(tests.first(), Some(&not(is(Field::Free(Free::SourcePort), 1, 5))));
    let Some(Test::Is(Field::Free(Free::TcpFlags), values)) = tests.last() else { panic!() };
    assert!(values.contains(0x02) && values.contains(0xc2) && !values.contains(0x12));
    assert_eq!(of(Match::Udp { source: ANY_PORT, destination: ANY_PORT }), Test::Never);
    assert_eq!(
        of(Match::Multiport { side: Side::Destination, ports: vec![(80, 80), (443, 444)], invert: true }),
        not(Test::Is(Field::DestinationPort, Rc::new([(80, 80), (443, 444)].into_iter().collect())))
    );
    assert_eq!(of(Match::Ttl(HopCount { mode: 2, value: 5 })), is(Field::Free(Free::TimeToLive), 0, 4));
    assert_eq!(
        of(Match::Ttl(HopCount { mode: 3, value: 255 })),
        Test::Is(Field::Free(Free::TimeToLive), Rc::default())
    );
    assert_eq!(
        of(Match::Mark(MarkMatch { value: 1, mask: u32::MAX, invert: true })),
        not(is(Field::Mark, 1, 1))
    );
    let Test::Is(_, class) = of(Match::Dscp { value: 0x2e, invert: false }) else { panic!() };
    assert_eq!(class.as_slice(), [(0xb8, 0xbb)]);
    // A frame that is not of Ethernet has no address to differ from.
    assert_eq!(
        of(Match::Mac { address: [2, 0, 0, 0, 0, 1], invert: true }),
        Test::All(vec![
            Test::In(0b1110),
            not(is(Field::Free(Free::SourceMac), 0x0200_0000_0001, 0x0200_0000_0001))
        ])
    );
    let range = AddressRange { first: address("192.0.2.1"), last: address("192.0.2.9"), invert: false };
    assert_eq!(
        of(Match::Iprange { source: Some(range), destination: None }),
        is(Field::Source, 0xc000_0201, 0xc000_0209)
    );
}

#[test]
fn what_no_packet_from_outside_has() {
    let owner = |users, socket| of(Match::Owner { users, groups: None, socket, supplementary: false });
    let span = |invert| Some(Span { first: 0, last: 0, invert });
    assert_eq!(owner(span(false), None), Test::Never);
    assert_eq!(owner(span(true), None), Test::Always);
    assert_eq!(owner(span(true), Some(false)), Test::Never);
    assert_eq!(owner(None, Some(true)), Test::Always);
    let many = is(Field::Destination, 0xe000_0000, 0xefff_ffff);
    assert_eq!(of(Match::Pkttype { kind: 2, invert: false }), many);
    assert_eq!(of(Match::Pkttype { kind: 3, invert: false }), Test::Never);
    assert_eq!(of(Match::Helper { name: "ftp".into(), invert: false }), Test::Never);
    // Only what comes in through a bridge may know a port of it.
    let Test::Any(ways) = of(Match::Physdev(Physdev { is_in: Some(true), ..Physdev::default() })) else {
        panic!()
    };
    assert_eq!(ways.last(), Some(&not(Test::In(0b1000))));
    let Test::All(only) = of(Match::Physdev(Physdev { is_in: Some(false), ..Physdev::default() })) else {
        panic!()
    };
    assert_eq!(only.first(), Some(&Test::In(0b1000)));
}

#[test]
fn the_state_of_a_connection() {
    let conntrack = |asked, states, inverted| {
        of(Match::Conntrack(Box::new(Conntrack { asked, states, inverted, ..Conntrack::default() })))
    };
    assert_eq!(conntrack(1, 8, 0), Test::State(STATE_NEW));
    assert_eq!(conntrack(1, 8, 1), not(Test::State(STATE_NEW)));
    assert_eq!(conntrack(1, 256, 0), Test::State(STATE_UNTRACKED));
    assert_eq!(conntrack(1, 128, 0), Test::DestinationRewritten);
    // With the state asked, a packet without a connection passes by the rest.
    let both = conntrack(1 | conntrack_flag::DIRECTION, 9, 0);
    assert_eq!(both, Test::State(9));
    let reply = conntrack(1 | conntrack_flag::DIRECTION, 9, conntrack_flag::DIRECTION);
    assert_eq!(reply, Test::All(vec![Test::State(9), not(tracked())]));
    // Without it, nothing holds for a packet without a connection.
    assert_eq!(conntrack(conntrack_flag::DIRECTION, 0, 0), tracked());
    assert_eq!(conntrack(conntrack_flag::STATUS, 0, 0), Test::Never);
    assert_eq!(conntrack(conntrack_flag::STATUS, 0, conntrack_flag::STATUS), tracked());
    let original = Conntrack {
        asked: conntrack_flag::ORIGINAL_DESTINATION_PORT,
        original_destination_port: Some(Ports { first: 80, last: 80, invert: false }),
        ..Conntrack::default()
    };
    assert_eq!(
        of(Match::Conntrack(Box::new(original))),
        Test::All(vec![tracked(), is(Field::OriginalDestinationPort, 80, 80)])
    );
}

#[test]
fn kinds_of_addresses() {
    let addrtype = |destination, limit_in| Match::Addrtype {
        source: 0,
        invert_source: false,
        destination,
        invert_destination: false,
        limit_in,
        limit_out: false,
    };
    let at = |test: &Test, text: &str| match test {
        Test::Is(Field::Destination, values) => values.contains(number(address(text))),
        other => panic!("{other:?}"),
    };
    let local = of(addrtype(1 << 2, false));
    assert!(at(&local, "192.0.2.1") && at(&local, "127.9.9.9") && !at(&local, "192.0.2.2"));
    let broadcast = of(addrtype(1 << 3, false));
    assert!(at(&broadcast, "192.0.2.255") && at(&broadcast, "255.255.255.255") && at(&broadcast, "0.0.0.1"));
    // The main table is not asked: a network that is unreachable there is unicast all the same.
    let unicast = of(addrtype(1 << 1, false));
    assert!(at(&unicast, "203.0.113.9") && !at(&unicast, "224.0.0.1") && !at(&unicast, "192.0.2.1"));
    let Test::Any(ways) = of(addrtype(1 << 2, true)) else { panic!() };
    let Some(Test::All(on_eth0)) = ways.get(1) else { panic!() };
    assert_eq!(on_eth0[0], Test::In(0b10));
    assert!(at(&on_eth0[1], "192.0.2.1") && !at(&on_eth0[1], "127.0.0.1"));
    let six = with(Ruleset::default(), IpFamily::V6, |context| test(&addrtype(1 << 2, false), context));
    assert!(at(&six, "2001:db8::1") && !at(&six, "2001:db8::2"));
}

#[test]
fn the_way_back() {
    let rpfilter = |loose, invert| Match::Rpfilter { loose, valid_mark: false, accept_local: false, invert };
    let Test::Any(ways) = of(rpfilter(false, false)) else { panic!() };
    let Some(Test::All(eth0)) = ways.get(1) else { panic!() };
    let Test::Is(Field::Source, back) = &eth0[1] else { panic!() };
    assert!(back.contains(0xc000_0209) && !back.contains(0xcb00_7109));
    // Its own addresses do not come from outside, unless that is asked for.
    assert!(!back.contains(0xc000_0201));
    let Test::Any(ways) = of(rpfilter(true, true)) else { panic!() };
    // The loopback always passes, and so never when inverted.
    assert_eq!(ways.len(), 3);
}

#[test]
fn chance_and_what_is_not_understood() {
    assert_eq!(of(Match::Limit { interval: 1, burst: 5 }), Test::Chance("limit".into()));
    let statistic =
        |probability, every| of(Match::Statistic { probability, every, packet: 0, invert: false });
    assert_eq!(statistic(Some(0x8000_0000), 0), Test::Always);
    assert_eq!(statistic(Some(0), 0), Test::Never);
    assert_eq!(statistic(Some(5), 0), Test::Chance("statistic".into()));
    assert_eq!(statistic(None, 0), Test::Always);
    assert_eq!(of(Match::Other { name: "u32".into(), revision: 0 }), Test::Unknown("-m u32".into()));
    let header = RoutingHeader { kind: None, segments: None, length: None, more: 0 };
    assert_eq!(of(Match::Rt(header.clone())), Test::Never);
    let six = with(Ruleset::default(), IpFamily::V6, |context| test(&Match::Rt(header), context));
    assert_eq!(six, is(Field::Free(Free::Bytes(1, 6, 1)), 43, 43));
}

fn list(name: &str, addresses: Reading<Vec<IpAddr>>) -> Ruleset {
    Ruleset { recent: vec![RecentList { name: name.into(), addresses }], ..Ruleset::default() }
}

#[test]
fn lists_of_recent_sources() {
    let asked = |action, hits, invert| {
        Match::Recent(Recent {
            name: "SSH".into(),
            action,
            destination: false,
            invert,
            seconds: 0,
            hits,
            same_ttl: false,
            reap: false,
            mask: Some(address("255.255.255.255")),
        })
    };
    let on = |ruleset, one: Match| with(ruleset, IpFamily::V4, |context| matching(&one, context));
    let known = || list("SSH", Reading::Known(vec![address("192.0.2.7"), address("2001:db8::7")]));
    let adds = Step::Adds("recent SSH".into());
    assert_eq!(on(known(), asked(RecentAction::Set, 0, false)), std::slice::from_ref(&adds));
    assert_eq!(on(known(), asked(RecentAction::Set, 0, true)), [adds, Step::Test(Test::Never)]);
    let member =
        Test::Any(vec![Test::Added("recent SSH".into()), is(Field::Source, 0xc000_0207, 0xc000_0207)]);
    assert_eq!(on(known(), asked(RecentAction::Check, 0, false)), [Step::Test(member.clone())]);
    assert_eq!(on(known(), asked(RecentAction::Remove, 1, true)), [Step::Test(not(member))]);
    assert_eq!(
        on(known(), asked(RecentAction::Update, 4, false)),
        [Step::Test(Test::Chance("recent".into()))]
    );
    let gap = list("SSH", Reading::Gap(Gap::denied("the list")));
    let [Step::Test(Test::Any(ways))] = &on(gap, asked(RecentAction::Check, 0, false))[..] else { panic!() };
    assert!(matches!(ways.last(), Some(Test::Unknown(_))));
}

fn set(kind: &str, elements: Vec<(Vec<Part>, bool)>) -> IpSet {
    let elements = elements.into_iter().map(|(parts, nomatch)| Element { parts, nomatch }).collect();
    IpSet {
        name: "mine".into(),
        index: 3,
        kind: kind.into(),
        ipv6: Some(false),
        length: None,
        mark_mask: None,
        elements: Reading::Known(elements),
    }
}

fn key(source: &[bool]) -> SetKey {
    SetKey { index: 3, name: None, source: source.to_vec() }
}

/// What a set becomes, without what rules add to it.
fn member_of(sets: Vec<IpSet>, source: &[bool], return_nomatch: bool) -> Test {
    let ruleset = Ruleset { ipsets: Reading::Known(sets), ..Ruleset::default() };
    let asked =
        SetMatch { set: key(source), invert: false, return_nomatch, skip: 0, packets: None, bytes: None };
    match with(ruleset, IpFamily::V4, |context| test(&Match::Set(asked), context)) {
        Test::Any(mut ways) => {
            assert_eq!(ways.pop(), Some(Test::Added("ipset 3".into())));
            any(ways)
        }
        Test::Added(_) => Test::Never,
        other => panic!("{other:?}"),
    }
}

/// Whether a test of sources alone holds.
fn holds(test: &Test, source: &str) -> bool {
    match test {
        Test::Is(Field::Source, values) => values.contains(number(address(source))),
        Test::All(tests) => tests.iter().all(|test| holds(test, source)),
        Test::Any(tests) => tests.iter().any(|test| holds(test, source)),
        Test::Not(test) => !holds(test, source),
        Test::Always => true,
        Test::Never => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sets_of_addresses_and_networks() {
    let net = |text| vec![Part::Network(prefix(text))];
    let networks = || {
        set(
            "hash:net",
            vec![
                (net("10.0.0.0/8"), false),
                (net("10.1.0.0/16"), true),
                (net("10.1.2.0/24"), false),
                (net("192.0.2.7/32"), false),
            ],
        )
    };
    let test = member_of(vec![networks()], &[true], false);
    for (source, wanted) in [
        ("10.9.9.9", true),
        ("10.1.9.9", false),
        ("10.1.2.9", true),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
    ] {
        assert_eq!(holds(&test, source), wanted, "{source}");
    }
    let exceptions = member_of(vec![networks()], &[true], true);
    assert!(
        holds(&exceptions, "10.1.9.9") && !holds(&exceptions, "10.1.2.9") && !holds(&exceptions, "10.9.9.9")
    );
    let masked = IpSet { length: Some(24), ..set("hash:ip", vec![(net("198.51.100.0/32"), false)]) };
    assert!(holds(&member_of(vec![masked], &[true], false), "198.51.100.9"));
    let six = IpSet { ipv6: Some(true), ..networks() };
    assert_eq!(member_of(vec![six], &[true], false), Test::Never);
    let gap = IpSet { elements: Reading::Gap(Gap::unsupported("what")), ..networks() };
    assert!(matches!(member_of(vec![gap], &[true], false), Test::Unknown(_)));
    assert!(matches!(member_of(Vec::new(), &[true], false), Test::Unknown(_)));
    let lists =
        IpSet { name: "list".into(), ..set("list:set", vec![(vec![Part::Set("other".into())], false)]) };
    let other = IpSet { name: "other".into(), index: 4, ..networks() };
    assert!(holds(&member_of(vec![lists, other], &[true], false), "10.9.9.9"));
}

/// A source that a rule lets into a set by knocking will be in it, if not yet.
#[test]
fn sets_that_rules_fill() {
    let add = SetTarget { add: Some(key(&[true])), delete: None, map: None, timeout: None, flags: 0 };
    let rule = plain(legacy::Target::Extension(Target::Set(Box::new(add))));
    let chain = Chain { name: "INPUT".into(), base: None, rules: vec![rule] };
    let table = legacy::Table { name: "filter".into(), chains: vec![chain] };
    let empty = || set("hash:ip", Vec::new());
    let list = IpSet {
        name: "list".into(),
        index: 9,
        ..set("list:set", vec![(vec![Part::Set(empty().name)], false)])
    };
    let asked = |index| {
        let set = SetKey { index, ..key(&[true]) };
        Match::Set(SetMatch {
            set,
            invert: false,
            return_nomatch: false,
            skip: 0,
            packets: None,
            bytes: None,
        })
    };
    let chance =
        |test: &Test| matches!(test, Test::Any(ways) if matches!(ways.last(), Some(Test::Chance(_))));
    for (index, rules, lasting) in [(3, true, true), (9, true, true), (3, false, false)] {
        let tables = if rules { vec![table.clone()] } else { Vec::new() };
        let sets = Reading::Known(vec![empty(), list.clone()]);
        let ruleset = Ruleset { ipsets: sets, legacy_ipv4: Reading::Known(tables), ..Ruleset::default() };
        let network = network();
        let context = || Context::new(IpFamily::V4, Protocol::Tcp, &network, &ruleset);
        assert_eq!(chance(&test(&asked(index), &context().lasting())), lasting, "{index} {rules}");
        assert!(!chance(&test(&asked(index), &context())), "{index} {rules}");
    }
}

#[test]
fn sets_of_several_dimensions() {
    let parts =
        |net, port, protocol| vec![Part::Network(prefix(net)), Part::Port { protocol: Some(protocol), port }];
    let ports = || {
        set(
            "hash:net,port",
            vec![
                (parts("192.0.2.0/24", 22, 6), false),
                (parts("198.51.100.0/24", 22, 6), false),
                (parts("10.0.0.0/8", 53, 17), false),
            ],
        )
    };
    // Elements that differ in the address alone are one test; those of UDP hold for no packet of TCP.
    let both: Ranges = [(0xc000_0200, 0xc000_02ff), (0xc633_6400, 0xc633_64ff)].into_iter().collect();
    assert_eq!(
        member_of(vec![ports()], &[true, false], false),
        Test::All(vec![Test::Is(Field::Source, Rc::new(both)), is(Field::DestinationPort, 22, 22)])
    );
    // With fewer dimensions than it has there is no key.
    assert_eq!(member_of(vec![ports()], &[true], false), Test::Never);
    let interface = Part::Interface { name: "eth".into(), wildcard: true, physical: false };
    let faces = set("hash:net,iface", vec![(vec![Part::Network(prefix("10.0.0.0/8")), interface], false)]);
    assert_eq!(
        member_of(vec![faces], &[true, true], false),
        Test::All(vec![is(Field::Source, 0x0a00_0000, 0x0aff_ffff), Test::In(0b110)])
    );
    let bitmap = IpSet {
        ipv6: None,
        ..set("bitmap:port", vec![(vec![Part::Port { protocol: None, port: 7 }], false)])
    };
    assert_eq!(member_of(vec![bitmap], &[false], false), is(Field::DestinationPort, 7, 7));
}

#[test]
fn targets() {
    let on = |one: Target| with(Ruleset::default(), IpFamily::V4, |context| target(&one, context));
    let then = |action| [Step::Then(action)];
    assert_eq!(on(Target::Reject { with: 3, ipv6: false }), then(Action::Reject));
    assert_eq!(on(Target::Log { level: 4, flags: 0, prefix: String::new() }), []);
    assert_eq!(on(Target::Mark { value: 1, mask: 0xff }), [Step::SetMark { and: !0xff, xor: 1 }]);
    let connmark =
        |mode, mask, packet_mask, shift| on(Target::Connmark { mode, value: 5, mask, packet_mask, shift });
    assert_eq!(connmark(ConnmarkMode::Set, 15, 0, 0), [Step::SetConnectionMark { and: !15, xor: 5 }]);
    assert_eq!(connmark(ConnmarkMode::Save, 15, 15, 0), [Step::SaveMark { mask: 15 }]);
    assert_eq!(connmark(ConnmarkMode::Save, 15, 7, 0), [Step::ForgetConnectionMark]);
    assert_eq!(connmark(ConnmarkMode::Restore, 15, 15, 3), [Step::ForgetMark]);
    let ct = |notrack| on(Target::Ct(Box::new(CtTarget { notrack, ..CtTarget::default() })));
    assert_eq!((ct(true), ct(false)), (vec![Step::Untrack], vec![]));
    let range = NatRange {
        flags: 3,
        addresses: Some((address("192.0.2.5"), address("192.0.2.5"))),
        ports: Some((80, 80)),
        base: None,
    };
    let rewrite = Rewrite { addresses: Some((0xc000_0205, 0xc000_0205)), ports: Some((80, 80)) };
    assert_eq!(on(Target::Dnat(range.clone())), then(Action::Destination(vec![rewrite])));
    assert_eq!(on(Target::Redirect(range.clone())), then(Action::Redirect(Some((80, 80)))));
    assert_eq!(on(Target::Masquerade(NatRange::default())), then(Action::Source));
    let moved = NatRange { base: Some(8080), ..range };
    assert!(matches!(on(Target::Dnat(moved))[..], [Step::Then(Action::Unknown(_))]));
    let add = SetTarget { add: Some(key(&[true])), delete: None, map: None, timeout: None, flags: 0 };
    assert_eq!(on(Target::Set(Box::new(add))), [Step::Adds("ipset 3".into())]);
    let queue = Target::Nfqueue { first: 0, count: 1, bypass: true, fanout: false };
    assert!(matches!(on(queue)[..], [Step::Then(Action::Unknown(_))]));
    assert_eq!(on(Target::Other { name: "AUDIT".into(), revision: 0 }), []);
    assert!(matches!(
        on(Target::Other { name: "new".into(), revision: 0 })[..],
        [Step::Then(Action::Unknown(_))]
    ));
}

/// A rewritten TTL is forgotten only where some rule asks for it.
#[test]
fn a_rewritten_header_matters_to_rules_that_ask_it() {
    let ttl = Target::Ttl { mode: 0, value: 64 };
    let asks = legacy::Rule {
        matches: vec![Match::Ttl(HopCount { mode: 0, value: 64 })],
        ..plain(legacy::Target::Drop)
    };
    let chain = Chain { name: "INPUT".into(), base: None, rules: vec![asks] };
    let table = legacy::Table { name: "filter".into(), chains: vec![chain] };
    let ruleset = Ruleset { legacy_ipv4: Reading::Known(vec![table]), ..Ruleset::default() };
    let steps = with(ruleset, IpFamily::V4, |context| target(&ttl, context));
    assert!(matches!(steps[..], [Step::ForgetPacket(_)]));
    assert_eq!(with(Ruleset::default(), IpFamily::V4, |context| target(&ttl, context)), []);
}
