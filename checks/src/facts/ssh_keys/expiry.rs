//! The instant of an `expiry-time=` option, as OpenSSH reads it with strptime(3).

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use crate::date::{DAY, Timestamp};
use crate::facts::sshd::Build;

/// Local time is up to this far ahead of UTC.
const EAST: i64 = 14 * 3_600;
/// Local time is up to this far behind UTC.
const WEST: i64 = 12 * 3_600;

/// When a key stops to open an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expiry {
    /// The last instant that counts, its clock read as UTC.
    pub at: Timestamp,
    /// Whether sshd reads that clock in its own time zone instead, which is not UTC.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}

impl Expiry {
    /// Whether the key no longer counts at an instant; absent where the time zone decides.
    #[must_use]
    pub fn is_past(&self, now: Timestamp) -> Option<bool> {
        let (east, west) = if self.local { (EAST, WEST) } else { (0, 0) };
        if now.0 > self.at.0.saturating_add(west) {
            Some(true)
        } else if now.0 <= self.at.0.saturating_sub(east) {
            Some(false)
        } else {
            None
        }
    }
}

/// What an `expiry-time=` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expires {
    At(Expiry),
    /// OpenSSH 10.4 and later take an instant before 1970 for one that never comes.
    Never,
}

/// Reads `YYYYMMDD[HHMM[SS]][Z]`; `None` where sshd refuses it. Days and seconds that a month and a minute do not have
/// run over into the next, as mktime(3) has it.
pub(super) fn parse(text: &[u8], utc: bool, build: Option<&Build>) -> Option<Expires> {
    let since = |major, minor| build.is_none_or(|build| build.since(major, minor));
    // Before 9.1 a time is always local, and what stands behind its last number is passed over.
    let modern = since(9, 1);
    let zone = |ending: &[u8]| {
        let (before, last) = text.split_at_checked(text.len().checked_sub(ending.len())?)?;
        (modern && !before.is_empty() && last.eq_ignore_ascii_case(ending)).then_some(before)
    };
    let named = zone(b"Z").or_else(|| zone(b"UTC"));
    let digits = named.unwrap_or(text);
    let widths: &[(usize, i64, i64)] =
        &[(4, 0, 9_999), (2, 1, 12), (2, 1, 31), (2, 0, 23), (2, 0, 59), (2, 0, 61)];
    let count = match digits.len() {
        8 => 3,
        12 => 5,
        14 => 6,
        _ => return None,
    };
    let mut numbers = [0_i64; 6];
    let mut rest = digits;
    for (at, (slot, (width, least, most))) in numbers.iter_mut().zip(widths).take(count).enumerate() {
        let (part, behind) = rest.split_at_checked(*width)?;
        rest = behind;
        let (value, left) = number(part, *least, *most)?;
        let last = at + 1 == count;
        (left.is_empty() || last && !modern).then_some(())?;
        *slot = value;
    }
    let [year, month, day, hour, minute, second] = numbers;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let first = Date::from_calendar_date(i32::try_from(year).ok()?, month, 1).ok()?;
    let midnight = first.midnight().assume_utc().unix_timestamp() + (day - 1) * DAY;
    let at = midnight + hour * 3_600 + minute * 60 + second;
    if at == 0 {
        return None;
    }
    if at < 0 {
        return (build.is_some_and(|build| build.since(10, 4))).then_some(Expires::Never);
    }
    Some(Expires::At(Expiry { at: Timestamp(at), local: named.is_none() && !utc }))
}

/// One number of strptime(3) of glibc: blanks, then digits as long as they can still be in range.
fn number(part: &[u8], least: i64, most: i64) -> Option<(i64, &[u8])> {
    let mut rest = part.trim_ascii_start();
    let mut value = None;
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        let held = value.unwrap_or(0) * 10;
        if held > most {
            break;
        }
        value = Some(held + i64::from(digit - b'0'));
        rest = behind;
    }
    value.filter(|value| (least..=most).contains(value)).map(|value| (value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, utc: bool, build: Option<&Build>) -> Option<String> {
        match parse(text.as_bytes(), utc, build)? {
            Expires::At(expiry) => Some(format!("{}{}", expiry.at, if expiry.local { " local" } else { "" })),
            Expires::Never => Some("never".to_owned()),
        }
    }

    #[test]
    fn forms() {
        for (text, wanted) in [
            ("20270101", Some("2027-01-01T00:00:00Z local")),
            ("202701011230", Some("2027-01-01T12:30:00Z local")),
            ("20270101123015Z", Some("2027-01-01T12:30:15Z")),
            ("20270101z", Some("2027-01-01T00:00:00Z")),
            ("20270101utc", Some("2027-01-01T00:00:00Z")),
            ("20270231", Some("2027-03-03T00:00:00Z local")),
            ("2027 1 1Z", Some("2027-01-01T00:00:00Z")),
            ("20271301", None),
            ("20270100", None),
            ("2027011", None),
            ("2027010112Z", None),
            ("2027-01-01", None),
            ("19700101Z", None),
            ("19600101Z", None),
            ("Z", None),
            ("", None),
            ("202701é", None),
        ] {
            assert_eq!(at(text, false, None).as_deref(), wanted, "{text}");
        }
        assert_eq!(at("20270101", true, None).as_deref(), Some("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn releases_differ() {
        let old = Build { version: (8, 4), ..Build::default() };
        assert_eq!(at("20270101Z", true, Some(&old)), None);
        assert_eq!(at("20270145", true, Some(&old)).as_deref(), Some("2027-01-04T00:00:00Z"));
        assert_eq!(at("20270145", true, None), None);
        let new = Build { version: (10, 5), ..Build::default() };
        assert_eq!(at("19600101", true, Some(&new)).as_deref(), Some("never"));
    }

    #[test]
    fn the_time_zone_decides_the_last_hours() {
        let hours = |hours: i64| Timestamp(1_800_000_000 + hours * 3_600);
        let expiry = |local| Expiry { at: hours(0), local };
        assert_eq!(expiry(false).is_past(hours(0)), Some(false));
        assert_eq!(expiry(false).is_past(Timestamp(1_800_000_001)), Some(true));
        assert_eq!(expiry(true).is_past(hours(-14)), Some(false));
        assert_eq!(expiry(true).is_past(hours(-13)), None);
        assert_eq!(expiry(true).is_past(hours(13)), Some(true));
    }
}
