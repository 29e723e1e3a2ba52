//! The record as a timeline that people read: what changed, when nobody observed, and how long each verdict lasted.

use std::fmt::Write;

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::timeline::{Past as Check, Since, Span, Timeline, Totals, Unobserved, Why};

use super::human::{Paint, wrapped};
use crate::history::past::Past;
use crate::output::clean;

/// Problems of the chain before "and N more".
const PROBLEMS: usize = 3;
/// Times without observation, of which the shorter ones are summed up where there are more.
const GAPS: usize = 12;
/// Shorter than this is a restart.
const SHORT: u64 = 600;
/// Of a record without `--since`, the last so many things that happened.
const LINES: usize = 500;

/// An instant as people say it, in UTC like every instant of a report.
pub(crate) fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, time)) if time.len() == 9 => format!("{day} {}", time.get(..5).unwrap_or_default()),
        _ => text,
    }
}

/// "since 2026-11-20 14:03", and what keeps that from being the whole truth.
pub(crate) fn since(since: &Since) -> String {
    let mut text = format!("since {}", instant(since.at));
    if !since.change_seen {
        text += " or before";
    }
    if since.unobserved_seconds > 0 {
        let _ = write!(text, ", unobserved for {} of it", length(since.unobserved_seconds));
    }
    text
}

/// A length of time in its two largest units.
pub(crate) fn length(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let from = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let told: Vec<String> = parts
        .iter()
        .skip(from)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if told.is_empty() { "0 s".to_owned() } else { told.join(" ") }
}

/// So many entries.
pub(crate) fn entries(count: u64) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

/// One line of the timeline.
struct Line<'a> {
    at: Timestamp,
    what: What<'a>,
}

enum What<'a> {
    Change { check: &'a str, span: &'a Span, before: Option<Before> },
    Unobserved(&'a Unobserved),
    Clock(i64),
    Note(&'a str),
}

/// What a check was until it changed, over times without observation that changed nothing.
#[derive(Debug, Clone, Copy)]
struct Before {
    verdict: Option<Verdict>,
    until: Timestamp,
    observed: u64,
    unobserved: u64,
}

/// The timeline of all checks, or of one. A long one begins late, unless all of it is asked for.
pub(crate) fn human(past: &Past, place: &str, only: Option<&str>, all: bool, paint: Paint) -> String {
    let timeline = &past.timeline;
    let mut out = String::new();
    header(&mut out, past, place);
    let short = short(timeline);
    let mut lines = lines(timeline, only, !short.is_empty());
    lines.sort_by_key(|line| line.at);
    let earlier = if all { 0 } else { lines.len().saturating_sub(LINES) };
    if earlier > 0 {
        let from = timeline.from.map(|from| from.to_string()).unwrap_or_default();
        let day = from.split('T').next().unwrap_or_default();
        let text = format!("{earlier} earlier lines are left out here: --since {day} shows them");
        wrapped(&mut out, "", 2, &text);
        out.push('\n');
    }
    for line in lines.iter().skip(earlier) {
        told(&mut out, line, paint);
    }
    if !lines.is_empty() {
        out.push('\n');
    }
    if !short.is_empty() {
        let seconds = short.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.seconds));
        let text = format!(
            "Besides not observed {} times for less than {} each, {} in all; --format json lists them",
            short.len(),
            length(SHORT),
            length(seconds)
        );
        wrapped(&mut out, "", 2, &text);
        out.push('\n');
    }
    totals(&mut out, timeline, only, paint);
    out
}

/// The times without observation that are summed up: restarts, of which years have hundreds.
fn short(timeline: &Timeline) -> Vec<&Unobserved> {
    if timeline.unobserved.len() <= GAPS {
        return Vec::new();
    }
    timeline.unobserved.iter().filter(|gap| is_restart(gap)).collect()
}

fn is_restart(gap: &Unobserved) -> bool {
    gap.seconds < SHORT && !matches!(gap.why, Why::Lost(..))
}

fn header(out: &mut String, past: &Past, place: &str) {
    let timeline = &past.timeline;
    let Some(from) = timeline.from else {
        if past.verified.problems.is_empty() {
            wrapped(out, "", 2, &format!("{place} holds no record yet: `hostduty watch` writes it"));
        } else {
            wrapped(out, "", 2, &format!("{place} holds nothing that can be read"));
            problems(out, past);
        }
        return;
    };
    let until = instant(timeline.until);
    wrapped(out, "", 2, &format!("{place}, from {} to {until} (UTC)", instant(from)));
    let state = if past.observing { "hostduty observes now" } else { "nobody observes now" };
    let _ = writeln!(out, "{}; {state}", entries(past.verified.entries));
    if past.left_out > 0 {
        let _ = writeln!(out, "The {} oldest files were left out: there is too much to read", past.left_out);
    }
    problems(out, past);
    out.push('\n');
}

fn problems(out: &mut String, past: &Past) {
    for problem in past.verified.problems.iter().take(PROBLEMS) {
        wrapped(out, "Not as it was written: ", 2, &problem.to_string());
    }
    if past.verified.problems.len() > PROBLEMS {
        let _ = writeln!(out, "and more; `hostduty history verify` tells all");
    }
}

fn lines<'a>(timeline: &'a Timeline, only: Option<&str>, without_restarts: bool) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    // That observation goes on is what the end of the time without it says.
    let notes = timeline.notes.iter().filter(|note| !note.as_before);
    lines.extend(notes.map(|note| Line { at: note.at, what: What::Note(&note.what) }));
    lines.extend(timeline.jumps.iter().map(|jump| Line { at: jump.at, what: What::Clock(jump.seconds) }));
    let gaps = timeline.unobserved.iter().filter(|gap| !(without_restarts && is_restart(gap)));
    lines.extend(gaps.map(|gap| Line { at: gap.from, what: What::Unobserved(gap) }));
    for (check, past) in shown(timeline, only) {
        let mut before: Option<Before> = None;
        for span in &past.spans {
            match &mut before {
                Some(before) if span.verdict.is_none() => {
                    before.unobserved = before.unobserved.saturating_add(span.seconds);
                }
                // A gap with the same verdict on both sides is no change.
                Some(before) if before.verdict == span.verdict => {
                    before.observed = before.observed.saturating_add(span.seconds);
                    before.until = span.until;
                }
                _ if span.verdict.is_none() => {}
                _ => {
                    // The state with which a record begins is in the totals.
                    if before.is_some() || only.is_some() {
                        lines.push(Line { at: span.from, what: What::Change { check, span, before } });
                    }
                    let (verdict, until, observed) = (span.verdict, span.until, span.seconds);
                    before = Some(Before { verdict, until, observed, unobserved: 0 });
                }
            }
        }
    }
    lines
}

fn shown<'a>(timeline: &'a Timeline, only: Option<&str>) -> impl Iterator<Item = (&'a str, &'a Check)> {
    let only = only.map(str::to_owned);
    timeline
        .checks
        .iter()
        .map(|(check, past)| (check.as_str(), past))
        .filter(move |(check, _)| only.as_ref().is_none_or(|only| only == check))
}

fn told(out: &mut String, line: &Line<'_>, paint: Paint) {
    let at = instant(line.at);
    let indent = 18;
    match &line.what {
        What::Change { check, span, before } => {
            let verdict = span.verdict.unwrap_or(Verdict::Unknown);
            let until = match before {
                Some(before) if before.until == span.from => {
                    let held = length(before.observed);
                    // Restarts are not worth a word here; what may hide something is.
                    let besides = if before.unobserved > before.observed / 100 {
                        format!(" and {} unobserved", length(before.unobserved))
                    } else {
                        String::new()
                    };
                    format!(", {} until then for {held}{besides}", word(before.verdict))
                }
                Some(before) => format!(", {} when last seen", word(before.verdict)),
                None => String::new(),
            };
            let word = paint.verdict(verdict, loud(verdict));
            let _ = writeln!(out, "{at}  {}  {word}{until}", paint.bold(&clean(check)));
            if !span.reason.is_empty() {
                wrapped(out, &" ".repeat(indent), indent, &span.reason);
            }
            for seen in &span.evidence {
                wrapped(out, &format!("{}at ", " ".repeat(indent + 2)), indent + 5, seen);
            }
        }
        What::Unobserved(gap) => {
            let why = match &gap.why {
                Why::Stopped => "hostduty was stopped".to_owned(),
                Why::Interrupted => "hostduty or the machine ended without a word".to_owned(),
                Why::Lost(count, why) => format!("lost {}: {why}", entries(*count)),
            };
            let until = instant(gap.until);
            let text = format!("not observed for {}, until {until}: {why}", length(gap.seconds));
            wrapped(out, &format!("{at}  "), indent, &text);
        }
        What::Clock(seconds) => {
            let way = if *seconds < 0 { "back" } else { "forward" };
            let text = format!(
                "the clock was set {way} by {}; lengths do not follow it",
                length(seconds.unsigned_abs())
            );
            wrapped(out, &format!("{at}  "), indent, &text);
        }
        What::Note(what) => wrapped(out, &format!("{at}  "), indent, what),
    }
}

/// A heading, and what stands below it.
type Column = (&'static str, fn(&Totals) -> u64);

const COLUMNS: [Column; 6] = [
    ("kept", |totals| totals.pass),
    ("broken", |totals| totals.fail),
    ("unknown", |totals| totals.unknown),
    ("waived", |totals| totals.waived),
    ("n/a", |totals| totals.not_applicable),
    ("unobserved", |totals| totals.unobserved),
];

fn totals(out: &mut String, timeline: &Timeline, only: Option<&str>, paint: Paint) {
    let width = shown(timeline, only).map(|(check, _)| check.chars().count()).max().unwrap_or(0);
    if width == 0 {
        return;
    }
    // A column that is empty throughout says nothing; kept and broken are what everybody asks for.
    let is_shown = |(name, of): &&Column| {
        matches!(*name, "kept" | "broken") || shown(timeline, only).any(|(_, past)| of(&past.totals) > 0)
    };
    let columns: Vec<&Column> = COLUMNS.iter().filter(is_shown).collect();
    let mut heading = format!("{:width$}", "");
    for (name, _) in &columns {
        let _ = write!(heading, "  {name:>11}");
    }
    let _ = writeln!(out, "{}", paint.bold(&heading));
    for (check, past) in shown(timeline, only) {
        let _ = write!(out, "{:width$}", clean(check));
        for (_, of) in &columns {
            let seconds = of(&past.totals);
            let text = if seconds == 0 { "-".to_owned() } else { length(seconds) };
            let _ = write!(out, "  {text:>11}");
        }
        out.push('\n');
    }
}

fn word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "kept",
        Some(Verdict::Fail) => "broken",
        Some(Verdict::NotApplicable) => "not applicable",
        Some(other) => other.name(),
        None => "not observed",
    }
}

fn loud(verdict: Verdict) -> &'static str {
    if verdict == Verdict::Fail { "FAIL" } else { word(Some(verdict)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_instants_are_short() {
        let lengths: Vec<String> = [0, 59, 60, 3660, 86_400 + 59, 90_000, 400 * 86_400].map(length).into();
        assert_eq!(lengths, ["0 s", "59 s", "1 min", "1 h 1 min", "1 d", "1 d 1 h", "400 d"]);
        assert_eq!(instant("2026-11-20T14:03:59Z".parse().unwrap()), "2026-11-20 14:03");
        assert_eq!(instant(Timestamp(i64::MAX)), "@9223372036854775807");
    }
}
