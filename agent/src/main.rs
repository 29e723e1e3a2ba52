//! hostduty: checks the customer's half of a server's shared-responsibility contract.

mod cli;
mod command;
mod config;
mod fleet;
mod history;
mod host;
mod named;
mod output;
mod render;
mod sandbox;
mod sign;
mod source;
#[cfg(target_os = "linux")]
mod sys;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    sys::survive_the_file_size_limit();
    let command = Cli::parse().command;
    if let Some(folders) = command.writes_to() {
        sandbox::confine(folders, command.starts());
    }
    let outcome = match &command {
        Command::Report(arguments) => command::report::run(arguments),
        Command::Duties(arguments) => command::duties::run(arguments),
        Command::List(arguments) => command::list::run(arguments),
        Command::Explain(arguments) => command::explain::run(arguments),
        Command::Facts(arguments) => command::facts::run(arguments),
        Command::Sshd(arguments) => command::sshd::run(arguments),
        Command::Exposure(arguments) => command::exposure::run(arguments),
        Command::Reach(arguments) => command::reach::run(arguments),
        Command::Patches(arguments) => command::patches::run(arguments),
        Command::Watch(arguments) => command::watch::run(arguments),
        Command::Status(arguments) => command::status::run(arguments),
        Command::History(arguments) => command::history::run(arguments),
        Command::Drift(arguments) => command::drift::run(arguments),
        Command::Config(arguments) => command::config::run(arguments),
        Command::Doctor(arguments) => command::doctor::run(arguments),
        Command::Completions(arguments) => command::completions::run(arguments),
        Command::Man => command::man::run(),
    };
    outcome.unwrap_or_else(|error| {
        // With standard error gone there is nobody left to tell; the code still says it.
        let _ = writeln!(std::io::stderr(), "hostduty: {}", output::clean_lines(&error.to_string()));
        ExitCode::from(2)
    })
}
