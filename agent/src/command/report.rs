//! `hostduty report`: judge every check and print what is kept, what is broken and what could not be known.

use std::process::ExitCode;

use checks::check::Verdict;
use checks::registry;
use checks::report::{self, Report, Status};

use super::{Error, judgeable, no_such};
use crate::cli::{self, Codes, Format};
use crate::output;
use crate::render::{human, json_v1};

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
    if arguments.remote.is_named() {
        return super::fleet::run(arguments);
    }
    let (facts, settings, detected) = judgeable(&arguments.subject, &arguments.against)?;
    let report = report::judge(&facts, &settings.policy, &detected, &arguments.checks);
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&json_v1::report(&report))?,
        Format::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            human::report(&report, paint, arguments.verbose)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::from(code(&report, &arguments.codes)))
}

/// The exit code that a report earns: 1 beats 3 beats 0.
pub(super) fn code(report: &Report<'_>, codes: &Codes) -> u8 {
    let fails = report
        .outcomes
        .iter()
        .any(|outcome| outcome.verdict == Verdict::Fail && outcome.severity >= codes.fail_on);
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
