//! The running machine as a [`Host`], for tests that compare with the system's own programs.
#![expect(clippy::disallowed_methods, reason = "this is the one door of these tests")]

use std::fs;
use std::io::{Error, ErrorKind, Read};

use checks::date::Timestamp;
use checks::gap::Gap;
use checks::host::{Command, FileKind, Host, Output, Query, Stat, System};

/// Files as a process sees them that may have a mount namespace of its own; it stands for the first process.
pub(crate) struct Live {
    /// Its process id.
    pub(crate) pid: u32,
}

impl Live {
    fn place(&self, path: &str) -> String {
        match path.strip_prefix("/proc/1/") {
            Some(rest) => format!("/proc/{}/{rest}", self.pid),
            None if self.pid == 1 => path.to_owned(),
            None => format!("/proc/{}/root{path}", self.pid),
        }
    }
}

impl Host for Live {
    fn system(&self) -> System {
        System::Linux
    }
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        let file = fs::File::open(self.place(path)).map_err(|error| gap(path, &error))?;
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut bytes).map_err(|error| gap(path, &error))?;
        if bytes.len() > limit { Err(Gap::too_large(path)) } else { Ok(bytes) }
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap> {
        let entries = fs::read_dir(self.place(dir)).map_err(|error| gap(dir, &error))?;
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        Ok(names)
    }
    fn stat(&self, path: &str) -> Result<Stat, Gap> {
        fs::metadata(self.place(path)).map_err(|error| gap(path, &error)).map(|metadata| stat(&metadata))
    }
    fn stat_link(&self, path: &str) -> Result<Stat, Gap> {
        fs::symlink_metadata(self.place(path))
            .map_err(|error| gap(path, &error))
            .map(|metadata| stat(&metadata))
    }
    fn read_link(&self, path: &str) -> Result<String, Gap> {
        let target = fs::read_link(self.place(path)).map_err(|error| gap(path, &error))?;
        Ok(target.to_string_lossy().into_owned())
    }
    fn read_as(&self, path: &str, _uid: u32, _limit: usize) -> Result<Vec<u8>, Gap> {
        Err(Gap::unsupported(path))
    }
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap> {
        Err(Gap::unsupported(path))
    }
    fn read_at(&self, path: &str, _offset: u64, _len: usize) -> Result<Vec<u8>, Gap> {
        Err(Gap::unsupported(path))
    }
    fn read_block_device(&self, path: &str, _offset: u64, _len: usize) -> Result<Vec<u8>, Gap> {
        Err(Gap::unsupported(path))
    }
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        Err(Gap::offline(format!("{query:?}")))
    }
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        Err(Gap::offline(command.line()))
    }
}

fn gap(path: &str, error: &Error) -> Gap {
    match error.kind() {
        ErrorKind::NotFound => Gap::absent(path),
        ErrorKind::PermissionDenied => Gap::denied(path),
        _ => Gap::unsupported(format!("{path}: {error}")),
    }
}

fn stat(metadata: &fs::Metadata) -> Stat {
    let kind = if metadata.is_dir() { FileKind::Dir } else { FileKind::File };
    Stat {
        kind,
        mode: 0,
        uid: 0,
        gid: 0,
        size: metadata.len(),
        modified: Timestamp(0),
        created: None,
        device: (0, 0),
        inode: 0,
        enciphered: false,
    }
}
