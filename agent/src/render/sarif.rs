//! SARIF 2.1.0 (OASIS), which code-scanning services and editors read: a run for each host, a rule for each check.
//!
//! A verdict keeps its meaning in `kind` (section 3.27.9): `pass`, `fail`, `notApplicable`, and `open` for what could not be
//! known, "insufficient information to decide". What a waiver accepts is a failure with a suppression.

use std::collections::{BTreeMap, BTreeSet};

use checks::check::{Severity, Verdict};
use checks::history::hash;
use serde::Serialize;

use super::book::{Book, Page, Row};
use super::json_v1::{Evidence, Finding};

/// The base of what is a path on the host.
const FILES: &str = "HOST";
/// The base of what is none, such as a rule of the packet filter.
const PLACES: &str = "KERNEL";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Log {
    version: &'static str,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: Id,
    invocations: [Invocation; 1],
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    results: Vec<Result>,
    properties: About,
}

#[derive(Debug, Serialize)]
struct Id {
    id: String,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: String,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct RuleProperties {
    tags: Vec<String>,
    /// What code-scanning services sort by, as a text from "0.0" to "10.0".
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    end_time_utc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Debug, Serialize)]
struct Base {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'static str>,
    description: Text,
}

/// What SARIF has no place for.
#[derive(Debug, Serialize)]
struct About {
    offer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Result {
    rule_id: String,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Text,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Debug, Serialize)]
struct LogicalLocation {
    name: String,
}

/// Without a status it is accepted (section 3.35.3).
#[derive(Debug, Serialize)]
struct Suppression {
    kind: &'static str,
    justification: String,
}

/// The reports in this format. A host without one is a run that did not succeed.
pub(crate) fn log(book: &Book) -> Log {
    let missing = book.missing.iter().map(|host| Run {
        invocations: [Invocation {
            execution_successful: false,
            end_time_utc: book.made_at.clone(),
            machine: Some(host.name.clone()),
            tool_execution_notifications: vec![Notification {
                level: "error",
                message: text(format!("{}: no report: {}", host.outcome, host.detail)),
            }],
        }],
        ..empty(&host.name)
    });
    Log { version: "2.1.0", runs: book.pages.iter().map(run).chain(missing).collect() }
}

fn empty(name: &str) -> Run {
    let base = |uri, description: &str| Base { uri, description: text(description.to_owned()) };
    Run {
        tool: Tool {
            driver: Driver {
                name: "hostduty",
                semantic_version: env!("CARGO_PKG_VERSION").to_owned(),
                rules: Vec::new(),
            },
        },
        // With the slash it is a category that the runs of all times share (section 3.17.3).
        automation_details: Id { id: format!("hostduty/{name}/") },
        invocations: [Invocation {
            execution_successful: true,
            end_time_utc: String::new(),
            machine: None,
            tool_execution_notifications: Vec::new(),
        }],
        original_uri_base_ids: BTreeMap::from([
            (FILES, base(Some("file:///"), "The root of the host's files")),
            (
                PLACES,
                base(None, "What is no file: a rule of the packet filter, a socket, an answer of the kernel"),
            ),
        ]),
        results: Vec::new(),
        properties: About { offer: String::new(), system: None },
    }
}

fn run(page: &Page) -> Run {
    let report = &page.report;
    let mut run = empty(&page.name);
    run.tool.driver.semantic_version = report.hostduty.clone().into_owned();
    run.tool.driver.rules = page.rows().map(rule).collect();
    run.invocations[0].end_time_utc.clone_from(&report.generated_at);
    run.invocations[0].machine.clone_from(&report.host.name);
    run.properties = About { offer: report.offer.id.clone(), system: report.host.os.clone() };
    run.results = page.rows().enumerate().flat_map(|(index, row)| results(&page.name, index, row)).collect();
    run
}

fn rule(row: Row<'_>) -> Rule {
    let tags = ["security".to_owned(), "compliance".to_owned()].into_iter();
    Rule {
        id: row.check.id.to_string(),
        short_description: text(row.check.title.to_string()),
        full_description: text(row.rationale().to_owned()),
        help: text(row.check.remedy.clone()),
        default_configuration: Configuration { level: level(row.severity) },
        properties: RuleProperties {
            tags: tags.chain(row.check.duties.iter().map(|duty| format!("duty/{duty}"))).collect(),
            security_severity: match row.severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "3.0",
                Severity::Advice => "1.0",
            },
        },
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Advice => "note",
    }
}

/// A result for each finding, accepted or not, and one for what could not be known; of a check without any of these, one
/// for what was seen.
fn results(host: &str, rule_index: usize, row: Row<'_>) -> Vec<Result> {
    let check = row.check;
    let result = |kind: &'static str, message: String, subject: &str, seen: &[Evidence]| {
        // Several observations of one place are one location: no two may be the same (section 3.27.22).
        let mut told = BTreeSet::new();
        let mut places = seen.iter().filter(|place| told.insert(place.to_string())).map(location);
        let mut first: Vec<Location> = places.next().into_iter().collect();
        if let (Some(first), false) = (first.first_mut(), subject.is_empty()) {
            first.logical_locations.push(LogicalLocation { name: subject.to_owned() });
        }
        Result {
            rule_id: check.id.to_string(),
            rule_index,
            kind,
            // Only a failure may have one (section 3.27.10).
            level: if kind == "fail" { level(row.severity) } else { "none" },
            message: text(message),
            locations: first,
            related_locations: places.collect(),
            partial_fingerprints: BTreeMap::from([(
                "subject/v1",
                fingerprint(host, &check.id, subject, seen),
            )]),
            suppressions: Vec::new(),
        }
    };
    let failed = |finding: &Finding| {
        let message = format!("{}: {}", finding.subject, finding.message);
        result("fail", message, &finding.subject, &finding.evidence)
    };
    let mut results: Vec<Result> = check.findings.iter().map(failed).collect();
    results.extend(check.waived.iter().map(|one| Result {
        suppressions: vec![Suppression {
            kind: "external",
            justification: format!("accepted by {} until {}: {}", one.owner, one.until, one.reason),
        }],
        ..failed(&one.finding)
    }));
    if row.verdict == Verdict::Unknown && check.unknowns.is_empty() {
        results.push(result("open", check.reason.clone(), "", &[]));
    } else if !check.unknowns.is_empty() {
        results.push(result("open", check.unknowns.join("; "), "", &[]));
    }
    if results.is_empty() {
        let kind = if row.verdict == Verdict::Pass { "pass" } else { "notApplicable" };
        let seen = check.observations.iter().flat_map(|seen| seen.evidence.iter().cloned());
        results.push(result(kind, check.reason.clone(), "", &seen.collect::<Vec<_>>()));
    }
    results
}

fn location(seen: &Evidence) -> Location {
    let (uri, uri_base_id) = match seen.source.strip_prefix('/') {
        Some(path) => (encoded(path), FILES),
        None => (encoded(&seen.source), PLACES),
    };
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri, uri_base_id },
            region: seen.line.map(|start_line| Region { start_line }),
        },
        logical_locations: Vec::new(),
        message: seen.text.clone().map(text),
    }
}

/// A path as a relative reference: everything that RFC 3986 gives a meaning is written in hexadecimal.
fn encoded(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The same for the same finding at another time: without what it says, which may hold ages and counts.
fn fingerprint(host: &str, check: &str, subject: &str, seen: &[Evidence]) -> String {
    let place = seen.first().map_or("", |seen| seen.source.as_str());
    hash([host, check, subject, place].join("\0").as_bytes())
}

fn text(text: String) -> Text {
    Text { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_relative_reference() {
        let seen = |source: &str| {
            let location = location(&Evidence { source: source.into(), line: None, text: None });
            let artifact = location.physical_location.artifact_location;
            (artifact.uri, artifact.uri_base_id)
        };
        assert_eq!(seen("/home/é a%/#?.ssh"), ("home/%C3%A9%20a%25/%23%3F.ssh".to_owned(), FILES));
        assert_eq!(seen("inet filter:input"), ("inet%20filter%3Ainput".to_owned(), PLACES));
    }
}
