#[cfg(target_os = "linux")]
mod full;
mod killed;
#[path = "../../../../checks/tests/say/mod.rs"]
mod say;

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::timeline::Totals;
use checks::history::verify::{Verified, Verifier};

use super::*;
use crate::history::folder::Piece;
use crate::history::past;

fn digest(verdict: Verdict) -> Event {
    Event::Digest { verdicts: BTreeMap::from([("ssh-key-only".to_owned(), verdict)]) }
}

fn verified(path: &Path) -> Verified {
    past::verify(&Folder::open(path).unwrap(), Verifier::new()).unwrap()
}

fn entries(path: &Path) -> Vec<Entry> {
    let folder = Folder::open(path).unwrap();
    let mut entries = Vec::new();
    for file in folder.names().unwrap() {
        folder
            .read(&file, |piece| {
                match piece {
                    Piece::Line(line) => entries.push(Entry::parse(line).unwrap()),
                    other => panic!("{other:?}"),
                }
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    entries
}

#[test]
fn what_is_appended_is_read_back_across_restarts_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    for _ in 0..5 {
        let mut store = Store::with(dir.path(), 2000).unwrap();
        for _ in 0..4 {
            store.append(clock.now(), digest(Verdict::Pass)).unwrap();
        }
        assert!(matches!(Store::open(dir.path()).unwrap_err(), Error::Busy(_)));
    }
    let entries = entries(dir.path());
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert!(files > 2, "{files}");
    assert_eq!(entries.len(), 20 + files - 1);
    assert!(entries.iter().zip(1..).all(|(entry, number)| entry.sequence == number));
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.head(), &Head::of(&store.folder).unwrap());
    assert_eq!((store.head().sequence, store.waiting()), (entries.len() as u64, 0));
}

/// A folder with so many entries in one file, and the file.
fn written(count: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for _ in 0..count {
        store.append(Clock::new().now(), digest(Verdict::Pass)).unwrap();
    }
    let file = dir.path().join(name(1));
    (dir, file)
}

#[test]
fn a_line_that_was_torn_at_any_byte_is_taken_away_and_noted() {
    let (dir, file) = written(3);
    let whole = fs::read(&file).unwrap();
    let second = whole.iter().take(whole.len() - 1).rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in second..=whole.len() {
        fs::write(&file, &whole[..end]).unwrap();
        drop(Store::open(dir.path()).unwrap());
        let found = verified(dir.path());
        assert!(found.problems.is_empty(), "{end}: {found:?}");
        let repaired = match entries(dir.path()).pop().unwrap().event {
            Event::Repaired { kept_entries, lost_bytes } => Some((kept_entries, lost_bytes)),
            _ => None,
        };
        let expected = match end {
            end if end == second || end == whole.len() => None,
            // Only the newline is missing, and nothing is lost.
            end if end == whole.len() - 1 => Some((3, 0)),
            end => Some((2, (end - second) as u64)),
        };
        assert_eq!(repaired, expected, "{end} of {second}..{}", whole.len());
    }
}

#[test]
fn blocks_of_zeros_as_some_file_systems_leave_them_are_taken_away() {
    let (dir, file) = written(2);
    let size = fs::metadata(&file).unwrap().len();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(size + 70_000).unwrap();
    drop(Store::open(dir.path()).unwrap());
    assert!(verified(dir.path()).problems.is_empty());
    let repaired = Event::Repaired { kept_entries: 2, lost_bytes: 70_000 };
    assert_eq!(entries(dir.path()).pop().unwrap().event, repaired);
}

#[test]
fn what_was_tampered_with_stays_and_is_told() {
    let (dir, file) = written(3);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&file, [lines[0], "{ no entry", lines[2], "no entry either", ""].join("\n")).unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    store.append(Clock::new().now(), Event::Stopped).unwrap();
    assert_eq!(store.head().sequence, 5);
    let said: Vec<String> = verified(dir.path()).problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("history-000001.jsonl:2 is no entry"), "{said:?}");
    assert!(said[1].starts_with("history-000001.jsonl:4 is no entry"), "{said:?}");
}

#[test]
fn a_file_of_somebody_else_is_never_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("theirs");
    fs::write(&theirs, "a word").unwrap();
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::hard_link(&theirs, state.join(name(1))).unwrap();
    let error = Store::open(&state).unwrap_err().to_string();
    assert!(error.contains("it has another name elsewhere"), "{error}");
    fs::remove_file(state.join(name(1))).unwrap();
    std::os::unix::fs::symlink(&theirs, state.join(name(1))).unwrap();
    assert!(matches!(Store::open(&state).unwrap_err(), Error::Foreign(..)));
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "a word");
}

#[test]
fn a_file_that_was_begun_and_nothing_more_is_gone_on_with() {
    let (dir, _) = written(2);
    fs::write(dir.path().join(name(2)), "").unwrap();
    let head = Head::of(&Folder::open(dir.path()).unwrap()).unwrap();
    for _ in 0..2 {
        Store::open(dir.path()).unwrap().append(Clock::new().now(), Event::Stopped).unwrap();
    }
    let entries = entries(dir.path());
    assert_eq!(entries[2].event, Event::Continued { file: name(1), head: head.hash });
    assert_eq!(entries.len(), 5);
    assert!(verified(dir.path()).problems.is_empty());
}

#[test]
fn texts_of_a_host_are_cut_and_hold_no_secret() {
    let (dir, _) = written(0);
    let now = Clock::new().now();
    let event = Event::Transition {
        check: "ssh-key-only".into(),
        from: None,
        to: Verdict::Fail,
        first_seen: now.clone(),
        reason: "é".repeat(100_000),
        evidence: vec!["/etc/app: --password=planted-secret-0001".into(); 10_000],
    };
    Store::open(dir.path()).unwrap().append(now, event).unwrap();
    let line = fs::read_to_string(dir.path().join(name(1))).unwrap();
    assert!(line.len() < 5000 && !line.contains("planted") && line.contains("and 9970 more"), "{line}");
}

#[test]
fn a_clock_that_goes_a_day_forward_and_back_distorts_nothing() {
    let (dir, _) = written(0);
    let mut store = Store::open(dir.path()).unwrap();
    let mut at = Clock::new().now();
    at.synchronised = Some(true);
    let (start, since_boot) = (at.wall, at.monotonic_ms);
    let mut append = |seconds: u64, ahead: i64, event: Event| {
        at.wall = Timestamp(start.0 + i64::try_from(seconds).unwrap() + ahead);
        at.monotonic_ms = since_boot + seconds * 1000;
        at.synchronised = Some(ahead == 0);
        store.append(at.clone(), event).unwrap();
    };
    let verdicts = BTreeMap::from([("ssh-key-only".to_owned(), Verdict::Pass)]);
    append(0, 0, Event::Started { version: "1".into(), offer: "generic".into(), verdicts });
    append(1000, 86_400, digest(Verdict::Fail));
    append(2000, -86_400, digest(Verdict::Pass));
    append(3000, 0, digest(Verdict::Unknown));
    append(4000, 0, Event::Stopped);
    drop(store);
    let past = past::read(&Folder::open(dir.path()).unwrap(), &Clock::new(), None).unwrap();
    let totals = past.timeline.checks["ssh-key-only"].totals;
    assert_eq!(
        Totals { unobserved: 0, ..totals },
        Totals { pass: 2000, fail: 1000, unknown: 1000, ..Totals::default() }
    );
    assert_eq!(past.timeline.jumps.len(), 3);
    assert!(past.verified.problems.is_empty());
}
