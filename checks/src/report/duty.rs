//! What the verdicts and a person's statement mean for one duty of the offer.

use std::collections::BTreeMap;

use super::{DutyOutcome, Status};
use crate::check::{Severity, Verdict};
use crate::date::Day;
use crate::policy::Attestation;
use crate::providers::Duty;

/// Weighs the verdicts of the duty's checks with its attestation. What is kept still needs the attestation that the duty
/// asks for. A person's word answers what was not measured, and what a check of severity `advice` half sees ("no known
/// backup agent": the backup may be elsewhere); it never covers a failure that was measured.
pub(super) fn weigh(
    duty: &Duty,
    verdicts: &BTreeMap<&str, (Verdict, Severity)>,
    attestations: &[Attestation],
    today: Day,
) -> DutyOutcome {
    let seen: Vec<(Verdict, Severity)> = duty
        .checks
        .iter()
        .map(|id| verdicts.get(id.as_str()).copied().unwrap_or((Verdict::Unknown, Severity::High)))
        .filter(|(verdict, _)| *verdict != Verdict::NotApplicable)
        .collect();
    let any = |wanted| seen.iter().any(|(verdict, _)| *verdict == wanted);
    let broken =
        seen.iter().any(|(verdict, severity)| *verdict == Verdict::Fail && *severity > Severity::Advice);
    let measured = if any(Verdict::Fail) {
        Some(Status::Broken)
    } else if any(Verdict::Unknown) {
        Some(Status::Unknown)
    } else if any(Verdict::Waived) {
        Some(Status::Waived)
    } else if !seen.is_empty() {
        Some(Status::Kept)
    } else {
        None
    };
    let attestation = duty.attestation.as_deref().and_then(|id| best(id, attestations, today));
    let holds = attestation.is_some_and(|held| held.on <= today && today <= held.until);
    let status = match (measured, &duty.attestation) {
        (Some(Status::Broken | Status::Unknown), Some(_)) if holds && !broken => Status::Attested,
        (Some(unkept @ (Status::Broken | Status::Unknown)), _) => unkept,
        (Some(measured), None) => measured,
        (None, None) => Status::NotApplicable,
        (measured, Some(_)) if holds => measured.unwrap_or(Status::Attested),
        (_, Some(_)) if attestation.is_some_and(|held| held.until < today) => Status::Expired,
        (_, Some(_)) => Status::NotAttested,
    };
    DutyOutcome { duty: duty.clone(), status, attestation: attestation.cloned() }
}

/// The attestation that says most about today: one that holds before one that ended before one that has not begun.
fn best<'a>(id: &str, attestations: &'a [Attestation], today: Day) -> Option<&'a Attestation> {
    attestations.iter().filter(|held| held.id == id).max_by_key(|held| {
        let begun = held.on <= today;
        (begun && held.until >= today, begun, held.until)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Fail, NotApplicable, Pass, Unknown, Waived};

    const TODAY: &str = "2026-11-22";

    fn attested(on: &str, until: &str) -> Attestation {
        Attestation {
            id: "mfa".into(),
            by: "ops".into(),
            on: on.parse().unwrap(),
            until: until.parse().unwrap(),
            note: None,
        }
    }

    fn outcome(verdicts: &[Verdict], asks: bool, attestations: &[Attestation]) -> DutyOutcome {
        weighed(verdicts, Severity::Medium, asks, attestations)
    }

    fn weighed(
        verdicts: &[Verdict],
        severity: Severity,
        asks: bool,
        attestations: &[Attestation],
    ) -> DutyOutcome {
        let names = ["a", "b", "c"];
        let duty = Duty {
            id: "duty".into(),
            title: String::new(),
            source: String::new(),
            checks: names.iter().take(verdicts.len()).map(|name| (*name).to_owned()).collect(),
            attestation: asks.then(|| "mfa".to_owned()),
        };
        let judged = verdicts.iter().map(|verdict| (*verdict, severity));
        let verdicts = names.into_iter().zip(judged).collect();
        weigh(&duty, &verdicts, attestations, TODAY.parse().unwrap())
    }

    fn status(verdicts: &[Verdict], asks: bool, attestations: &[Attestation]) -> Status {
        outcome(verdicts, asks, attestations).status
    }

    #[test]
    fn checks_alone() {
        for (verdicts, wanted) in [
            (&[Pass, Pass][..], Status::Kept),
            (&[Pass, NotApplicable], Status::Kept),
            (&[NotApplicable, NotApplicable], Status::NotApplicable),
            (&[Pass, Waived], Status::Waived),
            (&[Pass, Waived, Unknown], Status::Unknown),
            (&[Unknown, Fail, Waived], Status::Broken),
        ] {
            assert_eq!(status(verdicts, false, &[]), wanted, "{verdicts:?}");
        }
    }

    #[test]
    fn a_check_that_nobody_judged_is_unknown() {
        let duty = Duty {
            id: "duty".into(),
            title: String::new(),
            source: String::new(),
            checks: vec!["no-such-check".into()],
            attestation: None,
        };
        assert_eq!(weigh(&duty, &BTreeMap::new(), &[], Day(0)).status, Status::Unknown);
    }

    #[test]
    fn an_attestation_alone() {
        assert_eq!(status(&[], true, &[]), Status::NotAttested);
        assert_eq!(status(&[], true, &[attested("2026-01-01", TODAY)]), Status::Attested);
        assert_eq!(status(&[NotApplicable], true, &[attested(TODAY, TODAY)]), Status::Attested);
        assert_eq!(status(&[], true, &[attested("2026-01-01", "2026-11-21")]), Status::Expired);
        let other = Attestation { id: "contacts".into(), ..attested(TODAY, TODAY) };
        assert_eq!(status(&[], true, &[other]), Status::NotAttested);
    }

    #[test]
    fn what_is_present_does_not_answer_without_the_attestation_that_is_asked_for() {
        assert_eq!(status(&[Pass], true, &[]), Status::NotAttested);
        assert_eq!(status(&[Waived], true, &[]), Status::NotAttested);
        assert_eq!(status(&[Pass], true, &[attested("2026-01-01", "2026-02-01")]), Status::Expired);
        assert_eq!(status(&[Pass], true, &[attested("2026-01-01", "2027-01-01")]), Status::Kept);
        assert_eq!(status(&[Waived], true, &[attested("2026-01-01", "2027-01-01")]), Status::Waived);
    }

    #[test]
    fn a_statement_answers_what_was_not_measured_and_never_what_is_broken() {
        let holds = [attested("2026-01-01", "2027-01-01")];
        let ended = [attested("2026-01-01", "2026-02-01")];
        assert_eq!(status(&[Fail], true, &holds), Status::Broken);
        assert_eq!(status(&[Unknown, Fail], true, &holds), Status::Broken);
        assert_eq!(status(&[Unknown, Pass], true, &holds), Status::Attested);
        assert_eq!(status(&[Unknown], true, &ended), Status::Unknown);
        assert_eq!(status(&[Unknown], true, &[]), Status::Unknown);
        assert_eq!(status(&[Unknown], false, &holds), Status::Unknown);
        let advice = |attestations| weighed(&[Fail], Severity::Advice, true, attestations).status;
        assert_eq!(advice(&holds), Status::Attested);
        assert_eq!((advice(&ended), advice(&[])), (Status::Broken, Status::Broken));
    }

    #[test]
    fn a_statement_dated_in_the_future_does_not_count() {
        let future = attested("2026-11-23", "2027-11-23");
        let outcome = outcome(&[], true, std::slice::from_ref(&future));
        assert_eq!((outcome.status, outcome.attestation.as_ref()), (Status::NotAttested, Some(&future)));
        assert_eq!(status(&[Pass], true, std::slice::from_ref(&future)), Status::NotAttested);
        // Nor does it hide one that holds today or that ended.
        let holds = attested("2026-01-01", "2026-12-31");
        assert_eq!(status(&[], true, &[future.clone(), holds.clone()]), Status::Attested);
        assert_eq!(status(&[], true, &[holds, future.clone()]), Status::Attested);
        assert_eq!(status(&[], true, &[attested("2025-01-01", "2025-12-31"), future]), Status::Expired);
    }
}
