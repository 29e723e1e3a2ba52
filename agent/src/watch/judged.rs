//! A report in the form in which changes are looked for.

use checks::check::{Evidence, Verdict};
use checks::report::{Outcome, Report};

use super::settle::Seen;
use crate::output::clean;

/// More places than this are not told of one change.
const MOST_PLACES: usize = 8;

/// What each check says.
pub(crate) fn seen(report: &Report<'_>) -> Vec<Seen> {
    let vital = &report.policy.offer.service_level;
    report.outcomes.iter().map(|outcome| one(outcome, vital)).collect()
}

fn one(outcome: &Outcome, vital: &[String]) -> Seen {
    let places: Vec<&Evidence> = match outcome.verdict {
        Verdict::Fail => outcome.findings.iter().flat_map(|finding| &finding.evidence).collect(),
        Verdict::Waived => outcome.waived.iter().flat_map(|(finding, _)| &finding.evidence).collect(),
        Verdict::Pass => outcome.observations.iter().flat_map(|seen| &seen.evidence).collect(),
        Verdict::Unknown | Verdict::NotApplicable => Vec::new(),
    };
    Seen {
        check: outcome.check.id,
        verdict: outcome.verdict,
        severity: outcome.severity,
        subjects: outcome.findings.iter().map(|finding| finding.subject.clone()).collect(),
        reason: clean(&outcome.reason),
        evidence: places.into_iter().take(MOST_PLACES).map(|place| clean(&place.to_string())).collect(),
        service_level: vital.iter().any(|id| id == outcome.check.id),
    }
}
