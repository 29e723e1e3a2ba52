//! `hostduty patches`: the updates that wait, security first, and how old that knowledge is.

use std::process::ExitCode;

use super::Error;
use crate::cli::{self, Format};
use crate::render::human::Paint;
use crate::render::patches::{self, Listing};
use crate::{output, source};

const ROOMS: &[&str] = &["machine", "packages", "updates", "kernels"];

pub(crate) fn run(arguments: &cli::Patches) -> Result<ExitCode, Error> {
    let facts = source::rooms_of(ROOMS, &arguments.subject)?;
    let listing = Listing::new(&facts);
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&listing)?,
        Format::Human => {
            let paint = Paint(output::coloured(arguments.answer.color, file.is_some()));
            patches::human(&listing, paint)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::SUCCESS)
}
