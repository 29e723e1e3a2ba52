//! When the full report is due, by the calendar: `daily at 06:00`, in UTC like every instant that hostduty writes.

use std::str::FromStr;

use checks::date::{DAY, Timestamp};

/// How often, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calendar {
    /// Not at all.
    Never,
    /// Every so many hours, counted from midnight.
    Hours(i64),
    /// Every day at this second of it.
    Daily(i64),
    /// Every week on this day, counted from Monday, at this second of it.
    Weekly(i64, i64),
}

impl Default for Calendar {
    fn default() -> Self {
        Self::Daily(6 * 3600)
    }
}

const HOUR: i64 = 3600;
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Calendar {
    /// The first instant after this one.
    pub(crate) fn after(self, now: Timestamp) -> Option<Timestamp> {
        let (period, first) = match self {
            Self::Never => return None,
            Self::Hours(hours) => {
                // The last part of a day may be shorter: midnight is always one of them.
                let midnight = now.day().start().0;
                let step = hours * HOUR;
                let next = midnight + ((now.0 - midnight).div_euclid(step) + 1) * step;
                return Some(Timestamp(next.min(midnight + DAY)));
            }
            Self::Daily(second) => (DAY, second),
            // 1970-01-05 was a Monday.
            Self::Weekly(day, second) => (7 * DAY, (day + 4) * DAY + second),
        };
        let since = now.0.saturating_sub(first).div_euclid(period);
        Some(Timestamp(since.saturating_add(1).saturating_mul(period).saturating_add(first)))
    }
}

impl FromStr for Calendar {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let parsed = match words.as_slice() {
            ["never"] => Some(Self::Never),
            ["hourly"] => Some(Self::Hours(1)),
            ["every", count, "hours"] => {
                count.parse().ok().filter(|count| (1..=24).contains(count)).map(Self::Hours)
            }
            ["daily"] => Some(Self::Daily(0)),
            ["daily", "at", time] => second(time).map(Self::Daily),
            ["weekly", "on", day, "at", time] => {
                let day = WEEKDAYS.iter().position(|known| known == day);
                day.and_then(|day| i64::try_from(day).ok())
                    .zip(second(time))
                    .map(|(day, time)| Self::Weekly(day, time))
            }
            _ => None,
        };
        parsed.ok_or_else(|| format!("`{text}` is no time that comes again"))
    }
}

impl std::fmt::Display for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clock = |second: i64| format!("{:02}:{:02} UTC", second / HOUR, second % HOUR / 60);
        match *self {
            Self::Never => f.write_str("never"),
            Self::Hours(hours) => write!(f, "every {hours} hours"),
            Self::Daily(second) => write!(f, "daily at {}", clock(second)),
            Self::Weekly(day, second) => {
                let day = usize::try_from(day).ok().and_then(|day| WEEKDAYS.get(day)).unwrap_or(&"");
                write!(f, "weekly on {day} at {}", clock(second))
            }
        }
    }
}

/// `06:30` as a second of the day.
fn second(time: &str) -> Option<i64> {
    let (hours, minutes) = time.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * HOUR + minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calendar: &str, now: &str) -> String {
        let calendar: Calendar = calendar.parse().unwrap();
        calendar.after(now.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn the_next_time_is_after_now() {
        assert_eq!(after("daily at 06:00", "2026-11-22T05:59:59Z"), "2026-11-22T06:00:00Z");
        assert_eq!(after("daily at 06:00", "2026-11-22T06:00:00Z"), "2026-11-23T06:00:00Z");
        assert_eq!(after("hourly", "2026-11-22T23:10:00Z"), "2026-11-23T00:00:00Z");
        assert_eq!(after("every 6 hours", "2026-11-22T06:00:01Z"), "2026-11-22T12:00:00Z");
        assert_eq!(after("every 7 hours", "2026-11-22T22:00:01Z"), "2026-11-23T00:00:00Z");
        // 2026-11-22 is a Sunday.
        assert_eq!(after("weekly on Monday at 06:30", "2026-11-22T06:00:00Z"), "2026-11-23T06:30:00Z");
        assert_eq!(after("weekly on sunday at 05:00", "2026-11-22T06:00:00Z"), "2026-11-29T05:00:00Z");
        assert_eq!("never".parse::<Calendar>().unwrap().after(Timestamp(0)), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "daily at 6",
            "daily at 24:00",
            "daily at 6:00",
            "weekly on funday at 06:00",
            "every 0 hours",
            "every 25 hours",
        ] {
            assert!(text.parse::<Calendar>().is_err(), "{text}");
        }
        assert_eq!(Calendar::default().to_string(), "daily at 06:00 UTC");
    }

    #[test]
    fn absurd_clocks_do_no_harm() {
        for calendar in [Calendar::Daily(0), Calendar::Weekly(3, 60)] {
            for now in [i64::MIN, i64::MAX] {
                assert!(calendar.after(Timestamp(now)).is_some());
            }
        }
    }
}
