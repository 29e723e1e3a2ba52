//! `hostduty man`: the manual page, from the definition of the command line and the list of checks.

use std::fmt::Write;
use std::process::ExitCode;

use checks::registry::CHECKS;
use clap::CommandFactory;

use super::Error;
use crate::cli::Cli;
use crate::output;

pub(crate) fn run() -> Result<ExitCode, Error> {
    output::print(&page().map_err(output::Error::Print)?)?;
    Ok(ExitCode::SUCCESS)
}

fn page() -> std::io::Result<String> {
    let mut command = Cli::command();
    // Arguments know how they are written only once the whole definition is put together.
    command.build();
    let mut out = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    let mut text = String::from_utf8_lossy(&out).into_owned();
    text += ".SH COMMANDS\n";
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let _ = writeln!(text, ".SS hostduty {}\n{}", verb.get_name(), escape(&about(verb)));
        for inner in verb.get_subcommands() {
            let _ = writeln!(text, ".TP\n.B {}\n{}", inner.get_name(), escape(&about(inner)));
        }
        for argument in verb.get_arguments().filter(|argument| argument.get_id() != "help") {
            let _ = writeln!(
                text,
                ".TP\n.B {}\n{}",
                escape(&written(argument)),
                escape(&argument.get_help().map(ToString::to_string).unwrap_or_default())
            );
        }
        if let Some(after) = verb.get_after_help() {
            let _ = writeln!(text, ".PP\n.nf\n{}\n.fi", escape(&after.to_string()));
        }
    }
    text += ".SH EXIT STATUS\n.TP\n.B 0\nEvery check that applies is kept.\n.TP\n.B 1\nAt least one check fails.\n\
             .TP\n.B 2\nhostduty could not do its work.\n.TP\n.B 3\nNothing fails, but something is unknown.\n";
    text += ".SH CHECKS\n";
    for check in CHECKS {
        let title = escape(check.title);
        let _ = writeln!(text, ".TP\n.B {}\n{title} ({})", escape(check.id), check.severity.name());
    }
    text += ".SH FILES\n.TP\n.I /etc/hostduty/hostduty.toml\nThe configuration; see \
             \\fBhostduty config example\\fR.\n.TP\n.I /etc/hostduty/hostduty.toml.d/*.toml\nDrop-ins, later names win. \
             The same below /run/hostduty and /usr/lib/hostduty, weaker.\n";
    text += ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colour, whatever the terminal can do.\n";
    Ok(text)
}

/// An argument as it is typed: `-v, --verbose`, `--root <DIR>`, `CHECK`.
fn written(argument: &clap::Arg) -> String {
    let long = argument.to_string();
    let long = long.trim_start_matches('[').trim_end_matches(']');
    match argument.get_short() {
        Some(short) => format!("-{short}, {long}"),
        None => long.to_owned(),
    }
}

fn about(command: &clap::Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// Text that roff prints as it is.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('-', "\\-")
        .lines()
        .map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() })
        .collect::<Vec<_>>()
        .join("\n")
}
