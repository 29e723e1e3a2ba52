//! init.d scripts: services without a unit file, for which systemd writes a unit at boot.

use std::collections::BTreeMap;

use super::{Init, Unit, UnitState, Units, list};
use crate::host::{FileKind, Host};

/// The runlevels that a machine reaches when it serves.
const RUNLEVELS: &[&str] = &["/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"];
/// Scripts of sysvinit itself and files that are no service.
const NOT_SERVICES: &[&str] = &[
    "README",
    "functions",
    "halt",
    "killall",
    "rc",
    "rcS",
    "reboot",
    "rc.local",
    "sendsigs",
    "single",
    "skeleton",
];

/// Adds the scripts that no unit file replaces.
pub(super) fn read(host: &dyn Host, units: &mut Units) {
    let mut starts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in RUNLEVELS {
        for link in list(host, folder, &mut units.gaps) {
            if let Some(name) = link.strip_prefix('S').and_then(|rest| rest.get(2..)) {
                starts.entry(name.to_owned()).or_default().push(format!("{folder}/{link}"));
            }
        }
    }
    for script in list(host, "/etc/init.d", &mut units.gaps) {
        if NOT_SERVICES.contains(&script.as_str()) || script.starts_with('.') {
            continue;
        }
        let name = format!("{}.service", script.strip_suffix(".sh").unwrap_or(&script));
        let links = starts.remove(&script).unwrap_or_default();
        // A script without start links is written as a unit too, and nothing starts it.
        let state = if links.is_empty() { UnitState::Disabled } else { UnitState::Generated };
        if let Some(unit) = units.units.get_mut(&name) {
            if unit.path.starts_with("/run/systemd/generator.late/") {
                unit.state = state;
                unit.wanted_by = links;
            }
            continue;
        }
        let path = format!("/etc/init.d/{script}");
        let executable = host.stat(&path).is_ok_and(|stat| {
            stat.kind == FileKind::File && (stat.mode & 0o111 != 0 || units.init == Init::Other)
        });
        if executable {
            units.units.insert(name, Unit { path, state, wanted_by: links, ..Unit::default() });
        }
    }
}
