//! sshd takes its configuration as it stands.

use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_server::{self, Asked};

pub(crate) static CHECK: Check = Check {
    id: "ssh-config-valid",
    title: "Every line of the SSH server's configuration is one that sshd accepts",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "One line that sshd does not understand keeps it from starting: nothing is felt until the next reboot or \
                upgrade, and then nobody can log in any more. Until then the running daemon goes on with what it has read \
                before, so that the files say nothing about what it does, and a line meant to close a door closes none.",
    remedy: "sshd -t   # names the first bad line; stay logged in while you mend it\n\
             Mend or remove the line, then: sshd -t && systemctl reload ssh   # `sshd` on Red Hat and SUSE\n\
             Log in once more from another terminal before you leave.",
    references: &["sshd(8), -t", "sshd_config(5)"],
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
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
refused = [{ source = "/etc/ssh/sshd_config.d/mine.conf", line = 3, text = "PasswordAuthentication with a value that sshd does not take" }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let mut judgement = match ssh_server::presence(facts, Asked::Nobody)? {
        ControlFlow::Break(judgement) => return Ok(judgement),
        ControlFlow::Continue(judgement) => judgement,
    };
    for served in facts.served()? {
        let config = match served.config {
            Ok(config) => config,
            Err(gap) => {
                judgement.unknown(format!("the configuration of sshd is not known: {gap}"));
                continue;
            }
        };
        for refused in &config.refused {
            let why = refused.text.clone().unwrap_or_default();
            let place = Evidence { text: None, ..refused.clone() };
            judgement.fail(Finding::new(
                place.to_string(),
                format!("keeps sshd from starting: {why}"),
                refused.clone(),
            ));
        }
        for gap in &config.gaps {
            judgement.unknown(format!("part of the configuration of sshd is not known: {gap}"));
        }
        let files = config.files.iter().map(|file| Evidence::of(file.clone()));
        judgement.observe(format!("sshd takes every line of {} files", config.files.len()), files);
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::processes::{Process, Processes};
    use crate::facts::units::Units;
    use crate::facts::{ssh_servers, sshd};
    use crate::host::Tree;

    #[test]
    fn good_bad_and_unreadable() {
        for (config, wanted) in [
            ("UsePAM yes\n", Verdict::Pass),
            ("UsePAM perhaps\n", Verdict::Fail),
            ("Match User a\nPort 22\n", Verdict::Fail),
            ("Include d/*\n", Verdict::Unknown),
        ] {
            let tree = Tree::default()
                .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0")
                .file("/etc/ssh/sshd_config", config)
                .file("/proc/0/cmdline", "/usr/sbin/sshd\0-D")
                .refuse("/etc/ssh/d/x", Gap::denied("/etc/ssh/d/x"));
            let process = Process { name: "sshd".into(), ..Process::default() };
            let mut facts = Facts {
                processes: Ok(Processes { list: vec![process], ..Processes::default() }).into(),
                units: Ok(Units::default()).into(),
                ..Facts::default()
            };
            facts.ssh_servers = Ok(ssh_servers::read(&tree, &facts)).into();
            facts.sshd = sshd::read(&tree, &facts).into();
            assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), wanted, "{config}");
        }
    }
}
