//! Numbers, times and amounts as the releases of sshd read them.

use crate::facts::sshd::build::Build;

/// A whole number in decimal within bounds. White space and a sign may stand before it.
pub(super) fn number(text: &str, most: i64) -> Option<i64> {
    let (number, rest) = leading(text, 10)?;
    (rest.is_empty() && (0..=most).contains(&number)).then_some(number)
}

/// The number that a text begins with, as strtol(3) reads it, and what follows. One that is too large is the largest.
pub(super) fn leading(text: &str, base: u32) -> Option<(i64, &str)> {
    let text = text.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\x0b');
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = || {
        let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"))?;
        digits.starts_with(|letter: char| letter.is_ascii_hexdigit()).then_some(digits)
    };
    let (base, digits) = match base {
        0 => match hexadecimal() {
            Some(digits) => (16, digits),
            None if digits.starts_with('0') => (8, digits),
            None => (10, digits),
        },
        base => (base, digits),
    };
    let end = digits.find(|letter: char| !letter.is_digit(base)).unwrap_or(digits.len());
    let (number, rest) = digits.split_at_checked(end)?;
    if number.is_empty() {
        return None;
    }
    let number = i64::from_str_radix(number, base).unwrap_or(i64::MAX);
    Some((if negative { number.saturating_neg() } else { number }, rest))
}

/// TIME FORMATS of sshd_config(5), in seconds.
pub(super) fn time(text: &str, build: &Build) -> Option<i32> {
    if build.since(10, 3) {
        let seconds = fractional_time(text)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the fraction is meant to go, the range is checked"
        )]
        return (seconds <= f64::from(i32::MAX)).then_some(seconds as i32);
    }
    // Before 8.5 the sum was a long, cut to the bits of an int.
    let most = if build.since(8, 5) { i64::from(i32::MAX) } else { i64::MAX - 1 };
    let (mut total, mut rest) = (0_i64, text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        if build.since(9, 8) && !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        let (number, behind) = leading(rest, 10).filter(|(number, _)| (0..=most).contains(number))?;
        let unit = unit(behind.chars().next())?;
        rest = behind.get(1..).unwrap_or_default();
        total = number.checked_mul(unit)?.checked_add(total).filter(|total| *total <= most)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "8.4 cuts it in the same way")]
    let cut = total as i32;
    (cut != -1).then_some(cut)
}

fn unit(letter: Option<char>) -> Option<i64> {
    Some(match letter {
        None | Some('s' | 'S') => 1,
        Some('m' | 'M') => 60,
        Some('h' | 'H') => 60 * 60,
        Some('d' | 'D') => 24 * 60 * 60,
        Some('w' | 'W') => 7 * 24 * 60 * 60,
        Some(_) => return None,
    })
}

/// A time whose seconds may have a fraction, as sshd reads it since 10.3.
pub(super) fn fractional_time(text: &str) -> Option<f64> {
    let (mut total, mut rest, mut seconds_seen) = (0.0, text, false);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at_checked(end)?;
        let value: f64 = number.parse().ok()?;
        let unit = unit(behind.chars().next())?;
        if unit == 1 && std::mem::replace(&mut seconds_seen, true) {
            return None;
        }
        if number.contains('.') && (unit != 1 || number.ends_with('.')) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a week has few seconds")]
        let unit = unit as f64;
        total += value * unit;
        rest = behind.get(1..).unwrap_or_default();
    }
    Some(total)
}

/// An amount of bytes with a unit of 1024, such as `1.5G`.
pub(super) fn amount(text: &str, build: &Build) -> Option<i64> {
    let text = text.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\x0b');
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(digits.len());
    let (number, behind) = digits.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || whole.len() > 20 {
        return None;
    }
    let parse = |digits: &str| if digits.is_empty() { Some(0_i128) } else { digits.parse::<i128>().ok() };
    let whole = parse(whole).filter(|whole| *whole <= i128::from(i64::MAX))?;
    let fraction = fraction.get(..fraction.len().min(18))?;
    let mut letters = behind.chars();
    let total = match letters.next() {
        None => whole,
        Some(letter) => {
            let power = "BKMGTPE".find(letter.to_ascii_uppercase())?;
            // What follows is passed over unless it goes on with the word.
            if letters.next().is_some_and(|next| next.is_ascii_alphanumeric()) {
                return None;
            }
            let scale = 1024_i128.checked_pow(u32::try_from(power).ok()?)?;
            let whole = whole.checked_mul(scale).filter(|whole| *whole <= i128::from(i64::MAX))?;
            let (mut part, mut digits) = (parse(fraction)?, fraction.len());
            // Before 10.4 digits were dropped until the product fitted into 64 bits.
            while !build.since(10, 4) && part >= i128::from(i64::MAX) / scale {
                part /= 10;
                digits = digits.saturating_sub(1);
            }
            let tenths = 10_i128.checked_pow(u32::try_from(digits).ok()?)?;
            whole.checked_add(part.checked_mul(scale)?.checked_div(tenths)?)?
        }
    };
    i64::try_from(if negative { -total } else { total }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: (u32, u32)) -> Build {
        Build { version, ..Build::default() }
    }

    #[test]
    fn times() {
        for (text, of_8_4, of_9_2, of_10_0, of_10_3) in [
            ("90", Some(90), Some(90), Some(90), Some(90)),
            ("1m30s", Some(90), Some(90), Some(90), Some(90)),
            ("2W", Some(1_209_600), Some(1_209_600), Some(1_209_600), Some(1_209_600)),
            ("1m 30s", Some(90), Some(90), None, None),
            ("+5", Some(5), Some(5), None, None),
            ("1s1s", Some(2), Some(2), Some(2), None),
            ("1.5", None, None, None, Some(1)),
            ("1.5m", None, None, None, None),
            ("1.", None, None, None, None),
            ("4294967296", Some(0), None, None, None),
            ("4294967295", None, None, None, None),
            ("99999999999999999999", None, None, None, None),
            ("", None, None, None, None),
            ("m", None, None, None, None),
            ("1x", None, None, None, None),
            ("1é", None, None, None, None),
        ] {
            let of = |version| time(text, &build(version));
            assert_eq!(
                (of((8, 4)), of((9, 2)), of((10, 0)), of((10, 3))),
                (of_8_4, of_9_2, of_10_0, of_10_3),
                "{text}"
            );
        }
    }

    #[test]
    fn amounts() {
        for (text, wanted) in [
            ("16", Some(16)),
            ("1.5K", Some(1536)),
            ("1g", Some(1 << 30)),
            ("K", Some(0)),
            ("1Kx", None),
            ("1K x", Some(1024)),
            ("8E", None),
            ("7E", Some(7 << 60)),
            ("7.9E", Some(7 << 60)),
            ("1..5K", None),
            ("-1", Some(-1)),
            ("x", None),
        ] {
            assert_eq!(amount(text, &build((9, 2))), wanted, "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(" +07", 9), Some(7));
        assert_eq!(number("-0", 9), Some(0));
        for refused in ["", "-1", "10", "7 ", "0x1", "99999999999999999999"] {
            assert_eq!(number(refused, 9), None, "{refused}");
        }
        assert_eq!(leading("0x10!", 0), Some((16, "!")));
        assert_eq!(leading("0177x", 8), Some((127, "x")));
    }
}
