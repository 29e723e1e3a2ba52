//! The host's record: a folder of JSON Lines that only grows, each line chained to the one before by its hash.

mod clock;
mod folder;
pub(crate) mod past;
mod store;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use clock::Clock;
pub(crate) use folder::{Folder, Piece};
pub(crate) use store::Head;
pub(crate) use store::Store;

/// Where the record is if nobody says otherwise: macOS keeps such things in /var/db and has no /var/lib.
const FOLDER: &str = if cfg!(target_os = "macos") { "/var/db/hostduty" } else { "/var/lib/hostduty" };

/// What to do where the record or the status is closed to who asks.
pub(crate) const WHO_MAY_READ: &str =
    "run as root, or join the group that may read it: usermod -aG hostduty NAME";

/// The state folder: the one that was named, else systemd's, else the system's usual place.
pub(crate) fn folder(named: Option<&Path>) -> PathBuf {
    let given = || {
        // With several state folders systemd puts colons between them; the first is the record's.
        let list = std::env::var_os("STATE_DIRECTORY")?.into_string().ok()?;
        list.split(':').next().filter(|first| first.starts_with('/')).map(PathBuf::from)
    };
    named.map(Path::to_owned).or_else(given).unwrap_or_else(|| PathBuf::from(FOLDER))
}

/// Why the record could not be read or written.
#[derive(Debug)]
pub(crate) enum Error {
    /// The folder cannot be opened.
    Folder(PathBuf, io::Error),
    /// Another process writes to it.
    Busy(PathBuf),
    /// A file of the folder is not what hostduty wrote.
    Foreign(PathBuf, String),
    /// A file cannot be read.
    Read(PathBuf, io::Error),
    /// A file cannot be written. What should have been is kept in memory: so many entries wait.
    Write(PathBuf, io::Error, usize),
    /// The entry is in the file, and the system does not vouch for its being on the disk.
    Sync(PathBuf, io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path, error) => write!(
                f,
                "the state folder {} cannot be opened: {error}\n`hostduty watch` keeps it; {WHO_MAY_READ}, \
                 or name another with --state",
                path.display()
            ),
            Self::Busy(path) => write!(
                f,
                "another hostduty writes to the state folder {}\nstop it first, or name another folder with --state",
                path.display()
            ),
            Self::Foreign(path, why) => write!(
                f,
                "{} is not a file that hostduty wrote: {why}\nmove it out of the state folder",
                path.display()
            ),
            Self::Read(path, error) => {
                write!(f, "{} cannot be read: {error}\nrun as root or as hostduty's own user", path.display())
            }
            Self::Write(path, error, waiting) => write!(
                f,
                "{} cannot be written: {error}\nentries that wait in memory: {waiting}; make room or mend the permissions",
                path.display()
            ),
            Self::Sync(path, error) => write!(
                f,
                "{} was written, but is not safe on the disk: {error}\nlook at the kernel's messages about the disk",
                path.display()
            ),
        }
    }
}

impl Error {
    /// What it means that a file could not be opened for writing, when so many entries wait.
    fn while_writing(self, waiting: usize) -> Self {
        match self {
            Self::Read(place, error) => Self::Write(place, error, waiting),
            Self::Foreign(place, why) => Self::Write(place, io::Error::other(why), waiting),
            other => other,
        }
    }
}
