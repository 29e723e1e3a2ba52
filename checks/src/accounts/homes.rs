//! Nobody else can write the home folder or the shell of an account that logs in.

use std::collections::BTreeSet;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, Owner, User, parts};
use crate::gap::{Gap, Reading};
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "accounts-homes",
    title: "Nobody else can write the home folder or the shell of an account that logs in",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "Who can write a home folder can put a command into its .profile, or a key into its .ssh, and is that account at \
its next login. The same goes for the shell, for every folder above both, and for a home folder that is missing below a folder \
in which anybody may make one.",
    remedy: "ls -ld <path>   # owner, group, who may write
chown <account>: <home> && chmod go-w <home>
chown root:root <folder> && chmod go-w <folder>   # a folder above, a shell
usermod -s /usr/sbin/nologin <account>   # an account that need not log in",
    references: &["passwd(5)", "inode(7)", "CIS Debian Linux Benchmark, local user and group settings"],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
gid = 1000
home = "/home/ann"
shell = "/bin/sh"
line = 1
[accounts.known.owners]
"/" = { known = { mode = 493, folder = true } }
"/home" = { known = { mode = 493, folder = true } }
"/home/ann" = { known = { uid = 1000, gid = 1000, mode = 448, folder = true } }
"/bin" = { known = { mode = 493, folder = true } }
"/bin/sh" = { known = { mode = 493 } }
"#,
        broken: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
gid = 1000
home = "/home/ann"
shell = "/bin/sh"
line = 1
[accounts.known.owners]
"/" = { known = { mode = 493, folder = true } }
"/home" = { known = { mode = 493, folder = true } }
"/home/ann" = { known = { uid = 1000, gid = 1000, mode = 511, folder = true } }
"/bin" = { known = { mode = 493, folder = true } }
"/bin/sh" = { known = { mode = 493 } }
"#,
    },
    judge,
};

/// The sticky bit: only the owner of an entry, or of the folder, may rename or remove it.
const STICKY: u32 = 0o1000;

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    for line in accounts.malformed.iter().filter(|line| line.starts_with("/etc/passwd")) {
        judgement.unknown(line);
    }
    for source in &accounts.other_sources {
        judgement.unknown(format!("accounts also come from {source}, which hostduty does not ask"));
    }
    let mut seen = BTreeSet::new();
    let mut kept = 0_usize;
    for user in accounts.users.iter().filter(|user| seen.insert(user.name.as_str()) && user.logs_in()) {
        let mut sound = true;
        for (path, what) in [(user.home.as_str(), "home folder"), (user.shell_path(), "shell")] {
            match writable(accounts, user, path) {
                Held::Alone => {}
                Held::Open(part, why) => {
                    sound = false;
                    let passwd =
                        Evidence::at("/etc/passwd", user.line).says(format!("{}: {path}", user.name));
                    let message = format!("can be taken over through its {what}: {why}");
                    judgement.fail(Finding::new(&user.name, message, Evidence::of(part)).and(passwd));
                }
                Held::Unknown(why) => {
                    sound = false;
                    judgement
                        .unknown(format!("who may write the {what} of {} is not known: {why}", user.name));
                }
            }
        }
        kept = kept.saturating_add(usize::from(sound));
    }
    if kept > 0 {
        let plural = if kept == 1 {
            "account logs in, and its home folder and shell are its own or root's".to_owned()
        } else {
            "accounts log in, and their home folders and shells are their own or root's".to_owned()
        };
        judgement.observe(format!("{kept} {plural}"), [Evidence::of("/etc/passwd")]);
    }
    Ok(judgement)
}

/// Who can write a path.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    /// The account itself and root.
    Alone,
    /// Somebody else: where, and who.
    Open(String, String),
    /// It could not be found out.
    Unknown(String),
}

fn writable(accounts: &Accounts, user: &User, path: &str) -> Held {
    let parts = parts(path);
    let Some((last, _)) = parts.split_last() else {
        return Held::Unknown(format!("`{path}` is no absolute path"));
    };
    for part in &parts {
        match accounts.owners.get(*part) {
            None => return Held::Unknown(format!("{part} was not looked at")),
            Some(Reading::Known(owner)) => {
                let above = part != last;
                // In a folder like /tmp an entry stays whose it is.
                let is_shared = above && owner.folder && owner.mode & STICKY != 0;
                match others(accounts, user, owner) {
                    None => {}
                    Some(Ok(who)) if is_shared => {
                        // Unless the entry is missing, and anybody may make it.
                        let next = parts.iter().skip_while(|other| *other != part).nth(1);
                        let missing = next
                            .and_then(|next| accounts.owners.get(*next))
                            .is_some_and(|next| matches!(next, Reading::Gap(gap) if gap.is_absent()));
                        if missing {
                            return Held::Open(
                                (*part).to_owned(),
                                format!("it is missing, and {who} may make it in {part}"),
                            );
                        }
                    }
                    Some(Ok(who)) => {
                        return Held::Open((*part).to_owned(), format!("{who} may write {part}"));
                    }
                    Some(Err(why)) => return Held::Unknown(why),
                }
            }
            // Below a folder of its own or of root nobody else can make what is missing.
            Some(Reading::Gap(gap)) if gap.is_absent() => return Held::Alone,
            Some(Reading::Gap(gap)) => return Held::Unknown(gap.to_string()),
        }
    }
    Held::Alone
}

/// Who else than the account and root may write, if anybody: in words, or why that is not known.
fn others(accounts: &Accounts, user: &User, owner: &Owner) -> Option<Result<String, String>> {
    if owner.uid != 0 && owner.uid != user.uid {
        // The owner can give itself the right to write.
        let name = accounts.users.iter().find(|other| other.uid == owner.uid).map(|other| other.name.clone());
        return Some(Ok(name.unwrap_or_else(|| format!("the user id {}", owner.uid))));
    }
    if owner.mode & 0o002 != 0 {
        return Some(Ok("everybody".to_owned()));
    }
    if owner.mode & 0o020 == 0 || owner.gid == 0 {
        return None;
    }
    if !accounts.group_sources.is_empty() {
        let sources = accounts.group_sources.join(", ");
        return Some(Err(format!("members of groups also come from {sources}, which hostduty does not ask")));
    }
    let members = accounts.members(owner.gid).unwrap_or_else(|| {
        accounts
            .users
            .iter()
            .filter(|other| other.gid == owner.gid)
            .map(|other| other.name.as_str())
            .collect()
    });
    let is_other =
        |name: &&str| accounts.find(name).is_none_or(|other| other.uid != 0 && other.uid != user.uid);
    members.into_iter().find(is_other).map(|name| Ok(format!("{name}, by its group,")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: u32, gid: u32, mode: u32) -> Reading<Owner> {
        Reading::Known(Owner { uid, gid, mode, folder: true })
    }

    fn held(change: impl FnOnce(&mut Accounts)) -> Held {
        let user = |name: &str, uid: u32, gid: u32| User {
            name: name.to_owned(),
            uid,
            gid,
            home: format!("/home/{name}"),
            shell: "/bin/sh".to_owned(),
            ..User::default()
        };
        let group = |name: &str, gid: u32, members: &[&str]| crate::facts::accounts::Group {
            name: name.to_owned(),
            gid,
            members: members.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut accounts = Accounts {
            users: vec![user("ann", 1000, 1000), user("bob", 1001, 1001)],
            groups: vec![group("ann", 1000, &[]), group("staff", 50, &["bob"])],
            ..Accounts::default()
        };
        accounts.owners = [
            ("/".to_owned(), owner(0, 0, 0o755)),
            ("/home".to_owned(), owner(0, 0, 0o755)),
            ("/home/ann".to_owned(), owner(1000, 1000, 0o755)),
        ]
        .into();
        change(&mut accounts);
        let ann = accounts.users[0].clone();
        writable(&accounts, &ann, &ann.home)
    }

    fn at(path: &str, now: Reading<Owner>) -> impl FnOnce(&mut Accounts) {
        let path = path.to_owned();
        move |accounts| {
            accounts.owners.insert(path, now);
        }
    }

    fn is_open(held: &Held, word: &str) -> bool {
        matches!(held, Held::Open(_, why) if why.contains(word))
    }

    #[test]
    fn who_can_write_a_home() {
        assert_eq!(held(|_| {}), Held::Alone);
        assert_eq!(held(at("/home/ann", owner(0, 0, 0o755))), Held::Alone);
        // Its own group has no other member.
        assert_eq!(held(at("/home/ann", owner(1000, 1000, 0o775))), Held::Alone);
        assert!(is_open(&held(at("/home/ann", owner(1000, 50, 0o775))), "bob, by its group,"));
        assert_eq!(held(at("/home/ann", owner(1000, 50, 0o755))), Held::Alone);
        assert!(is_open(&held(at("/home/ann", owner(1001, 1001, 0o700))), "bob may write"));
        assert!(is_open(&held(at("/home/ann", owner(1005, 1005, 0o700))), "the user id 1005"));
        assert!(is_open(&held(at("/home/ann", owner(1000, 1000, 0o777))), "everybody may write /home/ann"));
        // The sticky bit of a home keeps nobody from adding to it.
        assert!(is_open(&held(at("/home/ann", owner(1000, 1000, 0o1777))), "everybody"));
        assert!(is_open(&held(at("/home", owner(0, 0, 0o777))), "everybody may write /home"));
        assert_eq!(held(at("/home", owner(0, 0, 0o1777))), Held::Alone);
    }

    #[test]
    fn a_home_that_is_missing_can_be_made_by_who_may() {
        let missing = || Reading::Gap(Gap::absent("/home/ann"));
        assert_eq!(held(at("/home/ann", missing())), Held::Alone);
        let both = |accounts: &mut Accounts| {
            accounts.owners.insert("/home/ann".to_owned(), missing());
            accounts.owners.insert("/home".to_owned(), owner(0, 0, 0o1777));
        };
        assert!(is_open(&held(both), "everybody may make it in /home"));
    }

    #[test]
    fn what_was_not_seen_is_not_known() {
        assert!(matches!(held(at("/home/ann", Reading::Gap(Gap::denied("/home/ann")))), Held::Unknown(_)));
        assert!(matches!(held(|accounts| accounts.owners.clear()), Held::Unknown(_)));
        assert!(matches!(held(|accounts| accounts.users[0].home = "home".to_owned()), Held::Unknown(_)));
        let sourced = |accounts: &mut Accounts| {
            accounts.group_sources = vec!["ldap".to_owned()];
            accounts.owners.insert("/home/ann".to_owned(), owner(1000, 50, 0o775));
        };
        assert!(matches!(held(sourced), Held::Unknown(_)));
    }
}
