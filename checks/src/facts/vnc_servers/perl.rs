//! Settings of Debian's tigervncserver, which are programs in Perl: followed as far as they assign a constant to a name.

use crate::gap::Gap;

/// Assignments that are kept.
const MOST: usize = 1024;

/// A name without its `$`, its value, and the line; no value is Perl's `undef`.
pub(super) type Assignment = (String, Option<String>, u32);

/// `$name = "value";`, one after the other, between comments.
///
/// # Errors
/// Anything else may do anything.
pub(super) fn assignments(text: &str) -> Result<Vec<Assignment>, Gap> {
    let mut found = Vec::new();
    let mut rest = Text { text, line: 1 };
    loop {
        rest.blanks();
        if rest.text.is_empty() || found.len() >= MOST {
            return Ok(found);
        }
        let line = rest.line;
        let statement = rest.statement().ok_or_else(|| {
            Gap::unsupported(format!("line {line} is Perl, and hostduty runs no program to read settings"))
        })?;
        found.extend(statement.map(|(name, value)| (name, value, line)));
    }
}

struct Text<'t> {
    text: &'t str,
    line: u32,
}

impl Text<'_> {
    /// Passes blanks, ends of statements and comments.
    fn blanks(&mut self) {
        loop {
            let trimmed =
                self.text.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == ';');
            self.take(self.text.len().saturating_sub(trimmed.len()));
            if !self.text.starts_with('#') {
                return;
            }
            self.take(self.text.find('\n').unwrap_or(self.text.len()));
        }
    }

    fn take(&mut self, length: usize) -> &str {
        let (taken, rest) = self.text.split_at_checked(length).unwrap_or((self.text, ""));
        let lines = taken.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.text = rest;
        taken
    }

    fn word(&mut self) -> String {
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let length = self.text.find(|letter| !is_part(letter)).unwrap_or(self.text.len());
        self.take(length).to_owned()
    }

    /// An assignment; nothing for the `1;` at the end.
    fn statement(&mut self) -> Option<Option<(String, Option<String>)>> {
        if !self.text.starts_with('$') {
            let number = self.word();
            return (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && self.ends())
                .then_some(None);
        }
        self.take(1);
        let name = self.word();
        self.blanks();
        // `==` and `=~` are none.
        if name.is_empty()
            || !self.text.starts_with('=')
            || self.text.starts_with("==")
            || self.text.starts_with("=~")
        {
            return None;
        }
        self.take(1);
        self.blanks();
        let value = match self.text.chars().next()? {
            quote @ ('"' | '\'') => {
                self.take(1);
                let length = self.text.find(quote)?;
                let value = self.take(length).to_owned();
                self.take(1);
                // In double quotes `$` and `@` stand for variables.
                let plain = !value.contains('\\') && (quote == '\'' || !value.contains(['$', '@']));
                Some(value).filter(|_| plain)?.into()
            }
            _ => Some(self.word()).filter(|word| !word.is_empty()).and_then(|word| match word.as_str() {
                "undef" => Some(None),
                number if number.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(word)),
                _ => None,
            })?,
        };
        self.ends().then_some(Some((name, value)))
    }

    /// Whether the statement is over.
    fn ends(&mut self) -> bool {
        let over = self.text.trim_start();
        over.is_empty() || over.starts_with(';')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_followed_and_programs_are_not() {
        let text = "# $SecurityTypes = \"None\";\n$SecurityTypes = \"VncAuth,TLSVnc\"; # both\n$localhost='no';\n\n\
                    $fontPath = undef; $depth=\n 24;\n1;\n";
        let found = assignments(text).unwrap();
        let shown: Vec<(&str, Option<&str>, u32)> =
            found.iter().map(|(name, value, line)| (name.as_str(), value.as_deref(), *line)).collect();
        assert_eq!(
            shown,
            [
                ("SecurityTypes", Some("VncAuth,TLSVnc"), 2),
                ("localhost", Some("no"), 3),
                ("fontPath", None, 5),
                ("depth", Some("24"), 5)
            ]
        );
        for program in [
            "$a = \"$ENV{HOME}\";",
            "$a .= 'x';",
            "$a = 'x' . 'y';",
            "$a = \"x\\n\";",
            "if (1) { $a = 'x'; }",
            "do '/x';",
            "$a == 'x';",
            "$a = 'open",
            "$a",
            "=pod\n$a = 'x';\n=cut",
            "my $a = 'x';",
            "\0",
        ] {
            assert!(assignments(program).is_err(), "{program}");
        }
        assert_eq!(assignments(&"$a=1;".repeat(100_000)).unwrap().len(), MOST);
    }
}
