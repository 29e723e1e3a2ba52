use std::collections::BTreeMap;
use std::fs;

use checks::check::Verdict;

use super::*;
use crate::history::folder::Piece;

fn digest(verdict: Verdict) -> Event {
    Event::Digest { verdicts: BTreeMap::from([("ssh-key-only".to_owned(), verdict)]) }
}

fn entries(path: &Path) -> Vec<Entry> {
    let folder = Folder::open(path).unwrap();
    let mut entries = Vec::new();
    for file in folder.names().unwrap() {
        folder
            .read(&file, |piece| match piece {
                Piece::Line(line) => entries.push(Entry::parse(line).unwrap()),
                other => panic!("{other:?}"),
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
