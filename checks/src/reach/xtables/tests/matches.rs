//! What matches that ask the packet, its connection or its way become.

use super::*;

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
