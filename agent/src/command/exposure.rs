//! `hostduty exposure`: every socket and published port, with who can reach it and the rule that decides.

use std::process::ExitCode;

use checks::facts::Facts;
use checks::reach;

use super::Error;
use crate::cli::{self, Format};
use crate::render::exposure::{self, Listing};
use crate::render::human::Paint;
use crate::{output, source};

const ROOMS: &[&str] = &["machine", "accounts", "processes", "sockets", "network", "ruleset"];

pub(crate) fn run(arguments: &cli::Exposure) -> Result<ExitCode, Error> {
    let facts = source::rooms(ROOMS, &arguments.kernel)?;
    let listing = listing(&facts)?;
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&listing)?,
        Format::Human => {
            let paint = Paint(output::coloured(arguments.answer.color, file.is_some()));
            exposure::human(&listing, super::reach::seen_by(&facts), paint)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::SUCCESS)
}

/// What is listed. Without the rules or the routes the sockets are still worth showing: who reaches them is unknown.
pub(super) fn listing(facts: &Facts) -> Result<Listing, Error> {
    let sockets = facts.sockets.known().map_err(|gap| {
        Error::Usage(format!("the sockets of this machine are not known: {gap}\nsee `hostduty doctor`"))
    })?;
    Ok(match reach::exposure(facts) {
        Ok(found) => Listing::new(&found),
        Err(gap) => Listing::without_rules(sockets, &gap),
    })
}
