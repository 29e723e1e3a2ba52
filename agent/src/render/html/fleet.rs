//! Many hosts at a glance: hosts by checks, then for each check where it is broken.

use std::collections::BTreeMap;

use checks::check::Verdict;
use maud::{Markup, html};

use super::super::book::{Book, Page, Row};
use super::super::json_v1::Summary;
use super::{class, matrix, plural, severity, tiles, word};

/// More hosts than this are counted below a check, and more findings than this below a host.
const MOST_HOSTS: usize = 12;
const MOST_FINDINGS: usize = 3;

pub(super) fn fleet(book: &Book) -> Markup {
    let checks = by_check(book);
    html! {
        header {
            p.kicker { "Duties of the customer" }
            h1 { (plural(book.pages.len() + book.missing.len(), "host")) }
            p { (book.pages.len()) " reported" @if !book.missing.is_empty() { ", " strong { (book.missing.len()) " gave no report" } } "." }
        }
        (tiles(&Summary::of(book.pages.iter().flat_map(Page::rows).map(|row| row.verdict))))
        (missing(book))
        (matrix::section(book, &checks))
        section id="checks" {
            h2 { "Where it is broken" }
            @for rows in ranked(&checks) { (one(rows)) }
        }
        (duties(book))
    }
}

pub(super) type Rows<'a> = Vec<(&'a Page, Row<'a>)>;

fn by_check(book: &Book) -> BTreeMap<&str, Rows<'_>> {
    let mut checks: BTreeMap<&str, Rows<'_>> = BTreeMap::new();
    for page in &book.pages {
        for row in page.rows() {
            checks.entry(&row.check.id).or_default().push((page, row));
        }
    }
    checks
}

fn missing(book: &Book) -> Markup {
    html! {
        @if !book.missing.is_empty() {
            section id="missing" {
                h2 { "Hosts without a report" }
                div.scroll tabindex="0" role="region" aria-label="Hosts without a report" {
                    table.cards {
                        thead { tr { th scope="col" { "Host" } th scope="col" { "Outcome" } th scope="col" { "What was seen" } } }
                        tbody {
                            @for host in &book.missing {
                                tr.f { th scope="row" { (host.name) } td { span.tag { (host.outcome) } } td { (host.detail) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The checks that fail or are unknown somewhere: the gravest first, then the most frequent.
fn ranked<'a>(checks: &'a BTreeMap<&str, Rows<'a>>) -> Vec<&'a Rows<'a>> {
    let count = |rows: &Rows<'_>, verdict| rows.iter().filter(|(_, row)| row.verdict == verdict).count();
    let mut ranked: Vec<&Rows<'_>> = checks
        .values()
        .filter(|rows| count(rows, Verdict::Fail) + count(rows, Verdict::Unknown) > 0)
        .collect();
    ranked.sort_by_key(|rows| {
        let worst = rows.iter().map(|(_, row)| row.severity).max();
        let failed = count(rows, Verdict::Fail);
        std::cmp::Reverse((failed > 0, worst, failed, count(rows, Verdict::Unknown)))
    });
    ranked
}

fn one(rows: &Rows<'_>) -> Markup {
    let of = |verdict| rows.iter().filter(move |(_, row)| row.verdict == verdict);
    let (failed, unknown) = (of(Verdict::Fail).count(), of(Verdict::Unknown).count());
    let Some((_, first)) = of(Verdict::Fail).chain(of(Verdict::Unknown)).max_by_key(|(_, row)| row.severity)
    else {
        return html! {};
    };
    html! {
        article class=(class(if failed > 0 { Verdict::Fail } else { Verdict::Unknown })) {
            (severity(first.severity)) " " span.id { (first.check.id) }
            h3 { (first.check.title) }
            @for (verdict, count) in [(Verdict::Fail, failed), (Verdict::Unknown, unknown)] {
                @if count > 0 {
                    p { strong { (count) " " (word(verdict)) } " of " (rows.len()) }
                    ul.found {
                        @for (page, row) in of(verdict).take(MOST_HOSTS) { (at(page, row)) }
                        @if count > MOST_HOSTS { li.soft { "and " (count - MOST_HOSTS) " more" } }
                    }
                }
            }
            @if failed > 0 && !first.check.remedy.is_empty() { details { summary { "How to mend it" } pre { (first.check.remedy) } } }
        }
    }
}

fn at(page: &Page, row: &Row<'_>) -> Markup {
    let findings = &row.check.findings;
    html! {
        li {
            strong { (page.name) }
            @if findings.is_empty() { ": " (row.check.reason) }
            @else if let [finding] = findings.as_slice() { ": " (finding.subject) ": " (finding.message) }
            @else {
                ul.plain {
                    @for finding in findings.iter().take(MOST_FINDINGS) { li { (finding.subject) ": " (finding.message) } }
                    @if findings.len() > MOST_FINDINGS { li { "and " (findings.len() - MOST_FINDINGS) " more" } }
                }
            }
        }
    }
}

/// Where the duties of each host's offer stand, in numbers.
fn duties(book: &Book) -> Markup {
    let columns =
        ["fail", "expired", "unknown", "not-attested", "waived", "pass", "attested", "not-applicable"];
    let titles =
        ["broken", "expired", "unknown", "not attested", "waived", "kept", "attested", "not applicable"];
    html! {
        section id="duties" {
            h2 { "Duties" }
            div.scroll tabindex="0" role="region" aria-label="Duties of each host" {
                table {
                    thead { tr {
                        th scope="col" { "Host" } th scope="col" { "Offer" }
                        @for title in titles { th scope="col" { (title) } }
                    } }
                    tbody {
                        @for page in &book.pages {
                            tr {
                                th scope="row" { (page.name) }
                                td { (page.report.offer.name) }
                                @for status in columns {
                                    td.number { (page.report.duties.iter().filter(|duty| duty.status == status).count()) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
