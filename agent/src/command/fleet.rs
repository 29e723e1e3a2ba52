//! `hostduty report --host` and `--from`: the reports of other machines, asked now or written earlier, merged into one.

use std::process::ExitCode;

use checks::date::Timestamp;
use checks::host::Host;
use checks::providers;

use super::{Error, no_such};
use crate::cli::{self, ReportFormat};
use crate::fleet::{self, Asked, Hosts};
use crate::host::Live;
use crate::render::book::{Book, Missing, Page};
use crate::render::human::Paint;
use crate::render::{self, fleet as human, fleet_v1};
use crate::{config, output};

pub(crate) fn run(arguments: &cli::Report) -> Result<ExitCode, Error> {
    let (asked, notes) = if arguments.remote.saved.is_empty() {
        let config = checked(arguments)?;
        let hosts = fleet::hosts(&arguments.remote)?;
        if arguments.remote.list_hosts {
            return listed(arguments, &hosts);
        }
        let asked = fleet::ask(hosts.list, words(arguments), config.as_deref(), arguments)?;
        (asked, hosts.notes)
    } else {
        fleet::saved(&arguments.remote.saved)?
    };
    let now: Timestamp = Live::new().now();
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        ReportFormat::Json => output::json(&fleet_v1::fleet(&asked, &notes, now))?,
        ReportFormat::Human => {
            let paint = Paint(output::coloured(arguments.answer.color, file.is_some()));
            let fleet = fleet_v1::fleet(&asked, &notes, now);
            human::report(&fleet, &asked, &notes, now, paint, arguments.verbose)
        }
        foreign => render::foreign(foreign, &book(&asked)?)?,
    };
    output::deliver(&text, file)?;
    Ok(ExitCode::from(code(&asked, &arguments.codes)))
}

/// The text of the configuration that every host is judged by, if one is named. A mistake in it is told once and here, not by
/// every host.
fn checked(arguments: &cli::Report) -> Result<Option<String>, Error> {
    if let Some(id) = &arguments.against.offer
        && !providers::ids().any(|known| known == id)
    {
        return Err(no_such("offer", id, &providers::ids().collect::<Vec<_>>()));
    }
    let Some(path) = &arguments.against.config else { return Ok(None) };
    let text = config::text(path)?;
    config::from_text(path, &text)?;
    Ok(Some(text))
}

/// Says who would be asked.
fn listed(arguments: &cli::Report, hosts: &Hosts) -> Result<ExitCode, Error> {
    let text = match arguments.format {
        ReportFormat::Json => output::json(&fleet_v1::listed(&hosts.list, &hosts.notes))?,
        ReportFormat::Human => human::listed(&hosts.list, &hosts.notes),
        _ => {
            return Err(Error::Usage(
                "--list-hosts prints no report\nchoose --format human or --format json".to_owned(),
            ));
        }
    };
    output::deliver(&text, arguments.answer.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

fn book(asked: &[Asked]) -> Result<Book, output::Error> {
    let (mut pages, mut missing) = (Vec::new(), Vec::new());
    for one in asked {
        let name = output::clean(&one.host.name);
        match &one.answer {
            Ok(report) => {
                pages.push(Page { name, report: output::inert_copy(report)?, exposure: None, past: None })
            }
            Err(failure) => missing.push(Missing {
                name,
                outcome: failure.reason.name(),
                detail: output::clean(&failure.detail),
            }),
        }
    }
    Ok(Book::new(pages, missing))
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
