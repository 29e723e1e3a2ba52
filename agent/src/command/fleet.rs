//! `hostduty report --host`: the reports of other machines, merged into one.

use std::process::ExitCode;

use checks::date::Timestamp;
use checks::host::Host;
use checks::providers;

use super::{Error, no_such};
use crate::cli::{self, Format};
use crate::fleet::{self, Asked};
use crate::host::Live;
use crate::render::human::Paint;
use crate::render::{fleet as human, fleet_v1};
use crate::{config, output};

pub(crate) fn run(arguments: &cli::Report) -> Result<ExitCode, Error> {
    if let Some(id) = &arguments.against.offer
        && !providers::ids().any(|known| known == id)
    {
        return Err(no_such("offer", id, &providers::ids().collect::<Vec<_>>()));
    }
    // A mistake in the configuration is told once and here, not by every host.
    let config = match &arguments.against.config {
        Some(path) => {
            let text = config::text(path)?;
            config::from_text(path, &text)?;
            Some(text)
        }
        None => None,
    };
    let hosts = fleet::hosts(&arguments.remote)?;
    let file = arguments.answer.output.as_deref();
    if arguments.remote.list_hosts {
        let text = match arguments.format {
            Format::Json => output::json(&fleet_v1::listed(&hosts.list, &hosts.notes))?,
            Format::Human => human::listed(&hosts.list, &hosts.notes),
        };
        output::deliver(&text, file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let asked = fleet::ask(hosts.list, words(arguments), config.as_deref(), arguments)?;
    let now: Timestamp = Live::new().now();
    let fleet = fleet_v1::fleet(&asked, &hosts.notes, now);
    let text = match arguments.format {
        Format::Json => output::json(&fleet)?,
        Format::Human => {
            let paint = Paint(output::coloured(arguments.answer.color, file.is_some()));
            human::report(&fleet, &asked, &hosts.notes, now, paint, arguments.verbose)
        }
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::from(code(&asked, &arguments.codes)))
}

/// What the other side is asked for.
fn words(arguments: &cli::Report) -> Vec<String> {
    let mut words = vec!["report".to_owned(), "--format".to_owned(), "json".to_owned()];
    if arguments.against.config.is_some() {
        words.extend(["--config".to_owned(), "-".to_owned()]);
    }
    if let Some(offer) = &arguments.against.offer {
        words.extend(["--offer".to_owned(), offer.clone()]);
    }
    for check in &arguments.checks {
        words.extend(["--check".to_owned(), check.clone()]);
    }
    words
}

/// The worst of all: 2 beats 1 beats 3 beats 0.
fn code(asked: &[Asked], codes: &cli::Codes) -> u8 {
    let each = asked.iter().map(|one| one.answer.as_ref().map_or(2, |report| fleet::code(report, codes)));
    each.max_by_key(|code| match code {
        2 => 3,
        1 => 2,
        3 => 1,
        _ => 0,
    })
    .unwrap_or(0)
}
