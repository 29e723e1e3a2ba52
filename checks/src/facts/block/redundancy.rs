//! Whether a file system survives the loss of one drive, and which arrays have lost one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Array, Backing, Block, Device, Kind, device_mapper};

/// Whether data survive the loss of one drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerance {
    /// An array keeps them, as it was built; [`Block::degraded`] says whether it still can.
    Survives,
    /// The loss of one drive loses them.
    Lost,
    /// They do not lie on this machine's drives.
    NoData,
    /// Nobody can tell from here; why, one sentence.
    Unclear(String),
}

/// Drivers of controllers that may hide an array of drives behind what looks like one.
const RAID_CONTROLLERS: &[&str] = &[
    "3w-9xxx",
    "3w-sas",
    "aacraid",
    "arcmsr",
    "hpsa",
    "ips",
    "megaraid_legacy",
    "megaraid_mbox",
    "megaraid_sas",
    "mpi3mr",
    "mpt2sas",
    "mpt3sas",
    "mvumi",
    "pmcraid",
    "smartpqi",
];

/// Drivers that lead to a storage array elsewhere.
const REMOTE: &[&str] = &["fibre-channel", "iscsi_tcp", "iser", "be2iscsi", "qla4xxx", "bnx2i", "cxgb4i"];

/// Levels of md whose redundancy is known, also when it is none.
const KNOWN_LEVELS: &[&str] = &["linear", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10"];

const MAX_DEPTH: usize = 64;

/// Something of an array that is missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degraded {
    /// `md0`, `dm-3`, `btrfs <uuid>`, `ZFS pool tank`.
    pub subject: String,
    /// What is wrong, continuing the subject.
    pub message: String,
    /// The kernel's place that says so.
    pub source: String,
}

impl Array {
    /// Whether its level keeps a second copy or parity, and it has the members for it.
    #[must_use]
    pub fn is_redundant(&self, level: &str) -> bool {
        self.disks > 1 && matches!(level, "raid1" | "raid4" | "raid5" | "raid6" | "raid10")
    }
}

/// The hidden metadata of a RAID volume is missing together with its data.
fn is_missing_data(device: &Device) -> bool {
    device_mapper::is_missing(device) && !device.name.contains("_rmeta_")
}

impl Block {
    /// The md arrays, with their level. IMSM and DDF containers only hold the arrays that are listed beside them.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &str, &Array)> {
        self.devices.iter().filter_map(|(name, device)| match (&device.kind, &device.array) {
            (Kind::Raid(level), Some(array)) if level != "container" => {
                Some((name.as_str(), level.as_str(), array))
            }
            _ => None,
        })
    }

    /// Every array that has lost a member or does not run.
    #[must_use]
    pub fn degraded(&self) -> Vec<Degraded> {
        let mut found = Vec::new();
        for (name, level, array) in self.arrays() {
            let missing = array.degraded.unwrap_or(0);
            let message = if missing > 0 {
                let doing = match array.action.as_str() {
                    "recover" => ", and is rebuilding",
                    _ => "",
                };
                let disks = array.disks;
                let are = if missing == 1 { "is" } else { "are" };
                format!(
                    "is degraded: {missing} of the {disks} members of this {level} {are} missing or out of sync{doing}"
                )
            } else if matches!(array.state.as_str(), "inactive" | "broken" | "clear") {
                format!("does not run: the kernel calls its state {}", array.state)
            } else {
                continue;
            };
            found.push(Degraded {
                subject: name.to_owned(),
                message,
                source: format!("/sys/class/block/{name}/md"),
            });
        }
        for (name, device) in self.devices.iter().filter(|(_, device)| is_missing_data(device)) {
            found.push(Degraded {
                subject: device.name.clone(),
                message: "stands for a physical volume that LVM did not find".to_owned(),
                source: format!("/sys/class/block/{name}/dm/name"),
            });
        }
        for (uuid, file_system) in self.btrfs.iter().filter(|(_, file_system)| file_system.missing > 0) {
            found.push(Degraded {
                subject: format!("btrfs {uuid}"),
                message: format!("runs without {} of its devices", file_system.missing),
                source: format!("/sys/fs/btrfs/{uuid}/devinfo"),
            });
        }
        for (pool, state) in self.pools.iter().filter(|(_, state)| *state != "ONLINE") {
            found.push(Degraded {
                subject: format!("ZFS pool {pool}"),
                message: format!("is in state {state}"),
                source: format!("/proc/spl/kstat/zfs/{pool}/state"),
            });
        }
        found
    }

    /// Whether what lies on this survives the loss of one drive.
    #[must_use]
    pub fn tolerance(&self, beneath: &Backing) -> Tolerance {
        self.tolerance_of(beneath, &mut BTreeMap::new(), 0)
    }

    /// The drives beneath, by name: two members of an array may be partitions of one drive.
    fn drives<'a>(&'a self, beneath: &'a Backing) -> BTreeSet<&'a str> {
        let (mut drives, mut seen, mut todo) = (BTreeSet::new(), BTreeSet::new(), vec![beneath]);
        while let Some(beneath) = todo.pop() {
            let names = match beneath {
                Backing::Devices(names) => names.as_slice(),
                Backing::Btrfs(uuid) => self.btrfs.get(uuid).map_or(&[][..], |found| &found.devices),
                _ => &[],
            };
            for name in names {
                match self.devices.get_key_value(name) {
                    Some((name, _)) if !seen.insert(name.as_str()) => {}
                    Some((name, device)) if device.beneath == Backing::Hardware => {
                        drives.insert(name.as_str());
                    }
                    Some((_, device)) => todo.push(&device.beneath),
                    None => {}
                }
            }
        }
        drives
    }

    fn tolerance_of<'a>(
        &'a self,
        beneath: &'a Backing,
        known: &mut BTreeMap<&'a str, Tolerance>,
        depth: usize,
    ) -> Tolerance {
        match beneath {
            Backing::Devices(names) => self.tolerance_of_all(names, known, depth),
            Backing::Btrfs(uuid) => match self.btrfs.get(uuid) {
                Some(found)
                    if found.keeps_copies() && (found.missing > 0 || self.drives(beneath).len() != 1) =>
                {
                    Tolerance::Survives
                }
                Some(found) => self.tolerance_of_all(&found.devices, known, depth),
                None => {
                    Tolerance::Unclear(format!("the facts do not say on which devices btrfs {uuid} lies"))
                }
            },
            Backing::Pool(pool) => Tolerance::Unclear(format!(
                "whether ZFS pool {pool} is a mirror is not in /sys or /proc; `zpool status` tells"
            )),
            Backing::Hardware => Tolerance::Lost,
            Backing::Memory | Backing::Image | Backing::Elsewhere(_) | Backing::EncryptedFolder(_) => {
                Tolerance::NoData
            }
            Backing::Unclear(why) => Tolerance::Unclear(why.clone()),
        }
    }

    /// The loss of any device counts, because each holds a part: an array's own redundancy is known one level up.
    fn tolerance_of_all<'a>(
        &'a self,
        names: &'a [String],
        known: &mut BTreeMap<&'a str, Tolerance>,
        depth: usize,
    ) -> Tolerance {
        let (mut lost, mut survives, mut unclear) = (false, false, None);
        for name in names {
            let tolerance = match (known.get(name.as_str()), self.devices.get(name)) {
                (Some(tolerance), _) => tolerance.clone(),
                (None, Some(device)) if depth <= MAX_DEPTH => {
                    known.insert(name, Tolerance::Unclear(format!("{name} lies on itself")));
                    let tolerance = self.tolerance_of_device(name, device, known, depth.saturating_add(1));
                    known.insert(name, tolerance.clone());
                    tolerance
                }
                _ => Tolerance::Unclear(format!(
                    "what lies beneath {name} could not be read in /sys/class/block"
                )),
            };
            match tolerance {
                Tolerance::Lost => lost = true,
                Tolerance::Survives => survives = true,
                Tolerance::Unclear(why) => unclear = unclear.or(Some(why)),
                Tolerance::NoData => {}
            }
        }
        match unclear {
            _ if lost => Tolerance::Lost,
            Some(why) => Tolerance::Unclear(why),
            None if survives => Tolerance::Survives,
            None if names.is_empty() => Tolerance::Unclear("sysfs names no device beneath it".to_owned()),
            None => Tolerance::NoData,
        }
    }

    fn tolerance_of_device<'a>(
        &'a self,
        name: &str,
        device: &'a Device,
        known: &mut BTreeMap<&'a str, Tolerance>,
        depth: usize,
    ) -> Tolerance {
        let driver = device.driver.as_deref().unwrap_or_default();
        match (&device.kind, &device.array) {
            (Kind::Raid(level), Some(array)) if array.is_redundant(level) => match array.degraded {
                Some(0) if self.drives(&device.beneath).len() == 1 => Tolerance::Lost,
                Some(_) => Tolerance::Survives,
                None => Tolerance::Unclear(format!(
                    "/sys/class/block/{name}/md/degraded does not say whether it is whole"
                )),
            },
            (Kind::Raid(level), _) if level == "lvm" => Tolerance::Unclear(format!(
                "{} is a RAID volume of LVM, whose health is not in /sys; `lvs -o name,segtype,lv_health_status` tells",
                device.name
            )),
            (Kind::Raid(level), _) if !KNOWN_LEVELS.contains(&level.as_str()) => Tolerance::Unclear(format!(
                "what {name}, an array of level {level:?}, survives is not in /sys"
            )),
            (Kind::Multipath, _) => Tolerance::Unclear(format!(
                "{name} leads over several paths to a storage array, which alone can tell"
            )),
            (Kind::Mapped, _) => Tolerance::Unclear(format!(
                "{name} is a device-mapper device without a UUID that tells what it does; `dmsetup table` shows it"
            )),
            (Kind::Disk, _) if RAID_CONTROLLERS.contains(&driver) => Tolerance::Unclear(format!(
                "{name} is behind a controller that may hide an array ({driver}), which its own tool shows"
            )),
            (Kind::Disk, _) if REMOTE.contains(&driver) => {
                Tolerance::Unclear(format!("{name} is on a storage array ({driver}), which alone can tell"))
            }
            _ => self.tolerance_of(&device.beneath, known, depth),
        }
    }
}
