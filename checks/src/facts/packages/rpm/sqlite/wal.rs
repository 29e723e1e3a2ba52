//! Finds what of a write-ahead log is committed and not yet in the database itself.

use std::collections::BTreeMap;

use super::super::window::Window;
use super::long;
use crate::gap::Gap;
use crate::host::Host;

/// rpm writes the log into the database at 40 MB.
const LARGEST: u64 = 256 << 20;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The magic of a log whose sums are over numbers of the little endian; the other one has the last bit set.
const MAGIC: u32 = 0x377f_0682;

/// A log with the newest committed frame of each page.
pub(super) struct Wal<'a> {
    file: Window<'a>,
    page_size: usize,
    frames: BTreeMap<u32, u64>,
    pages: u32,
}

impl<'a> Wal<'a> {
    /// The log at a path; nothing where there is none or it is empty.
    pub(super) fn open(host: &'a dyn Host, path: &str) -> Result<Option<Self>, Gap> {
        let file = match Window::open(host, path, LARGEST) {
            Ok(file) => file,
            Err(gap) if gap.is_absent() => return Ok(None),
            Err(gap) => return Err(gap),
        };
        let mut wal = Self { file, page_size: 0, frames: BTreeMap::new(), pages: 0 };
        if wal.file.size() >= HEADER as u64 {
            wal.recover()?;
        }
        Ok(Some(wal))
    }

    /// Whether anything in it counts.
    pub(super) fn commits(&self) -> bool {
        self.pages != 0
    }

    pub(super) fn page_size(&self) -> usize {
        self.page_size
    }

    /// How many pages the database has after the last commit.
    pub(super) fn pages(&self) -> u32 {
        self.pages
    }

    /// Where in the log the newest form of a page lies.
    pub(super) fn page_of(&self, number: u32) -> Option<u64> {
        self.frames.get(&number).copied()
    }

    pub(super) fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Gap> {
        self.file.bytes(offset, len)
    }

    /// Goes through the frames as SQLite does after a crash: the first whose salt or sum is wrong ends the log, and
    /// what follows the last commit does not count.
    fn recover(&mut self) -> Result<(), Gap> {
        let header = self.file.bytes(0, HEADER)?.to_vec();
        let word = |at: usize| long(&header, at).unwrap_or_default();
        let (magic, size) = (word(0), word(8));
        let page_size = usize::try_from(size).unwrap_or_default();
        if magic & !1 != MAGIC || !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return Ok(());
        }
        let big = magic & 1 == 1;
        let mut sum = add((0, 0), header.get(..24).unwrap_or_default(), big);
        if sum != (word(24), word(28)) {
            return Ok(());
        }
        self.page_size = page_size;
        let (salt, frame) = (header.get(16..24).unwrap_or_default(), page_size.saturating_add(FRAME_HEADER));
        let mut open = Vec::new();
        let mut at = HEADER as u64;
        while at.saturating_add(frame as u64) <= self.file.size() {
            let bytes = self.file.bytes(at, frame)?;
            let (head, page) = bytes.split_at_checked(FRAME_HEADER).unwrap_or_default();
            sum = add(add(sum, head.get(..8).unwrap_or_default(), big), page, big);
            let stored = (long(head, 16).unwrap_or_default(), long(head, 20).unwrap_or_default());
            let number = long(head, 0).unwrap_or_default();
            if head.get(8..16) != Some(salt) || sum != stored || number == 0 {
                break;
            }
            open.push((number, at.saturating_add(FRAME_HEADER as u64)));
            // Only the last frame of a transaction says how large the database is now.
            let pages = long(head, 4).unwrap_or_default();
            if pages != 0 {
                self.pages = pages;
                self.frames.extend(open.drain(..));
            }
            at = at.saturating_add(frame as u64);
        }
        Ok(())
    }
}

/// SQLite's sum, over pairs of numbers.
fn add((mut one, mut two): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    let number = |four: [u8; 4]| if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
    for eight in bytes.chunks_exact(8) {
        let (Some(first), Some(second)) = (eight.first_chunk::<4>(), eight.last_chunk::<4>()) else { break };
        one = one.wrapping_add(number(*first)).wrapping_add(two);
        two = two.wrapping_add(number(*second)).wrapping_add(one);
    }
    (one, two)
}
