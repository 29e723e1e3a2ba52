//! Root gets in over SSH by key only, if at all.

use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{PasswordState, User};
use crate::facts::sshd::{Setting, SettingFrom};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_remedy;
use crate::ssh_server::{self, Asked};

/// What keeps root's password from opening anything, and root's key working.
const ROOT_BY_KEY: &[(&str, &str)] = &[("permitrootlogin", "PermitRootLogin prohibit-password")];

pub(crate) static CHECK: Check = Check {
    id: "ssh-root-login",
    title: "Root's password opens nothing over SSH, whatever methods are on",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "Root is the one account name that every attacker knows, and its password opens everything at once. \
                With PermitRootLogin yes, nothing but the list of methods stands between a guessed password and the whole \
                machine, and a package update or a drop-in can widen that list. The value prohibit-password costs nothing \
                to those who use keys.",
    remedy: "ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no YOU@THIS-HOST sudo -v   # from your own machine: does a key let you in, and can you become root?\n\
             Only if it does: write `PermitRootLogin prohibit-password` (or `no`) to /etc/ssh/sshd_config.d/00-root.conf; the first value wins.\n\
             sshd -t && sshd -T | grep -i '^permitrootlogin'\n\
             systemctl reload ssh   # `sshd` on Red Hat and SUSE",
    references: &["sshd_config(5), PermitRootLogin", "CIS Debian Linux 12 Benchmark, section 5.1"],
    examples: Examples {
        kept: r#"
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
[accounts.known]
groups = []
users = [{ name = "root", uid = 0, gid = 0, home = "/root", shell = "/bin/bash", line = 1, password = { known = { state = "usable", source = "/etc/shadow", line = 1 } } }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
"#,
        broken: r#"
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
[accounts.known]
groups = []
users = [{ name = "root", uid = 0, gid = 0, home = "/root", shell = "/bin/bash", line = 1, password = { known = { state = "usable", source = "/etc/shadow", line = 1 } } }]
[sshd.known.config.known]
build = { version = [9, 2] }
lines = [{ keyword = "permitrootlogin", values = ["yes"], at = { source = "/etc/ssh/sshd_config", line = 33, text = "PermitRootLogin yes" } }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::ssh::root_login(facts);
    }
    let sshd = facts.sshd.known()?;
    let mut judgement = match ssh_server::presence(facts, Asked::Root)? {
        ControlFlow::Break(judgement) => return Ok(judgement),
        ControlFlow::Continue(judgement) => judgement,
    };
    let accounts = facts.accounts.known()?;
    let roots: Vec<&User> = accounts.users.iter().filter(|user| user.uid == 0).collect();
    if roots.is_empty() {
        judgement.unknown("/etc/passwd names no account with uid 0");
    }
    for (config, listening) in ssh_server::decided(facts, &mut judgement)? {
        let opened = config.values_anywhere("permitrootlogin").any(|value| value == "yes");
        if let Some(line) = accounts.malformed.first().filter(|_| opened) {
            judgement
                .unknown(format!("PermitRootLogin is yes somewhere, and an account may have uid 0: {line}"));
        }
        let before = judgement.findings.len();
        let origins = facts.ssh_origins(config, &listening);
        for doubt in &origins.doubts {
            judgement.unknown(doubt.clone());
        }
        let settings =
            facts.settings_by_origin(config, &origins, roots.iter().copied(), "permitrootlogin")?;
        for (user, settings) in settings {
            for SettingFrom { from, setting } in settings {
                match setting {
                    Ok(setting) => from_somewhere(user, &from, &setting, &mut judgement),
                    Err(gap) => judgement.unknown(format!("from {from}: {gap}")),
                }
            }
        }
        if judgement.findings.len() > before && judgement.remedy.is_none() {
            let logins = facts.logins(sshd, config, origins)?;
            judgement.remedy = Some(ssh_remedy::steps(facts, config, &logins, ROOT_BY_KEY));
        }
    }
    if judgement.findings.is_empty() {
        ssh_server::freshness(facts, &mut judgement);
    }
    Ok(judgement)
}

/// PermitRootLogin counts for every account with uid 0.
fn from_somewhere(user: &User, from: &str, setting: &Setting, judgement: &mut Judgement) {
    let (name, shown) = (&user.name, setting.shown("permitrootlogin"));
    match setting.values.first().map(String::as_str) {
        Some("no") => judgement.observe(format!("{name} cannot log in over SSH at all from {from}"), [shown]),
        Some("prohibit-password") => {
            judgement.observe(
                format!("{name} can log in over SSH from {from}, never by typing a password"),
                [shown],
            );
        }
        Some("forced-commands-only") => {
            judgement.observe(
                format!("{name} can run over SSH from {from} what its keys are bound to, and nothing else"),
                [shown],
            );
        }
        Some("yes") => any_method(user, from, shown, judgement),
        _ => judgement.unknown("the value of PermitRootLogin is none that hostduty knows"),
    }
}

fn any_method(user: &User, from: &str, shown: Evidence, judgement: &mut Judgement) {
    let password = match user.password.known() {
        Ok(password) => password,
        Err(gap) => {
            let message = format!(
                "may log in over SSH from {from} with any method, and whether it has a password is not known: {gap}"
            );
            return judgement.fail(Finding::new(user.name.clone(), message, shown));
        }
    };
    let place = Evidence::at(password.source.clone(), password.line).says(user.name.clone());
    let has = match password.state {
        PasswordState::Usable => "has a password",
        PasswordState::Empty => "has an empty password",
        PasswordState::Locked | PasswordState::None => {
            let message =
                format!("PermitRootLogin is yes, but {} has no password that could be typed", user.name);
            return judgement.observe(message, [shown, place]);
        }
    };
    let message = format!("may log in over SSH from {from} with any method that is on, and {has}");
    judgement.fail(Finding::new(user.name.clone(), message, shown).and(place));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::{Accounts, Password};
    use crate::facts::processes::{Process, Processes};
    use crate::facts::units::Units;
    use crate::facts::{ssh_servers, sshd};
    use crate::gap::Reading;
    use crate::host::Tree;

    fn facts(config: &str, password: Reading<Password>) -> Facts {
        let tree = Tree::default()
            .file("/etc/ssh/sshd_config", config)
            .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0")
            .file("/proc/0/cmdline", "/usr/sbin/sshd\0-D");
        let root = User { name: "root".into(), password, ..User::default() };
        let process = Process { name: "sshd".into(), ..Process::default() };
        let mut facts = Facts {
            accounts: Ok(Accounts { users: vec![root], ..Accounts::default() }).into(),
            processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
            units: Ok(Units::default()).into(),
            ..Facts::default()
        };
        facts.ssh_servers = Ok(ssh_servers::read(&tree, &facts)).into();
        facts.sshd = sshd::read(&tree, &facts).into();
        facts
    }

    fn verdict(config: &str, password: Reading<Password>) -> Verdict {
        judge(&facts(config, password), &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn what_decides() {
        let password = |state| Ok(Password { state, ..Password::default() }).into();
        let usable = || password(PasswordState::Usable);
        for (config, wanted) in [
            ("", Verdict::Pass),
            ("PermitRootLogin without-password", Verdict::Pass),
            ("PermitRootLogin no", Verdict::Pass),
            ("PermitRootLogin yes", Verdict::Fail),
            ("PermitRootLogin yes\nPermitRootLogin no", Verdict::Fail),
            ("PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes", Verdict::Fail),
            ("PermitRootLogin no\nMatch User bob\nPermitRootLogin yes", Verdict::Pass),
            ("PermitRootLogin no\nMatch all\nPermitRootLogin yes", Verdict::Fail),
            ("PermitRootLogin maybe", Verdict::Unknown),
        ] {
            assert_eq!(verdict(config, usable()), wanted, "{config}");
        }
        assert_eq!(verdict("PermitRootLogin yes", password(PasswordState::Locked)), Verdict::Pass);
        assert_eq!(verdict("PermitRootLogin yes", Err(Gap::denied("/etc/shadow")).into()), Verdict::Fail);
    }
}
