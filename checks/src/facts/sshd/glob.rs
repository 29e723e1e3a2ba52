//! The files that a pattern of Include names, as glob(3) finds them: sorted by bytes, hidden files only by name.

use crate::gap::Gap;
use crate::host::{FileKind, Host};

/// More matches than this are a gap.
const MATCHES: usize = 1_000;

/// What an absolute pattern leads to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The paths that it matches.
    pub(super) paths: Vec<String>,
    /// The folders that were listed for them: a file that comes or goes there changes the answer.
    pub(super) folders: Vec<String>,
}

/// The paths that an absolute pattern matches. A folder that cannot be listed is a gap, never an empty answer.
pub(super) fn expand(host: &dyn Host, pattern: &str) -> Result<Found, Gap> {
    if pattern.len() > 1_024 {
        return Err(Gap::unsupported("a pattern of Include with more than 1,024 bytes"));
    }
    let mut found = vec![String::new()];
    let mut folders = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for base in found {
            if !part.contains(['*', '?', '[', '\\']) {
                next.push(format!("{base}/{part}"));
                continue;
            }
            let dir = if base.is_empty() { "/" } else { &base };
            let names = match host.list(dir) {
                Ok(names) => names,
                Err(gap) if gap.is_absent() => continue,
                Err(_) if host.stat(dir).is_ok_and(|stat| stat.kind != FileKind::Dir) => continue,
                Err(gap) => return Err(gap),
            };
            folders.push(dir.to_owned());
            let hidden = part.starts_with('.') || part.starts_with("\\.");
            next.extend(
                names
                    .iter()
                    .filter(|name| (hidden || !name.starts_with('.')) && matches(part, name))
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

/// Whether a name matches a pattern of `*`, `?`, `[a-z]`, `[!a]` and escapes. At most pattern × name steps.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, seen));
                at += 1;
                continue;
            }
            None if seen == name.len() => return true,
            None => None,
            Some(_) => name.get(seen).and_then(|letter| single(&pattern, at, *letter)),
        };
        match (step, star) {
            (Some(width), _) => {
                at += width;
                seen += 1;
            }
            (None, Some((behind, from))) if from < name.len() => {
                star = Some((behind, from + 1));
                (at, seen) = (behind, from + 1);
            }
            (None, _) => return false,
        }
    }
}

/// How many letters of the pattern one letter of the name takes up, if it fits.
fn single(pattern: &[char], at: usize, letter: char) -> Option<usize> {
    match *pattern.get(at)? {
        '?' => Some(1),
        '\\' => match pattern.get(at + 1) {
            Some(escaped) => (*escaped == letter).then_some(2),
            None => (letter == '\\').then_some(1),
        },
        '[' => match bracket(pattern, at, letter) {
            Some((fits, width)) => fits.then_some(width),
            None => (letter == '[').then_some(1),
        },
        literal => (literal == letter).then_some(1),
    }
}

/// Whether a letter is in a bracket expression, and how long that is; `None` when it is never closed.
fn bracket(pattern: &[char], at: usize, letter: char) -> Option<(bool, usize)> {
    let mut here = at + 1;
    let negated = matches!(pattern.get(here)?, '!' | '^');
    here += usize::from(negated);
    let first = here;
    let mut fits = false;
    loop {
        let mut low = *pattern.get(here)?;
        if low == ']' && here > first {
            return Some((fits != negated, here + 1 - at));
        }
        if low == '\\' {
            here += 1;
            low = *pattern.get(here)?;
        }
        here += 1;
        let mut high = low;
        if pattern.get(here) == Some(&'-') && pattern.get(here + 1).is_some_and(|end| *end != ']') {
            high = *pattern.get(here + 1)?;
            here += 2;
        }
        fits |= (low..=high).contains(&letter);
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
            ("[]x]y", "]y", true),
            ("a[", "a[", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "", true),
            ("**********z", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn sorted_by_bytes_and_hidden_files_only_by_name() {
        let tree =
            Tree::new(Timestamp(0)).file("/d/b", "").file("/d/B", "").file("/d/.a", "").file("/e/b", "");
        let paths = |pattern: &str| expand(&tree, pattern).unwrap().paths;
        assert_eq!(paths("/d/*"), ["/d/B", "/d/b"]);
        assert_eq!(paths("/*/b"), ["/d/b", "/e/b"]);
        assert_eq!(paths("/d/.*"), ["/d/.a"]);
        assert!(paths("/none/*").is_empty());
        assert_eq!(expand(&tree, "/d/*.conf").unwrap().folders, ["/d"]);
        assert!(expand(&tree.dir("/x").refuse("/x", Gap::denied("/x")), "/x/*").is_err());
    }
}
