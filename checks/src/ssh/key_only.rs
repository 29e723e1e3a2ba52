//! Nobody can get a shell over SSH by typing a password.

use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::PasswordState;
use crate::facts::sshd::{Access, Method, ROUTE_KEYWORDS, Route, Sshd, Typed};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_server::{self, Asked};

pub(crate) static CHECK: Check = Check {
    id: "ssh-key-only",
    title: "No account can log in over SSH with a password",
    severity: Severity::Critical,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "Every address on the internet is tried with lists of passwords within minutes of its first boot. A key \
                cannot be guessed; a password that opens a shell can, and one weak or reused password is enough. A drop-in \
                that an image brought, a Match block, or keyboard-interactive with PAM can ask for passwords although the \
                main file says no, so what counts is what sshd does with all of them.",
    remedy: "ssh -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no YOU@THIS-HOST true   # from your own machine: does a key let you in?\n\
             Only if it does: write `PasswordAuthentication no` and `KbdInteractiveAuthentication no` to /etc/ssh/sshd_config.d/00-key-only.conf; the first value wins, so it must sort before every other file there.\n\
             sshd -t && sshd -T | grep -Ei '^(password|kbdinteractive)authentication'\n\
             systemctl reload ssh   # `sshd` on Red Hat and SUSE\n\
             Stay logged in, and log in once more from another terminal before you leave.",
    references: &[
        "sshd_config(5)",
        "CIS Debian Linux 12 Benchmark, section 5.1",
        "ANSSI, (Open)SSH secure use recommendations",
    ],
    examples: Examples {
        kept: r#"
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
[sshd.known.config.known]
files = ["/etc/ssh/sshd_config"]
[sshd.known.config.known.settings]
passwordauthentication = { values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 57 } }
kbdinteractiveauthentication = { values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 62, text = "ChallengeResponseAuthentication no" } }
usepam = { values = ["yes"], at = { source = "/etc/ssh/sshd_config", line = 85 } }
authenticationmethods = { values = ["any"], at = { source = "default of sshd" } }
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
[[accounts.known.users]]
name = "debian"
uid = 1000
gid = 1000
home = "/home/debian"
shell = "/bin/bash"
line = 30
password.known = { state = "usable", source = "/etc/shadow", line = 30 }
[sshd.known.config.known.settings]
passwordauthentication = { values = ["yes"], at = { source = "/etc/ssh/sshd_config.d/50-cloud-init.conf", line = 1 } }
kbdinteractiveauthentication = { values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 62, text = "ChallengeResponseAuthentication no" } }
usepam = { values = ["no"], at = { source = "default of sshd" } }
authenticationmethods = { values = ["any"], at = { source = "default of sshd" } }
permitemptypasswords = { values = ["no"], at = { source = "default of sshd" } }
permitrootlogin = { values = ["prohibit-password"], at = { source = "default of sshd" } }
allowusers = { values = [], at = { source = "default of sshd" } }
denyusers = { values = [], at = { source = "default of sshd" } }
allowgroups = { values = [], at = { source = "default of sshd" } }
denygroups = { values = [], at = { source = "default of sshd" } }
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::ssh::key_only(facts);
    }
    let sshd = facts.sshd.known()?;
    let mut judgement = match ssh_server::presence(facts, Asked::Anybody)? {
        ControlFlow::Break(judgement) => return Ok(judgement),
        ControlFlow::Continue(judgement) => judgement,
    };
    let config = sshd.config.known()?;
    if !ssh_server::is_decided(facts, config, &mut judgement) {
        return Ok(judgement);
    }
    for (block, setting) in config.matches_on(ROUTE_KEYWORDS) {
        judgement.unknown(format!(
            "`Match {}` ({}) decides for some connections ({}), and hostduty does not evaluate Match blocks",
            block.criteria, block.at, setting.at
        ));
    }
    let routes = sshd.typed_routes(facts.ssh_version())?;
    if routes.is_empty() {
        let names =
            ["passwordauthentication", "kbdinteractiveauthentication", "usepam", "authenticationmethods"];
        let evidence: Result<Vec<Evidence>, Gap> =
            names.iter().map(|name| Ok(config.setting(name)?.shown(name))).collect();
        judgement.observe("sshd takes nothing that is typed for a password", evidence?);
        ssh_server::freshness(facts, &mut judgement);
    } else {
        let before = (judgement.findings.len(), judgement.unknowns.len());
        for route in &routes {
            match certain(sshd, route) {
                // Without a colon behind the word `password`, which the redactor takes for the name of one.
                Some(reason) => judgement.unknown(format!("sshd offers the method {route}, but {reason}")),
                None => who(facts, route, &mut judgement)?,
            }
        }
        if before == (judgement.findings.len(), judgement.unknowns.len()) {
            let evidence = routes.into_iter().flat_map(|route| route.evidence);
            judgement.observe("sshd takes passwords, but no account that may use one has any", evidence);
            ssh_server::freshness(facts, &mut judgement);
        }
    }
    Ok(judgement)
}

/// Why it is open whether typing a password is all that a route takes; `None` when it is.
fn certain(sshd: &Sshd, route: &Route) -> Option<String> {
    let config = sshd.config.value()?;
    let pam = route.methods.contains(&Method::KeyboardInteractive) || config.is("usepam", "yes") != Ok(false);
    match sshd.typed_password() {
        Typed::Unclear(reason) if pam => Some(reason),
        _ => None,
    }
}

/// Names the accounts that a route lets in.
fn who(facts: &Facts, route: &Route, judgement: &mut Judgement) -> Result<(), Gap> {
    let sshd = facts.sshd.known()?;
    let config = sshd.config.known()?;
    let accounts = facts.accounts.known()?;
    let (empty, root) = (config.is("permitemptypasswords", "yes")?, config.is("permitrootlogin", "yes")?);
    let mut hidden = None;
    for user in &accounts.users {
        let access = config.access(user, accounts)?;
        if access == Access::Refused || (user.uid == 0 && !root) {
            continue;
        }
        let password = match user.password.known() {
            Ok(password) => password,
            Err(gap) => {
                hidden = Some(gap);
                continue;
            }
        };
        let what = match password.state {
            PasswordState::Usable => "a password",
            PasswordState::Empty if empty => "an empty password",
            _ => continue,
        };
        if access == Access::Depends {
            judgement.unknown(format!(
                "{} can log in over SSH with {what} from the addresses that AllowUsers or DenyUsers name",
                user.name
            ));
            continue;
        }
        let mut finding = Finding::new(
            user.name.clone(),
            format!("can log in over SSH with {what} (method {route})"),
            Evidence::at(password.source.clone(), password.line).says(user.name.clone()),
        );
        finding.evidence.splice(0..0, route.evidence.iter().cloned());
        if let Some(previous) = judgement.findings.iter_mut().find(|known| known.subject == finding.subject) {
            // One finding for an account, however many methods are open.
            let new: Vec<Evidence> =
                finding.evidence.into_iter().filter(|place| !previous.evidence.contains(place)).collect();
            previous.evidence.extend(new);
        } else {
            judgement.fail(finding);
        }
    }
    if let Some(gap) = hidden {
        judgement
            .unknown(format!("sshd offers {route}, and which accounts have a password is not known: {gap}"));
    }
    for line in &accounts.malformed {
        judgement.unknown(format!("sshd offers {route}, and an account line makes no sense: {line}"));
    }
    if let Some(place) = sshd.passwords_elsewhere() {
        judgement.unknown(format!(
            "sshd offers {route}, and takes passwords that are not in the host's own files ({place})"
        ));
    }
    if !accounts.other_sources.is_empty() {
        judgement.unknown(format!(
            "sshd offers {route}, and accounts from {} are not in the host's own files",
            accounts.other_sources.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "key_only_tests.rs"]
mod tests;
