//! What would load a packet filter at the next boot.

pub(crate) mod form;
mod front_ends;
pub(crate) mod iptables;
pub(crate) mod nft;
mod own;
mod settings;
pub mod tables;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::ruleset::IpFamily;
use crate::facts::units::{Init, Unit, UnitState};
use crate::gap::Gap;
use crate::host::Host;
use tables::Contents;

/// What would load a packet filter at the next boot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirewallBoot {
    /// The units that are there to load one: those of front ends that hostduty knows, and others that start `nft` or
    /// an iptables tool themselves.
    pub loaders: Vec<Loader>,
    /// What else runs at boot and speaks of such a tool: `/etc/rc.local`, scripts of interfaces, cron's `@reboot`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
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
    /// Whether it saves what is loaded when the machine goes down, so that its file does not matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saves_at_stop: bool,
    /// The tables that it leaves, where they were derived from its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
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

/// What a front end leaves.
struct Left {
    ipv4: Saved,
    ipv6: Saved,
    saves_at_stop: bool,
    contents: Option<Contents>,
}

impl Left {
    /// The same for both families.
    fn both(saved: Saved) -> Self {
        Self { ipv4: saved.clone(), ipv6: saved, saves_at_stop: false, contents: None }
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
        // Another name of a unit that is listed too, or a mask.
        if matches!(unit.state, UnitState::Alias | UnitState::Masked | UnitState::MaskedRuntime) {
            continue;
        }
        let left = match front_ends::read(host, name, unit) {
            Some(left) => left,
            None if own::loads(host, unit) => {
                Left::both(Saved::Unclear(format!("{name} loads rules in its own way, from {}", unit.path)))
            }
            None => continue,
        };
        loaders.push(loader(name, unit, left));
    }
    Ok(FirewallBoot { loaders, elsewhere: own::elsewhere(host) })
}

fn loader(name: &str, unit: &Unit, left: Left) -> Loader {
    Loader {
        unit: name.to_owned(),
        path: unit.path.clone(),
        starts: unit.starts_at_boot(),
        ipv4: left.ipv4,
        ipv6: left.ipv6,
        flushes: left.contents.as_ref().is_some_and(|contents| contents.flushes),
        saves_at_stop: left.saves_at_stop,
        contents: left.contents,
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
        let there = included.file("/etc/nftables/main.nft", nft);
        assert_eq!(families(&there, "nftables.service"), [Some(true), Some(false)]);

        let v4 = host().file("/etc/iptables/rules.v4", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
        assert_eq!(families(&v4, "netfilter-persistent.service"), [Some(true), Some(false)]);
        let denied = v4.refuse("/etc/iptables/rules.v6", Gap::denied("/etc/iptables/rules.v6"));
        assert_eq!(families(&denied, "netfilter-persistent.service"), [Some(true), None]);
        let rhel = host()
            .file("/etc/sysconfig/iptables", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\nCOMMIT\n");
        assert_eq!(families(&rhel, "iptables.service"), [Some(true), Some(false)]);

        let defaults = "IPV6=no\nDEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_FORWARD_POLICY=DROP\nDEFAULT_OUTPUT_POLICY=ACCEPT\n";
        let policy = host().file("/etc/default/ufw", defaults);
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
