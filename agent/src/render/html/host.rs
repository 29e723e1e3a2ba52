//! One host: what is broken first, then what is not known, then all the rest.

use checks::check::Verdict;
use maud::{Markup, html};

use super::super::book::{Page, Row};
use super::super::json_v1::Evidence;
use super::{class, instant, plural, reach, severity, terms, tiles, timeline};

pub(super) fn host(page: &Page) -> Markup {
    let report = &page.report;
    let fact = |name: &str, value: Option<&str>| {
        html! { @if let Some(value) = value { div { dt { (name) } dd { (value) } } } }
    };
    let seen = report.host.seen_by_uid.map(|uid| match uid {
        0 => "root".to_owned(),
        uid => format!("uid {uid}, who may not see everything"),
    });
    html! {
        header {
            p.kicker { "Duties of the customer · " (report.offer.name) }
            h1 { (page.name) }
            dl.about {
                (fact("System", report.host.os.as_deref()))
                (fact("Kernel", report.host.kernel.as_deref()))
                (fact("Platform", report.host.virtualisation.as_deref()))
                (fact("Judged", Some(&instant(&report.generated_at))))
                (fact("By", Some(&format!("hostduty {}", report.hostduty))))
                (fact("Seen by", seen.as_deref()))
                (fact("Offer", Some(&report.offer.how)))
            }
        }
        (tiles(&report.summary))
        (contents(page))
        (judged(page, Verdict::Fail, "broken", "What is broken"))
        (judged(page, Verdict::Unknown, "unknown", "What could not be known"))
        (terms::accepted(page))
        (terms::duties(page))
        @if let Some(listing) = &page.exposure { (reach::table(listing)) }
        @if let Some(past) = &page.past { (timeline::section(past)) }
        (listed(page, Verdict::Pass, "kept", "What is kept"))
        (listed(page, Verdict::NotApplicable, "rest", "What does not apply here"))
        @if !report.unused.is_empty() {
            section id="unused" {
                h2 { "Worth removing from the configuration" }
                ul.plain { @for line in &report.unused { li { (line) } } }
            }
        }
    }
}

fn contents(page: &Page) -> Markup {
    let has = |verdict| page.rows().any(|row| row.verdict == verdict);
    let links = [
        (has(Verdict::Fail), "broken", "Broken"),
        (has(Verdict::Unknown), "unknown", "Unknown"),
        (page.report.checks.iter().any(|check| !check.waived.is_empty()), "accepted", "Accepted"),
        (!page.report.duties.is_empty(), "duties", "Duties"),
        (page.exposure.is_some(), "reach", "Who can reach what"),
        (page.past.is_some(), "past", "History"),
        (has(Verdict::Pass), "kept", "Kept"),
    ];
    html! {
        nav aria-label="Contents" {
            @for (_, id, title) in links.into_iter().filter(|(there, ..)| *there) {
                a href={ "#" (id) } { (title) }
            }
        }
    }
}

/// The checks of a verdict with all that is known of each, the gravest first.
fn judged(page: &Page, verdict: Verdict, id: &str, title: &str) -> Markup {
    let mut rows: Vec<Row<'_>> = page.rows().filter(|row| row.verdict == verdict).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.severity));
    html! {
        @if !rows.is_empty() {
            section id=(id) {
                h2 { (title) }
                @for row in rows { (one(row)) }
            }
        }
    }
}

fn one(row: Row<'_>) -> Markup {
    let check = row.check;
    html! {
        article class=(class(row.verdict)) {
            (severity(row.severity)) " " span.id { (check.id) }
            h3 { (check.title) }
            @if check.findings.is_empty() && check.unknowns.len() < 2 { p { (check.reason) } }
            @if let Some(since) = &check.since {
                p.soft { "since " (instant(&since.at)) @if !since.change_seen { " or before" } }
            }
            @if !check.findings.is_empty() {
                ul.found {
                    @for finding in &check.findings {
                        li { strong { (finding.subject) } ": " (finding.message) (places(&finding.evidence)) }
                    }
                }
            }
            @if check.unknowns.len() > 1 || (!check.unknowns.is_empty() && !check.findings.is_empty()) {
                ul.plain { @for why in &check.unknowns { li { "not known: " (why) } } }
            }
            @if !check.remedy.is_empty() {
                details open[row.verdict == Verdict::Fail] {
                    summary { "How to mend it" }
                    pre { (check.remedy) }
                }
            }
            @if row.known.is_some() {
                details { summary { "Why it matters" } p { (row.rationale()) } }
            }
        }
    }
}

fn places(seen: &[Evidence]) -> Markup {
    html! {
        @if !seen.is_empty() {
            ul.places { @for place in seen { li { code { (place) } } } }
        }
    }
}

/// What needs nobody's hand: folded away.
fn listed(page: &Page, verdict: Verdict, id: &str, title: &str) -> Markup {
    let rows = || page.rows().filter(move |row| row.verdict == verdict);
    html! {
        @if rows().next().is_some() {
            section id=(id) {
                h2 { (title) }
                details {
                    summary { (plural(rows().count(), "check")) }
                    @for row in rows() {
                        article class=(class(verdict)) {
                            span.id { (row.check.id) }
                            h3 { (row.check.title) }
                            p { (row.check.reason) }
                            @for seen in &row.check.observations { (places(&seen.evidence)) }
                        }
                    }
                }
            }
        }
    }
}
