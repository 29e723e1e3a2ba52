//! No account that somebody can log in to has been left unused for long.

use std::collections::BTreeSet;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::accounts::{PasswordState, User};
use crate::facts::logins::{Login, Logins};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "accounts-unused",
    title: "No account that somebody can log in to has been left unused for long",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "Nobody misses an account of somebody who left, nor notices when somebody else logs in with it. Its password \
and its keys are as old as its last use, and may lie in an old backup. What sshd and login note down alone would \
call every account unused that scp, rsync and Ansible log in with; so the account's own journal is asked too.",
    remedy: "usermod --expiredate 1 <account>   # nobody gets in, by password or by key; the files stay
userdel <account>   # once nobody has asked for it
`account_max_unused_days` in the configuration sets the bound.",
    references: &["lastlog(8)", "usermod(8)", "pam_systemd(8)", "PCI DSS 4.0 8.2.6"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T12:00:00Z"
[[accounts.known.users]]
name = "ann"
uid = 1000
home = "/home/ann"
line = 1
password.known = { state = "usable", scheme = "yescrypt", source = "/etc/shadow", line = 1 }
[ssh_keys.known]
[logins.known]
accounts.ann = { terminal = "2026-11-20T08:00:00Z" }
"#,
        broken: r#"
taken_at = "2026-11-22T12:00:00Z"
[[accounts.known.users]]
name = "ann"
uid = 1000
home = "/home/ann"
line = 1
password.known = { state = "usable", scheme = "yescrypt", source = "/etc/shadow", line = 1 }
[ssh_keys.known]
[logins.known]
accounts.ann = { terminal = "2026-03-20T08:00:00Z" }
journal.known = { from = "2026-06-01T00:00:00Z", sessions = true }
"#,
    },
    judge,
};

/// The user ids of people, of whose sessions journald keeps a journal each: above SYSTEM_UID_MAX, below the ids that
/// systemd hands out for a while. See "Users, Groups, UIDs and GIDs on systemd Systems".
const PEOPLE: std::ops::Range<u32> = 1000..61_184;

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let logins = facts.logins.known()?;
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    for source in &accounts.other_sources {
        judgement.unknown(format!("accounts also come from {source}, which hostduty does not ask"));
    }
    if let Some(gap) = facts.ssh_keys.gap() {
        judgement.unknown(format!("which accounts a key opens is not known: {gap}"));
    }
    let mut use_of = Use { facts, logins, most: i64::from(policy.thresholds.account_max_unused_days) };
    let (mut seen, mut used) = (BTreeSet::new(), 0_usize);
    for user in &accounts.users {
        // Root is for the day on which nothing else works.
        if !seen.insert(user.name.as_str()) || user.uid == 0 || !opens(facts, user) {
            continue;
        }
        match use_of.judge(user) {
            Found::Used => used = used.saturating_add(1),
            Found::Unused(finding) => judgement.fail(finding),
            Found::Unknown(why) => judgement.unknown(format!("{}: {why}", user.name)),
        }
    }
    if used > 0 {
        let most = use_of.most;
        let message = match used {
            1 => format!("one account can be logged in to, and was used or made within {most} days"),
            _ => format!("{used} accounts can be logged in to, and each was used or made within {most} days"),
        };
        judgement.observe(message, [Evidence::of("/etc/passwd")]);
    } else if judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        judgement.not_applicable = Some("nobody but root can log in".to_owned());
    }
    Ok(judgement)
}

/// Whether a password or a key opens an account.
fn opens(facts: &Facts, user: &User) -> bool {
    let password = user.password.value();
    if !user.logs_in()
        || password.is_some_and(|one| one.expires.is_some_and(|day| day <= facts.taken_at.day()))
    {
        return false;
    }
    let key = |keys: &crate::facts::ssh_keys::SshKeys| {
        keys.files.iter().any(|file| file.account == user.name && !file.keys.is_empty())
    };
    password.is_some_and(|one| matches!(one.state, PasswordState::Usable | PasswordState::Empty))
        || facts.ssh_keys.value().is_some_and(key)
}

enum Found {
    Used,
    Unused(Finding),
    Unknown(String),
}

struct Use<'a> {
    facts: &'a Facts,
    logins: &'a Logins,
    most: i64,
}

impl Use<'_> {
    fn judge(&mut self, user: &User) -> Found {
        let now = self.facts.taken_at;
        let Some(login) = self.logins.accounts.get(&user.name) else {
            return Found::Unknown("its logins were not looked for".to_owned());
        };
        let running = |processes: &crate::facts::processes::Processes| {
            processes.list.iter().any(|process| process.uid == user.uid && !process.contained)
        };
        if self.facts.processes.value().is_some_and(running) {
            return Found::Used;
        }
        let (last, since) = match login.last() {
            Some(last) if last > now => {
                return Found::Unknown(format!("it was used in the future, on {}", last.day()));
            }
            Some(last) => (last, format!("its last use on record was on {}", last.day())),
            None => match existed(user, login) {
                Some(from) => {
                    (from, format!("no use of it is on record, and it exists since {}", from.day()))
                }
                None => {
                    return Found::Unknown(
                        "no use of it is on record, and not since when it exists".to_owned(),
                    );
                }
            },
        };
        let days = now.days_since(last);
        if days <= self.most {
            return Found::Used;
        }
        if let Err(why) = self.would_be_seen(user) {
            return Found::Unknown(format!("{since}; {why}"));
        }
        let place = Evidence::at("/etc/passwd", user.line);
        let message = format!("can be logged in to: {since}, {days} days ago");
        let finding = Finding::new(&user.name, message, place);
        Found::Unused(self.evidence(login).into_iter().fold(finding, Finding::and))
    }

    /// Whether the use of an account within the bound would have left a trace, else why not.
    fn would_be_seen(&self, user: &User) -> Result<(), String> {
        if !PEOPLE.contains(&user.uid) {
            return Err(
                "logins without a terminal under a system's user id are kept nowhere of its own".to_owned()
            );
        }
        let journal = match self.logins.journal.known() {
            Ok(journal) => journal,
            Err(gap) if gap.is_absent() => {
                return Err(
                    "no journal on the disk tells of logins without a terminal, as of scp or Ansible"
                        .to_owned(),
                );
            }
            Err(gap) => return Err(format!("its journal was not read: {gap}")),
        };
        let reach = self.facts.taken_at.days_since(journal.from);
        if !journal.sessions {
            Err("the journal has no session of anybody, so that one of this account may not be in it either"
                .to_owned())
        } else if reach < self.most {
            Err(format!("the journal reaches back {reach} days only"))
        } else {
            Ok(())
        }
    }

    fn evidence(&self, login: &Login) -> Vec<Evidence> {
        let mut places = Vec::new();
        if self.logins.lastlog.value().is_some() {
            let says = match login.terminal {
                Some(at) => format!("last login at a terminal: {}", at.day()),
                None => "no login at a terminal".to_owned(),
            };
            places.push(Evidence::of("/var/log/lastlog").says(says));
        }
        if let Some(journal) = self.logins.journal.value() {
            let says = match login.session {
                Some(at) => format!("last session: {}", at.day()),
                None => format!("no session since {}", journal.from.day()),
            };
            places.push(Evidence::of("/var/log/journal").says(says));
        }
        places
    }
}

/// Since when an account exists at the latest: its password was set, or its home folder made.
fn existed(user: &User, login: &Login) -> Option<Timestamp> {
    let changed = user.password.value().and_then(|password| password.changed).filter(|day| day.0 > 0);
    [changed.map(|day| day.start()), login.home_made].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::{Accounts, Password};
    use crate::facts::logins::Journal;
    use crate::facts::processes::{Process, Processes};
    use crate::facts::ssh_keys::SshKeys;
    use crate::gap::Reading;

    fn at(day: &str) -> Timestamp {
        day.parse().unwrap()
    }

    /// Ann, who last logged in at a terminal on a day, with the journal back to another.
    fn facts(terminal: Option<&str>, from: Option<&str>) -> Facts {
        let password = Password {
            state: PasswordState::Usable,
            changed: Some("2025-01-01".parse().unwrap()),
            ..Password::default()
        };
        let ann =
            User { name: "ann".into(), uid: 1000, password: Reading::Known(password), ..User::default() };
        let login = Login { terminal: terminal.map(at), ..Login::default() };
        let journal = from.map(|from| Journal { from: at(from), sessions: true });
        let logins = Logins {
            accounts: [("ann".to_owned(), login)].into(),
            journal: journal.ok_or_else(|| Gap::absent("/var/log/journal")).into(),
            ..Logins::default()
        };
        Facts {
            taken_at: at("2026-11-22"),
            accounts: Reading::Known(Accounts { users: vec![ann], ..Accounts::default() }),
            logins: Reading::Known(logins),
            ssh_keys: Reading::Known(SshKeys::default()),
            ..Facts::default()
        }
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    fn change(mut facts: Facts, change: impl FnOnce(&mut Accounts, &mut Logins)) -> Facts {
        let (Reading::Known(accounts), Reading::Known(logins)) = (&mut facts.accounts, &mut facts.logins)
        else {
            unreachable!()
        };
        change(accounts, logins);
        facts
    }

    #[test]
    fn long_unused_is_a_finding_only_where_use_would_be_seen() {
        for (terminal, journal, expected) in [
            (Some("2026-11-01"), None, Verdict::Pass),
            (Some("2026-01-01"), Some("2026-01-01"), Verdict::Fail),
            (None, Some("2026-01-01"), Verdict::Fail),
            (Some("2026-01-01"), None, Verdict::Unknown),
            (Some("2026-01-01"), Some("2026-10-01"), Verdict::Unknown),
            (Some("2027-01-01"), Some("2026-01-01"), Verdict::Unknown),
        ] {
            assert_eq!(verdict(&facts(terminal, journal)), expected, "{terminal:?} {journal:?}");
        }
        let silent = change(facts(None, Some("2026-01-01")), |_, logins| {
            logins.journal = Reading::Known(Journal { from: at("2026-01-01"), sessions: false });
        });
        assert_eq!(verdict(&silent), Verdict::Unknown);
        let system = change(facts(None, Some("2026-01-01")), |accounts, _| accounts.users[0].uid = 999);
        assert_eq!(verdict(&system), Verdict::Unknown);
    }

    #[test]
    fn any_trace_of_use_counts() {
        let old = || facts(Some("2026-01-01"), Some("2026-01-01"));
        let session = |_: &mut Accounts, logins: &mut Logins| {
            logins.accounts.get_mut("ann").unwrap().session = Some(at("2026-11-11"))
        };
        assert_eq!(verdict(&change(old(), session)), Verdict::Pass);
        let typed = |_: &mut Accounts, logins: &mut Logins| {
            logins.accounts.get_mut("ann").unwrap().typed = Some(at("2026-11-11"))
        };
        assert_eq!(verdict(&change(old(), typed)), Verdict::Pass);
        let process = Process { uid: 1000, ..Process::default() };
        let running =
            Facts { processes: Reading::Known(Processes { list: vec![process], gaps: Vec::new() }), ..old() };
        assert_eq!(verdict(&running), Verdict::Pass);
        let young = change(facts(None, Some("2026-01-01")), |accounts, _| {
            let Reading::Known(password) = &mut accounts.users[0].password else { unreachable!() };
            password.changed = Some("2026-11-01".parse().unwrap());
        });
        assert_eq!(verdict(&young), Verdict::Pass);
    }

    #[test]
    fn an_account_that_nothing_opens_is_not_judged() {
        for hide in [
            |user: &mut User| user.shell = "/usr/sbin/nologin".into(),
            |user: &mut User| user.uid = 0,
            |user: &mut User| user.password = Reading::Known(Password::default()),
            |user: &mut User| {
                let Reading::Known(password) = &mut user.password else { unreachable!() };
                password.expires = Some("1970-01-02".parse().unwrap());
            },
        ] {
            let facts = change(facts(None, None), |accounts, _| hide(&mut accounts.users[0]));
            assert_eq!(verdict(&facts), Verdict::NotApplicable);
        }
        let denied = change(facts(None, None), |accounts, _| {
            accounts.users[0].password = Reading::Gap(Gap::denied("/etc/shadow"))
        });
        assert_eq!(verdict(&denied), Verdict::Unknown);
        let keys = Facts { ssh_keys: Reading::default(), ..facts(Some("2026-11-11"), None) };
        assert_eq!(verdict(&keys), Verdict::Unknown);
    }
}
