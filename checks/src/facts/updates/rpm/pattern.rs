//! Which packages a word of `excludepkgs=`, of versionlock or of a lock of zypper means.

use super::Package;

/// Whether a shell pattern means a text: `*`, `?` and `[…]`.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where to go on when what follows the last star does not fit.
    let mut again: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some('*'), _) => {
                again = Some((p, t));
                Some((p.saturating_add(1), t))
            }
            (_, None) => return false,
            (Some('?'), Some(_)) => Some((p.saturating_add(1), t.saturating_add(1))),
            (Some('['), Some(c)) => match class(pattern.get(p..).unwrap_or_default(), *c) {
                Some((true, length)) => Some((p.saturating_add(length), t.saturating_add(1))),
                Some((false, _)) => None,
                None if *c == '[' => Some((p.saturating_add(1), t.saturating_add(1))),
                None => None,
            },
            (Some(one), Some(other)) if one == other => Some((p.saturating_add(1), t.saturating_add(1))),
            _ => None,
        };
        (p, t) = match (step, again) {
            (Some(next), _) => next,
            (None, Some((star, from))) => {
                again = Some((star, from.saturating_add(1)));
                (star.saturating_add(1), from.saturating_add(1))
            }
            (None, None) => return false,
        };
    }
}

/// Whether a character is in the class that begins a pattern, and the length of the class; nothing without an end.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let inside = pattern.get(first..)?;
    let end = inside.iter().skip(1).position(|c| *c == ']')?.saturating_add(1);
    let inside = inside.get(..end)?;
    let mut found = false;
    let mut rest = inside;
    while let Some((one, more)) = rest.split_first() {
        if let [from @ '-', to, ..] = more {
            let _ = from;
            found |= (*one..=*to).contains(&c);
            rest = more.get(2..).unwrap_or_default();
        } else {
            found |= *one == c;
            rest = more;
        }
    }
    Some((found != negated, first.saturating_add(end).saturating_add(1)))
}

/// Whether a word means a package by any of the forms that dnf knows: its name alone, with version, release,
/// architecture and epoch. dnf takes the first form that means any package at all; where it would have stopped at
/// another package, this says yes too often: then a security update counts as withheld, and never as absent.
pub(super) fn means(word: &str, package: &Package) -> bool {
    let Package { name, epoch, version, release, architecture, .. } = package;
    if !word.contains(['*', '?', '[']) && !word.contains(name.as_str()) {
        return false;
    }
    if glob(word, name) || glob(word, &format!("{name}.{architecture}")) {
        return true;
    }
    let dashed = word.contains('-') || word.contains(['*', '[', '?']);
    dashed
        && [format!("{version}-{release}"), format!("{epoch}:{version}-{release}")].iter().any(|evr| {
            let with = format!("{name}-{evr}");
            glob(word, &with) || glob(word, &format!("{with}.{architecture}"))
        })
        || glob(word, &format!("{epoch}:{name}-{version}-{release}.{architecture}"))
        || (dashed
            && !word.ends_with('*')
            && (glob(word, &format!("{name}-{version}")) || glob(word, &format!("{name}-{epoch}:{version}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_patterns() {
        for (pattern, text, matches) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a?c", "abc", true),
            ("a[a-c]c", "abc", true),
            ("a[!a-c]c", "abc", false),
            ("a[!a-c]c", "axc", true),
            ("*b*d", "abcbd", true),
            ("*b*d", "abcbe", false),
            ("[", "[", true),
            ("a[", "ab", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
        assert!(!glob(&"*a".repeat(200), &"a".repeat(100)));
    }

    #[test]
    fn words_of_an_exclusion() {
        let package = Package {
            name: "openssl-libs".into(),
            epoch: 1,
            version: "3.0.7".into(),
            release: "27.el9".into(),
            architecture: "x86_64".into(),
            ..Package::default()
        };
        for (word, matches) in [
            ("openssl-libs", true),
            ("openssl*", true),
            ("openssl", false),
            ("openssl-libs.x86_64", true),
            ("openssl-libs.i686", false),
            ("openssl-libs-3.0.7-27.el9", true),
            ("openssl-libs-1:3.0.7-27.el9.x86_64", true),
            ("openssl-libs-1:3.0.7-27.el9.*", true),
            ("openssl-libs-0:3.0.7-27.el9.*", false),
            ("openssl-libs-3.0.7", true),
            ("1:openssl-libs-3.0.7-27.el9.x86_64", true),
            ("*", true),
        ] {
            assert_eq!(means(word, &package), matches, "{word}");
        }
    }
}
