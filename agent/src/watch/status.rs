//! What the running watch says of itself: a small file in the state folder, which `hostduty status` reads.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use checks::date::Timestamp;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

/// The file.
pub(crate) const FILE: &str = "status.json";

/// A status file is a few kilobytes.
const LARGEST: u64 = 1 << 20;

/// The version of its form.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// What the running watch says of itself. Fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    /// The version of this form.
    pub(crate) schema_version: u32,
    /// The version of hostduty that watches.
    pub(crate) hostduty: String,
    /// Its process.
    pub(crate) pid: u32,
    /// When that process started, in the kernel's ticks since the boot: another one may get its number.
    pub(crate) started_ticks: Option<u64>,
    /// Since when it watches.
    pub(crate) since: Timestamp,
    /// When it ended as it should.
    pub(crate) stopped_at: Option<Timestamp>,
    /// When it last looked whether anything changed that nobody announces.
    pub(crate) looked_at: Timestamp,
    /// When it last judged.
    pub(crate) judged_at: Timestamp,
    /// The offer.
    pub(crate) offer: String,
    /// How many checks have each verdict.
    pub(crate) verdicts: BTreeMap<String, usize>,
    /// Changes that have not lasted yet.
    pub(crate) pending: Vec<Pending>,
    /// How long a change has to last.
    pub(crate) settle_seconds: u32,
    /// How often it looks at what nobody announces.
    pub(crate) poll_seconds: u32,
    /// How many folders are watched.
    pub(crate) folders: usize,
    /// The rooms of facts of which every change is announced.
    pub(crate) watched: Vec<String>,
    /// The rooms that are looked at every `poll_seconds` as well.
    pub(crate) polled: Vec<String>,
    /// Places of which changes may go unnoticed until the next poll, and why.
    pub(crate) gaps: Vec<String>,
    /// What keeps it from its work.
    pub(crate) trouble: Vec<String>,
    /// The number of the record's last entry.
    pub(crate) recorded: u64,
    /// When the next full report is due.
    pub(crate) report_due: Option<Timestamp>,
}

/// A change that has not lasted yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pending {
    /// The check.
    pub(crate) check: String,
    /// The verdict that counts.
    pub(crate) from: String,
    /// The verdict that may come to count.
    pub(crate) to: String,
    /// When it was first seen.
    pub(crate) since: Timestamp,
}

impl Status {
    /// Of this process, from now on.
    pub(crate) fn begin(now: Timestamp) -> Self {
        let pid = std::process::id();
        Self {
            schema_version: SCHEMA_VERSION,
            hostduty: env!("CARGO_PKG_VERSION").to_owned(),
            pid,
            started_ticks: started(pid),
            since: now,
            ..Self::default()
        }
    }

    /// What a state folder holds.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        // Whoever owns the folder may put something else there: nothing blocks, leads elsewhere or fills the memory.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(folder.join(FILE))?;
        let mut text = Vec::new();
        if !file.metadata()?.is_file() || file.take(LARGEST + 1).read_to_end(&mut text)? as u64 > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no status file"));
        }
        serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Writes it into a state folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        replace(folder, FILE, &text, 0o640)
    }

    /// Whether the process that wrote it still runs.
    pub(crate) fn runs(&self) -> bool {
        self.stopped_at.is_none() && self.started_ticks.is_some() && self.started_ticks == started(self.pid)
    }
}

/// When a process started, in ticks since the boot: the 22nd field of /proc/PID/stat.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// Where no /proc is, only whether there is such a process can be told.
#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<u64> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    let there = nix::sys::signal::kill(pid, None);
    (there.is_ok() || there == Err(nix::errno::Errno::EPERM)).then_some(0)
}

/// Writes a file that appears whole or not at all. It is not waited for that it is on the disk: after a loss of power it is
/// of no use.
pub(crate) fn replace(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<()> {
    let draft = draft(folder, name);
    // Whatever has the draft's name is not written to: it may be a link to somewhere else.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    let written = file
        .write_all(text.as_bytes())
        // Who may read it does not hang on the umask.
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)));
    drop(file);
    written.and_then(|()| fs::rename(&draft, folder.join(name))).inspect_err(|_| {
        // The draft is ours and useless now; that it may not be there is no second error.
        let _ = fs::remove_file(&draft);
    })
}

/// What a file is written as at first. The name ends differently, so that nobody who reads the folder takes it for the file.
pub(crate) fn draft(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.draft"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_draft_is_left_where_the_file_cannot_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("hostduty.prom")).unwrap();
        replace(dir.path(), "hostduty.prom", "text", 0o644).unwrap_err();
        assert!(!draft(dir.path(), "hostduty.prom").exists());
        replace(dir.path(), "other", "text", 0o644).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("other")).unwrap(), "text");
    }

    #[test]
    fn it_reads_back_as_written_and_knows_whether_its_process_runs() {
        let dir = tempfile::tempdir().unwrap();
        let mut status = Status::begin(Timestamp(7));
        status.pending.push(Pending { check: "ssh-key-only".into(), ..Pending::default() });
        status.write(dir.path()).unwrap();
        let read = Status::read(dir.path()).unwrap();
        assert_eq!(read, status);
        assert!(read.runs());
        assert!(!Status { started_ticks: Some(1), ..read.clone() }.runs() || cfg!(not(target_os = "linux")));
        assert!(!Status { stopped_at: Some(Timestamp(9)), ..read }.runs());
        assert!(!Status::default().runs());
    }

    #[test]
    fn a_link_in_the_place_of_the_draft_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join(".x.prom.draft")).unwrap();
        replace(dir.path(), "x.prom", "text", 0o644).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(fs::read_to_string(dir.path().join("x.prom")).unwrap(), "text");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
