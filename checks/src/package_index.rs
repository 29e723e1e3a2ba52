//! What the judges of package indexes share: how an age and a reason for doubt are said.

use crate::date::Timestamp;
use crate::facts::updates::Stale;

/// `6 hours`, `4 days`.
pub(crate) fn age(now: Timestamp, at: Timestamp) -> String {
    let hours = now.0.saturating_sub(at.0).max(0) / 3600;
    match hours {
        1 => "1 hour".to_owned(),
        0..48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

/// Why the index of a suite tells nothing of today.
pub(crate) fn stale(name: &str, why: Stale, now: Timestamp, limit: u32) -> String {
    match why {
        Stale::Future => {
            format!("the index of {name} is dated in the future: this clock or the archive's is wrong")
        }
        Stale::Expired(end) => {
            format!("the index of {name} expired on {} and tells nothing of today", end.day())
        }
        Stale::Old(at) => {
            format!("stale index, {}: that of {name} may be {limit} days old; refresh it", age(now, at))
        }
    }
}
