//! What node_exporter's textfile collector reads: `hostduty.prom`, whole or not at all.
//!
//! The collector takes the text format without time stamps, the same help for the same name in every file, and a
//! newline at the end; instants are therefore values.

use std::io;
use std::path::Path;

use super::settle::State;
use super::status::Status;
use crate::render::openmetrics::{VERDICTS, family, sample};

/// The name that the collector looks for ends in .prom.
pub(crate) const FILE: &str = "hostduty.prom";

/// The metrics of what counts now. The severity of each check is that under the offer.
pub(crate) fn text<'a>(
    status: &Status,
    states: impl Iterator<Item = (&'a str, &'a str, &'a State)> + Clone,
) -> String {
    let mut out = String::new();
    family(&mut out, "hostduty_info", "What watches, and against which offer.");
    let labels = [("version", status.hostduty.as_str()), ("offer", &status.offer)];
    sample(&mut out, "hostduty_info", &labels, 1);
    family(&mut out, "hostduty_check", "1 for the verdict of each check that counts now, 0 for the others.");
    for (check, severity, state) in states.clone() {
        for verdict in VERDICTS {
            let labels = [("check", check), ("severity", severity), ("verdict", verdict.name())];
            sample(&mut out, "hostduty_check", &labels, i64::from(verdict == state.verdict));
        }
    }
    family(
        &mut out,
        "hostduty_check_since_seconds",
        "Since when the verdict is known to hold, in seconds since 1970.",
    );
    for (check, _, state) in states {
        sample(&mut out, "hostduty_check_since_seconds", &[("check", check)], state.since.wall.0);
    }
    family(&mut out, "hostduty_checks", "How many checks have each verdict.");
    for verdict in VERDICTS {
        let count = status.verdicts.get(verdict.name()).copied().unwrap_or(0);
        sample(&mut out, "hostduty_checks", &[("verdict", verdict.name())], count as i64);
    }
    let numbers = [
        ("hostduty_pending", "Changes that have not lasted yet.", status.pending.len() as i64),
        (
            "hostduty_gaps",
            "Places of which changes may go unnoticed until the next poll.",
            status.gaps.len() as i64,
        ),
        (
            "hostduty_looked_seconds",
            "When the host was last looked at, in seconds since 1970.",
            status.looked_at.0,
        ),
        ("hostduty_judged_seconds", "When it was last judged, in seconds since 1970.", status.judged_at.0),
    ];
    for (name, help, value) in numbers {
        family(&mut out, name, help);
        sample(&mut out, name, &[], value);
    }
    out
}

/// Why the file is not there, and what to do. Only the folder that was configured at the start was opened for writing.
pub(crate) fn refused(folder: &Path, opened: bool, error: &io::Error) -> String {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let cure = match error.kind() {
        NotFound => "make the folder, and start hostduty again".to_owned(),
        _ if !opened => {
            "textfile_folder was changed while hostduty ran, and it can write only where it could when it started: start it \
             again, `systemctl restart hostduty`"
                .to_owned()
        }
        ReadOnlyFilesystem => format!(
            "hostduty.service may not write there: `systemctl edit hostduty`, with ReadWritePaths={} below [Service]",
            folder.display()
        ),
        PermissionDenied => "let the user that hostduty runs as write there, and start it again".to_owned(),
        _ => "mend that, or name another folder with textfile_folder and start hostduty again".to_owned(),
    };
    format!("{} cannot be written: {error}\n{cure}", folder.join(FILE).display())
}

#[cfg(test)]
mod tests {
    use checks::check::{Severity, Verdict};
    use checks::date::Timestamp;
    use checks::history::Moment;

    use super::super::settle::{Seen, Settling};
    use super::*;

    #[test]
    fn the_text_is_as_the_collector_takes_it() {
        let seen = Seen {
            check: "ssh-key-only",
            verdict: Verdict::Fail,
            severity: Severity::Critical,
            subjects: [].into(),
            reason: String::new(),
            evidence: Vec::new(),
            service_level: false,
        };
        let since = Moment { wall: Timestamp(1_795_000_000), ..Moment::default() };
        let settling = Settling::begin(0, &[seen], &since);
        let status = Status {
            hostduty: "0.1.0".into(),
            offer: "a\"b\\c".into(),
            verdicts: [("fail".to_owned(), 1)].into(),
            judged_at: Timestamp(1_795_000_060),
            ..Status::default()
        };
        let text = text(&status, settling.states().iter().map(|(check, state)| (*check, "critical", state)));
        for line in [
            "hostduty_info{version=\"0.1.0\",offer=\"a\\\"b\\\\c\"} 1",
            "# TYPE hostduty_check gauge",
            "hostduty_check{check=\"ssh-key-only\",severity=\"critical\",verdict=\"fail\"} 1",
            "hostduty_check{check=\"ssh-key-only\",severity=\"critical\",verdict=\"pass\"} 0",
            "hostduty_check_since_seconds{check=\"ssh-key-only\"} 1795000000",
            "hostduty_checks{verdict=\"fail\"} 1",
            "hostduty_checks{verdict=\"waived\"} 0",
            "hostduty_judged_seconds 1795000060",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with('\n'));
        // One help and one type for each family, before its samples.
        let mut known = std::collections::BTreeSet::new();
        let mut family = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                family = rest.split(' ').next().unwrap();
                assert!(known.insert(family), "{family} twice");
            } else if !line.starts_with('#') {
                assert_eq!(line.split(['{', ' ']).next(), Some(family));
                assert_eq!(line.rsplit_once(' ').unwrap().0.matches(' ').count(), 0, "no time stamp: {line}");
            }
        }
    }

    #[test]
    fn what_keeps_the_file_from_being_written_has_a_cure() {
        let folder = Path::new("/srv/prom");
        let cure = |opened, errno| refused(folder, opened, &io::Error::from_raw_os_error(errno));
        assert!(cure(true, libc::EROFS).contains("ReadWritePaths=/srv/prom"));
        assert!(cure(true, libc::EACCES).contains("let the user"));
        assert!(cure(false, libc::EACCES).contains("systemctl restart hostduty"));
        assert!(cure(false, libc::ENOENT).contains("make the folder"));
        assert!(cure(true, libc::ENOSPC).starts_with("/srv/prom/hostduty.prom cannot be written: No space"));
    }
}
