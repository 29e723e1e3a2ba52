//! The program that a person on this host types rules into, so that remedies speak its language. It never decides a
//! verdict.

use crate::facts::Facts;
use crate::facts::ruleset::nftables::{Family, Table};
use crate::facts::sockets::Protocol;
use crate::gap::Reading;

/// A program that people type rules into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    None,
}

/// The front end that is in use: the one that starts at boot, else the one whose tables are loaded.
pub(crate) fn of(facts: &Facts) -> FrontEnd {
    let loaders = facts.firewall_boot.value().map(|boot| boot.loaders.as_slice()).unwrap_or_default();
    let starts = |unit: &str| loaders.iter().any(|loader| loader.starts && loader.unit == unit);
    let tables = facts.ruleset.value().and_then(|ruleset| ruleset.nftables.value());
    let tables: &[Table] = tables.map(|nftables| nftables.tables.as_slice()).unwrap_or_default();
    let has_chain = |start: &str| chains(facts).any(|name| name.starts_with(start));
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

/// The names of the chains that are loaded.
fn chains(facts: &Facts) -> impl Iterator<Item = &str> {
    let ruleset = facts.ruleset.value();
    let nft = ruleset.and_then(|ruleset| ruleset.nftables.value()).map(|nftables| &nftables.tables);
    let nft = nft.into_iter().flatten().flat_map(|table| &table.chains).map(|chain| chain.name.as_str());
    let legacy = ruleset.into_iter().flat_map(|ruleset| [&ruleset.legacy_ipv4, &ruleset.legacy_ipv6]);
    let legacy = legacy.filter_map(Reading::value).flatten().flat_map(|table| &table.chains);
    nft.chain(legacy.map(|chain| chain.name.as_str()))
}

/// Whether Docker, or Podman with its networks, publishes ports here.
pub(crate) fn runs_containers(facts: &Facts) -> bool {
    const CHAINS: [&str; 3] = ["DOCKER", "NETAVARK", "CNI-"];
    chains(facts).any(|name| CHAINS.iter().any(|start| name.starts_with(start)))
}

impl FrontEnd {
    /// What closes a port to all but this machine, now and after a boot, whatever opens it now. Without a front end
    /// there is no place to write it into.
    pub(crate) fn closes(self, protocol: Protocol, port: u16) -> Option<String> {
        let protocol = protocol.name();
        Some(match self {
            // Before the other rules, because it may be open by a profile, an interface or for both protocols.
            Self::Ufw => {
                format!(
                    "ufw prepend deny {port}/{protocol}   # before the rule that lets it in: `ufw status numbered`"
                )
            }
            // It may be open as a port or as a service: what a zone drops comes before both.
            Self::Firewalld => format!(
                "firewall-cmd --permanent --add-rich-rule='rule port port={port} protocol={protocol} drop' && firewall-cmd \
                 --reload   # in the default zone; another takes --zone"
            ),
            Self::Nft => format!(
                "Put `iifname != \"lo\" {protocol} dport {port} drop` at the top of the input chain in the file that \
                 nftables.service loads, /etc/nftables.conf or on Red Hat /etc/sysconfig/nftables.conf; then `systemctl \
                 reload-or-restart nftables`"
            ),
            Self::Iptables => {
                let rule = format!("-I INPUT ! -i lo -p {protocol} --dport {port} -j DROP");
                format!(
                    "iptables {rule} && ip6tables {rule} && netfilter-persistent save   # on Red Hat save with `service \
                     iptables save` and `service ip6tables save`"
                )
            }
            Self::None => return None,
        })
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

/// What closes a port that a container publishes: rules for the machine's own sockets do not see it.
pub(crate) fn closes_published(protocol: Protocol, port: u16, container_port: u16) -> String {
    let publish = format!("127.0.0.1:{port}:{container_port}/{}", protocol.name());
    format!(
        "Publish it on the loopback alone, `-p {publish}` or in a compose file `{publish}` under `ports`, and create the \
         container anew"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet_filter::tests::{facts, input};

    fn starting(tables: &str, unit: &str) -> Facts {
        let mut facts = facts("", tables);
        let boot = format!(
            r#"loaders = [{{ unit = "{unit}", path = "/{unit}", starts = true, ipv4.filter = "x", ipv6.filter = "x" }}]"#
        );
        facts.firewall_boot = Reading::Known(toml::from_str(&boot).unwrap());
        facts
    }

    #[test]
    fn what_starts_at_boot_or_is_loaded_is_the_front_end() {
        let table = |name, chain| {
            format!(
                r#"[{{ family = "ip", name = "{name}", chains = [{{ name = "{chain}", handle = 1 }}] }}]"#
            )
        };
        for (tables, unit, wanted) in [
            ("[]".to_owned(), "own.service", FrontEnd::None),
            ("[]".to_owned(), "nftables.service", FrontEnd::Nft),
            ("[]".to_owned(), "ufw.service", FrontEnd::Ufw),
            ("[]".to_owned(), "firewalld.service", FrontEnd::Firewalld),
            ("[]".to_owned(), "ip6tables.service", FrontEnd::Iptables),
            (input("inet", "drop", ""), "own.service", FrontEnd::Nft),
            (table("filter", "INPUT"), "own.service", FrontEnd::Iptables),
            (table("filter", "ufw-user-input"), "nftables.service", FrontEnd::Ufw),
            (table("firewalld", "filter_INPUT"), "nftables.service", FrontEnd::Firewalld),
        ] {
            let facts = starting(&tables, unit);
            assert_eq!(of(&facts), wanted, "{tables} {unit}");
            assert_eq!(of(&facts).closes(Protocol::Tcp, 3306).is_none(), wanted == FrontEnd::None);
        }
        assert!(runs_containers(&starting(&table("nat", "DOCKER"), "own.service")));
        assert!(!runs_containers(&starting(&table("nat", "PREROUTING"), "own.service")));
    }
}
