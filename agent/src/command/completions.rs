//! `hostduty completions`: a completion script, from the definition of the command line.

use std::process::ExitCode;

use clap::CommandFactory;

use super::Error;
use crate::cli::{self, Cli};
use crate::output;

pub(crate) fn run(arguments: &cli::Completions) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "hostduty", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
