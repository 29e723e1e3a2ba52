//! Block devices as sysfs shows them: what each is, and what lies directly beneath it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::backing::Backing;
use super::device_mapper;
use super::mountinfo::printable;
use crate::gap::Gap;
use crate::host::Host;

/// One block device.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// `major:minor`.
    pub number: String,
    /// What it is.
    pub kind: Kind,
    /// The name that device-mapper knows it by (`vg0-srv`), or the file behind a loop device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What lies directly beneath it.
    pub beneath: Backing,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether its medium can be taken out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub removable: bool,
    /// Whether it refuses writes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// The state of an md array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<Array>,
    /// The SCSI driver of its controller (`megaraid_sas`), or `fibre-channel`, for a drive that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

/// What a block device is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A drive, or what a hypervisor shows as one.
    Disk,
    /// A part of another device.
    Partition,
    /// An encrypted layer.
    Crypt(Scheme),
    /// A logical volume, or one of LVM's hidden parts.
    Lvm,
    /// An array: md's level (`raid1`, `raid0`, `linear`, `container`), `lvm` for a RAID volume of LVM, `dmraid`.
    Raid(String),
    /// A file seen as a device.
    Loop,
    /// One drive behind several paths.
    Multipath,
    /// A drive behind a cache on another.
    Bcache,
    /// Compressed memory.
    Zram,
    /// A read-only image whose blocks are checked; not encryption.
    Verity,
    /// A device whose blocks are checked; not encryption.
    Integrity,
    /// A device-mapper device whose UUID does not tell what it does.
    Mapped,
    /// Anything else.
    #[default]
    Other,
}

/// How an encrypted layer was made, by the UUID that cryptsetup gives its device-mapper device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// LUKS version 1.
    Luks1,
    /// LUKS version 2.
    Luks2,
    /// LUKS version 2 over a self-encrypting drive, alone or beside dm-crypt.
    Opal,
    /// dm-crypt without a header, such as swap under a random key.
    Plain,
    /// TrueCrypt or VeraCrypt.
    Tcrypt,
    /// BitLocker.
    Bitlk,
    /// FileVault 2.
    Fvault2,
    /// loop-AES.
    Loopaes,
}

/// An md array, from its `md` folder in sysfs (Linux' Documentation/admin-guide/md.rst).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Array {
    /// `clean`, `active`, `inactive`, `broken` and others.
    pub state: String,
    /// How many members it should have.
    pub disks: u32,
    /// How many of them are not in sync; levels without redundancy do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<u32>,
    /// What it is doing: `idle`, `recover`, `resync`, `check`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
}

const CLASS: &str = "/sys/class/block";

/// Every block device but unused loop devices. Those that could not be read are mentioned in `malformed`.
pub(super) fn read_all(
    host: &dyn Host,
    malformed: &mut Vec<String>,
) -> Result<BTreeMap<String, Device>, Gap> {
    let mut devices = BTreeMap::new();
    for name in host.list(CLASS)? {
        if devices.len() >= super::MAX_DEVICES {
            malformed.push(format!("{CLASS}: has more than {} devices", super::MAX_DEVICES));
            break;
        }
        // DISK_NAME_LEN is 32 bytes; a longer name did not come from a kernel.
        if name.len() > 64 || name.chars().any(char::is_control) {
            malformed.push(format!("{CLASS}: has a name that no kernel gives"));
            continue;
        }
        let sysfs = Sysfs { host, dir: format!("{CLASS}/{name}") };
        match read(&sysfs, &name) {
            Ok(device) => {
                devices.extend(device.map(|device| (name, device)));
            }
            // A device can vanish between the listing and the reading.
            Err(gap) if gap.is_absent() && host.stat(&sysfs.dir).is_err_and(|gap| gap.is_absent()) => {}
            Err(gap) => malformed.push(format!("{}: {gap}", sysfs.dir)),
        }
    }
    device_mapper::mark_lvm_raid(&mut devices);
    Ok(devices)
}

/// The folder of a device in sysfs.
struct Sysfs<'a> {
    host: &'a dyn Host,
    dir: String,
}

impl Sysfs<'_> {
    fn line(&self, attribute: &str) -> Result<String, Gap> {
        let bytes = self.host.read(&format!("{}/{attribute}", self.dir), 64 << 10)?;
        Ok(printable(bytes.trim_ascii_end()))
    }
    /// A line, or nothing when the attribute does not exist.
    fn optional(&self, attribute: &str) -> Result<Option<String>, Gap> {
        match self.line(attribute) {
            Ok(line) => Ok(Some(line)),
            Err(gap) if gap.is_absent() => Ok(None),
            Err(gap) => Err(gap),
        }
    }
    fn number<T: std::str::FromStr>(&self, attribute: &str) -> Option<T> {
        self.line(attribute).ok()?.trim().parse().ok()
    }
    fn has(&self, attribute: &str) -> bool {
        self.host.stat(&format!("{}/{attribute}", self.dir)).is_ok()
    }
    fn slaves(&self) -> Result<Vec<String>, Gap> {
        match self.host.list(&format!("{}/slaves", self.dir)) {
            Ok(names) => Ok(names.into_iter().take(super::MAX_DEVICES).collect()),
            Err(gap) if gap.is_absent() => Ok(Vec::new()),
            Err(gap) => Err(gap),
        }
    }
    /// The path below /sys/devices, which names the controller and, for a partition, its disk.
    fn path(&self) -> Result<String, Gap> {
        self.host.read_link(&self.dir)
    }
}

/// What a device is; `None` for a loop device without a file.
fn read(sysfs: &Sysfs<'_>, name: &str) -> Result<Option<Device>, Gap> {
    let mut device = Device {
        number: sysfs.line("dev")?,
        // The kernel counts in sectors of 512 bytes, whatever the drive's own.
        bytes: sysfs.number::<u64>("size").unwrap_or(0).saturating_mul(512).min(i64::MAX.unsigned_abs()),
        removable: sysfs.number("removable") == Some(1_u8),
        read_only: sysfs.number("ro") == Some(1_u8),
        ..Device::default()
    };
    let slaves = sysfs.slaves()?;
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if sysfs.has("partition") {
        device.kind = Kind::Partition;
        device.beneath = match parent(&sysfs.path()?) {
            Some(parent) => Backing::Devices(vec![parent]),
            None => Backing::Unclear(format!("the disk of partition {name} could not be told from its path")),
        };
    } else if numbered("dm-") {
        device.name = sysfs.optional("dm/name")?.unwrap_or_default();
        device.kind = device_mapper::kind(&sysfs.optional("dm/uuid")?.unwrap_or_default());
        device.beneath = Backing::Devices(slaves);
    } else if let Some(level) = sysfs.optional("md/level")? {
        device.kind = Kind::Raid(level);
        device.beneath = Backing::Devices(slaves);
        device.array = Some(Array {
            state: sysfs.optional("md/array_state")?.unwrap_or_default(),
            disks: sysfs.number("md/raid_disks").unwrap_or(0),
            degraded: sysfs.number("md/degraded"),
            action: sysfs.optional("md/sync_action")?.unwrap_or_default(),
        });
    } else if numbered("loop") {
        // The files behind loop and zram devices are followed once the mounts are known.
        let Some(file) = sysfs.optional("loop/backing_file")? else { return Ok(None) };
        device.kind = Kind::Loop;
        device.name = file;
    } else if numbered("zram") {
        device.kind = Kind::Zram;
        device.name = sysfs.optional("backing_dev")?.filter(|path| path != "none").unwrap_or_default();
        device.beneath = Backing::Memory;
    } else if numbered("ram") {
        device.beneath = Backing::Memory;
    } else if numbered("bcache") {
        device.kind = Kind::Bcache;
        device.beneath = Backing::Devices(slaves);
    } else if !slaves.is_empty() {
        device.beneath = Backing::Devices(slaves);
    } else if sysfs.has("device") {
        device.kind = Kind::Disk;
        device.beneath = Backing::Hardware;
        device.driver = driver(sysfs);
    } else {
        device.beneath = unattached(name);
    }
    Ok(Some(device))
}

/// A device without hardware and without anything beneath it in sysfs.
fn unattached(name: &str) -> Backing {
    let kinds = [
        ("nbd", "a network block device"),
        ("rbd", "a Ceph volume"),
        ("drbd", "a DRBD volume, whose disk sysfs does not show"),
        ("zd", "a ZFS volume, whose disks and keys sysfs does not show"),
        ("ublk", "a device that a program serves"),
    ];
    match kinds.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        Some((_, what)) => Backing::Unclear(format!("{name} is {what}")),
        None => Backing::Unclear(format!("sysfs does not show what lies beneath {name}")),
    }
}

/// The disk of a partition: the folder that holds the partition's own.
fn parent(path: &str) -> Option<String> {
    let mut parts = path.trim_end_matches('/').rsplit('/');
    parts.next()?;
    parts.next().filter(|name| !name.is_empty() && *name != "block" && *name != "..").map(str::to_owned)
}

fn driver(sysfs: &Sysfs<'_>) -> Option<String> {
    let path = sysfs.path().ok()?;
    if path.split('/').any(|part| part.starts_with("rport-")) {
        return Some("fibre-channel".to_owned());
    }
    let number = |part: &str| part.strip_prefix("host").is_some_and(|rest| rest.parse::<u32>().is_ok());
    let adapter = path.split('/').find(|part| number(part))?;
    let name = sysfs.host.read(&format!("/sys/class/scsi_host/{adapter}/proc_name"), 4096).ok()?;
    Some(printable(name.trim_ascii_end())).filter(|name| !name.is_empty())
}
