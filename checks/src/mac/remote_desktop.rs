//! Whether the screen can be reached without a tunnel: `remote-desktop-tunnelled` on macOS.

use std::collections::BTreeSet;

use super::firewall::{self, reach};
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::facts::mac::listeners::Listener;
use crate::facts::mac::services::Override;
use crate::gap::Gap;

/// The port of RFB 3.8, unless /etc/services says another.
const SCREEN_SHARING: u16 = 5900;
/// The port of Apple Remote Desktop.
const REMOTE_MANAGEMENT: u16 = 3283;

/// Whether screen sharing is off, or refused to everyone who comes in over a network. launchd holds its socket on every
/// address, so that only pf can keep it behind a tunnel.
pub(crate) fn tunnelled(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let label = Evidence::of("launchctl print system/com.apple.screensharing");
    let at_boot = mac.overrides.known()?.screen_sharing == Override::Enabled;
    let on = mac.screen_sharing.known()?.loaded || at_boot || *mac.remote_management.known()?;
    let ports = ports(mac, on)?;
    if ports.is_empty() {
        let message =
            if on { "screen sharing listens on the loopback only" } else { "screen sharing is off" };
        judgement.observe(message, [label]);
        return Ok(judgement);
    }
    let filter = mac.packet_filter.known()?;
    let password = mac.vnc_password.value() == Some(&true);
    for port in ports {
        let mut open = |message: String, place: Evidence| {
            let finding = Finding::new(format!("port {port}"), message, place);
            judgement.fail(if password {
                finding.and(
                    Evidence::of("/Library/Preferences/com.apple.VNCSettings.txt")
                        .says("a VNC password is set"),
                )
            } else {
                finding
            });
        };
        if !filter.enabled {
            open(
                "shares the screen without a tunnel, because pf is disabled".to_owned(),
                firewall::disabled(),
            );
            continue;
        }
        let reach = reach(filter, port)?;
        if reach.refused.is_empty() {
            let message = "shares the screen without a tunnel, because no rule of pf refuses it";
            open(message.to_owned(), Evidence::of("pfctl -s rules"));
        }
        for text in &reach.exceptions {
            let message = "shares the screen without a tunnel with those whom a rule of pf lets in";
            open(message.to_owned(), firewall::rule(text));
        }
        if !reach.refused.is_empty() && !reach.open.is_empty() {
            judgement.unknown(reach.partly(&format!("connections to port {port}")));
        } else if !reach.refused.is_empty() && reach.exceptions.is_empty() {
            judgement.observe(
                format!("pf refuses port {port} to everyone who comes in over a network"),
                reach.rules.iter().map(firewall::rule),
            );
        }
    }
    firewall::skipped(filter, &mut judgement);
    for anchor in filter.redirects_past_rules.iter().filter(|_| filter.enabled) {
        judgement.unknown(format!(
            "pf redirects packets past its rules (`rdr pass` in {anchor}); hostduty does not follow where they go"
        ));
    }
    Ok(judgement)
}

/// The ports at which the screen may be reached: those that something listens on, and those that launchd would open.
fn ports(mac: &Mac, on: bool) -> Result<BTreeSet<u16>, Gap> {
    let listeners = mac.listeners.known()?;
    let named: BTreeSet<u16> =
        if on { mac.screen_sharing_ports.known()?.iter().copied().collect() } else { [].into() };
    let shares = |listener: &&Listener| {
        matches!(listener.port, SCREEN_SHARING | REMOTE_MANAGEMENT)
            || named.contains(&listener.port)
            || listener
                .process
                .as_ref()
                .is_some_and(|name| name.starts_with("screensharing") || name == "ARDAgent")
    };
    let reachable = listeners.iter().filter(shares).filter(|listener| !listener.is_loopback());
    let mut ports: BTreeSet<u16> = reachable.map(|listener| listener.port).collect();
    // launchd opens the socket at the next start at the latest, and never on the loopback alone.
    if on && !ports.iter().any(|port| *port != REMOTE_MANAGEMENT) {
        ports.extend(named);
        if ports.is_empty() {
            ports.insert(SCREEN_SHARING);
        }
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::super::firewall::tests::filter;
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::pf::PacketFilter;
    use crate::facts::mac::services::{Overrides, Service};
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
}
