//! What the verdicts and a person's statement mean for one duty of the offer.

use std::collections::BTreeMap;

use super::{DutyOutcome, Status};
use crate::check::Verdict;
use crate::date::Day;
use crate::policy::Attestation;
use crate::providers::Duty;

/// Weighs the verdicts of the duty's checks with its attestation. What is broken or unknown stays so whoever attests
/// otherwise; what is measured as kept still needs the attestation that the duty asks for.
pub(super) fn weigh(
    duty: &Duty,
    verdicts: &BTreeMap<&str, Verdict>,
    attestations: &[Attestation],
    today: Day,
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
    let attestation = duty.attestation.as_deref().and_then(|id| best(id, attestations, today));
    let status = match (measured, &duty.attestation) {
        (Some(unkept @ (Status::Broken | Status::Unknown)), _) => unkept,
        (Some(measured), None) => measured,
        (None, None) => Status::NotApplicable,
        (measured, Some(_)) => match attestation {
            None => Status::NotAttested,
            Some(held) if held.on > today => Status::NotAttested,
            Some(held) if held.until < today => Status::Expired,
            Some(_) => measured.unwrap_or(Status::Attested),
        },
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
        let names = ["a", "b", "c"];
        let duty = Duty {
            id: "duty".into(),
            title: String::new(),
            source: String::new(),
            checks: names.iter().take(verdicts.len()).map(|name| (*name).to_owned()).collect(),
            attestation: asks.then(|| "mfa".to_owned()),
        };
        let verdicts = names.into_iter().zip(verdicts.iter().copied()).collect();
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
    fn no_statement_mends_what_is_broken_or_unknown() {
        let holds = [attested("2026-01-01", "2027-01-01")];
        assert_eq!(status(&[Fail], true, &holds), Status::Broken);
        assert_eq!(status(&[Unknown], true, &holds), Status::Unknown);
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
