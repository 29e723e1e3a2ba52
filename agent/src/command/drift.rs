//! `hostduty drift`: what changed between two snapshots or two JSON reports.

use std::path::Path;
use std::process::ExitCode;

use checks::check::Verdict;
use checks::history::drift::{self, Look, Seen, Weight};
use checks::report;
use serde::Deserialize;

use super::{Error, settled};
use crate::cli::{self, Against, Format};
use crate::render::{drift as render, human};
use crate::{config as configuration, output, source};

/// Nothing became worse.
const NOT_WORSE: u8 = 0;
/// Something new fails.
const WORSE: u8 = 1;
/// Nothing new fails, something that was known is unknown.
const LESS_KNOWN: u8 = 3;

pub(crate) fn run(arguments: &cli::Drift) -> Result<ExitCode, Error> {
    let old = look(&arguments.old, &arguments.against)?;
    let new = look(&arguments.new, &arguments.against)?;
    let changes = drift::drift(&old, &new);
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&render::json(&changes))?,
        Format::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            render::human(&changes, paint)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::from(match changes.iter().map(drift::Change::weight).min() {
        Some(Weight::Worse) => WORSE,
        Some(Weight::LessKnown) => LESS_KNOWN,
        Some(Weight::NotWorse) | None => NOT_WORSE,
    }))
}

/// The part of a JSON report that tells of checks.
#[derive(Deserialize)]
struct Report {
    schema_version: u32,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    id: String,
    verdict: Verdict,
    reason: String,
    findings: Vec<Finding>,
    #[serde(default)]
    waived: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    subject: String,
    message: String,
}

fn look(path: &Path, against: &Against) -> Result<Look, Error> {
    let text = source::text(path)?;
    if text.trim_start().starts_with('{') {
        return reported(path, &text);
    }
    let facts = source::parsed(path, &text)?;
    let settings = match &against.config {
        Some(config) => configuration::from_file(config)?,
        None => configuration::none()?,
    };
    let (settings, detected) = settled(against, settings, &facts)?;
    Ok(drift::look(&report::judge(&facts, &settings.policy, &detected, &[])))
}

fn reported(path: &Path, text: &str) -> Result<Look, Error> {
    let not = |why: String| {
        Error::Usage(format!(
            "{} is not a report that this version understands: {why}\nmake one with `hostduty report --format json`",
            path.display()
        ))
    };
    let report: Report =
        serde_json::from_slice(text.as_bytes()).map_err(|error| not(output::complaint(&error)))?;
    if report.schema_version != 1 {
        return Err(not(format!("it is of version {}", report.schema_version)));
    }
    let seen = |check: Check| {
        let findings = check.findings.into_iter().chain(check.waived);
        let findings = findings.map(|finding| (finding.subject, finding.message)).collect();
        (check.id, Seen { verdict: check.verdict, reason: check.reason, findings })
    };
    Ok(report.checks.into_iter().map(seen).collect())
}
