//! Instants and calendar days as they are written in facts, configuration and reports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

/// Seconds since 1970-01-01T00:00:00Z; written as RFC 3339 in UTC, and beyond the year 9999 as `@` and the seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Timestamp(pub i64);

/// Days since 1970-01-01, as shadow(5) counts them; written `2026-11-22`, and beyond the year 9999 as `day 9000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Day(pub i64);

/// Seconds in a day.
pub const DAY: i64 = 86_400;

impl Timestamp {
    /// The day in UTC on which this instant falls.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(DAY))
    }
    /// Whole days from `earlier` to this instant; negative when it is later.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(DAY)
    }
}

impl Day {
    /// The first instant of the day in UTC.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp(self.0).ok().and_then(|at| at.format(&Rfc3339).ok());
        // A clock or a file can be wrong by millennia, and what is written must be read again.
        f.write_str(&text.unwrap_or_else(|| format!("@{}", self.0)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = OffsetDateTime::from_unix_timestamp(self.start().0)
            .ok()
            .and_then(|at| at.date().format(format_description!("[year]-[month]-[day]")).ok());
        f.write_str(&date.unwrap_or_else(|| format!("day {}", self.0)))
    }
}

impl FromStr for Timestamp {
    type Err = String;
    /// RFC 3339 with any offset, or a day, which means its first instant in UTC, or `@` and seconds as date(1) takes them.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(seconds) = text.strip_prefix('@').and_then(|seconds| seconds.parse().ok()) {
            return Ok(Self(seconds));
        }
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self(at.to_offset(UtcOffset::UTC).unix_timestamp()));
        }
        text.parse::<Day>()
            .map(Day::start)
            .map_err(|_| format!("`{text}` is not an instant such as 2026-11-22T10:00:00Z"))
    }
}

impl FromStr for Day {
    type Err = String;
    /// `2026-11-22`, or `day` and the days since 1970.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(days) = text.strip_prefix("day ").and_then(|days| days.parse().ok()) {
            return Ok(Self(days));
        }
        Date::parse(text, format_description!("[year]-[month]-[day]"))
            .map(|date| Self(date.midnight().assume_utc().unix_timestamp().div_euclid(DAY)))
            .map_err(|_| format!("`{text}` is not a day such as 2026-11-22"))
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}
as_text!(Timestamp);
as_text!(Day);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_days_read_back_as_written() {
        for text in ["2026-11-22T11:07:30Z", "1969-12-31T23:59:59Z", "2024-02-29T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("2026-11-22".parse::<Day>().unwrap(), Day(20779));
        assert_eq!(Day(20779).to_string(), "2026-11-22");
        assert_eq!("2026-11-22T01:00:00+02:00".parse::<Timestamp>().unwrap().day().to_string(), "2026-11-21");
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        for text in ["", "2026-13-01", "2026-02-30", "yesterday", "2026-11-22T25:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn absurd_instants_and_days_read_back_too() {
        assert_eq!(Timestamp(17_950_795_000_000).to_string(), "@17950795000000");
        assert_eq!(Day(i64::MIN).to_string(), "day -9223372036854775808");
        for seconds in
            [i64::MIN, -62_167_219_201, -62_167_219_200, 253_402_300_799, 253_402_300_800, i64::MAX]
        {
            let at = Timestamp(seconds);
            assert_eq!(at.to_string().parse(), Ok(at));
            assert_eq!(at.day().to_string().parse(), Ok(at.day()));
        }
    }
}
