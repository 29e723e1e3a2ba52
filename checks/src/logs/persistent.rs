//! The logs of the system are still there after a reboot.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::logging::{Logging, Storage};
use crate::facts::units::Init;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::software::{Match, Software, seen};

pub(crate) static CHECK: Check = Check {
    id: "logs-persistent",
    title: "The system's logs survive a reboot",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: true,
    rationale: "Whoever asks what happened on a machine asks its logs, and often after somebody has \
        restarted it. A journal that lives in memory answers only for the current boot. Duties to report an \
        incident begin with knowing when it began.",
    remedy: "mkdir -p /var/log/journal && systemd-tmpfiles --create --prefix /var/log/journal && journalctl --flush\n\
        If Storage= is set to volatile or none: write [Journal] and Storage=persistent into \
        /etc/systemd/journald.conf.d/90-persistent.conf, then systemctl restart systemd-journald\n\
        Bound it with SystemMaxUse= in the same file\n\
        Or install rsyslog, and send a copy to another machine: who breaks in deletes logs",
    references: &["journald.conf(5)", "rsyslog.conf(5)", "CIS Debian 12 6.1"],
    examples: Examples {
        kept: r#"
[logging.known]
storage = { known = "auto" }
journal_folder = { known = true }
file_system = { known = "ext4" }
[units.known]
init = "systemd"
"#,
        broken: r#"
[logging.known]
storage = { known = "volatile" }
storage_set_in = "/etc/systemd/journald.conf:12"
journal_folder = { known = true }
file_system = { known = "ext4" }
[units.known]
init = "systemd"
[processes.known]
list = []
"#,
    },
    judge,
};

/// Daemons that write messages to files below /var/log.
static SYSLOG: &[Software] = &[
    Software {
        name: "rsyslog",
        packages: &["rsyslog"],
        units: &["rsyslog.service"],
        programs: &["/usr/sbin/rsyslogd"],
    },
    Software {
        name: "syslog-ng",
        packages: &["syslog-ng", "syslog-ng-core"],
        units: &["syslog-ng.service"],
        programs: &["/usr/sbin/syslog-ng", "/usr/libexec/syslog-ng"],
    },
    Software {
        name: "syslogd",
        packages: &["sysklogd", "inetutils-syslogd", "busybox-syslogd"],
        units: &["syslogd.service", "syslog.service", "sysklogd.service", "inetutils-syslogd.service"],
        programs: &["/usr/sbin/syslogd", "/sbin/syslogd"],
    },
];

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let logging = facts.logging.known()?;
    let mut judgement = Judgement::new();
    if let Ok(kind @ ("tmpfs" | "ramfs")) = logging.file_system.known().map(String::as_str) {
        let message = format!("lies in memory ({kind}), so that a reboot empties it");
        let mounted = Evidence::of("/proc/self/mountinfo").says(kind);
        judgement.fail(Finding::new("/var/log", message, mounted));
        return Ok(judgement);
    }
    let journal = journal(facts, logging);
    let syslog = syslog(facts);
    match (journal, syslog) {
        (Ok(Ok(place)), _) => judgement.observe("the journal is written to /var/log/journal", [place]),
        (_, Ok(Some((text, place)))) => judgement.observe(text, [place]),
        (Ok(Err(finding)), Ok(None)) => judgement.fail(finding),
        (Err(gap), _) | (_, Err(gap)) => return Err(gap),
    }
    if judgement.findings.is_empty()
        && let Err(gap) = logging.file_system.known()
    {
        judgement.unknown(format!("whether /var/log lies on a disk: {gap}"));
    }
    if let [first, rest @ ..] = logging.forwarded_by.as_slice() {
        let text = format!("messages are also sent to another machine by {} lines", rest.len() + 1);
        judgement.observe(text, [Evidence::of(first.as_str())]);
    }
    Ok(judgement)
}

/// Where the journal is kept on the disk, or what is wrong with it.
fn journal(facts: &Facts, logging: &Logging) -> Result<Result<Evidence, Finding>, Gap> {
    let units = facts.units.known()?;
    if units.init != Init::Systemd {
        let message =
            "is not written to files: no syslog daemon starts at boot, and there is no systemd-journald";
        return Ok(Err(Finding::new("the system log", message, Evidence::of("/etc/init.d"))));
    }
    if let Some((_, unit)) = units.find("systemd-journald.service")
        && unit.state.is_masked()
    {
        return Ok(Err(Finding::new("systemd-journald", "is masked", Evidence::of(unit.path.as_str()))));
    }
    let storage = *logging.storage.known()?;
    let set = logging.storage_set_in.clone();
    let place = Evidence::of(set.unwrap_or_else(|| "/etc/systemd/journald.conf".to_owned()));
    let folder = Evidence::of("/var/log/journal");
    Ok(match storage {
        Storage::Persistent => Ok(place.says("Storage=persistent")),
        Storage::Auto if *logging.journal_folder.known()? => Ok(folder),
        Storage::Auto => Err(Finding::new(
            "the journal",
            "is kept in memory: Storage= is auto and /var/log/journal does not exist",
            folder.says("absent"),
        )
        .and(place.says("Storage=auto"))),
        Storage::Volatile => {
            Err(Finding::new("the journal", "is kept in memory", place.says("Storage=volatile")))
        }
        Storage::None => Err(Finding::new("the journal", "is thrown away", place.says("Storage=none"))),
    })
}

/// A syslog daemon that runs and will run again.
fn syslog(facts: &Facts) -> Result<Option<(String, Evidence)>, Gap> {
    let units = facts.units.known()?;
    for daemon in SYSLOG {
        let starts = daemon.units(facts)?.iter().any(|(_, unit)| unit.starts_at_boot());
        match daemon.process(facts)? {
            Some((Match::Genuine, process)) if starts => {
                return Ok(Some((format!("{} runs, and starts at boot", daemon.name), seen(process))));
            }
            // Whether BusyBox serves as syslogd, its file does not say; OpenRC's service of that name does.
            None if starts && units.init == Init::OpenRc && daemon.name == "syslogd" => {
                let text = "syslogd starts at boot".to_owned();
                return Ok(Some((text, Evidence::of("/etc/init.d/syslog"))));
            }
            Some((Match::NameOnly, process)) if starts => {
                return Err(Gap::denied(format!(
                    "which file process {} ({}) runs",
                    process.pid, process.name
                )));
            }
            _ => {}
        }
    }
    Ok(None)
}
