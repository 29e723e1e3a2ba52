//! Reads tar archives entry by entry, keeping nothing: names, kinds and times, and what files hold as it goes by.

use std::io::{self, ErrorKind, Read};

use crate::gap::Gap;

const BLOCK: usize = 512;
/// A longer name, or a longer list of properties, is none of an index.
const LONGEST: u64 = 64 << 10;

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name, as it stands there; never a place to write to.
    pub(crate) path: String,
    /// Whether it is a regular file. Folders, links and devices have no content.
    pub(crate) is_file: bool,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

/// Calls `each` with every entry and its content, of which it may leave any part unread; links are never followed.
///
/// `place` only names the archive in a gap. More than `most` bytes are [`Gap::too_large`]; an archive that does not end
/// as it should is malformed, since what is missing is not known.
pub(crate) fn read(
    file: impl Read,
    place: &str,
    most: u64,
    mut each: impl FnMut(&Entry, &mut dyn Read) -> Result<(), Gap>,
) -> Result<(), Gap> {
    let mut archive = Archive { file, place, left: most };
    let mut long = Long::default();
    let mut zeros = 0_u32;
    while let Some(block) = archive.block()? {
        if block.iter().all(|byte| *byte == 0) {
            zeros = zeros.saturating_add(1);
            continue;
        }
        if zeros > 0 {
            return Err(archive.malformed("goes on behind its end"));
        }
        let header = Header::read(&block).ok_or_else(|| archive.malformed("is no tar archive"))?;
        let size = long.size.filter(|_| !header.is_about_next()).unwrap_or(header.size);
        if header.is_about_next() {
            if size > LONGEST {
                return Err(archive.malformed("has a name without end"));
            }
            let mut text = Vec::new();
            archive.content(size, |content| {
                content.read_to_end(&mut text).map_err(|error| unread(place, &error))?;
                Ok(())
            })?;
            long.take(header.kind, &text);
            continue;
        }
        let entry = Entry {
            path: long.path.take().unwrap_or(header.path),
            is_file: matches!(header.kind, 0 | b'0' | b'7'),
            modified: long.modified.take().unwrap_or(header.modified),
        };
        long.size = None;
        // Folders and links may name a size all the same, of what is not there.
        let size = if matches!(header.kind, b'1'..=b'6') { 0 } else { size };
        archive.content(size, |content| each(&entry, content))?;
    }
    if zeros < 2 {
        return Err(archive.malformed("ends too early"));
    }
    Ok(())
}

/// What cannot be read of an archive.
pub(crate) fn unread(place: &str, error: &io::Error) -> Gap {
    Gap::malformed(format!("{place} cannot be read to its end: {error}"))
}

struct Archive<'a, R> {
    file: R,
    place: &'a str,
    left: u64,
}

impl<R: Read> Archive<'_, R> {
    fn malformed(&self, what: &str) -> Gap {
        Gap::malformed(format!("{} {what}", self.place))
    }

    /// The next block; nothing at the end of the file.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Gap> {
        let mut block = [0; BLOCK];
        let mut filled = 0_usize;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.malformed("ends too early")),
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unread(self.place, &error)),
            }
        }
        self.spend(BLOCK as u64)?;
        Ok(Some(block))
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Gap> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| Gap::too_large(self.place))?;
        Ok(())
    }

    /// Hands on a content and skips what is left of it.
    fn content(&mut self, size: u64, each: impl FnOnce(&mut dyn Read) -> Result<(), Gap>) -> Result<(), Gap> {
        let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| Gap::too_large(self.place))?;
        self.spend(padded)?;
        let mut content = self.file.by_ref().take(size);
        each(&mut content)?;
        let rest = content.limit().saturating_add(padded.saturating_sub(size));
        let skipped = io::copy(&mut self.file.by_ref().take(rest), &mut io::sink())
            .map_err(|error| unread(self.place, &error))?;
        if skipped < rest { Err(self.malformed("ends too early")) } else { Ok(()) }
    }
}

struct Header {
    path: String,
    kind: u8,
    size: u64,
    modified: i64,
}

impl Header {
    fn read(block: &[u8; BLOCK]) -> Option<Self> {
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let blank = field(148, 156).len().checked_mul(usize::from(b' '))?;
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let checked = sum(block).checked_sub(sum(field(148, 156)))?.checked_add(blank)?;
        if number(field(148, 156))? != checked as u64 {
            return None;
        }
        let name = text(field(0, 100));
        let prefix = text(field(345, 500));
        let path = match field(257, 262) == b"ustar" && field(257, 265) != b"ustar  \0" && !prefix.is_empty()
        {
            true => format!("{prefix}/{name}"),
            false => name,
        };
        let modified = i64::try_from(number(field(136, 148)).unwrap_or(0)).unwrap_or(0);
        Some(Self { path, kind: *block.get(156)?, size: number(field(124, 136))?, modified })
    }

    /// Whether it says something of the entry behind it, or of all.
    fn is_about_next(&self) -> bool {
        matches!(self.kind, b'x' | b'g' | b'X' | b'L' | b'K')
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

/// Octal digits, or for what they cannot hold a number in binary behind a set bit.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first >= 0x80) {
        let (high, low) = rest.split_at(rest.len().saturating_sub(8));
        let fits = *first == 0x80 && high.iter().all(|byte| *byte == 0);
        return fits.then(|| low.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)));
    }
    let digits = text(field);
    match digits.trim() {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// What was said of the next entry.
#[derive(Default)]
struct Long {
    path: Option<String>,
    size: Option<u64>,
    modified: Option<i64>,
}

impl Long {
    fn take(&mut self, kind: u8, text: &[u8]) {
        match kind {
            b'L' => self.path = Some(self::text(text)),
            b'x' | b'X' => {
                // Each line begins with its own length; a value with a line end in it is none that is looked for.
                for line in text.split(|byte| *byte == b'\n') {
                    let line = String::from_utf8_lossy(line);
                    let record = line.split_once(' ').and_then(|(_, record)| record.split_once('='));
                    match record {
                        Some(("path", value)) => self.path = Some(value.to_owned()),
                        Some(("size", value)) => self.size = value.parse().ok(),
                        Some(("mtime", value)) => {
                            let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
                            self.modified = whole.parse().ok();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Packs files as tests need them.
#[cfg(test)]
pub(crate) fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend(header(path, b'0', content.len()));
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
fn header(path: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(format!("{:011o}", 1_795_000_000).as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    let sum: usize = block.iter().map(|byte| usize::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(archive: &[u8]) -> Result<Vec<String>, Gap> {
        let mut seen = Vec::new();
        read(archive, "a.tar", 1 << 20, |entry, content| {
            let mut text = String::new();
            let _ = content.read_to_string(&mut text);
            seen.push(format!("{} {} {text}", entry.path, entry.is_file));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn files_and_what_has_no_content() {
        assert_eq!(list(&pack(&[("a/desc", b"x"), ("b", b"")])).unwrap(), ["a/desc true x", "b true "]);
        assert_eq!(list(&[0; 2 * BLOCK]).unwrap(), Vec::<String>::new());
        let links = [header("l", b'2', 77), header("d/", b'5', 0), pack(&[("z", b"z")])].concat();
        assert_eq!(list(&links).unwrap(), ["l false ", "d/ false ", "z true z"]);
    }

    #[test]
    fn long_names() {
        let name = "n".repeat(300);
        let gnu = [header("././@LongLink", b'L', 301), pack(&[(&name[..1], b"x")])];
        let mut text = name.clone().into_bytes();
        text.resize(BLOCK, 0);
        let archive = [&gnu[0], &text, &gnu[1]].map(Vec::as_slice).concat();
        assert_eq!(list(&archive).unwrap(), [format!("{name} true x")]);
        let mut record = b"13 path=pax/n\n30 mtime=1795000000.123456789\n".to_vec();
        let size = record.len();
        record.resize(BLOCK, 0);
        let archive = [header("p", b'x', size), record, pack(&[("short", b"x"), ("next", b"")])].concat();
        assert_eq!(list(&archive).unwrap(), ["pax/n true x", "next true "]);
    }

    #[test]
    fn torn_endless_and_foolish_archives() {
        let whole = pack(&[("a/desc", b"content")]);
        for end in 0..whole.len() {
            assert!(list(&whole[..end]).is_err(), "{end} bytes of it");
        }
        let mut wrong = whole.clone();
        wrong[3] ^= 1;
        assert_eq!(list(&wrong).unwrap_err().what, "a.tar is no tar archive");
        assert!(list(&[whole.clone(), whole.clone()].concat()).unwrap_err().what.contains("behind its end"));
        let gap = read(io::repeat(0), "a.tar", 1 << 20, |_, _| Ok(())).unwrap_err();
        assert_eq!(gap, Gap::too_large("a.tar"));
        assert_eq!(list(&header("big", b'0', 0o77_777_777_777)).unwrap_err(), Gap::too_large("a.tar"));
        assert!(list(&header("name", b'L', 1 << 17)).unwrap_err().what.contains("without end"));
    }
}
