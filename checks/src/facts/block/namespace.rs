//! Which file system holds a path, and which device a name in /dev means, in the mount namespace that was read.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::backing::Backing;
use super::btrfs::Btrfs;
use super::device::{Device, Kind};
use super::file_system::{Class, classify};
use super::mountinfo::Line;
use super::{MAX_DEVICES, Mount};
use crate::host::Host;

/// Overlays on overlays, symlinks to symlinks and mounts upon mounts end here.
const MAX_DEPTH: usize = 16;
const MAX_COMPONENTS: usize = 128;

/// The mounts and devices with the indexes that make a look-up cheap: a host may have thousands of each.
pub(super) struct Namespace<'a> {
    host: &'a dyn Host,
    lines: &'a [Line],
    /// By the mount that they are mounted on, then by mount point; the last wins.
    children: HashMap<u32, HashMap<&'a str, usize>>,
    root: Option<usize>,
    devices: &'a BTreeMap<String, Device>,
    by_number: HashMap<&'a str, &'a str>,
    by_mapper_name: HashMap<&'a str, &'a str>,
    btrfs_of: HashMap<&'a str, &'a str>,
}

impl<'a> Namespace<'a> {
    pub(super) fn new(
        host: &'a dyn Host,
        lines: &'a [Line],
        devices: &'a BTreeMap<String, Device>,
        btrfs: &'a BTreeMap<String, Btrfs>,
    ) -> Self {
        let mut children: HashMap<u32, HashMap<&str, usize>> = HashMap::new();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.id != line.parent) {
            children.entry(line.parent).or_default().insert(&line.point, index);
        }
        let ids: HashSet<u32> = lines.iter().map(|line| line.id).collect();
        let is_root =
            |line: &Line| line.point == "/" && (line.parent == line.id || !ids.contains(&line.parent));
        let mapped = |(name, device): (&'a String, &'a Device)| {
            let mapper = name.starts_with("dm-") && !device.name.is_empty();
            mapper.then_some((device.name.as_str(), name.as_str()))
        };
        Self {
            host,
            lines,
            children,
            root: lines.iter().position(is_root),
            devices,
            by_number: devices.iter().map(|(name, device)| (device.number.as_str(), name.as_str())).collect(),
            by_mapper_name: devices.iter().filter_map(mapped).collect(),
            btrfs_of: btrfs
                .iter()
                .flat_map(|(uuid, found)| found.devices.iter().map(|name| (name.as_str(), uuid.as_str())))
                .collect(),
        }
    }

    /// The fact of a line; `None` for what holds no data.
    pub(super) fn mount(&self, index: usize, line: &Line) -> Option<Mount> {
        let class = classify(&line.file_system);
        if matches!(class, Class::Memory | Class::Interface | Class::Image) {
            return None;
        }
        let (beneath, device) = self.beneath(index, 0);
        Some(Mount {
            point: line.point.clone(),
            source: if class == Class::Zfs { line.source.clone() } else { without_user(&line.source) },
            file_system: line.file_system.clone(),
            device,
            transport: if class == Class::Elsewhere { line.transport.clone() } else { Vec::new() },
            root: if line.root == "/" { String::new() } else { line.root.clone() },
            enciphered: Vec::new(),
            beneath,
            line: line.number,
        })
    }

    /// What the files behind loop and zram devices lie on, by the devices' names.
    pub(super) fn files_beneath_devices(&self) -> Vec<(String, Backing)> {
        let followed = self.devices.iter().filter(|(_, device)| match device.kind {
            Kind::Loop => true,
            Kind::Zram => !device.name.is_empty(),
            _ => false,
        });
        followed.map(|(name, device)| (name.clone(), self.file(&device.name))).collect()
    }

    /// The device with this number.
    pub(super) fn device(&self, number: &str) -> Option<String> {
        self.by_number.get(number.trim()).map(|name| (*name).to_owned())
    }

    /// What a node in /dev lies on: the device itself.
    pub(super) fn node(&self, path: &str) -> Backing {
        match self.resolve(path) {
            Some(name) => Backing::Devices(vec![name.to_owned()]),
            None => Backing::Unclear(format!("no block device in /sys/class/block answers to {path}")),
        }
    }

    /// What a file lies on. A loop device may be made over a device node as well.
    pub(super) fn file(&self, path: &str) -> Backing {
        if path.starts_with("/dev/")
            && let Some(name) = self.resolve(path)
        {
            return Backing::Devices(vec![name.to_owned()]);
        }
        // The path is as its own mount namespace saw it; a path that leads nowhere here belongs to another.
        if self.host.stat(path).is_err_and(|gap| gap.is_absent()) {
            return Backing::Unclear(format!("the file {path} is deleted or in another mount namespace"));
        }
        match self.place(path) {
            Some(index) if path.starts_with("/dev/") && classify(&self.line_type(index)) == Class::Memory => {
                Backing::Unclear(format!("no block device in /sys/class/block answers to {path}"))
            }
            Some(index) => self.beneath(index, 0).0,
            None => Backing::Unclear(format!("no mount holds {path}")),
        }
    }

    fn line_type(&self, index: usize) -> String {
        self.lines.get(index).map(|line| line.file_system.clone()).unwrap_or_default()
    }

    /// What a mount lies on, and the number of the file system that takes its writes.
    fn beneath(&self, index: usize, depth: usize) -> (Backing, String) {
        let Some(line) = self.lines.get(index).filter(|_| depth < MAX_DEPTH) else {
            return (Backing::Unclear("overlays lie on overlays without end".to_owned()), String::new());
        };
        let backing = match classify(&line.file_system) {
            Class::Overlay => return self.overlay(index, line, depth),
            Class::Memory | Class::Interface => Backing::Memory,
            Class::Image => Backing::Image,
            Class::EncryptedFolder => Backing::EncryptedFolder(line.file_system.clone()),
            Class::Elsewhere => Backing::Elsewhere(without_user(&line.source)),
            Class::Zfs => Backing::Pool(line.source.split('/').next().unwrap_or_default().to_owned()),
            Class::Btrfs => self.btrfs(line),
            Class::Device => match self.by_number.get(line.device.as_str()) {
                Some(name) => Backing::Devices(vec![(*name).to_owned()]),
                None if line.device.starts_with("0:") => Backing::Unclear(format!(
                    "hostduty does not know where a file system of type {} keeps its data",
                    line.file_system
                )),
                None => Backing::Unclear(format!("no device in /sys/class/block has number {}", line.device)),
            },
        };
        (backing, line.device.clone())
    }

    /// A btrfs file system has a device number of its own; its mount source is one of its devices.
    fn btrfs(&self, line: &Line) -> Backing {
        let uuid = self.resolve(&line.source).and_then(|name| self.btrfs_of.get(name));
        match uuid {
            Some(uuid) => Backing::Btrfs((*uuid).to_owned()),
            None => Backing::Unclear(format!("/sys/fs/btrfs does not show the devices of {}", line.source)),
        }
    }

    /// An overlay keeps what is written in its upper folder. The folders below are judged where their own file systems
    /// are mounted; only for `/`, whose lower file system is often not mounted anywhere else, they count here.
    fn overlay(&self, index: usize, line: &Line, depth: usize) -> (Backing, String) {
        let lower = if line.point == "/" { line.folders.lower.as_slice() } else { &[] };
        if line.folders.upper.is_none() && lower.is_empty() {
            return (Backing::Image, line.device.clone());
        }
        let mut result: Option<(Backing, String)> = None;
        for folder in line.folders.upper.iter().chain(lower) {
            // The path is of the time and the namespace of the mount: where nothing is there, something else is mounted now.
            let gone = self.host.stat(folder).is_err_and(|gap| gap.is_absent());
            let next = match self.place(folder) {
                Some(place) if place != index && !gone => self.beneath(place, depth.saturating_add(1)),
                _ => (
                    Backing::Unclear(format!("the folder {folder} of the overlay is not visible")),
                    line.device.clone(),
                ),
            };
            result = Some(match (result, next) {
                (None, next) => next,
                (Some((Backing::Memory | Backing::Image, _)), next) => next,
                (Some(first), (Backing::Memory | Backing::Image, _)) => first,
                (Some((Backing::Devices(mut all), number)), (Backing::Devices(more), _)) => {
                    all.extend(more);
                    all.sort();
                    all.dedup();
                    all.truncate(MAX_DEVICES);
                    (Backing::Devices(all), number)
                }
                (Some(first), next) if first.0 == next.0 => first,
                (Some(first @ (Backing::Unclear(_), _)), _) => first,
                (Some(_), next @ (Backing::Unclear(_), _)) => next,
                (Some((_, number)), _) => (
                    Backing::Unclear("the overlay's folders lie on file systems of several kinds".to_owned()),
                    number,
                ),
            });
        }
        result.unwrap_or_default()
    }

    /// The mount that holds a path: from the root down, at every component, into what is mounted there. Where `..` leads
    /// is not in the words of a path.
    fn place(&self, path: &str) -> Option<usize> {
        let mut current = self.root?;
        if !path.starts_with('/') || path.split('/').any(|component| component == "..") {
            return None;
        }
        let ends = std::iter::once(1)
            .chain(path.match_indices('/').map(|(at, _)| at).skip(1))
            .chain(std::iter::once(path.len()));
        for (count, end) in ends.enumerate() {
            if count > MAX_COMPONENTS {
                return None;
            }
            let here = path.get(..end)?;
            for _ in 0..MAX_DEPTH {
                let id = self.lines.get(current)?.id;
                match self.children.get(&id).and_then(|children| children.get(here)) {
                    Some(&child) if child != current => current = child,
                    _ => break,
                }
            }
        }
        Some(current)
    }

    /// The kernel's name of a device node: `/dev/sda1`, `/dev/mapper/vg0-srv`, `/dev/vg0/srv`, `/dev/disk/by-uuid/…`.
    fn resolve(&self, path: &str) -> Option<&'a str> {
        let mut path = path.to_owned();
        for _ in 0..MAX_DEPTH {
            let name = path.strip_prefix("/dev/")?;
            // The slash of /dev/cciss/c0d0 is an exclamation mark in sysfs.
            if let Some((name, _)) = self.devices.get_key_value(name.replace('/', "!").as_str()) {
                return Some(name);
            }
            if let Some(found) = name.strip_prefix("mapper/").and_then(|name| self.by_mapper_name.get(name)) {
                return Some(found);
            }
            if let Some((group, volume)) = name.split_once('/') {
                let mapped = format!("{}-{}", group.replace('-', "--"), volume.replace('-', "--"));
                if let Some(found) = self.by_mapper_name.get(mapped.as_str()) {
                    return Some(found);
                }
            }
            path = absolute(&path, &self.host.read_link(&path).ok()?);
        }
        None
    }
}

/// The target of a symlink from the folder that it stands in.
fn absolute(link: &str, target: &str) -> String {
    if target.starts_with('/') {
        return target.to_owned();
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A mount source without user names, passwords and parameters, which network file systems may carry in front of the
/// server's name and behind the path.
fn without_user(source: &str) -> String {
    if source.starts_with("/dev/") {
        return source.to_owned();
    }
    let source = source.split(['?', '#']).next().unwrap_or_default();
    match source.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
            let slashes = if before.starts_with("//") { "//" } else { "" };
            format!("{}{after}", scheme.as_deref().unwrap_or(slashes))
        }
        None => source.to_owned(),
    }
}
