//! Words and signs of a script for `nft -f`.

/// A word, a sign, or the end of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// As it is written, without quotes.
    pub(super) text: String,
    /// Whether it was quoted.
    pub(super) quoted: bool,
    /// Where: an index into the files that were read, and a line.
    pub(super) at: (usize, u32),
}

impl Token {
    /// Whether it is this word or sign.
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text
    }
}

/// Signs that end a word; those of two characters come first.
const SIGNS: &[&str] = &[
    "!=", "==", ">=", "<=", "<<", ">>", "{", "}", ";", ",", "=", "(", ")", "|", "&", "^", "!", "<", ">", "\n",
];

/// Reads a file; comments are left out, and so are line ends after a backslash.
pub(super) fn tokens(text: &str, file: usize) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1_u32);
    while let Some(first) = rest.chars().next() {
        let at = (file, line);
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token { text: (*sign).to_owned(), quoted: false, at });
            line = line.saturating_add(u32::from(*sign == "\n"));
            rest = rest.get(sign.len()..).unwrap_or_default();
            continue;
        }
        match first {
            '#' => rest = rest.get(rest.find('\n').unwrap_or(rest.len())..).unwrap_or_default(),
            '"' | '\'' => {
                let inside = rest.get(1..).unwrap_or_default();
                let (quoted, after) = inside.split_once(first).unwrap_or((inside, ""));
                tokens.push(Token { text: quoted.to_owned(), quoted: true, at });
                line = line.saturating_add(lines(quoted));
                rest = after;
            }
            '\\' => {
                let after = rest.get(1..).unwrap_or_default();
                rest = after.strip_prefix('\n').unwrap_or(after);
                line = line.saturating_add(u32::from(after.len() != rest.len()));
            }
            other if other.is_whitespace() => rest = rest.get(other.len_utf8()..).unwrap_or_default(),
            _ => {
                let ends = |one: char| one.is_whitespace() || "#\"'\\;{},=()|&^!<>".contains(one);
                let (word, after) =
                    rest.split_at_checked(rest.find(ends).unwrap_or(rest.len())).unwrap_or((rest, ""));
                split(word, at, &mut tokens);
                rest = after;
            }
        }
    }
    tokens
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// A colon is a sign of its own, except in addresses of IPv6 and of network cards.
fn split(word: &str, at: (usize, u32), tokens: &mut Vec<Token>) {
    let mut push = |text: &str| tokens.push(Token { text: text.to_owned(), quoted: false, at });
    let address = |part: &str| {
        let part = part.split('/').next().unwrap_or_default();
        part.parse::<std::net::Ipv6Addr>().is_ok() || part.split(':').count() == 6
    };
    if !word.contains(':') || word.split('-').all(address) {
        return push(word);
    }
    let mut first = true;
    for part in word.split(':') {
        if !std::mem::take(&mut first) {
            push(":");
        }
        if !part.is_empty() {
            push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_signs_and_lines() {
        let text = "a {b,c}; # d\ne != \"f # g\"\\\n h::1/64 22:accept @s";
        let seen: Vec<_> = tokens(text, 0).into_iter().map(|token| (token.text, token.at.1)).collect();
        let wanted = [
            ("a", 1),
            ("{", 1),
            ("b", 1),
            (",", 1),
            ("c", 1),
            ("}", 1),
            (";", 1),
            ("\n", 1),
            ("e", 2),
            ("!=", 2),
            ("f # g", 2),
            ("h", 3),
            (":", 3),
            (":", 3),
            ("1/64", 3),
            ("22", 3),
            (":", 3),
            ("accept", 3),
            ("@s", 3),
        ];
        let seen: Vec<_> = seen.iter().map(|(text, line)| (text.as_str(), *line)).collect();
        assert_eq!(seen, wanted);
        assert_eq!(tokens("fe80::/10", 0).len(), 1);
        assert_eq!(tokens("02:00:00:00:00:01", 0).len(), 1);
        for nonsense in ["\"", "\\", "é{", "\0", "'"] {
            tokens(nonsense, 0);
        }
    }
}
