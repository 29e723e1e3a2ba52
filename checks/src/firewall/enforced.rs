//! The kernel drops inbound traffic that no rule asks for.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ruleset::{IpFamily, Outcome};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "firewall-enforced",
    title: "Inbound traffic is dropped unless a rule lets it in, on IPv4 and IPv6",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "A provider's network filter, where there is one, does not stop neighbours, mistakes in its console or \
                traffic over IPv6. What the kernel itself drops by default stays closed when a package starts a service \
                that nobody meant to publish. A module that is loaded or a unit that runs says nothing of that: the \
                rules in the kernel do, and those of IPv4 say nothing of IPv6.",
    remedy: "nft list ruleset   # what is loaded now; ss -tulpn lists what it should protect\n\
             Write a base chain at the input hook of an inet table with `policy drop`, after rules that accept \
             established connections, the loopback, ICMP and ICMPv6, and the port of your SSH session.\n\
             Load it with a way back: echo 'nft flush ruleset' | at now + 5 minutes, then nft -f /etc/nftables.conf\n\
             Log in a second time, and only then remove the job: atrm $(atq | cut -f1)",
    references: &["nft(8)", "iptables(8)", "CIS Debian 12 4.3.8", "CIS Debian 12 4.4.2.1"],
    examples: Examples {
        kept: r#"
[ruleset.known]
ipv6.known = "addressed"
legacy_ipv4.known = []
legacy_ipv6.known = []
[[ruleset.known.nftables.known.tables]]
family = "inet"
name = "filter"
[[ruleset.known.nftables.known.tables.chains]]
name = "input"
handle = 1
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
"#,
        broken: r#"
[ruleset.known]
ipv6.known = "addressed"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::firewall::enforced(facts);
    }
    let ruleset = facts.ruleset.known()?;
    let mut judgement = Judgement::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        if let Some(reason) = ruleset.unused(family) {
            judgement
                .observe(format!("{family} needs no filter: {reason}"), [Evidence::of("/proc/net/if_inet6")]);
            continue;
        }
        match ruleset.inbound(family) {
            Outcome::Drops { decided_by, conditional_accepts } => {
                let exceptions = match conditional_accepts {
                    0 => "and nothing lets any in".to_owned(),
                    1 => "unless one condition lets it in".to_owned(),
                    several => format!("unless one of {several} conditions lets it in"),
                };
                judgement.observe(format!("inbound {family} is dropped {exceptions}"), [decided_by]);
                let sent_on = ruleset.diverted(family);
                if !sent_on.is_empty() {
                    let message = format!("some inbound {family} is sent on before that, as Docker does for published ports");
                    judgement.observe(message, sent_on.into_iter().take(4));
                }
            }
            Outcome::Accepts { decided_by, conditional_drops: 0 } => {
                if family == IpFamily::V6
                    && let Err(gap) = ruleset.ipv6.known()
                {
                    judgement.unknown(format!("nothing drops IPv6, and whether the machine uses it is not known: {gap}"));
                    continue;
                }
                let mut finding = Finding {
                    subject: format!("inbound {family}"),
                    message: "reaches every socket: no rule and no policy drops any of it".to_owned(),
                    evidence: decided_by,
                };
                finding.evidence.truncate(16);
                judgement.fail(finding);
            }
            Outcome::Accepts { conditional_drops, .. } => judgement.unknown(format!(
                "inbound {family} is let in by default, and {} may drop some: what that leaves open is not evaluated yet",
                if conditional_drops == 1 { "one condition".to_owned() } else { format!("{conditional_drops} conditions") },
            )),
            Outcome::Unknown(reason) => judgement.unknown(format!("inbound {family}: {reason}")),
        }
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::ruleset::nftables::{
        Base, Chain, Expression, Family, Nftables, Rule, Table, Verdict as End,
    };
    use crate::facts::ruleset::{Hook, Ipv6, Policy as Default, Ruleset};
    use crate::gap::Reading;

    fn facts(ipv6: Ipv6, family: Family, policy: Default, rules: Vec<Vec<Expression>>) -> Facts {
        let base =
            Base { kind: "filter".into(), hook: Hook::Input, priority: 0, policy, devices: Vec::new() };
        let rules = (2..)
            .zip(rules)
            .map(|(handle, expressions)| Rule { handle, expressions, comment: None })
            .collect();
        let chain = Chain { name: "input".into(), handle: 1, base: Some(base), rules };
        let table = Table {
            family,
            name: "filter".into(),
            dormant: false,
            chains: vec![chain],
            sets: Vec::new(),
            objects: Vec::new(),
            flowtables: Vec::new(),
        };
        let ruleset = Ruleset {
            ipv6: Reading::Known(ipv6),
            nftables: Reading::Known(Nftables { tables: vec![table] }),
            legacy_ipv4: Reading::Known(Vec::new()),
            legacy_ipv6: Reading::Known(Vec::new()),
        };
        Facts { ruleset: Reading::Known(ruleset), ..Facts::default() }
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn both_families_are_judged_apart() {
        let of = |ipv6, family| verdict(&facts(ipv6, family, Default::Drop, Vec::new()));
        assert_eq!(of(Ipv6::Addressed, Family::Inet), Verdict::Pass);
        assert_eq!(of(Ipv6::Addressed, Family::Ip), Verdict::Fail);
        assert_eq!(of(Ipv6::Absent, Family::Ip), Verdict::Pass);
        assert_eq!(of(Ipv6::Unaddressed, Family::Ip), Verdict::Pass);
        assert_eq!(of(Ipv6::Absent, Family::Ip6), Verdict::Fail);
        assert_eq!(of(Ipv6::Addressed, Family::Bridge), Verdict::Unknown);
    }

    #[test]
    fn what_is_not_understood_or_not_readable_is_unknown() {
        let drop = Expression::Verdict(End::Drop);
        let test = Expression::Quota { bytes: 1, over: true };
        let rules = |rule: Vec<Expression>| facts(Ipv6::Addressed, Family::Inet, Default::Accept, vec![rule]);
        assert_eq!(verdict(&rules(vec![drop.clone()])), Verdict::Pass);
        assert_eq!(verdict(&rules(vec![test, drop.clone()])), Verdict::Unknown);
        assert_eq!(verdict(&rules(vec![Expression::Other("queue".into())])), Verdict::Unknown);
        assert_eq!(verdict(&rules(vec![Expression::Other("of the future".into())])), Verdict::Unknown);
        let lost = Expression::Verdict(End::Jump("nowhere".into()));
        assert_eq!(verdict(&rules(vec![lost])), Verdict::Unknown);
        let circle = Expression::Verdict(End::Jump("input".into()));
        assert_eq!(verdict(&rules(vec![circle])), Verdict::Unknown);
        // A rule whose test is not understood may let everything in before the policy drops.
        let accept = vec![Expression::Hash { register: 1 }, Expression::Verdict(End::Accept)];
        let unsure = facts(Ipv6::Addressed, Family::Inet, Default::Drop, vec![accept]);
        assert_eq!(verdict(&unsure), Verdict::Unknown);

        let mut denied = rules(vec![drop]);
        let Reading::Known(ruleset) = &mut denied.ruleset else { panic!() };
        ruleset.nftables = Reading::Gap(Gap::denied("the nftables ruleset: needs CAP_NET_ADMIN"));
        let judgement = judge(&denied, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(judgement.unknowns[0].contains("CAP_NET_ADMIN"), "{:?}", judgement.unknowns);
    }
}
