//! Walks over a line of sudoers(5) word by word.

pub(super) struct Cursor<'a> {
    rest: &'a str,
}

/// A member of a list: a name, and whether `!` stands before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Item {
    pub(super) negated: bool,
    pub(super) name: String,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.blanks();
        self.rest.is_empty()
    }

    /// The next character that is not blank, if it is this one.
    pub(super) fn eat(&mut self, character: char) -> bool {
        self.blanks();
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The rest of the line, to look ahead.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Goes on after a part of [`Cursor::rest`] that was looked at.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    /// The next word without its quotes and escapes: up to a blank or a character at which `stop`, given the word so
    /// far, says so. `None` for a quote that does not end.
    pub(super) fn word(&mut self, stop: impl Fn(char, &str) -> bool) -> Option<String> {
        self.blanks();
        let mut word = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for (at, character) in self.rest.char_indices() {
            match character {
                _ if escaped => {
                    escaped = false;
                    word.push(character);
                }
                '\\' => escaped = true,
                '"' => quoted = !quoted,
                _ if quoted => word.push(character),
                _ if character.is_whitespace() || stop(character, &word) => {
                    self.skip(at);
                    return Some(word);
                }
                _ => word.push(character),
            }
        }
        self.rest = "";
        (!quoted && !escaped).then_some(word)
    }

    /// Names between commas, up to the first blank that no comma follows. `None` where a name is missing.
    pub(super) fn list(&mut self, stop: impl Fn(char, &str) -> bool) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            let mut negated = false;
            while self.eat('!') {
                negated = !negated;
            }
            let name =
                self.word(|character, word| matches!(character, ',' | '!') || stop(character, word))?;
            if name.is_empty() {
                return None;
            }
            items.push(Item { negated, name });
            if !self.eat(',') {
                return Some(items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_a_blank_without_a_comma() {
        let mut cursor = Cursor::new("ada, !bob ,%\"domain users\",c\\,d ALL = x");
        let names: Vec<_> =
            cursor.list(|c, _| c == '=').unwrap().into_iter().map(|i| (i.negated, i.name)).collect();
        let expected = [(false, "ada"), (true, "bob"), (false, "%domain users"), (false, "c,d")];
        assert_eq!(names, expected.map(|(negated, name)| (negated, name.to_owned())));
        assert_eq!(cursor.rest(), "ALL = x");
        assert!(Cursor::new("a,,b").list(|_, _| false).is_none());
        assert!(Cursor::new("\"open").word(|_, _| false).is_none());
        assert!(Cursor::new("end\\").word(|_, _| false).is_none());
    }
}
