//! One line of an authorized_keys file: options, type, key, comment. See sshd(8), AUTHORIZED_KEYS FILE FORMAT.

use super::{AuthorizedKey, blob};

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// Blank, or a comment.
    Nothing,
    /// Something that is no key.
    Malformed,
    /// A key, its line number still 0.
    Key(AuthorizedKey),
}

/// Reads a line.
pub(super) fn parse(line: &str) -> Parsed {
    let line = line.trim_matches([' ', '\t', '\r']);
    if line.is_empty() || line.starts_with('#') {
        return Parsed::Nothing;
    }
    if let Some(key) = key(line) {
        return Parsed::Key(key);
    }
    let (options, rest) = line.split_at(options_end(line));
    match (key(rest.trim_start_matches([' ', '\t'])), names(options)) {
        (Some(key), Some(options)) => Parsed::Key(AuthorizedKey { options, ..key }),
        _ => Parsed::Malformed,
    }
}

/// A type and its key in base64.
fn key(text: &str) -> Option<AuthorizedKey> {
    let (kind, rest) = text.split_once([' ', '\t'])?;
    let encoded = rest.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    if !kind.starts_with(|first: char| first.is_ascii_lowercase()) || kind.len() > 64 {
        return None;
    }
    blob::describe(kind, &blob::base64(encoded)?)
}

/// Where the options end: at the first blank outside of quotes.
fn options_end(line: &str) -> usize {
    let mut quoted = false;
    let mut letters = line.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                let _quote = letters.next_if(|(_, next)| *next == '"');
            }
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}

/// The names of comma-separated options; `None` when one is no name.
fn names(options: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut name = String::new();
    let (mut quoted, mut in_value) = (false, false);
    let mut letters = options.chars().chain([',']).peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if in_value => {
                let _quote = letters.next_if(|next| *next == '"');
            }
            '"' if in_value => quoted = !quoted,
            ',' if !quoted => {
                if name.is_empty() || name.len() > 40 || names.len() > 100 {
                    return None;
                }
                names.push(std::mem::take(&mut name));
                in_value = false;
            }
            _ if in_value => {}
            '=' => in_value = true,
            _ if letter.is_ascii_alphanumeric() || letter == '-' => name.push(letter.to_ascii_lowercase()),
            _ => return None,
        }
    }
    (!quoted).then_some(names)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const ED25519: &str =
        "AAAAC3NzaC1lZDI1NTE5AAAAIJhPnbKPVrdm4lgGE3ijkMMAZHDs2KlA7ABkjXFoGvPL";

    fn options(line: &str) -> Option<Vec<String>> {
        match parse(line) {
            Parsed::Key(key) => Some(key.options),
            _ => None,
        }
    }

    #[test]
    fn lines_that_sshd_takes() {
        let key = format!("ssh-ed25519 {ED25519}");
        for (line, wanted) in [
            (key.clone(), &[][..]),
            (format!(" \t{key} a comment with \"quotes\r"), &[]),
            (format!("ssh-ed25519\t\t{ED25519}"), &[]),
            (format!("no-pty,command=\"/bin/true x, \\\"y\\\" z\"  {key}"), &["no-pty", "command"]),
            (format!("environment=\"TOKEN=hunter2\",From=\"10.0.0.*\" {key} c"), &["environment", "from"]),
        ] {
            assert_eq!(options(&line).unwrap(), wanted, "{line}");
        }
    }

    #[test]
    fn lines_that_hold_no_key() {
        for line in ["", "   ", "# ssh-ed25519 AAAA", "\r"] {
            assert_eq!(parse(line), Parsed::Nothing, "{line}");
        }
        let key = format!("ssh-ed25519 {ED25519}");
        for line in [
            "ssh-ed25519".to_owned(),
            "ssh-ed25519 AAAA".to_owned(),
            format!("ssh-rsa {ED25519}"),
            format!("ssh-ed25519 {ED25519}AAAA"),
            format!("command=\"x {key}"),
            format!(",, {key}"),
            format!("a b {key}"),
            "\"".repeat(10_000),
            "A".repeat(100_000),
        ] {
            assert_eq!(parse(&line), Parsed::Malformed, "{line:.100}");
        }
    }
}
