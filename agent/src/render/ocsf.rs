//! OCSF 1.5 Compliance Finding (class 2003), one event a line, which security data lakes take.
//!
//! An event for each finding, and one for each check that has none: what was seen is as much an answer as what was not.

use checks::check::{Severity, Verdict};
use checks::date::Timestamp;
use checks::history::hash;
use serde::Serialize;

use super::book::{Book, Page, Row};
use super::json_v1::{Evidence, Finding, Waived};
use crate::output;

#[derive(Debug, Serialize)]
pub(crate) struct Event {
    activity_id: u8,
    activity_name: &'static str,
    category_uid: u8,
    category_name: &'static str,
    class_uid: u16,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    time: i64,
    severity_id: u8,
    severity: &'static str,
    status_id: u8,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    message: String,
    metadata: Metadata,
    finding_info: FindingInfo,
    compliance: Compliance,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidences: Vec<Seen>,
    device: Device,
}

#[derive(Debug, Serialize)]
struct Metadata {
    version: &'static str,
    product: Product,
    profiles: [&'static str; 1],
    event_code: String,
}

#[derive(Debug, Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: String,
}

#[derive(Debug, Serialize)]
struct FindingInfo {
    uid: String,
    title: String,
    desc: String,
    types: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen_time: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Compliance {
    control: String,
    standards: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<String>,
    status_id: u8,
    status: &'static str,
    status_code: String,
    status_detail: String,
}

#[derive(Debug, Serialize)]
struct Remediation {
    desc: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct Resource {
    name: String,
    hostname: String,
}

#[derive(Debug, Serialize)]
struct Seen {
    name: String,
    data: String,
}

#[derive(Debug, Serialize)]
struct Device {
    type_id: u8,
    r#type: &'static str,
    hostname: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<Os>,
}

#[derive(Debug, Serialize)]
struct Os {
    name: String,
    type_id: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_release: Option<String>,
}

/// The events, each on a line of its own. Of a host without a report there is nothing to find: the exit code tells of it.
pub(crate) fn lines(book: &Book) -> Result<String, output::Error> {
    let mut out = String::new();
    for page in &book.pages {
        for row in page.rows() {
            for event in events(page, row) {
                out += &output::json_line(&event)?;
            }
        }
    }
    Ok(out)
}

fn events(page: &Page, row: Row<'_>) -> Vec<Event> {
    let check = row.check;
    let of = |finding: &Finding, waiver: Option<&Waived>| {
        let mut event = event(page, row, &finding.subject);
        event.message = format!("{}: {}", finding.subject, finding.message);
        event.resources = vec![Resource { name: finding.subject.clone(), hostname: page.name.clone() }];
        event.evidences = finding.evidence.iter().map(seen).collect();
        event.compliance.status_id = 3;
        event.compliance.status = "Fail";
        (event.severity_id, event.severity) = severity(row.severity);
        if let Some(waiver) = waiver {
            (event.status_id, event.status) = (3, "Suppressed");
            event.comment =
                Some(format!("accepted by {} until {}: {}", waiver.owner, waiver.until, waiver.reason));
        }
        event
    };
    let mut events: Vec<Event> = check.findings.iter().map(|finding| of(finding, None)).collect();
    events.extend(check.waived.iter().map(|one| of(&one.finding, Some(one))));
    if events.is_empty() || row.verdict == Verdict::Unknown {
        let mut event = event(page, row, "");
        let all = check.observations.iter().flat_map(|seen| &seen.evidence);
        event.evidences = all.map(seen).collect();
        events.push(event);
    }
    events
}

/// The event of a check as a whole.
fn event(page: &Page, row: Row<'_>, subject: &str) -> Event {
    let (check, report) = (row.check, &page.report);
    let time = report.generated_at.parse::<Timestamp>().map_or(0, |at| at.0 * 1000);
    let (status_id, status) = match row.verdict {
        Verdict::Pass => (1, "Pass"),
        Verdict::Fail => (3, "Fail"),
        Verdict::Unknown => (0, "Unknown"),
        Verdict::Waived | Verdict::NotApplicable => (99, "Other"),
    };
    let since = check.since.as_ref().and_then(|since| since.at.parse::<Timestamp>().ok());
    Event {
        activity_id: 1,
        activity_name: "Create",
        category_uid: 2,
        category_name: "Findings",
        class_uid: 2003,
        class_name: "Compliance Finding",
        type_uid: 200_301,
        type_name: "Compliance Finding: Create",
        time,
        severity_id: 1,
        severity: "Informational",
        status_id: 1,
        status: "New",
        comment: None,
        message: check.reason.clone(),
        metadata: Metadata {
            version: "1.5.0",
            product: Product {
                name: "hostduty",
                vendor_name: "hostduty",
                version: report.hostduty.clone().into_owned(),
            },
            profiles: ["host"],
            event_code: check.id.to_string(),
        },
        finding_info: FindingInfo {
            uid: hash([&page.name, check.id.as_ref(), subject].join("\0").as_bytes()),
            title: check.title.to_string(),
            desc: row.rationale().to_owned(),
            types: ["Shared-responsibility duty of the customer"],
            first_seen_time: since.map(|at| at.0 * 1000),
        },
        compliance: Compliance {
            control: check.id.to_string(),
            standards: [report.offer.name.clone()],
            requirements: check.duties.clone(),
            status_id,
            status,
            status_code: check.verdict.to_string(),
            status_detail: check.reason.clone(),
        },
        remediation: (row.verdict != Verdict::Pass && !check.remedy.is_empty()).then(|| Remediation {
            desc: check.remedy.clone(),
            references: row.known.map_or(&[], |known| known.references),
        }),
        resources: Vec::new(),
        evidences: Vec::new(),
        device: device(page),
    }
}

fn device(page: &Page) -> Device {
    let host = &page.report.host;
    let is_virtual = host
        .virtualisation
        .as_deref()
        .is_some_and(|platform| !matches!(platform, "bare-metal" | "apple" | "unknown"));
    Device {
        type_id: if is_virtual { 6 } else { 1 },
        r#type: if is_virtual { "Virtual" } else { "Server" },
        hostname: host.name.clone().unwrap_or_else(|| page.name.clone()),
        name: page.name.clone(),
        uid: host.instance_uuid.clone(),
        os: host.os.as_ref().map(|name| Os {
            name: name.clone(),
            type_id: if name.starts_with("macOS") { 300 } else { 200 },
            kernel_release: host.kernel.clone(),
        }),
    }
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Advice => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn seen(seen: &Evidence) -> Seen {
    // The class asks for data, which a place without a text has only in being one.
    Seen { name: seen.source.clone(), data: seen.to_string() }
}
