//! What several verbs take.

use std::path::PathBuf;

use checks::check::Severity;
use checks::date::Timestamp;
use checks::{providers, registry};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, ValueEnum};

/// What is looked at.
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// Read a root folder (a mounted image, a chroot) instead of the running machine
    #[arg(long, value_name = "DIR", conflicts_with = "facts")]
    pub(crate) root: Option<PathBuf>,
    /// Judge a snapshot made by `hostduty facts`, as of its instant (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Judge a root folder's ages as of this instant instead of now (RFC 3339 or a day)
    #[arg(long, value_name = "INSTANT", requires = "root", conflicts_with = "facts")]
    pub(crate) at: Option<Timestamp>,
}

/// Against what it is judged.
#[derive(Debug, Args)]
pub(crate) struct Against {
    /// Read this configuration file instead of /etc/hostduty and its relatives (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Whose machine it is, such as scaleway-elastic-metal; beats the configuration
    #[arg(long, value_name = "ID", value_parser = Names(offers), hide_possible_values = true)]
    pub(crate) offer: Option<String>,
}

/// How the answer looks and what it is worth.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// Write to a file instead of standard output; it appears whole or not at all
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Debug, Args)]
pub(crate) struct Codes {
    /// Exit 0 instead of 3 when nothing fails but something is unknown
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Only failures of at least this severity make the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "advice", value_parser = Names(severities).try_map(severity))]
    pub(crate) fail_on: Severity,
    /// Duties without a valid attestation count as unknown in the exit code
    #[arg(long)]
    pub(crate) require_attestations: bool,
}

/// Whose packet filter is asked.
#[derive(Debug, Args)]
pub(crate) struct Kernel {
    /// Ask about the machine of a snapshot made by `hostduty facts` (`-` for standard input)
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    // Taken for the sake of the message: no folder knows what a kernel enforces.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) root: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

const SEVERITIES: [Severity; 5] =
    [Severity::Advice, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

fn severity(text: String) -> Result<Severity, String> {
    SEVERITIES
        .into_iter()
        .find(|severity| severity.name() == text)
        .ok_or_else(|| "one of: advice, low, medium, high, critical".to_owned())
}

/// Names that shells complete. Any text is taken, so that the verbs can say what was meant.
#[derive(Clone, Copy)]
pub(super) struct Names(pub(super) fn() -> Vec<&'static str>);

impl TypedValueParser for Names {
    type Value = String;
    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }
    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.0)().into_iter().map(PossibleValue::new)))
    }
}

pub(super) fn check_ids() -> Vec<&'static str> {
    registry::CHECKS.iter().map(|check| check.id).collect()
}

fn offers() -> Vec<&'static str> {
    providers::ids().collect()
}

fn severities() -> Vec<&'static str> {
    SEVERITIES.into_iter().map(Severity::name).collect()
}
