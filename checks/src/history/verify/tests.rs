use super::*;
use crate::date::Timestamp;
use crate::history::Moment;

/// So many entries, a line each.
fn chain(count: u64) -> Vec<Vec<u8>> {
    let mut previous = NONE_BEFORE.to_owned();
    (1..=count)
        .map(|sequence| {
            let at = Moment { wall: Timestamp(1_795_000_000), boot: "b".into(), ..Moment::default() };
            let event = Event::Repaired { kept_entries: sequence, lost_bytes: 0 };
            let line = Entry { sequence, previous: previous.clone(), at, event }.line().unwrap();
            previous = hash(&line);
            line
        })
        .collect()
}

fn bytes(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
}

/// What is said of one file, one sentence each.
fn said(lines: &[Vec<u8>]) -> Vec<String> {
    verify(&[("h", &bytes(lines))]).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_written_verifies() {
    let lines = chain(9);
    let found = verify(&[("h", &bytes(&lines[..4])), ("i", &bytes(&lines[4..]))]);
    let head = hash(&lines[8]);
    assert_eq!(found, Verified { entries: 9, sequence: 9, head, problems: vec![], more: 0 });
    assert_eq!(verify(&[]).head, NONE_BEFORE);
}

#[test]
fn missing_and_misplaced_entries_are_named() {
    let lines = chain(9);
    let mut holed = lines.clone();
    holed.drain(3..6);
    assert_eq!(said(&holed), ["entries 4 to 6 are missing before h:4"]);
    assert_eq!(said(&lines[1..]), ["entry 1 is missing before h:1"]);
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    assert_eq!(
        said(&swapped),
        ["entry 5 is missing before h:5", "entry 5 is there again or in the wrong place, at h:6"]
    );
    let twice = [&lines[..3], &lines[2..]].concat();
    assert_eq!(said(&twice), ["entry 3 is there again or in the wrong place, at h:4"]);
}

#[test]
fn every_altered_byte_of_every_line_but_the_last_is_found_in_that_line() {
    let lines = chain(5);
    for index in 0..4 {
        for at in 0..lines[index].len() {
            let mut altered = lines.clone();
            altered[index][at] ^= 1;
            if altered[index][at] == b'\n' {
                continue;
            }
            let problems = said(&altered);
            let place = format!("h:{}", index + 1);
            assert!(problems.iter().any(|said| said.contains(&place)), "{place}, byte {at}: {problems:?}");
            assert!(
                problems.iter().all(|said| said.contains(&place)
                    || said.contains("missing before")
                    || said.contains("or the entry after it")),
                "{place}, byte {at}: {problems:?}"
            );
        }
    }
}

#[test]
fn an_altered_text_is_blamed_on_its_own_entry_alone() {
    let mut lines = chain(5);
    lines[2] =
        String::from_utf8(lines[2].clone()).unwrap().replace("kept_entries\":3", "kept_entries\":7").into();
    assert_eq!(said(&lines), ["entry 3 was altered after it was written, at h:3"]);
    // Nothing after it tells whether the last but one or the last is the one.
    assert_eq!(
        said(&lines[..4]),
        ["entry 3 at h:3 was altered after it was written, or the entry after it was"]
    );
}

#[test]
fn what_is_no_entry_and_what_is_torn_is_named() {
    let mut lines = chain(4);
    lines[1] = b"{\"sequence\":2".to_vec();
    let problems = said(&lines);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("h:2 is no entry: EOF"), "{problems:?}");
    let whole = bytes(&chain(4));
    let found = verify(&[("h", &whole[..whole.len() - 5])]);
    assert_eq!(found.sequence, 3);
    assert!(matches!(&found.problems[..], [Problem::Torn { place: Place { line: 4, .. }, .. }]));
}

#[test]
fn the_first_file_may_not_be_left_out() {
    let lines = chain(3);
    let at = Moment::default();
    let event = Event::Continued { file: "g".into(), head: hash(&lines[2]) };
    let line = Entry { sequence: 4, previous: hash(&lines[2]), at, event }.line().unwrap();
    let next = bytes(&[line]);
    assert!(verify(&[("g", &bytes(&lines)), ("h", &next)]).problems.is_empty());
    let said: Vec<_> = verify(&[("h", &next)]).problems.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["entries 1 to 3 are missing before h:1"]);
    let found = verify(&[("f", &bytes(&lines)), ("h", &next)]);
    assert!(matches!(&found.problems[..], [Problem::Discontinued { .. }]), "{found:?}");
}

#[test]
fn a_record_that_was_cut_or_forged_lacks_the_entry_that_was_vouched_for() {
    let lines = chain(5);
    let read = |lines: &[Vec<u8>]| {
        let mut verifier = Verifier::new().vouching(5, hash(&chain(5)[4]));
        verifier.file("h");
        lines.iter().for_each(|line| drop(verifier.line(line)));
        verifier.finish().problems
    };
    assert!(read(&chain(5)).is_empty());
    assert_eq!(read(&lines[..4]), [Problem::NotVouched { sequence: 5 }]);
    let mut forged = lines;
    forged[4] =
        String::from_utf8(forged[4].clone()).unwrap().replace("kept_entries\":5", "kept_entries\":6").into();
    assert_eq!(read(&forged), [Problem::NotVouched { sequence: 5 }]);
}

#[test]
fn hostile_records_cost_little() {
    let found = verify(&[("h", &vec![b'\n'; 100_000])]);
    assert_eq!((found.problems.len(), found.more), (MOST, 99_000));
    let far = bytes(&chain(1)).replacen_first(b"\"sequence\":1", b"\"sequence\":18446744073709551615");
    let found = verify(&[("h", &far), ("i", &far)]);
    assert_eq!(found.problems.len(), 2, "{found:?}");
}

trait ReplaceFirst {
    fn replacen_first(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl ReplaceFirst for Vec<u8> {
    fn replacen_first(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(self.clone()).unwrap();
        text.replacen(std::str::from_utf8(from).unwrap(), std::str::from_utf8(to).unwrap(), 1).into_bytes()
    }
}
