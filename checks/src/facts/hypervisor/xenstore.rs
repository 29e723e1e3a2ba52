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

/// The payload of a whole reply of xenstored, nothing yet of one that is still coming; see xen/include/public/io/xs_wire.h.
///
/// # Errors
/// [`Gap`] absent or denied as xenstored says it; malformed for a reply that its protocol does not allow.
pub fn reply(answer: &[u8], key: &str) -> Result<Option<Vec<u8>>, Gap> {
    const XS_READ: u32 = 2;
    const XS_ERROR: u32 = 16;
    /// XENSTORE_PAYLOAD_MAX
    const MAX_PAYLOAD: u32 = 4096;
    let Some((header, rest)) = answer.split_at_checked(16) else { return Ok(None) };
    let mut words = header.chunks_exact(4).map(|word| word.try_into().map_or(0, u32::from_ne_bytes));
    let (kind, length) = (words.next().unwrap_or_default(), words.nth(2).unwrap_or_default());
    if length > MAX_PAYLOAD {
        return Err(Gap::malformed(format!("xenstore's reply for {key} is longer than its protocol allows")));
    }
    let Some(payload) = rest.get(..length as usize) else { return Ok(None) };
    match kind {
        XS_READ => Ok(Some(payload.to_vec())),
        XS_ERROR if payload.starts_with(b"ENOENT") => Err(Gap::absent(format!("{key} in xenstore"))),
        XS_ERROR if payload.starts_with(b"EACCES") => Err(Gap::denied(format!("{key} in xenstore"))),
        _ => Err(Gap::malformed(format!("xenstore's reply for {key} is of another kind"))),
    }
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

    fn answer(kind: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [kind, 0, 0, u32::try_from(payload.len()).unwrap()] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn replies_are_read_whole_or_not_at_all() {
        let whole = answer(2, b"Sun Nov 22");
        assert_eq!(reply(&whole, "data/updated").unwrap().unwrap(), b"Sun Nov 22");
        for cut in 0..whole.len() {
            assert!(reply(&whole[..cut], "k").unwrap().is_none(), "{cut}");
        }
        assert!(reply(&answer(16, b"ENOENT\0"), "k").unwrap_err().is_absent());
        assert_eq!(reply(&answer(16, b"EACCES\0"), "k").unwrap_err().why, crate::gap::GapKind::Denied);
        assert!(reply(&answer(15, b"x"), "k").is_err());
        let mut absurd = answer(2, b"");
        absurd[12..16].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(reply(&absurd, "k").is_err());
    }

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
