//! The record as a picture: a line for each check that changed or is not kept, and what it shows again as a table.

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::timeline::{Past, Span, Timeline};
use maud::{Markup, html};

use super::super::history::{instant, length};
use super::{class, word};
use crate::output::clean;

/// More lines than this are not looked at.
const MOST: usize = 40;
const WIDTH: i64 = 960;
/// Where the names end and time begins.
const LEFT: i64 = 250;
const HEIGHT: i64 = 20;
const TICKS: i64 = 4;

pub(super) fn section(timeline: &Timeline) -> Markup {
    let Some(from) = timeline.from.filter(|from| *from < timeline.until) else { return html! {} };
    let is_news = |past: &Past| {
        let known = past.spans.iter().filter_map(|span| span.verdict);
        let last = past.spans.last().and_then(|span| span.verdict);
        known.collect::<std::collections::BTreeSet<_>>().len() > 1
            || matches!(last, Some(Verdict::Fail | Verdict::Unknown))
    };
    let all: Vec<(&str, &Past)> = timeline
        .checks
        .iter()
        .filter(|(_, past)| is_news(past))
        .map(|(id, past)| (id.as_str(), past))
        .collect();
    let shown = &all[..all.len().min(MOST)];
    let axis = Axis { from: from.0, seconds: (timeline.until.0 - from.0).max(1) };
    html! {
        section id="past" {
            h2 { "Since when" }
            p.soft {
                "From " (instant(from)) " to " (instant(timeline.until)) " UTC. "
                @if shown.is_empty() { "Every check that applies was kept all the time." }
                @else { "Checks that changed or are not kept; hatched: nobody observed." }
            }
            @if !shown.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="The verdicts over time" { (picture(shown, &axis)) }
                @if all.len() > shown.len() { p.soft { "and " (all.len() - shown.len()) " more: hostduty history" } }
                details { summary { "The same as a table" } (table(shown)) }
            }
        }
    }
}

struct Axis {
    from: i64,
    seconds: i64,
}

impl Axis {
    fn at(&self, moment: Timestamp) -> i64 {
        LEFT + (moment.0 - self.from).clamp(0, self.seconds) * (WIDTH - LEFT - 10) / self.seconds
    }
}

fn picture(shown: &[(&str, &Past)], axis: &Axis) -> Markup {
    let height = 26 + HEIGHT * i64::try_from(shown.len()).unwrap_or(0);
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label="The verdicts over time; the table below says the same" {
            defs {
                pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    line.hatch x1="0" y1="0" x2="0" y2="6" stroke-width="2" {}
                }
            }
            @for tick in 0..=TICKS {
                @let moment = Timestamp(axis.from + axis.seconds * tick / TICKS);
                @let x = axis.at(moment);
                line.tick x1=(x) y1="18" x2=(x) y2=(height) {}
                text.axis x=(x) y="12" text-anchor=(if tick == TICKS { "end" } else if tick == 0 { "start" } else { "middle" }) { (instant(moment)) }
            }
            @for (number, (id, past)) in (0_i64..).zip(shown) {
                @let y = 24 + HEIGHT * number;
                text x=(LEFT - 10) y=(y + 11) text-anchor="end" { (clean(id)) }
                @for span in told(past) { (bar(span, axis, y)) }
            }
        }
    }
}

/// What is not kept comes last, so that nothing hides it where it was short.
fn told(past: &Past) -> Vec<&Span> {
    let mut spans: Vec<&Span> = past.spans.iter().collect();
    spans.sort_by_key(|span| match span.verdict {
        None | Some(Verdict::NotApplicable) => 0,
        Some(Verdict::Pass) => 1,
        Some(Verdict::Waived) => 2,
        Some(Verdict::Unknown) => 3,
        Some(Verdict::Fail) => 4,
    });
    spans
}

fn bar(span: &Span, axis: &Axis, y: i64) -> Markup {
    let (x, end) = (axis.at(span.from), axis.at(span.until));
    // What was short is seen all the same.
    let width = (end - x).max(4);
    let what = span.verdict.map_or("not observed", word);
    let said = format!("{what} from {} to {}{}", instant(span.from), instant(span.until), because(span));
    html! {
        @match span.verdict {
            Some(verdict) => {
                rect class=(class(verdict)) x=(x) y=(y) width=(width) height="14" rx="2" { title { (said) } }
                @if width > 16 && verdict != Verdict::Pass {
                    text.mark x=(x + 4) y=(y + 11) aria-hidden="true" { (word(verdict).get(..1).unwrap_or_default().to_uppercase()) }
                }
            }
            None => rect x=(x) y=(y) width=(width) height="14" fill="url(#hatch)" { title { (said) } },
        }
    }
}

fn because(span: &Span) -> String {
    if span.reason.is_empty() { String::new() } else { format!(": {}", clean(&span.reason)) }
}

fn table(shown: &[(&str, &Past)]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="The verdicts over time as a table" {
            table {
                thead { tr {
                    th scope="col" { "Check" } th scope="col" { "Verdict" } th scope="col" { "From" } th scope="col" { "For" } th scope="col" { "Why" }
                } }
                tbody {
                    @for (id, past) in shown {
                        @for span in &past.spans {
                            tr class=(span.verdict.map_or("n", class)) {
                                th scope="row" { (clean(id)) }
                                td { span.tag { (span.verdict.map_or("not observed", word)) } }
                                td { (instant(span.from)) @if !span.change_seen { " or before" } }
                                td { (length(span.seconds)) }
                                td {
                                    (clean(&span.reason))
                                    @for place in &span.evidence { p { code { (clean(place)) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
