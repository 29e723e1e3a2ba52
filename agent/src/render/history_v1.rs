//! The record's timeline as JSON, version 1: packaging/schema/history-v1.schema.json.

use checks::history::timeline::{Past as Check, Since as Held, Totals as Lasted, Unobserved as Gap, Why};
use serde::{Deserialize, Serialize};

use crate::history::past::Past;

#[derive(Serialize)]
pub(crate) struct History {
    schema_version: u32,
    hostduty: &'static str,
    from: Option<String>,
    until: String,
    observing: bool,
    entries: u64,
    checks: Vec<Timeline>,
    unobserved: Vec<Unobserved>,
    clock_jumps: Vec<Jump>,
    notes: Vec<Note>,
    /// What is not as it was written, one sentence each.
    problems: Vec<String>,
}

#[derive(Serialize)]
struct Timeline {
    id: String,
    since: Option<Since>,
    totals: Totals,
    spans: Vec<Span>,
}

/// Since when a verdict holds; also a field of a check in the JSON report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Since {
    pub(crate) at: String,
    pub(crate) change_seen: bool,
    unobserved_seconds: u64,
}

#[derive(Serialize)]
struct Totals {
    pass_seconds: u64,
    fail_seconds: u64,
    unknown_seconds: u64,
    waived_seconds: u64,
    not_applicable_seconds: u64,
    unobserved_seconds: u64,
}

#[derive(Serialize)]
struct Span {
    verdict: Option<&'static str>,
    from: String,
    until: String,
    seconds: u64,
    change_seen: bool,
    ongoing: bool,
    reason: String,
    evidence: Vec<String>,
}

#[derive(Serialize)]
struct Unobserved {
    from: String,
    until: String,
    seconds: u64,
    why: &'static str,
    lost_entries: u64,
    detail: String,
}

#[derive(Serialize)]
struct Jump {
    at: String,
    seconds: i64,
}

#[derive(Serialize)]
struct Note {
    at: String,
    what: String,
}

/// The timeline of all checks, or of one.
pub(crate) fn history(past: &Past, only: Option<&str>) -> History {
    let timeline = &past.timeline;
    let checks = timeline.checks.iter().filter(|(check, _)| only.is_none_or(|only| only == *check));
    let text = |at: checks::date::Timestamp| at.to_string();
    History {
        schema_version: 1,
        hostduty: env!("CARGO_PKG_VERSION"),
        from: timeline.from.map(text),
        until: text(timeline.until),
        observing: past.observing,
        entries: past.verified.entries,
        checks: checks.map(|(check, past)| one(check, past, timeline.since(check))).collect(),
        unobserved: timeline.unobserved.iter().map(unobserved).collect(),
        clock_jumps: timeline
            .jumps
            .iter()
            .map(|jump| Jump { at: text(jump.at), seconds: jump.seconds })
            .collect(),
        notes: timeline
            .notes
            .iter()
            .map(|note| Note { at: text(note.at), what: note.what.clone() })
            .collect(),
        problems: past.verified.problems.iter().map(ToString::to_string).collect(),
    }
}

/// Since when a verdict holds.
pub(crate) fn since(held: &Held) -> Since {
    Since {
        at: held.at.to_string(),
        change_seen: held.change_seen,
        unobserved_seconds: held.unobserved_seconds,
    }
}

fn one(check: &str, past: &Check, held: Option<Held>) -> Timeline {
    let spans = past.spans.iter().map(|span| Span {
        verdict: span.verdict.map(checks::check::Verdict::name),
        from: span.from.to_string(),
        until: span.until.to_string(),
        seconds: span.seconds,
        change_seen: span.change_seen,
        ongoing: span.ongoing,
        reason: span.reason.clone(),
        evidence: span.evidence.clone(),
    });
    Timeline {
        id: check.to_owned(),
        since: held.as_ref().map(since),
        totals: totals(&past.totals),
        spans: spans.collect(),
    }
}

fn totals(lasted: &Lasted) -> Totals {
    Totals {
        pass_seconds: lasted.pass,
        fail_seconds: lasted.fail,
        unknown_seconds: lasted.unknown,
        waived_seconds: lasted.waived,
        not_applicable_seconds: lasted.not_applicable,
        unobserved_seconds: lasted.unobserved,
    }
}

fn unobserved(gap: &Gap) -> Unobserved {
    let (why, lost_entries, detail) = match &gap.why {
        Why::Stopped => ("stopped", 0, String::new()),
        Why::Interrupted => ("interrupted", 0, String::new()),
        Why::Lost(entries, why) => ("lost", *entries, why.clone()),
    };
    let (from, until) = (gap.from.to_string(), gap.until.to_string());
    Unobserved { from, until, seconds: gap.seconds, why, lost_entries, detail }
}
