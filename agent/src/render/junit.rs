//! JUnit XML, which build servers show as tests: a suite for each host, a case for each check.
//!
//! Nobody owns the format; this is what the schema of Jenkins' xUnit plugin allows. What fails is a `failure`, what could not be
//! known an `error`, and what is not applicable or accepted by a waiver is `skipped`, so that a build does not go green on it.

use checks::check::Verdict;

use super::book::{Book, Missing, Page, Row};
use super::xml::{self, Element};
use crate::output;

/// The reports in this format.
pub(crate) fn document(book: &Book) -> Result<String, output::Error> {
    let count = |verdict| book.pages.iter().flat_map(Page::rows).filter(|row| row.verdict == verdict).count();
    let all: usize = book.pages.iter().map(|page| page.rows().count()).sum();
    let root = Element::new("testsuites")
        .with("name", "hostduty")
        .with("tests", all + book.missing.len())
        .with("failures", count(Verdict::Fail))
        .with("errors", count(Verdict::Unknown) + book.missing.len());
    xml::document(
        &root
            .of(book.pages.iter().map(suite))
            .of(book.missing.iter().map(|host| missing(host, &book.made_at))),
    )
}

fn suite(page: &Page) -> Element {
    let report = &page.report;
    let count = |verdict| page.rows().filter(|row| row.verdict == verdict).count();
    let property = |name: &str, value: &str| Element::new("property").with("name", name).with("value", value);
    Element::new("testsuite")
        .with("name", &page.name)
        .with("tests", page.rows().count())
        .with("failures", count(Verdict::Fail))
        .with("errors", count(Verdict::Unknown))
        .with("skipped", count(Verdict::NotApplicable) + count(Verdict::Waived))
        .with("timestamp", report.generated_at.trim_end_matches('Z'))
        .with("hostname", report.host.name.as_deref().unwrap_or(&page.name))
        .holding(
            Element::new("properties")
                .holding(property("hostduty", &report.hostduty))
                .holding(property("offer", &report.offer.id)),
        )
        .of(page.rows().map(|row| case(&page.name, row)))
}

fn case(host: &str, row: Row<'_>) -> Element {
    let check = row.check;
    // What comes before the last point is the package in the trees that people see.
    let case = Element::new("testcase")
        .with("classname", format!("{}.{}", host.replace('.', "_"), check.id))
        .with("name", &check.title);
    let outcome = |name, said: String| {
        Element::new(name).with("type", check.severity.as_ref()).with("message", &check.reason).saying(said)
    };
    case.holding(match row.verdict {
        Verdict::Fail => outcome("failure", failures(row)),
        Verdict::Unknown => outcome("error", unknowns(row)),
        Verdict::NotApplicable => {
            Element::new("skipped").with("type", "not-applicable").with("message", &check.reason)
        }
        Verdict::Waived => Element::new("skipped")
            .with("type", "waived")
            .with("message", row.acceptance().replace('\n', "; ")),
        Verdict::Pass => {
            let said = check.observations.iter().map(|seen| {
                let places = seen.evidence.iter().map(|place| format!("  at {place}\n"));
                format!("{}\n{}", seen.message, places.collect::<String>())
            });
            Element::new("system-out").saying(said.collect::<String>())
        }
    })
}

fn failures(row: Row<'_>) -> String {
    let mut text = String::new();
    for finding in &row.check.findings {
        text += &format!("{}: {}\n", finding.subject, finding.message);
        for place in &finding.evidence {
            text += &format!("  at {place}\n");
        }
    }
    text + &unknowns(row)
}

fn unknowns(row: Row<'_>) -> String {
    let unknowns: String = row.check.unknowns.iter().map(|why| format!("unknown: {why}\n")).collect();
    format!("{unknowns}{}to mend it:\n{}\n", prefixed(&row.acceptance()), row.check.remedy)
}

fn prefixed(accepted: &str) -> String {
    if accepted.is_empty() { String::new() } else { format!("{accepted}\n") }
}

fn missing(host: &Missing, at: &str) -> Element {
    let case = Element::new("testcase")
        .with("classname", format!("{}.report", host.name.replace('.', "_")))
        .with("name", "The host gives a report")
        .holding(Element::new("error").with("type", host.outcome).with("message", &host.detail));
    Element::new("testsuite")
        .with("name", &host.name)
        .with("tests", 1)
        .with("failures", 0)
        .with("errors", 1)
        .with("skipped", 0)
        .with("timestamp", at.trim_end_matches('Z'))
        .holding(case)
}
