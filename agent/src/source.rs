//! Where the facts come from: this machine, a root folder, or a snapshot.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use checks::date::Timestamp;
use checks::document;
use checks::facts::{self, Facts};
use checks::gap::{Gap, GapKind};
use checks::host::Host;

use crate::cli::{Kernel, Subject};
use crate::host::{Live, Root};
use crate::named;
use crate::output::complaint;

/// A snapshot larger than this is not one: a server's takes a tenth of a megabyte, and with 50,000 sockets six. While it
/// is parsed a hostile one takes seventy times its size in memory.
const MAX_SNAPSHOT: u64 = 8 << 20;

/// Why there are no facts.
#[derive(Debug)]
pub(crate) enum Error {
    /// The root folder cannot be opened.
    Root(PathBuf, Gap),
    /// The snapshot cannot be read.
    Snapshot(PathBuf, std::io::Error),
    /// The snapshot is not one.
    NotASnapshot(PathBuf, String),
    /// The snapshot was made by another version.
    Schema(PathBuf, u32),
    /// A folder was named where only a kernel can answer.
    NoKernel,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root(path, gap) if gap.why == GapKind::Absent => {
                write!(f, "{} is not a folder\ngive the root folder of an image or a chroot", path.display())
            }
            Self::Root(path, gap) => write!(f, "the root {} cannot be opened: {gap}", path.display()),
            Self::Snapshot(path, error) => write!(
                f,
                "the snapshot {} cannot be read: {error}\nmake one with `hostduty facts > host.toml`",
                path.display()
            ),
            Self::NotASnapshot(path, why) => write!(
                f,
                "{} is not a snapshot that this version understands: {why}\nmake one with `hostduty facts > host.toml`",
                path.display()
            ),
            Self::Schema(path, schema) => write!(
                f,
                "{} is a snapshot of schema {schema}, and this is hostduty {} with schema {}\njudge it with the \
                 version that made it, or make it anew",
                path.display(),
                env!("CARGO_PKG_VERSION"),
                facts::SCHEMA
            ),
            Self::NoKernel => f.write_str(
                "a root folder does not hold the rules that a kernel enforces, nor its sockets\nrun it on the machine \
                 itself, or take a snapshot there with `hostduty facts > host.toml` and give it with --facts",
            ),
        }
    }
}

/// The host that a root folder or the running machine is.
pub(crate) fn host(root: Option<&Path>, at: Option<Timestamp>) -> Result<Box<dyn Host>, Error> {
    let live = Live::new();
    let Some(root) = root else { return Ok(Box::new(live)) };
    let opened = Root::new(&root.to_string_lossy(), at.unwrap_or_else(|| live.now()));
    Ok(Box::new(opened.map_err(|gap| Error::Root(root.to_owned(), gap))?))
}

/// The facts that a command line asks for, and the host they came from unless it was a snapshot.
pub(crate) fn facts(subject: &Subject) -> Result<(Facts, Option<Box<dyn Host>>), Error> {
    if let Some(path) = &subject.facts {
        return snapshot(path).map(|facts| (facts, None));
    }
    let host = host(subject.root.as_deref(), subject.at)?;
    Ok((facts::gather(host.as_ref()), Some(host)))
}

/// The facts of some rooms of what a command line asks for.
pub(crate) fn rooms_of(rooms: &[&str], subject: &Subject) -> Result<Facts, Error> {
    match &subject.facts {
        Some(path) => snapshot(path),
        None => Ok(gathered(host(subject.root.as_deref(), subject.at)?.as_ref(), rooms)),
    }
}

/// The facts of some rooms, of this machine or of a snapshot.
pub(crate) fn rooms(rooms: &[&str], kernel: &Kernel) -> Result<Facts, Error> {
    match &kernel.facts {
        _ if kernel.root.is_some() => Err(Error::NoKernel),
        Some(path) => snapshot(path),
        None => Ok(gathered(&Live::new(), rooms)),
    }
}

/// The facts of some rooms of a host.
pub(crate) fn gathered(host: &dyn Host, rooms: &[&str]) -> Facts {
    let mut facts = facts::begin(host);
    for room in facts::ROOMS.iter().filter(|room| rooms.contains(&room.name)) {
        (room.gather)(host, &mut facts);
    }
    facts
}

fn snapshot(path: &Path) -> Result<Facts, Error> {
    parsed(path, &text(path)?)
}

/// The text of a file that is no larger than any snapshot.
pub(crate) fn text(path: &Path) -> Result<String, Error> {
    named::read(path, MAX_SNAPSHOT).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            Error::NotASnapshot(path.to_owned(), "it is larger than any snapshot".to_owned())
        }
        _ => Error::Snapshot(path.to_owned(), error),
    })
}

/// The facts that the text of a snapshot holds.
pub(crate) fn parsed(path: &Path, text: &str) -> Result<Facts, Error> {
    let not = |why: String| Error::NotASnapshot(path.to_owned(), why);
    // The schema first: a snapshot of another version would only give a confusing error about a field.
    // Without the line itself: where it is no snapshot, it may be anything, a secret too.
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        not(format!("line {}: {}", before.lines().count().max(1), complaint(&error.message())))
    })?;
    match table.get("schema").and_then(toml::Value::as_integer) {
        Some(schema) if schema == i64::from(facts::SCHEMA) => {}
        Some(schema) => {
            return Err(Error::Schema(path.to_owned(), u32::try_from(schema).unwrap_or(u32::MAX)));
        }
        None => return Err(not("it has no `schema`".to_owned())),
    }
    // From the parsed value and not from the text once more: every way to read facts costs a third of a megabyte.
    document::read(toml::Value::Table(table)).map_err(|error| not(complaint(&error)))
}
