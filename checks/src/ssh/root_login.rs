//! Root gets in over SSH by key only, if at all.

use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{PasswordState, User};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_server::{self, Asked};

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
[sshd.known.config.known.settings]
permitrootlogin = { values = ["prohibit-password"], at = { source = "default of sshd" } }
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
[[accounts.known.users]]
name = "root"
uid = 0
gid = 0
home = "/root"
shell = "/bin/bash"
line = 1
password.known = { state = "usable", source = "/etc/shadow", line = 1 }
[sshd.known.config.known.settings]
permitrootlogin = { values = ["yes"], at = { source = "/etc/ssh/sshd_config", line = 33, text = "PermitRootLogin yes" } }
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
    let config = sshd.config.known()?;
    if !ssh_server::is_decided(facts, config, &mut judgement) {
        return Ok(judgement);
    }
    for (block, setting) in config.matches_on(&["permitrootlogin"]) {
        judgement.unknown(format!(
            "`Match {}` ({}) decides for some connections ({}), and hostduty does not evaluate Match blocks",
            block.criteria, block.at, setting.at
        ));
    }
    let setting = config.setting("permitrootlogin")?;
    let shown = setting.shown("permitrootlogin");
    match setting.values.first().map(String::as_str) {
        Some("no") => judgement.observe("root cannot log in over SSH at all", [shown]),
        Some("prohibit-password") => {
            judgement.observe("root can log in over SSH, never by typing a password", [shown])
        }
        Some("forced-commands-only") => {
            judgement.observe("root can run over SSH what its keys are bound to, and nothing else", [shown]);
        }
        Some("yes") => every_root(facts, &shown, &mut judgement),
        _ => judgement.unknown("the value of PermitRootLogin is none that hostduty knows"),
    }
    if judgement.findings.is_empty() {
        ssh_server::freshness(facts, &mut judgement);
    }
    Ok(judgement)
}

/// PermitRootLogin counts for every account with uid 0.
fn every_root(facts: &Facts, shown: &Evidence, judgement: &mut Judgement) {
    let unknown = |name: &str, gap: &Gap| {
        let message =
            format!("may log in over SSH with any method, and whether it has a password is not known: {gap}");
        Finding::new(name, message, shown.clone())
    };
    let accounts = match facts.accounts.known() {
        Ok(accounts) => accounts,
        Err(gap) => return judgement.fail(unknown("root", &gap)),
    };
    let roots: Vec<&User> = accounts.users.iter().filter(|user| user.uid == 0).collect();
    if roots.is_empty() {
        judgement.unknown("PermitRootLogin is yes, and /etc/passwd names no account with uid 0");
    }
    for user in roots {
        match user.password.known() {
            Err(gap) => judgement.fail(unknown(&user.name, &gap)),
            Ok(password) => {
                let place = Evidence::at(password.source.clone(), password.line).says(user.name.clone());
                let has = match password.state {
                    PasswordState::Usable => "has a password",
                    PasswordState::Empty => "has an empty password",
                    PasswordState::Locked | PasswordState::None => {
                        judgement.observe(
                            format!(
                                "PermitRootLogin is yes, but {} has no password that could be typed",
                                user.name
                            ),
                            [shown.clone(), place],
                        );
                        continue;
                    }
                };
                let message = format!("may log in over SSH with any method that is on, and {has}");
                judgement.fail(Finding::new(user.name.clone(), message, shown.clone()).and(place));
            }
        }
    }
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
            .file("/usr/sbin/sshd", "")
            .file("/proc/0/cmdline", "/usr/sbin/sshd\0-D");
        let root = User { name: "root".into(), password, ..User::default() };
        let process = Process { name: "sshd".into(), ..Process::default() };
        let mut facts = Facts {
            sshd: sshd::read(&tree).into(),
            accounts: Ok(Accounts { users: vec![root], ..Accounts::default() }).into(),
            processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
            units: Ok(Units::default()).into(),
            ..Facts::default()
        };
        facts.ssh_servers = Ok(ssh_servers::read(&tree, &facts)).into();
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
            ("PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes", Verdict::Unknown),
            ("PermitRootLogin no\nMatch all\nPermitRootLogin yes", Verdict::Fail),
            ("PermitRootLogin maybe", Verdict::Unknown),
        ] {
            assert_eq!(verdict(config, usable()), wanted, "{config}");
        }
        assert_eq!(verdict("PermitRootLogin yes", password(PasswordState::Locked)), Verdict::Pass);
        assert_eq!(verdict("PermitRootLogin yes", Err(Gap::denied("/etc/shadow")).into()), Verdict::Fail);
    }
}
