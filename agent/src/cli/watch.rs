//! The command line of the watch and of its status.

use std::path::PathBuf;

use clap::Args;

use super::{Against, Format};

pub(super) const HELP: &str = "Signals:
  SIGHUP            reads the configuration again; a broken one is told and the old one kept
  SIGTERM, SIGINT   ends it

How long a change has to last, how often it polls, where metrics go: [watch] in `hostduty config example`.

Exit codes:
  0  it was told to stop
  2  hostduty could not do its work";

pub(super) const STATUS_HELP: &str = "Exit codes:
  0  a watch runs
  1  none runs
  2  hostduty could not do its work";

#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) against: Against,
    /// The state folder, which holds the record; $STATE_DIRECTORY or /var/lib/hostduty (/var/db/hostduty on macOS) if none is named
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The state folder of the watch
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// human for people, json for programs (schema: packaging/schema/status-v1.schema.json)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: Format,
}
