//! Reads rpm's own format of a database, ndb, which SUSE uses.
//!
//! A page of slots says where each package's header lies; numbers are in the order of small computers first. Every
//! header has a word before and behind it, so that a torn one is noticed.

use super::header::{self, Blob};
use super::window::Window;
use super::{Installed, LARGEST, List};
use crate::gap::Gap;
use crate::host::Host;

const PAGE: usize = 4096;
/// Slots, the file's own header and the places of packages are counted in these.
const UNIT: u64 = 16;
const HEAD: u64 = 16;
const TAIL: u64 = 12;

struct Slot {
    index: u32,
    offset: u32,
    count: u32,
}

/// All packages of the database at a path.
pub(super) fn read(host: &dyn Host, path: &str) -> Result<Vec<Installed>, Gap> {
    let mut file = Window::open(host, path, LARGEST)?;
    let mut packages = List::new(path);
    for slot in slots(&mut file)? {
        let what = format!("package {} in {path}", slot.index);
        let mut span = Span::open(&mut file, &slot).map_err(|gap| {
            if gap.what.is_empty() { Gap::malformed(format!("{what} is torn")) } else { gap }
        })?;
        packages.add(header::read(&mut span, 0, &what)?)?;
    }
    Ok(packages.all)
}

/// The slots that are taken, in the order of what they lead to.
fn slots(file: &mut Window<'_>) -> Result<Vec<Slot>, Gap> {
    let path = file.path().to_owned();
    let torn = |why: &str| Gap::malformed(format!("{path} {why}"));
    let head = file.bytes(0, 32)?.to_vec();
    if !head.starts_with(b"RpmP") {
        return Err(torn("is no database of rpm"));
    }
    if number(&head, 4) != Some(0) {
        return Err(Gap::unsupported(format!("{path} is of a version of ndb that hostduty does not know")));
    }
    let pages = number(&head, 12).unwrap_or_default();
    // 256 slots to a page.
    if pages as usize > super::super::MOST / 256 {
        return Err(Gap::too_large(format!("the list of packages in {path}")));
    }
    let units = file.size().checked_div(UNIT).unwrap_or_default();
    let first = u64::from(pages).saturating_mul(PAGE as u64 / UNIT);
    let mut slots = Vec::new();
    for page in 0..pages {
        let bytes = file.bytes(u64::from(page).saturating_mul(PAGE as u64), PAGE)?;
        // The file's own header takes the place of two.
        for entry in bytes.chunks_exact(UNIT as usize).skip(if page == 0 { 2 } else { 0 }) {
            let (Some(index), Some(offset), Some(count)) =
                (number(entry, 4), number(entry, 8), number(entry, 12))
            else {
                continue;
            };
            if !entry.starts_with(b"Slot") {
                return Err(torn("has a torn list of packages"));
            }
            if offset == 0 {
                continue;
            }
            let end = u64::from(offset).saturating_add(u64::from(count));
            if index == 0 || count == 0 || u64::from(offset) < first || end > units {
                return Err(torn("has a package where none can be"));
            }
            slots.push(Slot { index, offset, count });
        }
    }
    slots.sort_by_key(|slot| slot.offset);
    // The same bytes twice would be read twice, and two hundred thousand times.
    let apart = |pair: &[Slot]| match pair {
        [one, next] => one.offset.saturating_add(one.count) <= next.offset,
        _ => true,
    };
    if slots.windows(2).all(apart) { Ok(slots) } else { Err(torn("has packages one over the other")) }
}

/// The bytes of one header.
struct Span<'w, 'a> {
    file: &'w mut Window<'a>,
    start: u64,
    length: u64,
}

impl<'w, 'a> Span<'w, 'a> {
    /// Looks at what stands before and behind the header; a gap without words where it is wrong.
    fn open(file: &'w mut Window<'a>, slot: &Slot) -> Result<Self, Gap> {
        let torn = || Gap::malformed("");
        let at = u64::from(slot.offset).saturating_mul(UNIT);
        let head = file.bytes(at, HEAD as usize)?;
        let own = head.starts_with(b"BlbS") && number(head, 4) == Some(slot.index);
        let length = u64::from(number(head, 12).unwrap_or_default());
        let takes = HEAD.saturating_add(length).saturating_add(TAIL).div_ceil(UNIT);
        if !own || takes != u64::from(slot.count) {
            return Err(torn());
        }
        let end = at.saturating_add(takes.saturating_mul(UNIT));
        let tail = file.bytes(end.saturating_sub(TAIL), TAIL as usize)?;
        if number(tail, 4).map(u64::from) != Some(length) || !tail.ends_with(b"BlbE") {
            return Err(torn());
        }
        Ok(Self { file, start: at.saturating_add(HEAD), length })
    }
}

impl Blob for Span<'_, '_> {
    fn chunk(&mut self, at: u64) -> Result<&[u8], Gap> {
        let rest = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        if rest == 0 {
            return Ok(&[]);
        }
        self.file.bytes(self.start.saturating_add(at), rest.min(PAGE))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
