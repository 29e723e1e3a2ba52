//! `hostduty status`: what the running watch says of itself.

use std::fmt::Write;
use std::io::ErrorKind;
use std::process::ExitCode;

use checks::date::Timestamp;
use checks::host::Host;
use serde::Serialize;

use super::Error;
use crate::cli::{self, Format};
use crate::history;
use crate::host::Live;
use crate::output::{self, clean};
use crate::render::history as render;
use crate::render::human::wrapped;
use crate::watch::status::{self, Status};

/// No watch runs.
const NONE: u8 = 1;

/// What a program gets: the status file, and whether it is still true.
#[derive(Serialize)]
struct Answer {
    schema_version: u32,
    running: bool,
    state: String,
    status: Option<Status>,
}

pub(crate) fn run(arguments: &cli::Status) -> Result<ExitCode, Error> {
    let folder = history::folder(arguments.state.as_deref());
    let status = match Status::read(&folder) {
        Ok(status) => Some(status),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            let place = folder.join(status::FILE);
            return Err(Error::Usage(format!(
                "{} cannot be read: {error}\n{}, or name the folder with --state",
                place.display(),
                history::WHO_MAY_READ
            )));
        }
    };
    let running = status.as_ref().is_some_and(Status::runs);
    let text = match arguments.format {
        Format::Json => output::json(&Answer {
            schema_version: status::SCHEMA_VERSION,
            running,
            state: folder.display().to_string(),
            status,
        })?,
        Format::Human => human(status.as_ref(), running, &folder.display().to_string(), Live::new().now()),
    };
    output::print(&text)?;
    Ok(if running { ExitCode::SUCCESS } else { ExitCode::from(NONE) })
}

fn human(status: Option<&Status>, running: bool, folder: &str, now: Timestamp) -> String {
    let mut out = String::new();
    let folder = clean(folder);
    let Some(status) = status else {
        return format!(
            "No watch has run with the state folder {folder}\n`systemctl start hostduty` starts one, --state names another folder\n"
        );
    };
    let _ = match (running, status.stopped_at) {
        (true, _) => writeln!(out, "Watching since {} (process {})", status.since, status.pid),
        (false, Some(at)) => writeln!(out, "Nothing watches: the last watch was told to stop at {at}"),
        (false, None) => writeln!(
            out,
            "Nothing watches: process {}, which last looked at {}, is gone",
            status.pid, status.looked_at
        ),
    };
    let _ = writeln!(
        out,
        "Last looked {}, last judged {}",
        ago(status.looked_at, now),
        ago(status.judged_at, now)
    );
    let count = |verdict: &str| status.verdicts.get(verdict).copied().unwrap_or(0);
    let counts = format!(
        "{} failed, {} unknown, {} waived, {} kept, {} not applicable; offer {}",
        count("fail"),
        count("unknown"),
        count("waived"),
        count("pass"),
        count("not-applicable"),
        status.offer
    );
    wrapped(&mut out, "", 2, &counts);
    for pending in &status.pending {
        let line = format!(
            "{} → {} since {}; counts once it has lasted {} s",
            pending.from, pending.to, pending.since, status.settle_seconds
        );
        wrapped(&mut out, &format!("Pending: {}: ", pending.check), 2, &line);
    }
    wrapped(&mut out, &format!("Watched ({} folders): ", status.folders), 2, &status.watched.join(", "));
    wrapped(
        &mut out,
        &format!("Polled every {} s, for what nobody announces: ", status.poll_seconds),
        2,
        &status.polled.join(", "),
    );
    for gap in &status.gaps {
        wrapped(&mut out, "Gap: ", 2, gap);
    }
    for trouble in &status.trouble {
        wrapped(&mut out, "Trouble: ", 2, &trouble.replace('\n', "; "));
    }
    if running {
        let due = status.report_due.map_or("none".to_owned(), |due| due.to_string());
        let _ = writeln!(out, "Next full report: {due}");
    }
    let _ = writeln!(out, "The record in {folder} has {}", render::entries(status.recorded));
    out
}

fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.0.saturating_sub(then.0) {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7200 => format!("{} min ago", seconds / 60),
        _ => format!("at {then}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stopped_has_no_next_report() {
        let status = Status { report_due: Some(Timestamp(1_800_000_000)), recorded: 1, ..Status::default() };
        let told = |running| human(Some(&status), running, "/var/lib/hostduty", Timestamp(0));
        assert!(told(true).contains("Next full report: 2027-01-15"), "{}", told(true));
        assert!(!told(false).contains("Next"), "{}", told(false));
        assert!(told(false).ends_with("/var/lib/hostduty has 1 entry\n"), "{}", told(false));
    }
}
