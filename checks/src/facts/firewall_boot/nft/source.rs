//! The files that a script includes, and the names that it defines.

use std::collections::BTreeMap;

use super::lexer::{Token, tokens};
use crate::host::{Host, SMALL, read_text};

/// nft(8) follows no more; neither do we.
const DEPTH: usize = 16;
const FILES: usize = 500;
const TOKENS: usize = 1_000_000;

/// The words of a script, those of the files that it includes in their places.
pub(super) struct Source<'a> {
    host: &'a dyn Host,
    /// The files that were read; tokens refer to them by number.
    pub(super) files: Vec<String>,
    /// What was taken in so far, to stop in time.
    taken: usize,
    defined: BTreeMap<String, Vec<Token>>,
    open: Vec<String>,
}

impl<'a> Source<'a> {
    pub(super) fn new(host: &'a dyn Host) -> Self {
        Self { host, files: Vec::new(), taken: 0, defined: BTreeMap::new(), open: Vec::new() }
    }

    /// Reads a file with all that it includes.
    pub(super) fn read(&mut self, path: &str) -> Result<Vec<Token>, String> {
        let text = read_text(self.host, path, SMALL).map_err(|gap| gap.to_string())?;
        self.expand(path, &text)
    }

    pub(super) fn expand(&mut self, path: &str, text: &str) -> Result<Vec<Token>, String> {
        if self.open.iter().any(|open| open == path) || self.open.len() >= DEPTH {
            return Err(format!("{path} includes itself, or files include one another too deep"));
        }
        if self.files.len() >= FILES {
            return Err(format!("more than {FILES} files are included"));
        }
        self.files.push(path.to_owned());
        let file = self.files.len().saturating_sub(1);
        self.open.push(path.to_owned());
        let mut out = Vec::new();
        let mut words = tokens(text, file).into_iter().peekable();
        let mut starts = true;
        while let Some(token) = words.next() {
            self.taken = self.taken.saturating_add(1);
            if self.taken > TOKENS {
                return Err(format!("{path} and what it includes are too long"));
            }
            if starts && token.is("include") {
                let named = words.next().filter(|next| next.quoted);
                let named = named.ok_or_else(|| format!("{path}:{} includes no file", token.at.1))?;
                for included in self.matching(&named.text)? {
                    out.extend(self.read(&included)?);
                    out.push(Token { text: "\n".to_owned(), quoted: false, at: token.at });
                }
                continue;
            }
            if starts && (token.is("define") || token.is("redefine") || token.is("undefine")) {
                let line = statement(&mut words);
                self.define(&token, line).map_err(|reason| format!("{path}:{}: {reason}", token.at.1))?;
                continue;
            }
            starts = ["\n", ";", "{", "}"].iter().any(|sign| token.is(sign));
            out.extend(self.value(token)?);
        }
        self.open.pop();
        Ok(out)
    }

    fn define(&mut self, verb: &Token, line: Vec<Token>) -> Result<(), String> {
        let mut line = line.into_iter();
        let name = line.next().map(|name| name.text).unwrap_or_default();
        if verb.is("undefine") {
            self.defined.remove(&name);
            return Ok(());
        }
        if !line.next().is_some_and(|sign| sign.is("=")) {
            return Err("a definition has no value".to_owned());
        }
        let mut value = Vec::new();
        for token in line.filter(|token| !token.is("\n")) {
            value.extend(self.value(token)?);
        }
        self.defined.insert(name, value);
        Ok(())
    }

    /// What a word stands for: itself, or what `$name` was defined as.
    fn value(&mut self, token: Token) -> Result<Vec<Token>, String> {
        let Some(name) = token.text.strip_prefix('$').filter(|_| !token.quoted) else {
            return Ok(vec![token]);
        };
        let value = self.defined.get(name).ok_or_else(|| format!("${name} is not defined"))?;
        self.taken = self.taken.saturating_add(value.len());
        if self.taken > TOKENS {
            return Err("its definitions are too long".to_owned());
        }
        Ok(value.iter().cloned().map(|word| Token { at: token.at, ..word }).collect())
    }

    /// The files that an include means: relative names lie below /etc, and patterns match names that have no dot first.
    fn matching(&self, named: &str) -> Result<Vec<String>, String> {
        let path = match named.strip_prefix("./") {
            Some(relative) => return Err(format!("it includes ./{relative}, wherever it is started from")),
            None if named.starts_with('/') => named.to_owned(),
            None => format!("/etc/{named}"),
        };
        if !path.contains(['*', '?', '[']) {
            // `nft -f` takes a folder as an error, and refuses the whole script without the file.
            return Ok(vec![path]);
        }
        let (folder, pattern) = path.rsplit_once('/').unwrap_or(("/etc", &path));
        if folder.contains(['*', '?', '[']) || pattern.contains('[') {
            return Err(format!("it includes {path}, a pattern that hostduty does not follow"));
        }
        match self.host.list(folder) {
            Ok(mut names) => {
                names.sort();
                let found = names.iter().filter(|name| !name.starts_with('.') && matches(pattern, name));
                Ok(found.map(|name| format!("{folder}/{name}")).collect())
            }
            Err(gap) if gap.is_absent() => Ok(Vec::new()),
            Err(gap) => Err(gap.to_string()),
        }
    }
}

/// The rest of a statement: to the end of the line outside of braces.
fn statement(words: &mut std::iter::Peekable<impl Iterator<Item = Token>>) -> Vec<Token> {
    let mut depth = 0_usize;
    let mut line = Vec::new();
    while let Some(token) =
        words.next_if(|token| depth > 0 || !(token.is("\n") || token.is(";") || token.is("}")))
    {
        if token.is("{") {
            depth = depth.saturating_add(1);
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
        }
        line.push(token);
    }
    line
}

/// glob(7) with `*` and `?`, in time that grows with the product of the lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // Which beginnings of the pattern match what was read of the name.
    let mut reached = vec![false; pattern.len().saturating_add(1)];
    let stars = |reached: &mut Vec<bool>| {
        for (at, one) in pattern.iter().enumerate() {
            if *one == '*' && reached.get(at) == Some(&true) {
                reached.splice(at.saturating_add(1)..at.saturating_add(2), [true]);
            }
        }
    };
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    stars(&mut reached);
    for letter in name.chars() {
        let mut after = vec![false; reached.len()];
        for (at, one) in pattern.iter().enumerate() {
            if reached.get(at) == Some(&true) {
                let target = if *one == '*' { at } else { at.saturating_add(1) };
                if (*one == '*' || *one == '?' || *one == letter)
                    && let Some(place) = after.get_mut(target)
                {
                    *place = true;
                }
            }
        }
        reached = after;
        stars(&mut reached);
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn patterns() {
        for (pattern, name, wanted) in [
            ("*.nft", "a.nft", true),
            ("*.nft", "a.nft~", false),
            ("?-*", "1-web", true),
            ("*", "", true),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn includes_and_definitions_take_their_place() {
        let host = Tree::new(Timestamp(0))
            .file("/etc/a", "define x = { 1,\n2 }\ninclude \"/etc/d/*.nft\"\nc\n")
            .file("/etc/d/2.nft", "y $x")
            .file("/etc/d/1.nft", "z")
            .file("/etc/d/.hidden.nft", "h")
            .file("/etc/loop", "include \"loop\"\n")
            .file("/etc/laughs", laughs());
        let words = |path: &str| {
            let tokens = Source::new(&host).read(path)?;
            Ok::<_, String>(tokens.iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(words("/etc/a").unwrap(), "\n z \n y { 1 , 2 } \n \n c \n");
        assert!(words("/etc/loop").is_err());
        assert!(words("/etc/laughs").is_err());
        assert!(words("/etc/none").is_err());
    }

    /// Definitions each of which is ten of the one before.
    fn laughs() -> String {
        let mut text = "define a = 1\n".to_owned();
        for (before, name) in "abcdefghij".chars().zip("bcdefghijk".chars()) {
            text += &format!("define {name} = {{ {} }}\n", format!("${before} ,").repeat(10));
        }
        text
    }
}
