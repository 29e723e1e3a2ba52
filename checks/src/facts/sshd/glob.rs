//! The files that a pattern of Include names, as sshd's own glob(3) finds them: sorted by bytes, hidden files only by name.

use crate::gap::Gap;
use crate::host::{FileKind, Host};

/// More matches than this are a gap.
const MATCHES: usize = 1_000;

/// What an absolute pattern leads to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The paths that it matches.
    pub(crate) paths: Vec<String>,
    /// The folders that were listed for them: a file that comes or goes there changes the answer.
    pub(crate) folders: Vec<String>,
}

/// The paths that an absolute pattern matches. A folder that cannot be listed is a gap, never an empty answer.
pub(crate) fn expand(host: &dyn Host, pattern: &str) -> Result<Found, Gap> {
    if pattern.len() > 1_024 {
        return Err(Gap::unsupported("a pattern of Include with more than 1,024 bytes"));
    }
    let mut found = vec![String::new()];
    let mut folders = Vec::new();
    for part in parts(pattern)? {
        let tokens = match part {
            Part::Unmatched => return Ok(Found { paths: Vec::new(), folders }),
            Part::Name(name) => {
                found.iter_mut().for_each(|base| *base = format!("{base}/{name}"));
                continue;
            }
            Part::Pattern(tokens) => tokens,
        };
        let mut next = Vec::new();
        for base in found {
            let dir = if base.is_empty() { "/" } else { &base };
            let names = match host.list(dir) {
                Ok(names) => names,
                Err(gap) if gap.is_absent() => continue,
                Err(_) if host.stat(dir).is_ok_and(|stat| stat.kind != FileKind::Dir) => continue,
                Err(gap) => return Err(gap),
            };
            folders.push(dir.to_owned());
            let hidden = matches!(tokens.first(), Some(Token::Letter(b'.')));
            let names = names.iter().map(String::as_str).chain([".", ".."]);
            next.extend(
                names
                    .filter(|name| (hidden || !name.starts_with('.')) && matches(&tokens, name.as_bytes()))
                    .map(|name| format!("{base}/{name}")),
            );
            if next.len() > MATCHES {
                return Err(Gap::too_large(format!("what {pattern} includes")));
            }
        }
        found = next;
    }
    let mut existing = Vec::new();
    for path in found {
        match host.stat_link(&path) {
            Ok(_) => existing.push(path),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    existing.sort();
    Ok(Found { paths: existing, folders })
}

/// Whether a name is what a pattern without a slash says; nothing where the pattern is not understood.
pub(crate) fn fits(pattern: &str, name: &str) -> Option<bool> {
    if pattern.len() > 1_024 || pattern.contains('/') {
        return None;
    }
    Some(match part(pattern, pattern)? {
        Part::Name(wanted) => wanted == name,
        Part::Pattern(tokens) => matches(&tokens, name.as_bytes()),
        Part::Unmatched => false,
    })
}

/// What stands between two slashes.
#[derive(Debug)]
enum Part {
    /// One name.
    Name(String),
    /// A pattern of names.
    Pattern(Vec<Token>),
    /// A pattern that no name matches, as it names a class of letters that does not exist.
    Unmatched,
}

/// A piece of a pattern.
#[derive(Debug)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Letter(u8),
    /// `[a-z]`, `[!a-z]`
    Set {
        negated: bool,
        of: Vec<Item>,
    },
}

/// What a set has between its brackets.
#[derive(Debug)]
enum Item {
    Range(u8, u8),
    Class(Class),
}

/// A class of letters, such as `[:digit:]`.
#[derive(Debug, Clone, Copy)]
struct Class {
    name: &'static [u8],
    holds: fn(&u8) -> bool,
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Class {}

static CLASSES: &[Class] = &[
    Class { name: b"alnum", holds: u8::is_ascii_alphanumeric },
    Class { name: b"alpha", holds: u8::is_ascii_alphabetic },
    Class { name: b"blank", holds: |letter| matches!(letter, b' ' | b'\t') },
    Class { name: b"cntrl", holds: u8::is_ascii_control },
    Class { name: b"digit", holds: u8::is_ascii_digit },
    Class { name: b"graph", holds: u8::is_ascii_graphic },
    Class { name: b"lower", holds: u8::is_ascii_lowercase },
    Class { name: b"print", holds: |letter| matches!(letter, b' '..=b'~') },
    Class { name: b"punct", holds: u8::is_ascii_punctuation },
    Class { name: b"space", holds: |letter| matches!(letter, b' ' | b'\t'..=b'\r') },
    Class { name: b"upper", holds: u8::is_ascii_uppercase },
    Class { name: b"xdigit", holds: u8::is_ascii_hexdigit },
];

/// A pattern taken apart. sshd brings its own glob(3) wherever the C library has none like that of BSD: only `!` negates
/// a set, and there are classes such as `[:digit:]`.
fn parts(pattern: &str) -> Result<Vec<Part>, Gap> {
    let odd = || Gap::unsupported("a pattern of Include with a bracket around a slash");
    let parts = pattern.split('/').filter(|part| !part.is_empty());
    let parts: Option<Vec<Part>> = parts.map(|part| self::part(part, pattern)).collect();
    parts.ok_or_else(odd)
}

fn part(part: &str, pattern: &str) -> Option<Part> {
    // Each letter with whether a backslash takes its meaning away.
    let mut letters: Vec<(u8, bool)> = Vec::new();
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        letters.push(match byte {
            b'\\' => (bytes.next().unwrap_or(b'\\'), true),
            _ => (byte, false),
        });
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some((letter, escaped)) = letters.get(at).copied() {
        at += 1;
        tokens.push(match (letter, escaped) {
            (b'*', false) => Token::Any,
            (b'?', false) => Token::One,
            (b'[', false) => match set(&letters, at) {
                Set::Closed(of, negated, behind) => {
                    at = behind;
                    Token::Set { negated, of }
                }
                Set::Open if pattern.contains(']') && !part.contains(']') => return None,
                Set::Open => Token::Letter(b'['),
                Set::NoSuchClass => return Some(Part::Unmatched),
                Set::Odd => return None,
            },
            _ => Token::Letter(letter),
        });
    }
    let name: Option<Vec<u8>> = tokens
        .iter()
        .map(|token| if let Token::Letter(letter) = token { Some(*letter) } else { None })
        .collect();
    Some(match name {
        Some(name) => Part::Name(String::from_utf8_lossy(&name).into_owned()),
        None => Part::Pattern(tokens),
    })
}

enum Set {
    /// What it has, whether that is negated, and where the pattern goes on.
    Closed(Vec<Item>, bool, usize),
    /// No set, as no bracket closes it.
    Open,
    NoSuchClass,
    /// One of which only the machine's memory tells where it ends.
    Odd,
}

/// The set whose content starts here.
fn set(letters: &[(u8, bool)], mut at: usize) -> Set {
    let plain = |at: usize| letters.get(at).filter(|(_, escaped)| !escaped).map(|(letter, _)| *letter);
    let negated = plain(at) == Some(b'!');
    at += usize::from(negated);
    let closes = letters.get(at + 1..).unwrap_or_default().contains(&(b']', false));
    if !closes {
        return Set::Open;
    }
    let mut of = Vec::new();
    loop {
        // The first letter may be a bracket.
        while plain(at) == Some(b'[') && plain(at + 1) == Some(b':') {
            let rest: Vec<u8> =
                letters.get(at + 2..).unwrap_or_default().iter().map(|(letter, _)| *letter).collect();
            let Some(end) = rest.iter().position(|letter| *letter == b':') else { break };
            if plain(at + 2 + end + 1) != Some(b']') {
                break;
            }
            let Some(class) = rest.get(..end).and_then(class) else { return Set::NoSuchClass };
            of.push(Item::Class(class));
            at += 2 + end + 2;
            if plain(at) == Some(b']') {
                return Set::Closed(of, negated, at + 1);
            }
        }
        let Some((low, _)) = letters.get(at).copied() else { return Set::Odd };
        at += 1;
        let mut high = low;
        if plain(at) == Some(b'-') && plain(at + 1) != Some(b']') {
            let Some((end, _)) = letters.get(at + 1).copied() else { return Set::Odd };
            high = end;
            at += 2;
        }
        of.push(Item::Range(low, high));
        match plain(at) {
            Some(b']') => return Set::Closed(of, negated, at + 1),
            None if at >= letters.len() => return Set::Odd,
            _ => {}
        }
    }
}

fn class(name: &[u8]) -> Option<Class> {
    CLASSES.iter().find(|class| class.name == name).copied()
}

/// Whether a name matches a pattern. At most pattern × name steps.
fn matches(pattern: &[Token], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let fits = match (pattern.get(at), name.get(seen)) {
            (Some(Token::Any), _) => {
                star = Some((at + 1, seen));
                at += 1;
                continue;
            }
            (None, None) => return true,
            (Some(Token::One), Some(_)) => true,
            (Some(Token::Letter(wanted)), Some(letter)) => wanted == letter,
            (Some(Token::Set { negated, of }), Some(letter)) => {
                let is_in = of.iter().any(|item| match item {
                    Item::Range(low, high) => (low..=high).contains(&letter),
                    Item::Class(class) => (class.holds)(letter),
                });
                is_in != *negated
            }
            _ => false,
        };
        match star {
            _ if fits => {
                at += 1;
                seen += 1;
            }
            Some((behind, from)) if from < name.len() => {
                star = Some((behind, from + 1));
                (at, seen) = (behind, from + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*.conf", "50-a.conf", true),
            ("*.conf", "50-a.conf~", false),
            ("*a*b*", "xxaxxbxx", true),
            ("[0-4]?-*", "10-x", true),
            ("[!0-4]*", "10-x", false),
            ("[^0-4]*", "10-x", true),
            ("[^0-4]*", "50-x", false),
            ("[]x]y", "]y", true),
            ("[[:digit:]a]?", "1x", true),
            ("[[:digit:]a]?", "ax", true),
            ("[[:digit:]]x", ":x", false),
            ("[[:nothing:]]*", "n", false),
            ("[[:x]*", ":", true),
            ("a[*", "a[", true),
            ("\\**", "*", true),
            ("\\**", "a", false),
            ("[\\]]*", "]", true),
            ("[a-]*", "-", true),
            ("**********z", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            let found = match part(pattern, pattern) {
                Some(Part::Pattern(tokens)) => matches(&tokens, name.as_bytes()),
                _ => false,
            };
            assert_eq!(found, fits, "{pattern} {name}");
        }
        assert!(matches!(part("a\\*[", "a"), Some(Part::Name(name)) if name == "a*["));
        assert!(parts("/a/[b/c]").is_err() && parts("/[[:digit:]").is_err());
    }

    #[test]
    fn sorted_by_bytes_and_hidden_files_only_by_name() {
        let tree =
            Tree::new(Timestamp(0)).file("/d/b", "").file("/d/B", "").file("/d/.a", "").file("/e/b", "");
        let paths = |pattern: &str| expand(&tree, pattern).unwrap().paths;
        assert_eq!(paths("/d/*"), ["/d/B", "/d/b"]);
        assert_eq!(paths("/*/b"), ["/d/b", "/e/b"]);
        assert_eq!(paths("/d/.*"), ["/d/.", "/d/..", "/d/.a"]);
        assert!(paths("/none/*").is_empty());
        assert_eq!(expand(&tree, "/d/*.conf").unwrap().folders, ["/d"]);
        assert!(expand(&tree.dir("/x").refuse("/x", Gap::denied("/x")), "/x/*").is_err());
    }
}
