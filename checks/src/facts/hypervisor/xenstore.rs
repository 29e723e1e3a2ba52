//! What the guest tools of Xen wrote about themselves into xenstore.

use time::{Date, Month, Time};

use super::Xenstore;
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{Host, Query};

/// Asks for the keys that both agents of XCP-ng and XenServer write.
pub(super) fn read(host: &dyn Host) -> Result<Xenstore, Gap> {
    let value = |key: &str| -> Result<Option<String>, Gap> {
        match host.query(&Query::Xenstore(key.to_owned())) {
            Ok(bytes) => Ok(Some(
                String::from_utf8_lossy(bytes.get(..bytes.len().min(256)).unwrap_or_default()).into_owned(),
            )),
            Err(gap) if gap.is_absent() => Ok(None),
            Err(gap) => Err(gap),
        }
    };
    let addon = |name: &str| value(&format!("attr/PVAddons/{name}"));
    let mut numbers = Vec::new();
    for name in ["MajorVersion", "MinorVersion", "MicroVersion"] {
        numbers.extend(addon(name)?);
    }
    let build = addon("BuildVersion")?;
    let version = numbers.join(".") + &build.map(|build| format!("-{build}")).unwrap_or_default();
    Ok(Xenstore {
        installed: addon("Installed")?.as_deref() == Some("1"),
        version: Some(version).filter(|version| !version.is_empty()),
        updated: value("data/updated")?.as_deref().and_then(heartbeat),
    })
}

/// `Sun Nov 22 11:07:30 2026`, as asctime(3) writes it.
fn heartbeat(text: &str) -> Option<Timestamp> {
    let mut words = text.split_whitespace().skip(1);
    let month = match words.next()? {
        "Jan" => Month::January,
        "Feb" => Month::February,
        "Mar" => Month::March,
        "Apr" => Month::April,
        "May" => Month::May,
        "Jun" => Month::June,
        "Jul" => Month::July,
        "Aug" => Month::August,
        "Sep" => Month::September,
        "Oct" => Month::October,
        "Nov" => Month::November,
        "Dec" => Month::December,
        _ => return None,
    };
    let day = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(clock.next()??, clock.next()??, clock.next()??).ok()?;
    let date = Date::from_calendar_date(words.next()?.parse().ok()?, month, day).ok()?;
    Some(Timestamp(date.with_time(time).assume_utc().unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_a_date_or_nothing() {
        assert_eq!(heartbeat("Sun Nov 22 11:07:30 2026").unwrap().to_string(), "2026-11-22T11:07:30Z");
        assert_eq!(heartbeat("Sun Nov  2 01:07:30 2025").unwrap().to_string(), "2025-11-02T01:07:30Z");
        for text in
            ["", "Sun", "Sun Nov 31 11:07:30 2026", "Sun Nov 22 11:07 2026", "x y z 1:2:3 99999999999"]
        {
            assert_eq!(heartbeat(text), None, "{text}");
        }
    }
}
