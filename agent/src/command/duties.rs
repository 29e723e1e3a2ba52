//! `hostduty duties`: the offer's matrix, so that half of it can never look like the whole.

use std::process::ExitCode;

use checks::report;

use super::{Error, judgeable};
use crate::cli::{self, Format};
use crate::output;
use crate::render::{human, json_v1};

pub(crate) fn run(arguments: &cli::Duties) -> Result<ExitCode, Error> {
    let (facts, settings, detected) = judgeable(&arguments.subject, &arguments.against)?;
    let report = report::judge(&facts, &settings.policy, &detected, &[]);
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&json_v1::duties(&report))?,
        Format::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            human::duties(&report, paint)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::from(super::report::code(&report, &arguments.codes)))
}
