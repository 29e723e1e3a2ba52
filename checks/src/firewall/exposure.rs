//! Every socket that anyone can reach is one that the customer means to publish.

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::packet_filter::{self, AllowList, Allowed, closing, closing_published, holder_name, names, seen};
use crate::policy::Policy;
use crate::reach::{self, Exposed, Published, Reach};

pub(crate) static CHECK: Check = Check {
    id: "firewall-exposure",
    title: "Only the sockets on the allow-list, SSH at first, are open to anyone",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "Databases, caches and administration ports that were meant for the machine itself and listen on every \
                address are found by scanners within hours. What counts is not the number of rules but whether each \
                socket that listens beyond the loopback is closed to strangers or published on purpose.",
    remedy: "hostduty exposure   # who reaches what, and by which rule; stop the services that nobody needs\n\
             Let each service that only this machine uses listen on 127.0.0.1 and ::1 in its own configuration.\n\
             Drop the rest by default with the packet filter, after a rule that accepts your SSH session.\n\
             Name what is meant to be public under `allowed` in the `[sockets]` of hostduty's configuration.",
    references: &["ss(8)", "nft(8)", "CIS Debian 12 2.1.21", "CIS Debian 12 4.3"],
    examples: Examples {
        kept: r#"
[sockets.known]
list = [{ protocol = "tcp", port = 3306, address = "127.0.0.1", inode = 1200, uid = 112 }]
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
        broken: r#"
[sockets.known]
list = [{ protocol = "tcp", port = 3306, address = "0.0.0.0", inode = 1200, uid = 112 }]
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

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::filter::exposure(facts, policy);
    }
    let exposure = reach::exposure(facts)?;
    let list = AllowList::new(facts, policy);
    let mut judgement = Judgement::new();
    let mut said = Said::default();
    let sent_on = |exposed: &Exposed| {
        let own =
            |one: &&Published| one.protocol == exposed.socket.protocol && one.port == exposed.socket.port;
        exposure.published.iter().find(own)
    };
    for exposed in exposure.sockets.iter().filter(|exposed| exposed.namespace.is_none()) {
        // docker-proxy holds a socket for a port that is sent on: both are closed where it is published.
        let step = || match sent_on(exposed) {
            Some(published) => closing_published(facts, published),
            None => closing(facts, exposed.socket.protocol, exposed.socket.port),
        };
        judge_socket(exposed, &list, step, &mut judgement, &mut said);
    }
    for published in &exposure.published {
        let place = published.access.decided_by.first().cloned();
        let place = place.unwrap_or_else(|| Evidence::of("the packet filter"));
        let name = published.to_string();
        match (published.access.reach, list.of(published.protocol, published.address, published.port)) {
            (Reach::Anyone, Allowed::No) => {
                said.open(closing_published(facts, published));
                judgement.fail(Finding::new(name, "is open to anyone", place));
            }
            (Reach::Anyone, Allowed::Unknown(reason)) => {
                judgement.unknown(format!("{name} is open to anyone: {reason}"));
            }
            (Reach::Anyone, Allowed::Yes) => said.allowed.push(name),
            (Reach::Unknown, _) => said.doubt(name, published.access.reason.as_deref()),
            (Reach::Networks, _) => {
                judgement
                    .observe(format!("{name} is open to {} alone", names(&published.access.from)), [place]);
            }
            (Reach::Loopback | Reach::Nobody, _) => {}
        }
    }
    judgement.remedy = packet_filter::remedy(&CHECK, &said.closings);
    for (reason, sockets) in &said.doubts {
        judgement.unknown(format!("who reaches {}: {reason}", names(sockets)));
    }
    if let Some(gap) = &exposure.unasked {
        judgement.unknown(format!("more ports may be sent on than were looked at: {gap}"));
    }
    // A program at a hook of netfilter can only stop more, and what is open without it is worth saying.
    if let Some(gap) = facts.network.value().and_then(|network| network.bpf.gap()) {
        judgement.unknown(format!("what else stands in the way of packets is not known: {gap}"));
    }
    if !said.closed.is_empty() {
        said.closed_by.truncate(4);
        judgement.observe(format!("nobody is let in to {}", names(&said.closed)), said.closed_by);
    }
    if !said.allowed.is_empty() {
        judgement.observe(format!("on the allow-list: {}", names(&said.allowed)), said.allowed_at);
    }
    if judgement == Judgement::new() {
        judgement.observe(
            "no socket waits for other machines",
            ["/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"].map(Evidence::of),
        );
    }
    Ok(judgement)
}

/// What is said of several sockets at once.
#[derive(Default)]
struct Said {
    allowed: Vec<String>,
    allowed_at: Option<Evidence>,
    closed: Vec<String>,
    closed_by: Vec<Evidence>,
    doubts: BTreeMap<String, Vec<String>>,
    closings: Vec<String>,
}

impl Said {
    fn doubt(&mut self, name: String, reason: Option<&str>) {
        self.doubts.entry(reason.unwrap_or("no reason is known").to_owned()).or_default().push(name);
    }

    /// Something is open that should not be: how its front end closes it.
    fn open(&mut self, step: Option<String>) {
        self.closings.extend(step.filter(|step| !self.closings.contains(step)));
    }
}

fn judge_socket(
    exposed: &Exposed,
    list: &AllowList<'_>,
    step: impl FnOnce() -> Option<String>,
    judgement: &mut Judgement,
    said: &mut Said,
) {
    let (socket, access) = (&exposed.socket, &exposed.access);
    let allowed = list.of(socket.protocol, socket.address, socket.port);
    let open = matches!(access.reach, Reach::Anyone | Reach::Networks | Reach::Unknown);
    if open && allowed == Allowed::Yes {
        said.allowed.push(socket.to_string());
        said.allowed_at.get_or_insert_with(|| socket.evidence());
        return;
    }
    let client = exposed.process.as_deref().filter(|program| packet_filter::takes_leases(socket, program));
    if let Some(client) = client.filter(|_| open) {
        return judgement.observe(
            format!("{socket} takes the answers of DHCP servers for {client} and is no service"),
            [socket.evidence()],
        );
    }
    match access.reach {
        Reach::Anyone => {
            if let Allowed::Unknown(reason) = allowed {
                return judgement.unknown(format!("{socket} is open to anyone: {reason}"));
            }
            said.open(step());
            let how = match access.decided_by.iter().any(|rule| rule.text.is_some()) {
                true if access.rate_limited => ", as far as a rate or chance lets it",
                _ => "",
            };
            judgement.fail(Finding {
                subject: socket.to_string(),
                message: format!(
                    "of {} is open to anyone who reaches this machine{how}",
                    holder_name(exposed)
                ),
                evidence: seen(socket.evidence(), access),
            });
        }
        Reach::Networks => {
            let message =
                format!("{socket} of {} is open to {} alone", holder_name(exposed), names(&access.from));
            judgement.observe(message, seen(socket.evidence(), access));
        }
        Reach::Unknown => said.doubt(socket.to_string(), access.reason.as_deref()),
        Reach::Loopback | Reach::Nobody if socket.is_loopback() => {}
        Reach::Loopback | Reach::Nobody => {
            said.closed.push(socket.to_string());
            for rule in &access.decided_by {
                if !said.closed_by.contains(rule) {
                    said.closed_by.push(rule.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::processes::{Open, Process, Processes};
    use crate::facts::sockets::Protocol;
    use crate::gap::Reading;
    use crate::packet_filter::tests::{facts, input, listening, port, two_families};
    use crate::policy::AllowedSocket;

    fn machine(tables: &str, sockets: &[&str]) -> Facts {
        listening(facts(&two_families(), tables), sockets)
    }

    fn policy() -> Policy {
        let entry = AllowedSocket { protocol: Protocol::Tcp, port: 3306, address: None };
        Policy { allowed_sockets: Some(vec![entry]), ..Policy::default() }
    }

    fn verdict(facts: &Facts, policy: &Policy) -> Verdict {
        judge(facts, policy).unwrap().verdict()
    }

    #[test]
    fn a_finding_names_the_socket_its_process_and_the_rule() {
        let rules = input("inet", "drop", &port(12, None, 3306, "accept"));
        let mut facts = machine(&rules, &["tcp 0.0.0.0:3306", "tcp 127.0.0.1:3307", "tcp 0.0.0.0:5432"]);
        let holder = Process {
            exe: Reading::Known("/usr/sbin/mariadbd".into()),
            open: Reading::Known(Open { sockets: vec![7], devices: Vec::new() }),
            ..Process::default()
        };
        facts.processes = Reading::Known(Processes { list: vec![holder], ..Processes::default() });
        let judgement = judge(&facts, &Policy::default()).unwrap();
        let [finding] = judgement.findings.as_slice() else { panic!("{judgement:?}") };
        assert_eq!(finding.subject, "tcp 0.0.0.0:3306");
        assert!(finding.message.starts_with("of mariadbd is open to anyone"), "{}", finding.message);
        assert!(finding.evidence[1].source.starts_with("inet filter input handle 12"), "{finding:?}");
        assert!(judgement.observations[0].message.ends_with("tcp 0.0.0.0:5432"), "{judgement:?}");
        assert_eq!(verdict(&facts, &policy()), Verdict::Pass);
        assert_eq!(judgement.remedy, None, "which port is that of SSH is not known");
        facts.ssh_servers = Reading::Known(Default::default());
        let remedy = judge(&facts, &Policy::default()).unwrap().remedy.unwrap();
        assert!(remedy.contains(r#"`iifname != "lo" tcp dport 3306 drop`"#), "{remedy}");
        assert!(!remedy.contains("5432"), "{remedy}");
    }

    #[test]
    fn a_client_of_dhcp_is_no_service_but_any_other_program_on_its_port_is() {
        let mut facts = machine("[]", &["udp 192.0.2.1:68"]);
        let open = Open { sockets: vec![7], devices: Vec::new() };
        let mut of = |exe: &str| {
            let (exe, open) = (Reading::Known(exe.to_owned()), Reading::Known(open.clone()));
            let list = vec![Process { exe, open, ..Process::default() }];
            facts.processes = Reading::Known(Processes { list, ..Processes::default() });
            verdict(&facts, &Policy::default())
        };
        assert_eq!(of("/usr/lib/systemd/systemd-networkd"), Verdict::Pass);
        assert_eq!(of("/usr/sbin/dhclient"), Verdict::Pass);
        assert_eq!(of("/usr/bin/ncat"), Verdict::Fail);
        facts.processes = Reading::default();
        assert_eq!(verdict(&facts, &Policy::default()), Verdict::Fail);
    }

    #[test]
    fn some_networks_are_no_finding_and_what_is_not_known_is_unknown() {
        // ip saddr 10.0.0.0/8 tcp dport 3306 accept
        let rule = r#"{ handle = 2, expressions = [{ meta = { key = 15, register = 1 } }, { compare = { operator = "equal", register = 1, value = "02" } },
            { payload = { base = "network", offset = 12, length = 1, register = 1 } }, { compare = { operator = "equal", register = 1, value = "0a" } }, { verdict = "accept" }] }"#;
        let some = machine(&input("inet", "drop", rule), &["tcp 0.0.0.0:3306"]);
        let judgement = judge(&some, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert!(judgement.observations[0].message.ends_with("is open to 10.0.0.0/8 alone"), "{judgement:?}");

        // A program of a control group stops only more of what gets through the chains.
        let bpf =
            "bpf.known = [{ hook = \"control-group\", place = \"/system.slice\", name = \"\", program = 1 }]";
        let network = two_families().replace("bpf.known = []", bpf);
        for (rule, wanted) in [(rule, Verdict::Unknown), ("", Verdict::Pass)] {
            let some = facts(&network, &input("inet", "drop", rule));
            assert_eq!(verdict(&listening(some, &["tcp 0.0.0.0:3306"]), &Policy::default()), wanted);
        }

        let mut hidden = machine("[]", &["tcp 0.0.0.0:3306", "tcp [::1]:5432"]);
        let Reading::Known(ruleset) = &mut hidden.ruleset else { panic!() };
        ruleset.nftables = Reading::Gap(Gap::denied("the nftables ruleset"));
        let judgement = judge(&hidden, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(judgement.unknowns[0].starts_with("who reaches tcp 0.0.0.0:3306: "), "{judgement:?}");
        hidden.network = Reading::default();
        assert!(judge(&hidden, &Policy::default()).is_err());
    }

    #[test]
    fn ssh_is_allowed_where_an_ssh_server_listens() {
        let mut facts = machine("[]", &["tcp 0.0.0.0:22"]);
        assert_eq!(verdict(&facts, &Policy::default()), Verdict::Unknown, "whether it is SSH is not known");
        let servers = r#"others = [{ name = "dropbear", listens = [{ address = "0.0.0.0:22", at.source = "dropbear" }] }]"#;
        facts.ssh_servers = Reading::Known(toml::from_str(servers).unwrap());
        assert_eq!(verdict(&facts, &Policy::default()), Verdict::Pass);
        facts.ssh_servers = Reading::Known(Default::default());
        assert_eq!(verdict(&facts, &Policy::default()), Verdict::Fail);
    }
}
