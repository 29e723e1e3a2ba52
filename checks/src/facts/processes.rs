//! Running processes: what runs, from which file, in which unit, and which sockets and channels it holds.

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::Host;

/// The running processes, kernel threads left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processes {
    /// By process id.
    pub list: Vec<Process>,
}

/// One process. Arguments and environment are never kept: they may hold secrets.
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
    /// Inodes of its sockets, and device files that it holds open below /dev; root only for others' processes.
    pub open: Reading<Open>,
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
    /// The process that holds a socket.
    #[must_use]
    pub fn holder(&self, inode: u64) -> Option<&Process> {
        self.list
            .iter()
            .find(|process| process.open.value().is_some_and(|open| open.sockets.contains(&inode)))
    }
}

impl Process {
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
pub(crate) fn read(_host: &dyn Host) -> Result<Processes, Gap> {
    Err(Gap::not_gathered())
}
