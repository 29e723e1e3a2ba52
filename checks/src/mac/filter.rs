//! What follows from pf's rules on macOS: `firewall-exposure`, `firewall-ipv6-parity` and `firewall-persistent`.
//!
//! pf's rules are followed for TCP alone, so that what hangs on UDP stays unknown.

use std::collections::BTreeMap;

use super::firewall::{disabled, reach, refuses, rule};
use super::pf::{Pf, Way, unnamed_port};
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::facts::mac::application_firewall::State;
use crate::facts::mac::listeners::Listener;
use crate::facts::mac::pf::PacketFilter;
use crate::facts::sockets::Protocol;
use crate::gap::Gap;
use crate::policy::Policy;

/// Whether only what is meant to be public can be reached by anyone.
pub(crate) fn exposure(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    if blocks_all(mac, &mut judgement) {
        return Ok(judgement);
    }
    let (ports, filter) = (ports(mac)?, mac.packet_filter.known()?);
    let allowed = |port: u16| match &policy.allowed_sockets {
        Some(list) => list.iter().any(|one| one.protocol == Protocol::Tcp && one.port == port),
        None => port == 22,
    };
    for (port, listeners) in ports {
        if allowed(port) {
            let message = format!("tcp port {port} is on the allow-list");
            judgement.observe(message, listeners.first().map(|listener| place(listener)));
            continue;
        }
        let (refused, open) = if filter.enabled {
            let reach = reach(mac, filter, port)?;
            (reach.partly(&format!("tcp port {port}")), (!reach.refused.is_empty(), !reach.open.is_empty()))
        } else {
            (String::new(), (false, true))
        };
        let per_program = mac.application_firewall.value().is_none_or(|one| one.state == State::PerProgram);
        match open {
            (_, false) => {
                judgement.observe(format!("pf refuses tcp port {port}"), [Evidence::of("pfctl -s rules")])
            }
            (true, true) => judgement.unknown(refused),
            // It asks who signed the program, and lets in all that Apple did: what launchd holds is Apple's.
            (false, true)
                if per_program && !listeners.iter().any(|it| it.process.as_deref() == Some("launchd")) =>
            {
                judgement.unknown(format!(
                    "pf refuses tcp port {port} to nobody, and whether the application firewall does is not known"
                ));
            }
            (false, true) => {
                let mut places = listeners.iter().map(|listener| place(listener));
                let Some(first) = places.next() else { continue };
                let holder = listeners.iter().find_map(|listener| listener.process.as_deref());
                let message = format!(
                    "is open to anyone: {} waits there, and pf refuses nothing to it",
                    holder.unwrap_or("a program")
                );
                judgement.fail(
                    places
                        .take(8)
                        .fold(Finding::new(format!("tcp port {port}"), message, first), Finding::and),
                );
            }
        }
    }
    redirects(filter, &mut judgement);
    judgement.unknown("UDP sockets are not looked at on macOS");
    Ok(judgement)
}

/// Whether pf closes over IPv6 what it closes over IPv4.
pub(crate) fn ipv6_parity(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    if blocks_all(mac, &mut judgement) {
        return Ok(judgement);
    }
    let filter = mac.packet_filter.known()?;
    if !filter.enabled {
        judgement.observe("pf closes nothing over either family: it is disabled", [disabled()]);
        return Ok(judgement);
    }
    let unnamed = unnamed_port(filter).ok_or_else(|| Gap::unsupported("pf's rules name too many ports"))?;
    let mut names: BTreeMap<u16, String> = BTreeMap::from([(unnamed, "what no rule names".to_owned())]);
    let over_ipv6 = |listeners: &Vec<&Listener>| listeners.iter().any(|listener| listener.family != "tcp4");
    let served = ports(mac)?.into_iter().filter(|(_, listeners)| over_ipv6(listeners));
    names.extend(served.map(|(port, _)| (port, format!("tcp port {port}"))));
    let pf = Pf::new(filter, mac.interfaces.value().map(Vec::as_slice));
    for (port, name) in names {
        for interface in pf.interfaces().into_iter().filter(|name| pf.matters(name, "inet6")) {
            let over = |family| pf.reach(Way { interface, family }, port, true);
            let (ipv4, ipv6) = (over("inet")?, over("inet6")?);
            if refuses(&ipv4, "inet")? && !refuses(&ipv6, "inet6")? {
                let on = if interface.is_empty() { "any other interface" } else { interface };
                let text = ipv4.refused_by.first().map(|rule| rule.text.clone()).unwrap_or_default();
                let message = format!("is refused over IPv4 on {on} and let in over IPv6");
                judgement.fail(Finding::new(&name, message, rule(&text)));
            }
        }
    }
    redirects(filter, &mut judgement);
    let mut rules = filter.rulesets.iter().flat_map(|set| &set.rules);
    if rules.any(|rule| rule.text.contains(" udp ")) {
        judgement.unknown("some rules speak of UDP, for which hostduty does not follow pf on macOS");
    }
    judgement.observe(
        "every port that pf refuses over IPv4 it refuses over IPv6",
        [Evidence::of("pfctl -s rules")],
    );
    Ok(judgement)
}

/// Whether the filter is there again after a restart. macOS then loads /etc/pf.conf and leaves pf disabled.
pub(crate) fn persistent(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    if blocks_all(mac, &mut judgement) {
        return Ok(judgement);
    }
    let (filter, jobs) = (mac.packet_filter.known()?, mac.boot_jobs.known()?);
    if let Some(job) = jobs.enable_pf.first() {
        let now =
            if filter.enabled { "whether its rules are those of now" } else { "why it is disabled now" };
        judgement.unknown(format!("{job} enables pf at boot; {now} only a restart shows"));
    }
    for gap in &jobs.unread {
        judgement.unknown(gap.to_string());
    }
    if !judgement.unknowns.is_empty() {
        return Ok(judgement);
    }
    if !filter.enabled {
        let message = "is disabled now, and no job of launchd is known to enable it at boot";
        judgement.fail(Finding::new("pf", message, disabled()).and(Evidence::of("/Library/LaunchDaemons")));
    } else if let Some(job) = jobs.others.first() {
        let message = format!(
            "pf is enabled now; no job of launchd says that it enables pf at boot, and {job} and {} others run \
             programs that hostduty does not read",
            jobs.others.len().saturating_sub(1)
        );
        judgement.unknown(message);
    } else if mac.application_firewall.value().is_some_and(|firewall| firewall.state == State::Off) {
        let message = "is enabled now, and nothing that starts at boot enables it: macOS loads /etc/pf.conf and \
             leaves pf disabled";
        judgement.fail(Finding::new("pf", message, Evidence::of("/Library/LaunchDaemons")));
    } else {
        judgement.unknown(
            "pf is enabled now, by no job in /Library/LaunchDaemons; whether the application firewall does at boot is not known",
        );
    }
    Ok(judgement)
}

/// The application firewall keeps its state over a restart, and asks of both families.
pub(super) fn blocks_all(mac: &Mac, judgement: &mut Judgement) -> bool {
    let all = mac.application_firewall.value().is_some_and(|firewall| firewall.state == State::BlockAll);
    if all {
        let message =
            "the application firewall refuses every incoming connection but those that the network needs";
        judgement.observe(message, [Evidence::of("socketfilterfw --getglobalstate").says("State = 2")]);
    }
    all
}

/// What listens beyond the loopback, by port.
fn ports(mac: &Mac) -> Result<BTreeMap<u16, Vec<&Listener>>, Gap> {
    let mut ports: BTreeMap<u16, Vec<&Listener>> = BTreeMap::new();
    for listener in mac.listeners.known()?.iter().filter(|listener| !listener.is_loopback()) {
        ports.entry(listener.port).or_default().push(listener);
    }
    Ok(ports)
}

fn place(listener: &Listener) -> Evidence {
    Evidence::of("netstat -anv -p tcp")
        .says(format!("{} {}.{}", listener.family, listener.address, listener.port))
}

fn redirects(filter: &PacketFilter, judgement: &mut Judgement) {
    for name in filter.skipped.iter().filter(|name| !matches!(name.as_str(), "lo" | "lo0")) {
        judgement.unknown(format!("{name} is exempt from pf (set skip)"));
    }
    for anchor in filter.redirects_past_rules.iter().filter(|_| filter.enabled) {
        judgement.unknown(format!(
            "pf redirects packets past its rules (`rdr pass` in {anchor}); hostduty does not follow where they go"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::firewall::tests::filter;
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::application_firewall::ApplicationFirewall;
    use crate::facts::mac::boot_jobs::BootJobs;
    use crate::gap::Reading::Known;

    fn mac(filter: PacketFilter, state: State, ports: &[(u16, &str)]) -> Mac {
        let listener = |(port, process): &(u16, &str)| Listener {
            port: *port,
            address: "*".into(),
            family: "tcp46".into(),
            process: Some((*process).to_owned()),
            pid: None,
        };
        Mac {
            packet_filter: Known(filter),
            application_firewall: Known(ApplicationFirewall { state, stealth: None }),
            listeners: Known(ports.iter().map(listener).collect()),
            boot_jobs: Known(BootJobs::default()),
            ..Mac::default()
        }
    }

    fn off() -> PacketFilter {
        PacketFilter { enabled: false, ..filter("block drop in all") }
    }

    #[test]
    fn what_anyone_reaches_is_a_finding_and_nothing_is_a_pass() {
        let says = |mac: Mac| exposure(&facts(mac), &Policy::default()).unwrap().verdict();
        assert_eq!(says(mac(off(), State::Off, &[(3306, "mysqld")])), Verdict::Fail);
        assert_eq!(
            says(mac(off(), State::Off, &[(22, "launchd")])),
            Verdict::Unknown,
            "UDP is not looked at"
        );
        assert_eq!(says(mac(off(), State::PerProgram, &[(3306, "mysqld")])), Verdict::Unknown);
        assert_eq!(says(mac(off(), State::PerProgram, &[(5900, "launchd")])), Verdict::Fail);
        assert_eq!(says(mac(filter("block drop in all"), State::Off, &[(3306, "mysqld")])), Verdict::Unknown);
        assert_eq!(says(mac(off(), State::BlockAll, &[(3306, "mysqld")])), Verdict::Pass);
        let unknown = Mac { packet_filter: crate::gap::Reading::default(), ..mac(off(), State::Off, &[]) };
        assert!(exposure(&facts(unknown), &Policy::default()).is_err(), "without root");
    }

    #[test]
    fn ipv6_is_closed_where_ipv4_is() {
        let says = |rules| {
            ipv6_parity(&facts(mac(filter(rules), State::Off, &[(22, "launchd")]))).unwrap().verdict()
        };
        assert_eq!(says("block drop in all"), Verdict::Pass);
        assert_eq!(says("block drop in inet all"), Verdict::Fail);
        assert_eq!(says("block drop in inet proto tcp from any to any port = 22"), Verdict::Fail);
        assert_eq!(says("block drop in inet6 all"), Verdict::Pass);
        assert_eq!(says("block drop in all\nblock drop in inet proto udp from any to any"), Verdict::Unknown);
        assert_eq!(ipv6_parity(&facts(mac(off(), State::Off, &[]))).unwrap().verdict(), Verdict::Pass);
        assert!(ipv6_parity(&facts(Mac::default())).is_err());
    }

    #[test]
    fn a_filter_that_nothing_enables_at_boot_is_gone_then() {
        let says = |filter: PacketFilter, state, jobs: BootJobs| {
            let mac = Mac { boot_jobs: Known(jobs), ..mac(filter, state, &[]) };
            persistent(&facts(mac)).unwrap().verdict()
        };
        let on = || filter("block drop in all");
        let job = || vec!["/Library/LaunchDaemons/example.plist".to_owned()];
        assert_eq!(says(on(), State::Off, BootJobs::default()), Verdict::Fail);
        assert_eq!(says(on(), State::PerProgram, BootJobs::default()), Verdict::Unknown);
        assert_eq!(
            says(on(), State::Off, BootJobs { others: job(), ..BootJobs::default() }),
            Verdict::Unknown
        );
        assert_eq!(
            says(on(), State::Off, BootJobs { enable_pf: job(), ..BootJobs::default() }),
            Verdict::Unknown
        );
        assert_eq!(
            says(off(), State::Off, BootJobs { enable_pf: job(), ..BootJobs::default() }),
            Verdict::Unknown
        );
        assert_eq!(says(off(), State::Off, BootJobs::default()), Verdict::Fail);
        let unread = BootJobs { unread: vec![Gap::denied("x")], ..BootJobs::default() };
        assert_eq!(says(on(), State::Off, unread), Verdict::Unknown);
        assert_eq!(says(off(), State::BlockAll, BootJobs::default()), Verdict::Pass);
    }
}
