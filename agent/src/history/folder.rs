//! The folder of the record: its files in order, opened with care, read line by line with a bound.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{self, Flock, FlockArg, OFlag};
use nix::sys::stat::Mode;

use super::Error;

/// A longer line is none of ours: the longest hold a verdict of each check, or thirty pieces of evidence.
pub(super) const MAX_LINE: usize = 1 << 20;
/// A larger file is none of ours: a new one is begun long before.
pub(super) const MAX_FILE: u64 = 64 << 20;
/// More names than this are not looked at.
const MAX_NAMES: usize = 100_000;

/// The open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) handle: OwnedFd,
    pub(super) path: PathBuf,
}

/// What lies between two ends of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line, without its newline.
    Line(&'a [u8]),
    /// A line that is longer than any entry, of so many bytes.
    TooLong(u64),
    /// What follows the last newline: its beginning, and how many bytes it is.
    Torn(&'a [u8], u64),
}

/// The name of the file with a number.
pub(super) fn name(number: u32) -> String {
    format!("history-{number:06}.jsonl")
}

/// The number of the file with a name, if it is one of the record.
fn number(name: &[u8]) -> Option<u32> {
    let number: u32 =
        std::str::from_utf8(name).ok()?.strip_prefix("history-")?.strip_suffix(".jsonl")?.parse().ok()?;
    (self::name(number).as_bytes() == name && number > 0).then_some(number)
}

impl Folder {
    /// Opens the folder.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        fcntl::open(path, flags, Mode::empty())
            .map(|handle| Self { handle, path: path.to_owned() })
            .map_err(|errno| Error::Folder(path.to_owned(), errno.into()))
    }

    /// The numbers of its files, the oldest first.
    pub(super) fn numbers(&self) -> Result<Vec<u32>, Error> {
        let failed = |errno: Errno| Error::Folder(self.path.clone(), errno.into());
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let again = fcntl::openat(self.handle.as_fd(), ".", flags, Mode::empty()).map_err(failed)?;
        let entries = nix::dir::Dir::from_fd(again).map_err(failed)?;
        let mut numbers = Vec::new();
        for entry in entries.into_iter().take(MAX_NAMES) {
            numbers.extend(number(entry.map_err(failed)?.file_name().to_bytes()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The names of its files, the oldest first.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.numbers()?.into_iter().map(name).collect())
    }

    /// Where a file of it is.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file of it that is a regular file of a size that a record has. A symlink is not followed, and nothing blocks.
    pub(super) fn file(&self, name: &str, flags: OFlag) -> Result<File, Error> {
        let foreign = |why: &str| Error::Foreign(self.place(name), why.to_owned());
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = match fcntl::openat(self.handle.as_fd(), name, flags, Mode::from_bits_truncate(0o640)) {
            Ok(handle) => File::from(handle),
            Err(Errno::ELOOP) => return Err(foreign("it is a symlink")),
            Err(errno) => return Err(Error::Read(self.place(name), errno.into())),
        };
        let meta = file.metadata().map_err(|error| Error::Read(self.place(name), error))?;
        if !meta.is_file() {
            return Err(foreign("it is not a regular file"));
        }
        if flags.contains(OFlag::O_APPEND) && meta.nlink() > 1 {
            return Err(foreign("it has another name elsewhere"));
        }
        if meta.len() > MAX_FILE {
            return Err(foreign("it is larger than any file of a record"));
        }
        Ok(file)
    }

    /// Hands out a file of it piece by piece, until it is told to stop.
    pub(crate) fn read(
        &self,
        name: &str,
        each: impl FnMut(Piece<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let file = self.file(name, OFlag::O_RDONLY)?;
        pieces(file.take(MAX_FILE), each).map_err(|error| Error::Read(self.place(name), error))
    }

    /// Takes the folder, or says `None` when another process has it for writing.
    pub(super) fn lock(&self, how: FlockArg) -> Result<Option<Flock<OwnedFd>>, Error> {
        let failed = |error: io::Error| Error::Folder(self.path.clone(), error);
        // A lock belongs to the opening of the folder; this one lives as long as its holder.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let own = fcntl::openat(self.handle.as_fd(), ".", flags, Mode::empty())
            .map_err(|errno| failed(errno.into()))?;
        match Flock::lock(own, how) {
            Ok(lock) => Ok(Some(lock)),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }

    /// Whether a process has the folder for writing, and thus observes now.
    pub(crate) fn is_being_written(&self) -> bool {
        matches!(self.lock(FlockArg::LockSharedNonblock), Ok(None))
    }
}

/// Cuts what a source holds at its newlines, with memory for one line.
fn pieces(source: impl Read, mut each: impl FnMut(Piece<'_>) -> ControlFlow<()>) -> io::Result<()> {
    let mut source = BufReader::with_capacity(64 << 10, source);
    let (mut line, mut length) = (Vec::new(), 0_u64);
    loop {
        let buffer = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            break;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        length += part.len() as u64;
        line.extend_from_slice(&part[..part.len().min(MAX_LINE - line.len())]);
        let taken = part.len() + usize::from(end.is_some());
        source.consume(taken);
        if end.is_some() {
            let piece = if length > MAX_LINE as u64 { Piece::TooLong(length) } else { Piece::Line(&line) };
            if each(piece).is_break() {
                return Ok(());
            }
            line.clear();
            length = 0;
        }
    }
    if length > 0 {
        let _ = each(Piece::Torn(&line, length));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8]) -> Vec<String> {
        let mut all = Vec::new();
        pieces(bytes, |piece| {
            all.push(match piece {
                Piece::Line(line) => format!("line {}", line.len()),
                Piece::TooLong(length) => format!("too long {length}"),
                Piece::Torn(rest, length) => format!("torn {} of {length}", rest.len()),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
        all
    }

    #[test]
    fn lines_are_cut_at_newlines_and_never_grow_beyond_the_bound() {
        assert!(cut(b"").is_empty());
        assert_eq!(cut(b"ab\n\nabc"), ["line 2", "line 0", "torn 3 of 3"]);
        let long =
            [vec![b'x'; MAX_LINE], b"\n".to_vec(), vec![b'x'; MAX_LINE + 1], b"\ny\n".to_vec()].concat();
        assert_eq!(cut(&long), ["line 1048576", "too long 1048577", "line 1"]);
        assert_eq!(cut(&vec![0; 3 << 20]), ["torn 1048576 of 3145728"]);
    }

    #[test]
    fn only_names_that_we_give_are_files_of_the_record() {
        assert_eq!(number(b"history-000012.jsonl"), Some(12));
        assert_eq!(number(b"history-1000000.jsonl"), Some(1_000_000));
        for other in
            ["history-12.jsonl", "history-000000.jsonl", "history-+00012.jsonl", "history-000001.jsonl~"]
        {
            assert_eq!(number(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_file_of_a_record_is_refused_without_blocking() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join(name(1))).unwrap();
        nix::unistd::mkfifo(&dir.path().join(name(2)), Mode::S_IRWXU).unwrap();
        File::create(dir.path().join(name(3))).unwrap().set_len(1 << 40).unwrap();
        std::fs::create_dir(dir.path().join(name(4))).unwrap();
        for number in folder.numbers().unwrap() {
            let error = folder.read(&name(number), |_| panic!("{number}")).unwrap_err();
            assert!(matches!(error, Error::Foreign(..)), "{error}");
        }
    }
}
