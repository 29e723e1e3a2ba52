//! How systemd takes a command line apart into words and puts variables into them: systemd.service(5), COMMAND LINES.

use std::collections::BTreeMap;

/// The variables of a service; of two values the later one counts.
pub(crate) type Environment = BTreeMap<String, String>;

/// Who wrote the text that is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A setting of a unit: escapes of C are known, and a quote that nothing closes makes the setting void.
    Setting,
    /// The value of a variable: a backslash only protects the next letter, and an open quote reaches to the end.
    Value,
}

/// Takes the first word off a text. The rest follows it; `Ok(None)` at the end, `Err` where a quote stays open.
pub(crate) fn first(text: &str, kind: Kind) -> Result<Option<(String, &str)>, Unbalanced> {
    let text = text.trim_start_matches(is_blank);
    if text.is_empty() {
        return Ok(None);
    }
    let mut word: Vec<u8> = Vec::new();
    let mut quote = None;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (letter, quote) {
            ('\\', _) => match (letters.as_str(), kind) {
                ("", Kind::Setting) if quote.is_some() => return Err(Unbalanced),
                ("", Kind::Setting) => word.push(b'\\'),
                ("", Kind::Value) => {}
                (rest, Kind::Setting) => match unescape(rest) {
                    Some((bytes, length)) => {
                        word.extend(bytes);
                        letters = skip(letters, length);
                    }
                    None => word.push(b'\\'),
                },
                (_, Kind::Value) => {
                    letters.next().inspect(|(_, letter)| push(&mut word, *letter));
                }
            },
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            (letter, None) if is_blank(letter) => {
                return Ok(Some((finish(word), text.get(at..).unwrap_or_default())));
            }
            (letter, _) => push(&mut word, letter),
        }
    }
    match quote {
        Some(_) if kind == Kind::Setting => Err(Unbalanced),
        _ => Ok(Some((finish(word), ""))),
    }
}

/// All words of a text.
pub(crate) fn all(mut text: &str, kind: Kind) -> Result<Vec<String>, Unbalanced> {
    let mut words = Vec::new();
    while let Some((word, rest)) = first(text, kind)? {
        words.push(word);
        text = rest;
    }
    Ok(words)
}

/// A quote that nothing closes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// Words longer than this are not made of variables; the kernel takes none that are longer.
const LONGEST: usize = 128 << 10;

/// What becomes of a word of a command line: `$NAME` alone falls apart into words, `${NAME}` does not, and what has no
/// value vanishes. `None` where that would be too long.
pub(crate) fn expand(word: &str, environment: &Environment) -> Option<Vec<String>> {
    if let Some(name) = word.strip_prefix('$')
        && !name.starts_with(['{', '$'])
    {
        let value = environment.get(name).map_or("", String::as_str);
        return (value.len() <= LONGEST).then(|| all(value, Kind::Value).unwrap_or_default());
    }
    let mut whole = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        if whole.len() > LONGEST {
            return None;
        }
        rest = if let Some(after) = after.strip_prefix('$') {
            whole.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            whole.push_str(environment.get(name).map_or("", String::as_str));
            after
        } else {
            whole.push('$');
            after
        };
    }
    whole.push_str(rest);
    Some(vec![whole])
}

/// The bytes that an escape stands for, and the length of the escape without its backslash.
fn unescape(rest: &str) -> Option<(Vec<u8>, usize)> {
    let number = |from: usize, length: usize, base: u32| {
        let digits = rest.get(from..from.checked_add(length)?)?;
        digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(())?;
        u32::from_str_radix(digits, base).ok().filter(|number| *number != 0)
    };
    let letter = |from: usize, length: usize| {
        let letter = char::from_u32(number(from, length, 16)?)?;
        Some((letter.to_string().into_bytes(), from.saturating_add(length)))
    };
    let byte = |byte: u8| Some((vec![byte], 1));
    match rest.bytes().next()? {
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'v' => byte(11),
        b's' => byte(b' '),
        own @ (b'\\' | b'"' | b'\'') => byte(own),
        b'x' => Some((vec![u8::try_from(number(1, 2, 16)?).ok()?], 3)),
        b'u' => letter(1, 4),
        b'U' => letter(1, 8),
        b'0'..=b'7' => Some((vec![u8::try_from(number(0, 3, 8)?).ok()?], 3)),
        _ => None,
    }
}

/// Every escape is of ASCII, so that its bytes are its letters.
fn skip(mut letters: std::str::CharIndices<'_>, length: usize) -> std::str::CharIndices<'_> {
    for _ in 0..length {
        letters.next();
    }
    letters
}

fn push(word: &mut Vec<u8>, letter: char) {
    word.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

fn finish(word: Vec<u8>) -> String {
    String::from_utf8_lossy(&word).into_owned()
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes() {
        for (text, wanted) in [
            ("a  b\tc", Some(&["a", "b", "c"][..])),
            ("'a b'\"c d\"e f", Some(&["a bc de", "f"])),
            (r#"a\sb "\x41\101\u00e9" '\'' "#, Some(&["a b", "AAé", "'"])),
            (r"\q a\", Some(&["\\q", "a\\"])),
            ("'' \"\"", Some(&["", ""])),
            ("\"a", None),
            ("'a\\", None),
            (" ", Some(&[])),
        ] {
            let words = all(text, Kind::Setting).ok();
            assert_eq!(
                words,
                wanted.map(|words| words.iter().map(|word| (*word).to_owned()).collect()),
                "{text}"
            );
        }
        assert_eq!(all(r#"a\nb 'c "d" \"#, Kind::Value).unwrap(), ["anb", "c \"d\" "]);
    }

    #[test]
    fn variables() {
        let environment =
            [("A", "x 'y z'"), ("E", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::from(environment);
        for (word, wanted) in [
            ("$A", &["x", "y z"][..]),
            ("${A}", &["x 'y z'"]),
            ("-o${A}", &["-ox 'y z'"]),
            ("$E", &[]),
            ("$NONE", &[]),
            ("${NONE}", &[""]),
            ("a$A", &["a$A"]),
            ("$$A$$", &["$A$"]),
            ("${A", &["${A"]),
            ("$", &[]),
        ] {
            assert_eq!(expand(word, &environment).unwrap(), wanted, "{word}");
        }
        let environment = Environment::from([("A".to_owned(), "x".repeat(100_000))]);
        assert!(expand("$A", &environment).is_some());
        assert!(expand(&"${A}".repeat(100_000), &environment).is_none());
    }
}
