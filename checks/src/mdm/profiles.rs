//! The profile by which the provider manages the Mac has not been removed.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::mac::mdm::Mdm;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "mdm-profiles",
    title: "The management profile of the provider is installed",
    severity: Severity::High,
    systems: &[System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "Configuration profiles carry what the provider has set up on a rented Mac, from its management channel \
        to the limits that keep recovery possible. Removing them is the customer's to avoid. hostduty requires \
        the profile of the management channel itself and counts the others: which of those the provider \
        installed, the Mac does not say.",
    remedy: "sudo profiles show\n\
        If the Mac is still enrolled, ask the provider to push its profiles again.\n\
        Otherwise enrol it again: see `hostduty explain mdm-enrolled`.",
    references: &["profiles(1)", "mSCP os_mdm_require"],
    examples: Examples {
        kept: r#"
            system = "macos"
            [mac.known.enrolment.known]
            mdm = "user-approved"
            [[mac.known.profiles.known]]
            identifier = "net.example.mdm.enrolment"
            installed = "2026-03-02T08:15:00Z"
            payloads = ["com.apple.mdm", "com.apple.security.root"]
        "#,
        broken: r#"
            system = "macos"
            [mac.known.enrolment.known]
            mdm = "no"
            [[mac.known.profiles.known]]
            identifier = "net.example.wifi"
            payloads = ["com.apple.wifi.managed"]
        "#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let profiles = mac.profiles.known()?;
    let mut judgement = Judgement::new();
    let place = || Evidence::of("profiles show -output stdout-xml");
    let enrolled = mac.enrolment.known()?.mdm != Mdm::No;
    match profiles.iter().find(|profile| profile.manages()) {
        Some(profile) if enrolled => {
            let others = profiles.len().saturating_sub(1);
            let message = format!("{} is installed, with {others} other profiles", profile.identifier);
            let all = profiles.iter().map(|profile| place().says(&profile.identifier));
            judgement.observe(message, all);
        }
        Some(profile) => judgement.unknown(format!(
            "`profiles show` lists {} and `profiles status` says that the Mac is not enrolled",
            profile.identifier
        )),
        None if enrolled => judgement.unknown(
            "the Mac is enrolled and `profiles show` lists no management profile; it may be a list cut short",
        ),
        None => {
            let message = format!("has no management profile among its {} profiles", profiles.len());
            judgement.fail(Finding::new("the Mac", message, place()));
        }
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::facts::mac::mdm::{Enrolment, Profile};
    use crate::gap::Reading::{self, Known};

    fn verdict(mdm: Mdm, payloads: &[&str]) -> Verdict {
        let profile =
            |payload: &&str| Profile { payloads: vec![(*payload).to_owned()], ..Profile::default() };
        let mac = Mac {
            enrolment: Known(Enrolment { mdm, ..Enrolment::default() }),
            profiles: Known(payloads.iter().map(profile).collect()),
            ..Mac::default()
        };
        judge(&Facts { mac: Known(mac), ..Facts::default() }, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn a_profile_counts_when_both_tools_agree() {
        assert_eq!(verdict(Mdm::UserApproved, &["com.apple.wifi.managed", "com.apple.mdm"]), Verdict::Pass);
        assert_eq!(verdict(Mdm::No, &[]), Verdict::Fail);
        assert_eq!(verdict(Mdm::Yes, &["com.apple.wifi.managed"]), Verdict::Unknown);
        assert_eq!(verdict(Mdm::No, &["com.apple.mdm"]), Verdict::Unknown);
    }

    #[test]
    fn without_root_it_is_unknown() {
        let mac = Mac {
            enrolment: Known(Enrolment::default()),
            profiles: Reading::Gap(Gap::denied("the profiles")),
            ..Mac::default()
        };
        assert!(judge(&Facts { mac: Known(mac), ..Facts::default() }, &Policy::default()).is_err());
    }
}
