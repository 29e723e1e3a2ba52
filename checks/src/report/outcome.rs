//! What one check says of a host once the offer and the waivers had their say.

use std::borrow::Cow;

use super::Outcome;
use crate::check::{Check, Finding, Judgement, Verdict};
use crate::date::Day;
use crate::facts::Facts;
use crate::policy::{Policy, Waiver};

/// Judges one check and applies the waivers; marks those that met a failure in `used`.
pub(super) fn judge(check: &'static Check, facts: &Facts, policy: &Policy, used: &mut [bool]) -> Outcome {
    let severity = policy.offer.severity.get(check.id).copied().unwrap_or(check.severity);
    let arises = check.systems.contains(&facts.system) || check.unmeasured_on.contains(&facts.system);
    let judgement = if !arises {
        Judgement::not_applicable("the question does not arise on this operating system")
    } else if let Some(reason) = policy.offer.not_applicable.get(check.id) {
        Judgement::not_applicable(reason.clone())
    } else if let (true, Some(container)) = (check.machine, container(facts)) {
        Judgement::not_applicable(format!("this is a {container} container; its machine is the host's"))
    } else if check.unmeasured_on.contains(&facts.system) {
        let mut judgement = Judgement::new();
        judgement.unknown("hostduty does not measure this on this operating system yet");
        judgement
    } else {
        (check.judge)(facts, policy).unwrap_or_else(|gap| {
            let mut judgement = Judgement::new();
            judgement.unknown(gap.to_string());
            judgement
        })
    };
    let before = judgement.verdict();
    let mut findings = Vec::new();
    let mut waived = Vec::new();
    for finding in judgement.findings {
        match waive(check.id, finding, &policy.waivers, used, facts.taken_at.day()) {
            Ok(accepted) => waived.push(accepted),
            Err(finding) => findings.push(finding),
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
        remedy: judgement.remedy.map_or(Cow::Borrowed(check.remedy_on(facts.system)), Cow::Owned),
        verdict,
        reason,
        findings,
        waived,
        unknowns: judgement.unknowns,
        observations: judgement.observations,
    }
}

/// The finding with the waiver that accepts it today; or the finding, which says so if a waiver has ended.
fn waive(
    check: &str,
    mut finding: Finding,
    waivers: &[Waiver],
    used: &mut [bool],
    today: Day,
) -> Result<(Finding, Waiver), Finding> {
    let mut last: Option<&Waiver> = None;
    for (waiver, used) in waivers.iter().zip(used) {
        let covers = waiver.check == check
            && waiver.subject.as_ref().is_none_or(|subject| *subject == finding.subject);
        if covers {
            *used = true;
            last = last.filter(|last| last.until >= waiver.until).or(Some(waiver));
        }
    }
    match last {
        Some(waiver) if waiver.until >= today => Ok((finding, waiver.clone())),
        Some(waiver) => {
            finding.message =
                format!("{} (the waiver of {} ended on {})", finding.message, waiver.owner, waiver.until);
            Err(finding)
        }
        None => Err(finding),
    }
}

/// The kind of container that the facts were gathered in.
fn container(facts: &Facts) -> Option<&str> {
    facts.hypervisor.value()?.container.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Evidence, Examples, Severity};
    use crate::facts::hypervisor::Hypervisor;
    use crate::gap::{Gap, Reading};
    use crate::host::System;

    static CHECK: Check = Check {
        id: "test-check",
        title: "Two accounts are in order",
        severity: Severity::High,
        systems: &[System::Linux],
        unmeasured_on: &[],
        machine: true,
        rationale: "",
        remedy: "",
        references: &[],
        examples: Examples { kept: "", broken: "" },
        judge: |_, _| {
            let mut judgement = Judgement::new();
            for subject in ["root", "admin"] {
                judgement.fail(Finding::new(subject, "is wrong", Evidence::of("/etc/passwd")));
            }
            Ok(judgement)
        },
    };
    static GAP: Check = Check { judge: |_, _| Err(Gap::denied("/etc/shadow")), ..COPY };
    static HALF: Check = Check {
        judge: |_, _| {
            let mut judgement = Judgement::new();
            judgement.fail(Finding::new("root", "is wrong", Evidence::of("/etc/passwd")));
            judgement.unknown("the rest is hidden");
            Ok(judgement)
        },
        ..COPY
    };
    const COPY: Check = Check {
        id: "test-check",
        title: "",
        severity: Severity::High,
        systems: &[System::Linux],
        unmeasured_on: &[],
        machine: false,
        rationale: "",
        remedy: "",
        references: &[],
        examples: Examples { kept: "", broken: "" },
        judge: |_, _| Ok(Judgement::new()),
    };

    fn waiver(subject: Option<&str>, until: &str) -> Waiver {
        Waiver {
            check: "test-check".into(),
            subject: subject.map(str::to_owned),
            owner: "ops".into(),
            reason: "it is a trap".into(),
            until: until.parse().unwrap(),
        }
    }

    fn run(check: &'static Check, waivers: Vec<Waiver>) -> (Outcome, Vec<bool>) {
        let facts = Facts { taken_at: "2026-11-22".parse().unwrap(), ..Facts::default() };
        let policy = Policy { waivers, ..Policy::default() };
        let mut used = vec![false; policy.waivers.len()];
        (judge(check, &facts, &policy, &mut used), used)
    }

    #[test]
    fn a_waiver_accepts_a_failure_until_its_last_day() {
        let (outcome, used) = run(&CHECK, vec![waiver(None, "2026-11-22")]);
        assert_eq!((outcome.verdict, outcome.waived.len()), (Verdict::Waived, 2));
        assert_eq!(outcome.reason, "accepted by ops until 2026-11-22: it is a trap");
        assert_eq!(used, [true]);
    }

    #[test]
    fn an_ended_waiver_fails_again_and_says_so() {
        let (outcome, used) =
            run(&CHECK, vec![waiver(Some("root"), "2025-01-01"), waiver(None, "2026-11-21")]);
        assert_eq!(outcome.verdict, Verdict::Fail);
        assert_eq!(outcome.findings[0].message, "is wrong (the waiver of ops ended on 2026-11-21)");
        assert_eq!(used, [true, true], "an ended waiver is not an unused one");
    }

    #[test]
    fn a_waiver_of_one_subject_leaves_the_others() {
        let (outcome, _) =
            run(&CHECK, vec![waiver(Some("root"), "2027-01-01"), waiver(Some("x"), "2027-01-01")]);
        assert_eq!((outcome.verdict, outcome.findings.len(), outcome.waived.len()), (Verdict::Fail, 1, 1));
        assert_eq!(outcome.reason, "admin is wrong");
    }

    #[test]
    fn a_longer_waiver_counts_beside_an_ended_one() {
        for waivers in [
            vec![waiver(None, "2020-01-01"), waiver(None, "2027-01-01")],
            vec![waiver(None, "2027-01-01"), waiver(None, "2020-01-01")],
        ] {
            assert_eq!(run(&CHECK, waivers).0.verdict, Verdict::Waived);
        }
    }

    #[test]
    fn what_is_unknown_cannot_be_waived() {
        let (outcome, used) = run(&GAP, vec![waiver(None, "2027-01-01")]);
        assert_eq!(outcome.verdict, Verdict::Unknown);
        assert_eq!(outcome.reason, "not permitted to read /etc/shadow");
        assert_eq!(used, [false]);
        let (outcome, _) = run(&HALF, vec![waiver(None, "2027-01-01")]);
        assert_eq!((outcome.verdict, outcome.waived.len()), (Verdict::Unknown, 1));
        assert_eq!(outcome.reason, "the rest is hidden");
    }

    #[test]
    fn the_offer_the_system_and_a_container_can_make_a_check_pointless() {
        let mut facts = Facts::default();
        let mut policy = Policy::default();
        policy.offer.severity.insert("test-check".into(), Severity::Low);
        assert_eq!(judge(&CHECK, &facts, &policy, &mut []).severity, Severity::Low);
        policy.offer.not_applicable.insert("test-check".into(), "there is no such thing here".into());
        let outcome = judge(&CHECK, &facts, &policy, &mut []);
        assert_eq!(
            (outcome.verdict, outcome.reason.as_str()),
            (Verdict::NotApplicable, "there is no such thing here")
        );
        policy.offer.not_applicable.clear();
        facts.hypervisor =
            Reading::Known(Hypervisor { container: Some("docker".into()), ..Hypervisor::default() });
        assert_eq!(judge(&CHECK, &facts, &policy, &mut []).verdict, Verdict::NotApplicable);
        assert_eq!(judge(&HALF, &facts, &policy, &mut []).verdict, Verdict::Fail);
        facts.system = System::MacOs;
        assert_eq!(judge(&HALF, &facts, &policy, &mut []).verdict, Verdict::NotApplicable);
    }
}
