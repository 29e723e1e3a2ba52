//! What is closed over IPv4 is closed over IPv6 too.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::sockets::Protocol;
use crate::gap::Gap;
use crate::host::System;
use crate::packet_filter;
use crate::policy::Policy;
use crate::reach::{self, Exposed, Reach, Unnamed};

pub(crate) static CHECK: Check = Check {
    id: "firewall-ipv6-parity",
    title: "What is closed over IPv4 is not open over IPv6",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "Rules of IPv4 say nothing of IPv6, and most servers have an address of both. A database that a filter \
                guards on one and that anyone reaches on the other is open, and scanners try both.",
    remedy: "nft list ruleset   # tables of the family `ip` do not see IPv6; those of `inet` see both\n\
             Move the rules into an inet table, or write each again for IPv6: `ip6tables-save` shows what is there, ufw needs \
             IPV6=yes in /etc/default/ufw.\n\
             Let in ICMPv6 (neighbour discovery) before you drop the rest, or IPv6 stops working.",
    references: &["nft(8)", "ip6tables(8)", "RFC 4890", "CIS Debian 12 4.4.3.1"],
    examples: Examples {
        kept: r#"
[sockets.known]
list = []
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
[network.known]
routes.known = [
    { to = "192.0.2.1/32", table = 255, kind = 2, through = [2] },
    { to = "2001:db8::1/128", table = 255, kind = 2, through = [2] },
]
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
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
reverse_path_filter.known = 0
"#,
        broken: r#"
[sockets.known]
list = []
[ruleset.known]
ipv6.known = "addressed"
legacy_ipv4.known = []
legacy_ipv6.known = []
[[ruleset.known.nftables.known.tables]]
family = "ip"
name = "filter"
[[ruleset.known.nftables.known.tables.chains]]
name = "input"
handle = 1
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
[network.known]
routes.known = [
    { to = "192.0.2.1/32", table = 255, kind = 2, through = [2] },
    { to = "2001:db8::1/128", table = 255, kind = 2, through = [2] },
]
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
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
reverse_path_filter.known = 0
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::filter::ipv6_parity(facts);
    }
    let ruleset = facts.ruleset.known()?;
    let mut judgement = Judgement::new();
    if let Some(reason) = ruleset.unused(IpFamily::V6) {
        judgement.observe(format!("there is no IPv6: {reason}"), [Evidence::of("/proc/net/if_inet6")]);
        return Ok(judgement);
    }
    let inbound = reach::unnamed(facts)?;
    let exposure = reach::exposure(facts)?;
    let mut ports: BTreeMap<(Protocol, u16), Vec<&Exposed>> = BTreeMap::new();
    for exposed in exposure.sockets.iter().filter(|exposed| exposed.namespace.is_none()) {
        ports.entry((exposed.socket.protocol, exposed.socket.port)).or_default().push(exposed);
    }
    for ((protocol, port), sockets) in &ports {
        judge_port(&format!("{} port {port}", protocol.name()), sockets, &mut judgement);
    }
    by_default(&inbound, &mut judgement);
    if judgement == Judgement::new() {
        judgement.observe("no port is open over IPv6 that is closed over IPv4", rules(&exposure.sockets));
    }
    Ok(judgement)
}

/// Whether a socket serves a family at all.
fn serves(exposed: &Exposed, family: IpFamily) -> bool {
    match (exposed.socket.address.to_canonical(), family) {
        (IpAddr::V4(_), IpFamily::V4) => true,
        (IpAddr::V6(address), IpFamily::V4) => {
            address.is_unspecified() && exposed.socket.ipv6_only != Some(true)
        }
        (IpAddr::V6(_), IpFamily::V6) => true,
        (IpAddr::V4(_), IpFamily::V6) => false,
    }
}

fn judge_port(port: &str, sockets: &[&Exposed], judgement: &mut Judgement) {
    let of = |family| sockets.iter().filter(move |exposed| serves(exposed, family));
    let ipv4 = of(IpFamily::V4).map(|exposed| exposed.access.ipv4).min();
    let ipv6 = of(IpFamily::V6).map(|exposed| exposed.access.ipv6).min();
    let (Some(ipv4), Some(ipv6)) = (ipv4, ipv6) else { return };
    let closed = matches!(ipv4, Reach::Loopback | Reach::Nobody);
    let doubt = || {
        let reasons = sockets.iter().filter_map(|exposed| exposed.access.reason.clone());
        reasons.into_iter().next().unwrap_or_else(|| "no reason is known".to_owned())
    };
    match (ipv4, ipv6) {
        (Reach::Networks | Reach::Loopback | Reach::Nobody, Reach::Anyone) | (_, Reach::Networks)
            if closed || ipv4 == Reach::Networks && ipv6 == Reach::Anyone =>
        {
            let open = of(IpFamily::V6).find(|exposed| exposed.access.ipv6 == ipv6);
            let Some(open) = open else { return };
            let whom = |reach| match reach {
                Reach::Anyone => "anyone",
                Reach::Networks => "some networks",
                _ => "nobody else",
            };
            let message = format!(
                "of {} is open to {} over IPv6 and to {} over IPv4",
                packet_filter::holder_name(open),
                whom(ipv6),
                whom(ipv4)
            );
            judgement.fail(Finding {
                subject: port.to_owned(),
                message,
                evidence: packet_filter::seen(open.socket.evidence(), &open.access),
            });
        }
        (Reach::Unknown, Reach::Anyone | Reach::Networks) => {
            judgement.unknown(format!("{port} is open over IPv6, and who reaches it over IPv4: {}", doubt()));
        }
        (_, Reach::Unknown) if ipv4 != Reach::Anyone => {
            judgement.unknown(format!("who reaches {port} over IPv6: {}", doubt()));
        }
        _ => {}
    }
}

/// Ports that nothing names, which the next service may take.
fn by_default(inbound: &[Unnamed], judgement: &mut Judgement) {
    for ipv6 in inbound.iter().filter(|one| one.family == IpFamily::V6) {
        let same = |one: &&Unnamed| {
            one.family == IpFamily::V4 && one.interface == ipv6.interface && one.protocol == ipv6.protocol
        };
        let Some(ipv4) = inbound.iter().find(same) else { continue };
        let open = matches!(ipv6.access.reach, Reach::Anyone | Reach::Networks);
        if ipv4.access.reach == Reach::Nobody && open {
            let mut finding = Finding::new(
                format!("every other {} port on {}", ipv6.protocol.name(), ipv6.interface),
                "is open over IPv6 and closed over IPv4",
                ipv4.access.decided_by.first().cloned().unwrap_or_else(|| Evidence::of("the packet filter")),
            );
            finding.evidence.extend(ipv6.access.decided_by.iter().take(3).cloned());
            judgement.fail(finding);
        }
    }
}

fn rules(sockets: &[Exposed]) -> Vec<Evidence> {
    let mut rules: Vec<Evidence> = Vec::new();
    for rule in sockets.iter().flat_map(|exposed| &exposed.access.decided_by) {
        if rules.len() < 4 && !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::packet_filter::tests::{facts, input, listening, port, two_families};

    fn verdict(tables: &str, sockets: &[&str]) -> Verdict {
        let facts = listening(facts(&two_families(), tables), sockets);
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn a_port_of_both_families_is_compared() {
        let both = format!("{}, {}", port(2, Some("ip6"), 6379, "accept"), port(3, None, 22, "accept"));
        let rules = input("inet", "drop", &both);
        assert_eq!(verdict(&rules, &["tcp [::]:22"]), Verdict::Pass);
        assert_eq!(verdict(&rules, &["tcp [::]:6379"]), Verdict::Fail);
        assert_eq!(verdict(&rules, &["tcp 0.0.0.0:6379", "tcp [::]:6379"]), Verdict::Fail);
        let closed = ["tcp 127.0.0.1:22", "tcp [2001:db8::1]:22"];
        assert_eq!(verdict(&rules, &closed), Verdict::Fail, "the address closes it");
        assert_eq!(verdict(&rules, &["tcp 0.0.0.0:6379"]), Verdict::Pass, "nothing serves IPv6");
        // The other way round is no matter of IPv6.
        let four = input("inet", "drop", &port(2, Some("ip"), 6379, "accept"));
        assert_eq!(verdict(&four, &["tcp [::]:6379"]), Verdict::Pass);
    }

    #[test]
    fn a_filter_of_ipv4_alone_leaves_every_port_open() {
        assert_eq!(verdict(&input("ip", "drop", ""), &[]), Verdict::Fail);
        assert_eq!(verdict(&input("ip6", "drop", ""), &[]), Verdict::Pass);
        assert_eq!(verdict("[]", &["tcp [::]:22"]), Verdict::Pass, "both are open");
    }
}
