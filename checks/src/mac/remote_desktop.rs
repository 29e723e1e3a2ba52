//! Whether the screen can be reached without a tunnel: `remote-desktop-tunnelled` on macOS.

mod desktops;
mod legacy;
#[cfg(test)]
mod tests;

use super::filter;
use super::firewall::{self, most, not_understood};
use super::pf::{Decision, Pf, Way};
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::facts::mac::application_firewall::State;
use crate::facts::mac::interfaces::Interface;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::ruleset::IpFamily;
use crate::gap::Gap;
use crate::packet_filter::names;
use desktops::{Desktop, desktops};
pub(crate) use legacy::legacy_password;

/// Whether screen sharing is off, or refused to everyone who comes in over a network. launchd holds its socket on every
/// address, so that only pf can keep it behind a tunnel.
pub(crate) fn tunnelled(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let found = desktops(mac)?;
    let reachable: Vec<&Desktop> = found.all.iter().filter(|desktop| desktop.beyond_loopback).collect();
    let label = Evidence::of("launchctl print system/com.apple.screensharing");
    if reachable.is_empty() {
        let message =
            if found.on { "screen sharing listens on the loopback only" } else { "screen sharing is off" };
        judgement.observe(message, [label]);
    }
    if filter::blocks_all(mac, &mut judgement) {
        return Ok(judgement);
    }
    match mac.packet_filter.known() {
        Ok(filter) => {
            let pf = Pf::new(filter, mac.interfaces.value().map(Vec::as_slice));
            for desktop in &found.all {
                judge(mac, filter, &pf, desktop, &mut judgement)?;
            }
            // A snapshot from before redirections were followed tells no more than that there are some.
            let followed = filter.rulesets.iter().any(|set| !set.redirections.is_empty());
            let past = filter.redirects_past_rules.iter().filter(|_| filter.enabled && !followed);
            for anchor in past.filter(|_| !found.all.is_empty()) {
                judgement.unknown(format!(
                    "pf redirects packets past its rules (`rdr pass` in {anchor}), and the facts do not say where to"
                ));
            }
        }
        // What listens on the loopback alone could be reached by a redirection, which hardly anybody makes.
        Err(_) if reachable.is_empty() => {}
        Err(gap) => return Err(gap),
    }
    Ok(judgement)
}

/// What pf lets through to one of them, way by way.
#[derive(Default)]
struct Ways<'a> {
    refused: Vec<String>,
    /// Ways on which most peers get through: in words, by which interface, and the decision.
    open: Vec<(String, String, Decision<'a>)>,
    /// Ways on which some peers get through: their networks, and the decision.
    some: Vec<(Vec<String>, Decision<'a>)>,
    /// What else there is to say.
    unknown: Vec<String>,
    refused_by: Vec<String>,
}

fn judge(
    mac: &Mac,
    filter: &PacketFilter,
    pf: &Pf<'_>,
    desktop: &Desktop,
    judgement: &mut Judgement,
) -> Result<(), Gap> {
    let port = desktop.port;
    let mut open = |message: String, place: Evidence| {
        let per_program = mac.application_firewall.value().is_none_or(|one| one.state == State::PerProgram);
        if let Some(doubt) = &desktop.doubt {
            judgement.unknown(format!("port {port} {message}, and {doubt}"));
        } else if !desktop.apple && per_program {
            judgement.unknown(format!(
                "port {port} {message} as far as pf decides, and whether the application firewall lets in {} is not known",
                desktop.what
            ));
        } else {
            let finding = Finding::new(format!("port {port}"), message, place);
            let password = desktop.apple && mac.vnc_password.value() == Some(&true);
            judgement.fail(if password { finding.and(password_file()) } else { finding });
        }
    };
    if !filter.enabled {
        if desktop.beyond_loopback {
            let message = format!("{} without a tunnel, because pf is disabled", desktop.shares());
            open(message, firewall::disabled());
        }
        return Ok(());
    }
    let ways = ways(mac, pf, desktop)?;
    // Where the interfaces are not known, some of those that rules name may lead nowhere.
    let partly = mac.interfaces.value().is_none() && !ways.refused.is_empty();
    // Where nobody gets through by another way it goes without saying by which.
    let everywhere = ways.refused.is_empty() && ways.some.is_empty();
    for (way, name, decision) in &ways.open {
        let (why, place) = if pf.skips(name) {
            let place = Evidence::of("pfctl -v -s Interfaces").says(format!("{name} (skip)"));
            ("because pf does not look at that interface", place)
        } else if partly {
            continue;
        } else if let (false, Some(rule)) = (decision.by_default, decision.opened_by.first()) {
            ("because a rule of pf lets everyone in", firewall::rule(&rule.text))
        } else {
            ("because no rule of pf refuses it", Evidence::of("pfctl -s rules"))
        };
        let over = if everywhere { String::new() } else { format!(" over {way}") };
        open(format!("{} without a tunnel{over}, {why}", desktop.shares()), place);
        if everywhere {
            break;
        }
    }
    let mut said: Vec<&str> = Vec::new();
    for (networks, decision) in &ways.some {
        let text = decision.opened_by.first().map_or("", |rule| rule.text.as_str());
        if !said.contains(&text) {
            said.push(text);
            let message = format!(
                "{} without a tunnel, restricted to {}: that is no tunnel",
                desktop.shares(),
                names(networks)
            );
            let place = Evidence::of("pfctl -s rules");
            open(message, if text.is_empty() { place } else { place.says(text) });
        }
    }
    let open: Vec<&str> = ways.open.iter().map(|(way, ..)| way.as_str()).collect();
    if partly && !open.is_empty() {
        judgement.unknown(format!(
            "pf refuses connections to port {port} over {}, but not over {}; hostduty does not know who reaches the Mac that way",
            ways.refused.join(", "),
            open.join(", ")
        ));
    }
    let silent = ways.open.is_empty() && ways.some.is_empty() && ways.unknown.is_empty();
    ways.unknown.into_iter().for_each(|reason| judgement.unknown(reason));
    if silent && desktop.beyond_loopback {
        judgement.observe(
            format!("pf refuses port {port} to everyone who comes in over a network"),
            ways.refused_by.iter().take(4).map(firewall::rule),
        );
    }
    Ok(())
}

fn ways<'a>(mac: &Mac, pf: &Pf<'a>, desktop: &Desktop) -> Result<Ways<'a>, Gap> {
    let mut ways = Ways::default();
    let names = pf.interfaces();
    let own = |name: &str| mac.interfaces.value()?.iter().find(|one| one.name == name);
    for (family, version) in [("inet", "IPv4"), ("inet6", "IPv6")] {
        for name in names.iter().filter(|_| desktop.serves(family)) {
            let interface = own(name);
            if interface.is_some_and(|one| !one.matters(family)) {
                continue;
            }
            let decision =
                pf.reach(Way { interface: name, family }, desktop.port, desktop.beyond_loopback)?;
            let way = match (*name, names.len()) {
                ("", 1) => format!("{version} on any interface"),
                ("", _) => format!("{version} on other interfaces"),
                (name, _) => format!("{version} on {name}"),
            };
            ways.add((way, name), family, interface, desktop, decision);
        }
    }
    Ok(ways)
}

impl<'a> Ways<'a> {
    fn add(
        &mut self,
        (way, name): (String, &str),
        family: &str,
        interface: Option<&Interface>,
        desktop: &Desktop,
        decision: Decision<'a>,
    ) {
        let port = desktop.port;
        if !decision.unknown.is_empty() && !most(&decision.open, family) {
            let reason = not_understood(&decision).to_string();
            let reason = format!("whether pf refuses port {port} is not known: {reason}");
            if !self.unknown.contains(&reason) {
                self.unknown.push(reason);
            }
        }
        if decision.open.is_empty() {
            if decision.unknown.is_empty() {
                self.refused_by.extend(decision.refused_by.iter().map(|rule| rule.text.clone()));
                self.refused_by.dedup();
                self.refused.push(way);
            }
            return;
        }
        let by_radio =
            |one: &&Interface| ["awdl", "llw", "ap"].iter().any(|start| one.name.starts_with(start));
        if let Some(interface) = interface.filter(|one| one.is_tunnel()) {
            self.unknown.push(format!(
                "port {port} is open to whoever comes in by {}, a tunnel: whose it is is not known",
                interface.name
            ));
        } else if let Some(interface) = interface.filter(by_radio) {
            self.unknown.push(format!(
                "port {port} is open to whoever is near enough for {}; whether its radio is on is not known",
                interface.name
            ));
        } else if most(&decision.open, family) {
            self.open.push((way, name.to_owned(), decision));
        } else {
            let family = if family == "inet" { IpFamily::V4 } else { IpFamily::V6 };
            let networks = crate::reach::networks(&decision.open, family, 8);
            self.some.push((networks, decision));
        }
    }
}

pub(super) fn password_file() -> Evidence {
    Evidence::of("/Library/Preferences/com.apple.VNCSettings.txt").says("a VNC password is set")
}
