//! What launchd starts at boot beside Apple's own jobs, as far as it has to do with pf: launchd.plist(5).

use serde::{Deserialize, Serialize};

use super::plist::{self, Value};
use crate::gap::Gap;
use crate::host::Host;

/// The jobs of /Library/LaunchDaemons. What they are given to run may hold secrets and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootJobs {
    /// Files of jobs that enable pf as they are loaded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enable_pf: Vec<String>,
    /// Files of jobs that run something else, which may enable pf in turn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// Files that make no job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

const FOLDER: &str = "/Library/LaunchDaemons";
/// More jobs than these are refused.
const JOBS: usize = 200;

/// Reads every job; each may take a start of plutil.
pub(super) fn read(host: &dyn Host) -> Result<BootJobs, Gap> {
    let names = match host.list(FOLDER) {
        Err(gap) if gap.is_absent() => Vec::new(),
        names => names?,
    };
    let names: Vec<String> = names.into_iter().filter(|name| name.ends_with(".plist")).collect();
    if names.len() > JOBS {
        return Err(Gap::too_large(FOLDER));
    }
    let mut jobs = BootJobs::default();
    for name in names {
        let path = format!("{FOLDER}/{name}");
        match plist::read(host, &path) {
            Ok(job) if !starts_at_boot(&job) => {}
            Ok(job) if enables_pf(&job) => jobs.enable_pf.push(path),
            Ok(_) => jobs.others.push(path),
            Err(gap) => jobs.unread.push(gap),
        }
    }
    Ok(jobs)
}

/// What an administrator disabled with launchctl is not asked: it only makes fewer jobs of them.
fn starts_at_boot(job: &Value) -> bool {
    let truth = |key| job.get(key).and_then(Value::bool);
    // KeepAlive may be a list of conditions, some of which hold from the start.
    let alive = job.get("KeepAlive").is_some_and(|value| value.bool() != Some(false));
    truth("Disabled") != Some(true) && (truth("RunAtLoad") == Some(true) || alive)
}

/// Whether it runs `pfctl -e` or `-E`, itself or by a shell.
fn enables_pf(job: &Value) -> bool {
    let arguments = job.get("ProgramArguments").and_then(Value::array).unwrap_or_default();
    let words: Vec<&str> = job
        .get("Program")
        .into_iter()
        .chain(arguments)
        .filter_map(Value::text)
        .flat_map(|text| text.split([' ', '\t', '\n', ';', '&', '|']))
        .collect();
    let enables = |word: &&str| {
        word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.contains(['e', 'E']))
    };
    let mut rest = words.iter().skip_while(|word| !(**word == "pfctl" || word.ends_with("/pfctl")));
    rest.any(enables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn job(extra: &str, arguments: &[&str]) -> String {
        let arguments: String = arguments.iter().map(|word| format!("<string>{word}</string>")).collect();
        format!(
            "<plist><dict><key>Label</key><string>a</string>{extra}<key>ProgramArguments</key><array>{arguments}</array></dict></plist>"
        )
    }

    const AT_LOAD: &str = "<key>RunAtLoad</key><true/>";

    fn found(text: &str) -> BootJobs {
        read(&Tree::new(Timestamp(0)).file("/Library/LaunchDaemons/a.plist", text)).unwrap()
    }

    #[test]
    fn who_enables_pf_at_boot() {
        for arguments in [
            &["/sbin/pfctl", "-e", "-f", "/etc/pf.conf"][..],
            &["/sbin/pfctl", "-Ef", "/etc/pf.conf"],
            &["pfctl", "-f", "/etc/pf.conf", "-E"],
            &["/bin/sh", "-c", "sleep 5; /sbin/pfctl -E -f /etc/pf.conf"],
        ] {
            assert_eq!(found(&job(AT_LOAD, arguments)).enable_pf.len(), 1, "{arguments:?}");
        }
        for arguments in [
            &["/sbin/pfctl", "-f", "/etc/pf.conf"][..],
            &["/usr/local/bin/pf-on", "-e"],
            &["/bin/sh", "-e", "pfctl"],
        ] {
            let jobs = found(&job(AT_LOAD, arguments));
            assert_eq!((jobs.enable_pf.len(), jobs.others.len()), (0, 1), "{arguments:?}");
        }
        let pfctl = &["/sbin/pfctl", "-e"];
        assert_eq!(found(&job("", pfctl)), BootJobs::default(), "it waits for something else");
        let disabled = format!("{AT_LOAD}<key>Disabled</key><true/>");
        assert_eq!(found(&job(&disabled, pfctl)), BootJobs::default());
    }

    #[test]
    fn what_makes_no_job_is_a_gap_and_no_folder_is_no_job() {
        for text in ["", "<plist><dict>", "\0\0", &"<array>".repeat(10_000)] {
            let jobs = found(text);
            assert_eq!((jobs.unread.len(), jobs.others.len()), (1, 0), "{text:.20}");
        }
        assert_eq!(read(&Tree::new(Timestamp(0))).unwrap(), BootJobs::default());
        let refused = Tree::new(Timestamp(0)).refuse("/Library/LaunchDaemons", Gap::denied("x"));
        assert!(read(&refused).is_err());
    }
}
