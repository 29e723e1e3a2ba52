//! Secrets among the words of a command line: `--password x`, `mysql -px`, `curl -u me:x`, netrc(5) and SQL.

use super::block::lines;
use super::{Spans, is_harmless, names_a_secret};

/// Finds them line by line.
pub(super) fn find(text: &str, spans: &mut Spans) {
    for (start, line) in lines(text) {
        in_line(start, line, spans);
    }
}

/// What the words seen so far on a line make of the next one.
#[derive(Default)]
struct Context {
    /// `mysql`, `mariadb` and their relatives take `-p<password>`.
    mysql: bool,
    /// `curl -u user:password`
    curl: bool,
    /// SQL that creates or changes a user.
    sql: bool,
    /// netrc(5), whose entries begin with this word.
    machine: bool,
}

fn in_line(start: usize, line: &str, spans: &mut Spans) {
    let chpasswd = line.contains("chpasswd");
    let mut context = Context::default();
    let pair = line.split_ascii_whitespace().take(3).count() == 2;
    let (mut previous, mut second, mut third) = ("", "", "");
    for (at, word) in words(line) {
        let from = start + at;
        let bare = word.trim_matches(['"', '\'', '`', ';', ',']);
        let inner = from + word.find(bare).unwrap_or(0);
        let whole = (inner, inner + bare.len());
        let after = |separator: char| {
            let colon = bare.find(separator)?;
            (colon > 0 && !bare.contains("://")).then_some((inner + colon + 1, whole.1))
        };
        let hidden = if previous.strip_prefix("--").is_some_and(names_a_secret) {
            Some(whole).filter(|_| !bare.starts_with('-') && !is_harmless(bare))
        } else if (context.mysql || is_sshpass(previous)) && bare.len() > 2 && bare.starts_with("-p") {
            Some((inner + 2, whole.1))
        } else if previous == "-p" && is_sshpass(second) {
            Some(whole)
        } else if context.curl && matches!(previous, "-u" | "--user" | "-U" | "--proxy-user") || chpasswd {
            after(':')
        } else if previous == "password" && (pair || context.machine && third == "login") {
            Some(whole).filter(|_| !is_harmless(bare))
        } else if previous.eq_ignore_ascii_case("by") && second.eq_ignore_ascii_case("identified")
            || context.sql && previous.eq_ignore_ascii_case("password")
        {
            Some(whole).filter(|_| word.starts_with('\'') || word.starts_with('"'))
        } else {
            None
        };
        if let Some((from, to)) = hidden {
            spans.hide(from, to);
        }
        let program = bare.rsplit('/').next().unwrap_or(bare);
        context.mysql |= ["mysql", "mariadb"].iter().any(|name| program.starts_with(name));
        context.curl |= program == "curl";
        context.sql |= ["alter", "create"].iter().any(|verb| bare.eq_ignore_ascii_case(verb));
        context.machine |= bare == "machine" || bare == "default";
        (third, second, previous) = (second, previous, bare);
    }
}

/// `sshpass -p <password>`, by whatever path.
fn is_sshpass(word: &str) -> bool {
    word.rsplit('/').next() == Some("sshpass")
}

/// The words of a line with their places; what stands between quotes is one word.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = line.as_bytes();
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let start = at;
        let quote = bytes.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        at += usize::from(quote.is_some());
        while let Some(byte) = bytes.get(at) {
            match quote {
                Some(quote) if *byte == quote => {
                    at += 1;
                    break;
                }
                None if byte.is_ascii_whitespace() => break,
                _ => at += 1,
            }
        }
        (at > start).then(|| (start, line.get(start..at).unwrap_or_default()))
    })
}
