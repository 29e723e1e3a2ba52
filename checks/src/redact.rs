//! The one redactor: every text that leaves hostduty goes through it, and what looks like a secret does not.
//!
//! Facts hold no secret by construction, so this is the second lock on the door: for the line of a configuration file that
//! somebody quotes as evidence, for what a macOS tool prints. It prefers hiding a harmless word to showing a password, but
//! leaves alone what reports are made of: paths, versions, fingerprints, labelled checksums, device and package names.
//!
//! Every scanner looks at each byte a bounded number of times, and every span begins and ends beside an ASCII byte, so
//! characters are never cut.

mod assignment;
mod block;
mod command;
mod token;
mod url;

use std::borrow::Cow;

/// What stands where a secret stood.
pub const MASK: &str = "[redacted]";

/// Taking a secret out can join what stood around it; after this many rounds nothing is left to join.
const ROUNDS: usize = 8;

/// The text without what looks like a secret. Redacting twice is the same as once. Redact a text before it is framed as
/// JSON or XML: a mask that falls on punctuation would break the frame.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(mut clean) = once(text) else { return Cow::Borrowed(text) };
    for _ in 1..ROUNDS {
        match once(&clean) {
            Some(cleaner) => clean = cleaner,
            None => break,
        }
    }
    Cow::Owned(clean)
}

/// One round, or `None` when there is nothing to hide.
fn once(text: &str) -> Option<String> {
    let mut spans = Spans::default();
    block::find(text, &mut spans);
    assignment::find(text, &mut spans);
    command::find(text, &mut spans);
    url::find(text, &mut spans);
    token::find(text, &mut spans);
    let clean = spans.mask(text)?;
    (clean != text).then_some(clean)
}

/// Byte ranges to hide, in any order.
#[derive(Debug, Default)]
struct Spans(Vec<(usize, usize)>);

impl Spans {
    /// Hides the bytes from `start` to before `end`.
    fn hide(&mut self, start: usize, end: usize) {
        if start < end {
            self.0.push((start, end));
        }
    }

    /// The text with one mask for each run of hidden bytes; spans that touch are one.
    fn mask(mut self, text: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let mut shown = 0;
        let mut masked_to = None;
        for (start, end) in self.0 {
            if masked_to.is_none_or(|to| start > to) {
                clean.push_str(text.get(shown..start).unwrap_or_default());
                clean.push_str(MASK);
            }
            shown = shown.max(end);
            masked_to = Some(shown);
        }
        clean.push_str(text.get(shown..).unwrap_or_default());
        Some(clean)
    }
}

/// The end of the run of bytes from `from` that `wanted` accepts.
fn run(text: &str, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len())
}

/// The byte before `at`.
fn before(text: &str, at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).copied()
}

/// Whether the text up to `at` ends like this, whatever the case of its letters.
fn ends_with(text: &str, at: usize, end: &str) -> bool {
    at.checked_sub(end.len())
        .and_then(|from| text.as_bytes().get(from..at))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
}

/// Whether the text from `at` begins like this, whatever the case of its letters.
fn starts_with(text: &str, at: usize, start: &str) -> bool {
    text.as_bytes()
        .get(at..at.saturating_add(start.len()))
        .is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

/// Whether a name says that its value is a secret: `db.password`, `SCW_SECRET_KEY`, `apiToken`.
fn names_a_secret(name: &str) -> bool {
    /// Names that end so, however they are joined to what stands before.
    const ENDINGS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "apikey",
        "secretkey",
        "accesskey",
        "privatekey",
        "encryptionkey",
        "signingkey",
        "masterkey",
        "authkey",
        "sharedkey",
        "accountkey",
        "credential",
        "credentials",
    ];
    /// Short ones, which must be words of their own: `bypass` and `compass` hide nothing.
    const WORDS: &[&str] = &["pass", "pwd", "psk", "auth"];
    /// Words of sudoers(5) and sshd_config(5) that end like a secret and are settings.
    const SETTINGS: &[&str] = &["nopasswd", "nopassword", "prohibitpassword", "withoutpassword"];
    let joined: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    if SETTINGS.contains(&joined.as_str()) {
        return false;
    }
    ENDINGS.iter().any(|ending| joined.ends_with(ending)) || WORDS.iter().any(|word| ends_in_word(name, word))
}

/// Whether the last word of a joined name is this one: `db_pass`, `dbPass`, `pass`.
fn ends_in_word(name: &str, word: &str) -> bool {
    let Some(at) = name.len().checked_sub(word.len()) else { return false };
    if !ends_with(name, name.len(), word) {
        return false;
    }
    match before(name, at) {
        None => true,
        Some(byte) if !byte.is_ascii_alphanumeric() => true,
        Some(byte) => {
            byte.is_ascii_lowercase() && name.as_bytes().get(at).is_some_and(u8::is_ascii_uppercase)
        }
    }
}

/// Whether a value is a setting or a word of a sentence that cannot be the secret itself.
fn is_harmless(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "",
        "{",
        "[",
        "!",
        "!!",
        "*",
        "!*",
        "x",
        "-",
        "yes",
        "no",
        "true",
        "false",
        "on",
        "off",
        "none",
        "null",
        "nil",
        "never",
        "unset",
        "empty",
        "locked",
        "expired",
        "required",
        "requisite",
        "optional",
        "sufficient",
        "files",
        "systemd",
        "compat",
        "sss",
        "ldap",
        "nis",
        "db",
        "winbind",
        "all",
        "is",
        "are",
        "was",
        "has",
        "have",
        "must",
        "may",
        "can",
        "cannot",
        "will",
        "not",
        "the",
        "a",
        "an",
        "in",
        "of",
        "for",
        "and",
        "or",
        "to",
        "it",
        "its",
        "with",
        "by",
        "from",
        "at",
        "any",
        "every",
        "this",
        "that",
        "there",
        "which",
        "pass",
        "fail",
        "unknown",
        "waived",
        "not-applicable",
        "attested",
        "not-attested",
        "critical",
        "high",
        "medium",
        "low",
        "advice",
    ];
    let value = value.trim_end_matches(['.', ',', ';', ')']);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
