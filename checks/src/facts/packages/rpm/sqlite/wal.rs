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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const SALT: [u8; 8] = *b"saltsalt";

    /// A log whose frames are pages filled with one byte: number, byte, and the size after a commit or 0.
    fn log(big: bool, frames: &[(u32, u8, u32)]) -> Vec<u8> {
        let mut log = Vec::new();
        for word in [MAGIC | u32::from(big), 3_007_000, 512, 0] {
            log.extend(word.to_be_bytes());
        }
        log.extend(SALT);
        let mut sum = add((0, 0), &log, big);
        log.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
        for (number, byte, size) in frames {
            let head = [number.to_be_bytes(), size.to_be_bytes()].concat();
            let page = [*byte; 512];
            sum = add(add(sum, &head, big), &page, big);
            log.extend([&head, &SALT[..], &sum.0.to_be_bytes(), &sum.1.to_be_bytes(), &page].concat());
        }
        log
    }

    /// The pages that count, with their byte, and the size of the database.
    fn read(log: &[u8]) -> (Vec<(u32, u8)>, u32) {
        let host = Tree::new(Timestamp(0)).file("/log", log);
        let mut wal = Wal::open(&host, "/log").unwrap().unwrap();
        let frames: Vec<(u32, u64)> = wal.frames.iter().map(|(number, at)| (*number, *at)).collect();
        let pages =
            frames.into_iter().map(|(number, at)| (number, wal.bytes(at, 512).unwrap()[511])).collect();
        (pages, wal.pages())
    }

    #[test]
    fn only_what_is_committed_counts_and_the_last_of_it() {
        let frames = [(1, 1, 0), (2, 2, 3), (2, 3, 0), (3, 4, 4), (1, 9, 0), (3, 9, 0)];
        for big in [false, true] {
            let log = log(big, &frames);
            assert_eq!(read(&log), (vec![(1, 1), (2, 3), (3, 4)], 4));
            // Torn in the second transaction, only the first counts.
            let second = HEADER + 3 * (FRAME_HEADER + 512);
            for place in [second, second + 8, second + 16, second + 100] {
                let mut torn = log.clone();
                torn[place] ^= 1;
                assert_eq!(read(&torn), (vec![(1, 1), (2, 2)], 3));
            }
            assert_eq!(read(&log[..second + 100]), (vec![(1, 1), (2, 2)], 3));
            for place in [0, 9, 17, 25] {
                let mut torn = log.clone();
                torn[place] ^= 0x10;
                assert_eq!(read(&torn), (Vec::new(), 0));
            }
        }
    }
}
