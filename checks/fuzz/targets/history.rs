//! A record of hostile bytes: no time is told twice, and what was altered is not taken for what was written.

#![no_main]

use checks::date::Timestamp;
use checks::history::timeline::Builder;
use checks::history::verify::{Verifier, verify};
use checks::history::{Moment, hash};
use hostduty_fuzz::parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let files: Vec<Vec<u8>> = parts(data).map(|part| part.into_owned()).collect();
    let mut verifier = Verifier::new();
    let mut builder = Builder::new();
    for file in &files {
        verifier.file("history");
        for line in file.split(|byte| *byte == b'\n') {
            if let Some(entry) = verifier.line(line) {
                builder.push(&entry);
            }
        }
    }
    let _ = verifier.finish();
    let now = Moment { wall: Timestamp(1_795_000_000), boot: "b".to_owned(), ..Moment::default() };
    let timeline = builder.finish(&now, true, None);
    for (check, past) in &timeline.checks {
        let spans = past.spans.iter().fold(0_u64, |sum, span| sum.saturating_add(span.seconds));
        assert_eq!(spans, past.totals.sum(), "the totals of {check} are not its spans");
        let _ = timeline.since(check);
    }
    // Whoever vouched for another head is told so.
    let whole: Vec<(&str, &[u8])> = files.iter().map(|file| ("history", file.as_slice())).collect();
    let found = verify(&whole);
    let mut vouched = Verifier::new().vouching(found.sequence.max(1), hash(data));
    for file in &files {
        vouched.file("history");
        file.split(|byte| *byte == b'\n').for_each(|line| drop(vouched.line(line)));
    }
    assert!(!vouched.finish().problems.is_empty(), "a head that is not there was vouched for");
});
