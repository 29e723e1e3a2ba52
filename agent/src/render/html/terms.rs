//! What people answer for, with its end: what they accepted, and the duties of the offer.

use checks::check::Verdict;
use checks::date::Day;
use checks::report::Status;
use maud::{Markup, html};

use super::super::book::Page;
use super::super::json_v1::Duty;
use super::{plural, word};

/// So many days before its end an attestation or a waiver is marked.
const SOON: i64 = 30;

/// What people accepted, with its end.
pub(super) fn accepted(page: &Page) -> Markup {
    let all = || page.report.checks.iter().flat_map(|check| check.waived.iter().map(move |one| (check, one)));
    html! {
        @if all().next().is_some() {
            section id="accepted" {
                h2 { "What is broken and accepted" }
                div.scroll tabindex="0" role="region" aria-label="Broken and accepted" {
                    table.cards {
                        thead { tr {
                            th scope="col" { "Finding" } th scope="col" { "Accepted by" } th scope="col" { "Why" } th scope="col" { "Until" }
                        } }
                        tbody {
                            @for (check, one) in all() {
                                tr {
                                    th scope="row" {
                                        strong { (one.finding.subject) } ": " (one.finding.message) " " span.id { (check.id) }
                                    }
                                    td { (one.owner) }
                                    td { (one.reason) }
                                    td { (until(&one.until, &page.report.generated_at)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// An end, with a mark where it is near or over.
fn until(day: &str, at: &str) -> Markup {
    let (Ok(Day(end)), Ok(Day(today))) = (day.parse(), at.split('T').next().unwrap_or(at).parse()) else {
        return html! { (day) };
    };
    html! {
        (day) " "
        @if end < today { span."tag"."f" { "ended" } }
        @else if end == today { span."tag"."w" { "ends today" } }
        @else if end - today <= SOON { span."tag"."w" { "ends in " (plural(end - today, "day")) } }
    }
}

pub(super) fn duties(page: &Page) -> Markup {
    let duties = &page.report.duties;
    html! {
        @if !duties.is_empty() {
            section id="duties" {
                h2 { "The duties of " (page.report.offer.name) }
                div.scroll tabindex="0" role="region" aria-label="Duties" {
                    table.cards {
                        thead { tr {
                            th scope="col" { "Where it stands" } th scope="col" { "Duty" } th scope="col" { "Answered by" } th scope="col" { "Asked for by" }
                        } }
                        tbody { @for duty in duties { (self::duty(duty, &page.report.generated_at)) } }
                    }
                }
            }
        }
    }
}

fn duty(duty: &Duty, at: &str) -> Markup {
    let class = match duty.status.as_ref() {
        "pass" | "attested" => "p",
        "fail" | "expired" => "f",
        "waived" => "w",
        "not-applicable" => "n",
        _ => "u",
    };
    // What a person would say, of the verdicts' own words.
    let status = match duty.status.as_ref() {
        status if status == Status::Kept.name() => word(Verdict::Pass),
        status if status == Status::Broken.name() => "broken",
        status => status,
    };
    html! {
        tr class=(class) {
            td { span.tag { (status) } }
            th scope="row" { (duty.title) " " span.id { (duty.id) } }
            td {
                (duty.answered_by.join(", "))
                @if let Some(held) = &duty.attestation {
                    p.soft { "attested by " (held.by) " on " (held.on) " until " (until(&held.until, at)) }
                    @if let Some(note) = &held.note { p.soft { (note) } }
                }
            }
            td { (duty.source) }
        }
    }
}
