//! Reads the table `Packages` of an rpm database in SQLite's format, page by page.
//!
//! Of SQLite's file format this needs: pages, table b-trees, overflow pages, and what of the write-ahead log is
//! committed. Nothing is locked: whoever calls looks whether the files changed meanwhile.

mod wal;

use super::header::{self, Blob};
use super::window::Window;
use super::{Installed, LARGEST, List};
use crate::gap::Gap;
use crate::host::Host;
use wal::Wal;

const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// All packages of the database at a path.
pub(super) fn read(host: &dyn Host, path: &str) -> Result<Vec<Installed>, Gap> {
    let mut database = Database::open(host, path)?;
    let mut root = None;
    database.rows(1, &mut |row| {
        if let Some(found) = row.table(b"Packages")? {
            root = Some(found);
        }
        Ok(())
    })?;
    let root =
        root.ok_or_else(|| Gap::malformed(format!("{path} has no table of packages, so it is not rpm's")))?;
    let mut packages = List::new(path);
    database.rows(root, &mut |row| {
        let what = format!("package {} in {path}", packages.count());
        let start = row.blob()?;
        packages.add(header::read(row, start, &what)?)
    })?;
    Ok(packages.all)
}

struct Database<'a> {
    file: Window<'a>,
    wal: Option<Wal<'a>>,
    page_size: usize,
    /// What of a page is not reserved for extensions.
    usable: usize,
    pages: u32,
    /// A bit for each page: it is used once, and whoever comes back to one goes in a circle.
    used: Vec<u64>,
    rows: usize,
}

impl<'a> Database<'a> {
    fn open(host: &'a dyn Host, path: &str) -> Result<Self, Gap> {
        let mut file = Window::open(host, path, LARGEST)?;
        // Before the first checkpoint all pages are in the log.
        let mut wal = Wal::open(host, &format!("{path}-wal"))?;
        no_hot_journal(host, path)?;
        let foreign = || Gap::malformed(format!("{path} is no database of SQLite"));
        let head = match wal.as_mut().and_then(|wal| Some((wal.page_of(1)?, wal))) {
            Some((at, wal)) => wal.bytes(at, HEADER)?,
            None => file.bytes(0, HEADER).map_err(|_| foreign())?,
        };
        if !head.starts_with(MAGIC) {
            return Err(foreign());
        }
        let page_size = match (head.get(16), head.get(17)) {
            (Some(0), Some(1)) => 65_536,
            (Some(high), Some(low)) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        let reserved = head.get(20).copied().map_or(0, usize::from);
        let usable = page_size.saturating_sub(reserved);
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() || usable < 480 {
            return Err(Gap::malformed(format!(
                "{path} has pages of {page_size} bytes, which SQLite has not"
            )));
        }
        let in_file = file.size().checked_div(page_size as u64).and_then(|pages| u32::try_from(pages).ok());
        let mut pages = in_file.unwrap_or(u32::MAX);
        if let Some(wal) = wal.as_ref().filter(|wal| wal.commits()) {
            if wal.page_size() != page_size {
                return Err(Gap::malformed(format!("{path} and its log have pages of two sizes")));
            }
            pages = wal.pages();
        }
        if u64::from(pages).saturating_mul(page_size as u64) > LARGEST {
            return Err(Gap::too_large(path));
        }
        let used = vec![0; (pages / 64).saturating_add(1) as usize];
        Ok(Self { file, wal, page_size, usable, pages, used, rows: 0 })
    }

    /// `len` bytes of a page from `from` on.
    fn page(&mut self, number: u32, from: usize, len: usize) -> Result<&[u8], Gap> {
        if number == 0 || number > self.pages {
            return Err(Gap::malformed(format!(
                "{} leads to page {number}, which it has not",
                self.file.path()
            )));
        }
        if let Some(wal) = &mut self.wal
            && let Some(at) = wal.page_of(number)
        {
            return wal.bytes(at.saturating_add(from as u64), len);
        }
        let at = u64::from(number.saturating_sub(1)).saturating_mul(self.page_size as u64);
        self.file.bytes(at.saturating_add(from as u64), len)
    }

    /// Notes that a page has its place, which it has once.
    fn take(&mut self, number: u32) -> Result<(), Gap> {
        let bit = 1_u64.wrapping_shl(number % 64);
        match self.used.get_mut((number / 64) as usize) {
            Some(bits) if *bits & bit == 0 => {
                *bits |= bit;
                Ok(())
            }
            _ => Err(Gap::malformed(format!(
                "{} leads to page {number}, which it has not or used already",
                self.file.path()
            ))),
        }
    }

    /// Calls `each` with every row of the table whose b-tree begins at a page.
    fn rows(
        &mut self,
        root: u32,
        each: &mut dyn FnMut(&mut Row<'_, 'a>) -> Result<(), Gap>,
    ) -> Result<(), Gap> {
        self.take(root)?;
        let path = self.file.path().to_owned();
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let page = self.page(number, 0, self.page_size)?.to_vec();
            let torn = || Gap::malformed(format!("page {number} of {path} is torn"));
            let start = if number == 1 { HEADER } else { 0 };
            let kind = page.get(start).copied().ok_or_else(torn)?;
            let cells = short(&page, start.saturating_add(3)).ok_or_else(torn)?;
            let pointers = start.saturating_add(if kind == INTERIOR { 12 } else { 8 });
            let cell = |index: usize| short(&page, pointers.saturating_add(index.saturating_mul(2)));
            match kind {
                INTERIOR => {
                    let mut children = Vec::new();
                    for index in 0..cells {
                        let at = cell(index).ok_or_else(torn)?;
                        children.push(long(&page, at).ok_or_else(torn)?);
                    }
                    children.push(long(&page, start.saturating_add(8)).ok_or_else(torn)?);
                    children.iter().try_for_each(|child| self.take(*child))?;
                    waiting.extend(children.into_iter().rev());
                }
                LEAF => {
                    let mut room = self.page_size;
                    for index in 0..cells {
                        let at = cell(index).ok_or_else(torn)?;
                        let found = local(&page, at, self.usable).ok_or_else(torn)?;
                        // The same row may not be told twice.
                        room = room.checked_sub(found.bytes.len()).ok_or_else(torn)?;
                        if found.overflow != 0 {
                            self.take(found.overflow)?;
                        }
                        self.rows = self.rows.saturating_add(1);
                        if self.rows > super::super::MOST {
                            return Err(Gap::too_large(format!("the list of packages in {path}")));
                        }
                        each(&mut Row::new(self, found))?;
                    }
                }
                _ => return Err(torn()),
            }
        }
        Ok(())
    }
}

/// A transaction that was interrupted in the time before write-ahead logs is undone by its journal.
fn no_hot_journal(host: &dyn Host, path: &str) -> Result<(), Gap> {
    let journal = format!("{path}-journal");
    match host.read_at(&journal, 0, 1) {
        Ok(first) if first.first().is_some_and(|byte| *byte != 0) => Err(Gap::unsupported(format!(
            "a transaction on {path} was interrupted and waits in {journal}; any command of rpm as root ends it"
        ))),
        Ok(_) => Ok(()),
        Err(gap) if gap.is_absent() => Ok(()),
        Err(gap) => Err(gap),
    }
}

/// What of a row lies on its leaf, how long it is, and the page on which it goes on.
struct Local {
    bytes: Vec<u8>,
    total: u64,
    overflow: u32,
}

/// The cell of a leaf: the length, the row's number, what fits here, and where the rest is.
fn local(page: &[u8], at: usize, usable: usize) -> Option<Local> {
    let (total, used) = varint(page.get(at..)?)?;
    let at = at.checked_add(used)?;
    let (_, used) = varint(page.get(at..)?)?;
    let at = at.checked_add(used)?;
    let most = usable.checked_sub(35)? as u64;
    let here = if total <= most {
        total
    } else {
        let least = (usable.checked_sub(12)? as u64).checked_mul(32)?.checked_div(255)?.checked_sub(23)?;
        let beyond = total.checked_sub(least)?.checked_rem(usable.checked_sub(4)? as u64)?;
        let here = least.checked_add(beyond)?;
        if here <= most { here } else { least }
    };
    let here = usize::try_from(here).ok()?;
    let end = at.checked_add(here)?;
    let bytes = page.get(at..end)?.to_vec();
    let overflow = if bytes.len() as u64 == total { 0 } else { long(page, end)? };
    Some(Local { bytes, total, overflow })
}

/// A row, of which only what is asked for is read, from the start to the end.
struct Row<'r, 'a> {
    database: &'r mut Database<'a>,
    local: Local,
    /// The overflow page that is being read, and where in the row it begins.
    page: u32,
    begins: u64,
    /// Where the blob ends, once it is found.
    end: u64,
}

impl<'r, 'a> Row<'r, 'a> {
    fn new(database: &'r mut Database<'a>, local: Local) -> Self {
        let (page, begins, end) = (local.overflow, local.bytes.len() as u64, local.total);
        Self { database, local, page, begins, end }
    }

    fn torn(&self) -> Gap {
        Gap::malformed(format!("a row of {} is torn", self.database.file.path()))
    }

    /// The kinds of its columns, and where the first one begins. The heads of rows are short.
    fn columns(&self) -> Option<(Vec<u64>, u64)> {
        let (head, used) = varint(&self.local.bytes)?;
        let mut kinds = self.local.bytes.get(used..usize::try_from(head).ok()?)?;
        let mut columns = Vec::new();
        while !kinds.is_empty() {
            let (kind, used) = varint(kinds)?;
            columns.push(kind);
            kinds = kinds.get(used..)?;
        }
        Some((columns, head))
    }

    /// Where the header of the package begins: of its two columns the number is kept elsewhere.
    fn blob(&mut self) -> Result<u64, Gap> {
        let (columns, start) = self.columns().ok_or_else(|| self.torn())?;
        match columns.as_slice() {
            [0, kind] if *kind >= 12 && kind.is_multiple_of(2) => {
                let length = kind.saturating_sub(12).checked_div(2).unwrap_or_default();
                self.end = start.saturating_add(length);
                if self.end > self.local.total { Err(self.torn()) } else { Ok(start) }
            }
            _ => Err(self.torn()),
        }
    }

    /// In the table of tables: the page of the one with this name. Its columns are type, name, table, page, text.
    fn table(&self, name: &[u8]) -> Result<Option<u32>, Gap> {
        let (columns, mut at) = self.columns().ok_or_else(|| self.torn())?;
        let mut values = Vec::new();
        for kind in columns.iter().take(4) {
            let end = at.checked_add(width(*kind)).ok_or_else(|| self.torn())?;
            let (Ok(from), Ok(to)) = (usize::try_from(at), usize::try_from(end)) else {
                return Err(self.torn());
            };
            // The names of tables are short too; a longer one is not looked for.
            let Some(value) = self.local.bytes.get(from..to) else { return Ok(None) };
            values.push(value);
            at = end;
        }
        match values.as_slice() {
            [b"table", found, _, page] if *found == name => {
                let page = page.iter().fold(0_u64, |sum, byte| sum.wrapping_shl(8) | u64::from(*byte));
                u32::try_from(page).map(Some).map_err(|_| self.torn())
            }
            _ => Ok(None),
        }
    }
}

impl Blob for Row<'_, '_> {
    fn chunk(&mut self, at: u64) -> Result<&[u8], Gap> {
        if at >= self.end {
            return Ok(&[]);
        }
        let rest =
            |bytes: usize| usize::try_from(self.end.saturating_sub(at)).map_or(bytes, |rest| rest.min(bytes));
        if let Some(bytes) = usize::try_from(at).ok().and_then(|at| self.local.bytes.get(at..))
            && !bytes.is_empty()
        {
            let length = rest(bytes.len());
            return Ok(bytes.get(..length).unwrap_or_default());
        }
        if at < self.begins {
            return Err(self.torn());
        }
        let room = self.database.usable.saturating_sub(4);
        let length = rest(room);
        loop {
            let next = long(self.database.page(self.page, 0, 4)?, 0).ok_or_else(|| self.torn())?;
            let ends = self.begins.saturating_add(room as u64);
            // The last page leads nowhere.
            if (next == 0) != (ends >= self.local.total) {
                return Err(self.torn());
            }
            if at < ends {
                break;
            }
            self.database.take(next)?;
            (self.page, self.begins) = (next, ends);
        }
        let inside = usize::try_from(at.saturating_sub(self.begins)).map_err(|_| self.torn())?;
        let length = length.min(room.saturating_sub(inside));
        self.database.page(self.page, inside.saturating_add(4), length)
    }
}

/// How many bytes a column of a kind takes.
fn width(kind: u64) -> u64 {
    match kind {
        0 | 8..=11 => 0,
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        _ => kind.saturating_sub(12).checked_div(2).unwrap_or_default(),
    }
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// SQLite's numbers of one to nine bytes, and how many they took.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        let used = index.saturating_add(1);
        if used == 9 {
            return Some((value.wrapping_shl(8) | u64::from(*byte), used));
        }
        value = value.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, used));
        }
    }
    None
}
