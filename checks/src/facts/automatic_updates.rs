//! Whether updates install themselves: what each mechanism is configured to do. Timers are in the units.

pub mod apt_conf;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
use apt_conf::Setting;

/// What each mechanism for automatic updates is configured to do; those of another package manager are absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutomaticUpdates {
    /// apt's periodic work and unattended-upgrades.
    pub apt: Reading<Apt>,
    /// dnf-automatic or yum-cron.
    pub dnf: Reading<Dnf>,
    /// Scripts in /etc/periodic whose text upgrades with apk, by the line that does.
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
    /// Files that the configuration includes and hostduty does not follow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
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
    let mut updates =
        AutomaticUpdates { apt: apt(host).into(), dnf: dnf(host).into(), ..AutomaticUpdates::default() };
    for period in ["15min", "hourly", "daily", "weekly", "monthly"] {
        let dir = format!("/etc/periodic/{period}");
        match host.list(&dir) {
            Ok(names) => {
                names.iter().take(1000).for_each(|name| script(host, &format!("{dir}/{name}"), &mut updates))
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => updates.unread.push(gap),
        }
    }
    Ok(updates)
}

fn apt(host: &dyn Host) -> Result<Apt, Gap> {
    host.stat("/etc/apt")?;
    let conf = apt_conf::read(host)?;
    let get = |name: &str| conf.get(name).cloned();
    Ok(Apt {
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

/// Notes a script that upgrades with apk. run-parts only runs what is executable.
fn script(host: &dyn Host, path: &str, updates: &mut AutomaticUpdates) {
    let executable = host.stat(path).is_ok_and(|stat| stat.mode & 0o100 != 0);
    match host.read(path, host::SMALL) {
        Ok(bytes) if executable => {
            let text = String::from_utf8_lossy(&bytes);
            let upgrades = |line: &str| {
                let words: Vec<&str> =
                    line.split('#').next().unwrap_or_default().split_whitespace().collect();
                let apk = words.iter().position(|word| *word == "apk" || word.ends_with("/apk"));
                apk.is_some_and(|at| {
                    words.iter().skip(at).any(|word| word.trim_end_matches([';', '&']) == "upgrade")
                })
            };
            if let Some(at) = text.lines().position(upgrades) {
                updates
                    .apk_scripts
                    .push(Evidence::at(path, u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX)));
            }
        }
        Ok(_) => {}
        Err(gap) => updates.unread.push(gap),
    }
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
            .file("/etc/apt/apt.conf.d/99off", "APT::Periodic::Unattended-Upgrade \"0\";\n");
        let updates = gather(&host);
        let apt = updates.apt.known().unwrap();
        assert_eq!(apt.unattended_upgrade.as_ref().unwrap().path, "/etc/apt/apt.conf.d/99off");
        assert_eq!(apt.origins_pattern[0].line, 2);
        assert!(updates.dnf.known().unwrap_err().is_absent());
        let facts = Facts { automatic_updates: Reading::Known(updates), ..Facts::default() };
        assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
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
