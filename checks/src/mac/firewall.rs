//! What filters incoming packets: `firewall-enforced` on macOS.

use std::collections::BTreeSet;

use super::pf::{Decision, Pf, Way, unnamed_port};
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::facts::mac::application_firewall::State;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::ruleset::IpFamily;
use crate::gap::Gap;
use crate::reach::is_most;
use crate::reach::ranges::Ranges;

/// Whether a filter refuses what nobody allowed.
pub(crate) fn enforced(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let state = mac.application_firewall.value().map(|firewall| firewall.state);
    if state == Some(State::BlockAll) {
        let message =
            "the application firewall refuses every incoming connection but those that the network needs";
        judgement.observe(message, [Evidence::of("socketfilterfw --getglobalstate").says("State = 2")]);
        return Ok(judgement);
    }
    let filter = mac.packet_filter.known()?;
    if !filter.enabled {
        let beside = match state {
            Some(State::PerProgram) => {
                "; the application firewall is on, and lets in every program that Apple signed"
            }
            Some(State::Off) => ", and the application firewall is off too",
            Some(State::BlockAll) | None => "",
        };
        judgement.fail(Finding::new("pf", format!("is disabled{beside}"), disabled()));
        return Ok(judgement);
    }
    skipped(filter, &mut judgement);
    let port = unnamed_port(filter).ok_or_else(|| Gap::unsupported("pf's rules name too many ports"))?;
    let reach = reach(mac, filter, port)?;
    if reach.refused.is_empty() {
        let message = "is enabled and lets in whatever no rule names";
        judgement.fail(Finding::new("pf", message, Evidence::of("pfctl -s rules")));
    } else if reach.open.is_empty() && reach.rules.is_empty() {
        // Such as where all of it is sent on to another port.
        judgement.unknown("pf lets in nothing that no rule allows, and no rule that refuses it was found");
    } else if reach.open.is_empty() {
        judgement.observe("pf refuses what no rule allows", reach.rules.iter().map(rule));
    } else {
        judgement.unknown(reach.partly("connections that no rule allows"));
    }
    Ok(judgement)
}

/// Where pf refuses connections to a port from peers that no rule names, and where it lets them in.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// `IPv4 on en0`
    pub(super) refused: Vec<String>,
    /// The same.
    pub(super) open: Vec<String>,
    /// The rules that refuse.
    pub(super) rules: BTreeSet<String>,
    /// Rules that let in some peers all the same.
    pub(super) exceptions: BTreeSet<String>,
}

impl Reach {
    /// Why neither yes nor no is the answer. Which interfaces lead to a network is not among the facts.
    pub(super) fn partly(&self, what: &str) -> String {
        format!(
            "pf refuses {what} over {}, but not over {}; hostduty does not know who reaches the Mac that way",
            self.refused.join(", "),
            self.open.join(", ")
        )
    }
}

pub(super) fn reach(mac: &Mac, filter: &PacketFilter, port: u16) -> Result<Reach, Gap> {
    let pf = Pf::new(filter, mac.interfaces.value().map(Vec::as_slice));
    let interfaces = pf.interfaces();
    let mut reach = Reach::default();
    let any = interfaces.iter().any(|name| pf.matters(name, "inet") || pf.matters(name, "inet6"));
    for (family, version) in [("inet", "IPv4"), ("inet6", "IPv6")] {
        // Where no network is up, all that could be count.
        for interface in interfaces.iter().filter(|name| !any || pf.matters(name, family)) {
            let decision = pf.reach(Way { interface, family }, port, true)?;
            let way = match (*interface, interfaces.len()) {
                ("", 1) => format!("{version} on any interface"),
                ("", _) => format!("{version} on other interfaces"),
                (name, _) => format!("{version} on {name}"),
            };
            if refuses(&decision, family)? {
                reach.refused.push(way);
                reach.rules.extend(decision.refused_by.iter().map(|rule| rule.text.clone()));
                reach.exceptions.extend(decision.opened_by.iter().map(|rule| rule.text.clone()));
            } else {
                reach.open.push(way);
            }
        }
    }
    Ok(reach)
}

/// Whether peers that no rule names are refused.
pub(super) fn refuses(decision: &Decision<'_>, family: &str) -> Result<bool, Gap> {
    if most(&decision.open, family) {
        return Ok(false);
    }
    if decision.unknown.is_empty() { Ok(true) } else { Err(not_understood(decision)) }
}

/// Whether a set of peers is most of the internet.
pub(super) fn most(peers: &Ranges, family: &str) -> bool {
    is_most(peers, if family == "inet" { IpFamily::V4 } else { IpFamily::V6 })
}

/// Why it is not known who gets through.
pub(super) fn not_understood(decision: &Decision<'_>) -> Gap {
    let text = decision.doubts.first().map_or("", |rule| rule.text.as_str());
    Gap::unsupported(format!("hostduty cannot tell for whom pf's rule `{text}` holds"))
}

/// Interfaces that pf never looks at are open, whatever its rules say.
pub(super) fn skipped(filter: &PacketFilter, judgement: &mut Judgement) {
    for name in filter.skipped.iter().filter(|name| !matches!(name.as_str(), "lo" | "lo0")) {
        let place = Evidence::of("pfctl -v -s Interfaces").says(format!("{name} (skip)"));
        judgement.fail(Finding::new(name, "is exempt from pf (set skip)", place));
    }
}

pub(super) fn disabled() -> Evidence {
    Evidence::of("pfctl -s info").says("Status: Disabled")
}

pub(super) fn rule(text: &String) -> Evidence {
    Evidence::of("pfctl -s rules").says(text)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::application_firewall::ApplicationFirewall;
    use crate::facts::mac::pf::Ruleset;
    use crate::facts::mac::pf_rule;
    use crate::gap::Reading::Known;

    pub(in crate::mac) fn filter(rules: &str) -> PacketFilter {
        let rules =
            rules.lines().filter_map(|line| pf_rule::parse(line, &pf_rule::Names::default())).collect();
        let main = Ruleset { rules, ..Ruleset::default() };
        PacketFilter { enabled: true, rulesets: vec![main], ..PacketFilter::default() }
    }

    fn verdict(filter: PacketFilter, state: State) -> Verdict {
        let firewall = ApplicationFirewall { state, stealth: None };
        let mac =
            Mac { packet_filter: Known(filter), application_firewall: Known(firewall), ..Mac::default() };
        enforced(&facts(mac)).map_or(Verdict::Unknown, |judgement| judgement.verdict())
    }

    #[test]
    fn rules_of_a_disabled_filter_do_not_count() {
        let rules = "block drop in all";
        assert_eq!(verdict(filter(rules), State::Off), Verdict::Pass);
        let disabled = PacketFilter { enabled: false, ..filter(rules) };
        assert_eq!(verdict(disabled.clone(), State::Off), Verdict::Fail);
        assert_eq!(
            verdict(disabled.clone(), State::PerProgram),
            Verdict::Fail,
            "it filters programs, not packets"
        );
        assert_eq!(verdict(disabled, State::BlockAll), Verdict::Pass);
    }

    #[test]
    fn what_no_rule_names_must_be_refused() {
        let shipped = "anchor \"com.apple/*\" all";
        assert_eq!(verdict(filter(shipped), State::Off), Verdict::Fail, "Apple's own rules filter nothing");
        let one = "block drop in proto tcp from any to any port = 5900";
        assert_eq!(verdict(filter(one), State::Off), Verdict::Fail);
        let ssh = "block drop in all\npass in proto tcp from any to any port = 22 flags S/SA keep state";
        assert_eq!(verdict(filter(ssh), State::Off), Verdict::Pass);
        assert_eq!(
            verdict(filter("block drop in inet all"), State::Off),
            Verdict::Unknown,
            "IPv6 stays open"
        );
        assert_eq!(verdict(filter("block drop in on en0 all"), State::Off), Verdict::Unknown);
        assert_eq!(verdict(filter("block drop in from <bad> to any"), State::Off), Verdict::Unknown);
        let skipped = PacketFilter { skipped: vec!["lo0".into(), "en0".into()], ..filter(ssh) };
        assert_eq!(verdict(skipped, State::Off), Verdict::Fail);
    }

    #[test]
    fn without_root_nothing_is_known() {
        assert!(enforced(&facts(Mac::default())).is_err());
    }
}
