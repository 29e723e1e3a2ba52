//! What sshd does is what its files say now: it has read them since their last change.

use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::processes::Process;
use crate::facts::ssh_servers::{Daemon, Running, Starts};
use crate::facts::sshd::Config;
use crate::gap::{Gap, GapKind};
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_server::{self, Asked};

pub(crate) static CHECK: Check = Check {
    id: "ssh-config-loaded",
    title: "Every sshd that runs is the installed program and has read its configuration as it lies on the disk",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "sshd reads its files once, when it starts or is told to. A line that closes a door closes nothing before \
                that, and everybody who looks at the file takes it for closed. The other way round, a line that opens one \
                or that sshd refuses lies in wait for the next reboot. A daemon whose program was replaced goes on with \
                the holes that the update has mended.",
    remedy: "sshd -t && systemctl reload ssh   # `sshd` on Red Hat and SUSE; where the program was replaced: restart, not reload\n\
             Stay logged in: open sessions survive both. Log in once more from another terminal before you leave.\n\
             A daemon that no unit starts: `kill -HUP PID` makes it read its files, after sshd -t with the same -f and -o",
    references: &["sshd(8), SIGHUP", "sshd_config(5), PidFile"],
    examples: Examples {
        kept: r#"
[processes.known]
list = [{ pid = 812, name = "sshd", exe = { known = "/usr/sbin/sshd" }, unit = "ssh.service" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812, loaded_at = "2026-11-20T08:00:00Z" }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
changed = "2026-11-19T17:30:00Z"
changed_at = "/etc/ssh/sshd_config"
"#,
        broken: r#"
[processes.known]
list = [{ pid = 812, name = "sshd", exe = { known = "/usr/sbin/sshd" }, unit = "ssh.service" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812, loaded_at = "2026-11-20T08:00:00Z" }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/00-key-only.conf"]
changed = "2026-11-21T09:15:00Z"
changed_at = "/etc/ssh/sshd_config.d/00-key-only.conf"
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let mut judgement = match ssh_server::presence(facts, Asked::Nobody)? {
        ControlFlow::Break(judgement) => return Ok(judgement),
        ControlFlow::Continue(judgement) => judgement,
    };
    match facts.processes.known() {
        Ok(processes) => {
            for gap in &processes.gaps {
                judgement.unknown(format!("one more sshd may run: {gap}"));
            }
        }
        Err(gap) if matches!(gap.why, GapKind::Offline | GapKind::Absent) => {
            judgement.not_applicable =
                Some("nothing runs here: sshd reads its configuration when it starts".to_owned());
            return Ok(judgement);
        }
        Err(gap) => {
            judgement.unknown(format!("which sshd runs, and since when, is not known: {gap}"));
            return Ok(judgement);
        }
    }
    for served in facts.served()? {
        for daemon in served.daemons {
            match &served.config {
                _ if daemon.running.is_empty() => not_running(daemon, &mut judgement),
                Ok(config) => running(facts, daemon, config, &mut judgement),
                Err(gap) => {
                    judgement
                        .unknown(format!("when the configuration of sshd was changed is not known: {gap}"));
                }
            }
        }
    }
    Ok(judgement)
}

/// What does not run has nothing loaded that could be old.
fn not_running(daemon: &Daemon, judgement: &mut Judgement) {
    let says = match daemon.starts {
        Starts::EachConnection => "sshd is started for each connection and reads its configuration anew",
        Starts::FirstConnection => {
            "sshd does not run yet: the first connection starts it, and it reads its files then"
        }
        Starts::Boot | Starts::ByHand => "sshd does not run: it reads its configuration when it starts",
    };
    judgement.observe(says, daemon.at.first().cloned());
}

fn running(facts: &Facts, daemon: &Daemon, config: &Config, judgement: &mut Judgement) {
    let place = daemon.at.first().cloned().unwrap_or_default();
    let doubts = daemon.certain().err().into_iter().chain(config.gaps.iter().cloned());
    for gap in doubts {
        judgement.unknown(format!("whether sshd ({place}) has read all of its files is not known: {gap}"));
    }
    let processes = facts.processes.value().map_or(&[][..], |processes| &processes.list);
    for running in &daemon.running {
        let process = processes.iter().find(|process| process.pid == running.pid);
        let before = (judgement.findings.len(), judgement.unknowns.len());
        one(running, process, config, judgement);
        if before == (judgement.findings.len(), judgement.unknowns.len()) {
            judgement.observe(
                format!("{} has read its configuration since it was changed", subject(running, process)),
                [loaded(running), changed(config)],
            );
        }
    }
}

fn one(running: &Running, process: Option<&Process>, config: &Config, judgement: &mut Judgement) {
    let subject = subject(running, process);
    if running.stale(config.changed).is_some() {
        let refused = match config.refused.first() {
            Some(refused) => format!("; not before {refused} is mended, or sshd ends"),
            None => String::new(),
        };
        let message = format!(
            "goes by what it read on {}, and {} was changed on {}: a reload or restart is pending{refused}",
            running.loaded_at,
            path(config),
            config.changed,
        );
        judgement.fail(Finding::new(&subject, message, loaded(running)).and(changed(config)));
    }
    match (running.old(), process.map(|process| process.exe.known())) {
        (Some(old), _) => {
            let message = format!(
                "is still the program that started on {}, and its file was replaced since: a restart is pending",
                running.started
            );
            judgement.fail(Finding::new(subject, message, old));
        }
        (None, Some(Ok(_))) => {}
        (None, Some(Err(gap))) => {
            judgement.unknown(format!("whether {subject} is the installed program is not known: {gap}"));
        }
        (None, None) => {
            judgement.unknown(format!("whether {subject} is the installed program is not known"));
        }
    }
}

/// The unit that a person would reload, or the process where none started it.
fn subject(running: &Running, process: Option<&Process>) -> String {
    let unit = process.and_then(|process| process.unit.clone());
    unit.unwrap_or_else(|| format!("/proc/{}", running.pid))
}

fn loaded(running: &Running) -> Evidence {
    Evidence::of(format!("/proc/{}", running.pid)).says(format!("read its files on {}", running.loaded_at))
}

fn changed(config: &Config) -> Evidence {
    Evidence::of(path(config)).says(format!("changed on {}", config.changed))
}

/// The file or folder that was changed last.
fn path(config: &Config) -> String {
    let first = || config.files.first().cloned();
    let at = Some(config.changed_at.clone()).filter(|path| !path.is_empty());
    at.or_else(first).unwrap_or_else(|| "its configuration".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::Timestamp;
    use crate::facts::processes::Processes;
    use crate::facts::units::Units;
    use crate::facts::{ssh_servers, sshd};
    use crate::gap::Reading;
    use crate::host::Tree;

    const DROP_IN: &str = "/etc/ssh/sshd_config.d/a.conf";

    /// A host whose sshd started at second 1,000, whose drop-in and its folder were changed at two others.
    fn facts(file: i64, folder: i64, exe: &str) -> Facts {
        let tree = Tree::default()
            .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0")
            .file("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n")
            .file(DROP_IN, "PasswordAuthentication no\n")
            .file("/proc/7/cmdline", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
            .with(DROP_IN, |node| node.modified = Timestamp(file))
            .dir("/etc/ssh/sshd_config.d")
            .with("/etc/ssh/sshd_config.d", |node| node.modified = Timestamp(folder));
        let process = Process {
            pid: 7,
            name: "sshd".into(),
            exe: Ok(exe.to_owned()).into(),
            unit: Some("ssh.service".into()),
            started: Timestamp(1_000),
            ..Process::default()
        };
        let mut facts = Facts {
            processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
            units: Ok(Units::default()).into(),
            ..Facts::default()
        };
        facts.ssh_servers = Ok(ssh_servers::read(&tree, &facts)).into();
        facts.sshd = sshd::read(&tree, &facts).into();
        facts
    }

    fn judged(facts: &Facts) -> Judgement {
        judge(facts, &Policy::default()).unwrap()
    }

    #[test]
    fn a_file_or_folder_changed_since_is_named_with_both_times() {
        assert_eq!(judged(&facts(900, 1_000, "/usr/sbin/sshd")).verdict(), Verdict::Pass);
        for (file, folder, path) in [(1_001, 900, DROP_IN), (900, 1_001, "/etc/ssh/sshd_config.d")] {
            let judgement = judged(&facts(file, folder, "/usr/sbin/sshd"));
            let [finding] = &judgement.findings[..] else { panic!("{judgement:?}") };
            assert_eq!(finding.subject, "ssh.service");
            assert!(finding.message.contains(path) && finding.message.contains("1970-01-01T00:16:41Z"));
            let places: Vec<&str> = finding.evidence.iter().map(|at| at.source.as_str()).collect();
            assert_eq!(places, ["/proc/7", path]);
        }
    }

    #[test]
    fn a_replaced_program_fails_and_one_that_is_not_seen_is_unknown() {
        let judgement = judged(&facts(1, 1, "/usr/sbin/sshd (deleted)"));
        assert!(judgement.verdict() == Verdict::Fail && judgement.findings[0].message.contains("restart"));
        let mut hidden = facts(1, 1, "/usr/sbin/sshd");
        let Reading::Known(processes) = &mut hidden.processes else { panic!() };
        processes.list[0].exe = Err(Gap::denied("/proc/7/exe")).into();
        assert_eq!(judged(&hidden).verdict(), Verdict::Unknown);
        let Reading::Known(processes) = &mut hidden.processes else { panic!() };
        processes.list.clear();
        assert_eq!(judged(&hidden).verdict(), Verdict::Unknown);
        hidden.processes = Err(Gap::denied("/proc")).into();
        assert_eq!(judged(&hidden).verdict(), Verdict::Unknown);
    }

    #[test]
    fn a_reload_that_would_end_sshd_is_not_advised() {
        let mut facts = facts(1_001, 1, "/usr/sbin/sshd");
        let Reading::Known(sshd) = &mut facts.sshd else { panic!() };
        let Reading::Known(config) = &mut sshd.config else { panic!() };
        config.refused.push(Evidence::at(DROP_IN, 3));
        let message = judged(&facts).findings[0].message.clone();
        assert!(message.contains(&format!("not before {DROP_IN}:3 is mended")), "{message}");
    }

    #[test]
    fn what_is_not_certain_is_no_pass() {
        let with = |change: &dyn Fn(&mut Config, &mut Daemon)| {
            let mut facts = facts(1, 1, "/usr/sbin/sshd");
            let (Reading::Known(sshd), Reading::Known(servers)) = (&mut facts.sshd, &mut facts.ssh_servers)
            else {
                panic!()
            };
            let Reading::Known(config) = &mut sshd.config else { panic!() };
            change(config, &mut servers.daemons[0]);
            judged(&facts).verdict()
        };
        assert_eq!(with(&|_, _| {}), Verdict::Pass);
        assert_eq!(with(&|config, _| config.gaps.push(Gap::denied("/x"))), Verdict::Unknown);
        assert_eq!(with(&|_, daemon| daemon.gaps.push(Gap::unsupported("-f x"))), Verdict::Unknown);
        let mut unread = facts(1, 1, "/usr/sbin/sshd");
        let Reading::Known(sshd) = &mut unread.sshd else { panic!() };
        sshd.config = Err(Gap::denied("/etc/ssh/sshd_config")).into();
        assert_eq!(judged(&unread).verdict(), Verdict::Unknown);
    }

    #[test]
    fn what_does_not_run_has_nothing_to_read_again() {
        for (starts, wanted) in [
            (Starts::Boot, "when it starts"),
            (Starts::FirstConnection, "the first connection"),
            (Starts::EachConnection, "anew"),
        ] {
            let mut facts = facts(1_001, 1, "/usr/sbin/sshd");
            let Reading::Known(servers) = &mut facts.ssh_servers else { panic!() };
            (servers.daemons[0].running, servers.daemons[0].starts) = (Vec::new(), starts);
            let judgement = judged(&facts);
            assert_eq!(judgement.verdict(), Verdict::Pass);
            assert!(judgement.observations[0].message.contains(wanted));
            facts.processes = Err(Gap::offline("running processes")).into();
            assert_eq!(judged(&facts).verdict(), Verdict::NotApplicable);
            let servers = ssh_servers::SshServers::default();
            facts.ssh_servers = Ok(servers).into();
            let Reading::Known(sshd) = &mut facts.sshd else { panic!() };
            sshd.program = Err(Gap::absent("sshd")).into();
            assert_eq!(judged(&facts).verdict(), Verdict::NotApplicable);
        }
    }
}
