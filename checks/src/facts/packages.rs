//! Which packages are installed, from the package manager's own database.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

/// The installed packages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Packages {
    /// Whose database it is.
    pub manager: Manager,
    /// Version by name; `name:arch` for a foreign architecture.
    pub installed: BTreeMap<String, String>,
    /// Removed packages whose configuration stayed behind (dpkg's `config-files`).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub residual: BTreeSet<String>,
    /// Packages that the administrator holds at their version.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<String>,
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

impl Packages {
    /// The version of an installed package.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&str> {
        self.installed.get(name).map(String::as_str)
    }
}

/// Reads the package database of whichever manager the host has.
pub(crate) fn read(_host: &dyn Host) -> Result<Packages, Gap> {
    Err(Gap::not_gathered())
}
