//! When the timers that install updates last struck, by what systemd leaves on the disk.
//!
//! Whether a timer runs is written nowhere: /run/systemd/units has links for services and not for timers. But one that
//! runs strikes, and one with `Persistent=`, as all of these have, then touches its file.

use std::collections::BTreeMap;

use crate::date::Timestamp;
use crate::host::Host;

/// The timers that hostduty knows to fetch or install updates.
const NAMES: [&str; 8] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dnf-automatic.timer",
    "dnf-automatic-install.timer",
    "dnf5-automatic.timer",
    "os-update.timer",
    "transactional-update.timer",
    "yast-online-update.timer",
];

/// The file of which the time is that of the last strike, or that of the first start. It says nothing of how that ended.
#[must_use]
pub fn stamp(name: &str) -> String {
    format!("/var/lib/systemd/timers/stamp-{name}")
}

/// The last strike of each timer that has such a file.
pub(super) fn read(host: &dyn Host) -> BTreeMap<String, Timestamp> {
    let struck = |name: &&str| Some(((*name).to_owned(), host.stat(&stamp(name)).ok()?.modified));
    NAMES.iter().filter_map(struck).collect()
}
