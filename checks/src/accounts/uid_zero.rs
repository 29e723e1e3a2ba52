//! No account is root under another name.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "accounts-uid-zero",
    title: "Only root has the user id 0",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "The kernel knows numbers and no names: every account with the id 0 is root, with its own password, \
                keys and shell. What locks or watches root passes it by, and the logs call it root. A second one is \
                how an intruder likes to come back.",
    remedy: "passwd -l <account>\n\
             That locks only the password of this name. If somebody works with it, give them an account of their own \
             with sudo, and log in with that once.\n\
             Then delete its line with `vipw` and `vipw -s`. userdel refuses while root has processes, and with \
             --remove it would take the home, which may be root's.",
    references: &["passwd(5)", "CIS Debian 12 5.4.2.1"],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
[[accounts.known.users]]
name = "debian"
uid = 1000
home = "/home/debian"
line = 31
"#,
        broken: r#"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
[[accounts.known.users]]
name = "toor"
home = "/root"
line = 2
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::accounts::uid_zero(facts);
    }
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    let elsewhere = |sentence: &&String| sentence.contains("/etc/shadow") || sentence.contains("/etc/group");
    for sentence in accounts.malformed.iter().filter(|sentence| !elsewhere(sentence)) {
        judgement.unknown(sentence.clone());
    }
    // sssd.conf(5): SSSD never serves the user id 0. What the others serve is not known here.
    for source in accounts.other_sources.iter().filter(|source| *source != "sss") {
        judgement.unknown(format!("accounts also come from {source}, which hostduty does not ask"));
    }
    let mut root = false;
    for user in accounts.users.iter().filter(|user| user.uid == 0) {
        let place = Evidence::at("/etc/passwd", user.line);
        if user.name != "root" {
            judgement.fail(Finding::new(
                &user.name,
                "has the user id 0 and is root under another name",
                place,
            ));
        } else if root {
            judgement.fail(Finding::new("root", "has a second line with the user id 0", place));
        } else {
            root = true;
            judgement.observe("root is the account with the user id 0", [place]);
        }
    }
    if !root && judgement.findings.is_empty() {
        judgement.unknown("/etc/passwd lists no account with the user id 0");
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::{Accounts, User};
    use crate::gap::Reading;

    fn verdict(names: &[&str], malformed: &[&str], sources: &[&str]) -> Verdict {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let users = names.iter().map(|name| User { name: (*name).into(), ..User::default() }).collect();
        let accounts = Accounts {
            users,
            malformed: owned(malformed),
            other_sources: owned(sources),
            ..Accounts::default()
        };
        let facts = Facts { accounts: Reading::Known(accounts), ..Facts::default() };
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn a_line_that_was_not_read_may_be_a_second_root() {
        assert_eq!(verdict(&["root"], &[], &["sss"]), Verdict::Pass);
        assert_eq!(verdict(&["root"], &["/etc/shadow:3: x"], &[]), Verdict::Pass);
        assert_eq!(verdict(&["root"], &["/etc/passwd:3: x"], &[]), Verdict::Unknown);
        assert_eq!(verdict(&["root"], &[], &["ldap"]), Verdict::Unknown);
        assert_eq!(verdict(&["root", "root"], &[], &[]), Verdict::Fail);
        assert_eq!(verdict(&[], &[], &[]), Verdict::Unknown);
    }
}
