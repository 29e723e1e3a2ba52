//! Reads the stanzas of Debian's control files: dpkg's status, apt's sources and Release files.

/// One stanza of a deb822(5) file: fields with a value that may continue on indented lines.
#[derive(Debug, Clone, Copy)]
pub struct Stanza<'a> {
    text: &'a str,
    /// Line in the file at which the stanza starts, from 1.
    pub line: u32,
}

impl<'a> Stanza<'a> {
    /// The value on the field's own line, without surrounding blanks. Names are compared without case, as dpkg does.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.text.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The words of a field, those of its continuation lines included; comment lines between them are skipped.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<&'a str> {
        let mut lines = self.text.lines().skip_while(|line| {
            !line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
        });
        let Some((_, first)) = lines.next().and_then(|line| line.split_once(':')) else {
            return Vec::new();
        };
        let more = lines
            .filter(|line| !line.starts_with('#'))
            .take_while(|line| line.starts_with([' ', '\t']))
            .flat_map(str::split_whitespace);
        first.split_whitespace().chain(more).collect()
    }
}

/// The stanzas of a file: separated by blank lines, comment lines belong to none.
pub fn stanzas(text: &str) -> impl Iterator<Item = Stanza<'_>> {
    let mut rest = text;
    let mut line = 1_u32;
    std::iter::from_fn(move || {
        loop {
            let (first, after) = split_line(rest)?;
            if !first.trim().is_empty() {
                break;
            }
            rest = after;
            line = line.saturating_add(1);
        }
        let (start, whole) = (line, rest);
        while let Some((next, after)) = split_line(rest) {
            if next.trim().is_empty() {
                break;
            }
            rest = after;
            line = line.saturating_add(1);
        }
        let length = whole.len().saturating_sub(rest.len());
        Some(Stanza { text: whole.get(..length)?, line: start })
    })
}

fn split_line(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() {
        return None;
    }
    Some(text.split_once('\n').unwrap_or((text, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_continuations() {
        let text = "\n# note\nPackage: a\nSuites: x\n y\n#z\n  w\nEnabled:no\n\n\n \nPACKAGE: b";
        let all: Vec<Stanza<'_>> = stanzas(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[1].line), (2, 12));
        assert_eq!(all[0].get("package"), Some("a"));
        assert_eq!(all[0].words("Suites"), ["x", "y", "w"]);
        assert_eq!(all[0].get("Enabled"), Some("no"));
        assert_eq!(all[1].get("Package"), Some("b"));
        assert!(all[1].words("Suites").is_empty());
    }

    #[test]
    fn hostile_text_ends() {
        assert_eq!(stanzas("").count(), 0);
        assert_eq!(stanzas("\n\n\r\n \t\n").count(), 0);
        assert_eq!(stanzas(":\n:\0\n x").count(), 1);
        assert_eq!(stanzas(&"a\n\n".repeat(10_000)).count(), 10_000);
    }
}
