//! The JSON report, version 1: frozen types of its own, so that the core may change and programs that read it need not.
//!
//! `packaging/schema/report-v1.schema.json` describes it. Fields may be added; none changes its meaning or goes away
//! without a version 2.

use std::collections::BTreeMap;

use checks::facts::hypervisor::Platform;
use checks::history::timeline::Since as Held;
use checks::report;
use serde::Serialize;

use super::history_v1::{self, Since};

/// The version of this format.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
pub(crate) struct Report {
    schema_version: u32,
    hostduty: &'static str,
    generated_at: String,
    host: Host,
    offer: Offer,
    summary: Summary,
    checks: Vec<Check>,
    duties: Vec<Duty>,
    unused: Vec<String>,
}

#[derive(Serialize)]
struct Host {
    name: Option<String>,
    os: Option<String>,
    kernel: Option<String>,
    virtualisation: Option<String>,
    instance_uuid: Option<String>,
    time_synchronised: Option<bool>,
    seen_by_uid: Option<u32>,
}

#[derive(Serialize)]
struct Offer {
    id: String,
    name: String,
    how: String,
}

#[derive(Serialize, Default)]
struct Summary {
    pass: usize,
    fail: usize,
    unknown: usize,
    not_applicable: usize,
    waived: usize,
}

#[derive(Serialize)]
struct Check {
    id: &'static str,
    title: &'static str,
    severity: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Since>,
    reason: String,
    remedy: String,
    findings: Vec<Finding>,
    waived: Vec<Waived>,
    unknowns: Vec<String>,
    observations: Vec<Observation>,
    duties: Vec<String>,
}

#[derive(Serialize)]
struct Finding {
    subject: String,
    message: String,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Waived {
    #[serde(flatten)]
    finding: Finding,
    owner: String,
    reason: String,
    until: String,
}

#[derive(Serialize)]
struct Observation {
    message: String,
    evidence: Vec<Evidence>,
}

#[derive(Serialize)]
struct Evidence {
    source: String,
    line: Option<u32>,
    text: Option<String>,
}

/// One duty of the offer; also what `duties --format json` prints, in a list.
#[derive(Serialize)]
pub(crate) struct Duty {
    id: String,
    title: String,
    source: String,
    status: &'static str,
    answered_by: Vec<String>,
    attestation: Option<Attestation>,
}

#[derive(Serialize)]
struct Attestation {
    id: String,
    by: String,
    on: String,
    until: String,
    note: Option<String>,
}

/// The report in this format.
pub(crate) fn report(report: &report::Report<'_>, since: &BTreeMap<&'static str, Held>) -> Report {
    let facts = report.facts;
    let machine = facts.machine.value();
    let part = |pick: fn(&checks::facts::machine::Machine) -> Option<String>| machine.and_then(pick);
    let hypervisor = facts.hypervisor.value();
    Report {
        schema_version: SCHEMA_VERSION,
        hostduty: env!("CARGO_PKG_VERSION"),
        generated_at: facts.taken_at.to_string(),
        host: Host {
            name: part(|machine| machine.name.value().cloned()),
            os: part(|machine| machine.release.value().map(|release| release.name.clone())),
            kernel: part(|machine| machine.kernel.value().cloned()),
            virtualisation: hypervisor.map(|seen| match (&seen.container, seen.platform) {
                (Some(container), _) => format!("container:{container}"),
                (None, platform) => platform_name(platform).to_owned(),
            }),
            instance_uuid: part(|machine| machine.instance_uuid.value().cloned()),
            time_synchronised: machine.and_then(|machine| machine.clock_synchronised.value().copied()),
            seen_by_uid: machine.and_then(|machine| machine.seen_by_uid.value().copied()),
        },
        offer: Offer {
            id: report.policy.offer.id.clone(),
            name: report.policy.offer.name.clone(),
            how: report.how.clone(),
        },
        summary: summary(report),
        checks: report.outcomes.iter().map(|outcome| check(outcome, report, since)).collect(),
        duties: duties(report),
        unused: report.unused.clone(),
    }
}

/// The duties of the report's offer.
pub(crate) fn duties(report: &report::Report<'_>) -> Vec<Duty> {
    report
        .duties
        .iter()
        .map(|outcome| Duty {
            id: outcome.duty.id.clone(),
            title: outcome.duty.title.clone(),
            source: outcome.duty.source.clone(),
            status: outcome.status.name(),
            answered_by: outcome
                .duty
                .checks
                .iter()
                .cloned()
                .chain(outcome.duty.attestation.iter().map(|id| format!("attestation:{id}")))
                .collect(),
            attestation: outcome.attestation.as_ref().map(|held| Attestation {
                id: held.id.clone(),
                by: held.by.clone(),
                on: held.on.to_string(),
                until: held.until.to_string(),
                note: held.note.clone(),
            }),
        })
        .collect()
}

/// The platform as it is written in reports.
pub(crate) fn platform_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Unknown => "unknown",
        Platform::BareMetal => "bare-metal",
        Platform::Kvm => "kvm",
        Platform::Vmware => "vmware",
        Platform::Xen => "xen",
        Platform::HyperV => "hyper-v",
        Platform::Virtualbox => "virtualbox",
        Platform::Parallels => "parallels",
        Platform::Apple => "apple",
    }
}

fn summary(report: &report::Report<'_>) -> Summary {
    use checks::check::Verdict;
    let mut summary = Summary::default();
    for outcome in &report.outcomes {
        *match outcome.verdict {
            Verdict::Pass => &mut summary.pass,
            Verdict::Fail => &mut summary.fail,
            Verdict::Unknown => &mut summary.unknown,
            Verdict::NotApplicable => &mut summary.not_applicable,
            Verdict::Waived => &mut summary.waived,
        } += 1;
    }
    summary
}

fn check(
    outcome: &report::Outcome,
    report: &report::Report<'_>,
    since: &BTreeMap<&'static str, Held>,
) -> Check {
    Check {
        id: outcome.check.id,
        title: outcome.check.title,
        severity: outcome.severity.name(),
        verdict: outcome.verdict.name(),
        since: since.get(outcome.check.id).map(history_v1::since),
        reason: outcome.reason.clone(),
        remedy: outcome.remedy.to_string(),
        findings: outcome.findings.iter().map(finding).collect(),
        waived: outcome
            .waived
            .iter()
            .map(|(waived, waiver)| Waived {
                finding: finding(waived),
                owner: waiver.owner.clone(),
                reason: waiver.reason.clone(),
                until: waiver.until.to_string(),
            })
            .collect(),
        unknowns: outcome.unknowns.clone(),
        observations: outcome
            .observations
            .iter()
            .map(|seen| Observation { message: seen.message.clone(), evidence: evidence(&seen.evidence) })
            .collect(),
        duties: report
            .policy
            .offer
            .duty
            .iter()
            .filter(|duty| duty.checks.iter().any(|id| id == outcome.check.id))
            .map(|duty| duty.id.clone())
            .collect(),
    }
}

fn finding(finding: &checks::check::Finding) -> Finding {
    Finding {
        subject: finding.subject.clone(),
        message: finding.message.clone(),
        evidence: evidence(&finding.evidence),
    }
}

fn evidence(list: &[checks::check::Evidence]) -> Vec<Evidence> {
    list.iter()
        .map(|seen| Evidence { source: seen.source.clone(), line: seen.line, text: seen.text.clone() })
        .collect()
}
