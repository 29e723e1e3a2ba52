//! Processes that run code whose file is no longer where they took it from: an update replaced or removed it.
//!
//! `/proc/PID/maps` names what a process has mapped, and its program is among it. Only mapped code counts. A name that ends in
//! ` (deleted)` is the kernel's word that the file lost its place, and it is held against what stands there now, seen from the
//! process's own root: a file that is called so, and one that is there after all with the same number (FUSE and network file
//! systems lose names that exist), are not deleted. That the number is another is no reason by itself: on btrfs and overlayfs
//! the kernel tells two numbers of one file.
//!
//! Not seen are modules of interpreters and classes of Java, which are read and not mapped, files written anew in their place,
//! and what a snapshot of the system brings at the next boot. What a package brings twice the same counts as replaced.

mod maps;

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::processes::{self, Process};
use crate::gap::{Gap, GapKind};
use crate::host::{Host, Stat};
use maps::{Mapping, Maps};

/// Half a million mappings; the kernel's usual limit is 65,530, and databases raise it.
const ONE: usize = 64 << 20;
/// What all processes may take together, about three seconds of the kernel's work; those of the system come first.
const ALL: usize = 256 << 20;
/// Deleted files of one process that are looked for; one of them is enough.
const FILES: usize = 64;
/// Threads of a process whose first has ended, and gaps that are kept.
const FEW: usize = 16;

/// Where packages put code: what is deleted there was removed by an update or with its package.
const PACKAGES: &[&str] =
    &["/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/opt/", "/snap/", "/nix/"];
/// Where what is deleted says nothing of updates: shared memory, code made at run time, and what users try out.
const PASSING: &[&str] =
    &["/dev/", "/home/", "/memfd:", "/proc/", "/run/", "/tmp/", "/var/run/", "/var/tmp/"];
/// What packages write anew by themselves; old programs map even such files as code.
const WRITTEN: &[&str] = &["/usr/share/", "/usr/lib/locale/"];

/// Processes that run code whose file is no longer at its place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Replaced {
    /// By process id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Stale>,
    /// Processes of which it is not known what they run.
    #[serde(skip_serializing_if = "is_none")]
    pub unread: u32,
    /// Why, for some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A process that runs such code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stale {
    /// Process id.
    pub pid: u32,
    /// The base name of its program.
    pub name: String,
    /// Effective user.
    pub uid: u32,
    /// The systemd unit whose control group it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its control group where that is no unit: of a container (`docker/4f2a…`, `lxc.payload.web`), or of a service of
    /// OpenRC (`openrc.sshd`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The files, by name.
    pub files: Vec<Code>,
}

/// A file that is no longer where a process took it from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Where it was, seen from the process's root.
    pub path: String,
    /// Whether another stands there now; otherwise it was removed, or its successor has another name.
    pub again: bool,
}

/// Reads what each known process has mapped.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Replaced, Gap> {
    let processes = facts.processes.known()?;
    let mut replaced = Replaced::default();
    let mut buffer = vec![0; 64 << 10];
    let mut left = ALL;
    let (system, users): (Vec<&Process>, Vec<&Process>) =
        processes.list.iter().partition(|process| process.is_of_the_system());
    for process in system.into_iter().chain(users) {
        match one(host, process.pid, &mut left, &mut buffer) {
            Ok(stale) => replaced.processes.extend(stale),
            // It ended between two reads.
            Err(_) if host.stat(&format!("/proc/{}", process.pid)).is_err_and(|gap| gap.is_absent()) => {}
            Err(gap) => {
                replaced.unread = replaced.unread.saturating_add(1);
                if replaced.gaps.len() < FEW {
                    replaced.gaps.push(gap);
                }
            }
        }
    }
    replaced.processes.sort_by_key(|stale| stale.pid);
    Ok(replaced)
}

/// What one process runs that is no longer at its place; nothing of one that has ended.
fn one(host: &dyn Host, pid: u32, left: &mut usize, buffer: &mut [u8]) -> Result<Option<Stale>, Gap> {
    let mut maps = mapped(host, &format!("/proc/{pid}/maps"), left, buffer)?;
    if maps.bytes == 0 {
        match rest_of(host, pid, left, buffer)? {
            Some(threads) => maps = threads,
            None => return Ok(None),
        }
    }
    let mut may = maps.deleted.iter().filter(|mapping| may_count(&mapping.path));
    let mut files: Vec<Code> =
        may.by_ref().take(FILES).filter_map(|mapping| deleted(host, pid, mapping)).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup_by(|one, other| one.path == other.path);
    if files.is_empty() {
        let all = may.next().is_none();
        return if all {
            Ok(None)
        } else {
            Err(Gap::too_large(format!("what is deleted in /proc/{pid}/maps")))
        };
    }
    // Asked for now, so that a process that took over the number is not taken for the one before it.
    let Some(process) = processes::identity(host, pid, 0)? else { return Ok(None) };
    let group = if process.unit.is_none() { group(host, pid) } else { None };
    let name = process.program().to_owned();
    Ok(Some(Stale { pid, name, uid: process.uid, unit: process.unit, group, files }))
}

fn mapped(host: &dyn Host, path: &str, left: &mut usize, buffer: &mut [u8]) -> Result<Maps, Gap> {
    if *left == 0 {
        return Err(Gap::too_large("what all processes have mapped together"));
    }
    let mut stream: Box<dyn Read> = host.open(path)?;
    let limit = ONE.min(*left);
    let maps = maps::read(stream.as_mut(), path, limit, buffer);
    let taken = match &maps {
        Ok(maps) => maps.bytes,
        Err(gap) if gap.why == GapKind::TooLarge => limit,
        Err(_) => 0,
    };
    *left = left.saturating_sub(taken);
    maps
}

/// What the other threads have mapped where the first has ended: then the process's own list is empty. Nothing where the
/// process ended as a whole.
fn rest_of(host: &dyn Host, pid: u32, left: &mut usize, buffer: &mut [u8]) -> Result<Option<Maps>, Gap> {
    if processes::identity(host, pid, 0)?.is_none() {
        return Ok(None);
    }
    let folder = format!("/proc/{pid}/task");
    for thread in host.list(&folder)?.iter().take(FEW) {
        match mapped(host, &format!("{folder}/{thread}/maps"), left, buffer) {
            Ok(maps) if maps.bytes == 0 => {}
            Err(gap) if gap.is_absent() => {}
            other => return other.map(Some),
        }
    }
    Err(Gap::malformed(format!("/proc/{pid}/maps lists nothing although the process runs")))
}

/// Whether a deleted file of this name may be one that an update replaced or removed.
fn may_count(path: &str) -> bool {
    let below = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
    // Files that never had a name, and those of the kernel such as `/SYSV00000000` and `/[aio]`.
    let name = path.rsplit('/').next().unwrap_or_default();
    let nameless = name.strip_prefix('#').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let deep = path.match_indices('/').count() > 1;
    deep && !nameless && !name.ends_with(".cache") && !below(PASSING) && !below(WRITTEN)
}

/// The file of a mapping if it is no longer at its place.
fn deleted(host: &dyn Host, pid: u32, mapping: &Mapping) -> Option<Code> {
    let path = &mapping.path;
    if at(host, pid, &format!("{path} (deleted)")).is_some_and(|stat| is_same(mapping, &stat)) {
        return None;
    }
    let now = at(host, pid, path);
    if now.as_ref().is_some_and(|stat| is_same(mapping, stat)) {
        return None;
    }
    // Elsewhere programs delete files of their own; one that is there again was replaced by another.
    let counts = now.is_some() || PACKAGES.iter().any(|place| path.starts_with(place));
    counts.then(|| Code { path: path.clone(), again: now.is_some() })
}

/// What stands at a path, seen from a process's root, or from hostduty's where the process may not leave a folder: then the
/// kernel names its files as everybody else sees them.
fn at(host: &dyn Host, pid: u32, path: &str) -> Option<Stat> {
    let within = format!("/proc/{pid}/root");
    // The kernel writes a line end in a name as `\012`.
    let plain = path.contains("\\012").then(|| path.replace("\\012", "\n"));
    let names = std::iter::once(path).chain(plain.as_deref());
    names
        .flat_map(|name| [format!("{within}{name}"), name.to_owned()])
        .find_map(|path| host.stat_link(&path).ok())
}

/// Whether a file has the number of the one that is mapped. Devices without a disk behind them have several numbers.
fn is_same(mapping: &Mapping, stat: &Stat) -> bool {
    let anonymous = mapping.device.0 == 0 && stat.device.0 == 0;
    stat.inode == mapping.inode && (anonymous || stat.device == mapping.device)
}

/// What the first names of a control group say that is no unit. Deeper is the container's own.
fn group(host: &dyn Host, pid: u32) -> Option<String> {
    let text = host.read(&format!("/proc/{pid}/cgroup"), 64 << 10).ok()?;
    let text = String::from_utf8_lossy(&text);
    let path = text.lines().take(64).find_map(|line| {
        let path = line.splitn(3, ':').nth(2)?;
        path.starts_with('/').then_some(path).filter(|path| *path != "/")
    })?;
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let first = parts.next().filter(|part| *part != ".." && !part.ends_with(".slice"))?;
    let name = match (first, parts.next()) {
        ("docker" | "lxc" | "lxd" | "podman", Some(second)) => format!("{first}/{second}"),
        (first, _) if first.starts_with("lxc.payload.") || first.starts_with("openrc.") => first.to_owned(),
        _ => return None,
    };
    (name.len() <= 255).then_some(name)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_none(value: &u32) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
