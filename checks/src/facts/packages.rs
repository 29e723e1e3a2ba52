//! Which packages are installed, from the package manager's own database.

pub(crate) mod apk;
pub mod apk_version;
pub(crate) mod apk_world;
pub mod control;
pub mod debian_version;
mod dpkg;
pub(crate) mod pacman;
pub(crate) mod pacman_conf;
pub mod pacman_version;
pub mod rpm;
pub mod rpm_version;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::{Host, System};

/// More entries than this are no database of a real host.
const MOST: usize = 200_000;

/// The installed packages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Packages {
    /// Whose database it is.
    pub manager: Manager,
    /// The native architecture in the manager's words (`amd64`); empty where the database does not tell.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub architecture: String,
    /// Version by name; `name:arch` for a foreign architecture, with rpm `name.arch`.
    pub installed: BTreeMap<String, String>,
    /// Lower versions that are installed beside the one of the same name, as rpm's kernels are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<String, BTreeSet<String>>,
    /// Removed packages whose configuration stayed behind (dpkg's `config-files`).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub residual: BTreeSet<String>,
    /// Packages that the administrator holds at their version.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<String>,
    /// Packages whose installation was interrupted, with dpkg's word for it (`half-installed`); they count as
    /// installed too, at the version that dpkg notes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub broken: BTreeMap<String, String>,
    /// All that rpm's database says of its packages, for rooms that are gathered after this one; no snapshot keeps it.
    #[serde(skip)]
    pub rpm: Vec<rpm::Installed>,
}

/// The package managers whose databases hostduty reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// Debian, Ubuntu.
    #[default]
    Dpkg,
    /// RHEL and its rebuilds, Fedora, SUSE, Amazon.
    Rpm,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
}

impl Manager {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
        }
    }
}

impl Packages {
    /// The version of an installed package.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&str> {
        self.installed.get(name).map(String::as_str)
    }
}

/// Reads the package database of whichever manager the host has.
///
/// A database without a single package is no database of this host: other distributions package dpkg and pacman as
/// tools, which leaves empty ones behind. rpm's comes last: the tool is packaged everywhere.
pub(crate) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    if host.system() == System::MacOs {
        return Err(Gap::unsupported("macOS has no package database"));
    }
    let mut empty = None;
    for read in [dpkg::read, apk::read, pacman::read, rpm::read] {
        match read(host) {
            Ok(packages) if packages.installed.is_empty() => {
                empty = Some(format!("the database of {} lists no package", packages.manager.name()));
            }
            Err(gap) if gap.is_absent() => {}
            other => return other,
        }
    }
    Err(empty.map_or_else(|| Gap::absent("a package database of dpkg, apk, pacman or rpm"), Gap::malformed))
}

/// Which of two versions is newer, as the manager that installed them would say.
#[must_use]
pub fn compare(manager: Manager, left: &str, right: &str) -> Ordering {
    match manager {
        Manager::Rpm => rpm_version::compare(left, right),
        Manager::Dpkg => debian_version::compare(left, right),
        Manager::Apk => apk_version::compare(left, right),
        Manager::Pacman => pacman_version::compare(left, right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    const STATUS: &str = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";

    #[test]
    fn the_manager_that_has_packages_wins() {
        let host = Tree::new(Timestamp(0)).file("/var/lib/rpm/Packages", "x");
        let gap = read(&host).unwrap_err();
        assert_eq!(gap.why, GapKind::Unsupported);
        assert!(gap.what.contains("/var/lib/rpm/Packages is in Berkeley DB"), "{gap}");
        // Fedora with dpkg installed as a tool.
        let fedora = host.clone().file("/var/lib/dpkg/status", "");
        assert_eq!(read(&fedora).unwrap_err().why, GapKind::Unsupported);
        // Debian with rpm installed as a tool.
        let debian = host.file("/var/lib/dpkg/status", STATUS);
        assert_eq!(read(&debian).unwrap().version("a"), Some("1"));
    }

    #[test]
    fn nothing_empty_and_denied_are_three_things() {
        let none = Tree::new(Timestamp(0));
        assert_eq!(read(&none).unwrap_err().why, GapKind::Absent);
        let empty = none.clone().file("/var/lib/dpkg/status", "\n");
        assert_eq!(read(&empty).unwrap_err().why, GapKind::Malformed);
        let denied = none.refuse("/var/lib/dpkg/status", Gap::denied("/var/lib/dpkg/status"));
        assert_eq!(read(&denied).unwrap_err().why, GapKind::Denied);
    }
}
