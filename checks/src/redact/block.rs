//! Secrets that are known by their shape as a whole: private keys in PEM, fields of passwd(5) and shadow(5).

use super::{Spans, run, starts_with};

/// Finds private key blocks and password fields.
pub(super) fn find(text: &str, spans: &mut Spans) {
    private_keys(text, spans);
    for (start, line) in lines(text) {
        password_fields(start, line, spans);
    }
}

/// `-----BEGIN … PRIVATE KEY…-----` to its end, on lines or with escaped line ends. A block whose end is missing is hidden to
/// the end of the text: what follows is the key.
fn private_keys(text: &str, spans: &mut Spans) {
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find("-----BEGIN ")).map(|at| from + at) {
        let label = start + "-----BEGIN ".len();
        let label_end =
            run(text, label, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
        from = label_end;
        if !text.get(label..label_end).is_some_and(|label| label.contains("PRIVATE KEY")) {
            continue;
        }
        let end = text
            .get(label_end..)
            .and_then(|rest| rest.find("-----END "))
            .map(|at| label_end + at + "-----END ".len())
            .map_or(text.len(), |end| {
                let end =
                    run(text, end, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
                if starts_with(text, end, "-----") { end + 5 } else { end }
            });
        spans.hide(start, end);
        from = end;
    }
}

/// A field that has the shape of a DES hash, between a name and a number or nothing, as in passwd(5), shadow(5) and group(5);
/// other hashes are known by their `$`.
fn password_fields(start: usize, line: &str, spans: &mut Spans) {
    let mut fields = line.split(':');
    let mut name = fields.next().unwrap_or_default();
    let mut from = start + name.len() + 1;
    let mut fields = fields.peekable();
    while let Some(field) = fields.next() {
        let number = fields.peek().is_some_and(|next| next.bytes().all(|byte| byte.is_ascii_digit()));
        let hash = field.trim_start_matches('!');
        if number && is_name(name.trim()) && is_hash(hash) {
            let end = from + field.len();
            spans.hide(end - hash.len(), end);
        }
        name = field;
        from += field.len() + 1;
    }
}

fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    (1..=32).contains(&text.len()) && text.bytes().all(inside)
}

/// Traditional DES, 13 characters, or BSD's extended DES, 20; and no word such as `configuration`.
fn is_hash(text: &str) -> bool {
    let shape = match text.len() {
        13 => text.bytes().all(is_hash_byte),
        20 => text.strip_prefix('_').is_some_and(|rest| rest.bytes().all(is_hash_byte)),
        _ => false,
    };
    shape && !text.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
}

fn is_hash_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

/// Each line with the place where it begins.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split('\n').map(move |line| {
        let here = start;
        start += line.len() + 1;
        (here, line.trim_end_matches('\r'))
    })
}
