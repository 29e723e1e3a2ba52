//! Whether a record is what was written: which entries are missing, altered, torn or misplaced.

use super::{Entry, Event, NONE_BEFORE, hash};

/// More problems than this are counted and not told.
const MOST: usize = 1000;
/// With more than these it is no record at all, and the rest is not worth the time.
const HOPELESS: u64 = 10_000;

/// A line of a file of the record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// These entries are not there.
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// The entry that should follow them.
        before: Place,
    },
    /// An entry is not the one that was written: the entry after it holds another hash.
    Altered {
        /// Its number.
        sequence: u64,
        /// Where it is.
        place: Place,
        /// Whether the entry after it is beyond doubt. If it is not, it may be the one that was altered.
        certain: bool,
    },
    /// A line is no entry.
    NotAnEntry {
        /// Where it is.
        place: Place,
        /// Why not.
        why: String,
    },
    /// An entry is there again, or in the wrong place.
    Misplaced {
        /// Its number.
        sequence: u64,
        /// Where it is.
        place: Place,
    },
    /// The last line of a file was not written whole.
    Torn {
        /// Where it is.
        place: Place,
        /// How many bytes of it there are.
        bytes: u64,
    },
    /// A file does not go on where it says that it does.
    Discontinued {
        /// Where it says so.
        place: Place,
        /// The file that it names.
        file: String,
    },
    /// An entry that somebody vouched for is not there, or is another.
    NotVouched {
        /// Its number.
        sequence: u64,
    },
    /// A file could not be looked at.
    File {
        /// Its name.
        file: String,
        /// Why not.
        why: String,
    },
}

/// What became of verifying a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// The entries that were read.
    pub entries: u64,
    /// The number of the last of them; 0 when there is none.
    pub sequence: u64,
    /// The hash of the last line.
    pub head: String,
    /// What is wrong, in the order of the files.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: u64,
}

/// Verifies a record that is held in memory: each file's name and bytes, the oldest first.
#[must_use]
pub fn verify(files: &[(&str, &[u8])]) -> Verified {
    let mut verifier = Verifier::new();
    for (name, bytes) in files {
        verifier.file(name);
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_some() {
                verifier.line(line);
            } else if !line.is_empty() {
                verifier.torn(line.len() as u64);
            }
        }
    }
    verifier.finish()
}

/// Verifies a record line by line.
#[derive(Debug)]
pub struct Verifier {
    found: Verified,
    here: Place,
    /// The name of the file before.
    before: Option<String>,
    last: Last,
    /// An entry whose hash is not the one that the last entry holds; the next decides which of the two was altered.
    doubted: Option<(u64, Place)>,
    /// The number and the hash of an entry that has to be there.
    vouched: Option<(u64, String)>,
}

/// The last line that took a number.
#[derive(Debug, Default)]
struct Last {
    sequence: u64,
    hash: String,
    place: Place,
    /// Whether it was read as an entry. What was not has been told already.
    is_entry: bool,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        let last = Last { hash: NONE_BEFORE.to_owned(), ..Last::default() };
        let found = Verified { head: NONE_BEFORE.to_owned(), ..Verified::default() };
        Self { found, here: Place::default(), before: None, last, doubted: None, vouched: None }
    }

    /// The record also has to hold an entry that somebody vouched for: a chain that was cut, or forged as a whole, holds
    /// another or none.
    #[must_use]
    pub fn vouching(mut self, sequence: u64, hash: String) -> Self {
        self.vouched = (sequence > 0).then_some((sequence, hash));
        self
    }

    /// The lines that follow are those of another file.
    pub fn file(&mut self, name: &str) {
        let left = std::mem::replace(&mut self.here, Place { file: name.to_owned(), line: 0 });
        self.before = (!left.file.is_empty()).then_some(left.file);
    }

    /// A file that could not be looked at.
    pub fn unreadable(&mut self, name: &str, why: impl Into<String>) {
        self.tell(Problem::File { file: name.to_owned(), why: why.into() });
    }

    /// Whether so much is wrong that the rest need not be read.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.found.more > HOPELESS
    }

    /// The next line, without its newline, and the entry that it is.
    pub fn line(&mut self, line: &[u8]) -> Option<Entry> {
        self.here.line = self.here.line.saturating_add(1);
        match Entry::parse(line) {
            Ok(entry) => {
                self.entry(&entry, hash(line));
                Some(entry)
            }
            Err(why) => {
                self.not_an_entry(line, why);
                None
            }
        }
    }

    /// The next line, which is longer than any entry. It counts as an empty one.
    pub fn too_long(&mut self, bytes: u64) {
        self.here.line = self.here.line.saturating_add(1);
        self.not_an_entry(b"", format!("it has {bytes} bytes, more than any entry"));
    }

    /// What follows the last newline of the file.
    pub fn torn(&mut self, bytes: u64) {
        let place = Place { file: self.here.file.clone(), line: self.here.line.saturating_add(1) };
        self.tell(Problem::Torn { place, bytes });
    }

    /// Everything was read.
    #[must_use]
    pub fn finish(mut self) -> Verified {
        if let Some((sequence, place)) = self.doubted.take() {
            self.tell(Problem::Altered { sequence, place, certain: false });
        }
        if let Some((sequence, _)) = self.vouched.take() {
            self.tell(Problem::NotVouched { sequence });
        }
        self.found
    }

    fn entry(&mut self, entry: &Entry, hash: String) {
        self.found.entries = self.found.entries.saturating_add(1);
        let expected = self.last.sequence.saturating_add(1);
        let is_chained = entry.previous == self.last.hash;
        if let Some((sequence, place)) = self.doubted.take() {
            // The entry after the doubted one is what its own successor says that it is, or not.
            self.tell(Problem::Altered { sequence, place, certain: is_chained });
        }
        if entry.sequence == expected {
            if !is_chained && self.last.is_entry {
                self.doubted = Some((self.last.sequence, self.last.place.clone()));
            } else if !is_chained && self.last.sequence == 0 {
                // Nothing comes before the first entry, so it is itself not as it was.
                self.tell(Problem::Altered { sequence: expected, place: self.here.clone(), certain: true });
            }
        } else if is_chained && self.last.sequence > 0 {
            // It follows the last one, under a number that is not its own.
            self.tell(Problem::Altered { sequence: expected, place: self.here.clone(), certain: true });
        } else if entry.sequence > expected {
            let to = entry.sequence.saturating_sub(1);
            self.tell(Problem::Missing { from: expected, to, before: self.here.clone() });
        } else {
            self.tell(Problem::Misplaced { sequence: entry.sequence, place: self.here.clone() });
            return;
        }
        if let Event::Continued { file, head } = &entry.event
            && (*head != entry.previous || self.before.as_ref().is_some_and(|before| before != file))
        {
            self.tell(Problem::Discontinued { place: self.here.clone(), file: file.clone() });
        }
        let sequence = if is_chained { expected } else { entry.sequence };
        self.takes(sequence, hash, true);
    }

    fn not_an_entry(&mut self, line: &[u8], why: String) {
        self.tell(Problem::NotAnEntry { place: self.here.clone(), why });
        self.takes(self.last.sequence.saturating_add(1), hash(line), false);
    }

    fn takes(&mut self, sequence: u64, hash: String, is_entry: bool) {
        if self.vouched.as_ref().is_some_and(|(number, head)| *number == sequence && *head == hash) {
            self.vouched = None;
        }
        self.found.sequence = sequence;
        self.found.head.clone_from(&hash);
        self.last = Last { sequence, hash, place: self.here.clone(), is_entry };
    }

    fn tell(&mut self, problem: Problem) {
        if self.found.problems.len() < MOST {
            self.found.problems.push(problem);
        } else {
            self.found.more = self.found.more.saturating_add(1);
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { from, to, before } if from == to => {
                write!(f, "entry {from} is missing before {before}")
            }
            Self::Missing { from, to, before } => {
                write!(f, "entries {from} to {to} are missing before {before}")
            }
            Self::Altered { sequence, place, certain: true } => {
                write!(f, "entry {sequence} was altered after it was written, at {place}")
            }
            Self::Altered { sequence, place, certain: false } => write!(
                f,
                "entry {sequence} at {place} was altered after it was written, or the entry after it was"
            ),
            Self::NotAnEntry { place, why } => write!(f, "{place} is no entry: {why}"),
            Self::Misplaced { sequence, place } => {
                write!(f, "entry {sequence} is there again or in the wrong place, at {place}")
            }
            Self::Torn { place, bytes } => {
                write!(f, "{place} was not written whole: {bytes} bytes without an end")
            }
            Self::Discontinued { place, file } => {
                write!(f, "{place} says that it goes on after {file}, and it does not")
            }
            Self::NotVouched { sequence } => {
                write!(f, "entry {sequence} is not there any more, or is not the one that was vouched for")
            }
            Self::File { file, why } => write!(f, "{file}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests;
