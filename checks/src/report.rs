//! Verdicts of all checks, and what they mean for the offer's duties.

use std::collections::BTreeMap;

use crate::check::{Check, Finding, Judgement, Observation, Severity, Verdict};
use crate::facts::Facts;
use crate::policy::{Attestation, Policy, Waiver};
use crate::providers::{Detected, Duty};
use crate::registry;

/// Everything that hostduty says about a host at an instant.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was judged.
    pub facts: &'a Facts,
    /// Against what.
    pub policy: &'a Policy,
    /// How the offer became known.
    pub how: String,
    /// By id, as the registry lists them.
    pub outcomes: Vec<Outcome>,
    /// In the order of the offer's documents.
    pub duties: Vec<DutyOutcome>,
    /// Waivers that met no failure, or that no check or attestation answers to: worth removing.
    pub unused: Vec<String>,
}

/// What one check says.
#[derive(Debug)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// Its severity under the offer.
    pub severity: Severity,
    /// The verdict after waivers.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// What is wrong and not waived.
    pub findings: Vec<Finding>,
    /// What is wrong and waived, with the waiver.
    pub waived: Vec<(Finding, Waiver)>,
    /// What could not be known.
    pub unknowns: Vec<String>,
    /// What is right.
    pub observations: Vec<Observation>,
}

/// Where a duty stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Every check passes, and the attestation holds where one is asked for.
    Kept,
    /// A check fails.
    Broken,
    /// No check fails, and one is unknown.
    Unknown,
    /// A failure is waived, and nothing else is wrong.
    Waived,
    /// Answered by a person alone.
    Attested,
    /// The attestation ended.
    Expired,
    /// Nobody has attested it.
    NotAttested,
    /// None of its checks makes sense here.
    NotApplicable,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "pass",
            Self::Broken => "fail",
            Self::Unknown => "unknown",
            Self::Waived => "waived",
            Self::Attested => "attested",
            Self::Expired => "expired",
            Self::NotAttested => "not-attested",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// Where one duty of the offer stands.
#[derive(Debug)]
pub struct DutyOutcome {
    /// The duty.
    pub duty: Duty,
    /// Its status.
    pub status: Status,
    /// The attestation that answers it, if there is one.
    pub attestation: Option<Attestation>,
}

/// Judges every check, or only those named.
#[must_use]
pub fn judge<'a>(facts: &'a Facts, policy: &'a Policy, detected: &Detected, only: &[String]) -> Report<'a> {
    let mut used = vec![false; policy.waivers.len()];
    let outcomes: Vec<Outcome> = registry::CHECKS
        .iter()
        .filter(|check| only.is_empty() || only.iter().any(|id| id == check.id))
        .map(|check| judge_one(check, facts, policy, &mut used))
        .collect();
    let today = facts.taken_at.day();
    let verdicts: BTreeMap<&str, Verdict> =
        outcomes.iter().map(|outcome| (outcome.check.id, outcome.verdict)).collect();
    let duties = if only.is_empty() {
        policy.offer.duty.iter().map(|duty| weigh(duty, &verdicts, policy, today)).collect()
    } else {
        Vec::new()
    };
    let unused = policy
        .waivers
        .iter()
        .zip(used)
        .filter(|(waiver, used)| !used && (only.is_empty() || only.contains(&waiver.check)))
        .map(|(waiver, _)| match &waiver.subject {
            Some(subject) => format!("the waiver of {} for {subject} meets no failure", waiver.check),
            None => format!("the waiver of {} meets no failure", waiver.check),
        })
        .collect();
    Report { facts, policy, how: detected.how.clone(), outcomes, duties, unused }
}

fn judge_one(check: &'static Check, facts: &Facts, policy: &Policy, used: &mut [bool]) -> Outcome {
    let severity = policy.offer.severity.get(check.id).copied().unwrap_or(check.severity);
    let judgement = if !check.systems.contains(&facts.system) {
        Judgement::not_applicable("the question does not arise on this operating system")
    } else if let Some(reason) = policy.offer.not_applicable.get(check.id) {
        Judgement::not_applicable(reason.clone())
    } else if let (true, Some(container)) = (check.machine, container(facts)) {
        Judgement::not_applicable(format!("this is a {container} container; its machine is the host's"))
    } else {
        (check.judge)(facts, policy).unwrap_or_else(|gap| {
            let mut judgement = Judgement::new();
            judgement.unknown(gap.to_string());
            judgement
        })
    };
    let today = facts.taken_at.day();
    let before = judgement.verdict();
    let mut findings = Vec::new();
    let mut waived = Vec::new();
    for mut finding in judgement.findings {
        let covers = |waiver: &Waiver| {
            waiver.check == check.id
                && waiver.subject.as_ref().is_none_or(|subject| *subject == finding.subject)
        };
        let matching: Vec<usize> =
            (0..policy.waivers.len()).filter(|&index| covers(&policy.waivers[index])).collect();
        for &index in &matching {
            used[index] = true;
        }
        match matching.iter().map(|&index| &policy.waivers[index]).find(|waiver| waiver.until >= today) {
            Some(waiver) => waived.push((finding, waiver.clone())),
            None => {
                if let Some(&index) = matching.first() {
                    let waiver = &policy.waivers[index];
                    finding.message = format!(
                        "{} (the waiver of {} ended on {})",
                        finding.message, waiver.owner, waiver.until
                    );
                }
                findings.push(finding);
            }
        }
    }
    let verdict = match before {
        Verdict::Fail if findings.is_empty() && judgement.unknowns.is_empty() => Verdict::Waived,
        Verdict::Fail if findings.is_empty() => Verdict::Unknown,
        other => other,
    };
    let reason = match verdict {
        Verdict::Fail => match findings.as_slice() {
            [only] => format!("{} {}", only.subject, only.message),
            [first, rest @ ..] => format!("{} {}, and {} more", first.subject, first.message, rest.len()),
            [] => String::new(),
        },
        Verdict::Waived => waived
            .first()
            .map(|(_, waiver)| {
                format!("accepted by {} until {}: {}", waiver.owner, waiver.until, waiver.reason)
            })
            .unwrap_or_default(),
        Verdict::Unknown => {
            judgement.unknowns.first().cloned().unwrap_or_else(|| "nothing was measured".to_owned())
        }
        Verdict::NotApplicable => judgement.not_applicable.clone().unwrap_or_default(),
        Verdict::Pass => judgement.observations.first().map(|seen| seen.message.clone()).unwrap_or_default(),
    };
    Outcome {
        check,
        severity,
        verdict,
        reason,
        findings,
        waived,
        unknowns: judgement.unknowns,
        observations: judgement.observations,
    }
}

fn container(facts: &Facts) -> Option<&str> {
    facts.hypervisor.value()?.container.as_deref()
}

fn weigh(
    duty: &Duty,
    verdicts: &BTreeMap<&str, Verdict>,
    policy: &Policy,
    today: crate::date::Day,
) -> DutyOutcome {
    let seen: Vec<Verdict> = duty
        .checks
        .iter()
        .map(|id| verdicts.get(id.as_str()).copied().unwrap_or(Verdict::Unknown))
        .filter(|verdict| *verdict != Verdict::NotApplicable)
        .collect();
    let measured = if seen.contains(&Verdict::Fail) {
        Some(Status::Broken)
    } else if seen.contains(&Verdict::Unknown) {
        Some(Status::Unknown)
    } else if seen.contains(&Verdict::Waived) {
        Some(Status::Waived)
    } else if !seen.is_empty() {
        Some(Status::Kept)
    } else {
        None
    };
    let attestation = duty
        .attestation
        .as_ref()
        .and_then(|id| policy.attestations.iter().filter(|held| held.id == *id).max_by_key(|held| held.until))
        .cloned();
    let asked = duty.attestation.is_some();
    let holds = attestation.as_ref().map(|held| held.until >= today && held.on <= today);
    let status = match (measured, asked, holds) {
        (Some(Status::Broken), ..) => Status::Broken,
        (Some(Status::Unknown), ..) => Status::Unknown,
        (Some(other), false, _) | (Some(other), true, Some(true)) => other,
        (None, false, _) => Status::NotApplicable,
        (None, true, Some(true)) => Status::Attested,
        (_, true, Some(false)) => Status::Expired,
        (_, true, None) => Status::NotAttested,
    };
    DutyOutcome { duty: duty.clone(), status, attestation }
}
