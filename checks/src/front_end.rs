//! The program that a person on this host types rules into, so that remedies speak its language. It never decides a
//! verdict.

use crate::facts::Facts;
use crate::facts::ruleset::nftables::{Family, Table};

/// A program that people type rules into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FrontEnd {
    /// ufw(8), of Ubuntu.
    Ufw,
    /// firewall-cmd(1), of Red Hat and SUSE.
    Firewalld,
    /// nft(8) with a file that nftables.service loads.
    Nft,
    /// iptables(8), with tables saved by netfilter-persistent(8) or a service of the distribution.
    Iptables,
    /// None that is enabled.
    #[default]
    None,
}

/// The front end that is in use: the one that starts at boot, else the one whose tables are loaded.
pub(crate) fn of(facts: &Facts) -> FrontEnd {
    let loaders = facts.firewall_boot.value().map(|boot| boot.loaders.as_slice()).unwrap_or_default();
    let starts = |unit: &str| loaders.iter().any(|loader| loader.starts && loader.unit == unit);
    let tables = facts.ruleset.value().and_then(|ruleset| ruleset.nftables.value());
    let tables: &[Table] = tables.map(|nftables| nftables.tables.as_slice()).unwrap_or_default();
    let has_chain = |start: &str| {
        let legacy = facts.ruleset.value().and_then(|ruleset| ruleset.legacy_ipv4.value());
        let mut legacy = legacy.into_iter().flatten().flat_map(|table| &table.chains);
        tables.iter().flat_map(|table| &table.chains).any(|chain| chain.name.starts_with(start))
            || legacy.any(|chain| chain.name.starts_with(start))
    };
    let is_iptables = |table: &Table| {
        matches!(table.family, Family::Ip | Family::Ip6)
            && table.chains.iter().any(|chain| chain.name == "INPUT")
    };
    if tables.iter().any(|table| table.name == "firewalld") || starts("firewalld.service") {
        FrontEnd::Firewalld
    } else if has_chain("ufw-") || starts("ufw.service") && !starts("nftables.service") {
        FrontEnd::Ufw
    } else if starts("nftables.service") {
        FrontEnd::Nft
    } else if ["netfilter-persistent.service", "iptables.service", "ip6tables.service"]
        .into_iter()
        .any(starts)
        || tables.iter().any(is_iptables)
        || has_chain("INPUT")
    {
        FrontEnd::Iptables
    } else if tables.is_empty() {
        FrontEnd::None
    } else {
        FrontEnd::Nft
    }
}

impl FrontEnd {
    /// What closes a port that a rule opens, now and after a boot; nothing where no front end would do it.
    pub(crate) fn closes(self, protocol: &str, port: u16) -> Option<String> {
        let steps = match self {
            Self::Ufw => format!("ufw delete allow {port}/{protocol} && ufw deny {port}/{protocol}"),
            Self::Firewalld => {
                format!("firewall-cmd --permanent --remove-port={port}/{protocol} && firewall-cmd --reload")
            }
            Self::None => return None,
            Self::Nft => format!(
                "Take the rule that accepts {protocol} {port} out of /etc/nftables.conf, or put `{protocol} dport {port} \
                 drop` before it; then systemctl reload nftables"
            ),
            Self::Iptables => format!(
                "iptables -I INPUT -p {protocol} --dport {port} ! -i lo -j DROP && netfilter-persistent save   # and the \
                 same with ip6tables"
            ),
        };
        Some(steps)
    }

    /// What closes a port that a container publishes: rules of INPUT do not see it.
    pub(crate) fn closes_published(port: u16, container_port: u16, protocol: &str) -> String {
        format!(
            "Publish it on the loopback alone: `-p 127.0.0.1:{port}:{container_port}/{protocol}` (in a compose file: \
             `127.0.0.1:{port}:{container_port}/{protocol}` under `ports`), and start the container anew"
        )
    }

    /// What makes the rules that are loaded now come back at boot; nothing where the general remedy says it.
    pub(crate) fn saves(self) -> Option<String> {
        Some(
            match self {
                Self::Ufw => {
                    "ufw show added   # what ufw itself would load: rules that are missing here were not typed into ufw\n\
                     ufw allow ssh && ufw enable\n\
                     Type rules that were added with iptables into ufw instead, and reboot once while you have the \
                     provider's console at hand."
                }
                Self::Firewalld => {
                    "firewall-cmd --runtime-to-permanent   # what is loaded now is what comes back\n\
                     systemctl enable firewalld\n\
                     Disable other services that load rules, and reboot once while you have the provider's console at \
                     hand."
                }
                Self::Iptables => {
                    "netfilter-persistent save   # Debian and Ubuntu, package iptables-persistent; elsewhere `service \
                     iptables save`\n\
                     systemctl enable netfilter-persistent\n\
                     Reboot once while you have the provider's console at hand, and look again."
                }
                Self::Nft => {
                    "nft list ruleset   # compare with /etc/nftables.conf: one of the two is what you mean\n\
                     nft -c -f /etc/nftables.conf && systemctl enable --now nftables\n\
                     Reboot once while you have the provider's console at hand, and look again."
                }
                Self::None => return None,
            }
            .to_owned(),
        )
    }
}
