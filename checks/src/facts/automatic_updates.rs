//! Whether updates install themselves: what each mechanism is configured to do. Timers are in the units.

pub mod apt_conf;
mod cron;
pub mod timers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
use apt_conf::Setting;

/// Written by unattended-upgrades when it comes to its end, and not where it found apt locked.
pub const UNATTENDED_STAMP: &str = "/var/lib/apt/periodic/unattended-upgrades-stamp";

/// What each mechanism for automatic updates is configured to do; those of another package manager are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutomaticUpdates {
    /// apt's periodic work and unattended-upgrades.
    pub apt: Reading<Apt>,
    /// dnf-automatic or yum-cron.
    pub dnf: Reading<Dnf>,
    /// transactional-update, of systems whose root is replaced as a whole.
    pub transactional: Reading<Transactional>,
    /// When the timers that start any of them last struck, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub struck: BTreeMap<String, Timestamp>,
    /// Lines of root's crontab, and scripts in /etc/periodic that it runs, whose text upgrades with apk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apk_scripts: Vec<Evidence>,
    /// Scripts in /etc/periodic that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// The effective configuration of apt, as far as it decides on automatic updates. What is not set is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apt {
    /// APT::Periodic::Enable; `1` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable: Option<Setting>,
    /// APT::Periodic::Update-Package-Lists: every how many days, `0` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_lists: Option<Setting>,
    /// APT::Periodic::Unattended-Upgrade: every how many days, `0` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended_upgrade: Option<Setting>,
    /// Unattended-Upgrade::Origins-Pattern: `key=glob` pairs, all of which must match.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins_pattern: Vec<Setting>,
    /// Unattended-Upgrade::Allowed-Origins: `origin:archive`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<Setting>,
    /// Unattended-Upgrade::Package-Blacklist: expressions of packages that are left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blacklist: Vec<Setting>,
    /// When unattended-upgrades last came to its end, whether there was something to install or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran: Option<Timestamp>,
    /// When the package unattended-upgrades was installed or last upgraded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Files that the configuration includes and hostduty does not follow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// What transactional-update does after an update, which takes effect at the next boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transactional {
    /// The file that decides.
    pub path: String,
    /// `REBOOT_METHOD`: `auto`, `rebootmgr`, `systemd`, `kexec`, `kured`, `notify`, `none`.
    pub reboot: String,
}

/// What dnf-automatic or yum-cron does with updates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dnf {
    /// The file.
    pub path: String,
    /// `apply_updates`: install and not only download or announce.
    pub apply_updates: bool,
    /// `upgrade_type` or yum-cron's `update_cmd`: `default` or `security`.
    pub upgrade_type: String,
}

/// Reads the configuration of every mechanism that is there.
pub(crate) fn read(host: &dyn Host, _facts: &Facts) -> Result<AutomaticUpdates, Gap> {
    let mut updates = AutomaticUpdates {
        apt: apt(host).into(),
        dnf: dnf(host).into(),
        transactional: transactional(host).into(),
        struck: timers::read(host),
        ..AutomaticUpdates::default()
    };
    cron::read(host, &mut updates);
    Ok(updates)
}

fn apt(host: &dyn Host) -> Result<Apt, Gap> {
    host.stat("/etc/apt")?;
    let conf = apt_conf::read(host)?;
    let get = |name: &str| conf.get(name).cloned();
    let changed = |path: &str| host.stat(path).ok().map(|stat| stat.modified);
    Ok(Apt {
        ran: changed(UNATTENDED_STAMP),
        since: changed("/var/lib/dpkg/info/unattended-upgrades.list"),
        enable: get("APT::Periodic::Enable"),
        update_lists: get("APT::Periodic::Update-Package-Lists"),
        unattended_upgrade: get("APT::Periodic::Unattended-Upgrade"),
        origins_pattern: conf.list("Unattended-Upgrade::Origins-Pattern"),
        allowed_origins: conf.list("Unattended-Upgrade::Allowed-Origins"),
        blacklist: conf.list("Unattended-Upgrade::Package-Blacklist"),
        unread: conf.unread,
    })
}

/// The first of the places that exists, the vendor's defaults of dnf5 last.
fn dnf(host: &dyn Host) -> Result<Dnf, Gap> {
    let paths = [
        "/etc/dnf/automatic.conf",
        "/etc/dnf/dnf5-plugins/automatic.conf",
        "/etc/yum/yum-cron.conf",
        "/usr/share/dnf5/dnf5-plugins/automatic.conf",
    ];
    for path in paths {
        match host::read_text(host, path, host::SMALL) {
            Ok(text) => {
                let value = |key: &str| {
                    let pairs = text.lines().filter_map(|line| line.split_once('='));
                    pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next_back()
                };
                let upgrade_type =
                    value("upgrade_type").or(value("update_cmd")).unwrap_or("default").to_owned();
                let apply = value("apply_updates").unwrap_or("no").to_ascii_lowercase();
                let apply_updates = ["yes", "true", "1", "on"].contains(&apply.as_str());
                return Ok(Dnf { path: path.to_owned(), apply_updates, upgrade_type });
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Err(Gap::absent("the configuration of dnf-automatic or yum-cron"))
}

/// What transactional-update does after an update, by the file that says so last.
fn transactional(host: &dyn Host) -> Result<Transactional, Gap> {
    let folder = "/usr/etc/transactional-update.conf.d";
    let names = host.list(folder).or_else(|gap| if gap.is_absent() { Ok(Vec::new()) } else { Err(gap) })?;
    let parts = names.iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{folder}/{name}"));
    let paths = std::iter::once("/usr/etc/transactional-update.conf".to_owned())
        .chain(parts)
        .chain(std::iter::once("/etc/transactional-update.conf".to_owned()));
    let mut found: Option<Transactional> = None;
    for path in paths.take(1000) {
        let text = match host::read_text(host, &path, host::SMALL) {
            Ok(text) => text,
            Err(gap) if gap.is_absent() => continue,
            Err(gap) => return Err(gap),
        };
        let mut values = text.lines().filter_map(|line| line.trim().strip_prefix("REBOOT_METHOD="));
        match values.next_back() {
            Some(value) => {
                let reboot = value.trim().trim_matches(['"', '\'']).to_owned();
                found = Some(Transactional { path, reboot });
            }
            None => drop(found.get_or_insert(Transactional { path, reboot: "auto".to_owned() })),
        }
    }
    found.ok_or_else(|| Gap::absent("the configuration of transactional-update"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn gather(host: &Tree) -> AutomaticUpdates {
        read(host, &Facts::default()).unwrap()
    }

    #[test]
    fn the_effective_configuration_of_apt() {
        let host = Tree::new(Timestamp(0))
            .file(
                "/etc/apt/apt.conf.d/20auto-upgrades",
                "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n",
            )
            .file(
                "/etc/apt/apt.conf.d/50unattended-upgrades",
                "Unattended-Upgrade::Origins-Pattern {\n \"origin=Debian\";\n};\n",
            )
            .file(UNATTENDED_STAMP, "")
            .file("/var/lib/systemd/timers/stamp-apt-daily.timer", "")
            .file("/etc/apt/apt.conf.d/99off", "APT::Periodic::Unattended-Upgrade \"0\";\n");
        let updates = gather(&host);
        let apt = updates.apt.known().unwrap();
        assert_eq!(apt.unattended_upgrade.as_ref().unwrap().path, "/etc/apt/apt.conf.d/99off");
        assert_eq!(apt.origins_pattern[0].line, 2);
        assert_eq!((apt.ran, apt.since), (Some(Timestamp(0)), None));
        assert_eq!(updates.struck.keys().collect::<Vec<_>>(), ["apt-daily.timer"]);
        assert!(updates.dnf.known().unwrap_err().is_absent());
        let facts = Facts { automatic_updates: Reading::Known(updates), ..Facts::default() };
        assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
    }

    #[test]
    fn what_transactional_update_does_last() {
        let reboot = |files: &[(&str, &str)]| {
            let host = files.iter().fold(Tree::new(Timestamp(0)), |host, (path, text)| host.file(path, text));
            transactional(&host).map(|known| format!("{} {}", known.reboot, known.path))
        };
        let vendor = ("/usr/etc/transactional-update.conf", "# REBOOT_METHOD=none\n");
        let part = ("/usr/etc/transactional-update.conf.d/a.conf", "REBOOT_METHOD=\"rebootmgr\"\n");
        let own = ("/etc/transactional-update.conf", "REBOOT_METHOD=systemd\nREBOOT_METHOD=none\n");
        assert!(reboot(&[]).unwrap_err().is_absent());
        assert_eq!(reboot(&[vendor]).unwrap(), "auto /usr/etc/transactional-update.conf");
        assert_eq!(reboot(&[vendor, part]).unwrap(), format!("rebootmgr {}", part.0));
        assert_eq!(reboot(&[vendor, part, own]).unwrap(), "none /etc/transactional-update.conf");
    }

    #[test]
    fn dnf_and_apk() {
        let host = Tree::new(Timestamp(0))
            .file(
                "/etc/dnf/automatic.conf",
                "[commands]\nupgrade_type = security\n# apply_updates = no\napply_updates = yes\n",
            )
            .file("/etc/periodic/daily/up", "#!/bin/sh\n# apk upgrade\nexec /sbin/apk -U upgrade\n")
            .with("/etc/periodic/daily/up", |node| node.mode = 0o755)
            .file("/etc/periodic/daily/off", "apk upgrade\n")
            .refuse("/etc/periodic/weekly/denied", Gap::denied("/etc/periodic/weekly/denied"));
        let updates = gather(&host);
        let dnf = updates.dnf.known().unwrap();
        assert!(dnf.apply_updates && dnf.upgrade_type == "security");
        assert_eq!(updates.apk_scripts, [Evidence::at("/etc/periodic/daily/up", 3)]);
        assert_eq!(updates.unread.len(), 1);
    }
}
