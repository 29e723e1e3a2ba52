//! `hostduty report`: judge every check and print what is kept, what is broken and what could not be known.

use std::collections::BTreeMap;
use std::process::ExitCode;

use checks::check::Verdict;
use checks::facts::Facts;
use checks::history::timeline::{Since, Timeline};
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
    let past = past(arguments)?;
    let since = past.as_ref().map(|past| since(past, &report)).unwrap_or_default();
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        ReportFormat::Json => output::json(&json_v1::report(&report, &since))?,
        ReportFormat::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            human::report(&report, &since, paint, arguments.verbose)
        }
        foreign => {
            let book = book(arguments, &json_v1::report(&report, &since), &facts, past)?;
            render::foreign(foreign, &book)?
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

/// What the record of this very machine tells. It is somebody else's for a root folder or a snapshot, and one that cannot be
/// read is an error only where it was named.
fn past(arguments: &cli::Report) -> Result<Option<Timeline>, Error> {
    if arguments.subject.root.is_some() || arguments.subject.facts.is_some() {
        return Ok(None);
    }
    let folder = history::folder(arguments.state.as_deref());
    let past = Folder::open(&folder).and_then(|folder| past::read(&folder, &Clock::new(), None));
    match past {
        Err(error) if arguments.state.is_some() => Err(error.into()),
        Err(_) => Ok(None),
        Ok(past) => Ok(Some(past.timeline)),
    }
}

/// Since when the verdicts hold, as far as it tells.
fn since(past: &Timeline, report: &Report<'_>) -> BTreeMap<&'static str, Since> {
    let held = |outcome: &report::Outcome| {
        let since = past.since(outcome.check.id)?;
        (since.verdict == outcome.verdict).then_some((outcome.check.id, since))
    };
    report.outcomes.iter().filter_map(held).collect()
}

/// The one host of this report, for every format that holds many.
fn book(
    arguments: &cli::Report,
    json: &json_v1::Report,
    facts: &Facts,
    past: Option<Timeline>,
) -> Result<Book, output::Error> {
    let report = output::inert_copy(json)?;
    let name = report.host.name.clone().unwrap_or_else(|| "this host".to_owned());
    // A folder does not hold the rules that a kernel enforces.
    let asked = arguments.subject.root.is_none().then(|| super::exposure::listing(facts).ok());
    let exposure = asked.flatten();
    Ok(Book::new(vec![Page { name, report, exposure, past }], Vec::new()))
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
