//! Ports that containers publish are not open to strangers behind the back of the rules for the machine's own sockets.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::packet_filter::{self, AllowList, Allowed};
use crate::policy::Policy;
use crate::reach::{self, Exposure, Published, Reach};

pub(crate) static CHECK: Check = Check {
    id: "firewall-container-bypass",
    title: "No container's port is open to strangers past the rules for inbound traffic",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Docker and Podman publish a port by rewriting its destination before the packet is routed. It is then \
                forwarded and never meets the input chains, where ufw and most hand-written filters refuse strangers: \
                a database that was published for one neighbour is open to the internet while the filter looks closed.",
    remedy: "hostduty exposure   # which ports are sent on, and to whom they are open\n\
             Publish on an address instead of on all of them: `-p 127.0.0.1:8080:80`, or in daemon.json \"ip\": \"127.0.0.1\".\n\
             Refuse strangers where containers' traffic passes: in the chain DOCKER-USER, such as `iptables -I DOCKER-USER \
             -i eth0 ! -s 10.0.0.0/8 -j DROP`, or in a base chain of your own at the forward hook.\n\
             Name what is meant to be public under `allowed` in the `[sockets]` of hostduty's configuration.",
    references: &["docker-run(1)", "podman-run(1)", "nft(8)", "CIS Docker 5.14"],
    examples: Examples {
        kept: r#"
[sockets.known]
list = []
namespaces.known = []
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
list = []
namespaces.known = []
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
[[ruleset.known.nftables.known.tables]]
family = "ip"
name = "filter"
[[ruleset.known.nftables.known.tables.chains]]
name = "INPUT"
handle = 1
base = { kind = "filter", hook = "input", priority = 0, policy = "drop" }
[[ruleset.known.nftables.known.tables]]
family = "ip"
name = "nat"
[[ruleset.known.nftables.known.tables.chains]]
name = "PREROUTING"
handle = 1
base = { kind = "nat", hook = "prerouting", priority = -100, policy = "accept" }
[[ruleset.known.nftables.known.tables.chains.rules]]
handle = 2
expressions = [
    { meta = { key = 16, register = 1 } },
    { compare = { operator = "equal", register = 1, value = "06" } },
    { payload = { base = "transport", offset = 2, length = 2, register = 1 } },
    { compare = { operator = "equal", register = 1, value = "1f90" } },
    { immediate = { register = 1, data = "ac110002" } },
    { immediate = { register = 2, data = "0050" } },
    { nat = { kind = 1, family = 2, addresses = [1, 1], ports = [2, 2] } },
]
[network.known]
routes.known = [
    { to = "192.0.2.1/32", table = 255, kind = 2, through = [2] },
    { to = "172.17.0.0/16", table = 254, kind = 1, through = [3] },
]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = true
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
[[network.known.interfaces]]
index = 3
name = "docker0"
kind = "bridge"
up = true
hardware = 1
reverse_path_filter.known = 0
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let exposure = reach::exposure(facts)?;
    let allowed = AllowList::new(facts, policy);
    let mut judgement = Judgement::new();
    let mut steps = Vec::new();
    for published in &exposure.published {
        let before = judgement.findings.len();
        judge_published(facts, published, &allowed, &mut judgement);
        if judgement.findings.len() > before {
            let step = packet_filter::closing_published(facts, published);
            steps.extend(step.filter(|step| !steps.contains(step)));
        }
    }
    judgement.remedy = packet_filter::remedy(&CHECK, &steps);
    containers(facts, &exposure, &allowed, &mut judgement);
    for gap in facts.sockets.value().into_iter().flat_map(|sockets| sockets.unseen_namespaces()) {
        judgement.unknown(format!("whether a container's socket is open to strangers is not known: {gap}"));
    }
    if let Some(gap) = &exposure.unasked {
        judgement.unknown(format!("more ports may be sent on than were looked at: {gap}"));
    }
    if judgement == Judgement::new() {
        let message =
            "no rule sends a port on to a container, and no container's socket is open to strangers";
        judgement.observe(message, [Evidence::of("the packet filter")]);
    }
    Ok(judgement)
}

fn judge_published(facts: &Facts, published: &Published, allowed: &AllowList<'_>, judgement: &mut Judgement) {
    let (protocol, port, access) = (published.protocol, published.port, &published.access);
    let subject = published.to_string();
    let place = access.decided_by.first().cloned().unwrap_or_else(|| Evidence::of("the packet filter"));
    match access.reach {
        Reach::Anyone => {}
        Reach::Unknown => {
            let reason = access.reason.as_deref().unwrap_or("no reason is known");
            return judgement.unknown(format!("who reaches {subject}: {reason}"));
        }
        _ => {
            let message = format!("{subject} is open to {} alone", packet_filter::names(&access.from));
            return judgement.observe(message, [place]);
        }
    }
    match allowed.of(protocol, published.address, port) {
        Allowed::Yes => return judgement.observe(format!("{subject} is on the allow-list"), [place]),
        Allowed::Unknown(reason) => {
            return judgement.unknown(format!("{subject} is open to anyone: {reason}"));
        }
        Allowed::No => {}
    }
    match reach::without_rewriting(facts, published) {
        Ok(own) if own.reach == Reach::Anyone => judgement.observe(
            format!("{subject} is open to anyone, as a socket of this machine with that port would be"),
            own.decided_by.into_iter().take(2),
        ),
        Ok(own) if own.reach == Reach::Unknown => {
            let reason = own.reason.unwrap_or_default();
            judgement.unknown(format!("whether the input chains would refuse {subject}: {reason}"));
        }
        Ok(own) => {
            let mut finding = Finding::new(
                subject,
                "is open to anyone, although a socket of this machine with that port would not be",
                place,
            );
            finding.evidence.extend(own.decided_by.into_iter().take(2));
            judgement.fail(finding);
        }
        Err(gap) => judgement.unknown(format!("whether the input chains would refuse {subject}: {gap}")),
    }
}

/// Sockets of containers that strangers reach by the container's own address.
fn containers(facts: &Facts, exposure: &Exposure, allowed: &AllowList<'_>, judgement: &mut Judgement) {
    let namespaces = facts.sockets.value().and_then(|sockets| sockets.namespaces.value());
    for exposed in &exposure.sockets {
        let Some(inode) = exposed.namespace else { continue };
        let own = namespaces.into_iter().flatten().find(|namespace| namespace.inode == inode);
        let published = exposure.published.iter().any(|published| {
            published.protocol == exposed.socket.protocol
                && published.to.1 == exposed.socket.port
                && own
                    .and_then(|namespace| namespace.addresses.value())
                    .is_some_and(|addresses| addresses.contains(&published.to.0))
        });
        let socket = &exposed.socket;
        let name = format!("{socket} in the network namespace {inode}");
        let listed = || allowed.of(socket.protocol, socket.address, socket.port) == Allowed::Yes;
        match exposed.access.reach {
            Reach::Anyone if !published && !listed() => judgement.fail(Finding {
                subject: name,
                message: "is a container's and open to anyone by the container's own address".to_owned(),
                evidence: packet_filter::seen(
                    own.map_or_else(|| socket.evidence(), |namespace| namespace.evidence(socket)),
                    &exposed.access,
                ),
            }),
            Reach::Unknown if !published => {
                let reason = exposed.access.reason.as_deref().unwrap_or("no reason is known");
                judgement.unknown(format!("who reaches {name}: {reason}"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::sockets::Protocol;
    use crate::policy::AllowedSocket;

    fn verdict(facts: &str, policy: &Policy) -> Verdict {
        judge(&toml::from_str(facts).unwrap(), policy).unwrap().verdict()
    }

    #[test]
    fn a_published_port_is_held_against_the_input_chains() {
        let broken = CHECK.examples.broken;
        assert_eq!(verdict(broken, &Policy::default()), Verdict::Fail);
        let remedy = |facts: &str| judge(&toml::from_str(facts).unwrap(), &Policy::default()).unwrap().remedy;
        assert_eq!(remedy(broken), None, "no program is known that runs containers");
        let docker = broken.replace(
            "[network.known]\n",
            "[[ruleset.known.nftables.known.tables.chains]]\nname = \"DOCKER\"\nhandle = 9\n[network.known]\n",
        );
        assert!(remedy(&docker).unwrap().contains("`-p 127.0.0.1:8080:80/tcp`"), "{:?}", remedy(&docker));
        let open = broken.replace(r#"policy = "drop""#, r#"policy = "accept""#);
        assert_eq!(verdict(&open, &Policy::default()), Verdict::Pass, "nothing is gone around");
        let still = broken.replace("forwards_ipv4.known = true", "forwards_ipv4.known = false");
        assert_eq!(verdict(&still, &Policy::default()), Verdict::Pass, "nothing is forwarded");
        let entry = AllowedSocket { protocol: Protocol::Tcp, port: 8080, address: None };
        let policy = Policy { allowed_sockets: Some(vec![entry]), ..Policy::default() };
        assert_eq!(verdict(broken, &policy), Verdict::Pass);
    }
}
