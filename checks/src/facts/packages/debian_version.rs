//! Compares two Debian package versions exactly as dpkg does.

use std::cmp::Ordering;

/// Which of two versions is newer, as deb-version(7) says: epoch, upstream version, revision; a `~` sorts before
/// everything, even before the end.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left_upstream, left_revision) = parts(left.trim());
    let (right_epoch, right_upstream, right_revision) = parts(right.trim());
    number(left_epoch)
        .cmp(&number(right_epoch))
        .then_with(|| part(left_upstream, right_upstream))
        .then_with(|| part(left_revision, right_revision))
}

/// Epoch before the first colon, revision after the last hyphen; both may be missing and are then empty, which
/// compares as zero.
fn parts(version: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch.as_bytes(), upstream.as_bytes(), revision.as_bytes())
}

/// Compares two parts: runs of anything but digits by [`weight`], then runs of digits by their value, in turn.
fn part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        loop {
            let (a, b) = (head(left), head(right));
            if a.is_none() && b.is_none() {
                break;
            }
            match weight(a).cmp(&weight(b)) {
                Ordering::Equal => {}
                other => return other,
            }
            // Equal weights of which one is no end: both are the same byte.
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
        let (a, b) = (digits(left), digits(right));
        match number(a).cmp(&number(b)) {
            Ordering::Equal => {}
            other => return other,
        }
        left = left.get(a.len()..).unwrap_or_default();
        right = right.get(b.len()..).unwrap_or_default();
    }
    Ordering::Equal
}

/// The first byte, unless it is a digit or there is none.
fn head(text: &[u8]) -> Option<u8> {
    text.first().copied().filter(|byte| !byte.is_ascii_digit())
}

fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
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
    fn examples_of_the_manual() {
        let ascending = [
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-0+b1",
            "1.0a",
            "1.0+",
            "1.0.1",
            "1.2-1~deb12u1",
            "1.2-1",
            "1.2-1+b1",
            "1.10",
            "12u9",
            "12u10",
            "1:0.1",
        ];
        for (index, left) in ascending.iter().enumerate() {
            for right in &ascending[index + 1..] {
                assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
                assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
            }
        }
        for (left, right) in [("1.0", "1.0-0"), ("0:1", "1"), ("1.01", "1.1"), ("", ""), ("1.0 ", "1.0")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }

    #[test]
    fn absurd_numbers_and_bytes() {
        let long = "9".repeat(100_000);
        assert_eq!(compare(&long, "1"), Ordering::Greater);
        assert_eq!(compare(&format!("{long}:1"), "1:2"), Ordering::Greater);
        assert_eq!(compare("\0", "é"), Ordering::Less);
        assert_eq!(compare("::", "--"), Ordering::Greater);
    }
}
