//! The one way out: every text that leaves hostduty is redacted here, and nothing in it can drive a terminal.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use checks::redact::redact;
use serde::Serialize;

use crate::cli::Color;

/// Why an answer could not be given.
#[derive(Debug)]
pub(crate) enum Error {
    /// The file could not be written.
    Write(String, io::Error),
    /// Standard output could not be written.
    Print(io::Error),
    /// A value could not be put into the format.
    Format(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Write(path, error) => {
                write!(f, "{path} could not be written: {error}\nchoose a folder that you may write to")
            }
            Self::Print(error) => write!(f, "standard output could not be written: {error}"),
            Self::Format(error) => write!(f, "the answer could not be formatted: {error}"),
        }
    }
}

/// A text from a host without secrets, and with everything that a terminal would obey written out as an escape.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in redact(text).chars() {
        if character.is_control() || is_bidi_control(character) {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// The same for a message of several lines of our own.
pub(crate) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// The characters that reorder what a reader sees (Unicode Standard Annex 9, table of explicit formatting).
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value as JSON, every text in it redacted.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let mut value = serde_json::to_value(value).map_err(|error| Error::Format(error.to_string()))?;
    redact_json(&mut value);
    let mut text = serde_json::to_string_pretty(&value).map_err(|error| Error::Format(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

fn redact_json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = redact(text).into_owned(),
        serde_json::Value::Array(items) => items.iter_mut().for_each(redact_json),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(redact_json),
        _ => {}
    }
}

/// A value as TOML, every text in it redacted.
pub(crate) fn toml(value: &impl Serialize) -> Result<String, Error> {
    let mut value = toml::Value::try_from(value).map_err(|error| Error::Format(error.to_string()))?;
    redact_toml(&mut value);
    toml::to_string(&value).map_err(|error| Error::Format(error.to_string()))
}

fn redact_toml(value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = redact(text).into_owned(),
        toml::Value::Array(items) => items.iter_mut().for_each(redact_toml),
        toml::Value::Table(fields) => fields.iter_mut().for_each(|(_, field)| redact_toml(field)),
        _ => {}
    }
}

/// Prints to standard output; a reader that went away is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Print(error)),
        _ => Ok(()),
    }
}

/// Prints, or writes a file that appears whole or not at all and that only its owner can read: a report tells an
/// attacker where to push.
pub(crate) fn deliver(text: &str, file: Option<&Path>) -> Result<(), Error> {
    let Some(file) = file else { return print(text) };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&draft, file));
    written.map_err(|error| {
        // The draft is ours and useless now; that it may not exist is no second error.
        let _ = fs::remove_file(&draft);
        Error::Write(file.display().to_string(), error)
    })
}

/// Whether human output is coloured.
pub(crate) fn coloured(when: Color, to_file: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            !to_file
                && io::stdout().is_terminal()
                && !set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc"), "a\\u{1b}[2Jb\\r\\nc");
        assert_eq!(clean("x\u{202e}gpj.exe\u{9b}31m"), "x\\u{202e}gpj.exe\\u{9b}31m");
        assert_eq!(clean("naïve ← dm-0"), "naïve ← dm-0");
    }
}
