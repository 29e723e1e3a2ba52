//! What would load a packet filter at the next boot.

mod chains;
mod nft_file;
mod saved;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::units::{Init, Unit, UnitState};
use crate::gap::Gap;
use crate::host::{Host, SMALL, read_text};

/// What would load a packet filter at the next boot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirewallBoot {
    /// The units that are there to load one: those of front ends that hostduty knows, and others that start `nft` or
    /// an iptables tool themselves.
    pub loaders: Vec<Loader>,
}

/// One unit that loads a packet filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loader {
    /// Its name, such as `nftables.service`.
    pub unit: String,
    /// The file that defines it.
    pub path: String,
    /// Whether it starts at the next boot.
    pub starts: bool,
    /// What it would load for IPv4.
    pub ipv4: Saved,
    /// What it would load for IPv6.
    pub ipv6: Saved,
    /// Whether it first throws away what the others have loaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flushes: bool,
}

/// What a loader would load for one family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Saved {
    /// Rules that drop or reject inbound traffic, at this place.
    Filter(String),
    /// Nothing that drops inbound traffic, for this reason.
    Nothing(String),
    /// That cannot be told, for this reason.
    Unclear(String),
}

impl Loader {
    /// What it would load for a family.
    #[must_use]
    pub fn saved(&self, family: IpFamily) -> &Saved {
        match family {
            IpFamily::V4 => &self.ipv4,
            IpFamily::V6 => &self.ipv6,
        }
    }
}

/// Looks for the loaders among the units, and at what they have saved.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<FirewallBoot, Gap> {
    let units = facts.units.known()?;
    if units.init == Init::Other {
        return Err(Gap::unsupported(
            "what loads a packet filter at boot is only known of systemd and OpenRC",
        ));
    }
    let mut loaders = Vec::new();
    for (name, unit) in &units.units {
        let mut flushes = false;
        // Another name of a unit that is listed too, or a mask.
        if matches!(unit.state, UnitState::Alias | UnitState::Masked | UnitState::MaskedRuntime) {
            continue;
        }
        let saved = match name.as_str() {
            "nftables.service" => {
                let (saved, empties) = nftables(host);
                flushes = empties;
                saved
            }
            "netfilter-persistent.service" => {
                (table(host, &["/etc/iptables/rules.v4"]), table(host, &["/etc/iptables/rules.v6"]))
            }
            "iptables.service" => (table(host, &IPTABLES), Saved::Nothing(format!("{name} is for IPv4"))),
            "ip6tables.service" => (Saved::Nothing(format!("{name} is for IPv6")), table(host, &IP6TABLES)),
            "ufw.service" => both(ufw(host)),
            "firewalld.service" => both(firewalld(host)),
            _ if unit.programs.iter().any(|program| is_tool(program)) => {
                both(Saved::Unclear(format!("{name} loads rules in its own way, from {}", unit.path)))
            }
            _ => continue,
        };
        loaders.push(Loader { flushes, ..loader(name, unit, saved) });
    }
    Ok(FirewallBoot { loaders })
}

/// Where the services of Red Hat, Arch, Alpine and Gentoo keep their tables.
const IPTABLES: [&str; 4] = [
    "/etc/sysconfig/iptables",
    "/etc/iptables/iptables.rules",
    "/etc/iptables/rules-save",
    "/var/lib/iptables/rules-save",
];
const IP6TABLES: [&str; 4] = [
    "/etc/sysconfig/ip6tables",
    "/etc/iptables/ip6tables.rules",
    "/etc/iptables/rules6-save",
    "/var/lib/ip6tables/rules-save",
];
/// Debian and Arch, Red Hat, Alpine, Gentoo.
const NFTABLES: [&str; 4] = [
    "/etc/nftables.conf",
    "/etc/sysconfig/nftables.conf",
    "/etc/nftables.nft",
    "/var/lib/nftables/rules-save",
];

fn loader(name: &str, unit: &Unit, (ipv4, ipv6): (Saved, Saved)) -> Loader {
    let starts = unit.state.starts_at_boot();
    Loader { unit: name.to_owned(), path: unit.path.clone(), starts, ipv4, ipv6, flushes: false }
}

fn both(saved: Saved) -> (Saved, Saved) {
    (saved.clone(), saved)
}

fn is_tool(program: &str) -> bool {
    let base = program.rsplit('/').next().unwrap_or(program);
    base == "nft" || base.starts_with("iptables") || base.starts_with("ip6tables")
}

/// The one file of these that exists, with its text.
fn only<'a>(host: &dyn Host, paths: &[&'a str]) -> Result<(&'a str, String), Saved> {
    let mut found = None;
    for path in paths {
        match read_text(host, path, SMALL) {
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(Saved::Unclear(gap.to_string())),
            Ok(text) => match found {
                None => found = Some((*path, text)),
                Some((first, _)) => {
                    return Err(Saved::Unclear(format!(
                        "{first} and {path} both exist, and one of them counts"
                    )));
                }
            },
        }
    }
    found.ok_or_else(|| Saved::Nothing(format!("{} does not exist", paths.join(" or "))))
}

/// What it loads, and whether it empties the ruleset before that.
fn nftables(host: &dyn Host) -> ((Saved, Saved), bool) {
    let (path, text) = match only(host, &NFTABLES) {
        Ok(found) => found,
        Err(saved) => return (both(saved), false),
    };
    let seen = nft_file::read(&text);
    let family = |filters: bool| {
        if filters {
            Saved::Filter(path.to_owned())
        } else if seen.includes {
            Saved::Unclear(format!("{path} includes other files, which hostduty does not follow"))
        } else {
            Saved::Nothing(format!("{path} drops nothing on its way in"))
        }
    };
    ((family(seen.ipv4), family(seen.ipv6)), seen.flushes)
}

fn table(host: &dyn Host, paths: &[&str]) -> Saved {
    match only(host, paths) {
        Ok((path, text)) if saved::iptables(&text) => Saved::Filter(path.to_owned()),
        Ok((path, _)) => Saved::Nothing(format!("{path} drops nothing on its way in")),
        Err(saved) => saved,
    }
}

/// ufw(8): with `IPV6=no` it lets IPv6 through on the loopback alone, so both families are filtered either way.
fn ufw(host: &dyn Host) -> Saved {
    let setting = |path: &str, key: &str| read_text(host, path, SMALL).map(|text| saved::setting(&text, key));
    match setting("/etc/ufw/ufw.conf", "ENABLED") {
        Ok(Some(value)) if value.eq_ignore_ascii_case("yes") => {}
        Ok(_) => return Saved::Nothing("/etc/ufw/ufw.conf does not say ENABLED=yes".to_owned()),
        Err(gap) if gap.is_absent() => return Saved::Nothing(gap.to_string()),
        Err(gap) => return Saved::Unclear(gap.to_string()),
    }
    match setting("/etc/default/ufw", "DEFAULT_INPUT_POLICY") {
        Ok(Some(value)) if value == "DROP" || value == "REJECT" => {
            Saved::Filter("/etc/ufw/ufw.conf".to_owned())
        }
        Ok(_) => Saved::Unclear("/etc/default/ufw does not drop incoming traffic by default".to_owned()),
        Err(gap) => Saved::Unclear(gap.to_string()),
    }
}

/// firewalld.zone(5): every zone that it ships rejects or drops what it does not list, except `trusted`.
fn firewalld(host: &dyn Host) -> Saved {
    let path = "/etc/firewalld/firewalld.conf";
    let zone = match read_text(host, path, SMALL) {
        Ok(text) => saved::setting(&text, "DefaultZone").unwrap_or_else(|| "public".to_owned()),
        // Without a file the built-in default holds.
        Err(gap) if gap.is_absent() => "public".to_owned(),
        Err(gap) => return Saved::Unclear(gap.to_string()),
    };
    if zone == "trusted" || zone.contains('/') {
        return Saved::Unclear(format!("firewalld's default zone is {zone:?}"));
    }
    let own = format!("/etc/firewalld/zones/{zone}.xml");
    match read_text(host, &own, SMALL) {
        Ok(text) if text.contains("\"ACCEPT\"") => Saved::Unclear(format!("{own} accepts by default")),
        Ok(_) => Saved::Filter(own),
        Err(gap) if gap.is_absent() => Saved::Filter(format!("firewalld's zone {zone}")),
        Err(gap) => Saved::Unclear(gap.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::units::Units;
    use crate::gap::Reading;
    use crate::host::Tree;

    fn facts(units: &[(&str, UnitState, &[&str])]) -> Facts {
        let units = units
            .iter()
            .map(|(name, state, programs)| {
                let programs = programs.iter().map(|program| (*program).to_owned()).collect();
                let path = format!("/lib/systemd/system/{name}");
                ((*name).to_owned(), Unit { path, state: *state, programs, ..Unit::default() })
            })
            .collect();
        Facts {
            units: Reading::Known(Units { init: Init::Systemd, units, ..Units::default() }),
            ..Facts::default()
        }
    }

    fn one(host: &Tree, unit: &str) -> (Saved, Saved) {
        let boot = read(host, &facts(&[(unit, UnitState::Enabled, &[])])).unwrap();
        let text = toml::to_string(&boot).unwrap();
        assert_eq!(toml::from_str::<FirewallBoot>(&text).unwrap(), boot);
        let [loader] = boot.loaders.as_slice() else { panic!("{boot:?}") };
        assert!(loader.starts);
        (loader.ipv4.clone(), loader.ipv6.clone())
    }

    fn filters(saved: &Saved) -> Option<bool> {
        match saved {
            Saved::Filter(_) => Some(true),
            Saved::Nothing(_) => Some(false),
            Saved::Unclear(_) => None,
        }
    }

    #[test]
    fn what_each_front_end_has_saved() {
        let host = || Tree::new(Timestamp(0));
        let families = |host: &Tree, unit: &str| {
            let (ipv4, ipv6) = one(host, unit);
            [filters(&ipv4), filters(&ipv6)]
        };
        let nft = "table ip filter { chain input { type filter hook input priority 0; policy drop; } }";
        assert_eq!(families(&host(), "nftables.service"), [Some(false); 2]);
        let saved = host().file("/etc/nftables.conf", nft);
        assert_eq!(families(&saved, "nftables.service"), [Some(true), Some(false)]);
        assert_eq!(families(&saved.file("/etc/nftables.nft", nft), "nftables.service"), [None; 2]);
        let included = host().file("/etc/sysconfig/nftables.conf", "include \"/etc/nftables/main.nft\"");
        assert_eq!(families(&included, "nftables.service"), [None; 2]);

        let v4 = host().file("/etc/iptables/rules.v4", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
        assert_eq!(families(&v4, "netfilter-persistent.service"), [Some(true), Some(false)]);
        let denied = v4.refuse("/etc/iptables/rules.v6", Gap::denied("/etc/iptables/rules.v6"));
        assert_eq!(families(&denied, "netfilter-persistent.service"), [Some(true), None]);
        let rhel = host()
            .file("/etc/sysconfig/iptables", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n");
        assert_eq!(families(&rhel, "iptables.service"), [Some(true), Some(false)]);

        let policy = host().file("/etc/default/ufw", "IPV6=no\nDEFAULT_INPUT_POLICY=\"DROP\"\n");
        assert_eq!(families(&policy, "ufw.service"), [Some(false); 2]);
        let off = policy.clone().file("/etc/ufw/ufw.conf", "# ENABLED=yes\nENABLED=no\n");
        assert_eq!(families(&off, "ufw.service"), [Some(false); 2]);
        let on = policy.file("/etc/ufw/ufw.conf", "ENABLED=yes\n");
        assert_eq!(families(&on, "ufw.service"), [Some(true); 2]);
        assert_eq!(families(&on.file("/etc/default/ufw", ""), "ufw.service"), [None; 2]);

        assert_eq!(families(&host(), "firewalld.service"), [Some(true); 2]);
        let trusted = host().file("/etc/firewalld/firewalld.conf", "DefaultZone=trusted\n");
        assert_eq!(families(&trusted, "firewalld.service"), [None; 2]);
    }

    #[test]
    fn masks_and_other_units_are_left_out_and_own_loaders_are_unclear() {
        let units = facts(&[
            ("nftables.service", UnitState::Masked, &[]),
            ("my-rules.service", UnitState::Enabled, &["/usr/sbin/iptables-restore"]),
            ("ssh.service", UnitState::Enabled, &["/usr/sbin/sshd"]),
            ("ufw.service", UnitState::Disabled, &[]),
        ]);
        let boot = read(&Tree::new(Timestamp(0)), &units).unwrap();
        let names: Vec<_> = boot.loaders.iter().map(|loader| (loader.unit.as_str(), loader.starts)).collect();
        assert_eq!(names, [("my-rules.service", true), ("ufw.service", false)]);
        assert_eq!(filters(&boot.loaders[0].ipv4), None);
        assert!(read(&Tree::new(Timestamp(0)), &Facts::default()).is_err());
    }
}
