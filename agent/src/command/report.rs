//! `hostduty report`: judge every check and print what is kept, what is broken and what could not be known.

use std::collections::BTreeMap;
use std::process::ExitCode;

use checks::check::Verdict;
use checks::history::timeline::Since;
use checks::registry;
use checks::report::{self, Report, Status};

use super::{Error, judgeable, no_such};
use crate::cli::{self, Codes, ReportFormat};
use crate::history::{self, Clock, Folder, past};
use crate::output;
use crate::render::book::{Book, Page};
use crate::render::{self, human, json_v1};
use crate::sign::{self, Purpose};

/// Every check kept.
const KEPT: u8 = 0;
/// Something fails.
const FAILS: u8 = 1;
/// Nothing fails, something is unknown.
const UNKNOWN: u8 = 3;

pub(crate) fn run(arguments: &cli::Report) -> Result<ExitCode, Error> {
    for id in &arguments.checks {
        if registry::find(id).is_none() {
            let ids: Vec<&str> = registry::CHECKS.iter().map(|check| check.id).collect();
            return Err(no_such("check", id, &ids));
        }
    }
    if arguments.remote.is_named() || !arguments.remote.saved.is_empty() {
        return super::fleet::run(arguments);
    }
    let (facts, settings, detected) = judgeable(&arguments.subject, &arguments.against)?;
    let report = report::judge(&facts, &settings.policy, &detected, &arguments.checks);
    let since = since(arguments, &report)?;
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        ReportFormat::Json => output::json(&json_v1::report(&report, &since))?,
        ReportFormat::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            human::report(&report, &since, paint, arguments.verbose)
        }
        foreign => {
            let report = output::inert_copy(&json_v1::report(&report, &since))?;
            let name = report.host.name.clone().unwrap_or_else(|| "this host".to_owned());
            render::foreign(foreign, &Book::new(vec![Page { name, report }], Vec::new()))?
        }
    };
    match file {
        Some(file) if arguments.sign => {
            let signature = sign::sign(&text, arguments.key.as_deref(), Purpose::Report)?;
            let machine = facts.machine.value();
            let host = machine.and_then(|machine| machine.name.value()).map_or("", String::as_str);
            output::print(&sign::deliver(&text, &signature, file, host)?)?;
        }
        _ => output::deliver(&text, file)?,
    }
    Ok(ExitCode::from(code(&report, &arguments.codes)))
}

/// Since when the verdicts hold, as far as the record of this very machine tells. It is somebody else's for a root folder
/// or a snapshot, and one that cannot be read is an error only where it was named.
fn since(arguments: &cli::Report, report: &Report<'_>) -> Result<BTreeMap<&'static str, Since>, Error> {
    if arguments.subject.root.is_some() || arguments.subject.facts.is_some() {
        return Ok(BTreeMap::new());
    }
    let folder = history::folder(arguments.state.as_deref());
    let past = Folder::open(&folder).and_then(|folder| past::read(&folder, &Clock::new(), None));
    let past = match past {
        Err(error) if arguments.state.is_some() => return Err(error.into()),
        Err(_) => return Ok(BTreeMap::new()),
        Ok(past) => past,
    };
    let held = |outcome: &report::Outcome| {
        let since = past.timeline.since(outcome.check.id)?;
        (since.verdict == outcome.verdict).then_some((outcome.check.id, since))
    };
    Ok(report.outcomes.iter().filter_map(held).collect())
}

/// The exit code that a report earns: 1 beats 3 beats 0. Who attested what a check of severity `advice` half sees has answered
/// the duty, and is not to be woken by it every night.
pub(super) fn code(report: &Report<'_>, codes: &Codes) -> u8 {
    let fails = report.outcomes.iter().any(|outcome| {
        outcome.verdict == Verdict::Fail
            && outcome.severity >= codes.fail_on
            && report.answered(outcome).is_none()
    });
    let unknown = report.outcomes.iter().any(|outcome| outcome.verdict == Verdict::Unknown);
    let unattested =
        report.duties.iter().any(|duty| matches!(duty.status, Status::NotAttested | Status::Expired));
    if fails {
        FAILS
    } else if (unknown && !codes.allow_unknown) || (unattested && codes.require_attestations) {
        UNKNOWN
    } else {
        KEPT
    }
}
