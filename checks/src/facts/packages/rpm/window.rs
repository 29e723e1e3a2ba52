//! Reads a database file piece by piece through a few buffers, so that its size is never its memory.

use crate::gap::Gap;
use crate::host::Host;

/// What is read at once where nothing says that more will be asked for.
const FIRST: usize = 16 << 10;
/// What is read at once of a file that is read from one end to the other.
const MOST: usize = 256 << 10;
/// So many places of a file are remembered.
const BUFFERS: usize = 4;

/// A file with its size, and what was read of it lately.
pub(super) struct Window<'a> {
    host: &'a dyn Host,
    path: String,
    size: u64,
    /// The one used last comes last.
    buffers: Vec<Buffer>,
}

struct Buffer {
    start: u64,
    bytes: Vec<u8>,
}

impl Buffer {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    fn part(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }
}

impl<'a> Window<'a> {
    /// The file at a path, unless it is larger than `limit`.
    pub(super) fn open(host: &'a dyn Host, path: &str, limit: u64) -> Result<Self, Gap> {
        let size = host.stat(path)?.size;
        if size > limit {
            return Err(Gap::too_large(path));
        }
        Ok(Self { host, path: path.to_owned(), size, buffers: Vec::new() })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Exactly `len` bytes from `offset`.
    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Gap> {
        if offset.checked_add(len as u64).is_none_or(|end| end > self.size) {
            return Err(self.ends());
        }
        match self.buffers.iter().position(|buffer| buffer.part(offset, len).is_some()) {
            Some(place) => {
                let used = self.buffers.remove(place);
                self.buffers.push(used);
            }
            None => self.fill(offset, len)?,
        }
        let ends = self.ends();
        self.buffers.last().and_then(|buffer| buffer.part(offset, len)).ok_or(ends)
    }

    /// Reads on from where a buffer ends in larger and larger pieces, and elsewhere little.
    fn fill(&mut self, offset: u64, len: usize) -> Result<(), Gap> {
        let follows = |buffer: &Buffer| offset >= buffer.start && offset <= buffer.end();
        let mut want = FIRST;
        if let Some(place) = self.buffers.iter().position(follows) {
            want = self.buffers.remove(place).bytes.len().saturating_mul(2).clamp(FIRST, MOST);
        } else if self.buffers.len() >= BUFFERS {
            self.buffers.remove(0);
        }
        let bytes = self.host.read_at(&self.path, offset, want.max(len))?;
        self.buffers.push(Buffer { start: offset, bytes });
        Ok(())
    }

    fn ends(&self) -> Gap {
        Gap::malformed(format!("{} ends before what it says it holds", self.path))
    }
}
