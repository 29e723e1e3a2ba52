//! `hostduty watch`: stay, and tell what changes.

use std::process::ExitCode;

use checks::providers;

use super::{Error, no_such};
use crate::cli;
use crate::history;
use crate::watch::{self, Options};

pub(crate) fn run(arguments: &cli::Watch) -> Result<ExitCode, Error> {
    let against = &arguments.against;
    if let Some(id) = &against.offer
        && !providers::ids().any(|known| known == id)
    {
        return Err(no_such("offer", id, &providers::ids().collect::<Vec<_>>()));
    }
    watch::run(Options {
        config: against.config.clone(),
        offer: against.offer.clone(),
        state: history::folder(arguments.state.as_deref()),
    })?;
    Ok(ExitCode::SUCCESS)
}
