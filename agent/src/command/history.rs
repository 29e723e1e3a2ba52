//! `hostduty history`: since when, for how long, and whether the record is what was written.

use std::io::ErrorKind;
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
use crate::{named, output};

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
    let now = clock.now().wall;
    let since = arguments.since.map(|since| since.instant(now));
    if let Some(since) = since.filter(|since| *since > now) {
        return Err(Error::Usage(format!(
            "--since {since} is in the future, of which there is no record\nit is {now} now"
        )));
    }
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
    /// The hash of the first entry, by which records are told apart. Statements of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<String>,
}

/// A longer statement is none.
const LONGEST: u64 = 64 << 10;

/// How a hash is labelled.
const LABEL: &str = "sha256:";

fn verify(state: Option<&Path>, file: Option<&Path>) -> Result<ExitCode, Error> {
    let place = record::folder(state);
    let folder = Folder::open(&place)?;
    let mut verifier = Verifier::new();
    let (mut vouched, mut other) = (String::new(), None);
    let statement = file.map(read).transpose()?;
    if let Some(statement) = &statement {
        vouched = format!(", among them entry {} of the statement", statement.sequence);
        verifier = verifier.vouching(statement.sequence, unlabelled(&statement.head));
        other = statement.first.as_ref().filter(|first| past::first(&folder) != Some(unlabelled(first)));
    }
    let verified = past::verify(&folder, verifier)?;
    let Verified { entries, sequence, head, problems, more } = &verified;
    let place = place.display();
    let mut out = String::new();
    if *entries == 0 && problems.is_empty() {
        out += &format!("{place} holds no record: nothing was written yet, or all of it was taken away\n");
        output::print(&out)?;
        return Ok(ExitCode::from(BROKEN));
    }
    if let (Some(statement), Some(first)) = (&statement, other) {
        let text = format!(
            "The statement is of another record, one of {} that begins with {first}: either it was made elsewhere, or \
             this record was begun anew or forged as a whole",
            statement.host
        );
        human::wrapped(&mut out, "", 2, &text);
    }
    for problem in problems {
        human::wrapped(&mut out, "", 2, &problem.to_string());
    }
    if *more > 0 {
        human::wrapped(&mut out, "", 2, &format!("and {more} more"));
    }
    let whole = problems.is_empty() && other.is_none();
    let sum = if whole {
        format!("{place}: all as it was written, {}{vouched}", render::entries(*entries))
    } else {
        format!("{place}: not all is as it was written, {}", render::entries(*entries))
    };
    human::wrapped(&mut out, "", 2, &sum);
    out += &format!("The chain ends with entry {sequence}, {LABEL}{head}\n");
    match (&statement, file) {
        (Some(statement), Some(file)) => whose(&mut out, statement, file),
        _ => {
            let until = "Whether it ended later, or with another last entry, only a statement tells: hostduty history sign";
            human::wrapped(&mut out, "", 2, until);
        }
    }
    output::print(&out)?;
    Ok(ExitCode::from(if whole { 0 } else { BROKEN }))
}

/// Whose statement it is, and what it takes to believe that.
fn whose(out: &mut String, statement: &Statement, file: &Path) {
    let Statement { host, made_at, .. } = statement;
    let here = host_name();
    let but = if *host == here { String::new() } else { format!(", and this host is {here}") };
    human::wrapped(out, "", 2, &format!("The statement says that it is {host}'s of {made_at}{but}"));
    let beside = sign::beside(file);
    if beside.is_file() {
        let cure = "Its signature was not checked. That it was made by a key of that host, this tells:";
        human::wrapped(out, "", 2, cure);
        let command = sign::verify_command(Purpose::History, host, file);
        *out += &format!("  {}\n", output::clean(&command));
    } else {
        let text = format!("No signature lies beside it ({}): anybody may have written it", beside.display());
        human::wrapped(out, "", 2, &text);
    }
}

fn unlabelled(hash: &str) -> String {
    hash.trim_start_matches(LABEL).to_owned()
}

fn read(path: &Path) -> Result<Statement, Error> {
    let not = |why: String| {
        Error::Usage(format!(
            "{} is not a statement about a record: {why}\nmake one with `hostduty history sign FILE`",
            path.display()
        ))
    };
    let text = named::read(path, LONGEST).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => not("it is larger than any".to_owned()),
        _ => not(format!("it cannot be read: {error}")),
    })?;
    let statement: Statement =
        serde_json::from_slice(text.as_bytes()).map_err(|error| not(output::complaint(&error)))?;
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
    let folder = Folder::open(&record::folder(state))?;
    let head = Head::of(&folder)?;
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
        first: past::first(&folder).map(|hash| format!("{LABEL}{hash}")),
    })?;
    let signature = sign::sign(&text, key, Purpose::History)?;
    output::print(&sign::deliver(&text, &signature, file, &host)?)?;
    Ok(ExitCode::SUCCESS)
}
