//! No account lets somebody in without any password.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::PasswordState;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "passwords-empty",
    title: "No local account has an empty password",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "An empty password field lets whoever knows the name in at the console, and through `su` from any \
                other account, wherever the PAM stack says nullok, as it does on most distributions. Over SSH it \
                takes one more careless line. Nobody needs an empty field: a lock keeps keys working.",
    remedy: "passwd -l <account>\n\
             Keys, sudo and cron keep working behind the lock. Set a password with `passwd <account>` where one is \
             needed at the console.",
    references: &["shadow(5)", "pam_unix(8)", "CIS Debian 12 7.2.2"],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
password.known = { state = "none", source = "/etc/shadow", line = 1 }
"#,
        broken: r#"
[[accounts.known.users]]
name = "deploy"
uid = 1000
home = "/home/deploy"
line = 31
password.known = { state = "empty", source = "/etc/shadow", line = 31 }
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    let (mut read, mut first) = (0_usize, None);
    for (user, password) in accounts.passwords() {
        let place = Evidence::at(&password.source, password.line);
        if password.state == PasswordState::Empty {
            let shell = if user.has_login_shell() { "" } else { " behind a shell that lets nobody work" };
            let message = format!(
                "has an empty password{shell}; hostduty does not read whether PAM lets that in (nullok)"
            );
            judgement.fail(Finding::new(&user.name, message, place));
        } else {
            read = read.saturating_add(1);
            first = first.or(Some(place));
        }
    }
    if let Some(first) = first {
        judgement.observe(format!("{read} accounts have a password or a lock"), [first]);
    }
    if judgement.verdict() == crate::check::Verdict::Unknown && judgement.unknowns.is_empty() {
        judgement.unknown("no account was found");
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::{Accounts, Password, User};
    use crate::gap::Reading;

    #[test]
    fn an_unread_shadow_or_a_crooked_line_is_never_a_pass() {
        let known = Reading::Known(Password::default());
        let judge = |password, malformed: &[&str]| {
            let user = User { name: "root".into(), password, ..User::default() };
            let malformed = malformed.iter().map(|line| (*line).to_owned()).collect();
            let accounts = Accounts { users: vec![user], malformed, ..Accounts::default() };
            let facts = Facts { accounts: Reading::Known(accounts), ..Facts::default() };
            super::judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(judge(known.clone(), &[]), Verdict::Pass);
        assert_eq!(judge(known, &["/etc/shadow:3: it holds a NUL byte"]), Verdict::Unknown);
        assert_eq!(judge(Reading::Gap(Gap::denied("/etc/shadow")), &[]), Verdict::Unknown);
    }
}
