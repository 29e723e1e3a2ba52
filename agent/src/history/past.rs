//! Reads the record without taking it: what it tells, and whether it is what was written.

use std::ops::ControlFlow;

use checks::date::Timestamp;
use checks::history::timeline::{Builder, Timeline};
use checks::history::verify::{Problem, Verified, Verifier};
use checks::history::{Entry, hash};
use nix::fcntl::OFlag;

use super::{Clock, Error, Folder, Piece};

/// More than this is not read for a timeline: years of a busy host take a tenth of it.
const MOST: u64 = 256 << 20;

/// What a record tells.
#[derive(Debug)]
pub(crate) struct Past {
    /// Every check's past.
    pub(crate) timeline: Timeline,
    /// Whether somebody observes now.
    pub(crate) observing: bool,
    /// Whether it is what was written.
    pub(crate) verified: Verified,
    /// Files that were left out because there is too much.
    pub(crate) left_out: usize,
}

/// Reads a record up to now. Of what came before `since` only what holds still is told.
pub(crate) fn read(folder: &Folder, clock: &Clock, since: Option<Timestamp>) -> Result<Past, Error> {
    let observing = folder.is_being_written();
    let names = folder.names()?;
    let left_out = too_much(folder, &names);
    let mut builder = Builder::new();
    let mut verified =
        walk(folder, &names[left_out..], observing, Verifier::new(), |entry| builder.push(entry));
    if left_out > 0 {
        // What was left out is said once, and not missed.
        verified.problems.retain(|problem| !matches!(problem, Problem::Missing { from: 1, .. }));
    }
    let timeline = builder.finish(&clock.now(), observing, since);
    Ok(Past { timeline, observing, verified, left_out })
}

/// Verifies the whole record.
pub(crate) fn verify(folder: &Folder, verifier: Verifier) -> Result<Verified, Error> {
    let observing = folder.is_being_written();
    Ok(walk(folder, &folder.names()?, observing, verifier, |_| {}))
}

/// The hash of a record's first entry, by which records are told apart; nothing where its beginning is gone.
pub(crate) fn first(folder: &Folder) -> Option<String> {
    let mut first = None;
    let name = folder.names().ok()?.into_iter().next()?;
    let read = folder.read(&name, |piece| {
        if let Piece::Line(line) = piece
            && Entry::parse(line).is_ok_and(|entry| entry.sequence == 1)
        {
            first = Some(hash(line));
        }
        ControlFlow::Break(())
    });
    read.ok().and(first)
}

fn walk(
    folder: &Folder,
    names: &[String],
    observing: bool,
    mut verifier: Verifier,
    mut each: impl FnMut(&Entry),
) -> Verified {
    for (number, name) in names.iter().enumerate() {
        verifier.file(name);
        let is_last = number + 1 == names.len();
        let read = folder.read(name, |piece| {
            match piece {
                Piece::Line(line) => verifier.line(line).iter().for_each(&mut each),
                Piece::TooLong(bytes) => verifier.too_long(bytes),
                // Somebody is writing this very line.
                Piece::Torn(..) if observing && is_last => {}
                Piece::Torn(_, bytes) => verifier.torn(bytes),
            }
            if verifier.is_hopeless() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(error) = read {
            let why = error.to_string();
            verifier.unreadable(name, why.lines().next().unwrap_or_default());
        }
        if verifier.is_hopeless() {
            break;
        }
    }
    verifier.finish()
}

/// How many of the oldest files are too much.
fn too_much(folder: &Folder, names: &[String]) -> usize {
    let mut sum = 0_u64;
    for (number, name) in names.iter().enumerate().rev() {
        let size = folder.file(name, OFlag::O_RDONLY).and_then(|file| {
            file.metadata().map(|meta| meta.len()).map_err(|error| Error::Read(folder.place(name), error))
        });
        sum = sum.saturating_add(size.unwrap_or(0));
        if sum > MOST {
            return number + 1;
        }
    }
    0
}
