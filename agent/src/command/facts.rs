//! `hostduty facts`: the snapshot that `report --facts` judges anywhere.

use std::process::ExitCode;

use checks::facts;

use super::Error;
use crate::cli;
use crate::{output, source};

pub(crate) fn run(arguments: &cli::Facts) -> Result<ExitCode, Error> {
    let host = source::host(arguments.root.as_deref(), arguments.at)?;
    let text = output::toml(&facts::gather(host.as_ref()))?;
    output::deliver(&text, arguments.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}
