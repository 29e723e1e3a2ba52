//! Splits a line of sshd_config(5) into its keyword and arguments, byte for byte as OpenSSH does.

use super::build::Build;

/// A line that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The keyword as written.
    pub(super) keyword: String,
    /// Everything behind the keyword; empty when nothing follows it.
    pub(super) rest: String,
    /// Whether nothing follows the keyword, not even `=`.
    pub(super) bare: bool,
}

/// The white space between words.
fn is_blank(byte: char) -> bool {
    matches!(byte, ' ' | '\t' | '\r' | '\n')
}

/// The keyword of a line and what follows it. `None` is a line that sshd passes over: empty, a comment, or one whose
/// first quotation mark is never closed (which sshd drops without a word).
pub(super) fn line(mut text: &str, build: &Build) -> Option<Line> {
    if !build.since(8, 7) {
        // A comment began anywhere, even between quotation marks.
        text = text.split('#').next().unwrap_or_default();
    }
    let text = text.trim_start_matches([' ', '\t', '\r']);
    // sshd never takes the first letter of a line for a trailing blank, so that a form feed alone is a keyword.
    let first = text.chars().next().map_or(0, char::len_utf8);
    let kept = text.get(first..)?.trim_end_matches(|end| is_blank(end) || end == '\x0c').len();
    let text = text.get(..first + kept)?;
    let (mut keyword, mut rest) = first_word(text)?;
    if keyword.is_empty() {
        (keyword, rest) = first_word(rest?)?;
    }
    if keyword.is_empty() || keyword.starts_with('#') {
        return None;
    }
    Some(Line { keyword, bare: rest.is_none(), rest: rest.unwrap_or_default().to_owned() })
}

/// The text up to a blank, an `=` or through a quoted part, and what follows; no rest when the text ends first.
pub(super) fn first_word(text: &str) -> Option<(String, Option<&str>)> {
    let Some(end) = text.find(|byte| is_blank(byte) || byte == '"' || byte == '=') else {
        return Some((text.to_owned(), None));
    };
    let (before, after) = (text.get(..end)?, text.get(end + 1..)?);
    if text.get(end..)?.starts_with('"') {
        let (quoted, rest) = after.split_once('"')?;
        return Some((format!("{before}{quoted}"), Some(rest.trim_start_matches(is_blank))));
    }
    let mut rest = after.trim_start_matches(is_blank);
    if !text.get(end..)?.starts_with('=')
        && let Some(behind) = rest.strip_prefix('=')
    {
        rest = behind.trim_start_matches(is_blank);
    }
    Some((before.to_owned(), Some(rest)))
}

/// The arguments behind a keyword. Since OpenSSH 8.7 quotes of either kind group, a backslash escapes a quote, a backslash
/// or a blank, and a comment ends them; before, they were taken apart at blanks, `=` and double quotes like the keyword.
/// `None` when a quotation mark is not closed; before 8.7 that only ended the arguments.
pub(super) fn arguments(text: &str, build: &Build) -> Option<Vec<String>> {
    if build.since(8, 7) { split(text) } else { Some(delimited(text)) }
}

/// All words between blanks, `=` and double quotes, up to a quotation mark that is not closed.
pub(super) fn delimited(text: &str) -> Vec<String> {
    let mut rest = Some(text);
    std::iter::from_fn(|| {
        let (word, behind) = first_word(rest?)?;
        rest = behind;
        Some(word)
    })
    .collect()
}

fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| matches!(letter, ' ' | '\t')).is_some() {}
        if letters.peek().is_none_or(|letter| *letter == '#') {
            return Some(words);
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(letter) = letters.next() {
            match (letter, quote) {
                ('\\', _) => {
                    let escaped = letters.next_if(|next| {
                        matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                    });
                    word.push(escaped.unwrap_or('\\'));
                }
                (' ' | '\t', None) => break,
                ('"' | '\'', None) => quote = Some(letter),
                (_, Some(open)) if open == letter => quote = None,
                _ => word.push(letter),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, version: (u32, u32)) -> Option<(String, Option<Vec<String>>)> {
        let build = Build { version, ..Build::default() };
        line(text, &build).map(|line| (line.keyword, arguments(&line.rest, &build)))
    }
    fn split(text: &str) -> Option<(String, Option<Vec<String>>)> {
        read(text, (9, 2))
    }

    #[test]
    fn forms_of_one_setting() {
        for text in
            ["Port 22", " Port\t22 ", "Port=22", "Port = 22", "\"Port\" 22", "Port \"22\" # x", "=Port 22"]
        {
            assert_eq!(split(text), Some(("Port".into(), Some(vec!["22".into()]))), "{text}");
        }
    }

    #[test]
    fn lines_that_say_nothing() {
        for text in ["", "  ", "# Port 22", "#\"", "Port\"22", "=", "\"\""] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn odd_lines() {
        assert_eq!(split("Port == 22"), Some(("Port".into(), Some(vec!["=".into(), "22".into()]))));
        assert_eq!(split("Port"), Some(("Port".into(), Some(vec![]))));
        assert_eq!(
            split("A 'b c' d\\ e \"f'\\\"g\" h\\i #j"),
            Some(("A".into(), Some(vec!["b c".into(), "d e".into(), "f'\"g".into(), "h\\i".into()])))
        );
        assert_eq!(split("A 'b"), Some(("A".into(), None)));
    }

    #[test]
    fn before_argument_vectors() {
        let old = |text| read(text, (8, 4));
        assert_eq!(old("Port 22 # x"), Some(("Port".into(), Some(vec!["22".into()]))));
        assert_eq!(old("Port \"2#2\""), Some(("Port".into(), Some(vec![]))));
        assert_eq!(old("A 'b c'=d"), Some(("A".into(), Some(vec!["'b".into(), "c'".into(), "d".into()]))));
        assert_eq!(old("A \"b c\" d"), Some(("A".into(), Some(vec!["b c".into(), "d".into()]))));
    }
}
