//! The one writer of the record: an entry is one write to the end of a file, and on the disk before it counts.

mod entry;
mod queue;
mod tail;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use checks::history::{Entry, Event, Moment, NONE_BEFORE, hash};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::folder::{Folder, name};
use super::{Clock, Error};
use queue::Queue;

/// A file that has grown to this is followed by another.
const ROTATE: u64 = 4 << 20;
/// How often a folder that somebody holds is tried: one who asks whether it is being written holds it for an instant.
const TRIES: u32 = 20;

/// Where the chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the last entry; 0 before the first.
    pub(crate) sequence: u64,
    /// The hash of its line.
    pub(crate) hash: String,
}

impl Head {
    /// The head of a folder, read without taking it. What is torn at its end does not count yet.
    pub(crate) fn of(folder: &Folder) -> Result<Self, Error> {
        Ok(tail::find(folder)?.head)
    }
}

impl Default for Head {
    fn default() -> Self {
        Self { sequence: 0, hash: NONE_BEFORE.to_owned() }
    }
}

/// The record, open for writing. Entries that cannot be written wait in it until they can be.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Folder,
    _lock: Flock<OwnedFd>,
    head: Head,
    file: Option<Open>,
    /// The number of the file that holds the last entry; 0 before the first.
    number: u32,
    queue: Queue,
    rotate: u64,
}

/// The file that is written to.
#[derive(Debug)]
struct Open {
    file: File,
    number: u32,
    /// Where its last whole line ends.
    size: u64,
    /// Whether part of a line may follow, which could not be taken away at once.
    torn: bool,
}

impl Store {
    /// Opens a folder, makes it if only its last part is missing, and takes away a torn last line, which it records.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        Self::with(folder, ROTATE)
    }

    fn with(path: &Path, rotate: u64) -> Result<Self, Error> {
        make(path)?;
        let folder = Folder::open(path)?;
        let mut lock = folder.lock(FlockArg::LockExclusiveNonblock)?;
        for _ in 0..TRIES {
            if lock.is_none() {
                std::thread::sleep(Duration::from_millis(25));
                lock = folder.lock(FlockArg::LockExclusiveNonblock)?;
            }
        }
        let Some(lock) = lock else { return Err(Error::Busy(path.to_owned())) };
        let tail = tail::find(&folder)?;
        let queue = Queue::default();
        let mut store =
            Self { folder, _lock: lock, head: tail.head, file: None, number: tail.number, queue, rotate };
        if let Some(last) = tail.last {
            let flags = OFlag::O_RDWR | OFlag::O_APPEND;
            let file =
                store.folder.file(&name(last.number), flags).map_err(|error| error.while_writing(0))?;
            let torn = last.torn > 0;
            let mut open = Open { file, number: last.number, size: last.size, torn };
            let mended = if last.unended { open.end_line() } else { open.mend() };
            let place = store.folder.place(&name(last.number));
            mended.map_err(|error| Error::Write(place, error, 0))?;
            store.file = Some(open);
            if torn || last.unended {
                let repaired = Event::Repaired { kept_entries: store.head.sequence, lost_bytes: last.torn };
                // A disk that is full now may have room later; the entry waits until then.
                let _ = store.append(Clock::new().now(), repaired);
            }
        }
        Ok(store)
    }

    /// Records what happened. On an error it is kept in memory, unless the message says otherwise, and written before
    /// the next one.
    pub(crate) fn append(&mut self, moment: Moment, event: Event) -> Result<(), Error> {
        self.queue.push(moment, entry::bounded(event));
        self.flush()
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        while let Some((moment, event)) = self.queue.first() {
            let outcome = self.write(&moment, &event);
            if let Err(error @ Error::Write(..)) = outcome {
                self.queue.failed(&error);
                return Err(error);
            }
            self.queue.written();
            outcome?;
        }
        Ok(())
    }

    /// How many entries wait for a disk that takes them.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Where the chain ends on the disk.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    fn write(&mut self, moment: &Moment, event: &Event) -> Result<(), Error> {
        if self.file.as_ref().is_none_or(|open| open.size >= self.rotate) {
            self.leave()?;
            self.begin()?;
        }
        let number = self.file.as_ref().map_or(0, |open| open.number);
        let mut synced = Ok(());
        if self.number != 0 && self.number != number {
            let before = Event::Continued { file: name(self.number), head: self.head.hash.clone() };
            synced = self.line(moment, before);
            if let Err(Error::Write(..)) = synced {
                return synced;
            }
        }
        // What is in the file is written, whether or not the line before is safe on the disk.
        self.line(moment, event.clone()).and(synced)
    }

    /// Nothing torn may stay behind in a file that is written to no more.
    fn leave(&mut self) -> Result<(), Error> {
        let waiting = self.queue.len();
        let Some(open) = &mut self.file else { return Ok(()) };
        let place = self.folder.place(&name(open.number));
        open.mend().map_err(|error| Error::Write(place, error, waiting))
    }

    /// Begins a file of its own. Its name is on the disk before anything is in it.
    fn begin(&mut self) -> Result<(), Error> {
        let number = self.file.as_ref().map_or(self.number, |open| open.number);
        let name = name(number.saturating_add(1));
        let place = self.folder.place(&name);
        let waiting = self.queue.len();
        let flags = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_EXCL;
        let file = self.folder.file(&name, flags).map_err(|error| error.while_writing(waiting))?;
        nix::unistd::fsync(&self.folder.handle)
            .map_err(|errno| Error::Write(place, errno.into(), waiting))?;
        self.file = Some(Open { file, number: number.saturating_add(1), size: 0, torn: false });
        Ok(())
    }

    /// Appends one line: all of it, or nothing.
    fn line(&mut self, moment: &Moment, event: Event) -> Result<(), Error> {
        let waiting = self.queue.len();
        let Some(open) = &mut self.file else { return Ok(()) };
        let place = self.folder.place(&name(open.number));
        let sequence = self.head.sequence.saturating_add(1);
        let entry = Entry { sequence, previous: self.head.hash.clone(), at: moment.clone(), event };
        let failed = |error| Error::Write(place.clone(), error, waiting);
        let mut line = entry.line().map_err(|why| failed(io::Error::other(why)))?;
        let hash = hash(&line);
        line.push(b'\n');
        open.append(&line).map_err(failed)?;
        self.head = Head { sequence, hash };
        self.number = open.number;
        open.file.sync_data().map_err(|error| Error::Sync(place, error))
    }
}

impl Open {
    /// One write(2), and back to where the file was if it took only a part.
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.mend()?;
        let outcome = loop {
            match self.file.write(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let error = match outcome {
            Ok(count) if count == line.len() => {
                self.size += line.len() as u64;
                return Ok(());
            }
            // What the rest would have met: there is no room for it.
            Ok(_) => Errno::ENOSPC.into(),
            Err(error) => error,
        };
        self.torn = true;
        // If it fails, it is tried again before the next line.
        let _ = self.mend();
        Err(error)
    }

    /// Takes away what follows the last whole line.
    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.size)?;
            self.file.sync_data()?;
            self.torn = false;
        }
        Ok(())
    }

    /// Gives the last line, which is whole, the newline that it lost.
    fn end_line(&mut self) -> io::Result<()> {
        self.file.write_all(b"\n")?;
        self.size += 1;
        self.file.sync_data()
    }
}

/// Makes the folder unless it is there; those above it are somebody else's.
fn make(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    match std::fs::DirBuilder::new().mode(0o750).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => match path.is_dir() {
            // On a read-only disk the folder may be there nevertheless.
            true => Ok(()),
            false => Err(Error::Folder(path.to_owned(), error)),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
