//! The one way out: every text that leaves hostduty is redacted here, and nothing in it can drive a terminal.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use checks::document;
use checks::redact::redact;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Color;
use crate::sandbox;

/// Why an answer could not be given.
#[derive(Debug)]
pub(crate) enum Error {
    /// Something other than a file bears the name.
    Taken(String),
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
            Self::Taken(path) => write!(
                f,
                "{path} is not a regular file, and it stays as it is\nname a file, or leave out --output to print"
            ),
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
        if character.is_control() || misleads(character) {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// A text without the characters that JSON and TOML write as they are and that a terminal obeys or a reader cannot
/// see. Both formats escape the control characters of ASCII themselves, and a snapshot keeps them so.
fn inert(text: String) -> String {
    written_out(text, |character| character >= '\u{7f}' && (character.is_control() || misleads(character)))
}

/// The same of a text in a report, where whoever takes it out of the JSON may print it: of all that a terminal obeys only the
/// ends of lines and tabs are left, and everything else is written out in one way, the way of [`clean`].
fn inert_in_reports(text: String) -> String {
    let is_blank = |character| matches!(character, '\n' | '\t');
    written_out(text, |character| (character.is_control() && !is_blank(character)) || misleads(character))
}

fn written_out(text: String, obeyed: impl Fn(char) -> bool) -> String {
    if !text.contains(&obeyed) {
        return text;
    }
    let mut inert = String::with_capacity(text.len());
    for character in text.chars() {
        if obeyed(character) {
            inert.extend(character.escape_default());
        } else {
            inert.push(character);
        }
    }
    inert
}

/// The same for a message of several lines of our own.
pub(crate) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

/// The characters that reorder what a reader sees (Unicode Standard Annex 9, table of explicit formatting), that end a
/// line, and that have no width, so that two names look the same (Default_Ignorable_Code_Point); and what is no character,
/// which XML and HTML refuse (Unicode Standard, section 23.7).
fn misleads(character: char) -> bool {
    let is_none = u32::from(character) & 0xfffe == 0xfffe || matches!(character, '\u{fdd0}'..='\u{fdef}');
    is_none
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// What the reader of a format says of a file: without the text that it quotes, which may be a secret where another file
/// was meant, and no longer than somebody reads.
pub(crate) fn complaint(error: &impl Display) -> String {
    const EACH_END: usize = 120;
    let mut said = error.to_string();
    if let (Some(start), Some(end)) = (said.find('"'), said.rfind('"')) {
        said.replace_range(start..=end, "\"…\"");
    }
    let head = said.char_indices().nth(EACH_END).map(|(at, _)| at);
    let tail = said.char_indices().nth_back(EACH_END).map(|(at, _)| at);
    if let (Some(head), Some(tail)) = (head, tail)
        && head < tail
    {
        said.replace_range(head..tail, " … ");
    }
    said
}

/// A value as JSON, every text in it redacted.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let mut value = serde_json::to_value(value).map_err(|error| Error::Format(error.to_string()))?;
    redact_json(&mut value);
    let mut text = serde_json::to_string_pretty(&value).map_err(|error| Error::Format(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// The same on a line of its own, for what is read a line at a time.
pub(crate) fn json_line(value: &impl Serialize) -> Result<String, Error> {
    let mut value = serde_json::to_value(value).map_err(|error| Error::Format(error.to_string()))?;
    redact_json(&mut value);
    Ok(format!("{value}\n"))
}

/// A report as it is when it was written as JSON and read again: without secrets, and without what drives a terminal.
pub(crate) fn inert_copy<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, Error> {
    serde_json::from_slice(json(value)?.as_bytes()).map_err(|error| Error::Format(error.to_string()))
}

fn redact_json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = inert_in_reports(redact(text).into_owned()),
        serde_json::Value::Array(items) => items.iter_mut().for_each(redact_json),
        serde_json::Value::Object(fields) => {
            let named = std::mem::take(fields).into_iter().map(|(name, mut field)| {
                redact_json(&mut field);
                (inert_in_reports(name), field)
            });
            *fields = named.collect();
        }
        _ => {}
    }
}

/// A value as TOML, every text in it redacted.
pub(crate) fn toml(value: &impl Serialize) -> Result<String, Error> {
    let mut value = document::write(value).map_err(|error| Error::Format(error.to_string()))?;
    redact_toml(&mut value);
    toml::to_string(&value).map_err(|error| Error::Format(error.to_string()))
}

fn redact_toml(value: &mut toml::Value) {
    match value {
        toml::Value::String(text) => *text = inert(redact(text).into_owned()),
        toml::Value::Array(items) => items.iter_mut().for_each(redact_toml),
        toml::Value::Table(fields) => {
            let named = std::mem::take(fields).into_iter().map(|(name, mut field)| {
                redact_toml(&mut field);
                (inert(name), field)
            });
            *fields = named.collect();
        }
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
    let (text, file) = (text.to_owned(), file.to_owned());
    sandbox::write(move || replace(&text, &file))
}

fn replace(text: &str, file: &Path) -> Result<(), Error> {
    if !may_replace(file) {
        return Err(Error::Taken(file.display().to_string()));
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let failed = |error| Error::Write(file.display().to_string(), error);
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
    written.and_then(|()| fs::rename(&draft, file)).map_err(|error| {
        // The draft is ours and useless now; that it may not be there is no second error.
        let _ = fs::remove_file(&draft);
        failed(error)
    })
}

/// Whether a new file may take the place of what bears the name: of nothing, of a file, or of a link to one. Root must
/// not take /dev/null from its machine, nor /dev/stdout, which is a link into /proc that may lead to a file.
fn may_replace(file: &Path) -> bool {
    let is_file = fs::metadata(file).is_ok_and(|there| there.is_file());
    let is_free = fs::symlink_metadata(file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let into_proc = fs::read_link(file).is_ok_and(|target| target.starts_with("/proc"));
    let dangles =
        fs::symlink_metadata(file).is_ok_and(|there| there.is_symlink()) && fs::metadata(file).is_err();
    (is_file || is_free || dangles) && !into_proc
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
        assert_eq!(clean("ss\u{200b}hd\u{2028}"), "ss\\u{200b}hd\\u{2028}");
        assert_eq!(clean("\u{fffe}\u{fdd0}\u{1ffff}\u{fffd}"), "\\u{fffe}\\u{fdd0}\\u{1ffff}\u{fffd}");
    }

    #[test]
    fn neither_format_passes_on_what_drives_a_terminal() {
        let value = std::collections::BTreeMap::from([("a\u{9b}31m", "b\u{202e}\u{7f}\u{1b}[2J\"'\\é")]);
        for text in [json(&value).unwrap(), toml(&value).unwrap()] {
            let raw = |character: char| character != '\n' && (character.is_control() || misleads(character));
            assert!(!text.contains(raw) && text.contains('é'), "{text:?}");
        }
        assert_eq!(
            json(&value).unwrap(),
            "{\n  \"a\\\\u{9b}31m\": \"b\\\\u{202e}\\\\u{7f}\\\\u{1b}[2J\\\"'\\\\é\"\n}\n"
        );
    }
}
