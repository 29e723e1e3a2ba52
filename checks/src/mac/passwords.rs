//! Whether the provider's passwords were replaced: `passwords-changed` on macOS.

use crate::check::{Evidence, Finding, Judgement};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::mac::Mac;
use crate::gap::Gap;
use crate::policy::Policy;

/// What a provider's tools set up lasts this long, in seconds: passwords are set minutes after the account is made.
const SETUP: i64 = 3_600;

/// Whether every person's password was set after the Mac was handed over.
pub(crate) fn changed(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let Some((delivered, said)) =
        policy.delivered_at.map(|at| (at, true)).or_else(|| Some((guess(mac)?, false)))
    else {
        judgement.unknown("nothing says when the Mac was handed over; set delivered_at in the configuration");
        return Ok(judgement);
    };
    // A guessed instant is the beginning of the provider's own setup, which goes on a little.
    let ready = if said { delivered } else { Timestamp(delivered.0.saturating_add(SETUP)) };
    let users = mac.users.known()?;
    for user in users {
        let times = match user.times.known() {
            Ok(times) => times,
            Err(gap) => {
                judgement.unknown(gap.to_string());
                continue;
            }
        };
        let place = Evidence::of(format!("dscl . -read /Users/{} accountPolicyData", user.name))
            .says(format!("passwordLastSetTime {}", times.password_set));
        let as_created =
            times.created.is_some_and(|created| times.password_set.0 <= created.0.saturating_add(SETUP));
        if times.password_set > ready {
            judgement
                .observe(format!("{} has a password set after the Mac was handed over", user.name), [place]);
        } else if said || as_created {
            let message = format!("has a password that was set before the Mac was ready on {ready}");
            judgement.fail(Finding::new(&user.name, message, place));
        } else {
            judgement.unknown(format!(
                "the password of {} was changed once, on {}, and hostduty only believes that the Mac was handed over on \
                 {delivered}; set delivered_at in the configuration",
                user.name, times.password_set
            ));
        }
    }
    if users.is_empty() {
        judgement.unknown("the Mac has no account of a person, uid 501 or above");
    }
    Ok(judgement)
}

/// The end of Setup Assistant or the installation of the provider's management profile, whichever came last: images are
/// made long before a Mac is rented out.
fn guess(mac: &Mac) -> Option<Timestamp> {
    let profiles = mac.profiles.value().map_or(&[][..], Vec::as_slice);
    let enrolled =
        profiles.iter().filter(|profile| profile.manages()).filter_map(|profile| profile.installed);
    enrolled.chain(mac.setup_done.value().copied()).max()
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::mdm::Profile;
    use crate::facts::mac::users::{Times, User};
    use crate::gap::Reading::{self, Known};

    const DAY: i64 = 86_400;

    /// A Mac whose account was made at day 100, with a password set at an instant.
    fn mac(password_set: i64, setup_done: Option<i64>) -> Mac {
        let times = Times { created: Some(Timestamp(100 * DAY)), password_set: Timestamp(password_set) };
        Mac {
            users: Known(vec![User { name: "ada".into(), uid: 501, times: Known(times) }]),
            setup_done: setup_done.map_or_else(Reading::default, |at| Known(Timestamp(at))),
            ..Mac::default()
        }
    }

    fn verdict(mac: Mac, delivered_at: Option<i64>) -> Verdict {
        let policy = Policy { delivered_at: delivered_at.map(Timestamp), ..Policy::default() };
        changed(&facts(mac), &policy).map_or(Verdict::Unknown, |judgement| judgement.verdict())
    }

    #[test]
    fn a_stated_day_decides() {
        assert_eq!(verdict(mac(101 * DAY, None), Some(100 * DAY)), Verdict::Pass);
        assert_eq!(verdict(mac(101 * DAY, None), Some(102 * DAY)), Verdict::Fail);
        assert_eq!(verdict(mac(101 * DAY, None), None), Verdict::Unknown);
    }

    #[test]
    fn a_guessed_day_convicts_only_what_was_never_changed() {
        let setup = Some(100 * DAY);
        assert_eq!(
            verdict(mac(100 * DAY + 60, setup), None),
            Verdict::Fail,
            "set while the provider set the Mac up"
        );
        assert_eq!(verdict(mac(103 * DAY, setup), None), Verdict::Pass);
        assert_eq!(verdict(mac(103 * DAY, Some(105 * DAY)), None), Verdict::Unknown);
        let mut enrolled = mac(103 * DAY, setup);
        let profile = Profile {
            installed: Some(Timestamp(110 * DAY)),
            payloads: vec!["com.apple.mdm".into()],
            ..Profile::default()
        };
        enrolled.profiles = Known(vec![profile]);
        assert_eq!(verdict(enrolled, None), Verdict::Unknown, "the enrolment came after the change");
        let own = mac(100 * DAY + 60, Some(50 * DAY));
        assert_eq!(verdict(own, None), Verdict::Pass, "an account that the customer made");
    }

    #[test]
    fn times_that_are_not_known() {
        let mut hidden = mac(0, Some(0));
        hidden.users =
            Known(vec![User { name: "ada".into(), uid: 501, times: Reading::Gap(Gap::denied("it")) }]);
        assert_eq!(verdict(hidden, Some(0)), Verdict::Unknown);
        assert_eq!(verdict(Mac { users: Known(Vec::new()), ..Mac::default() }, Some(0)), Verdict::Unknown);
        assert_eq!(verdict(Mac::default(), Some(0)), Verdict::Unknown);
        assert_eq!(verdict(mac(i64::MAX, Some(i64::MAX)), None), Verdict::Unknown);
    }
}
