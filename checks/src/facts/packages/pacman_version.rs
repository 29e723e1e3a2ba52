//! Compares two versions of packages exactly as pacman does (vercmp(8)).

use std::cmp::Ordering;

/// Which of two versions is newer: epoch, version, and the release where both have one.
///
/// This is no order of a set: `1-1` and `1-2` are both equal to `1`, which has no release.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (left_epoch, left_version, left_release) = parts(left);
    let (right_epoch, right_version, right_release) = parts(right);
    let releases = || match (left_release, right_release) {
        (Some(left), Some(right)) => part(left, right),
        _ => Ordering::Equal,
    };
    part(left_epoch, right_epoch).then_with(|| part(left_version, right_version)).then_with(releases)
}

/// The epoch is made of digits before a colon and is zero without them; the release follows the last hyphen behind the
/// first run of digits.
fn parts(text: &str) -> (&[u8], &[u8], Option<&[u8]>) {
    let bytes = text.as_bytes();
    let (number, rest) = bytes.split_at(run(bytes, u8::is_ascii_digit));
    let hyphen = rest.iter().rposition(|byte| *byte == b'-');
    let release = hyphen.and_then(|at| rest.get(at.saturating_add(1)..));
    let end = hyphen.map_or(bytes.len(), |at| number.len().saturating_add(at));
    let start = if rest.first() == Some(&b':') { number.len().saturating_add(1) } else { 0 };
    let epoch = if start == 0 || number.is_empty() { b"0" } else { number };
    (epoch, bytes.get(start..end).unwrap_or_default(), release)
}

/// Runs of digits by their value, runs of letters by their bytes, in turn; what stands between them counts by its length.
fn part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    while !left.is_empty() && !right.is_empty() {
        let gaps = (run(left, between), run(right, between));
        (left, right) = (behind(left, gaps.0), behind(right, gaps.1));
        if left.is_empty() || right.is_empty() {
            break;
        }
        if gaps.0 != gaps.1 {
            return gaps.0.cmp(&gaps.1);
        }
        let digits = left.first().is_some_and(u8::is_ascii_digit);
        let kind = if digits { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
        let ends = (run(left, kind), run(right, kind));
        // Of a number and a word the number is newer.
        if ends.1 == 0 {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let (a, b) = (left.get(..ends.0).unwrap_or_default(), right.get(..ends.1).unwrap_or_default());
        let order = if digits { number(a).cmp(&number(b)) } else { a.cmp(b) };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (behind(left, ends.0), behind(right, ends.1));
    }
    let word = |rest: &[u8]| rest.first().is_some_and(u8::is_ascii_alphabetic);
    match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        // A word that is left over is older than nothing: `1rc` comes before `1`.
        (true, false) if !word(right) => Ordering::Less,
        _ if word(left) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

fn between(byte: &u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// How many bytes of this kind it begins with.
fn run(text: &[u8], kind: impl Fn(&u8) -> bool) -> usize {
    text.iter().position(|byte| !kind(byte)).unwrap_or(text.len())
}

fn behind(text: &[u8], count: usize) -> &[u8] {
    text.get(count..).unwrap_or_default()
}

/// A key that orders runs of digits of any length by their value.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let significant = behind(digits, run(digits, |digit| *digit == b'0'));
    (significant.len(), significant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_what_is_between() {
        let ascending = [
            ("1.0rc1", "1.0"),
            ("1.0a", "1.0b"),
            ("1.0", "1.0.a"),
            ("1.0", "1.0.1"),
            ("1.9", "1.10"),
            ("1.0-1", "1.0-2"),
            ("1.0-1.1", "1.0-2"),
            ("9.9-9", "1:0.1-1"),
            ("1.0", "1..0"),
            ("1.0", "1.0."),
            ("a", "1"),
            ("r100.abc", "r101.abc"),
        ];
        for (left, right) in ascending {
            assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
            assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
        }
        for (left, right) in [("1.0", "1.0-7"), ("0:1", "1"), (":1", "1"), ("1.01", "1.1"), ("1.0.", "1.0..")]
        {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }

    #[test]
    fn absurd_numbers_and_bytes() {
        let long = "9".repeat(100_000);
        assert_eq!(compare(&long, "1"), Ordering::Greater);
        assert_eq!(compare(&format!("{long}:1"), "1:2"), Ordering::Greater);
        for text in ["", "-", ":", "-:-", "é", "\0", "1:", "1-"] {
            assert_eq!(compare(text, text), Ordering::Equal);
            assert_eq!(compare(text, "1").reverse(), compare("1", text), "{text:?}");
        }
    }
}
