//! Values whose name says that they are secret: `password = x`, `"apiToken": "x"`, `<secret>x</secret>`.

use super::{Spans, before, ends_with, is_harmless, names_a_secret, run, starts_with};

/// Names longer than this are none.
const LONGEST_NAME: usize = 80;
/// JSON inside of JSON inside of JSON.
const MOST_ESCAPES: usize = 8;

/// Finds assignments in the syntaxes of shells, INI, YAML, JSON, XML, property lists, HTTP headers and queries.
pub(super) fn find(text: &str, spans: &mut Spans) {
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let end = match byte {
            b'=' | b':' => assigned(text, at),
            b'>' => element(text, at),
            _ => None,
        };
        at = match end {
            Some((start, end)) => {
                spans.hide(start, end);
                end.max(at + 1)
            }
            None => at + 1,
        };
    }
}

/// The value behind a `=` or `:` at `at`, if the name before it calls for hiding.
fn assigned(text: &str, at: usize) -> Option<(usize, usize)> {
    let (from, to) = name_before(text, at)?;
    let name = text.get(from..to)?;
    let header = ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header));
    if !header && !names_a_secret(name) {
        return None;
    }
    let colon = text.as_bytes().get(at) == Some(&b':');
    // `/etc/pam.d/passwd:3` is a place.
    if colon && before(text, from) == Some(b'/') {
        return None;
    }
    let mut start = run(text, at + 1, |byte| matches!(byte, b'=' | b'>'));
    let spaced = run(text, start, |byte| matches!(byte, b' ' | b'\t'));
    let spaces = spaced > start;
    start = spaced;
    let escapes = run(text, start, |byte| byte == b'\\') - start;
    if let Some(quote @ (b'"' | b'\'' | b'`')) = text.as_bytes().get(start + escapes).copied() {
        let open = start + escapes + 1;
        let scheme = if header { after_scheme(text, open) } else { open };
        let end = closing(text, open, quote, escapes);
        return (!is_harmless(text.get(scheme..end)?)).then_some((scheme, end));
    }
    if header {
        let end = run(text, start, |byte| !matches!(byte, b'\n' | b'\r' | b'"' | b'\''));
        return Some((after_scheme(text, start), end));
    }
    // `PWD=/root` is a place; so is what a sentence names after a colon.
    let path = text.as_bytes().get(start) == Some(&b'/');
    if path && (spaces && colon || ends_with(text, to, "pwd")) {
        return None;
    }
    let query = matches!(before(text, from), Some(b'?' | b'&'));
    let word_end = run(text, start, |byte| {
        !(byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`') || query && byte == b'&')
    });
    if is_harmless(text.get(start..word_end)?) {
        return None;
    }
    if colon && name.eq_ignore_ascii_case("pass") && is_verdict(text, start, word_end) {
        return None;
    }
    let whole_line = !query && (begins_a_line(text, from) || ends_with(text, from, ": "));
    let end = if whole_line { run(text, word_end, |byte| byte != b'\n' && byte != b'\r') } else { word_end };
    let trimmed = text.get(start..end)?.trim_end_matches([' ', '\t']);
    Some((start, start + trimmed.len()))
}

/// The value between `<name>` and `<`, or in a property list behind `<key>name</key>` between `<string>` and `<`.
fn element(text: &str, at: usize) -> Option<(usize, usize)> {
    if ends_with(text, at + 1, "</key>") {
        let (from, to) = name_before(text, at - 5)?;
        let next = run(text, at + 1, |byte| byte.is_ascii_whitespace());
        if !names_a_secret(text.get(from..to)?) || !starts_with(text, next, "<string>") {
            return None;
        }
        let start = next + "<string>".len();
        return Some((start, run(text, start, |byte| byte != b'<')));
    }
    let (from, to) = name_before(text, at)?;
    if before(text, from) != Some(b'<') || !names_a_secret(text.get(from..to)?) {
        return None;
    }
    let end = run(text, at + 1, |byte| byte != b'<');
    // `attach <token>` in a manual opens no element.
    starts_with(text, end, "</").then_some((at + 1, end))
}

/// Where the name before a delimiter stands, quoted, spaced or plain.
fn name_before(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let floor = at.saturating_sub(LONGEST_NAME + MOST_ESCAPES + 4);
    let back = |mut to: usize, wanted: fn(u8) -> bool, most: usize| {
        let stop = to.saturating_sub(most).max(floor);
        while to > stop && bytes.get(to - 1).copied().is_some_and(wanted) {
            to -= 1;
        }
        to
    };
    // `:=` and `==` assign as `=` does; the first of the two finds the name.
    let mut to = back(at, |byte| matches!(byte, b' ' | b'\t'), 3);
    to = back(to, |byte| matches!(byte, b'"' | b'\'' | b'`' | b']'), 2);
    to = back(to, |byte| byte == b'\\', MOST_ESCAPES);
    let from =
        back(to, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'), LONGEST_NAME);
    (from < to).then_some((from, to))
}

/// Whether `pass:` is our own word: a sentence or a count follows, `pass: No account …`, `"pass": 12`.
fn is_verdict(text: &str, start: usize, end: usize) -> bool {
    let value = text.get(start..end).unwrap_or_default().trim_end_matches([',', ';', '.', '}']);
    let count = value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit());
    let next = run(text, end, |byte| byte == b' ');
    let sentence = next > end && text.as_bytes().get(next).is_some_and(|byte| !byte.is_ascii_whitespace());
    count || sentence
}

/// Whether only indentation, marks of lists and comments, or `export` stand before a name on its line.
fn begins_a_line(text: &str, from: usize) -> bool {
    let bytes = text.as_bytes().get(..from).unwrap_or_default();
    let head = bytes.iter().rev().take(40).position(|byte| *byte == b'\n');
    let line = match head {
        Some(length) => bytes.get(bytes.len() - length..).unwrap_or_default(),
        None if bytes.len() <= 40 => bytes,
        None => return false,
    };
    let line = String::from_utf8_lossy(line);
    let rest = line.trim_matches([' ', '\t', '#', ';', '/', '-', '*', '+', '>', '|', '"', '\'', '{']);
    rest.is_empty() || ["export", "set", "setenv", "ENV", "declare -x"].contains(&rest)
}

/// Behind `Bearer `, `Basic ` and the other schemes of an Authorization header, which may be shown.
fn after_scheme(text: &str, from: usize) -> usize {
    ["bearer", "basic", "token", "digest", "negotiate", "apikey"]
        .iter()
        .filter(|scheme| starts_with(text, from, scheme))
        .map(|scheme| from + scheme.len())
        .find(|end| text.as_bytes().get(*end) == Some(&b' '))
        .map_or(from, |end| run(text, end, |byte| byte == b' '))
}

/// Where a quoted value ends: at the same quote behind as many backslashes, at the end of the line, or of the text.
fn closing(text: &str, open: usize, quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    let mut at = open;
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            b'\n' | b'\r' => return at,
            b'\\' => backslashes += 1,
            _ if byte == quote && backslashes <= escapes => return at - backslashes,
            _ => backslashes = 0,
        }
        at += 1;
    }
    at
}
