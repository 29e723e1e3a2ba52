//! Every socket that anyone can reach is one that the customer means to publish.

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::processes::{Process, Processes};
use crate::facts::ruleset::IpFamily;
use crate::facts::ruleset::reach::{Filter, Reach};
use crate::facts::sockets::{Protocol, Socket};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "firewall-exposure",
    title: "Only the sockets on the allow-list can be reached from other machines",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: true,
    rationale: "Databases, caches and administration ports that were meant for the machine itself and listen on every \
                address are found by scanners within hours. What counts is not the number of rules but whether each \
                socket that listens beyond the loopback is closed to strangers or published on purpose.",
    remedy: "ss -tulpn   # which program listens; stop those that nobody needs\n\
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
"#,
        broken: r#"
[sockets.known]
list = [{ protocol = "tcp", port = 3306, address = "0.0.0.0", inode = 1200, uid = 112 }]
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let sockets = facts.sockets.known()?;
    let filter = Filter::new(&facts.ruleset, sockets);
    let holders = facts.processes.value().map(Processes::holders).unwrap_or_default();
    let mut judgement = Judgement::new();
    let (mut allowed, mut closed): (Vec<&Socket>, Vec<&Socket>) = (Vec::new(), Vec::new());
    let mut closed_by = Vec::new();
    let mut open_questions: BTreeMap<String, Vec<&Socket>> = BTreeMap::new();
    for socket in sockets.list.iter().filter(|socket| !socket.is_loopback()) {
        if policy.allowed_sockets.iter().any(|entry| entry.covers(socket)) {
            allowed.push(socket);
            continue;
        }
        let holder = holders.get(&socket.inode).copied();
        if let Some(client) = holder.map(Process::program).filter(|program| takes_leases(socket, program)) {
            judgement.observe(
                format!("{socket} takes the answers of DHCP servers for {client} and is no service"),
                [socket.evidence()],
            );
            continue;
        }
        match filter.reach(socket) {
            Reach::Anyone { family, evidence } => {
                let holder = match holder {
                    Some(process) => process.program().to_owned(),
                    None => format!("a process of uid {}", socket.uid),
                };
                let mut finding = Finding::new(
                    socket.to_string(),
                    format!(
                        "of {holder} is open to anyone who reaches this machine: nothing drops inbound {family}"
                    ),
                    socket.evidence(),
                );
                finding.evidence.extend(evidence.into_iter().take(4));
                judgement.fail(finding);
            }
            Reach::Nobody(evidence) => {
                closed.push(socket);
                closed_by = evidence;
            }
            Reach::Unknown(reason) => open_questions.entry(reason).or_default().push(socket),
        }
    }
    for (reason, sockets) in &open_questions {
        judgement.unknown(format!("who reaches {}: {reason}", names(sockets)));
    }
    diverted(facts, &mut judgement);
    if !closed.is_empty() {
        judgement.observe(format!("nobody is let in to {}", names(&closed)), closed_by);
    }
    if !allowed.is_empty() {
        judgement.observe(
            format!("on the allow-list: {}", names(&allowed)),
            allowed.first().map(|one| one.evidence()),
        );
    }
    if judgement == Judgement::new() {
        judgement.observe(
            "no socket waits for other machines",
            ["/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"].map(Evidence::of),
        );
    }
    Ok(judgement)
}

/// Whether a socket is the one on which a DHCP client waits for its lease: a server answers to a fixed port (RFC 2131
/// section 4.1, RFC 8415 section 7.2), so that it has to be open wherever the network gives the machine its address.
fn takes_leases(socket: &Socket, program: &str) -> bool {
    const CLIENTS: [&str; 5] = ["NetworkManager", "dhclient", "dhcpcd", "systemd-networkd", "udhcpc"];
    socket.protocol == Protocol::Udp && matches!(socket.port, 68 | 546) && CLIENTS.contains(&program)
}

/// A port that is sent on to a container has no socket here, and its traffic passes the input chains by.
fn diverted(facts: &Facts, judgement: &mut Judgement) {
    let unreadable = |gap: &Gap| {
        format!(
            "whether rules send inbound traffic on, as Docker does for published ports, is not known: {gap}"
        )
    };
    let ruleset = match facts.ruleset.known() {
        Ok(ruleset) => ruleset,
        Err(gap) => return judgement.unknown(unreadable(&gap)),
    };
    let nftables = ruleset.nftables.known().map(|_| ());
    let legacy = [&ruleset.legacy_ipv4, &ruleset.legacy_ipv6].map(|tables| tables.known().map(|_| ()));
    if let Some(gap) = legacy.into_iter().chain([nftables]).find_map(Result::err) {
        judgement.unknown(unreadable(&gap));
    }
    for family in [IpFamily::V4, IpFamily::V6] {
        let rules = ruleset.diverted(family);
        let Some(first) = rules.first() else { continue };
        let many = match rules.len() {
            1 => format!("one rule sends inbound {family} on ({first}"),
            several => format!("{several} rules send inbound {family} on ({first} first"),
        };
        judgement.unknown(format!(
            "{many}), as Docker does for published ports: such traffic passes the input chains by, and which ports it \
             opens is not evaluated yet"
        ));
    }
}

/// Some sockets in a sentence.
fn names(sockets: &[&Socket]) -> String {
    let shown: Vec<String> = sockets.iter().take(5).map(ToString::to_string).collect();
    match sockets.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::processes::{Open, Processes};
    use crate::facts::sockets::Sockets;
    use crate::gap::Reading;
    use crate::policy::AllowedSocket;

    const OPEN: &str = CHECK.examples.broken;

    fn facts(addresses: &[&str], ruleset: &str) -> Facts {
        let mut facts: Facts = toml::from_str(ruleset).unwrap();
        let list = addresses.iter().map(|address| {
            let address = address.parse().unwrap();
            Socket::new(Protocol::Tcp, std::net::SocketAddr::new(address, 3306), 7, 112)
        });
        facts.sockets = Reading::Known(Sockets { list: list.collect(), ..Sockets::default() });
        facts
    }

    fn policy() -> Policy {
        let entry = AllowedSocket { protocol: Protocol::Tcp, port: 3306, address: None };
        Policy { allowed_sockets: vec![entry], ..Policy::default() }
    }

    #[test]
    fn a_finding_names_the_socket_and_its_process() {
        let mut facts = facts(&["0.0.0.0", "127.0.0.1"], OPEN);
        let holder = Process {
            exe: Reading::Known("/usr/sbin/mariadbd".into()),
            open: Reading::Known(Open { sockets: vec![7], devices: Vec::new() }),
            ..Process::default()
        };
        facts.processes = Reading::Known(Processes { list: vec![holder], ..Processes::default() });
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.findings.len(), 1);
        assert_eq!(judgement.findings[0].subject, "tcp 0.0.0.0:3306");
        assert!(judgement.findings[0].message.starts_with("of mariadbd is open"));
        assert_eq!(judge(&facts, &policy()).unwrap().verdict(), Verdict::Pass);
    }

    #[test]
    fn a_client_of_dhcp_is_no_service_but_any_other_program_on_its_port_is() {
        let mut facts = facts(&[], OPEN);
        let socket = Socket::new(Protocol::Udp, "192.0.2.1:68".parse().unwrap(), 7, 998);
        facts.sockets = Reading::Known(Sockets { list: vec![socket], ..Sockets::default() });
        let open = Open { sockets: vec![7], devices: Vec::new() };
        let mut verdict = |exe: &str| {
            let (exe, open) = (Reading::Known(exe.to_owned()), Reading::Known(open.clone()));
            let list = vec![Process { exe, open, ..Process::default() }];
            facts.processes = Reading::Known(Processes { list, ..Processes::default() });
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(verdict("/usr/lib/systemd/systemd-networkd"), Verdict::Pass);
        assert_eq!(verdict("/usr/sbin/dhclient"), Verdict::Pass);
        assert_eq!(verdict("/usr/bin/ncat"), Verdict::Fail);
        facts.processes = Reading::default();
        assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Fail);
    }

    #[test]
    fn a_port_that_a_rule_sends_to_a_container_is_not_hidden_by_an_input_chain_that_drops() {
        let drop = crate::firewall::enforced::CHECK.examples.kept;
        let docker = r#"
[[ruleset.known.nftables.known.tables]]
family = "ip"
name = "nat"
[[ruleset.known.nftables.known.tables.chains]]
name = "PREROUTING"
handle = 1
base = { kind = "nat", hook = "prerouting", priority = -100, policy = "accept" }
rules = [{ handle = 5, expressions = [{ match = { other = { name = "tcp" } } }, { target = { other = { name = "DNAT" } } }] }]
"#;
        let judgement = judge(&facts(&["0.0.0.0"], &format!("{drop}{docker}")), &policy()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(
            judgement.unknowns[0].starts_with("one rule sends inbound IPv4 on"),
            "{:?}",
            judgement.unknowns
        );
        assert_eq!(judge(&facts(&["0.0.0.0"], drop), &policy()).unwrap().verdict(), Verdict::Pass);
    }

    #[test]
    fn rules_that_are_not_evaluated_or_not_readable_are_unknown() {
        let drop = crate::firewall::enforced::CHECK.examples.kept;
        assert_eq!(judge(&facts(&["0.0.0.0"], drop), &Policy::default()).unwrap().verdict(), Verdict::Pass);
        let ssh = format!(
            "{drop}rules = [{{ handle = 2, expressions = [{{ lookup = {{ set = \"ports\", register = 1 }} }}, {{ verdict = \"accept\" }}] }}]\n"
        );
        let judgement = judge(&facts(&["0.0.0.0", "::"], &ssh), &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown);
        assert!(
            judgement.unknowns[0].starts_with("who reaches tcp 0.0.0.0:3306"),
            "{:?}",
            judgement.unknowns
        );
        assert_eq!(
            judge(&facts(&["192.0.2.1"], ""), &Policy::default()).unwrap().verdict(),
            Verdict::Unknown
        );
        assert_eq!(judge(&facts(&["::1"], OPEN), &Policy::default()).unwrap().verdict(), Verdict::Pass);
        assert_eq!(
            judge(&facts(&["::1"], ""), &Policy::default()).unwrap().verdict(),
            Verdict::Unknown,
            "a rule that was not read may publish what has no socket here"
        );
    }
}
