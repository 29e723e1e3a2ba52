//! OpenRC's services: scripts in /etc/init.d, started by symlinks in the runlevels.

use std::collections::BTreeMap;

use super::{Unit, UnitState, Units, list};
use crate::host::{self, Host};

/// The runlevels that lead to a machine that serves; openrc(8).
const AT_BOOT: &[&str] = &["sysinit", "boot", "default"];

/// Reads scripts and runlevels.
pub(super) fn read(host: &dyn Host, units: &mut Units) {
    let mut links: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for runlevel in list(host, "/etc/runlevels", &mut units.gaps) {
        if !AT_BOOT.contains(&runlevel.as_str()) {
            continue;
        }
        let folder = format!("/etc/runlevels/{runlevel}");
        for name in list(host, &folder, &mut units.gaps) {
            let link = format!("{folder}/{name}");
            links.entry(name).or_default().push(link);
        }
    }
    for script in list(host, "/etc/init.d", &mut units.gaps) {
        if matches!(script.as_str(), "functions.sh" | "rc.local") {
            continue;
        }
        let path = format!("/etc/init.d/{script}");
        let programs = match host.read(&path, host::SMALL) {
            Ok(bytes) => command(&String::from_utf8_lossy(&bytes)).into_iter().collect(),
            Err(_) => Vec::new(),
        };
        let wanted_by = links.remove(&script).unwrap_or_default();
        let state = if wanted_by.is_empty() { UnitState::Disabled } else { UnitState::Enabled };
        let name = format!("{script}.service");
        units.units.insert(name, Unit { path, state, wanted_by, programs, ..Unit::default() });
    }
}

/// The `command=` of a script where it is written out; openrc-run(8).
fn command(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("command="))?;
    let value = value.trim_matches(['"', '\'']);
    (value.starts_with('/') && !value.contains(['$', ' ', '`'])).then(|| value.to_owned())
}
