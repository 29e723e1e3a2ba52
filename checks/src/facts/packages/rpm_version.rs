//! Compares two versions of rpm packages exactly as rpm does.

use std::cmp::Ordering;

/// Which of two versions in the form `epoch:version-release` is newer. An epoch left out is zero; of two that are
/// alike up to the release, the one without a release is older.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left_version, left_release) = parts(left.trim());
    let (right_epoch, right_version, right_release) = parts(right.trim());
    compare_segments(left_epoch, right_epoch)
        .then_with(|| compare_segments(left_version, right_version))
        .then_with(|| match (left_release, right_release) {
            (Some(left), Some(right)) => compare_segments(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        })
}

/// Epoch, where digits or nothing come before a colon; version; release after the last hyphen behind them.
pub(crate) fn parts(evr: &str) -> (&str, &str, Option<&str>) {
    let digits = evr.bytes().take_while(u8::is_ascii_digit).count();
    let (epoch, rest) = match evr.split_at_checked(digits) {
        Some((epoch, rest)) if rest.starts_with(':') => (epoch, rest.get(1..).unwrap_or_default()),
        _ => ("", evr),
    };
    let epoch = if epoch.is_empty() { "0" } else { epoch };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Compares two parts by their segments of letters or digits in turn: numbers are newer than letters, `~` is older
/// than the end, `^` newer than the end and older than anything else; all other characters only separate.
#[must_use]
pub fn compare_segments(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    if left == right {
        return Ordering::Equal;
    }
    loop {
        left = skip_separators(left);
        right = skip_separators(right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                left = left.get(1..).unwrap_or_default();
                right = right.get(1..).unwrap_or_default();
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            // Whatever remains of the longer one makes it newer.
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let (a_number, b_number) = (a.is_ascii_digit(), b.is_ascii_digit());
                if a_number != b_number {
                    return a_number.cmp(&b_number);
                }
                let class = if a_number { u8::is_ascii_digit } else { u8::is_ascii_alphabetic };
                let (a, left_rest) = run(left, class);
                let (b, right_rest) = run(right, class);
                let order = if a_number { number(a).cmp(&number(b)) } else { a.cmp(b) };
                if order.is_ne() {
                    return order;
                }
                (left, right) = (left_rest, right_rest);
            }
        }
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let speaks = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    let start = text.iter().position(speaks).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// The bytes of one class at the start, and what follows them.
fn run(text: &[u8], class: fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !class(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// A key that orders runs of digits of any length by their value: how many there are without leading zeros, then
/// which.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let significant = digits.get(zeros..).unwrap_or_default();
    (significant.len(), significant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_first() {
        let ascending = [
            "1.0~rc1~git1-1",
            "1.0~rc1-1",
            "1.0-1~",
            "1.0-1",
            "1.0-1.el9",
            "1.0-1.el9_4",
            "1.0-1.el9_4.2",
            "1.0-2",
            "1.0^git1~pre-2",
            "1.0^git1-1",
            "1.0.a-1",
            "1.0.1-1",
            "1.10-1",
            "2a-1",
            "2.1-1",
            "20240101-1",
            "1:0.1-1",
            "10:0-0",
        ];
        for (index, left) in ascending.iter().enumerate() {
            for right in &ascending[index + 1..] {
                assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
                assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
            }
        }
        for (left, right) in
            [("0:1-1", "1-1"), (":1-1", "1-1"), ("1.01-1", "1.1-1"), ("1_0-1", "1.0-1"), ("", "")]
        {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
        assert_eq!(compare("1.0", "1.0-1"), Ordering::Less);
    }

    #[test]
    fn absurd_numbers_and_bytes() {
        let long = "9".repeat(100_000);
        assert_eq!(compare(&long, "1"), Ordering::Greater);
        assert_eq!(compare(&format!("{long}:1"), "1:2"), Ordering::Greater);
        assert_eq!(compare_segments("\0é", ""), Ordering::Equal);
        assert_eq!(compare("::", "--"), Ordering::Less);
    }
}
