//! Running processes: what runs, from which file, in which unit, and which sockets and channels it holds.

mod limits;
mod parse;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{self, Host};
pub use limits::Limit;

/// File descriptors of one process that are looked at.
const DESCRIPTORS: usize = 65_536;
/// Ticks of a second in `/proc/PID/stat`: USER_HZ is 100 on every architecture that hostduty is built for, whatever
/// the kernel's own HZ.
const TICKS: i64 = 100;

/// The running processes, kernel threads left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processes {
    /// By process id.
    pub list: Vec<Process>,
    /// Processes that are there and could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One process. Arguments and environment are never kept: they may hold secrets. Of a guest agent's only the names of
/// commands that it was told to refuse are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// `comm`, at most 15 bytes; a process chooses it itself.
    pub name: String,
    /// The file that it runs, with ` (deleted)` when that file was replaced; root only for others' processes.
    pub exe: Reading<String>,
    /// Effective user.
    pub uid: u32,
    /// When it started.
    pub started: Timestamp,
    /// The systemd unit whose control group it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether it is in a PID namespace of its own below hostduty's, as in a container: then it serves that container
    /// and its file is one of the container's.
    #[serde(skip_serializing_if = "is_false")]
    pub contained: bool,
    /// Inodes of its sockets, and device files that it holds open below /dev; root only for others' processes.
    pub open: Reading<Open>,
    /// Of a guest agent: what it was told not to do for its hypervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Reading<Vec<Limit>>>,
}

/// What a process holds open, as far as a judge may ask.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Open {
    /// Inodes of listening or bound sockets are among these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<u64>,
    /// Devices such as `/dev/vport1p1` or `/dev/xen/xenbus`; terminals and /dev/null are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

impl Processes {
    /// The processes that run a file of this base name (the true file where it is known, else `comm`).
    pub fn running<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Process> {
        self.list.iter().filter(move |process| process.program() == name)
    }

    /// Which process holds which socket, by inode; of several the one with the lowest process id. An ordinary account
    /// can hold hundreds of thousands of sockets, so that a search for each would take minutes.
    #[must_use]
    pub fn holders(&self) -> HashMap<u64, &Process> {
        let mut holders = HashMap::new();
        for process in &self.list {
            for inode in process.open.value().map_or(&[][..], |open| &open.sockets) {
                holders.entry(*inode).or_insert(process);
            }
        }
        holders
    }
}

impl Process {
    /// Whether it runs for the system: for an account below UID_MIN of login.defs(5), one that systemd makes up for a
    /// unit, or nobody. Ordinary accounts and the ids that user namespaces map are all others.
    #[must_use]
    pub fn is_of_the_system(&self) -> bool {
        matches!(self.uid, 0..1000 | 61_184..=65_535)
    }
    /// The base name of the file that it runs, or its `comm` where the file is not known.
    #[must_use]
    pub fn program(&self) -> &str {
        match &self.exe {
            Reading::Known(exe) => exe.trim_end_matches(" (deleted)").rsplit('/').next().unwrap_or(exe),
            Reading::Gap(_) => &self.name,
        }
    }
}

/// Reads /proc.
pub(crate) fn read(host: &dyn Host) -> Result<Processes, Gap> {
    let names = host.list("/proc")?;
    let pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if pids.is_empty() {
        return Err(Gap::offline("the list of processes"));
    }
    // PID 1 always exists: where it is missing, /proc is mounted with hidepid= and shows a part only.
    if !pids.contains(&1) {
        return Err(Gap::denied("the processes of other users in /proc (hidepid)"));
    }
    let booted = booted_at(host)?;
    let mut processes = Processes::default();
    for pid in pids {
        match process(host, pid, booted) {
            Ok(process) => processes.list.extend(process),
            Err(gap) if gap.why == GapKind::Denied => {
                return Err(Gap::denied("other users' processes in /proc"));
            }
            // It ended between two reads.
            Err(gap) if gap.is_absent() || host.stat(&format!("/proc/{pid}")).is_err() => {}
            Err(gap) if processes.gaps.len() < 100 => processes.gaps.push(gap),
            Err(_) => {}
        }
    }
    processes.list.sort_by_key(|process| process.pid);
    Ok(processes)
}

fn booted_at(host: &dyn Host) -> Result<i64, Gap> {
    let bytes = match host.read("/proc/stat", host::SMALL) {
        // Processes are there: the kernel's own files are kept from this view of /proc (subset=pid).
        Err(gap) if gap.is_absent() => return Err(Gap::denied("/proc/stat")),
        other => other?,
    };
    parse::boot_time(&bytes).ok_or_else(|| Gap::malformed("/proc/stat has no btime"))
}

/// One process; nothing for a thread of the kernel and for one that ended.
fn process(host: &dyn Host, pid: u32, booted: i64) -> Result<Option<Process>, Gap> {
    let process = identity(host, pid, booted)?;
    let with = |process| {
        let limits = limits::read(host, &process);
        Process { open: open(host, &format!("/proc/{pid}/fd")).into(), limits, ..process }
    };
    Ok(process.map(with))
}

/// The same without what it holds open.
pub(super) fn identity(host: &dyn Host, pid: u32, booted: i64) -> Result<Option<Process>, Gap> {
    let place = format!("/proc/{pid}");
    let path = format!("{place}/stat");
    let stat = parse::stat(&host.read(&path, 4096)?)
        .ok_or_else(|| Gap::malformed(format!("{path} is not as proc(5) says")))?;
    if stat.kernel_thread || (stat.ended && stat.threads <= 1) {
        return Ok(None);
    }
    let path = format!("{place}/status");
    let status = parse::status(&host.read(&path, 64 << 10)?)
        .ok_or_else(|| Gap::malformed(format!("{path} is not as proc(5) says")))?;
    let exe = host.read_link(&format!("{place}/exe"));
    if exe.as_ref().is_err_and(|gap| gap.is_absent() && !stat.ended) {
        return Ok(None);
    }
    let cgroup = host.read(&format!("{place}/cgroup"), 64 << 10).unwrap_or_default();
    Ok(Some(Process {
        pid,
        name: stat.name,
        exe: exe.into(),
        uid: status.uid,
        started: Timestamp(booted.saturating_add(stat.started / TICKS)),
        unit: parse::unit(&cgroup),
        contained: status.contained,
        open: Reading::default(),
        limits: None,
    }))
}

/// Descriptors are only read as links: nothing is opened through them.
fn open(host: &dyn Host, folder: &str) -> Result<Open, Gap> {
    let names = host.list(folder)?;
    if names.len() > DESCRIPTORS {
        return Err(Gap::too_large(folder));
    }
    let mut open = Open::default();
    for name in names {
        match host.read_link(&format!("{folder}/{name}")) {
            Ok(target) => {
                if let Some(inode) = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) {
                    open.sockets.extend(inode.parse::<u64>().ok().filter(|inode| *inode <= i64::MAX as u64));
                } else if is_device(&target) {
                    open.devices.push(target);
                }
            }
            Err(gap) if gap.why == GapKind::Denied => return Err(gap),
            // It was closed meanwhile.
            Err(_) => {}
        }
    }
    open.sockets.sort_unstable();
    open.sockets.dedup();
    open.devices.sort_unstable();
    open.devices.dedup();
    Ok(open)
}

/// Devices that say something about a process; xenfs has its bus outside /dev.
fn is_device(target: &str) -> bool {
    const DULL: &[&str] = &["console", "full", "null", "ptmx", "random", "tty", "urandom", "zero"];
    match target.strip_prefix("/dev/") {
        Some(name) => {
            !DULL.contains(&name)
                && !["pts/", "shm/", "tty", "mqueue/", "hugepages/"]
                    .iter()
                    .any(|start| name.starts_with(start))
        }
        None => target == "/proc/xen/xenbus",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    /// A process with the files that the kernel would show.
    fn with(tree: Tree, pid: u32, name: &str, exe: &str, cgroup: &str) -> Tree {
        tree.file(&format!("/proc/{pid}/stat"), stat(pid, name, "S", 0))
            .file(&format!("/proc/{pid}/status"), "Name:\tx\nUid:\t0\t1000\t0\t0\nNSpid:\t7\n")
            .link(&format!("/proc/{pid}/exe"), exe)
            .file(&format!("/proc/{pid}/cgroup"), format!("0::{cgroup}\n"))
            .dir(&format!("/proc/{pid}/fd"))
    }

    fn stat(pid: u32, name: &str, state: &str, flags: u32) -> String {
        format!("{pid} ({name}) {state} 1 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 4250 0 0\n")
    }

    fn machine() -> Tree {
        let tree = Tree::new(Timestamp(0)).file("/proc/stat", "cpu 1 2\nbtime 1000\n");
        with(tree, 1, "systemd", "/usr/lib/systemd/systemd", "/init.scope")
    }

    #[test]
    fn a_daemon_is_known_by_file_unit_and_descriptors() {
        let tree =
            with(machine(), 812, "q) S (x", "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service")
                .link("/proc/812/fd/0", "/dev/null")
                .link("/proc/812/fd/4", "socket:[4711]")
                .link("/proc/812/fd/5", "/dev/vport2p1")
                .link("/proc/812/fd/6", "anon_inode:[eventfd]")
                .file("/proc/2/stat", stat(2, "kthreadd", "S", 0x0020_8040))
                .file("/proc/3/stat", stat(3, "gone", "Z", 0));
        let processes = read(&tree).unwrap();
        assert_eq!(processes.list.len(), 2);
        let agent = processes.running("qemu-ga").next().unwrap();
        assert_eq!((agent.uid, agent.started, agent.contained), (1000, Timestamp(1042), false));
        assert_eq!(agent.unit.as_deref(), Some("qemu-guest-agent.service"));
        assert_eq!(agent.name, "q) S (x");
        let open = agent.open.value().unwrap();
        assert_eq!(
            (open.sockets.as_slice(), open.devices.as_slice()),
            (&[4711][..], &["/dev/vport2p1".to_owned()][..])
        );
        assert_eq!(processes.holders()[&4711].pid, 812);
        let text = toml::to_string(&processes).unwrap();
        assert_eq!(toml::from_str::<Processes>(&text).unwrap(), processes);
    }

    #[test]
    fn what_root_alone_may_see_is_denied_and_not_absent() {
        let tree = with(machine(), 9, "sshd", "/usr/sbin/sshd", "/")
            .refuse("/proc/9/exe", Gap::denied("/proc/9/exe"))
            .refuse("/proc/9/fd", Gap::denied("/proc/9/fd"));
        let processes = read(&tree).unwrap();
        let sshd = processes.running("sshd").next().unwrap();
        assert_eq!(sshd.exe.known().unwrap_err().why, GapKind::Denied);
        assert_eq!(sshd.open.known().unwrap_err().why, GapKind::Denied);
    }

    #[test]
    fn hidden_processes_are_a_gap_and_vanished_ones_are_not() {
        let hidden =
            with(Tree::new(Timestamp(0)).file("/proc/stat", "btime 1\n"), 50, "bash", "/bin/bash", "/");
        assert_eq!(read(&hidden).unwrap_err().why, GapKind::Denied);
        let partly = machine().refuse("/proc/7/stat", Gap::denied("/proc/7/stat"));
        assert_eq!(read(&partly).unwrap_err().why, GapKind::Denied);
        // Folders whose files vanished between the listing and the reading.
        let mut tree =
            machine().file("/proc/60/stat", stat(60, "x", "S", 0)).dir("/proc/61").file("/proc/62/stat", "");
        tree = with(tree, 63, "y", "/bin/y", "/").refuse("/proc/63/exe", Gap::absent("/proc/63/exe"));
        let processes = read(&tree).unwrap();
        assert_eq!((processes.list.len(), processes.gaps.len()), (1, 1));
        assert_eq!(read(&Tree::new(Timestamp(0)).dir("/proc")).unwrap_err().why, GapKind::Offline);
    }

    #[test]
    fn ten_thousand_descriptors_are_read_and_a_hundred_thousand_refused() {
        let mut tree = machine();
        for number in 0..10_000 {
            tree = tree.link(&format!("/proc/1/fd/{number}"), &format!("socket:[{number}]"));
        }
        assert_eq!(read(&tree).unwrap().list[0].open.value().unwrap().sockets.len(), 10_000);
        for number in 10_000..=DESCRIPTORS {
            tree = tree.link(&format!("/proc/1/fd/{number}"), "/dev/vda");
        }
        assert_eq!(read(&tree).unwrap().list[0].open.known().unwrap_err().why, GapKind::TooLarge);
    }
}
