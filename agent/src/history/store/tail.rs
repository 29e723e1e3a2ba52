//! Where a folder's chain ends: its last whole line, and what a loss of power left behind it.

use std::ops::ControlFlow;

use checks::history::{Entry, hash};

use super::Head;
use crate::history::folder::{Piece, name};
use crate::history::{Error, Folder};

/// The end of a folder's record.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) head: Head,
    /// The number of the file that holds the head; 0 when there is none.
    pub(super) number: u32,
    /// The last file, if there is one. It holds the head unless it is empty.
    pub(super) last: Option<Last>,
}

/// The last file.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) number: u32,
    /// Where its last whole line ends.
    pub(super) size: u64,
    /// The bytes behind that.
    pub(super) torn: u64,
    /// Whether the last line is whole and only its newline is missing.
    pub(super) unended: bool,
}

/// What one file holds.
#[derive(Debug, Default)]
struct Content {
    last: Option<Vec<u8>>,
    whole: u64,
    torn: Vec<u8>,
    torn_bytes: u64,
}

pub(super) fn find(folder: &Folder) -> Result<Tail, Error> {
    let mut tail = Tail::default();
    for number in folder.numbers()?.into_iter().rev() {
        let content = content(folder, number)?;
        let is_newest = tail.last.is_none();
        let unended = is_newest && goes_on(&content);
        if is_newest {
            let size = if unended { content.whole + content.torn_bytes } else { content.whole };
            let torn = if unended { 0 } else { content.torn_bytes };
            tail.last = Some(Last { number, size, torn, unended });
        }
        let last = if unended { Some(&content.torn) } else { content.last.as_ref() };
        if let Some(last) = last {
            let sequence = match Entry::parse(last) {
                Ok(entry) => entry.sequence,
                // What is no entry keeps its place in the count, so that `verify` can name it.
                Err(_) => counted(folder, number)?,
            };
            tail.head = Head { sequence, hash: hash(last) };
            tail.number = number;
            break;
        }
    }
    Ok(tail)
}

fn content(folder: &Folder, number: u32) -> Result<Content, Error> {
    let mut content = Content::default();
    folder.read(&name(number), |piece| {
        match piece {
            Piece::Line(line) => {
                content.whole += line.len() as u64 + 1;
                let last = content.last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(line);
            }
            Piece::TooLong(length) => {
                content.whole += length + 1;
                content.last = Some(Vec::new());
            }
            Piece::Torn(rest, length) => {
                content.torn = rest.to_vec();
                content.torn_bytes = length;
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(content)
}

/// Whether what follows the last newline is the whole entry that comes next.
fn goes_on(content: &Content) -> bool {
    let Ok(entry) = Entry::parse(&content.torn) else { return false };
    // The first line of a file has nothing in it to be held against.
    content.last.as_ref().is_none_or(|last| entry.previous == hash(last))
}

/// The number of a file's last line, counted from the last that tells its own.
fn counted(folder: &Folder, number: u32) -> Result<u64, Error> {
    let mut sequence = 0_u64;
    folder.read(&name(number), |piece| {
        let told = if let Piece::Line(line) = piece { Entry::parse(line).ok() } else { None };
        match (told, piece) {
            (Some(entry), _) => sequence = entry.sequence,
            (None, Piece::Line(_) | Piece::TooLong(_)) => sequence = sequence.saturating_add(1),
            (None, Piece::Torn(..)) => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok(sequence)
}
