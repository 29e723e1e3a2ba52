//! udev rules that start units when a device appears: how Debian starts the QEMU guest agent without an `[Install]`.

use std::collections::BTreeMap;

use super::{Units, list, note};
use crate::host::{self, Host};

/// udev(7), most important first: a file hides those of the same name further down.
const FOLDERS: &[&str] = &[
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

/// Notes on each unit the rules that name it.
pub(super) fn read(host: &dyn Host, units: &mut Units) {
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    for folder in FOLDERS {
        for name in list(host, folder, &mut units.gaps) {
            if name.ends_with(".rules") {
                files.entry(name).or_insert(folder);
            }
        }
    }
    for (name, folder) in files.iter().take(2_000) {
        let path = format!("{folder}/{name}");
        let bytes = match host.read(&path, host::SMALL) {
            Ok(bytes) => bytes,
            // A rule file that is a symlink to /dev/null hides its namesake: it is no regular file and says nothing.
            Err(gap) if gap.why == crate::gap::GapKind::Unsupported || gap.is_absent() => continue,
            Err(gap) => {
                note(&mut units.gaps, gap);
                continue;
            }
        };
        for (line, unit) in wants(&String::from_utf8_lossy(&bytes)) {
            if let Some(unit) = units.units.get_mut(&unit)
                && unit.udev_rules.len() < 16
            {
                unit.udev_rules.push(format!("{path}:{line}"));
            }
        }
    }
}

/// The services that the rules start, with the line.
fn wants(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for rest in line.split("SYSTEMD_WANTS").skip(1) {
            let Some(value) = rest.trim_start_matches('}').strip_prefix(['=', '+']) else { continue };
            let Some(value) = value.trim_start_matches('=').trim_start().strip_prefix('"') else { continue };
            let value = value.split('"').next().unwrap_or_default();
            found.extend(
                value
                    .split_whitespace()
                    .filter(|name| name.ends_with(".service") && !name.contains(['$', '%']))
                    .map(|name| (number, name.to_owned())),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_count_and_comparisons_do_not() {
        let text = "# ENV{SYSTEMD_WANTS}=\"no.service\"\n\
            SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"org.qemu.guest_agent.0\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}=\"qemu-guest-agent.service\"\n\
            ENV{SYSTEMD_WANTS}+=\"a.service b@$name.service c.target\"\n\
            ENV{SYSTEMD_WANTS}\nENV{SYSTEMD_WANTS}=\"\n";
        let found = wants(text);
        assert_eq!(found, [(2, "qemu-guest-agent.service".to_owned()), (3, "a.service".to_owned())]);
    }
}
