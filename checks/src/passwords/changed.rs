//! No account still has the password that it had when the provider handed the machine over.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::date::Day;
use crate::facts::Facts;
use crate::facts::accounts::{Password, PasswordState, User};
use crate::facts::delivery::Handover;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "passwords-changed",
    title: "Every local password was changed after the machine was handed over",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "A password that came with the machine is known to whoever made the image or sent the welcome mail, \
                and often to everyone who rents the same offer. It lies in mailboxes and consoles that the customer \
                does not control. Only a password that was set after the delivery is the customer's own.",
    remedy: "passwd <account>\n\
             For an account that only uses keys, `passwd -l <account>` locks the password away; try the key in a \
             second session first.\n\
             When the delivery is guessed wrong, set `delivered_at` in the configuration to the day of delivery.",
    references: &["shadow(5)", "passwd(1)", "CIS Debian 12 5.4.1.6"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T12:00:00Z"
[[delivery.known.traces]]
kind = "cloud-init"
at = "2026-03-02T09:00:01Z"
path = "/var/lib/cloud/instance/sem/config_ssh"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
password.known = { state = "usable", scheme = "yescrypt", changed = "2026-03-05", source = "/etc/shadow", line = 1 }
"#,
        broken: r#"
taken_at = "2026-11-22T12:00:00Z"
[[delivery.known.traces]]
kind = "cloud-init"
at = "2026-03-02T09:00:01Z"
path = "/var/lib/cloud/instance/sem/config_ssh"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
password.known = { state = "usable", scheme = "sha512", changed = "2025-12-24", source = "/etc/shadow", line = 1 }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::passwords::changed(facts, policy);
    }
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    let usable: Vec<_> =
        accounts.passwords().filter(|(_, password)| password.state == PasswordState::Usable).collect();
    if usable.is_empty() {
        judgement.not_applicable = Some("no account has a password".to_owned());
        return Ok(judgement);
    }
    let handover = match (&policy.delivered_at, facts.delivery.known()) {
        (declared, Ok(delivery)) => delivery.handover(*declared),
        (Some(_), Err(_)) => crate::facts::delivery::Delivery::default().handover(policy.delivered_at),
        (None, Err(gap)) => return Err(gap),
    };
    if let (None, Ok(delivery)) = (&handover, facts.delivery.known()) {
        for sentence in &delivery.ignored {
            judgement.unknown(format!("{sentence}, so it does not tell when the machine was handed over"));
        }
    }
    for (user, password) in usable {
        weigh(&mut judgement, user, password, handover.as_ref(), facts.taken_at.day());
    }
    Ok(judgement)
}

/// Judges one account. shadow(5) counts days, so a change on the day of delivery itself decides nothing.
fn weigh(
    judgement: &mut Judgement,
    user: &User,
    password: &Password,
    handover: Option<&Handover>,
    today: Day,
) {
    let name = &user.name;
    let place = Evidence::at(&password.source, password.line);
    let Some(changed) = password.changed else {
        return judgement.unknown(format!(
            "{}:{} keeps no day on which the password of {name} was changed",
            password.source, password.line
        ));
    };
    // `chage -d 0` marks a password that somebody handed out. Nobody has replaced it yet, whoever it was.
    if changed == Day(0) {
        let message = "still has the password that it was given: a change is forced at the next login";
        return judgement.fail(Finding::new(name, message, place.says("last change: day 0")));
    }
    let place = place.says(format!("last change: {changed}"));
    if changed > today {
        return judgement.unknown(format!("the password of {name} was changed in the future, on {changed}"));
    }
    let Some(handover) = handover else {
        return judgement.unknown(format!(
            "nothing on the host says when it was handed over, so the change of {name} on {changed} decides \
             nothing; `delivered_at` in the configuration would"
        ));
    };
    let by = &handover.by;
    if changed < handover.from {
        let message = format!("has a password of {changed}, older than the delivery ({by})");
        let finding = Finding::new(name, message, place);
        judgement.fail(handover.evidence.iter().cloned().fold(finding, Finding::and));
    } else if handover.to.is_some_and(|to| changed > to) {
        let evidence = std::iter::once(place).chain(handover.evidence.iter().cloned());
        judgement.observe(
            format!("{name} has a password of {changed}, younger than the delivery ({by})"),
            evidence,
        );
    } else if handover.to == Some(handover.from) {
        judgement.unknown(format!(
            "{name} has a password of {changed}, the day of delivery ({by}): it may be the provider's own"
        ));
    } else {
        judgement.unknown(format!(
            "{name} has a password of {changed}, and it is not clear from {by} whether the machine was handed over \
             before that; `delivered_at` in the configuration would say it"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::Accounts;
    use crate::facts::delivery::{Delivery, Trace, TraceKind};
    use crate::gap::Reading;

    fn user(state: PasswordState, changed: Option<&str>) -> User {
        let changed = changed.map(|day| day.parse().unwrap());
        let password =
            Password { state, changed, source: "/etc/shadow".into(), line: 1, ..Password::default() };
        User { name: "root".into(), password: Reading::Known(password), ..User::default() }
    }

    fn verdict(user: User, traces: &[(TraceKind, &str)], declared: Option<&str>) -> Verdict {
        let trace = |(kind, day): &(TraceKind, &str)| Trace {
            kind: *kind,
            at: day.parse().unwrap(),
            path: "/x".into(),
        };
        let facts = Facts {
            taken_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            accounts: Reading::Known(Accounts { users: vec![user], ..Accounts::default() }),
            delivery: Reading::Known(Delivery {
                traces: traces.iter().map(trace).collect(),
                ignored: Vec::new(),
            }),
            ..Facts::default()
        };
        let policy = Policy { delivered_at: declared.map(|day| day.parse().unwrap()), ..Policy::default() };
        judge(&facts, &policy).unwrap().verdict()
    }

    #[test]
    fn only_a_change_after_the_day_of_delivery_is_the_customers() {
        use PasswordState::Usable;
        let cloud = [(TraceKind::CloudInit, "2026-03-02T23:59:59Z")];
        for (changed, expected) in [
            (Some("2026-03-03"), Verdict::Pass),
            (Some("2026-03-02"), Verdict::Unknown),
            (Some("2026-03-01"), Verdict::Fail),
            (Some("1970-01-01"), Verdict::Fail),
            (Some("2026-11-22"), Verdict::Pass),
            (Some("2026-11-23"), Verdict::Unknown),
            (None, Verdict::Unknown),
        ] {
            assert_eq!(verdict(user(Usable, changed), &cloud, None), expected, "{changed:?}");
        }
        assert_eq!(verdict(user(Usable, Some("2026-03-03")), &cloud, Some("2026-06-01")), Verdict::Fail);
        assert_eq!(verdict(user(Usable, Some("2026-03-03")), &[], None), Verdict::Unknown);
        assert_eq!(verdict(user(Usable, Some("2026-03-03")), &[], Some("2026-03-01")), Verdict::Pass);
    }

    #[test]
    fn the_birth_of_the_disk_proves_only_that_a_password_came_with_it() {
        let birth = [(TraceKind::Birth, "2025-01-10")];
        assert_eq!(verdict(user(PasswordState::Usable, Some("2025-01-09")), &birth, None), Verdict::Fail);
        assert_eq!(verdict(user(PasswordState::Usable, Some("2026-01-09")), &birth, None), Verdict::Unknown);
    }

    #[test]
    fn without_a_password_there_is_nothing_to_change() {
        for state in [PasswordState::Locked, PasswordState::None, PasswordState::Empty] {
            assert_eq!(verdict(user(state, Some("2020-01-01")), &[], None), Verdict::NotApplicable);
        }
        let denied =
            User { password: Reading::Gap(Gap::denied("/etc/shadow")), ..user(PasswordState::None, None) };
        assert_eq!(verdict(denied, &[], None), Verdict::Unknown);
    }
}
