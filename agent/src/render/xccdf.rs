//! XCCDF 1.2 (NIST IR 7275r4): the checks as the rules of a benchmark, and a test result for each host.
//!
//! What a waiver accepts is `informational`, which counts neither for nor against (section 6.6.4.2): accepted is not kept. An
//! `override` would say it too, but where there is one, OpenSCAP's validator asks every other result for one.

use std::collections::BTreeMap;

use checks::check::{Severity, Verdict};

use super::book::{Book, Missing, Page, Row};
use super::xml::{self, Element};
use crate::output;

/// What every id begins with: `xccdf_`, a name in reverse order of domains, the kind.
macro_rules! id {
    ($kind:literal, $name:expr) => {
        format!(concat!("xccdf_internal.hostduty_", $kind, "_{}"), $name)
    };
}

/// Results that count for the score: the model `flat-unweighted` leaves the others out (section 6.4.4.4).
const COUNTED: [Verdict; 3] = [Verdict::Pass, Verdict::Fail, Verdict::Unknown];

/// The reports in this format.
pub(crate) fn document(book: &Book) -> Result<String, output::Error> {
    // Each check once, as the first host that was judged by it tells of it.
    let mut rules: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for row in book.pages.iter().flat_map(Page::rows) {
        rules.entry(&row.check.id).or_insert(row);
    }
    let judged = book.pages.iter().enumerate().map(|(number, page)| result(number, page));
    let missing =
        book.missing.iter().enumerate().map(|(number, host)| {
            absent(book.pages.len() + number, host, &book.made_at, rules.keys().copied())
        });
    xml::document(
        &Element::new("Benchmark")
            .with("xmlns", "http://checklists.nist.gov/xccdf/1.2")
            .with("id", id!("benchmark", "duties"))
            .with("xml:lang", "en")
            .holding(Element::new("status").with("date", day(&book.made_at)).saying("accepted"))
            .holding(
                Element::new("title")
                    .saying("The customer's half of a server's shared-responsibility contract"),
            )
            .holding(
                Element::new("description").saying("Each rule is a check of hostduty, judged by effect."),
            )
            .holding(Element::new("version").saying(env!("CARGO_PKG_VERSION")))
            .holding(
                Element::new("metadata")
                    .with("xmlns:dc", "http://purl.org/dc/elements/1.1/")
                    .holding(Element::new("dc:creator").saying("hostduty")),
            )
            .of(rules.values().map(|row| rule(*row)))
            .of(judged)
            .of(missing),
    )
}

fn day(instant: &str) -> &str {
    instant.split('T').next().unwrap_or(instant)
}

fn rule(row: Row<'_>) -> Element {
    let references = row.known.map_or(&[][..], |known| known.references);
    Element::new("Rule")
        .with("id", id!("rule", row.check.id))
        .with("severity", severity(row.severity))
        .holding(Element::new("title").saying(&row.check.title))
        .of(references.iter().map(|text| Element::new("reference").saying(text)))
        .holding(Element::new("rationale").saying(row.rationale()))
        .holding(Element::new("fixtext").saying(&row.check.remedy))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Advice => "info",
    }
}

fn result(number: usize, page: &Page) -> Element {
    let report = &page.report;
    let fact = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| {
            let name = format!("urn:hostduty:fact:{name}");
            Element::new("fact").with("name", name).with("type", "string").saying(value)
        })
    };
    let facts: Vec<Element> = [
        fact("os", &report.host.os),
        fact("kernel", &report.host.kernel),
        fact("virtualisation", &report.host.virtualisation),
        fact("instance-uuid", &report.host.instance_uuid),
        fact("offer", &Some(report.offer.id.clone())),
    ]
    .into_iter()
    .flatten()
    .collect();
    let passed = page.rows().filter(|row| row.verdict == Verdict::Pass).count();
    let counted = page.rows().filter(|row| COUNTED.contains(&row.verdict)).count();
    test_result(number, &page.name, &report.generated_at, &report.hostduty)
        .holding(Element::new("target-facts").of(facts))
        .of(page.rows().map(|row| rule_result(row, &report.generated_at)))
        .holding(score(passed, counted))
}

/// Of a host without a report nothing was checked.
fn absent<'a>(number: usize, host: &Missing, at: &str, checks: impl Iterator<Item = &'a str>) -> Element {
    let message = format!("{}: {}", host.outcome, host.detail);
    let unchecked = |check| {
        Element::new("rule-result")
            .with("idref", id!("rule", check))
            .holding(Element::new("result").saying("notchecked"))
            .holding(Element::new("message").with("severity", "error").saying(&message))
    };
    test_result(number, &host.name, at, env!("CARGO_PKG_VERSION"))
        .of(checks.map(unchecked))
        .holding(score(0, 0))
}

fn test_result(number: usize, name: &str, at: &str, version: &str) -> Element {
    Element::new("TestResult")
        .with("id", id!("testresult", format!("{}", number + 1)))
        .with("end-time", at)
        .with("test-system", format!("hostduty {version}"))
        .with("version", version)
        .holding(Element::new("title").saying(format!("The duties of {name}")))
        .holding(Element::new("target").saying(name))
}

fn score(passed: usize, counted: usize) -> Element {
    let score = Element::new("score").with("system", "urn:xccdf:scoring:flat-unweighted");
    score.with("maximum", counted).saying(passed.to_string())
}

fn rule_result(row: Row<'_>, at: &str) -> Element {
    let check = row.check;
    let word = match row.verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Unknown => "unknown",
        Verdict::NotApplicable => "notapplicable",
        Verdict::Waived => "informational",
    };
    let element = Element::new("rule-result")
        .with("idref", id!("rule", check.id))
        .with("time", at)
        .with("severity", severity(row.severity))
        .holding(Element::new("result").saying(word));
    let message =
        |severity: &str, text: String| Element::new("message").with("severity", severity).saying(text);
    let found = check.findings.iter().map(|finding| {
        let places: String = finding.evidence.iter().map(|place| format!("\nat {place}")).collect();
        message("error", format!("{}: {}{places}", finding.subject, finding.message))
    });
    let unknown = check.unknowns.iter().map(|why| message("warning", why.clone()));
    let seen = check.observations.iter().map(|seen| {
        let places: String = seen.evidence.iter().map(|place| format!("\nat {place}")).collect();
        message("info", format!("{}{places}", seen.message))
    });
    let accepted = check.waived.iter().map(|one| {
        let what = format!("{}: {}", one.finding.subject, one.finding.message);
        message("warning", format!("{what} (accepted by {} until {}: {})", one.owner, one.until, one.reason))
    });
    element.holding(message("info", check.reason.clone())).of(found).of(accepted).of(unknown).of(seen)
}
