//! Builds a timeline from the entries of a record, in their order, with memory for the changes alone.

use std::collections::BTreeMap;

use super::{ClockJump, Note, Past, Span, Timeline, Totals, Unobserved, Why};
use crate::check::Verdict;
use crate::date::Timestamp;
use crate::history::axis::{Axis, Jump, Point};
use crate::history::{Entry, Event, Moment};

/// A timeline that is not finished.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    axis: Axis,
    /// The last point at which somebody observed; `None` while nobody does.
    observed: Option<Point>,
    /// Since when nobody does, and why.
    left: Option<(Point, Why)>,
    tracks: BTreeMap<String, Track>,
    unobserved: Vec<(Point, Point, Why)>,
    jumps: Vec<Jump>,
    notes: Vec<(Point, String, bool)>,
    /// How observation last began.
    begun: String,
    first: Option<Point>,
}

/// More checks than this no version has, and those beyond are not told of.
const MOST: usize = 500;

/// What a check was, one after the other.
#[derive(Debug, Clone)]
struct Track(Vec<Part>);

/// From a point on, this.
#[derive(Debug, Clone)]
struct Part {
    from: Point,
    what: What,
    change_seen: bool,
    reason: String,
    evidence: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Verdict(Verdict),
    Unobserved,
    /// Observed, but the entries that said so were lost; the next one tells what has been so since.
    Untold,
}

impl Builder {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: &Entry) {
        let at = self.place(&entry.at);
        self.first.get_or_insert(at);
        match &entry.event {
            Event::Started { version, offer, verdicts } => {
                self.leave(None, Why::Interrupted);
                self.resume(at);
                let begun = format!("hostduty {version} begins to observe, against the offer {offer}");
                let as_before = self.begun == begun;
                self.begun.clone_from(&begun);
                self.notes.push((at, begun, as_before));
                self.state(at, verdicts, false);
            }
            Event::Transition { check, from, to, first_seen, reason, evidence } => {
                self.resume(at);
                let seen = self.axis.earlier(first_seen, at);
                self.tell(check, *from);
                let part = Part {
                    from: seen,
                    what: What::Verdict(*to),
                    change_seen: true,
                    reason: reason.clone(),
                    evidence: evidence.clone(),
                };
                self.set(check, part);
            }
            Event::Digest { verdicts } => {
                self.resume(at);
                self.state(at, verdicts, true);
            }
            Event::Reconfigured { files, verdicts } => {
                self.resume(at);
                self.note(at, format!("the configuration was read anew: {}", files.join(", ")));
                self.state(at, verdicts, true);
            }
            Event::Stopped => self.leave(Some(at), Why::Stopped),
            Event::Repaired { kept_entries, lost_bytes } => {
                self.leave(None, Why::Interrupted);
                self.note(
                    at,
                    format!("a torn line of {lost_bytes} bytes after entry {kept_entries} was taken away"),
                );
            }
            Event::Lost { since, entries, why } => self.lost(since, at, *entries, why),
            Event::Continued { .. } | Event::Other => {}
        }
    }

    /// The timeline up to now, of which only what comes after `since` is told. `observing` says whether somebody does now.
    #[must_use]
    pub fn finish(mut self, now: &Moment, observing: bool, since: Option<Timestamp>) -> Timeline {
        let end = self.place(now);
        if observing && self.observed.is_some() {
            self.observed = Some(end);
        }
        self.leave_unless(observing);
        if let Some((from, why)) = self.left.take() {
            self.unobserved.push((from, end, why));
        }
        let telling = Telling { axis: &self.axis, end, since, ongoing: observing };
        let checks = std::mem::take(&mut self.tracks);
        Timeline {
            from: self.first.map(|first| telling.clip(self.axis.date(first))),
            until: self.axis.date(end),
            checks: checks.into_iter().map(|(check, parts)| (check, telling.past(parts.0))).collect(),
            unobserved: self.unobserved.iter().filter_map(|gap| telling.unobserved(gap)).collect(),
            jumps: self
                .jumps
                .iter()
                .map(|jump| ClockJump { at: self.axis.date(jump.at), seconds: jump.seconds })
                .filter(|jump| telling.is_told(jump.at))
                .collect(),
            notes: self
                .notes
                .iter()
                .map(|(at, what, as_before)| Note {
                    at: self.axis.date(*at),
                    what: what.clone(),
                    as_before: *as_before,
                })
                .filter(|note| telling.is_told(note.at))
                .collect(),
        }
    }

    fn place(&mut self, moment: &Moment) -> Point {
        let (at, jump) = self.axis.place(moment);
        self.jumps.extend(jump);
        at
    }

    fn note(&mut self, at: Point, what: String) {
        self.notes.push((at, what, false));
    }

    /// Nobody observes from a point on: the one given, or the last at which somebody did.
    fn leave(&mut self, at: Option<Point>, why: Why) {
        let Some(last) = self.observed.take() else { return };
        let at = at.unwrap_or(last);
        self.tracks.values_mut().for_each(|track| track.set(Part::unobserved(at)));
        self.left = Some((at, why));
    }

    fn leave_unless(&mut self, observing: bool) {
        if !observing {
            self.leave(None, Why::Interrupted);
        }
    }

    /// Somebody observes at a point, and perhaps did not before.
    fn resume(&mut self, at: Point) {
        if let Some((from, why)) = self.left.take() {
            self.unobserved.push((from, at, why));
        }
        self.observed = Some(at);
    }

    /// Every check's verdict at a point. `holds` says that what was untold has been so since.
    fn state(&mut self, at: Point, verdicts: &BTreeMap<String, Verdict>, holds: bool) {
        for (check, verdict) in verdicts {
            if holds {
                self.tell(check, Some(*verdict));
            }
            let known = self.tracks.get(check).and_then(|track| track.0.last()).map(|part| part.what);
            if known != Some(What::Verdict(*verdict)) {
                let change_seen = matches!(known, Some(What::Verdict(_)));
                self.set(check, Part { what: What::Verdict(*verdict), change_seen, ..Part::unobserved(at) });
            }
        }
        for (_, track) in self.tracks.iter_mut().filter(|(check, _)| !verdicts.contains_key(*check)) {
            track.set(Part::unobserved(at));
        }
    }

    /// What was untold of a check turns out.
    fn tell(&mut self, check: &str, verdict: Option<Verdict>) {
        let last = self.tracks.get_mut(check).and_then(|track| track.0.last_mut());
        if let (Some(part), Some(verdict)) = (last, verdict)
            && part.what == What::Untold
        {
            part.what = What::Verdict(verdict);
        }
    }

    fn lost(&mut self, since: &Moment, at: Point, entries: u64, why: &str) {
        let from = self.axis.earlier(since, at);
        self.resume(from);
        self.observed = Some(at);
        for track in self.tracks.values_mut() {
            track.set(Part::unobserved(from));
            track.set(Part { what: What::Untold, ..Part::unobserved(at) });
        }
        self.unobserved.push((from, at, Why::Lost(entries, why.to_owned())));
    }

    /// From a point on a check is this.
    fn set(&mut self, check: &str, part: Part) {
        let has_room = self.tracks.len() < MOST;
        match self.tracks.get_mut(check) {
            Some(track) => track.set(part),
            None if has_room => {
                self.tracks.insert(check.to_owned(), Track(vec![part]));
            }
            None => {}
        }
    }
}

impl Track {
    /// From a point on it is this. What began later than that gives way: a change is as old as its first sight.
    fn set(&mut self, mut part: Part) {
        // What nobody ever told of was not observed.
        if self.0.last().is_some_and(|last| last.what == What::Untold) {
            self.0.pop();
        }
        if let Some(last) = self.0.last() {
            part.from = part.from.max(last.from);
            if last.what == part.what {
                return;
            }
        }
        self.0.push(part);
    }
}

impl Part {
    fn unobserved(from: Point) -> Self {
        Self { from, what: What::Unobserved, change_seen: false, reason: String::new(), evidence: Vec::new() }
    }
}

/// How points become dates and lengths.
struct Telling<'a> {
    axis: &'a Axis,
    end: Point,
    since: Option<Timestamp>,
    ongoing: bool,
}

impl Telling<'_> {
    fn is_told(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since)
    }

    fn clip(&self, at: Timestamp) -> Timestamp {
        self.since.map_or(at, |since| at.max(since))
    }

    /// The dates and the seconds of what lies between two points, without what is not told.
    fn extent(&self, from: Point, until: Point) -> Option<(Timestamp, Timestamp, u64)> {
        let (begin, end) = (self.axis.date(from), self.axis.date(until));
        let ms = self.axis.between(from, until);
        match self.since {
            Some(since) if begin < since => {
                let left = u64::try_from(end.0.saturating_sub(since.0)).ok().filter(|left| *left > 0)?;
                Some((since, end, left.min(ms / 1000)))
            }
            _ => Some((begin, end, (ms + 500) / 1000)),
        }
    }

    fn past(&self, parts: Vec<Part>) -> Past {
        let nexts = parts.iter().skip(1).map(|part| (part.from, part.what != What::Unobserved));
        let nexts: Vec<(Point, bool)> = nexts.chain([(self.end, false)]).collect();
        let mut past = Past { spans: Vec::new(), totals: Totals::default() };
        let count = parts.len();
        for (number, (part, (end, replaced))) in parts.into_iter().zip(nexts).enumerate() {
            let is_last = number.saturating_add(1) == count;
            let verdict = if let What::Verdict(verdict) = part.what { Some(verdict) } else { None };
            let Some((from, until, seconds)) = self.extent(part.from, end) else { continue };
            // What another verdict replaced at once was never so. What nobody saw any more was so for an instant.
            if part.from == end && (replaced || part.what == What::Unobserved && !is_last) {
                continue;
            }
            let total = past.totals.of(verdict);
            *total = total.saturating_add(seconds);
            past.spans.push(Span {
                verdict,
                from,
                until,
                seconds,
                change_seen: part.change_seen,
                ongoing: is_last && self.ongoing && verdict.is_some(),
                reason: part.reason,
                evidence: part.evidence,
            });
        }
        past
    }

    fn unobserved(&self, (from, until, why): &(Point, Point, Why)) -> Option<Unobserved> {
        let (from, until, seconds) = self.extent(*from, *until)?;
        Some(Unobserved { from, until, seconds, why: why.clone() })
    }
}
