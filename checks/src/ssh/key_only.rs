//! Nobody can get a shell over SSH by typing a password.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::sshd::{Account, Answer, Logins};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_remedy;
use crate::ssh_server::{self, Asked};

/// Lines that a finding or a pass names.
const EVIDENCE: usize = 8;

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
[accounts.known]
groups = []
users = [{ name = "debian", uid = 1000, gid = 1000, home = "/home/debian", shell = "/bin/bash", line = 30, password = { known = { state = "usable", source = "/etc/shadow", line = 30 } } }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
lines = [
  { keyword = "passwordauthentication", values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 57, text = "PasswordAuthentication no" } },
  { keyword = "kbdinteractiveauthentication", values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 62, text = "ChallengeResponseAuthentication no" } },
]
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
users = [{ name = "debian", uid = 1000, gid = 1000, home = "/home/debian", shell = "/bin/bash", line = 30, password = { known = { state = "usable", source = "/etc/shadow", line = 30 } } }]
[sshd.known.config.known]
build = { version = [9, 2] }
lines = [
  { keyword = "passwordauthentication", values = ["yes"], at = { source = "/etc/ssh/sshd_config.d/50-cloud-init.conf", line = 1, text = "PasswordAuthentication yes" } },
  { keyword = "passwordauthentication", values = ["no"], at = { source = "/etc/ssh/sshd_config", line = 57, text = "PasswordAuthentication no" } },
]
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
    let mut closing: Vec<Evidence> = Vec::new();
    for (config, listening) in ssh_server::decided(facts, &mut judgement)? {
        let logins = facts.logins(sshd, config, facts.ssh_origins(config, &listening))?;
        let before = judgement.findings.len();
        typed(&logins, &mut judgement, &mut closing);
        if judgement.findings.len() > before && judgement.remedy.is_none() {
            let wanted = ssh_remedy::missing(config, &ssh_remedy::no_passwords(config));
            judgement.remedy = Some(ssh_remedy::steps(facts, config, &logins, &wanted));
        }
    }
    if judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        let mut places = BTreeSet::new();
        // That an account has no password is told of each; what keeps passwords out is told first.
        closing.sort_by_key(|place| place.source == "/etc/shadow");
        closing.retain(|place| places.insert(place.clone()));
        let decisive =
            closing.iter().position(|place| place.source == "/etc/shadow").filter(|first| *first > 0);
        closing.truncate(decisive.unwrap_or(EVIDENCE));
        closing.truncate(EVIDENCE);
        judgement.observe("no password alone lets any account in, from anywhere", closing);
        ssh_server::freshness(facts, &mut judgement);
    }
    Ok(judgement)
}

/// Says who gets in by typing, and gathers what closes the door to others.
fn typed(logins: &Logins<'_>, judgement: &mut Judgement, closing: &mut Vec<Evidence>) {
    let mut doubts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for account in &logins.accounts {
        let mut open: Vec<(String, String)> = Vec::new();
        let mut lines: Vec<Evidence> = Vec::new();
        for entry in &account.entries {
            let from = logins.from(&entry.origins);
            for way in entry.ways.iter().filter(|way| way.is_typed()) {
                let mut doubt = |rest: String| doubts.entry(rest).or_default().push(&account.name);
                match &way.answer {
                    Answer::Opens(deciding) => {
                        open.push((from.clone(), way.name()));
                        lines.extend(deciding.iter().cloned());
                    }
                    Answer::Unknown(reason) => {
                        doubt(format!("(method {}) from {from}, is not known: {reason}", way.name()));
                    }
                    Answer::Paused(reason, _) => {
                        doubt(format!("(method {}) from {from} once that is over: {reason}", way.name()));
                    }
                    Answer::Closed(_, deciding) => closing.extend(deciding.iter().cloned()),
                }
            }
        }
        if !open.is_empty() {
            judgement.fail(finding(account, &open, lines));
        }
    }
    for (rest, mut names) in doubts {
        names.dedup();
        judgement.unknown(format!("whether {} can log in over SSH by typing {rest}", some(&names)));
    }
    for doubt in &logins.doubts {
        judgement.unknown(doubt.clone());
    }
}

/// An account that gets in by typing, from where and by which methods.
fn finding(account: &Account<'_>, open: &[(String, String)], lines: Vec<Evidence>) -> Finding {
    let mut by_place: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, method) in open {
        by_place.entry(from).or_default().push(method);
    }
    let places: Vec<String> = by_place
        .iter()
        .map(|(from, methods)| format!("from {from} (method {})", methods.join(" or ")))
        .collect();
    let mut message = format!("can log in over SSH by typing, {}", places.join(", "));
    if !account.user.has_login_shell() {
        message += "; its shell runs no commands, but connections can be forwarded through it";
    }
    let mut lines = lines.into_iter().fold(Vec::new(), |mut all: Vec<Evidence>, line| {
        if !all.contains(&line) && all.len() < EVIDENCE {
            all.push(line);
        }
        all
    });
    let first = if lines.is_empty() { Evidence::of("/etc/passwd") } else { lines.remove(0) };
    let mut finding = Finding::new(account.name.clone(), message, first);
    finding.evidence.extend(lines);
    finding
}

/// A few names, and how many there are besides.
fn some(names: &[&str]) -> String {
    match names {
        [first, second, third, _, ..] => format!("{first}, {second}, {third} and {} more", names.len() - 3),
        _ => names.join(", "),
    }
}

#[cfg(test)]
#[path = "key_only_tests.rs"]
mod tests;
