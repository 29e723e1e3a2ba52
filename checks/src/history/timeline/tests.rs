use super::*;
use crate::history::{Entry, Event, Moment};

const START: i64 = 1_795_000_000;
const DAY: i64 = 86_400;

/// Builds a record: the wall clock is ahead by so many seconds.
#[derive(Default)]
struct Tape {
    builder: Builder,
    ahead: i64,
}

impl Tape {
    fn at(&self, boot: u64, seconds: u64) -> Moment {
        let wall = START + i64::try_from(boot * 1_000_000 + seconds).unwrap() + self.ahead;
        let synchronised = Some(self.ahead == 0);
        Moment { wall: Timestamp(wall), boot: boot.to_string(), monotonic_ms: seconds * 1000, synchronised }
    }
    fn event(&mut self, boot: u64, seconds: u64, event: Event) {
        let at = self.at(boot, seconds);
        self.builder.push(&Entry { sequence: 1, previous: String::new(), at, event });
    }
    fn start(&mut self, boot: u64, seconds: u64, verdict: Verdict) {
        let (version, offer) = ("1".into(), "generic".into());
        self.event(boot, seconds, Event::Started { version, offer, verdicts: state(verdict) });
    }
    fn change(&mut self, boot: u64, seconds: u64, from: Verdict, to: Verdict) {
        let first_seen = self.at(boot, seconds - 60);
        let (check, reason) = ("c".to_owned(), format!("{to:?}"));
        let event = Event::Transition { check, from: Some(from), to, first_seen, reason, evidence: vec![] };
        self.event(boot, seconds, event);
    }
    fn finish(self, boot: u64, seconds: u64, observing: bool) -> Timeline {
        let now = self.at(boot, seconds);
        self.builder.finish(&now, observing, None)
    }
}

fn state(verdict: Verdict) -> BTreeMap<String, Verdict> {
    BTreeMap::from([("c".to_owned(), verdict)])
}

fn spans(timeline: &Timeline) -> Vec<(Option<Verdict>, i64, u64)> {
    timeline.checks["c"].spans.iter().map(|span| (span.verdict, span.from.0 - START, span.seconds)).collect()
}

#[test]
fn a_change_counts_from_its_first_sight() {
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    tape.change(0, 1060, Verdict::Pass, Verdict::Fail);
    tape.change(0, 2060, Verdict::Fail, Verdict::Pass);
    let timeline = tape.finish(0, 3000, true);
    assert_eq!(
        spans(&timeline),
        [
            (Some(Verdict::Pass), 100, 900),
            (Some(Verdict::Fail), 1000, 1000),
            (Some(Verdict::Pass), 2000, 1000)
        ]
    );
    assert_eq!(timeline.checks["c"].totals, Totals { pass: 1900, fail: 1000, ..Totals::default() });
    assert!(timeline.unobserved.is_empty() && timeline.checks["c"].spans[2].ongoing);
    let since = timeline.since("c").unwrap();
    assert_eq!((since.at.0 - START, since.change_seen, since.unobserved_seconds), (2000, true, 0));
}

#[test]
fn a_day_forward_and_a_day_back_distort_no_total() {
    for days in [DAY, -DAY] {
        let mut tape = Tape::default();
        tape.start(0, 100, Verdict::Pass);
        tape.ahead = days;
        tape.change(0, 1060, Verdict::Pass, Verdict::Fail);
        tape.event(0, 1500, Event::Digest { verdicts: state(Verdict::Fail) });
        tape.ahead = 0;
        tape.change(0, 2060, Verdict::Fail, Verdict::Pass);
        let timeline = tape.finish(0, 3000, true);
        assert_eq!(timeline.checks["c"].totals, Totals { pass: 1900, fail: 1000, ..Totals::default() });
        assert_eq!(spans(&timeline)[1], (Some(Verdict::Fail), 1000, 1000));
        assert_eq!(timeline.jumps.iter().map(|jump| jump.seconds).collect::<Vec<_>>(), [days, -days]);
    }
}

#[test]
fn nobody_observed_between_a_stop_or_a_crash_and_the_next_start() {
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    tape.event(0, 1000, Event::Stopped);
    tape.start(0, 1500, Verdict::Pass);
    tape.event(0, 2000, Event::Digest { verdicts: state(Verdict::Pass) });
    // The power fails after the digest; nobody knows when.
    tape.event(1, 10, Event::Repaired { kept_entries: 4, lost_bytes: 9 });
    tape.start(1, 20, Verdict::Fail);
    let timeline = tape.finish(1, 120, false);
    let gap = 1_000_020 - 2000;
    assert_eq!(
        spans(&timeline),
        [
            (Some(Verdict::Pass), 100, 900),
            (None, 1000, 500),
            (Some(Verdict::Pass), 1500, 500),
            (None, 2000, gap),
            (Some(Verdict::Fail), 1_000_020, 0),
            (None, 1_000_020, 100)
        ]
    );
    let whys: Vec<_> = timeline.unobserved.iter().map(|gap| (gap.seconds, gap.why.clone())).collect();
    assert_eq!(whys, [(500, Why::Stopped), (gap, Why::Interrupted), (100, Why::Interrupted)]);
}

#[test]
fn the_same_verdict_before_and_after_a_gap_goes_on_and_the_gap_is_counted() {
    let mut tape = Tape::default();
    tape.start(0, 0, Verdict::Fail);
    tape.change(0, 560, Verdict::Fail, Verdict::Pass);
    tape.event(0, 1000, Event::Stopped);
    tape.start(0, 1500, Verdict::Pass);
    let since = tape.finish(0, 2000, true).since("c").unwrap();
    assert_eq!((since.at.0 - START, since.change_seen, since.unobserved_seconds), (500, true, 500));
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    assert!(!tape.finish(0, 200, true).since("c").unwrap().change_seen);
}

#[test]
fn lost_entries_are_a_gap_and_the_next_entry_tells_what_held_since() {
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    let since = tape.at(0, 500);
    tape.event(0, 900, Event::Lost { since, entries: 3, why: "no room".into() });
    tape.change(0, 2060, Verdict::Fail, Verdict::Pass);
    let timeline = tape.finish(0, 3000, true);
    assert_eq!(
        spans(&timeline),
        [
            (Some(Verdict::Pass), 100, 400),
            (None, 500, 400),
            (Some(Verdict::Fail), 900, 1100),
            (Some(Verdict::Pass), 2000, 1000)
        ]
    );
    assert_eq!(timeline.unobserved[0].why, Why::Lost(3, "no room".into()));
}

#[test]
fn a_check_that_is_judged_no_more_is_unobserved_and_a_new_one_begins() {
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    let verdicts = BTreeMap::from([("d".to_owned(), Verdict::Fail)]);
    tape.event(0, 500, Event::Reconfigured { files: vec!["/etc/hostduty/hostduty.toml".into()], verdicts });
    let timeline = tape.finish(0, 1000, true);
    assert_eq!(spans(&timeline), [(Some(Verdict::Pass), 100, 400), (None, 500, 500)]);
    assert_eq!(timeline.checks["d"].totals, Totals { fail: 500, ..Totals::default() });
}

#[test]
fn only_what_is_asked_for_is_told() {
    let mut tape = Tape::default();
    tape.start(0, 0, Verdict::Pass);
    tape.change(0, 1060, Verdict::Pass, Verdict::Fail);
    tape.event(0, 2000, Event::Stopped);
    tape.start(0, 3000, Verdict::Fail);
    let now = tape.at(0, 4000);
    let timeline = tape.builder.finish(&now, true, Some(Timestamp(START + 2500)));
    assert_eq!(spans(&timeline), [(None, 2500, 500), (Some(Verdict::Fail), 3000, 1000)]);
    assert_eq!((timeline.unobserved[0].seconds, timeline.notes.len()), (500, 1));
    assert_eq!(timeline.from, Some(Timestamp(START + 2500)));
}

#[test]
fn what_is_lost_again_and_again_costs_no_more_than_its_lines() {
    let mut tape = Tape::default();
    tape.start(0, 100, Verdict::Pass);
    let lost = |since: Moment| Event::Lost { since, entries: 1, why: String::new() };
    for round in 1..1000 {
        let since = tape.at(0, 100 + round * 10);
        tape.event(0, 105 + round * 10, lost(since));
        if round % 2 == 0 {
            tape.event(0, 106 + round * 10, Event::Digest { verdicts: BTreeMap::new() });
        }
    }
    let verdicts = (0..10_000).map(|number| (number.to_string(), Verdict::Pass)).collect();
    tape.event(0, 20_000, Event::Digest { verdicts });
    let timeline = tape.finish(0, 20_000, true);
    assert_eq!(spans(&timeline), [(Some(Verdict::Pass), 100, 10), (None, 110, 19_890)]);
    assert_eq!(timeline.checks.len(), 500);
}
