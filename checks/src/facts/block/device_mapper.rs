//! What a device-mapper device is, by the UUID that its maker gave it; its target takes an ioctl to see.
//!
//! The prefixes are those of cryptsetup (`CRYPT-<type>-`, lib/utils_dm.h), LVM2, multipath-tools, kpartx and dmraid.

use std::collections::{BTreeMap, BTreeSet};

use super::backing::Backing;
use super::device::{Device, Kind, Scheme};

/// The kind by the UUID. `CRYPT-SUBDEV` and `CRYPT-TEMP` are helpers of cryptsetup below the device that is used, some of
/// which encipher and some not: they claim nothing.
pub(super) fn kind(uuid: &str) -> Kind {
    if let Some(rest) = uuid.strip_prefix("CRYPT-") {
        // `LUKS2-OPAL` before `LUKS2`, because the longer name starts with the shorter.
        let scheme = [
            ("LUKS2-OPAL", Kind::Crypt(Scheme::Opal)),
            ("LUKS2", Kind::Crypt(Scheme::Luks2)),
            ("LUKS1", Kind::Crypt(Scheme::Luks1)),
            ("PLAIN", Kind::Crypt(Scheme::Plain)),
            ("TCRYPT", Kind::Crypt(Scheme::Tcrypt)),
            ("BITLK", Kind::Crypt(Scheme::Bitlk)),
            ("FVAULT2", Kind::Crypt(Scheme::Fvault2)),
            ("LOOPAES", Kind::Crypt(Scheme::Loopaes)),
            ("VERITY", Kind::Verity),
            ("INTEGRITY", Kind::Integrity),
        ];
        let named = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        return scheme.into_iter().find(|(name, _)| named(name)).map_or(Kind::Mapped, |(_, kind)| kind);
    }
    let part = uuid.strip_prefix("part").and_then(|rest| rest.split_once('-'));
    if uuid.starts_with("LVM-") {
        Kind::Lvm
    } else if uuid.starts_with("mpath-") {
        Kind::Multipath
    } else if uuid.starts_with("DMRAID-") {
        Kind::Raid("dmraid".to_owned())
    } else if part.is_some_and(|(number, _)| number.parse::<u32>().is_ok()) {
        Kind::Partition
    } else {
        Kind::Mapped
    }
}

/// Tells LVM's RAID volumes by their hidden parts: `_rimage_` holds data, and every level but raid0 has `_rmeta_`.
pub(super) fn mark_lvm_raid(devices: &mut BTreeMap<String, Device>) {
    let named = |part: &str| -> BTreeSet<String> {
        let of_lvm =
            |device: &Device| device.kind == Kind::Lvm && device.name.contains(part) && !is_missing(device);
        devices.iter().filter(|(_, device)| of_lvm(device)).map(|(name, _)| name.clone()).collect()
    };
    let (images, metas) = (named("_rimage_"), named("_rmeta_"));
    for device in devices.values_mut().filter(|device| device.kind == Kind::Lvm) {
        if let Backing::Devices(below) = &device.beneath
            && below.iter().any(|name| images.contains(name))
            && below.iter().any(|name| metas.contains(name))
        {
            device.kind = Kind::Raid("lvm".to_owned());
        }
    }
}

/// Whether it stands for a physical volume that LVM did not find when it activated the volume group.
pub(super) fn is_missing(device: &Device) -> bool {
    device.name.contains("-missing_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_tell_encryption_from_what_looks_like_it() {
        for (uuid, expected) in [
            ("CRYPT-LUKS1-1f00-root", Kind::Crypt(Scheme::Luks1)),
            ("CRYPT-LUKS2-1f00-root", Kind::Crypt(Scheme::Luks2)),
            ("CRYPT-LUKS2-OPAL-1f00-root", Kind::Crypt(Scheme::Opal)),
            ("CRYPT-PLAIN-swap", Kind::Crypt(Scheme::Plain)),
            ("CRYPT-BITLK-1f00-x", Kind::Crypt(Scheme::Bitlk)),
            ("CRYPT-VERITY-1f00-usr", Kind::Verity),
            ("CRYPT-INTEGRITY-x", Kind::Integrity),
            ("CRYPT-SUBDEV-1f00-x", Kind::Mapped),
            ("CRYPT-LUKS21-x", Kind::Mapped),
            ("LVM-abcdef", Kind::Lvm),
            ("mpath-3600508b4", Kind::Multipath),
            ("part1-mpath-3600508b4", Kind::Partition),
            ("partx-mpath", Kind::Mapped),
            ("", Kind::Mapped),
        ] {
            assert_eq!(kind(uuid), expected, "{uuid}");
        }
    }
}
