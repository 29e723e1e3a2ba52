//! Takes the lines of apt.conf(5) apart: comments, quoted values, words.

/// Adds a piece of a setting, parted from what is there by a blank.
pub(super) fn append(pending: &mut String, piece: &str) {
    let piece = piece.trim();
    if !pending.is_empty() && !piece.is_empty() {
        pending.push(' ');
    }
    pending.push_str(piece);
}

/// The line without `//`, `#` and `/* */` comments outside quotes; `#clear` and `#include` are no comments.
pub(super) fn without_comments(line: &str, in_comment: &mut bool) -> String {
    let mut kept = String::new();
    let mut rest = line;
    let mut in_quote = false;
    while let Some(character) = rest.chars().next() {
        if *in_comment {
            let Some((_, after)) = rest.split_once("*/") else { return kept };
            *in_comment = false;
            rest = after;
            continue;
        }
        in_quote ^= character == '"';
        if !in_quote {
            let directive = rest.starts_with("#clear") || rest.starts_with("#include");
            if rest.starts_with("//") || (character == '#' && !directive) {
                break;
            }
            if let Some(after) = rest.strip_prefix("/*") {
                *in_comment = true;
                rest = after;
                continue;
            }
        }
        kept.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    kept
}

/// A value in quotes, or several, which are joined by a blank; `None` when anything else stands between.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    if !rest.starts_with('"') {
        return None;
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('"') {
            let (inner, after) = after.split_once('"')?;
            value.push_str(inner);
            rest = after;
        } else {
            let after = rest.trim_start();
            if after.len() == rest.len() {
                return None;
            }
            value.push(' ');
            rest = after;
        }
    }
    Some((value, rest))
}

/// A word up to a blank outside quotes and brackets, with `%20` and its like decoded.
pub(crate) fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let mut close = None;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        match (close, character) {
            (Some(awaited), _) if awaited == character => close = None,
            (Some(_), _) => {}
            (None, '"') => close = Some('"'),
            (None, '[') => close = Some(']'),
            (None, blank) if blank.is_ascii_whitespace() => {
                end = at;
                break;
            }
            (None, _) => {}
        }
    }
    if close.is_some() || end == 0 {
        return None;
    }
    let mut bytes = Vec::new();
    let mut raw = text.get(..end)?.bytes().filter(|byte| *byte != b'"').peekable();
    while let Some(byte) = raw.next() {
        let mut ahead = raw.clone();
        let digits = (byte == b'%').then(|| {
            let high = char::from(ahead.next()?).to_digit(16)?;
            let low = char::from(ahead.next()?).to_digit(16)?;
            u8::try_from(high.saturating_mul(16).saturating_add(low)).ok()
        });
        match digits.flatten() {
            Some(decoded) => {
                bytes.push(decoded);
                raw = ahead;
            }
            None => bytes.push(byte),
        }
    }
    Some((String::from_utf8_lossy(&bytes).into_owned(), text.get(end..)?.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values() {
        assert_eq!(word(" a%20b [x y]z c"), Some(("a b".to_owned(), "[x y]z c")));
        assert_eq!(word("[x y]z c"), Some(("[x y]z".to_owned(), "c")));
        assert_eq!((word(""), word("\"open"), word("[open")), (None, None, None));
        assert_eq!(quoted("\"a\" \"b\""), Some(("a b".to_owned(), "")));
        assert_eq!((quoted("a"), quoted("\"a\"b"), quoted("\"open")), (None, None, None));
    }

    #[test]
    fn comments_end_where_they_should() {
        let mut open = false;
        assert_eq!(without_comments("a \"//\" /* x */ b // c", &mut open), "a \"//\"  b ");
        assert_eq!(without_comments("a /* x", &mut open), "a ");
        assert!(open);
        assert_eq!(without_comments("y */ #clear b # c", &mut open), " #clear b ");
        assert!(!open);
    }
}
