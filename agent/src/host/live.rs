//! The machine that hostduty runs on.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;

use checks::date::Timestamp;
use checks::gap::Gap;
use checks::host::{Command, FileKind, Host, Output, Query, Stat, System};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

use super::files::{self, HANDLE, LINK_HANDLE, Resolve};

/// The machine that hostduty runs on. Its clock is read once, so that one run has one instant.
#[derive(Debug)]
pub(crate) struct Live {
    now: Timestamp,
}

impl Live {
    /// The machine as of now.
    pub(crate) fn new() -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_secs()).ok());
        Self { now: Timestamp(now.unwrap_or(0)) }
    }
}

impl Resolve for Live {
    fn handle(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        fcntl::open(path, flags, Mode::empty())
    }
    fn link(&self, path: &str) -> Result<OsString, Errno> {
        fcntl::readlink(path)
    }
}

impl Host for Live {
    fn system(&self) -> System {
        if cfg!(target_os = "macos") { System::MacOs } else { System::Linux }
    }
    fn now(&self) -> Timestamp {
        self.now
    }
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        files::read(self, path, None, limit)
    }
    fn read_as(&self, path: &str, uid: u32, limit: usize) -> Result<Vec<u8>, Gap> {
        files::read(self, path, Some(uid), limit)
    }
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap> {
        files::open(self, path, FileKind::File, None).map(|(file, _)| Box::new(file) as Box<dyn Read>)
    }
    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        files::read_at(self, path, FileKind::File, offset, len)
    }
    fn read_block_device(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        files::read_at(self, path, FileKind::BlockDevice, offset, len)
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap> {
        files::list(self, dir)
    }
    fn stat(&self, path: &str) -> Result<Stat, Gap> {
        files::stat(path, &self.handle(path, HANDLE).map_err(|errno| files::gap(path, errno))?.into())
    }
    fn stat_link(&self, path: &str) -> Result<Stat, Gap> {
        files::stat(path, &self.handle(path, LINK_HANDLE).map_err(|errno| files::gap(path, errno))?.into())
    }
    fn read_link(&self, path: &str) -> Result<String, Gap> {
        files::read_link(self, path)
    }
    #[cfg(target_os = "linux")]
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        super::linux::query(query)
    }
    #[cfg(not(target_os = "linux"))]
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        Err(Gap::unsupported(format!("{query:?} is a question to Linux")))
    }
    #[cfg(target_os = "macos")]
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        super::program::run(command)
    }
    #[cfg(not(target_os = "macos"))]
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        Err(Gap::unsupported(format!("{} is not run: on Linux hostduty starts no process", command.program)))
    }
}
