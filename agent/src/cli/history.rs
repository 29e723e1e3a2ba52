//! The command line of what the record tells, and of drift.

use std::path::PathBuf;

use checks::date::Timestamp;
use clap::{Args, Subcommand};

use super::{Against, Answer, Format, Names, check_ids};

pub(super) const HELP: &str = "Examples:
  hostduty history --since 30d                     what changed in thirty days, and how long each verdict lasted
  hostduty history --check ssh-key-only            one check
  hostduty history verify                          whether the record is as it was written
  hostduty history sign head.json                  a statement for somebody else to keep
  hostduty history verify --statement head.json    whether the record still holds what that one speaks of

`hostduty watch` writes the record: into --state, or $STATE_DIRECTORY, or /var/lib/hostduty (/var/db/hostduty on macOS).

Exit codes:
  0  done
  1  `verify`: the record is not as it was written; what is missing or altered is named
  2  hostduty could not do its work";

pub(super) const DRIFT_HELP: &str = "Examples:
  hostduty facts > monday.toml; hostduty facts > friday.toml; hostduty drift monday.toml friday.toml
  hostduty drift yesterday.json today.json         two reports made with --format json

Exit codes:
  0  nothing became worse
  1  something new fails: a check, or a finding of one that failed before
  2  hostduty could not do its work
  3  nothing new fails, but something that was known is unknown or judged no more";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(subcommand)]
    pub(crate) verb: Option<HistoryVerb>,
    /// Only this check
    #[arg(long, value_name = "ID", value_parser = Names(check_ids), hide_possible_values = true)]
    pub(crate) check: Option<String>,
    /// Only what came after: an instant, a day, or so long ago as in 90min, 12h, 30d
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Since>,
    /// The state folder
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// human for people, json for programs (schema: packaging/schema/history-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Tell whether the record is as it was written, and if not, which entries are missing or altered
    #[command(after_help = HELP)]
    Verify {
        /// The state folder
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Also that it still holds the entry that this statement speaks of (see `history sign`)
        #[arg(long, value_name = "FILE")]
        statement: Option<PathBuf>,
    },
    /// Write a small statement of where the record ends, signed with the host's SSH key
    #[command(after_help = HELP)]
    Sign {
        /// The file for the statement; the signature comes beside it, with .sig
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The state folder
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Sign with this private key instead of the host's own
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// A point in the past: an instant, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// This instant.
    At(Timestamp),
    /// So many seconds ago.
    Ago(i64),
}

impl Since {
    /// The instant that it is.
    pub(crate) fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(seconds) => Timestamp(now.0.saturating_sub(seconds)),
        }
    }
}

impl std::str::FromStr for Since {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
        let length = match unit {
            "s" => Some(1),
            "min" => Some(60),
            "h" => Some(3600),
            "d" => Some(86_400),
            "w" => Some(7 * 86_400),
            _ => None,
        };
        let count = text.strip_suffix(unit).and_then(|count| count.parse::<i64>().ok());
        if let (Some(length), Some(count)) = (length, count) {
            return Ok(Self::Ago(count.saturating_mul(length)));
        }
        text.parse().map(Self::At).map_err(|_| {
            format!("`{text}` is neither an instant such as 2026-11-22T10:00:00Z, nor a day, nor an age such as 30d")
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Drift {
    /// The earlier snapshot or JSON report (`-` for standard input)
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The later one
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) against: Against,
    /// human for people, json for programs (schema: packaging/schema/drift-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) answer: Answer,
}
