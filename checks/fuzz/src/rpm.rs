//! Puts headers of rpm packages into databases of both formats, as rpm would; and makes hosts that have some.

use checks::facts::packages::rpm::Installed;
use checks::facts::{Facts, ROOMS};
use checks::gap::Reading;
use checks::host::Tree;

/// A page of SQLite here.
const PAGE: usize = 4096;
/// More of a row than this goes to pages of its own.
const MOST: usize = PAGE - 35;
/// What of a row that goes on elsewhere stays at least.
const LEAST: usize = (PAGE - 12) * 32 / 255 - 23;

/// A database in SQLite's format with a leaf for each header.
pub fn sqlite(headers: &[&[u8]]) -> Vec<u8> {
    let text = b"CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";
    let kinds = [23, 29, 29, 1, 13 + 2 * text.len() as u64];
    let mut schema = vec![7];
    kinds.iter().for_each(|kind| varint(&mut schema, *kind));
    schema.extend(b"tablePackagesPackages\x02");
    schema.extend(text);
    let mut pages = vec![vec![0; PAGE], vec![0; PAGE]];
    pages[0][..16].copy_from_slice(b"SQLite format 3\0");
    pages[0][16..24].copy_from_slice(&[16, 0, 1, 1, 0, 64, 32, 32]);
    let cell = cell(1, &schema, &mut pages);
    leaf(&mut pages[0], 100, &cell);
    let mut children = Vec::new();
    for (number, header) in headers.iter().enumerate() {
        let mut row = Vec::new();
        varint(&mut row, 0);
        varint(&mut row, 12 + 2 * header.len() as u64);
        row.insert(0, row.len() as u8 + 1);
        row.extend_from_slice(header);
        let place = pages.len();
        pages.push(vec![0; PAGE]);
        let cell = self::cell(number as u64 + 1, &row, &mut pages);
        leaf(&mut pages[place], 0, &cell);
        children.push(place as u32 + 1);
    }
    match children.split_last() {
        None => pages[1][0] = 13,
        Some((last, rest)) => {
            let root = &mut pages[1];
            root[0] = 5;
            root[3..5].copy_from_slice(&(rest.len() as u16).to_be_bytes());
            root[8..12].copy_from_slice(&last.to_be_bytes());
            let mut end = PAGE;
            for (index, child) in rest.iter().enumerate() {
                end -= 5;
                root[end..end + 4].copy_from_slice(&child.to_be_bytes());
                root[end + 4] = index as u8 + 1;
                root[12 + 2 * index..14 + 2 * index].copy_from_slice(&(end as u16).to_be_bytes());
            }
        }
    }
    pages.concat()
}

/// The cell of a row, whose rest goes to new pages.
fn cell(number: u64, row: &[u8], pages: &mut Vec<Vec<u8>>) -> Vec<u8> {
    let mut cell = Vec::new();
    varint(&mut cell, row.len() as u64);
    varint(&mut cell, number);
    if row.len() <= MOST {
        cell.extend_from_slice(row);
        return cell;
    }
    let here = LEAST + (row.len() - LEAST) % (PAGE - 4);
    let here = if here <= MOST { here } else { LEAST };
    cell.extend_from_slice(&row[..here]);
    cell.extend((pages.len() as u32 + 1).to_be_bytes());
    let mut chunks = row[here..].chunks(PAGE - 4).peekable();
    while let Some(chunk) = chunks.next() {
        let next = if chunks.peek().is_some() { pages.len() as u32 + 2 } else { 0 };
        let mut page = next.to_be_bytes().to_vec();
        page.extend_from_slice(chunk);
        page.resize(PAGE, 0);
        pages.push(page);
    }
    cell
}

/// A leaf with one cell; `start` is where its own header begins.
fn leaf(page: &mut [u8], start: usize, cell: &[u8]) {
    let at = PAGE - cell.len();
    page[start] = 13;
    page[start + 4] = 1;
    page[start + 8..start + 10].copy_from_slice(&(at as u16).to_be_bytes());
    page[at..].copy_from_slice(cell);
}

fn varint(bytes: &mut Vec<u8>, value: u64) {
    let mut shift = 63 - 63 % 7;
    while shift > 0 && value >> shift == 0 {
        shift -= 7;
    }
    loop {
        let more = if shift > 0 { 0x80 } else { 0 };
        bytes.push((value >> shift) as u8 & 0x7f | more);
        if shift == 0 {
            return;
        }
        shift -= 7;
    }
}

/// A database in ndb.
pub fn ndb(headers: &[&[u8]]) -> Vec<u8> {
    let mut file = b"RpmP".to_vec();
    for word in [0, 1, 1, headers.len() as u32 + 1, 0, 0, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    let mut rest = Vec::new();
    for slot in 0..254 {
        file.extend(b"Slot");
        let mut words = [0_u32; 3];
        if let Some(header) = headers.get(slot) {
            let (start, length) = (rest.len(), header.len() as u32);
            rest.extend(b"BlbS");
            [slot as u32 + 1, 1, length].iter().for_each(|word| rest.extend(word.to_le_bytes()));
            rest.extend_from_slice(header);
            rest.resize((rest.len() + 12).next_multiple_of(16) - 12, 0);
            [0, length].iter().for_each(|word| rest.extend(word.to_le_bytes()));
            rest.extend(b"BlbE");
            words = [slot as u32 + 1, (4096 + start as u32) / 16, (rest.len() - start) as u32 / 16];
        }
        words.iter().for_each(|word| file.extend(word.to_le_bytes()));
    }
    [file, rest].concat()
}

/// Gathers the pending updates of a host with two packages of rpm, and looks at what holds of any host.
pub fn updates(host: &Tree) -> Facts {
    let mut facts = crate::room(host, ROCKY, &[]);
    let one = |name: &str, architecture: &str| Installed {
        name: name.into(),
        version: "3.0.7".into(),
        release: "27.el9".into(),
        architecture: architecture.into(),
        ..Installed::default()
    };
    if let Reading::Known(packages) = &mut facts.packages {
        packages.rpm = vec![one("openssl", "x86_64"), one("node", "noarch")];
    }
    let room = ROOMS.iter().find(|room| room.name == "updates").expect("the room exists");
    (room.gather)(host, &mut facts);
    crate::holds(&facts);
    facts
}

const ROCKY: &str = r#"
[packages.known]
manager = "rpm"
architecture = "x86_64"
installed = { openssl = "3.0.7-27.el9", node = "3.0.7-27.el9" }
[machine.known.release.known]
id = "rocky"
version = "9.4"
"#;
