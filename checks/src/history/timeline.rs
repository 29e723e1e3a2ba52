//! Since when, and for how long: each check's verdicts over time, and the times at which nobody looked.

mod build;

use std::collections::BTreeMap;

use crate::check::Verdict;
use crate::date::Timestamp;

pub use build::Builder;

/// What a record tells, in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    /// The first moment that it tells of, after what was left out.
    pub from: Option<Timestamp>,
    /// The moment up to which it tells.
    pub until: Timestamp,
    /// Each check's past, by id.
    pub checks: BTreeMap<String, Past>,
    /// When nobody observed, or what was observed was lost.
    pub unobserved: Vec<Unobserved>,
    /// When the wall clock was set.
    pub jumps: Vec<ClockJump>,
    /// What else happened to the record.
    pub notes: Vec<Note>,
}

/// One check's past.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// Its verdicts one after the other, without holes.
    pub spans: Vec<Span>,
    /// How long each lasted in all.
    pub totals: Totals,
}

/// A verdict, or none, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What was known; nothing while nobody observed.
    pub verdict: Option<Verdict>,
    /// When it began.
    pub from: Timestamp,
    /// When it ended, or up to when it is told.
    pub until: Timestamp,
    /// How long it lasted, whatever was done to the clock.
    pub seconds: u64,
    /// Whether the change to it was seen. It was not where observation began with it.
    pub change_seen: bool,
    /// Whether it still lasts.
    pub ongoing: bool,
    /// Why, where the record says.
    pub reason: String,
    /// Where it was seen, where the record says.
    pub evidence: Vec<String>,
}

/// Seconds with each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Kept.
    pub pass: u64,
    /// Broken.
    pub fail: u64,
    /// Not known although somebody observed.
    pub unknown: u64,
    /// Broken and accepted.
    pub waived: u64,
    /// Without meaning here.
    pub not_applicable: u64,
    /// Nobody observed.
    pub unobserved: u64,
}

/// A time of which the record does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unobserved {
    /// When it began, as far as is known.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// How long it lasted; 0 where the clocks contradict each other.
    pub seconds: u64,
    /// Why.
    pub why: Why,
}

/// Why nobody observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Observation was ended.
    Stopped,
    /// It ended without a word: a loss of power, a crash, a kill.
    Interrupted,
    /// So many entries could not be written, and why.
    Lost(u64, String),
}

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// When it was noticed.
    pub at: Timestamp,
    /// By how many seconds.
    pub seconds: i64,
}

/// Something that happened to the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What, one sentence without a full stop.
    pub what: String,
    /// Whether observation only went on as it had been: the same version, against the same offer.
    pub as_before: bool,
}

/// Since when a verdict holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The verdict.
    pub verdict: Verdict,
    /// Since when.
    pub at: Timestamp,
    /// Whether the change to it was seen, or observation only began then.
    pub change_seen: bool,
    /// For how long since then nobody observed.
    pub unobserved_seconds: u64,
}

impl Timeline {
    /// Since when the last verdict of a check holds. A time in which nobody observed, with the same verdict before and
    /// after it, does not end it, but is counted.
    #[must_use]
    pub fn since(&self, check: &str) -> Option<Since> {
        let spans = &self.checks.get(check)?.spans;
        let verdict = spans.iter().rev().find_map(|span| span.verdict)?;
        let mut since = None;
        let mut unobserved_seconds = 0_u64;
        for span in spans.iter().rev().take_while(|span| span.verdict.is_none_or(|other| other == verdict)) {
            if span.verdict.is_some() {
                let (at, change_seen) = (span.from, span.change_seen);
                since = Some(Since { verdict, at, change_seen, unobserved_seconds });
            } else {
                unobserved_seconds = unobserved_seconds.saturating_add(span.seconds);
            }
        }
        since
    }
}

impl Totals {
    /// All of it together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        [self.pass, self.fail, self.unknown, self.waived, self.not_applicable, self.unobserved]
            .iter()
            .fold(0, |sum, part| sum.saturating_add(*part))
    }

    fn of(&mut self, verdict: Option<Verdict>) -> &mut u64 {
        match verdict {
            Some(Verdict::Pass) => &mut self.pass,
            Some(Verdict::Fail) => &mut self.fail,
            Some(Verdict::Unknown) => &mut self.unknown,
            Some(Verdict::Waived) => &mut self.waived,
            Some(Verdict::NotApplicable) => &mut self.not_applicable,
            None => &mut self.unobserved,
        }
    }
}

#[cfg(test)]
mod tests;
