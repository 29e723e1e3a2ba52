//! The arguments of a line, how many of them sshd takes, and keywords that take the rest of the line as it stands.

use crate::facts::sshd::build::Build;

/// What stands behind a keyword.
#[derive(Debug, Clone, Copy)]
pub(in crate::facts::sshd) struct Argument<'a> {
    /// The keyword as written.
    pub(super) written: &'a str,
    pub(super) arguments: &'a [String],
    pub(super) rest: &'a str,
    pub(super) build: &'a Build,
}

impl<'a> Argument<'a> {
    pub(super) fn missing(&self) -> String {
        format!("{} without an argument", self.written)
    }

    pub(super) fn bad(&self) -> String {
        format!("{} with a value that sshd does not take", self.written)
    }

    pub(super) fn too_many(&self) -> String {
        format!("{} with more arguments than sshd takes", self.written)
    }

    /// Before 8.7 sshd looked at no more than the next argument, and an empty one was none.
    pub(super) fn end(&self, taken: usize) -> Result<(), String> {
        let more = match self.build.since(8, 7) {
            true => self.arguments.len() > taken,
            false => self.arguments.get(taken).is_some_and(|next| !next.is_empty()),
        };
        if more { Err(self.too_many()) } else { Ok(()) }
    }

    pub(super) fn first(&self) -> Result<&'a str, String> {
        match self.arguments.first() {
            Some(word) if !word.is_empty() => Ok(word),
            _ => Err(self.missing()),
        }
    }

    /// The only argument.
    pub(super) fn single(&self) -> Result<&'a str, String> {
        let word = self.first()?;
        self.end(1)?;
        Ok(word)
    }

    /// What the only argument stands for.
    pub(super) fn one(&self, of: impl FnOnce(&str) -> Option<String>) -> Result<Vec<String>, String> {
        let word = self.first()?;
        let value = of(word).ok_or_else(|| self.bad())?;
        self.end(1)?;
        Ok(vec![value])
    }

    /// All arguments: before 8.7 up to an empty one, from then on with it.
    pub(super) fn list(&self) -> Result<&'a [String], String> {
        let words = self.unended_list();
        if !self.build.since(8, 7) && words.len() < self.arguments.len() {
            self.end(words.len() + 1)?;
        }
        Ok(words)
    }

    /// As [`Self::list`], for keywords behind whose list sshd did not look.
    pub(super) fn unended_list(&self) -> &'a [String] {
        let count = match self.build.since(8, 7) {
            true => self.arguments.len(),
            false => self.arguments.iter().take_while(|word| !word.is_empty()).count(),
        };
        self.arguments.get(..count).unwrap_or_default()
    }

    /// Since 9.7 a list must not be empty.
    pub(super) fn not_empty(&self, words: &[String]) -> Result<(), String> {
        if words.is_empty() && self.build.since(9, 7) { Err(self.missing()) } else { Ok(()) }
    }

    fn text(&self) -> &'a str {
        self.rest.trim_start_matches([' ', '\t', '\r', '\n'])
    }
}

/// ForceCommand: whatever follows, a comment too.
pub(super) fn rest(line: &Argument) -> Result<Vec<String>, String> {
    if line.rest.is_empty() {
        return Err(line.missing());
    }
    Ok(vec![super::words::or_none(line.text())])
}

/// VersionAddendum.
pub(super) fn addendum(line: &Argument) -> Result<Vec<String>, String> {
    if line.rest.is_empty() {
        return Err(line.missing());
    }
    if line.text().contains('\r') {
        return Err(line.bad());
    }
    Ok(vec![super::words::or_none(line.text())])
}

/// A command with its arguments, by its absolute path.
pub(super) fn command(line: &Argument) -> Result<Vec<String>, String> {
    let text = line.text();
    match text.starts_with('/') || text.eq_ignore_ascii_case("none") {
        true => Ok(vec![text.to_owned()]),
        false => Err(format!("{} without an absolute path", line.written)),
    }
}

/// Subsystem: its name, its command and the arguments of that, as `sshd -T` shows them.
pub(super) fn subsystem(line: &Argument) -> Result<Vec<String>, String> {
    let words = line.list()?;
    let [name, command, more @ ..] = words else { return Err(line.missing()) };
    if name.is_empty() || command.is_empty() {
        return Err(line.missing());
    }
    let mut shown = format!("{name} ");
    if line.build.since(9, 5) {
        shown += &quoted(command);
        if !more.is_empty() || !line.build.since(9, 7) {
            shown.push(' ');
        }
        shown += &more.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    } else {
        shown += command;
        for word in more {
            shown.push(' ');
            shown += word;
        }
    }
    Ok(vec![shown])
}

/// A word as sshd puts it together again.
fn quoted(word: &str) -> String {
    let mut text = String::new();
    for letter in word.chars() {
        if matches!(letter, '\\' | '\'' | '"') {
            text.push('\\');
        }
        text.push(letter);
    }
    if word.contains([' ', '\t']) { format!("\"{text}\"") } else { text }
}
