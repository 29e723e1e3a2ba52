//! The lines of a file of pam.d and the words in them, as libpam puts them together.

use crate::gap::Gap;

/// Releases before 1.6 cut a line after this many bytes and read the rest as another one.
const LONGEST: usize = 1_022;

/// A line with those that it goes on in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: u32,
    pub(super) text: String,
}

/// The lines that say something.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// The line that promises another one at the end of the file. There libpam gives up, after the lines before.
    pub(super) torn: Option<u32>,
}

/// Takes a file apart. A backslash at the end of a line joins the next one, a `#` ends a line wherever it stands.
pub(super) fn lines(path: &str, text: &str) -> Result<Lines, Gap> {
    if text.contains('\0') {
        return Err(Gap::unsupported(format!("{path} has a NUL byte")));
    }
    let mut found = Lines::default();
    let mut open: Option<Line> = None;
    for (number, line) in (1_u32..).zip(text.split_terminator('\n')) {
        let start = line.trim_start_matches(BLANKS);
        let (said, comment) = start.split_once('#').map_or((start, false), |(said, _)| (said, true));
        if said.is_empty() && (comment || start.is_empty()) {
            if open.is_some() {
                return Err(Gap::unsupported(format!(
                    "{path}:{number} is empty and goes on a line before, which releases of PAM read differently"
                )));
            }
            continue;
        }
        let whole = said.trim_end_matches(BLANKS);
        let (part, goes_on) = match whole.strip_suffix('\\') {
            Some(part) if !comment => (part, true),
            _ => (said, false),
        };
        let mut line = open.take().unwrap_or(Line { number, text: String::new() });
        line.text.push_str(part);
        if line.text.len() > LONGEST {
            return Err(Gap::unsupported(format!(
                "{path}:{number} is longer than some releases of PAM read in one piece"
            )));
        }
        match goes_on {
            true => {
                line.text.push(' ');
                open = Some(line);
            }
            false => found.lines.push(line),
        }
    }
    found.torn = open.map(|line| line.number);
    Ok(found)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The words of a line. One that begins with `[` ends with `]` and loses both; `\]` inside stands for `]`.
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self(line)
    }
}

impl Iterator for Words<'_> {
    type Item = String;
    fn next(&mut self) -> Option<String> {
        let text = self.0.trim_start_matches(BLANKS);
        if text.is_empty() {
            self.0 = text;
            return None;
        }
        let Some(inside) = text.strip_prefix('[') else {
            let (word, rest) = text.split_once(BLANKS).unwrap_or((text, ""));
            self.0 = rest;
            return Some(word.to_owned());
        };
        let mut word = String::new();
        let mut letters = inside.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ']' => break,
                '\\' if letters.as_str().starts_with(']') => word.extend(letters.next()),
                other => word.push(other),
            }
        }
        self.0 = letters.as_str();
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(u32, String)>, Option<u32>) {
        let found = lines("f", text).unwrap();
        (found.lines.into_iter().map(|line| (line.number, line.text)).collect(), found.torn)
    }

    fn words(line: &str) -> Vec<String> {
        Words::new(line).collect()
    }

    #[test]
    fn lines_are_joined_and_comments_dropped() {
        assert_eq!(
            read("# c\n\n a b # c \\\nauth \\\n  x\\  \n y\n"),
            (vec![(3, "a b ".into()), (4, "auth  x y".into())], None)
        );
        assert_eq!(read("a\nb \\"), (vec![(1, "a".into())], Some(2)));
        assert_eq!(read("a\r\n\r\n"), (vec![(1, "a\r".into()), (2, "\r".into())], None));
    }

    #[test]
    fn what_releases_read_differently_is_a_gap() {
        for text in ["a \\\n\nb\n", "a \\\n# c\nb\n", "a\0b", &"x".repeat(1_100)] {
            assert!(lines("f", text).is_err(), "{text}");
        }
    }

    #[test]
    fn brackets_hold_words_together() {
        assert_eq!(words(" auth\t[a=b  c=d]x.so [y z]"), ["auth", "a=b  c=d", "x.so", "y z"]);
        assert_eq!(words(r"[a[b\]c]"), ["a[b]c"]);
        assert_eq!(words("a [b c"), ["a", "b c"]);
        assert_eq!(words("a[b c]"), ["a[b", "c]"]);
        assert_eq!(words("[]a"), ["", "a"]);
        assert!(words(" \t").is_empty());
    }
}
