//! The merged report of many hosts as JSON, version 1: frozen types of its own around whole reports of version 1.
//!
//! `packaging/schema/fleet-v1.schema.json` describes it. Fields and outcomes may be added; none changes its meaning or
//! goes away without a version 2.

use std::collections::BTreeMap;

use checks::check::{Severity, Verdict};
use checks::date::Timestamp;
use checks::registry;
use serde::Serialize;

use super::json_v1;
use crate::fleet::{self, Asked, Destination};

const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Fleet<'a> {
    schema_version: u32,
    hostduty: &'static str,
    generated_at: String,
    pub(crate) summary: Summary,
    pub(crate) checks: Vec<Check<'a>>,
    hosts: Vec<Host<'a>>,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) hosts: usize,
    pub(crate) reported: usize,
    pub(crate) not_reported: usize,
    verdicts: json_v1::Summary,
}

/// One check across all hosts that reported.
#[derive(Debug, Serialize)]
pub(crate) struct Check<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) severity: &'static str,
    pub(crate) fail: Vec<&'a str>,
    pub(crate) unknown: Vec<&'a str>,
    waived: Vec<&'a str>,
    pass: Vec<&'a str>,
    not_applicable: Vec<&'a str>,
    #[serde(skip)]
    pub(crate) worst: Severity,
}

#[derive(Debug, Serialize)]
struct Host<'a> {
    name: &'a str,
    destination: &'a str,
    port: Option<u16>,
    outcome: &'static str,
    detail: Option<&'a str>,
    cure: Option<&'static str>,
    milliseconds: u64,
    report: Option<&'a json_v1::Report>,
}

/// What `--list-hosts --format json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    hosts: Vec<Named<'a>>,
    notes: &'a [String],
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    name: &'a str,
    destination: &'a str,
    port: Option<u16>,
    identity: Option<&'a str>,
}

/// The merged report in this format.
pub(crate) fn fleet<'a>(asked: &'a [Asked], notes: &'a [String], now: Timestamp) -> Fleet<'a> {
    let reported = asked.iter().filter(|one| one.answer.is_ok()).count();
    let checks = || asked.iter().filter_map(|one| one.answer.as_ref().ok()).flat_map(|report| &report.checks);
    Fleet {
        schema_version: SCHEMA_VERSION,
        hostduty: env!("CARGO_PKG_VERSION"),
        generated_at: now.to_string(),
        summary: Summary {
            hosts: asked.len(),
            reported,
            not_reported: asked.len() - reported,
            verdicts: json_v1::Summary::of(checks().filter_map(fleet::verdict)),
        },
        checks: across(asked),
        hosts: asked.iter().map(host).collect(),
        notes,
    }
}

/// Who would be asked.
pub(crate) fn listed<'a>(hosts: &'a [Destination], notes: &'a [String]) -> Listed<'a> {
    let named = |host: &'a Destination| Named {
        name: &host.name,
        destination: &host.target,
        port: host.port,
        identity: host.identity.as_deref(),
    };
    Listed { hosts: hosts.iter().map(named).collect(), notes }
}

fn host(asked: &Asked) -> Host<'_> {
    let failure = asked.answer.as_ref().err();
    Host {
        name: &asked.host.name,
        destination: &asked.host.target,
        port: asked.host.port,
        outcome: failure.map_or("reported", |failure| failure.reason.name()),
        detail: failure.map(|failure| failure.detail.as_str()),
        cure: failure.map(|failure| failure.reason.cure()),
        milliseconds: asked.milliseconds,
        report: asked.answer.as_ref().ok(),
    }
}

/// Every check of any report, by its id.
fn across(asked: &[Asked]) -> Vec<Check<'_>> {
    let mut checks: BTreeMap<&str, Check<'_>> = BTreeMap::new();
    for one in asked {
        let Ok(report) = &one.answer else { continue };
        for check in &report.checks {
            let (Some(verdict), Some(severity)) = (fleet::verdict(check), fleet::severity(check)) else {
                continue;
            };
            let row = checks.entry(&check.id).or_insert_with(|| Check {
                id: &check.id,
                // Our own words for it where there are some.
                title: registry::find(&check.id).map_or(check.title.as_ref(), |known| known.title),
                severity: severity.name(),
                fail: Vec::new(),
                unknown: Vec::new(),
                waived: Vec::new(),
                pass: Vec::new(),
                not_applicable: Vec::new(),
                worst: severity,
            });
            if severity > row.worst {
                (row.worst, row.severity) = (severity, severity.name());
            }
            match verdict {
                Verdict::Fail => &mut row.fail,
                Verdict::Unknown => &mut row.unknown,
                Verdict::Waived => &mut row.waived,
                Verdict::Pass => &mut row.pass,
                Verdict::NotApplicable => &mut row.not_applicable,
            }
            .push(&one.host.name);
        }
    }
    checks.into_values().collect()
}
