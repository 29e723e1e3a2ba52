//! Programs that put chains of their own beside the rules of others, and put them back when they start.

/// One such program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tool {
    /// As people call it.
    pub(super) name: &'static str,
    /// How the names of its chains begin.
    chains: &'static [&'static str],
    /// The names of its tables, or how they begin when they end in `*`.
    tables: &'static [&'static str],
    /// The units that put its rules back.
    pub(super) units: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "fail2ban",
        chains: &["f2b-", "fail2ban-"],
        tables: &["f2b-table", "fail2ban*"],
        units: &["fail2ban.service"],
    },
    Tool {
        name: "Docker",
        chains: &["DOCKER"],
        tables: &["docker-bridges"],
        units: &["docker.service", "docker.socket"],
    },
    Tool {
        name: "libvirt",
        chains: &["LIBVIRT_"],
        tables: &["libvirt_network"],
        units: &["libvirtd.service", "libvirtd.socket", "virtnetworkd.service", "virtnetworkd.socket"],
    },
    Tool {
        name: "Kubernetes",
        chains: &["KUBE-", "CNI-", "cali-", "FLANNEL-", "CILIUM_"],
        tables: &["kube-proxy", "kube-*"],
        units: &["kubelet.service", "k3s.service", "k3s-agent.service"],
    },
    Tool {
        name: "Podman",
        chains: &["NETAVARK"],
        tables: &["netavark"],
        units: &["podman.service", "podman.socket", "podman-restart.service"],
    },
    Tool {
        name: "CrowdSec",
        chains: &["CROWDSEC", "crowdsec"],
        tables: &["crowdsec*"],
        units: &["crowdsec-firewall-bouncer.service"],
    },
    Tool { name: "Tailscale", chains: &["ts-"], tables: &[], units: &["tailscaled.service"] },
    Tool {
        name: "LXD",
        chains: &["lxd"],
        tables: &["lxd", "incus"],
        units: &["lxd.service", "incus.service"],
    },
    Tool { name: "SSHGuard", chains: &["sshguard"], tables: &["sshguard"], units: &["sshguard.service"] },
];

/// Whose a chain is.
pub(super) fn of_chain(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.chains.iter().any(|start| name.starts_with(start)))
}

/// Whose a table is.
pub(super) fn of_table(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| {
        tool.tables.iter().any(|table| match table.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *table,
        })
    })
}

/// Bridges that Docker makes: `docker0`, and `br-` with twelve digits of the network's name.
pub(super) fn is_docker_bridge(word: &str) -> bool {
    word.split(' ').any(|part| {
        let digits = part.strip_prefix("br-").unwrap_or_default();
        part == "docker0" || digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}
