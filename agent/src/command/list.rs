//! `hostduty list`: every check with its severity and its sentence.

use std::fmt::Write;
use std::process::ExitCode;

use checks::host::System;
use checks::registry::CHECKS;
use serde::Serialize;

use super::Error;
use crate::cli::{self, Format};
use crate::output;

#[derive(Serialize)]
struct Row {
    id: &'static str,
    title: &'static str,
    severity: &'static str,
    systems: Vec<&'static str>,
}

pub(crate) fn run(arguments: &cli::List) -> Result<ExitCode, Error> {
    let rows: Vec<Row> = CHECKS
        .iter()
        .map(|check| Row {
            id: check.id,
            title: check.title,
            severity: check.severity.name(),
            systems: check.systems.iter().map(|system| system_name(*system)).collect(),
        })
        .collect();
    let text = match arguments.format {
        Format::Json => output::json(&rows)?,
        Format::Human => {
            let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
            rows.iter().fold(String::new(), |mut text, row| {
                let _ = writeln!(text, "{:width$}  {:8}  {}", row.id, row.severity, row.title);
                text
            })
        }
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The operating system as it is written.
pub(super) fn system_name(system: System) -> &'static str {
    match system {
        System::Linux => "linux",
        System::MacOs => "macos",
    }
}
