//! The kernel really drops some inbound traffic on every interface, for IPv4 and for IPv6.

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::gap::Gap;
use crate::host::System;
use crate::packet_filter;
use crate::policy::Policy;
use crate::reach::{self, Filtered, Unnamed};

pub(crate) static CHECK: Check = Check {
    id: "firewall-enforced",
    title: "A packet filter drops inbound traffic on every interface, on IPv4 and IPv6",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "A provider's network filter, where there is one, does not stop neighbours, mistakes in its console or \
                traffic over IPv6. A module that is loaded or a unit that runs says nothing of what is dropped: the \
                rules in the kernel do, those of IPv4 say nothing of IPv6, and those of one interface nothing of another.",
    remedy: "nft list ruleset   # what is loaded now; ss -tulpn lists what it should protect\n\
             Write a base chain at the input hook of an inet table with `policy drop`, after rules that accept \
             established connections, the loopback, ICMP and ICMPv6, and the port of your SSH session.\n\
             Load it with a way back: echo 'nft flush ruleset' | at now + 5 minutes, then nft -f /etc/nftables.conf\n\
             Log in a second time, and only then remove the job: atrm $(atq | cut -f1)",
    references: &["nft(8)", "iptables(8)", "CIS Debian 12 4.3.8", "CIS Debian 12 4.4.2.1"],
    examples: Examples {
        kept: r#"
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
[[ruleset.known.nftables.known.tables]]
family = "inet"
name = "filter"
[[ruleset.known.nftables.known.tables.chains]]
name = "input"
handle = 1
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
[network.known]
routes.known = [{ to = "192.0.2.1/32", table = 255, kind = 2, through = [2] }]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
"#,
        broken: r#"
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
[network.known]
routes.known = [{ to = "192.0.2.1/32", table = 255, kind = 2, through = [2] }]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
"#,
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
        judge_family(family, &interfaces, &mut judgement);
    }
    Ok(judgement)
}

fn judge_family(family: IpFamily, interfaces: &BTreeMap<&str, Vec<&Unnamed>>, judgement: &mut Judgement) {
    let (mut filtered, mut by): (Vec<&str>, Vec<Evidence>) = (Vec::new(), Vec::new());
    for (interface, protocols) in interfaces {
        let mut doubt = None;
        let mut found = None;
        for one in protocols {
            match &one.filtered {
                Filtered::By(evidence) => found = found.or(Some(evidence)),
                Filtered::Unknown(reason) => doubt = doubt.or(Some(reason)),
                Filtered::Not => {}
            }
        }
        match (found, doubt) {
            (Some(evidence), _) => {
                filtered.push(interface);
                if !by.contains(evidence) {
                    by.push(evidence.clone());
                }
            }
            (None, Some(reason)) => {
                judgement
                    .unknown(format!("whether anything drops inbound {family} on {interface}: {reason}"));
            }
            // Routing alone keeps everything out, such as of an address that is not usable yet.
            (None, None) if protocols.iter().all(|one| one.access.reach == reach::Reach::Nobody) => {
                let place = Evidence::of("the routing tables");
                judgement.observe(format!("no inbound {family} on {interface} gets in"), [place]);
            }
            (None, None) => {
                let mut finding = Finding {
                    subject: format!("inbound {family} on {interface}"),
                    message: "reaches every socket: no rule and no policy drops any of it".to_owned(),
                    evidence: Vec::new(),
                };
                for evidence in protocols.iter().flat_map(|one| &one.access.decided_by) {
                    if !finding.evidence.contains(evidence) {
                        finding.evidence.push(evidence.clone());
                    }
                }
                if finding.evidence.is_empty() {
                    finding.evidence.push(Evidence::of("the packet filter"));
                }
                judgement.fail(finding);
            }
        }
    }
    if !filtered.is_empty() {
        by.truncate(4);
        judgement.observe(format!("inbound {family} is filtered on {}", filtered.join(", ")), by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::ruleset::Ipv6;
    use crate::gap::Reading;
    use crate::packet_filter::tests::{facts, input, two_families};

    fn drops(family: &str) -> String {
        input(family, "drop", "")
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn both_families_are_judged_apart() {
        let both = |tables: &str| verdict(&facts(&two_families(), tables));
        assert_eq!(both(&drops("inet")), Verdict::Pass);
        assert_eq!(both(&drops("ip")), Verdict::Fail);
        assert_eq!(both(&drops("ip6")), Verdict::Fail);
        assert_eq!(both(&drops("bridge")), Verdict::Fail, "there is no bridge");
        assert_eq!(both("[]"), Verdict::Fail);
        let mut alone = facts(&two_families(), &drops("ip"));
        let Reading::Known(ruleset) = &mut alone.ruleset else { panic!() };
        ruleset.ipv6 = Reading::Known(Ipv6::Absent);
        assert_eq!(verdict(&alone), Verdict::Pass);
    }

    #[test]
    fn what_stops_a_few_sources_is_no_filter() {
        // ip saddr 203.0.113.9 drop
        let rule = r#"{ handle = 2, expressions = [{ meta = { key = 15, register = 1 } }, { compare = { operator = "equal", register = 1, value = "02" } },
            { payload = { base = "network", offset = 12, length = 4, register = 1 } }, { compare = { operator = "equal", register = 1, value = "cb007109" } }, { verdict = "drop" }] }"#;
        let one = input("inet", "accept", rule);
        let judgement = judge(&facts(&two_families(), &one), &Policy::default()).unwrap();
        assert_eq!(judgement.findings.len(), 2, "{judgement:?}");
    }

    #[test]
    fn what_is_not_readable_is_unknown() {
        let mut denied = facts(&two_families(), &drops("inet"));
        let Reading::Known(ruleset) = &mut denied.ruleset else { panic!() };
        ruleset.nftables = Reading::Gap(Gap::denied("the nftables ruleset: needs CAP_NET_ADMIN"));
        let judgement = judge(&denied, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(judgement.unknowns[0].contains("CAP_NET_ADMIN"), "{:?}", judgement.unknowns);
        denied.network = Reading::Gap(Gap::denied("the list of interfaces"));
        assert!(judge(&denied, &Policy::default()).is_err());
    }
}
