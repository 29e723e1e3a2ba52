//! Screen sharing behind pf, and before it.

use super::super::firewall::tests::filter;
use super::super::tests::facts;
use super::*;
use crate::check::Verdict;
use crate::facts::mac::listeners::Listener;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::mac::services::{Override, Overrides, Service};
use crate::gap::Reading::{self, Known};

const REFUSED: &str = "block drop in quick on ! lo0 proto tcp from any to any port = 5900";

fn mac(loaded: bool, listeners: &[(u16, &str)], filter: PacketFilter) -> Mac {
    let listener = |(port, address): &(u16, &str)| Listener {
        port: *port,
        address: (*address).to_owned(),
        process: Some("launchd".into()),
        ..Listener::default()
    };
    Mac {
        screen_sharing: Known(Service { loaded, state: None }),
        overrides: Known(Overrides::default()),
        remote_management: Known(false),
        screen_sharing_ports: Known(vec![5900]),
        listeners: Known(listeners.iter().map(listener).collect()),
        packet_filter: Known(filter),
        ..Mac::default()
    }
}

fn verdict(mac: Mac) -> Verdict {
    tunnelled(&facts(mac)).map_or(Verdict::Unknown, |judgement| judgement.verdict())
}

#[test]
fn off_needs_no_filter() {
    let denied = Reading::Gap(Gap::denied("pf"));
    let off = Mac { packet_filter: denied.clone(), ..mac(false, &[(22, "*")], filter("")) };
    assert_eq!(verdict(off.clone()), Verdict::Pass);
    let tunnel = Mac { packet_filter: denied.clone(), ..mac(false, &[(5900, "127.0.0.1")], filter("")) };
    assert_eq!(verdict(tunnel), Verdict::Pass, "the local end of somebody's tunnel");
    let claimed = Mac { packet_filter: denied.clone(), ..mac(true, &[(5900, "127.0.0.1")], filter("")) };
    assert_eq!(verdict(claimed), Verdict::Unknown, "launchd never listens on the loopback alone");
    let foreign = Mac { packet_filter: denied, ..mac(false, &[(5900, "*")], filter("")) };
    assert_eq!(verdict(foreign), Verdict::Unknown, "somebody's own VNC server, and no root to see pf");
    let at_boot = Overrides { screen_sharing: Override::Enabled, ..Overrides::default() };
    assert_eq!(
        verdict(Mac { overrides: Known(at_boot), packet_filter: Known(filter("")), ..off.clone() }),
        Verdict::Fail
    );
    assert_eq!(verdict(Mac { listeners: Reading::default(), ..off }), Verdict::Unknown);
}

#[test]
fn on_passes_only_behind_a_rule_that_holds_for_all() {
    let on = |rules: &str| verdict(mac(true, &[(5900, "*")], filter(rules)));
    assert_eq!(on(REFUSED), Verdict::Pass);
    assert_eq!(on("block drop in all\npass in proto tcp from any to any port = 22"), Verdict::Pass);
    assert_eq!(on("anchor \"com.apple/*\" all"), Verdict::Fail);
    assert_eq!(on("block drop in all\npass in proto tcp from any to any port = 5900"), Verdict::Fail);
    let provider = "block drop in on en0 proto tcp from any to any port = 5900\n\
        pass in on en0 proto tcp from 203.0.113.80 to any port = 5900 flags S/SA keep state";
    assert_eq!(on(provider), Verdict::Fail, "an address that is let in needs no tunnel");
    assert_eq!(on("block drop in on en0 proto tcp from any to any port = 5900"), Verdict::Unknown);
    assert_eq!(on(&REFUSED.replace("lo0 proto", "lo0 inet proto")), Verdict::Unknown, "IPv6 stays open");
    assert_eq!(on(&format!("pass in quick tagged X\n{REFUSED}")), Verdict::Unknown);
}

#[test]
fn a_rule_counts_only_while_pf_looks() {
    let with = |change: fn(&mut PacketFilter)| {
        let mut filter = filter(REFUSED);
        change(&mut filter);
        verdict(mac(true, &[(5900, "*")], filter))
    };
    assert_eq!(with(|filter| filter.enabled = false), Verdict::Fail);
    assert_eq!(with(|filter| filter.skipped.push("en0".into())), Verdict::Fail);
    assert_eq!(with(|filter| filter.redirects_past_rules.push("main".into())), Verdict::Unknown);
}

#[test]
fn the_port_may_be_another_and_idle() {
    let moved =
        Mac { screen_sharing_ports: Known(vec![51_900]), ..mac(true, &[(51_900, "*")], filter(REFUSED)) };
    let judgement = tunnelled(&facts(moved)).unwrap();
    assert_eq!(judgement.findings[0].subject, "port 51900");
    assert_eq!(
        verdict(mac(true, &[], filter(REFUSED))),
        Verdict::Pass,
        "judged by the port that it would open"
    );
    assert_eq!(verdict(mac(true, &[], filter(""))), Verdict::Fail);
    let remote = Mac { remote_management: Known(true), ..mac(false, &[(3283, "*")], filter(REFUSED)) };
    assert_eq!(verdict(remote), Verdict::Fail);
}
