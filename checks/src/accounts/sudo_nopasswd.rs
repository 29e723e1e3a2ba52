//! Whoever takes over a session of an administrator does not have root at once.

use std::collections::{HashMap, HashSet};

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{Accounts, Group, PasswordState, User};
use crate::facts::sudoers::{By, Grant};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "accounts-sudo-nopasswd",
    title: "No rule of sudo or doas lets anybody run commands as root without typing a password",
    severity: Severity::Medium,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "Where sudo asks nothing, a stolen SSH key, a hijacked session or a hole in a program of that account \
                is root. Cloud images set their first user up like this, because it has no password that it could \
                type; that is the image's choice and not the contract's, so it stays a finding until somebody gives \
                the account a password or accepts the risk by name.",
    remedy: "passwd <account>\n\
             Then check in a second session, with the first left open, that `sudo -k; sudo true` takes the password.\n\
             Only then take NOPASSWD out with `visudo -f <file>`.\n\
             For cloud-init's user also set `sudo: ALL=(ALL) ALL` in a file below /etc/cloud/cloud.cfg.d.\n\
             Accept what a machine account needs with a waiver that names it.",
    references: &["sudoers(5)", "doas.conf(5)", "CIS Debian 12 5.2.4"],
    examples: Examples {
        kept: r#"
[sudoers.known]
files = ["/etc/sudoers"]
grants = []
"#,
        broken: r#"
[sudoers.known]
files = ["/etc/sudoers", "/etc/sudoers.d/90-cloud-init-users"]
[[sudoers.known.grants]]
who = ["debian"]
all_commands = true
as_root = true
path = "/etc/sudoers.d/90-cloud-init-users"
line = 4
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let sudoers = facts.sudoers.known()?;
    let mut judgement = Judgement::new();
    for gap in &sudoers.gaps {
        judgement.unknown(gap.to_string());
    }
    for source in &sudoers.other_sources {
        judgement.unknown(format!("sudo also takes rules from {source}, which hostduty does not ask"));
    }
    let known = facts.accounts.value().map(Known::new);
    for grant in &sudoers.grants {
        for who in &grant.who {
            weigh(&mut judgement, known.as_ref(), grant, who);
        }
    }
    match sudoers.files.first() {
        Some(first) if judgement.findings.is_empty() => {
            let message = match sudoers.files.len() {
                1 => format!("no rule in {first} gives root without a password"),
                several => format!("no rule in {several} files gives root without a password"),
            };
            judgement.observe(message, [Evidence::of(first)]);
        }
        None if judgement.unknowns.is_empty() => {
            judgement.not_applicable = Some("neither sudo nor doas is configured".to_owned());
        }
        _ => {}
    }
    Ok(judgement)
}

fn weigh(judgement: &mut Judgement, known: Option<&Known<'_>>, grant: &Grant, who: &str) {
    let place = Evidence::at(&grant.path, grant.line).says(grant.by.name());
    if !grant.as_root {
        let message =
            format!("{who} needs no password to act as {}, which is not root", grant.as_users.join(", "));
        return judgement.observe(message, [place]);
    }
    if grant.overridden.iter().any(|name| name == who) {
        return judgement.observe(format!("a later rule asks {who} for the password after all"), [place]);
    }
    if let Some(reason) = known.and_then(|known| known.nobody(who)) {
        return judgement.observe(format!("the rule for {who} helps nobody: {reason}"), [place]);
    }
    let what = match grant.commands.as_slice() {
        _ if grant.all_commands => "may run any command".to_owned(),
        [] => "may run nothing".to_owned(),
        [only] => format!("may run {only}"),
        [first, rest @ ..] => format!("may run {first} and {} more commands", rest.len()),
    };
    let whom = match grant.by {
        By::NotAuthenticate | By::ExemptGroup => ", as far as any rule lets them,",
        By::Nopasswd | By::Nopass => "",
    };
    let without = known.and_then(|known| known.users.get(who)).is_some_and(|user| has_no_password(user));
    let image = if without && grant.all_commands {
        "; it has no password to type, as images of clouds set up their first user"
    } else {
        ""
    };
    let message = format!("{what}{whom} as root without a password{image}");
    judgement.fail(Finding::new(who, message, place));
}

/// The accounts by name, so that many rules over many accounts are looked up and not searched.
struct Known<'a> {
    users: HashMap<&'a str, &'a User>,
    /// Groups that somebody is in.
    inhabited: HashSet<&'a str>,
    /// Whether the files are all there is and were wholly read: only then is a name that they lack nobody's.
    complete: bool,
}

impl<'a> Known<'a> {
    fn new(accounts: &'a Accounts) -> Self {
        let primary: HashSet<u32> = accounts.users.iter().map(|user| user.gid).collect();
        let inhabited = |group: &&Group| !group.members.is_empty() || primary.contains(&group.gid);
        Self {
            users: accounts.users.iter().rev().map(|user| (user.name.as_str(), user)).collect(),
            inhabited: accounts.groups.iter().filter(inhabited).map(|group| group.name.as_str()).collect(),
            complete: accounts.other_sources.is_empty() && accounts.malformed.is_empty(),
        }
    }

    /// Why a rule for somebody is without effect.
    fn nobody(&self, who: &str) -> Option<&'static str> {
        if self.users.get(who).is_some_and(|user| user.uid == 0) {
            return Some("it is root already");
        }
        let by_number = who.starts_with(['#', '+']) || who.starts_with("%:") || who.starts_with("%#");
        if !self.complete || who == "ALL" || by_number {
            return None;
        }
        match who.strip_prefix('%') {
            Some(group) => (!self.inhabited.contains(group)).then_some("the group has no members"),
            None => (!self.users.contains_key(who)).then_some("there is no such account"),
        }
    }
}

fn has_no_password(user: &User) -> bool {
    user.password
        .value()
        .is_some_and(|password| matches!(password.state, PasswordState::None | PasswordState::Locked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::Password;
    use crate::facts::sudoers::Sudoers;
    use crate::gap::Reading;

    fn facts(grant: Grant) -> Facts {
        let user = |name: &str, uid| User {
            name: name.into(),
            uid,
            gid: uid,
            password: Reading::Known(Password::default()),
            ..User::default()
        };
        let accounts = Accounts {
            users: vec![user("root", 0), user("debian", 1000)],
            groups: vec![Group { name: "sudo".into(), gid: 27, members: vec!["debian".into()] }],
            ..Accounts::default()
        };
        let sudoers =
            Sudoers { files: vec!["/etc/sudoers".into()], grants: vec![grant], ..Sudoers::default() };
        Facts { accounts: Reading::Known(accounts), sudoers: Reading::Known(sudoers), ..Facts::default() }
    }

    fn grant(who: &str) -> Grant {
        Grant { who: vec![who.into()], all_commands: true, as_root: true, ..Grant::default() }
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn only_a_rule_that_makes_somebody_root_is_a_finding() {
        for (who, expected) in [
            ("debian", Verdict::Fail),
            ("%sudo", Verdict::Fail),
            ("ALL", Verdict::Fail),
            ("#1000", Verdict::Fail),
            ("%admin", Verdict::Pass),
            ("root", Verdict::Pass),
            ("gone", Verdict::Pass),
        ] {
            assert_eq!(verdict(&facts(grant(who))), expected, "{who}");
        }
        assert_eq!(
            verdict(&facts(Grant { overridden: vec!["debian".into()], ..grant("debian") })),
            Verdict::Pass
        );
        let other = Grant { as_root: false, as_users: vec!["www".into()], ..grant("debian") };
        assert_eq!(verdict(&facts(other)), Verdict::Pass);
    }

    #[test]
    fn what_is_not_known_is_not_called_harmless() {
        let without = Facts { accounts: Reading::default(), ..facts(grant("gone")) };
        assert_eq!(verdict(&without), Verdict::Fail);
        let none = Facts { sudoers: Reading::Known(Sudoers::default()), ..Facts::default() };
        assert_eq!(verdict(&none), Verdict::NotApplicable);
        let sssd = Sudoers { other_sources: vec!["sss".into()], ..Sudoers::default() };
        assert_eq!(verdict(&Facts { sudoers: Reading::Known(sssd), ..Facts::default() }), Verdict::Unknown);
    }

    #[test]
    fn the_first_user_of_a_cloud_image_is_explained() {
        let judgement = judge(&facts(grant("debian")), &Policy::default()).unwrap();
        assert!(judgement.findings[0].message.contains("images of clouds"), "{judgement:?}");
    }
}
