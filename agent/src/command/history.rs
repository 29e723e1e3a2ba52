//! `hostduty history`: since when, for how long, and whether the record is what was written.

use std::path::Path;
use std::process::ExitCode;

use checks::history::timeline::Timeline;
use checks::history::verify::{Verified, Verifier};
use checks::host::{Host, Query};
use serde::{Deserialize, Serialize};

use super::Error;
use crate::cli::{self, Format, HistoryVerb};
use crate::history::{self as record, Clock, Folder, Head, past};
use crate::host::Live;
use crate::render::{history as render, history_v1, human};
use crate::sign::{self, Purpose};
use crate::{output, source};

/// The record is not what was written.
const BROKEN: u8 = 1;

pub(crate) fn run(arguments: &cli::History) -> Result<ExitCode, Error> {
    match &arguments.verb {
        None => tell(arguments),
        Some(HistoryVerb::Verify { state, statement }) => verify(state.as_deref(), statement.as_deref()),
        Some(HistoryVerb::Sign { file, state, key }) => sign(file, state.as_deref(), key.as_deref()),
    }
}

fn tell(arguments: &cli::History) -> Result<ExitCode, Error> {
    let folder = record::folder(arguments.state.as_deref());
    let clock = Clock::new();
    let since = arguments.since.map(|since| since.instant(clock.now().wall));
    let past = past::read(&Folder::open(&folder)?, &clock, since)?;
    let only = arguments.check.as_deref();
    if let Some(id) = only {
        known(id, &past.timeline)?;
    }
    let file = arguments.answer.output.as_deref();
    let text = match arguments.format {
        Format::Json => output::json(&history_v1::history(&past, only))?,
        Format::Human => {
            let paint = human::Paint(output::coloured(arguments.answer.color, file.is_some()));
            let all = since.is_some();
            render::human(&past, &folder.display().to_string(), only, all, paint)
        }
    };
    output::deliver(&text, file)?;
    // A record of which nothing can be read is not one that is empty.
    let unreadable = past.verified.entries == 0 && !past.verified.problems.is_empty();
    Ok(if unreadable { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

/// A check that this version has, or that the record tells of: one that went away with a version still has a past.
fn known(id: &str, timeline: &Timeline) -> Result<(), Error> {
    if timeline.checks.contains_key(id) || checks::registry::find(id).is_some() {
        return Ok(());
    }
    let ids: Vec<&str> = checks::registry::CHECKS.iter().map(|check| check.id).collect();
    Err(super::no_such("check", id, &ids))
}

/// What is signed: where the chain ended at an instant. Who holds it can tell later that nothing before was changed.
#[derive(Serialize, Deserialize)]
struct Statement {
    schema_version: u32,
    hostduty: String,
    host: String,
    made_at: String,
    sequence: u64,
    /// With its label, without which a long random word is taken for a secret.
    head: String,
}

/// How a hash is labelled.
const LABEL: &str = "sha256:";

fn verify(state: Option<&Path>, statement: Option<&Path>) -> Result<ExitCode, Error> {
    let place = record::folder(state);
    let mut verifier = Verifier::new();
    let (mut vouched, mut whose) = (String::new(), String::new());
    if let Some(path) = statement {
        let statement = read(path)?;
        vouched = format!(", among them entry {} of the statement", statement.sequence);
        whose = format!(
            "The statement is {}'s of {}. Whether its signature is, only ssh-keygen -Y verify tells",
            statement.host, statement.made_at
        );
        if statement.host != host_name() {
            whose += &format!(", and this host is {}", host_name());
        }
        let head = statement.head.trim_start_matches(LABEL).to_owned();
        verifier = verifier.vouching(statement.sequence, head);
    }
    let verified = past::verify(&Folder::open(&place)?, verifier)?;
    let Verified { entries, sequence, head, problems, more } = &verified;
    let place = place.display();
    let mut out = String::new();
    if *entries == 0 && problems.is_empty() {
        out += &format!("{place} holds no record: nothing was written yet, or all of it was taken away\n");
        output::print(&out)?;
        return Ok(ExitCode::from(BROKEN));
    }
    for problem in problems {
        human::wrapped(&mut out, "", 2, &problem.to_string());
    }
    if *more > 0 {
        human::wrapped(&mut out, "", 2, &format!("and {more} more"));
    }
    let sum = if problems.is_empty() {
        format!("{place}: all as it was written, {}{vouched}", render::entries(*entries))
    } else {
        format!("{place}: not all is as it was written, {}", render::entries(*entries))
    };
    human::wrapped(&mut out, "", 2, &sum);
    out += &format!("The chain ends with entry {sequence}, {LABEL}{head}\n");
    if whose.is_empty() {
        let until = "Whether it ended later, or with another last entry, only a statement tells: hostduty history sign";
        human::wrapped(&mut out, "", 2, until);
    } else {
        human::wrapped(&mut out, "", 2, &whose);
    }
    output::print(&out)?;
    Ok(ExitCode::from(if problems.is_empty() { 0 } else { BROKEN }))
}

fn read(path: &Path) -> Result<Statement, Error> {
    let not = |why: String| {
        Error::Usage(format!(
            "{} is not a statement about a record: {why}\nmake one with `hostduty history sign FILE`",
            path.display()
        ))
    };
    let statement: Statement =
        serde_json::from_str(&source::text(path)?).map_err(|error| not(error.to_string()))?;
    if statement.schema_version == 1 {
        Ok(statement)
    } else {
        Err(not("it is of another version".to_owned()))
    }
}

/// What this host calls itself, to tell apart statements that lie side by side.
fn host_name() -> String {
    let name = Live::new().query(&Query::HostName).ok().and_then(|name| String::from_utf8(name).ok());
    name.map(|name| name.trim().to_owned()).unwrap_or_default()
}

fn sign(file: &Path, state: Option<&Path>, key: Option<&Path>) -> Result<ExitCode, Error> {
    let head = Head::of(&Folder::open(&record::folder(state))?)?;
    if head.sequence == 0 {
        return Err(Error::Usage("there is no entry yet\n`hostduty watch` writes the record".to_owned()));
    }
    let host = host_name();
    let text = output::json(&Statement {
        schema_version: 1,
        hostduty: env!("CARGO_PKG_VERSION").to_owned(),
        host: host.clone(),
        made_at: Live::new().now().to_string(),
        sequence: head.sequence,
        head: format!("{LABEL}{}", head.hash),
    })?;
    let signature = sign::sign(&text, key, Purpose::History)?;
    output::print(&sign::deliver(&text, &signature, file, &host)?)?;
    Ok(ExitCode::SUCCESS)
}
