//! Single words that stand for something else, or that have a form of their own.

use super::MOST;
use super::numbers::{leading, number};
use crate::facts::sshd::build::{Build, Vendor};

/// `none` in any case is `none`.
pub(super) fn or_none(word: &str) -> String {
    if word.eq_ignore_ascii_case("none") { "none".to_owned() } else { word.to_owned() }
}

/// A file as sshd makes it absolute, from the folder / in which the service manager starts it, or `none`. Below somebody's
/// home it stays as it is: where that lies takes the machine to know.
pub(super) fn file(word: &str) -> String {
    let path = or_none(word);
    if path == "none" || path.starts_with(['/', '~']) { path } else { format!("//{path}") }
}

/// `begin:rate:full`, or one number as it is: releases disagree on where the rejection then begins.
pub(super) fn startups(word: &str, build: &Build) -> Option<String> {
    let int = |text| leading(text, 10).filter(|(number, _)| i32::try_from(*number).is_ok());
    let (begin, rest) = int(word)?;
    let Some((rate, rest)) = rest.strip_prefix(':').and_then(int) else {
        return (begin > 0 || !build.since(9, 2)).then(|| begin.to_string());
    };
    let (full, _) = rest.strip_prefix(':').and_then(int)?;
    let fits = begin <= full && (1..=100).contains(&rate) && (begin > 0 || !build.since(9, 2));
    fits.then(|| format!("{begin}:{rate}:{full}"))
}

pub(super) fn source_startups(word: &str) -> Option<String> {
    match word == "none" {
        true => Some("none".to_owned()),
        false => number(word, MOST).map(|most| match most {
            MOST => "none".to_owned(),
            most => most.to_string(),
        }),
    }
}

/// Bits of IPv4 and IPv6. Where the second are missing, sshd takes 128 since 10.3, and whatever it had in memory before.
pub(super) fn net_block(word: &str) -> Option<String> {
    let (four, rest) = leading(word, 10).filter(|(bits, _)| (0..=32).contains(bits))?;
    match rest.strip_prefix(':').and_then(|rest| leading(rest, 10)) {
        Some((six, _)) => (0..=128).contains(&six).then(|| format!("{four}:{six}")),
        None => Some(format!("{four}:128")),
    }
}

pub(super) fn level(word: &str, build: &Build) -> Option<String> {
    // Debian kept an older name in front of the newer.
    if build.vendor == Vendor::Debian
        && ["SILENT", "QUIET"].iter().any(|level| level.eq_ignore_ascii_case(word))
    {
        return Some("SILENT".to_owned());
    }
    let levels = ["QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3"];
    let level = levels.iter().find(|level| level.eq_ignore_ascii_case(word))?;
    Some(if *level == "DEBUG1" { "DEBUG".to_owned() } else { (*level).to_owned() })
}

pub(super) fn facility(word: &str) -> Option<String> {
    const FACILITIES: &[&str] = &[
        "DAEMON", "USER", "AUTH", "AUTHPRIV", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5",
        "LOCAL6", "LOCAL7",
    ];
    FACILITIES.iter().find(|name| name.eq_ignore_ascii_case(word)).map(|name| (*name).to_owned())
}

/// An octal mode, of which sshd reads the beginning.
pub(super) fn mask(word: &str) -> Option<String> {
    let (mode, _) = leading(word, 8).filter(|(mode, _)| (0..=0o777).contains(mode))?;
    Some(format!("0{mode:o}"))
}

pub(super) fn digest(word: &str) -> Option<String> {
    let digests = ["MD5", "SHA1", "SHA256", "SHA384", "SHA512"];
    digests.iter().find(|name| name.eq_ignore_ascii_case(word)).map(|name| (*name).to_owned())
}

/// Classes of traffic with the value that each stands for, in the order in which a value finds its name.
const CLASSES: &[(&str, i64)] = &[
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
];

/// The name of a class of traffic. Releases since 10.1 know the types of service of old but do nothing with them.
pub(super) fn traffic(word: &str, build: &Build) -> Option<String> {
    let mut classes = CLASSES.to_vec();
    classes.push(("le", if build.since(8, 9) { 0x04 } else { 0x01 }));
    // Debian took that change over into 10.0.
    let drops_types = build.since(10, 1) || (build.vendor == Vendor::Debian && build.since(10, 0));
    if build.since(10, 3) {
        classes.push(("va", 0xb0));
    }
    if !drops_types {
        classes.extend([("lowdelay", 0x10), ("throughput", 0x08), ("reliability", 0x04)]);
    }
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    if is("none") || (drops_types && ["lowdelay", "throughput", "reliability"].into_iter().any(is)) {
        return Some("none".to_owned());
    }
    let by_name = classes.iter().find(|(name, _)| is(name)).map(|(_, value)| *value);
    let value = match by_name {
        Some(value) => value,
        None if build.since(9, 8) => number(word, 255)?,
        None => leading(word, 0).filter(|(value, rest)| rest.is_empty() && (0..=255).contains(value))?.0,
    };
    let name = classes.iter().find(|(_, known)| *known == value);
    Some(name.map_or_else(|| format!("0x{value:02x}"), |(name, _)| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn startups_by_release() {
        let of = |word, version| startups(word, &Build { version, ..Build::default() });
        assert_eq!(of("20", (9, 2)).as_deref(), Some("20"));
        assert_eq!(of("5:10:20x", (9, 2)).as_deref(), Some("5:10:20"));
        assert_eq!(of("0", (8, 4)).as_deref(), Some("0"));
        for refused in ["0", "10:30", "5:101:20", "30:10:20", "x", ""] {
            assert_eq!(of(refused, (9, 2)), None, "{refused}");
        }
    }

    #[test]
    fn traffic_by_release() {
        let of = |word, version| traffic(word, &Build { version, ..Build::default() });
        assert_eq!(of("RELIABILITY", (9, 2)).as_deref(), Some("le"));
        assert_eq!(of("0x10", (9, 2)).as_deref(), Some("lowdelay"));
        assert_eq!(of("0x10", (9, 8)), None);
        assert_eq!(of("17", (9, 8)).as_deref(), Some("0x11"));
        assert_eq!(of("lowdelay", (10, 1)).as_deref(), Some("none"));
        assert_eq!(of("va", (10, 3)).as_deref(), Some("va"));
    }
}
