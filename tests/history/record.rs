//! Records for the tests, chained as the agent chains them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::{Entry, Event, Moment, NONE_BEFORE, hash};

use crate::support::run;

/// A check whose verdict is the same on every machine that runs the tests, as far as anybody can tell.
pub(crate) const HELD: &str = "mdm-enrolled";
/// Another, whose verdict in the record is one that no Linux machine has.
pub(crate) const CHANGED: &str = "mdm-profiles";

/// A state folder.
pub(crate) struct Record {
    dir: tempfile::TempDir,
    previous: String,
    sequence: u64,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), previous: NONE_BEFORE.to_owned(), sequence: 0 }
    }

    pub(crate) fn folder(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("history-000001.jsonl")
    }

    /// Three weeks with a failure, a clock that goes a day ahead and back, a stop, and an end without a word.
    pub(crate) fn eventful() -> Self {
        let mut record = Self::new();
        let (pass, fail) = (Verdict::Pass, Verdict::Fail);
        let state = |firewall, ssh| {
            BTreeMap::from([("firewall-enforced".to_owned(), firewall), ("ssh-key-only".to_owned(), ssh)])
        };
        let started = |version: &str, verdicts| Event::Started {
            version: version.to_owned(),
            offer: "generic".to_owned(),
            verdicts,
        };
        let change = |from, to, first_seen, reason: &str, evidence: &[&str]| Event::Transition {
            check: "ssh-key-only".to_owned(),
            from: Some(from),
            to,
            first_seen,
            reason: reason.to_owned(),
            evidence: evidence.iter().map(|seen| (*seen).to_owned()).collect(),
        };
        record.add("2026-10-01T08:00:00Z", 0, started("0.1.0", state(pass, pass)));
        let first = moment("2026-10-21T14:03:00Z", 0);
        let place = "/etc/ssh/sshd_config.d/50-cloud-init.conf:1: PasswordAuthentication yes";
        let event = change(pass, fail, first, "root can log in with a password from anywhere", &[place]);
        record.add("2026-10-21T14:04:00Z", 0, event);
        let first = moment("2026-10-21T15:06:00Z", 0);
        record.add(
            "2026-10-21T15:07:00Z",
            0,
            change(fail, pass, first, "no account can log in with a password", &[]),
        );
        record.add("2026-10-22T00:00:00Z", 86_400, Event::Digest { verdicts: state(pass, pass) });
        record.add("2026-10-22T06:00:00Z", 0, Event::Digest { verdicts: state(pass, pass) });
        record.add("2026-10-22T07:00:00Z", 0, Event::Stopped);
        record.add("2026-10-22T09:00:00Z", 0, started("0.2.0", state(fail, pass)));
        record.add("2026-10-22T10:00:00Z", 0, Event::Digest { verdicts: state(fail, pass) });
        record.add("2026-10-22T10:00:00Z", 0, Event::Other);
        record
    }

    /// What this machine's own report says, once, long ago; of one check something else.
    pub(crate) fn of_this_machine() -> Self {
        let mut record = Self::new();
        let report: serde_json::Value =
            serde_json::from_str(&run(&["report", "--format", "json"]).0).unwrap();
        let verdict = |check: &serde_json::Value| -> Verdict {
            if check["id"] == CHANGED {
                Verdict::Fail
            } else {
                serde_json::from_value(check["verdict"].clone()).unwrap()
            }
        };
        let checks = report["checks"].as_array().unwrap();
        let verdicts = checks.iter().map(|check| (check["id"].as_str().unwrap().to_owned(), verdict(check)));
        let event =
            Event::Started { version: "0".into(), offer: "generic".into(), verdicts: verdicts.collect() };
        record.add("2026-10-01T08:00:00Z", 0, event);
        record
    }

    /// An entry at an instant, when the clock was ahead by so many seconds.
    pub(crate) fn add(&mut self, at: &str, ahead: i64, event: Event) {
        self.sequence += 1;
        let (sequence, previous) = (self.sequence, self.previous.clone());
        let line = Entry { sequence, previous, at: moment(at, ahead), event }.line().unwrap();
        self.previous = hash(&line);
        let before = fs::read_to_string(self.file()).unwrap_or_default();
        fs::write(self.file(), before + std::str::from_utf8(&line).unwrap() + "\n").unwrap();
    }
}

/// A moment of a boot that began on the first of October.
fn moment(at: &str, ahead: i64) -> Moment {
    let at: Timestamp = at.parse().unwrap();
    let begun: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
    Moment {
        wall: Timestamp(at.0 + ahead),
        boot: "0b5a9a9c-55d5-4b4e-8b0c-3f1f5e8f6a11".to_owned(),
        monotonic_ms: u64::try_from(at.0 - begun.0).unwrap() * 1000,
        synchronised: Some(ahead == 0),
    }
}
