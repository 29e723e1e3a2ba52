//! What the judges of the packet filter share: the allow-list, which starts as SSH alone, and the words of findings.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::check::{Check, Evidence, Judgement};
use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::sockets::{Protocol, Socket};
use crate::front_end;
use crate::gap::Gap;
use crate::policy::{AllowedSocket, Policy};
use crate::reach::{Access, Exposed, Published, Unnamed};

/// What may be open to anyone.
pub(crate) enum AllowList<'a> {
    /// What the customer's configuration names.
    Configured(&'a [AllowedSocket]),
    /// It names nothing: the ports of SSH servers.
    Ssh(Result<BTreeSet<u16>, Gap>),
}

/// Whether something is on the allow-list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Yes,
    No,
    /// That cannot be told.
    Unknown(String),
}

impl<'a> AllowList<'a> {
    pub(crate) fn new(facts: &Facts, policy: &'a Policy) -> Self {
        match &policy.allowed_sockets {
            Some(list) => Self::Configured(list),
            None => Self::Ssh(ssh_ports(facts)),
        }
    }

    pub(crate) fn of(&self, protocol: Protocol, address: IpAddr, port: u16) -> Allowed {
        let yes = match self {
            Self::Configured(list) => list.iter().any(|entry| entry.covers(protocol, address, port)),
            Self::Ssh(Ok(ports)) => protocol == Protocol::Tcp && ports.contains(&port),
            Self::Ssh(Err(gap)) if protocol == Protocol::Tcp && port == 22 => {
                return Allowed::Unknown(format!("whether an SSH server has it is not known: {gap}"));
            }
            Self::Ssh(Err(_)) => false,
        };
        if yes { Allowed::Yes } else { Allowed::No }
    }
}

/// The ports on which SSH servers listen, or will once they are started.
fn ssh_ports(facts: &Facts) -> Result<BTreeSet<u16>, Gap> {
    let servers = facts.ssh_servers.known()?;
    let others = servers.others.iter().filter(|other| !other.early).flat_map(|other| &other.listens);
    let mut ports: BTreeSet<u16> = others.filter_map(|listen| Some(listen.address?.port())).collect();
    if servers.daemons.is_empty() {
        return Ok(ports);
    }
    for served in facts.served()? {
        ports.extend(served.listening().ports);
    }
    Ok(ports)
}

/// Whether a socket is the one on which a DHCP client waits for its lease: a server answers to a fixed port (RFC 2131
/// section 4.1, RFC 8415 section 7.2), so that it has to be open wherever the network gives the machine its address.
pub(crate) fn takes_leases(socket: &Socket, program: &str) -> bool {
    const CLIENTS: [&str; 5] = ["NetworkManager", "dhclient", "dhcpcd", "systemd-networkd", "udhcpc"];
    socket.protocol == Protocol::Udp && matches!(socket.port, 68 | 546) && CLIENTS.contains(&program)
}

/// Who holds a socket, in words.
pub(crate) fn holder_name(exposed: &Exposed) -> String {
    exposed.process.clone().unwrap_or_else(|| format!("a process of uid {}", exposed.socket.uid))
}

/// Where it was seen, with the rules that decide.
pub(crate) fn seen(place: Evidence, access: &Access) -> Vec<Evidence> {
    std::iter::once(place).chain(access.decided_by.iter().cloned()).collect()
}

/// Some names in a sentence.
pub(crate) fn names(list: &[String]) -> String {
    let shown: Vec<&str> = list.iter().take(5).map(String::as_str).collect();
    match list.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What to type so that nobody reaches a port any more, in the words of the front end that is in use.
pub(crate) fn closing(facts: &Facts, protocol: Protocol, port: u16) -> Option<String> {
    // People type it over SSH as a rule: what may be its port is not closed by copying a line.
    let may_be_ssh = || ssh_ports(facts).map_or(true, |ports| ports.contains(&port));
    if protocol == Protocol::Tcp && may_be_ssh() {
        return None;
    }
    front_end::of(facts).closes(protocol, port)
}

/// What to type so that nobody reaches a port that is sent on, where a container is what it is sent to.
pub(crate) fn closing_published(facts: &Facts, published: &Published) -> Option<String> {
    // Port 0 stands for all that nothing else takes, which no container publishes.
    let one = published.port != 0 && published.to.1 != 0;
    (one && front_end::runs_containers(facts))
        .then(|| front_end::closes_published(published.protocol, published.port, published.to.1))
}

/// The remedy of a check with some steps of this very host after its first line, which says how to look.
pub(crate) fn remedy(check: &Check, steps: &[String]) -> Option<String> {
    const SHOWN: usize = 4;
    let (look, rest) = check.remedy.split_once('\n').filter(|_| !steps.is_empty())?;
    let mut lines: Vec<&str> = vec![look];
    lines.extend(steps.iter().take(SHOWN).map(String::as_str));
    if steps.len() > SHOWN {
        lines.push("The same for the other ports.");
    }
    lines.push(rest);
    Some(lines.join("\n"))
}

/// Whether a family needs no filter, which is then said.
pub(crate) fn needs_none(
    facts: &Facts,
    inbound: &[Unnamed],
    family: IpFamily,
    judgement: &mut Judgement,
) -> bool {
    let unused = facts.ruleset.value().and_then(|ruleset| ruleset.unused(family));
    let reason = match unused {
        Some(reason) => reason,
        None if inbound.iter().any(|one| one.family == family) => return false,
        None => "no interface takes it in",
    };
    judgement
        .observe(format!("{family} needs no filter: {reason}"), [Evidence::of("the list of interfaces")]);
    true
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::facts::sockets::Sockets;
    use crate::gap::Reading;

    /// One interface with an address of each family.
    pub(crate) fn two_families() -> String {
        r#"
[network.known]
routes.known = [
    { to = "192.0.2.1/32", table = 255, kind = 2, through = [2] },
    { to = "2001:db8::1/128", table = 255, kind = 2, through = [2] },
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
addresses = ["192.0.2.1/24", "2001:db8::1/64"]
reverse_path_filter.known = 0
"#
        .to_owned()
    }

    /// A machine with these tables of nftables.
    pub(crate) fn facts(network: &str, tables: &str) -> Facts {
        toml::from_str(&format!(
            "[ruleset.known]\nipv6.known = \"addressed\"\nlegacy_ipv4.known = []\nlegacy_ipv6.known = []\n\
             nftables.known.tables = {}\n{network}",
            tables.replace('\n', " ")
        ))
        .unwrap()
    }

    /// The same with these sockets, such as `tcp [::]:22`.
    pub(crate) fn listening(mut facts: Facts, sockets: &[&str]) -> Facts {
        let list = sockets.iter().map(|text| {
            let (protocol, address) = text.split_once(' ').unwrap();
            let address: std::net::SocketAddr = address.parse().unwrap();
            Socket {
                protocol: if protocol == "tcp" { Protocol::Tcp } else { Protocol::Udp },
                port: address.port(),
                address: address.ip(),
                inode: 7,
                uid: 112,
                device: Some(0),
                ipv6_only: Some(false),
                transparent: None,
            }
        });
        facts.sockets =
            Reading::Known(Sockets { list: list.collect(), namespaces: Reading::Known(Vec::new()) });
        facts
    }

    /// A base chain at the input hook with a policy and rules.
    pub(crate) fn input(family: &str, policy: &str, rules: &str) -> String {
        format!(
            r#"[{{ family = "{family}", name = "filter", chains = [{{ name = "input", handle = 1, base = {{ kind = "filter", hook = "input", priority = 0, policy = "{policy}" }}, rules = [{rules}] }}] }}]"#
        )
    }

    /// `tcp dport PORT accept` or `drop`, for one family where it is named.
    pub(crate) fn port(handle: u64, family: Option<&str>, port: u16, verdict: &str) -> String {
        let family = match family {
            Some(family) => {
                let number = if family == "ip" { "02" } else { "0a" };
                format!(
                    r#"{{ meta = {{ key = 15, register = 1 }} }}, {{ compare = {{ operator = "equal", register = 1, value = "{number}" }} }}, "#
                )
            }
            None => String::new(),
        };
        format!(
            r#"{{ handle = {handle}, expressions = [{family}{{ meta = {{ key = 16, register = 1 }} }}, {{ compare = {{ operator = "equal", register = 1, value = "06" }} }}, {{ payload = {{ base = "transport", offset = 2, length = 2, register = 1 }} }}, {{ compare = {{ operator = "equal", register = 1, value = "{port:04x}" }} }}, {{ verdict = "{verdict}" }}] }}"#
        )
    }

    #[test]
    fn without_a_list_the_ports_of_ssh_servers_are_allowed() {
        let list = |facts: &Facts, port| {
            AllowList::new(facts, &Policy::default()).of(Protocol::Tcp, [0, 0, 0, 0].into(), port)
        };
        let mut facts = Facts::default();
        assert!(matches!(list(&facts, 22), Allowed::Unknown(_)));
        assert_eq!(list(&facts, 80), Allowed::No);
        facts.ssh_servers = Reading::Known(Default::default());
        assert_eq!(list(&facts, 22), Allowed::No, "no SSH server, and something listens there");
        let servers = r#"others = [{ name = "dropbear", listens = [{ address = "0.0.0.0:2222", at.source = "dropbear" }] }]"#;
        facts.ssh_servers = Reading::Known(toml::from_str(servers).unwrap());
        assert_eq!(list(&facts, 2222), Allowed::Yes);
        let none = Policy { allowed_sockets: Some(Vec::new()), ..Policy::default() };
        assert_eq!(AllowList::new(&facts, &none).of(Protocol::Tcp, [0, 0, 0, 0].into(), 2222), Allowed::No);
    }

    #[test]
    fn a_front_end_closes_what_is_not_the_port_of_ssh() {
        let tables =
            r#"[{ family = "ip", name = "filter", chains = [{ name = "ufw-user-input", handle = 1 }] }]"#;
        let mut facts = facts("", tables);
        assert_eq!(closing(&facts, Protocol::Tcp, 3306), None, "which is the port of SSH is not known");
        assert!(closing(&facts, Protocol::Udp, 22).unwrap().starts_with("ufw prepend deny 22/udp"));
        let servers = r#"others = [{ name = "dropbear", listens = [{ address = "0.0.0.0:2222", at.source = "dropbear" }] }]"#;
        facts.ssh_servers = Reading::Known(toml::from_str(servers).unwrap());
        assert_eq!(closing(&facts, Protocol::Tcp, 2222), None);
        assert!(closing(&facts, Protocol::Tcp, 3306).unwrap().starts_with("ufw prepend deny 3306/tcp"));
    }

    #[test]
    fn a_remedy_names_a_few_steps_after_how_to_look() {
        let check = crate::registry::CHECKS.iter().find(|check| check.id == "firewall-exposure").unwrap();
        assert_eq!(remedy(check, &[]), None);
        let steps: Vec<String> = (0..6).map(|step| format!("step {step}")).collect();
        let text = remedy(check, &steps).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], check.remedy.lines().next().unwrap());
        assert_eq!(lines[1..6], ["step 0", "step 1", "step 2", "step 3", "The same for the other ports."]);
        assert_eq!(lines.last(), check.remedy.lines().last().as_ref());
    }
}
