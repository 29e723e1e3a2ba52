//! Nobody, root included, can change macOS itself, and what nobody vouches for does not run.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::mac::integrity::Integrity;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "integrity-system",
    title: "System Integrity Protection, the sealed system volume and Gatekeeper are on",
    severity: Severity::Medium,
    systems: &[System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "They keep an intruder who has become root from settling in macOS itself, where no reinstallation of \
        programs and no scanner would find him, and stop programs that neither Apple nor a known developer signed. \
        Build farms switch them off for one awkward tool, and nobody switches them on again.",
    remedy: "csrutil status; csrutil authenticated-root status; spctl --status   # which of them is off?\n\
        sudo spctl --global-enable   # Gatekeeper; before macOS 15: sudo spctl --master-enable\n\
        The other two are switched on in the recovery system alone, `csrutil enable` and `csrutil authenticated-root \
        enable`: on a rented Mac ask the provider for the way there, or reinstall it from its console.",
    references: &[
        "csrutil(8)",
        "spctl(8)",
        "mSCP os_sip_enable",
        "mSCP os_authenticated_root_enable",
        "mSCP os_gatekeeper_enable",
    ],
    examples: Examples {
        kept: r#"
            system = "macos"
            [mac.known]
            integrity.known = "enabled"
            sealed_system.known = true
            gatekeeper.known = true
        "#,
        broken: r#"
            system = "macos"
            [mac.known]
            integrity.known = "disabled"
            sealed_system.known = true
            gatekeeper.known = false
        "#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let status = Evidence::of("csrutil status");
    match mac.integrity.known() {
        Ok(Integrity::Enabled) => judgement.observe("System Integrity Protection is on", [status]),
        Ok(Integrity::Disabled) => {
            judgement.fail(Finding::new("System Integrity Protection", "is off", status.says("disabled")));
        }
        Ok(Integrity::Custom) => {
            let message = "is off in parts";
            judgement.fail(Finding::new(
                "System Integrity Protection",
                message,
                status.says("Custom Configuration"),
            ));
        }
        Err(gap) => judgement.unknown(gap.to_string()),
    }
    for (subject, reading, place) in [
        ("the sealed system volume", &mac.sealed_system, "csrutil authenticated-root status"),
        ("Gatekeeper", &mac.gatekeeper, "spctl --status"),
    ] {
        match reading.known() {
            Ok(true) => judgement.observe(format!("{subject} is on"), [Evidence::of(place)]),
            Ok(false) => {
                judgement.fail(Finding::new(subject, "is off", Evidence::of(place).says("disabled")))
            }
            Err(gap) => judgement.unknown(gap.to_string()),
        }
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::gap::Reading::{self, Known};

    fn verdict(
        integrity: Reading<Integrity>,
        sealed_system: Reading<bool>,
        gatekeeper: Reading<bool>,
    ) -> Verdict {
        let mac = Mac { integrity, sealed_system, gatekeeper, ..Mac::default() };
        let facts = Facts { mac: Known(mac), ..Facts::default() };
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn each_of_the_three_counts_and_none_is_guessed() {
        let on = || Known(Integrity::Enabled);
        assert_eq!(verdict(on(), Known(true), Known(true)), Verdict::Pass);
        assert_eq!(verdict(Known(Integrity::Custom), Known(true), Known(true)), Verdict::Fail);
        assert_eq!(verdict(on(), Known(false), Known(true)), Verdict::Fail);
        assert_eq!(verdict(on(), Reading::default(), Known(false)), Verdict::Fail);
        assert_eq!(verdict(on(), Reading::default(), Known(true)), Verdict::Unknown);
        assert_eq!(verdict(Reading::default(), Known(true), Known(true)), Verdict::Unknown);
    }
}
