//! Two years of a busy machine: the timeline stays one that a person reads, and the chain runs through all files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::{Entry, Event, Moment, NONE_BEFORE, hash};

use crate::support::run;

const BEGIN: i64 = 1_732_233_600;
const DAY: i64 = 86_400;
const DAYS: i64 = 730;
/// A quarter of the agent's own.
const ROTATE: usize = 1 << 20;

/// What is written, file after file.
struct Writer<'a> {
    folder: &'a Path,
    files: Vec<Vec<u8>>,
    head: String,
    sequence: u64,
}

impl Writer<'_> {
    fn name(&self) -> String {
        format!("history-{:06}.jsonl", self.files.len())
    }

    fn add(&mut self, seconds: i64, event: Event) {
        if self.files.last().is_none_or(|file| file.len() >= ROTATE) {
            let before = (!self.files.is_empty())
                .then(|| Event::Continued { file: self.name(), head: self.head.clone() });
            self.files.push(Vec::new());
            before.into_iter().for_each(|before| self.line(seconds, before));
        }
        self.line(seconds, event);
    }

    fn line(&mut self, seconds: i64, event: Event) {
        self.sequence += 1;
        let (sequence, previous) = (self.sequence, self.head.clone());
        let line = Entry { sequence, previous, at: moment(seconds), event }.line().unwrap();
        self.head = hash(&line);
        self.files.last_mut().unwrap().extend(line.into_iter().chain([b'\n']));
    }

    fn end(self) {
        for (number, file) in self.files.iter().enumerate() {
            fs::write(self.folder.join(format!("history-{:06}.jsonl", number + 1)), file).unwrap();
        }
    }
}

fn moment(seconds: i64) -> Moment {
    Moment {
        wall: Timestamp(BEGIN + seconds),
        boot: "0b5a9a9c-55d5-4b4e-8b0c-3f1f5e8f6a11".to_owned(),
        monotonic_ms: u64::try_from(seconds).unwrap() * 1000,
        synchronised: Some(true),
    }
}

/// A hundred checks; four of them change each day by turns, hostduty starts anew each Monday, and in the second year one
/// night is not observed.
fn write(folder: &Path) {
    let mut writer = Writer { folder, files: Vec::new(), head: NONE_BEFORE.to_owned(), sequence: 0 };
    let mut state: BTreeMap<String, Verdict> =
        (0..100).map(|number| (format!("example-check-{number:02}"), Verdict::Pass)).collect();
    let started = |state: &BTreeMap<String, Verdict>| Event::Started {
        version: "0.1.0".to_owned(),
        offer: "generic".to_owned(),
        verdicts: state.clone(),
    };
    writer.add(0, started(&state));
    for day in 0..DAYS {
        let now = day * DAY;
        if day % 7 == 3 {
            writer.add(now + 1000, Event::Stopped);
            writer.add(now + 1060, started(&state));
        }
        if day == 500 {
            writer.add(now + 2000, Event::Stopped);
            writer.add(now + 30_800, started(&state));
        }
        for turn in 0..4 {
            let check = format!("example-check-{:02}", (day * 4 + turn) % 96);
            let from = state[&check];
            let to = if from == Verdict::Pass { Verdict::Fail } else { Verdict::Pass };
            let seen = now + 40_000 + turn * 100;
            state.insert(check.clone(), to);
            writer.add(
                seen + 60,
                Event::Transition {
                    check,
                    from: Some(from),
                    to,
                    first_seen: moment(seen),
                    reason: "openssl waits for a security update from 3.0.20 to 3.0.22".to_owned(),
                    evidence: vec!["/var/lib/dpkg/status: 3.0.20".to_owned()],
                },
            );
        }
        writer.add(now + DAY - 1, Event::Digest { verdicts: state.clone() });
    }
    assert!(writer.files.len() > 1, "nothing was rotated");
    writer.end();
}

#[test]
fn two_years_of_a_busy_machine_are_legible() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let state = ["--state", dir.path().to_str().unwrap()];
    let ask = |words: &[&str]| {
        let begun = Instant::now();
        let (text, code) = run(&[words, &state].concat());
        assert!(code == 0 && begun.elapsed().as_secs() < 20, "{words:?} took {:?}: {text}", begun.elapsed());
        text
    };
    let verified = ask(&["history", "verify"]).replace("\n  ", " ");
    assert!(verified.contains("all as it was written, "), "{verified}");

    // The end of it by default, and what is left out is said.
    let text = ask(&["history"]);
    assert!(text.lines().count() < 2000, "{} lines", text.lines().count());
    assert!(text.contains(" earlier lines are left out here: --since 2024-11-22 shows them\n"), "{text}");
    assert!(!text.contains("begins to observe"), "{text}");
    let all = ask(&["history", "--since", "2024-11-22"]);
    assert_eq!(
        all.matches("FAIL, kept until then for ").count()
            + all.matches("kept, broken until then for ").count(),
        2920
    );
    assert!(!all.contains("left out here") && all.matches("begins to observe").count() == 1);
    // The restarts are a sum; the night and the end are times of their own.
    assert!(
        all.contains("Besides not observed 104 times for less than 10 min each, 1 h 44 min in all"),
        "{all}"
    );
    assert_eq!(all.matches("  not observed for ").count(), 2);

    // Of one check, a restart ends nothing: it was broken and kept for 24 days by turns.
    let one = ask(&["history", "--check", "example-check-05"]);
    assert!(one.matches("FAIL, kept until then for 23 d 23 h").count() >= 13, "{one}");
    let quiet = ask(&["history", "--check", "example-check-99"]);
    assert!(quiet.lines().count() < 16 && quiet.contains("\nexample-check-99  "), "{quiet}");
}
