//! What no rule and no socket names does not get in.

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::gap::Gap;
use crate::host::System;
use crate::packet_filter;
use crate::policy::Policy;
use crate::reach::{self, Reach, Unnamed};

pub(crate) static CHECK: Check = Check {
    id: "firewall-default-deny",
    title: "Connections to ports that no rule names are refused, on every interface, from everybody",
    severity: Severity::Medium,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "A list of closed ports is complete on the day on which it is written. What is dropped by default stays \
                closed when a package starts a service that nobody meant to publish, on the port that nobody thought of.",
    remedy: "nft list ruleset   # which chain decides, see `hostduty explain firewall-enforced` for the way back\n\
             Let in established connections, the loopback, ICMP, ICMPv6 and the services that you mean, your SSH first, and \
             drop the rest: `policy drop` in nft, `ufw default deny incoming`, or the zone `public` of firewalld.\n\
             Do the same for IPv6: an inet table holds for both.",
    references: &[
        "nft(8)",
        "ufw(8)",
        "firewalld.zone(5)",
        "CIS Debian 12 4.3.8",
        "NIST SP 800-41 section 4.1",
    ],
    examples: Examples {
        kept: super::enforced::CHECK.examples.kept,
        broken: super::enforced::CHECK.examples.broken,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::firewall::enforced(facts);
    }
    let inbound = reach::unnamed(facts)?;
    let mut judgement = Judgement::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        if packet_filter::needs_none(facts, &inbound, family, &mut judgement) {
            continue;
        }
        let mut interfaces: BTreeMap<&str, Vec<&Unnamed>> = BTreeMap::new();
        for one in inbound.iter().filter(|one| one.family == family) {
            interfaces.entry(&one.interface).or_default().push(one);
        }
        let (mut refusing, mut by): (Vec<&str>, Vec<Evidence>) = (Vec::new(), Vec::new());
        for (interface, protocols) in interfaces {
            let subject = format!("inbound {family} on {interface}");
            for reason in protocols.iter().filter(|one| one.access.reach == Reach::Unknown).take(1) {
                let reason = reason.access.reason.as_deref().unwrap_or("no reason is known");
                judgement.unknown(format!("whether {subject} is let in by default: {reason}"));
            }
            let open: Vec<&&Unnamed> = protocols
                .iter()
                .filter(|one| matches!(one.access.reach, Reach::Anyone | Reach::Networks))
                .collect();
            if let Some(finding) = let_in(&subject, &open) {
                judgement.fail(finding);
            } else if protocols.iter().all(|one| one.access.reach == Reach::Nobody) {
                refusing.push(interface);
                let rules = protocols.iter().flat_map(|one| &one.access.decided_by);
                for rule in rules.filter(|rule| rule.text.is_some()) {
                    if !by.contains(rule) {
                        by.push(rule.clone());
                    }
                }
            }
        }
        if !refusing.is_empty() {
            by.truncate(4);
            judgement.observe(
                format!("{family} to ports that nothing names is refused on {}", refusing.join(", ")),
                by,
            );
        }
    }
    Ok(judgement)
}

/// The finding about one interface and family: what is let in, from whom, and by what.
fn let_in(subject: &str, open: &[&&Unnamed]) -> Option<Finding> {
    let first = open.first()?;
    let ports: Vec<String> = open.iter().map(|one| format!("{} {}", one.protocol.name(), one.port)).collect();
    let from: Vec<String> = match open.iter().any(|one| one.access.reach == Reach::Anyone) {
        true => vec!["anyone".to_owned()],
        false => first.access.from.clone(),
    };
    let mut evidence: Vec<Evidence> = Vec::new();
    for rule in open.iter().flat_map(|one| &one.access.decided_by) {
        if !evidence.contains(rule) {
            evidence.push(rule.clone());
        }
    }
    if evidence.is_empty() {
        evidence.push(Evidence::of("the packet filter"));
    }
    evidence.truncate(4);
    let message = format!(
        "is let in by default from {}, to ports that nothing names such as {}",
        packet_filter::names(&from),
        ports.join(" and ")
    );
    Some(Finding { subject: subject.to_owned(), message, evidence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet_filter::tests::{facts, input, port, two_families};

    #[test]
    fn what_is_sent_on_whatever_its_port_is_let_in() {
        let one = crate::firewall::container_bypass::CHECK.examples.broken;
        let port = one.lines().filter(|line| !line.contains("payload") && !line.contains("1f90"));
        let every: Vec<&str> = port.collect();
        let verdict = |facts: &str| {
            let mut facts: Facts = toml::from_str(facts).unwrap();
            if let crate::gap::Reading::Known(ruleset) = &mut facts.ruleset {
                ruleset.ipv6 = crate::gap::Reading::Known(crate::facts::ruleset::Ipv6::Absent);
            }
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(verdict(&every.join("\n")), crate::check::Verdict::Fail);
        assert_eq!(verdict(one), crate::check::Verdict::Pass, "one port is one that a rule names");
    }

    fn shown(tables: &str) -> Vec<String> {
        let judgement = judge(&facts(&two_families(), tables), &Policy::default()).unwrap();
        let findings =
            judgement.findings.iter().map(|finding| format!("{} {}", finding.subject, finding.message));
        findings.chain(judgement.unknowns.clone()).collect()
    }

    #[test]
    fn a_list_of_closed_ports_is_no_default() {
        let closed = input("inet", "accept", &port(2, None, 3306, "drop"));
        let found = shown(&closed);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("inbound IPv4 on eth0 is let in by default from anyone"), "{found:?}");
        assert!(shown(&input("inet", "drop", &port(2, None, 22, "accept"))).is_empty());
        assert_eq!(shown(&input("ip", "drop", "")).len(), 1, "IPv6 stays open");
    }

    #[test]
    fn a_rule_for_half_of_the_ports_names_none_of_them() {
        // tcp dport >= 1024 accept
        let high = r#"{ handle = 2, expressions = [{ meta = { key = 16, register = 1 } }, { compare = { operator = "equal", register = 1, value = "06" } }, { payload = { base = "transport", offset = 2, length = 2, register = 1 } }, { compare = { operator = "greater-or-equal", register = 1, value = "0400" } }, { verdict = "accept" }] }"#;
        let found = shown(&input("inet", "drop", high));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with("such as tcp 32768"), "{found:?}");
    }
}
