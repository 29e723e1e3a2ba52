//! The JSON report, version 1: frozen types of its own, so that the core may change and programs that read it need not.
//!
//! `packaging/schema/report-v1.schema.json` describes it. Fields may be added; none changes its meaning or goes away
//! without a version 2. `report --host` reads it too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use checks::check::Verdict;
use checks::facts::hypervisor::Platform;
use checks::history::timeline::Since as Held;
use checks::report;
use serde::{Deserialize, Serialize};

use super::history_v1::{self, Since};

/// The version of this format.
pub(crate) const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) hostduty: Cow<'static, str>,
    pub(crate) generated_at: String,
    pub(crate) host: Host,
    pub(crate) offer: Offer,
    pub(crate) summary: Summary,
    pub(crate) checks: Vec<Check>,
    pub(crate) duties: Vec<Duty>,
    pub(crate) unused: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Host {
    pub(crate) name: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) virtualisation: Option<String>,
    pub(crate) instance_uuid: Option<String>,
    pub(crate) time_synchronised: Option<bool>,
    pub(crate) seen_by_uid: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) how: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) pass: usize,
    pub(crate) fail: usize,
    pub(crate) unknown: usize,
    pub(crate) not_applicable: usize,
    pub(crate) waived: usize,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) id: Cow<'static, str>,
    pub(crate) title: Cow<'static, str>,
    pub(crate) severity: Cow<'static, str>,
    pub(crate) verdict: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Since>,
    pub(crate) reason: String,
    pub(crate) remedy: String,
    pub(crate) findings: Vec<Finding>,
    pub(crate) waived: Vec<Waived>,
    pub(crate) unknowns: Vec<String>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) duties: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) subject: String,
    pub(crate) message: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Waived {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) until: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Observation {
    pub(crate) message: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) source: String,
    pub(crate) line: Option<u32>,
    pub(crate) text: Option<String>,
}

impl std::fmt::Display for Evidence {
    /// `/etc/ssh/sshd_config:57: PasswordAuthentication yes`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

/// One duty of the offer; also what `duties --format json` prints, in a list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Duty {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) status: Cow<'static, str>,
    pub(crate) answered_by: Vec<String>,
    pub(crate) attestation: Option<Attestation>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attestation {
    pub(crate) id: String,
    pub(crate) by: String,
    pub(crate) on: String,
    pub(crate) until: String,
    pub(crate) note: Option<String>,
}

/// The report in this format.
pub(crate) fn report(report: &report::Report<'_>, since: &BTreeMap<&'static str, Held>) -> Report {
    let facts = report.facts;
    let machine = facts.machine.value();
    let part = |pick: fn(&checks::facts::machine::Machine) -> Option<String>| machine.and_then(pick);
    let hypervisor = facts.hypervisor.value();
    Report {
        schema_version: SCHEMA_VERSION,
        hostduty: env!("CARGO_PKG_VERSION").into(),
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
        summary: Summary::of(report.outcomes.iter().map(|outcome| outcome.verdict)),
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
            status: outcome.status.name().into(),
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

impl Summary {
    /// How often each verdict is there.
    pub(crate) fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let mut summary = Self::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Pass => &mut summary.pass,
                Verdict::Fail => &mut summary.fail,
                Verdict::Unknown => &mut summary.unknown,
                Verdict::NotApplicable => &mut summary.not_applicable,
                Verdict::Waived => &mut summary.waived,
            } += 1;
        }
        summary
    }
}

fn check(
    outcome: &report::Outcome,
    report: &report::Report<'_>,
    since: &BTreeMap<&'static str, Held>,
) -> Check {
    Check {
        id: outcome.check.id.into(),
        title: outcome.check.title.into(),
        severity: outcome.severity.name().into(),
        verdict: outcome.verdict.name().into(),
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
