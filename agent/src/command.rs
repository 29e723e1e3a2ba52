//! The verbs of the command line: one file each, named as it is typed.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod duties;
pub(crate) mod explain;
pub(crate) mod exposure;
pub(crate) mod facts;
pub(crate) mod fleet;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod patches;
pub(crate) mod reach;
pub(crate) mod report;
pub(crate) mod sshd;
pub(crate) mod status;
pub(crate) mod watch;

use checks::providers::{self, Detected};

use crate::cli::{Against, Subject};
use crate::config::{self as configuration, Settings, nearest};
use crate::watch as watch_loop;
use crate::{fleet as hosts, history as record, output, sign, source};

/// Why a verb could not do its work. The message is what, where, and what to do next.
#[derive(Debug)]
pub(crate) enum Error {
    /// There are no facts.
    Source(source::Error),
    /// The configuration is wrong.
    Config(configuration::Error),
    /// The answer could not be given.
    Output(output::Error),
    /// The record could not be read.
    History(record::Error),
    /// There is no signature.
    Sign(sign::Error),
    /// Nobody could be asked.
    Fleet(hosts::Error),
    /// The command line names something that does not exist.
    Usage(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::History(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
            Self::Fleet(error) => error.fmt(f),
            Self::Usage(message) => f.write_str(message),
        }
    }
}

impl From<source::Error> for Error {
    fn from(error: source::Error) -> Self {
        Self::Source(error)
    }
}

impl From<watch_loop::Error> for Error {
    fn from(error: watch_loop::Error) -> Self {
        match error {
            watch_loop::Error::Config(error) => Self::Config(error),
            watch_loop::Error::History(error) => Self::History(error),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<configuration::Error> for Error {
    fn from(error: configuration::Error) -> Self {
        Self::Config(error)
    }
}

impl From<output::Error> for Error {
    fn from(error: output::Error) -> Self {
        Self::Output(error)
    }
}

impl From<record::Error> for Error {
    fn from(error: record::Error) -> Self {
        Self::History(error)
    }
}

impl From<sign::Error> for Error {
    fn from(error: sign::Error) -> Self {
        Self::Sign(error)
    }
}

impl From<hosts::Error> for Error {
    fn from(error: hosts::Error) -> Self {
        Self::Fleet(error)
    }
}

/// "there is no X, did you mean Y" for an id on the command line.
fn no_such(what: &str, typed: &str, known: &[&str]) -> Error {
    let cure = match nearest(typed, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.len() > 12 => format!("`hostduty list` names them all ({})", known.len()),
        None => format!("known: {}", known.join(", ")),
    };
    Error::Usage(format!("there is no {what} `{typed}`\n{cure}"))
}

/// The facts and the configuration that a command line asks for, with the offer settled.
fn judgeable(
    subject: &Subject,
    against: &Against,
) -> Result<(checks::facts::Facts, Settings, Detected), Error> {
    // The configuration first: a mistake in it should not wait for the facts.
    known_offer(against)?;
    let named = against.config.as_deref().map(configuration::from_file).transpose()?;
    let (mut facts, host) = source::facts(subject)?;
    let settings = match (named, &host) {
        (Some(settings), _) => settings,
        (None, Some(host)) => configuration::from_host(host.as_ref())?,
        // The snapshot's own configuration is not known here, and this machine's is about this machine.
        (None, None) => configuration::none()?,
    };
    if let (true, Some(host)) = (settings.policy.compare_with_defaults, &host) {
        checks::facts::accounts::compare_with_defaults(host.as_ref(), &mut facts);
    }
    let (settings, detected) = settled(against, settings, &facts)?;
    Ok((facts, settings, detected))
}

fn known_offer(against: &Against) -> Result<(), Error> {
    match &against.offer {
        Some(id) if !providers::ids().any(|known| known == id) => {
            Err(no_such("offer", id, &providers::ids().collect::<Vec<_>>()))
        }
        _ => Ok(()),
    }
}

/// The configuration with the offer that the command line, the configuration or the facts name.
fn settled(
    against: &Against,
    mut settings: Settings,
    facts: &checks::facts::Facts,
) -> Result<(Settings, Detected), Error> {
    known_offer(against)?;
    let detected = match (&against.offer, &settings.offer) {
        (Some(id), _) => Detected { offer: id.clone(), how: "named on the command line".to_owned() },
        (None, Some((id, place))) => Detected { offer: id.clone(), how: format!("configured in {place}") },
        (None, None) => providers::detect(facts),
    };
    settings.policy.offer = providers::offer(&detected.offer).unwrap_or_default();
    Ok((settings, detected))
}
