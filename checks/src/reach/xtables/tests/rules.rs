//! What whole rules and their targets become.

use super::*;

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
