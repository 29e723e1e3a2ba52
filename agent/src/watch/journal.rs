//! One entry for what happens: in systemd's journal with fields of its own, else a plain line on standard error, which
//! launchd leads to a log file.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use checks::host::Host;

use crate::host::Live;
use crate::output::clean;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// A datagram of this length is always taken; what would not fit is left out from the end.
const MOST: usize = 48 << 10;
/// A single value is cut to this.
const MOST_VALUE: usize = 8 << 10;

/// How grave an entry is, as syslog(3) counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Information = 6,
}

/// What kind of entry it is, by which it can be found: `journalctl MESSAGE_ID=…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A verdict changed.
    Transition,
    /// Something more is wrong in a check that failed before.
    Finding,
    /// The watch began, read its configuration again, or ends.
    Watch,
    /// The full report of the calendar.
    Report,
    /// Something keeps hostduty from its work.
    Trouble,
}

impl Kind {
    fn id(self) -> &'static str {
        match self {
            Self::Transition => "7f0d3c5ab1e84e0e9a6cf1f6a1c0d4e2",
            Self::Finding => "c2a94b6f0d7e4f5d8b13e58a96f2707c",
            Self::Watch => "1d8e6e0c54f24b7fb0a7c9d83e6b5f19",
            Self::Report => "a45b9f21c3d64d0c92e7f60b8d1a7e53",
            Self::Trouble => "5e37c8d20af94c6bb1f4d92a7063e8c1",
        }
    }
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    kind: Kind,
    priority: Priority,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// An entry with its message, one sentence.
    pub(crate) fn new(kind: Kind, priority: Priority, message: impl Into<String>) -> Self {
        Self { kind, priority, message: message.into(), fields: Vec::new() }
    }

    /// The same with a field. A field may stand there several times.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// As the native protocol of journald takes it: names and values, each value with its length, so that nothing in one
    /// can be taken for another.
    fn datagram(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        field(&mut bytes, "MESSAGE", &self.message);
        field(&mut bytes, "PRIORITY", &(self.priority as u8).to_string());
        field(&mut bytes, "MESSAGE_ID", self.kind.id());
        field(&mut bytes, "SYSLOG_IDENTIFIER", "hostduty");
        for (name, value) in &self.fields {
            let before = bytes.len();
            field(&mut bytes, name, value);
            if bytes.len() > MOST {
                bytes.truncate(before);
                break;
            }
        }
        bytes
    }

    /// For who reads standard error. Under systemd the number in front is the priority.
    fn line(&self, prefixed: bool) -> String {
        let prefix = if prefixed { format!("<{}>", self.priority as u8) } else { String::new() };
        let places: Vec<String> = self
            .fields
            .iter()
            .filter(|(name, _)| *name == "HOSTDUTY_EVIDENCE")
            .map(|(_, value)| clean(value))
            .collect();
        let places = if places.is_empty() { String::new() } else { format!(" (at {})", places.join(", ")) };
        format!("{prefix}{}{places}\n", clean(&self.message))
    }
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &str) {
    let value = clean(value);
    let mut end = value.len().min(MOST_VALUE);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = value.get(..end).unwrap_or_default();
    bytes.extend(name.as_bytes());
    bytes.push(b'\n');
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes.push(b'\n');
}

/// Where entries go.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: Option<UnixDatagram>,
    /// Whether standard error ends up in the same journal, where a second line would say it twice.
    same: bool,
    /// The file that standard error leads to, where log files are rotated under the feet of who writes them.
    log: Option<PathBuf>,
}

impl Journal {
    /// The journal of this machine, if it has one.
    pub(crate) fn open() -> Self {
        let same = error_is_journal().unwrap_or(false);
        Self { socket: UnixDatagram::unbound().ok(), same, log: log_file() }
    }

    /// Writes an entry.
    pub(crate) fn write(&self, entry: &Entry) {
        let sent = self.send(entry);
        if let Some(log) = &self.log
            && append(log, entry).is_ok()
        {
            return;
        }
        if !sent || !self.same {
            // Nobody is left to tell that standard error is closed.
            let _ = io::stderr().write_all(entry.line(self.same).as_bytes());
        }
    }

    fn send(&self, entry: &Entry) -> bool {
        let Some(socket) = &self.socket else { return false };
        // Not connected: the journal may be restarted, and its socket with it.
        socket.send_to(&entry.datagram(), SOCKET).is_ok()
    }
}

/// macOS's newsyslog(8) renames a log file and compresses it, and would have to tell by a signal whoever holds it open. As
/// entries are rare, each opens the file by its name again; nobody has to be told.
#[cfg(target_os = "macos")]
fn log_file() -> Option<PathBuf> {
    let there = std::fs::File::from(io::stderr().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
    let mut path = PathBuf::new();
    nix::fcntl::fcntl(io::stderr(), nix::fcntl::FcntlArg::F_GETPATH(&mut path)).ok()?;
    there.is_file().then_some(path)
}

#[cfg(not(target_os = "macos"))]
fn log_file() -> Option<PathBuf> {
    None
}

/// Writes an entry to the end of a log file, with its time, which launchd does not add.
fn append(log: &Path, entry: &Entry) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW)
        .open(log)?;
    file.write_all(format!("{} {}", Live::new().now(), entry.line(false)).as_bytes())
}

/// systemd says which file standard error is if it leads to the journal.
fn error_is_journal() -> Option<bool> {
    let named = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, file) = named.split_once(':')?;
    let (device, file): (u64, u64) = (device.parse().ok()?, file.parse().ok()?);
    let there = std::fs::File::from(io::stderr().as_fd().try_clone_to_owned().ok()?).metadata().ok()?;
    Some((there.dev(), there.ino()) == (device, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a datagram apart as journald does.
    fn parsed(mut bytes: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let name = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = u64::from_le_bytes(bytes[end + 1..end + 9].try_into().unwrap()) as usize;
            let value = String::from_utf8(bytes[end + 9..end + 9 + length].to_vec()).unwrap();
            assert_eq!(bytes[end + 9 + length], b'\n');
            bytes = &bytes[end + 10 + length..];
            fields.push((name, value));
        }
        fields
    }

    #[test]
    fn no_value_can_forge_a_field() {
        let entry = Entry::new(Kind::Transition, Priority::Error, "a\nPRIORITY=0")
            .with("HOSTDUTY_EVIDENCE", "/etc/x\nMESSAGE=y")
            .with("HOSTDUTY_EVIDENCE", "second");
        let fields = parsed(&entry.datagram());
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = [
            "MESSAGE",
            "PRIORITY",
            "MESSAGE_ID",
            "SYSLOG_IDENTIFIER",
            "HOSTDUTY_EVIDENCE",
            "HOSTDUTY_EVIDENCE",
        ];
        assert_eq!(names, wanted);
        assert_eq!((fields[0].1.as_str(), fields[1].1.as_str()), ("a\\nPRIORITY=0", "3"));
        assert!(fields[2].1.len() == 32 && fields[2].1.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(entry.line(true), "<3>a\\nPRIORITY=0 (at /etc/x\\nMESSAGE=y, second)\n");
    }

    #[test]
    fn a_log_file_that_was_rotated_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (log, old) = (folder.path().join("log"), folder.path().join("log.0"));
        let entry = Entry::new(Kind::Watch, Priority::Notice, "a\nb");
        append(&log, &entry).unwrap();
        std::fs::rename(&log, &old).unwrap();
        append(&log, &entry).unwrap();
        append(&log, &entry).unwrap();
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&old), lines(&log)), (1, 2));
        let text = std::fs::read_to_string(&log).unwrap();
        let (time, message) = text.lines().next().unwrap().split_once(' ').unwrap();
        assert!(time.parse::<checks::date::Timestamp>().is_ok() && message == "a\\nb", "{text}");
        // Who may write to the folder could lead root's writing elsewhere.
        std::os::unix::fs::symlink(&old, folder.path().join("link")).unwrap();
        assert!(append(&folder.path().join("link"), &entry).is_err());
    }

    #[test]
    fn a_datagram_has_a_bound() {
        let mut entry = Entry::new(Kind::Report, Priority::Notice, "é".repeat(100_000));
        for _ in 0..1000 {
            entry = entry.with("HOSTDUTY_EVIDENCE", "/etc/passwd: root".repeat(50));
        }
        let datagram = entry.datagram();
        assert!(datagram.len() <= MOST && parsed(&datagram).len() > 10, "{}", datagram.len());
    }
}
