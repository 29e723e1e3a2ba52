//! Mounts and swap, and the graph of block devices beneath each, from /proc and /sys.
//!
//! The facts are a graph: a mount or a swap area says what lies [`beneath`](Mount::beneath) it, and so does every
//! device, down to the hardware. Whether a way down passes an encrypted layer is asked of [`walk::Walker`], whether it
//! survives the loss of a disk of [`redundancy`].
//!
//! What this room cannot see: file systems in mount namespaces other than the first process's, folders that fscrypt
//! enciphers deep inside a clear file system, drives that encrypt by themselves without cryptsetup, and the cipher behind a
//! dm-crypt device without a LUKS header: the kernel's table takes an ioctl that hostduty has no right to.

mod backing;
mod btrfs;
mod chain;
mod device;
mod device_mapper;
mod file_system;
mod fscrypt;
pub mod luks;
mod mountinfo;
mod namespace;
pub mod redundancy;
mod swaps;
pub mod walk;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
pub use backing::Backing;
pub use btrfs::Btrfs;
pub use device::{Array, Device, Kind, Scheme};
pub use swaps::Swap;

/// More devices, mounts or malformed lines than a machine has: what exceeds them is a gap.
const MAX_DEVICES: usize = 4096;
const MAX_MOUNTS: usize = 100_000;
const MAX_MALFORMED: usize = 20;

/// Mounts and swap, and the graph of block devices beneath them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Block {
    /// Where the mounts were read: `/proc/1/mountinfo`, the machine's own, or `/proc/self/mountinfo`, which in a
    /// sandboxed service is another namespace that may hide some.
    pub mounts_from: String,
    /// File systems that hold data, in the order of that file: without kernel interfaces, memory and read-only images.
    pub mounts: Vec<Mount>,
    /// Swap areas in use, from /proc/swaps; empty where the kernel has no swap.
    pub swaps: Reading<Vec<Swap>>,
    /// Block devices by their kernel name (`dm-0`, `nvme0n1p3`), from /sys/class/block, without unused loop devices.
    pub devices: BTreeMap<String, Device>,
    /// btrfs file systems by UUID, from /sys/fs/btrfs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub btrfs: BTreeMap<String, Btrfs>,
    /// ZFS pools and their state (`ONLINE`, `DEGRADED`), from /proc/spl/kstat/zfs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, String>,
    /// The LUKS headers of encrypted layers, by the layer's device (`dm-0`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub luks: BTreeMap<String, Reading<luks::Luks>>,
    /// The device to which hibernation would write the memory (/sys/power/resume), where one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Lines and devices that make no sense, as `path:line: why`. Whoever judges every mount must mention them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<String>,
}

/// One line of mountinfo, see proc_pid_mountinfo(5). Control characters in names are written as `\ooo`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// What is mounted: a device node, a server's path without user names, a dataset, a word.
    pub source: String,
    /// `ext4`, `btrfs`, `fuse.sshfs`.
    pub file_system: String,
    /// Device number of the file system, `254:0`: mounts of one file system share it. An overlay has that of the file
    /// system which takes its writes.
    pub device: String,
    /// The folder of the file system that is mounted, for bind mounts and subvolumes; empty for its root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// For a file system of another machine: the options that say how data get there, such as `sec=krb5p` and `seal`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transport: Vec<String>,
    /// Folders whose files fscrypt enciphers, whatever lies beneath: homes, and the topmost folders of other mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enciphered: Vec<String>,
    /// What it lies on.
    pub beneath: Backing,
    /// Line in [`Block::mounts_from`], from 1.
    pub line: u32,
}

/// A file system that holds data, under the first of its mount points.
#[derive(Debug, Clone, Copy)]
pub struct DataPath<'a> {
    /// The mount that stands for it: of its root if there is one, at the shortest path.
    pub mount: &'a Mount,
    /// How many other mounts the same file system has.
    pub others: usize,
}

impl Mount {
    /// Whether it is where firmware and boot loader look, which is normally clear and holds no data.
    #[must_use]
    pub fn is_boot(&self) -> bool {
        ["/boot", "/efi"].iter().any(|dir| {
            self.point.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl Block {
    /// Every file system that is mounted, once, by mount point.
    #[must_use]
    pub fn data_paths(&self) -> Vec<DataPath<'_>> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Mount>> = BTreeMap::new();
        for mount in &self.mounts {
            // The datasets of a ZFS pool have a device number each and share what lies beneath.
            let key = match &mount.beneath {
                Backing::Pool(pool) => ("zfs", pool.as_str()),
                _ => ("", mount.device.as_str()),
            };
            groups.entry(key).or_default().push(mount);
        }
        let rank = |mount: &&&Mount| {
            (!mount.root.is_empty(), mount.is_boot(), mount.point.len(), mount.point.clone(), mount.line)
        };
        let mut paths: Vec<DataPath<'_>> = groups
            .values()
            .filter_map(|mounts| {
                let mount = mounts.iter().min_by_key(rank)?;
                Some(DataPath { mount, others: mounts.len() - 1 })
            })
            .collect();
        paths.sort_by(|a, b| a.mount.point.cmp(&b.mount.point));
        paths
    }

    /// Whether the mounts are those of the first process, hence of the machine.
    #[must_use]
    pub fn sees_all_mounts(&self) -> bool {
        self.mounts_from == INIT
    }
}

const INIT: &str = "/proc/1/mountinfo";
const OWN: &str = "/proc/self/mountinfo";

/// Reads /proc and /sys.
pub(crate) fn read(host: &dyn Host) -> Result<Block, Gap> {
    // A service with PrivateTmp= or ProtectHome= has mounts of its own. The first process has those of the machine, and
    // its list is readable by anyone unless proc is mounted with hidepid.
    let (mounts_from, bytes) = match host.read(INIT, host::LARGE) {
        Ok(bytes) => (INIT, bytes),
        Err(gap) => (OWN, host.read(OWN, host::LARGE).map_err(|_| gap)?),
    };
    let (lines, mut malformed) = mountinfo::parse(&bytes, mounts_from)?;
    let mut devices = device::read_all(host, &mut malformed)?;
    let btrfs = btrfs::read_all(host);
    let table = namespace::Namespace::new(host, &lines, &devices, &btrfs);
    let mut mounts: Vec<Mount> =
        lines.iter().enumerate().filter_map(|(index, line)| table.mount(index, line)).collect();
    fscrypt::read(host, &mut mounts);
    let files = table.files_beneath_devices();
    let swaps = swaps::read(host, &table).into();
    let resume = host::read_line(host, "/sys/power/resume").ok().and_then(|number| table.device(&number));
    for (name, beneath) in files {
        if let Some(device) = devices.get_mut(&name) {
            device.beneath = beneath;
        }
    }
    malformed.truncate(MAX_MALFORMED);
    let luks = luks::read_all(host, &devices);
    Ok(Block {
        mounts_from: mounts_from.to_owned(),
        mounts,
        swaps,
        devices,
        btrfs,
        luks,
        pools: pools(host),
        resume,
        malformed,
    })
}

/// The state of every ZFS pool, as the module prints it for everybody.
fn pools(host: &dyn Host) -> BTreeMap<String, String> {
    let dir = "/proc/spl/kstat/zfs";
    let names = host.list(dir).unwrap_or_default();
    let state = |name: String| {
        let text = host::read_line(host, &format!("{dir}/{name}/state")).ok()?;
        Some((name, mountinfo::printable(text.as_bytes())))
    };
    names.into_iter().take(MAX_DEVICES).filter_map(state).collect()
}

#[cfg(test)]
mod tests;
