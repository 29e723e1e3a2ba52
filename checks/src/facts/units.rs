//! The init system's units: which files define them and what would start them at boot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

/// The units of the init system, from its files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Units {
    /// Which init system the host boots with.
    pub init: Init,
    /// Services, sockets and timers by name: `ssh.service`; for OpenRC the name in /etc/init.d with `.service`.
    pub units: BTreeMap<String, Unit>,
}

/// The init systems that hostduty reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// systemd.
    #[default]
    Systemd,
    /// OpenRC (Alpine).
    OpenRc,
    /// Something else, or nothing (a container).
    Other,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unit {
    /// The file that defines it; the mask when it is masked.
    pub path: String,
    /// What `systemctl is-enabled` would say.
    pub state: UnitState,
    /// The symlinks that start it (`/etc/systemd/system/multi-user.target.wants/ssh.service`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted_by: Vec<String>,
    /// Its `ExecStart=` program paths (first word, prefixes removed), without arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// Its `ConditionVirtualization=`, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_virtualization: Option<String>,
}

/// What makes a unit start, in the words of systemctl(1) is-enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// A symlink in a `.wants` or `.requires` folder, or an alias, starts it.
    Enabled,
    /// The same below /run, until the next boot.
    EnabledRuntime,
    /// It has an [Install] section that nothing uses.
    #[default]
    Disabled,
    /// It has no [Install] section; something else starts it, or nothing.
    Static,
    /// Its name leads to /dev/null or to an empty file in /etc: nothing can start it.
    Masked,
    /// The same below /run, until the next boot.
    MaskedRuntime,
    /// A generator wrote it at boot, for instance from an init.d script.
    Generated,
    /// It is another name of a unit that is listed too.
    Alias,
}

impl UnitState {
    /// Whether it starts at the next boot by its own links.
    #[must_use]
    pub fn starts_at_boot(self) -> bool {
        matches!(self, Self::Enabled | Self::Generated)
    }
}

/// Reads unit files, masks and links.
pub(crate) fn read(_host: &dyn Host) -> Result<Units, Gap> {
    Err(Gap::not_gathered())
}
