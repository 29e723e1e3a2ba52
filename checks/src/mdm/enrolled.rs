//! The Mac has not left the device management of its provider.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::mac::mdm::Mdm;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "mdm-enrolled",
    title: "The Mac is enrolled in device management",
    severity: Severity::High,
    systems: &[System::MacOs],
    unmeasured_on: &[],
    machine: true,
    rationale: "A provider of rented Macs reaches them through device management alone: that is how it protects them \
        from being locked to somebody's Apple Account, and how it gets one back that no longer starts. Leaving it is \
        a breach of the terms with most of them, and a reinstall may be the only way back.",
    remedy: "sudo profiles status -type enrollment\n\
        If it says `Enrolled via DEP: Yes`, run `sudo profiles renew -type enrollment` and approve the request on the \
        screen of the Mac.\n\
        Otherwise ask the provider for its enrolment profile, or reinstall the Mac from its console.",
    references: &["profiles(1)", "mSCP os_mdm_require"],
    examples: Examples {
        kept: r#"
            system = "macos"
            [mac.known.enrolment.known]
            mdm = "user-approved"
            automatic = true
            server = "mdm.example.net"
        "#,
        broken: r#"
            system = "macos"
            [mac.known.enrolment.known]
            mdm = "no"
        "#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let enrolment = facts.mac.known()?.enrolment.known()?;
    let mut judgement = Judgement::new();
    let place = Evidence::of("profiles status -type enrollment");
    let server = enrolment.server.as_deref().unwrap_or("a server that it does not name");
    match enrolment.mdm {
        Mdm::No => {
            let message = "is not enrolled in device management";
            judgement.fail(Finding::new("the Mac", message, place.says("MDM enrollment: No")));
        }
        Mdm::Yes => judgement.observe(
            format!("the Mac is managed by {server}, without the approval of a user that some settings take"),
            [place.says("MDM enrollment: Yes")],
        ),
        Mdm::UserApproved => judgement.observe(
            format!("the Mac is managed by {server}"),
            [place.says("MDM enrollment: Yes (User Approved)")],
        ),
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::facts::mac::mdm::Enrolment;
    use crate::gap::Reading::Known;

    #[test]
    fn both_degrees_of_enrolment_keep_the_duty() {
        let verdict = |mdm| {
            let enrolment = Known(Enrolment { mdm, ..Enrolment::default() });
            let facts = Facts { mac: Known(Mac { enrolment, ..Mac::default() }), ..Facts::default() };
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(
            [Mdm::UserApproved, Mdm::Yes, Mdm::No].map(verdict),
            [Verdict::Pass, Verdict::Pass, Verdict::Fail]
        );
    }
}
