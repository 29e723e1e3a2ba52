//! Compares two versions of packages exactly as apk does, by the algorithm that its authors publish.
//!
//! apk is in no other distribution: the tests of every day hold this against recorded answers of apk 3.0.6 and, where an
//! apk is at hand, against that.

use std::cmp::Ordering;

/// The words behind an underscore, from the oldest; those before [`RELEASE`] announce the version that they follow.
const SUFFIXES: [&[u8]; 9] = [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];
/// The first suffix that comes after the version itself.
const RELEASE: usize = 4;

/// Which of two versions is newer: `digits{.digits}{letter}{_suffix{digits}}{~hash}{-rdigits}`.
///
/// What does not have that form is compared up to the first piece that is not understood, as apk does; then it is not
/// the order of a set.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    weigh(left, right, false)
}

/// Whether a version begins as another, piece by piece: `1.6` is the start of `1.6.1-r0` and of `1.6_pre1`.
#[must_use]
pub fn begins(version: &str, start: &str) -> bool {
    weigh(version, start, true).is_eq()
}

/// Whether it has the form of a version.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let mut pieces = Pieces::new(text);
    while pieces.kind < Kind::End {
        pieces.next();
    }
    pieces.kind == Kind::End
}

fn weigh(left: &str, right: &str, start: bool) -> Ordering {
    let (mut left, mut right) = (Pieces::new(left), Pieces::new(right));
    while left.kind == right.kind && left.kind < Kind::End {
        match left.compare(&right) {
            Ordering::Equal => {}
            other => return other,
        }
        left.next();
        right.next();
    }
    if left.kind == right.kind || (start && right.kind == Kind::End) {
        return Ordering::Equal;
    }
    if left.announces() {
        return Ordering::Less;
    }
    if right.announces() {
        return Ordering::Greater;
    }
    // The one that goes on, with a piece that may come earlier, is newer.
    right.kind.cmp(&left.kind)
}

/// What a piece of a version is, in the order in which they may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    First,
    Digits,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
    Revision,
    End,
    Invalid,
}

/// A version, piece by piece.
struct Pieces<'a> {
    rest: &'a [u8],
    kind: Kind,
    value: &'a [u8],
    number: u64,
    suffix: usize,
}

impl<'a> Pieces<'a> {
    fn new(text: &'a str) -> Self {
        let mut pieces =
            Self { rest: text.as_bytes(), kind: Kind::First, value: b"", number: 0, suffix: SUFFIXES.len() };
        pieces.digits();
        pieces
    }

    fn next(&mut self) {
        let Some(first) = self.rest.first().copied() else {
            self.kind = Kind::End;
            return;
        };
        let before = self.kind;
        self.kind = Kind::Invalid;
        match first {
            b'a'..=b'z' if before <= Kind::Digits => {
                self.kind = Kind::Letter;
                self.value = self.take(1);
            }
            b'.' | b'0'..=b'9' => {
                if first == b'.' {
                    if before > Kind::Digits {
                        return;
                    }
                    self.take(1);
                }
                self.kind = match before {
                    Kind::First | Kind::Digits => Kind::Digits,
                    Kind::Suffix => Kind::SuffixNumber,
                    _ => return,
                };
                self.digits();
            }
            b'_' if before <= Kind::SuffixNumber => {
                self.take(1);
                self.value = self.take_while(u8::is_ascii_lowercase);
                if let Some(suffix) = SUFFIXES.iter().position(|suffix| *suffix == self.value) {
                    self.kind = Kind::Suffix;
                    self.suffix = suffix;
                }
            }
            b'~' if before < Kind::Hash => {
                self.take(1);
                self.value = self.take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                if !self.value.is_empty() {
                    self.kind = Kind::Hash;
                }
            }
            b'-' if before < Kind::Revision && self.rest.starts_with(b"-r") => {
                self.take(2);
                self.kind = Kind::Revision;
                self.digits();
            }
            _ => {}
        }
    }

    /// Takes a number. One that is too large for apk's own type wraps there, and so here.
    fn digits(&mut self) {
        self.value = self.take_while(u8::is_ascii_digit);
        let add =
            |sum: u64, digit: &u8| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
        self.number = self.value.iter().fold(0, add);
        if self.value.is_empty() {
            self.kind = Kind::Invalid;
        }
    }

    fn take_while(&mut self, kind: impl Fn(&u8) -> bool) -> &'a [u8] {
        self.take(self.rest.iter().position(|byte| !kind(byte)).unwrap_or(self.rest.len()))
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, b""));
        self.rest = rest;
        taken
    }

    /// Two pieces of one kind.
    fn compare(&self, other: &Self) -> Ordering {
        let zero = |piece: &Self| piece.value.first() == Some(&b'0');
        match self.kind {
            // Behind a point `1.05` is less than `1.5`, as if it were a fraction.
            Kind::Digits if zero(self) || zero(other) => self.value.cmp(other.value),
            Kind::First | Kind::Digits | Kind::SuffixNumber | Kind::Revision => {
                self.number.cmp(&other.number)
            }
            Kind::Suffix => self.suffix.cmp(&other.suffix),
            _ => self.value.cmp(other.value),
        }
    }

    /// Whether this piece makes the version older than the same one without it.
    fn announces(&self) -> bool {
        self.kind == Kind::Suffix && self.suffix < RELEASE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_their_order() {
        let ascending = [
            "0.9",
            "1_alpha",
            "1_alpha2",
            "1_beta",
            "1_pre",
            "1_rc1",
            "1_rc1_p1",
            "1_rc2",
            "1",
            "1-r0",
            "1-r10",
            "1_cvs",
            "1_svn",
            "1_git20260101",
            "1_hg",
            "1_p1",
            "1a",
            "1b",
            "1.0",
            "1.05",
            "1.5",
            "1.49",
            "10",
        ];
        for (index, left) in ascending.iter().enumerate() {
            assert!(is_version(left), "{left}");
            for right in &ascending[index + 1..] {
                assert_eq!(compare(left, right), Ordering::Less, "{left} < {right}");
                assert_eq!(compare(right, left), Ordering::Greater, "{right} > {left}");
            }
        }
        assert_eq!(compare("01", "1"), Ordering::Equal, "the first number is a number");
        assert_eq!(compare("1~ab-r0", "1~ab-r0"), Ordering::Equal);
    }

    #[test]
    fn starts() {
        for (version, start, answer) in [
            ("1.6.1-r0", "1.6", true),
            ("1.6_pre1", "1.6", true),
            ("1.6", "1.6", true),
            ("1.60", "1.6", false),
            ("1.6", "1.6.1", false),
            ("1.7", "1.6", false),
        ] {
            assert_eq!(begins(version, start), answer, "{version} {start}");
        }
    }

    #[test]
    fn what_is_no_version() {
        for text in [
            "", "a", "1..2", "1.", "1-r", "1-1", "1_what", "1a2", "1ab", "1_", "1~", "1-r0-r0", "é", "1-r0~a",
        ] {
            assert!(!is_version(text), "{text}");
            assert_eq!(compare(text, text), Ordering::Equal);
            assert_eq!(compare(text, "1").reverse(), compare("1", text), "{text}");
        }
        let long = "9".repeat(100_000);
        assert_eq!(compare(&long, &long), Ordering::Equal);
    }
}
