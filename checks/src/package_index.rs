//! What the judges of package indexes share: how an age and a reason for doubt are said.

use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::packages::Manager;
use crate::facts::updates::{Index, Stale, Suite};

/// `6 hours`, `4 days`.
pub(crate) fn age(now: Timestamp, at: Timestamp) -> String {
    let hours = now.0.saturating_sub(at.0).max(0) / 3600;
    match hours {
        1 => "1 hour".to_owned(),
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

/// The steps of a remedy that are for this host's package manager: each names its own.
pub(crate) fn own_steps(facts: &Facts, remedy: &str) -> Option<String> {
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    let is_suse = release.is_some_and(|release| release.id.contains("suse") || release.id.starts_with("sle"));
    let names: &[&str] = match facts.packages.value()?.manager {
        Manager::Dpkg => &["apt", "deb "],
        Manager::Rpm if is_suse => &["zypper"],
        Manager::Rpm => &["dnf"],
        Manager::Apk => &["apk"],
        Manager::Pacman => &["pacman"],
    };
    let own = |line: &&str| names.iter().any(|name| line.contains(name));
    let steps: Vec<&str> = remedy.lines().filter(own).collect();
    (!steps.is_empty()).then(|| steps.join("\n"))
}

/// The instant up to which the index of a suite speaks, or why it cannot be relied on.
pub(crate) fn fresh(suite: &Suite, now: Timestamp, limit: u32) -> Result<(Timestamp, &Index), String> {
    let name = suite.name();
    let index = suite.index.known().map_err(|gap| gap.to_string())?;
    if let Some(gap) = index.unread.first() {
        return Err(gap.to_string());
    }
    if index.lists.is_empty() {
        return Err(format!("the index of {name} holds no package list"));
    }
    match index.fresh(now, limit) {
        Ok(at) => Ok((at, index)),
        Err(why) => Err(stale(&name, why, now, limit)),
    }
}

/// Why the index of a suite tells nothing of today.
pub(crate) fn stale(name: &str, why: Stale, now: Timestamp, limit: u32) -> String {
    match why {
        Stale::Future => {
            format!("the index of {name} is dated in the future: this clock or the archive's is wrong")
        }
        Stale::Expired(end) => {
            format!("the index of {name} expired on {} and tells nothing of today", end.day())
        }
        Stale::Old(at) => {
            format!("stale index, {}: that of {name} may be {limit} days old; refresh it", age(now, at))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::machine::{Machine, Release};
    use crate::facts::packages::Packages;
    use crate::gap::Reading;

    #[test]
    fn a_host_is_told_of_its_own_package_manager() {
        let remedy = "apt-get update\ndnf upgrade\nzypper patch\napk -U upgrade\npacman -Syu";
        let of = |manager, id: &str| {
            let release = Release { id: id.to_owned(), ..Release::default() };
            let facts = Facts {
                packages: Reading::Known(Packages { manager, ..Packages::default() }),
                machine: Reading::Known(Machine { release: Reading::Known(release), ..Machine::default() }),
                ..Facts::default()
            };
            own_steps(&facts, remedy).unwrap()
        };
        assert_eq!(of(Manager::Dpkg, "ubuntu"), "apt-get update");
        assert_eq!(of(Manager::Rpm, "rocky"), "dnf upgrade");
        assert_eq!(of(Manager::Rpm, "opensuse-leap"), "zypper patch");
        assert_eq!(of(Manager::Apk, "alpine"), "apk -U upgrade");
        assert_eq!(of(Manager::Pacman, "arch"), "pacman -Syu");
        assert_eq!(own_steps(&Facts::default(), remedy), None);
    }
}
