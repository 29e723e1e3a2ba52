//! Verdicts of all checks, and what they mean for the offer's duties.

mod duty;
mod outcome;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::check::{Check, Finding, Observation, Severity, Verdict};
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
    /// Waivers that met no failure or name no check, and attestations that no duty asks for: worth removing.
    pub unused: Vec<String>,
}

/// What one check says.
#[derive(Debug)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// Its severity under the offer.
    pub severity: Severity,
    /// What to type about it on this system.
    pub remedy: Cow<'static, str>,
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
    /// Nobody has attested it, or only from a later day on.
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
    /// The attestation that answers it or did so last, if there is one.
    pub attestation: Option<Attestation>,
}

impl Report<'_> {
    /// The attestation that answers a failure of severity `advice`, if there is one today for every duty that the check
    /// is asked for. Such a check half sees ("no known backup agent": the backup may be elsewhere), so the failure stays one, and
    /// what a person states of the whole duty is what counts.
    #[must_use]
    pub fn answered(&self, outcome: &Outcome) -> Option<&Attestation> {
        if outcome.verdict != Verdict::Fail || outcome.severity != Severity::Advice {
            return None;
        }
        let today = self.facts.taken_at.day();
        let holds = |id: &str| {
            self.policy
                .attestations
                .iter()
                .find(|held| held.id == id && held.on <= today && today <= held.until)
        };
        let asks = |duty: &&Duty| duty.checks.iter().any(|id| id == outcome.check.id);
        let mut answers =
            self.policy.offer.duty.iter().filter(asks).map(|duty| holds(duty.attestation.as_deref()?));
        let first = answers.next()??;
        answers.all(|answer| answer.is_some()).then_some(first)
    }
}

/// Judges every check, or only those named.
#[must_use]
pub fn judge<'a>(facts: &'a Facts, policy: &'a Policy, detected: &Detected, only: &[String]) -> Report<'a> {
    let mut used = vec![false; policy.waivers.len()];
    let outcomes: Vec<Outcome> = registry::CHECKS
        .iter()
        .filter(|check| only.is_empty() || only.iter().any(|id| id == check.id))
        .map(|check| outcome::judge(check, facts, policy, &mut used))
        .collect();
    let today = facts.taken_at.day();
    let verdicts: BTreeMap<&str, (Verdict, Severity)> =
        outcomes.iter().map(|outcome| (outcome.check.id, (outcome.verdict, outcome.severity))).collect();
    let duties = if only.is_empty() {
        policy
            .offer
            .duty
            .iter()
            .map(|duty| duty::weigh(duty, &verdicts, &policy.attestations, today))
            .collect()
    } else {
        Vec::new()
    };
    let unused = unused(policy, &used, only);
    Report { facts, policy, how: detected.how.clone(), outcomes, duties, unused }
}

/// What the configuration accepts or states without need, one sentence each.
fn unused(policy: &Policy, used: &[bool], only: &[String]) -> Vec<String> {
    let mut unused: Vec<String> = policy
        .waivers
        .iter()
        .zip(used)
        .filter(|(waiver, used)| !**used && (only.is_empty() || only.contains(&waiver.check)))
        .map(|(waiver, _)| match &waiver.subject {
            _ if registry::find(&waiver.check).is_none() => {
                format!("the waiver of {} names no check", waiver.check)
            }
            Some(subject) => format!("the waiver of {} for {subject} meets no failure", waiver.check),
            None => format!("the waiver of {} meets no failure", waiver.check),
        })
        .collect();
    if only.is_empty() {
        let asked = |id: &str| policy.offer.duty.iter().any(|duty| duty.attestation.as_deref() == Some(id));
        unused.extend(
            policy
                .attestations
                .iter()
                .filter(|held| !asked(&held.id))
                .map(|held| format!("the attestation {} answers no duty of {}", held.id, policy.offer.name)),
        );
    }
    unused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Day;

    fn waiver(check: &str, subject: Option<&str>) -> Waiver {
        Waiver {
            check: check.into(),
            subject: subject.map(str::to_owned),
            owner: "ops".into(),
            reason: "known".into(),
            until: Day(1),
        }
    }

    #[test]
    fn what_the_configuration_says_without_need_is_reported() {
        let policy = Policy {
            waivers: vec![
                waiver("ssh-key-only", Some("root")),
                waiver("ssh-key-only", None),
                waiver("ssh-keys-only", None),
            ],
            attestations: vec![
                Attestation { id: "mfa".into(), by: "ops".into(), on: Day(0), until: Day(9), note: None },
                Attestation { id: "mfaa".into(), by: "ops".into(), on: Day(0), until: Day(9), note: None },
            ],
            ..Policy::default()
        };
        assert_eq!(
            unused(&policy, &[false, true, false], &[]),
            [
                "the waiver of ssh-key-only for root meets no failure",
                "the waiver of ssh-keys-only names no check",
                "the attestation mfaa answers no duty of Any server",
            ]
        );
        assert!(unused(&policy, &[false, true, false], &["passwords-empty".into()]).is_empty());
    }

    #[test]
    fn an_attestation_answers_advice_and_nothing_graver() {
        let attested = |on: &str, until: &str| Attestation {
            id: "offsite-backup".into(),
            by: "ops".into(),
            on: on.parse().unwrap(),
            until: until.parse().unwrap(),
            note: None,
        };
        let facts = Facts { taken_at: "2026-11-22".parse().unwrap(), ..Facts::default() };
        let detected = Detected { offer: "generic".into(), how: String::new() };
        let answered =
            |attestations: Vec<Attestation>, severity: Severity, verdict: Verdict, doubled: bool| {
                let mut policy = Policy { attestations, ..Policy::default() };
                if doubled {
                    let mut other = policy.offer.duty[0].clone();
                    other.checks = vec!["backup-agent".into()];
                    other.attestation = None;
                    policy.offer.duty.push(other);
                }
                let mut report = judge(&facts, &policy, &detected, &["backup-agent".into()]);
                let mut outcome = report.outcomes.remove(0);
                (outcome.severity, outcome.verdict) = (severity, verdict);
                report.answered(&outcome).is_some()
            };
        let holds = || vec![attested("2026-01-01", "2026-11-22")];
        assert!(answered(holds(), Severity::Advice, Verdict::Fail, false));
        assert!(!answered(holds(), Severity::Low, Verdict::Fail, false), "the offer raised it");
        assert!(!answered(holds(), Severity::Advice, Verdict::Unknown, false));
        assert!(!answered(holds(), Severity::Advice, Verdict::Fail, true), "another duty rests on it alone");
        assert!(!answered(Vec::new(), Severity::Advice, Verdict::Fail, false));
        for (on, until) in [("2026-01-01", "2026-11-21"), ("2026-11-23", "2027-11-21")] {
            assert!(!answered(vec![attested(on, until)], Severity::Advice, Verdict::Fail, false), "{until}");
        }
    }

    #[test]
    fn a_run_of_some_checks_says_nothing_of_duties() {
        let (facts, policy) = (Facts::default(), Policy::default());
        let detected = Detected { offer: "generic".into(), how: String::new() };
        assert!(judge(&facts, &policy, &detected, &["ssh-key-only".into()]).duties.is_empty());
        let whole = judge(&facts, &policy, &detected, &[]);
        assert_eq!(whole.duties.len(), policy.offer.duty.len());
        assert!(whole.duties.iter().all(|duty| matches!(duty.status, Status::Unknown | Status::NotAttested)));
    }
}
