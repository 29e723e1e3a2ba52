//! btrfs file systems: their devices and profiles, which /sys/fs/btrfs shows without an ioctl.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::{self, Host};

/// One btrfs file system.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Btrfs {
    /// Kernel names of the devices that are there.
    pub devices: Vec<String>,
    /// How data and metadata that exist are kept: `single`, `dup`, `raid1`; each once.
    pub profiles: Vec<String>,
    /// Devices that belong to it and are not there.
    #[serde(skip_serializing_if = "is_zero")]
    pub missing: u32,
}

impl Btrfs {
    /// Whether everything in it is kept on more than one device.
    #[must_use]
    pub fn keeps_copies(&self) -> bool {
        let copied = |profile: &String| profile.starts_with("raid") && profile != "raid0";
        !self.profiles.is_empty() && self.profiles.iter().all(copied)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Every btrfs file system that is mounted, by UUID; nothing where there is none.
pub(super) fn read_all(host: &dyn Host) -> BTreeMap<String, Btrfs> {
    let uuids = host.list("/sys/fs/btrfs").unwrap_or_default();
    uuids
        .into_iter()
        .filter(|uuid| uuid.len() == 36)
        .take(super::MAX_DEVICES)
        .filter_map(|uuid| Some((uuid.clone(), read(host, &format!("/sys/fs/btrfs/{uuid}"))?)))
        .collect()
}

fn read(host: &dyn Host, dir: &str) -> Option<Btrfs> {
    let devices: Vec<String> =
        host.list(&format!("{dir}/devices")).ok()?.into_iter().take(super::MAX_DEVICES).collect();
    let mut profiles = Vec::new();
    for kind in ["data", "metadata", "mixed"] {
        for profile in host.list(&format!("{dir}/allocation/{kind}")).unwrap_or_default() {
            let used = host::read_line(host, &format!("{dir}/allocation/{kind}/{profile}/used_bytes"));
            // Files of the kind itself stand beside its profiles; an empty profile holds nothing to lose.
            if used.is_ok_and(|used| used != "0") {
                profiles.push(profile);
            }
        }
    }
    profiles.sort();
    profiles.dedup();
    let members = host.list(&format!("{dir}/devinfo")).unwrap_or_default();
    let gone = |id: &&String| {
        host::read_line(host, &format!("{dir}/devinfo/{id}/missing")).is_ok_and(|missing| missing == "1")
    };
    let missing = members.iter().take(super::MAX_DEVICES).filter(gone).count();
    Some(Btrfs { devices, profiles, missing: u32::try_from(missing).unwrap_or(u32::MAX) })
}
