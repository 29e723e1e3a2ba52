//! What questions of lists and sets of addresses become.

use super::*;

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
    // By and by a list has whom a rule puts there; without such a rule it stays as it is.
    let sets =
        legacy::Rule { matches: vec![asked(RecentAction::Set, 0, false)], ..plain(legacy::Target::Continue) };
    for (rules, lasting) in [(vec![sets], true), (Vec::new(), false)] {
        let chain = Chain { name: "INPUT".into(), base: None, rules };
        let tables = vec![legacy::Table { name: "filter".into(), chains: vec![chain] }];
        let ruleset = Ruleset { legacy_ipv6: Reading::Known(tables), ..known() };
        let network = network();
        let context = Context::new(IpFamily::V4, Protocol::Tcp, &network, &ruleset).lasting();
        let test = test(&asked(RecentAction::Check, 0, false), &context);
        assert_eq!(format!("{test:?}").contains("Chance"), lasting, "{test:?}");
    }
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
