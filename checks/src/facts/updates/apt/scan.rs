//! Runs through a package list as fast as it can be unpacked, keeping no more than one stanza.

use std::io::{ErrorKind, Read};

use memchr::{memchr, memmem};

use crate::gap::Gap;

/// The longest stanza that is taken for one.
const LONGEST: usize = 4 << 20;
/// The largest list that is read, unpacked; the whole of Debian is a tenth of it.
pub(super) const LARGEST: u64 = 512 << 20;
const CHUNK: usize = 256 << 10;

/// Calls `each` with the name and the text of every stanza that has a `Package`, and returns the length of the list.
///
/// `path` only names it in a gap; more than `most` bytes are [`Gap::too_large`]. Fields are taken as archives write
/// them: at the start of a line, in canonical case.
pub(super) fn scan(
    mut file: impl Read,
    path: &str,
    most: u64,
    mut each: impl FnMut(&[u8], &[u8]),
) -> Result<u64, Gap> {
    let mut buffer = vec![0; CHUNK];
    let (mut filled, mut total) = (0_usize, 0_u64);
    let end = memmem::Finder::new(b"\n\n");
    loop {
        if filled == buffer.len() {
            if filled >= LONGEST {
                return Err(Gap::malformed(format!("{path} has a stanza of more than {LONGEST} bytes")));
            }
            buffer.resize(filled.saturating_mul(2), 0);
        }
        let read = match file.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Gap::malformed(format!("{path} cannot be read to its end: {error}"))),
        };
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if total > most {
            return Err(Gap::too_large(path));
        }
        // The blank line may lie across what was there and what came.
        let mut from = filled.saturating_sub(1);
        filled = filled.saturating_add(read);
        let text = buffer.get(..filled).unwrap_or_default();
        let mut start = 0_usize;
        while let Some(at) = text.get(from..).and_then(|rest| end.find(rest)) {
            let stop = from.saturating_add(at).saturating_add(1);
            take(text.get(start..stop).unwrap_or_default(), &mut each);
            start = stop;
            from = stop;
        }
        if read == 0 {
            take(text.get(start..).unwrap_or_default(), &mut each);
            return Ok(total);
        }
        buffer.copy_within(start..filled, 0);
        filled = filled.saturating_sub(start);
    }
}

fn take(stanza: &[u8], each: &mut impl FnMut(&[u8], &[u8])) {
    let stanza = stanza.trim_ascii_start();
    let first = stanza.get(..memchr(b'\n', stanza).unwrap_or(stanza.len())).unwrap_or_default();
    // With the line ends of another system no two of ours meet: such a file is gone through line by line.
    if first.ends_with(b"\r") {
        let mut rest = stanza;
        while let Some(at) = memmem::find(rest, b"\n\r\n") {
            one(rest.get(..at).unwrap_or_default(), each);
            rest = rest.get(at.saturating_add(3)..).unwrap_or_default();
        }
        return one(rest, each);
    }
    one(stanza, each);
}

fn one(stanza: &[u8], each: &mut impl FnMut(&[u8], &[u8])) {
    let value = match stanza.strip_prefix(b"Package:") {
        Some(value) => value,
        None => match memmem::find(stanza, b"\nPackage:").and_then(|at| stanza.get(at.saturating_add(9)..)) {
            Some(value) => value,
            None => return,
        },
    };
    let name = value.get(..memchr(b'\n', value).unwrap_or(value.len())).unwrap_or_default().trim_ascii();
    if !name.is_empty() {
        each(name, stanza);
    }
}

/// The fields of a stanza with their values, continuation lines included.
pub(super) fn fields(stanza: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = stanza;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let text = rest;
            let mut end = 0_usize;
            loop {
                let line = text.get(end..).unwrap_or_default();
                end = end.saturating_add(memchr(b'\n', line).map_or(line.len(), |at| at.saturating_add(1)));
                if !matches!(text.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            rest = text.get(end..).unwrap_or_default();
            let field = text.get(..end).unwrap_or_default();
            let colon = memchr(b':', field.get(..field.len().min(64)).unwrap_or_default());
            if let Some((name, value)) = colon.and_then(|at| field.split_at_checked(at)) {
                return Some((name, value.get(1..).unwrap_or_default().trim_ascii()));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn names(list: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        let total = scan(list, "p", LARGEST, |name, stanza| {
            let value = |wanted: &str| {
                let found = fields(stanza).find(|(field, _)| *field == wanted.as_bytes());
                found.map(|(_, value)| text(value)).unwrap_or_default()
            };
            seen.push(format!("{} {} {}", text(name), value("Version"), value("Architecture")));
        });
        assert_eq!(total.unwrap(), list.len() as u64);
        seen
    }

    #[test]
    fn stanzas_with_and_without_an_end() {
        let list = b"Package: a\nVersion: 1\nArchitecture: amd64\nDescription: x\n Package: no\n\nVersion: 2\nPackage: b";
        assert_eq!(names(list), ["a 1 amd64", "b 2 "]);
        assert_eq!(names(b""), Vec::<String>::new());
        assert_eq!(names(b"\n\n\n\n"), Vec::<String>::new());
        assert_eq!(names(b"Package:\0\xff\r\n\r\nPackage: c\r\n"), ["\0\u{fffd}  ", "c  "]);
        assert_eq!(names(b"Package: a\n\n\n\nPackage: b\n"), ["a  ", "b  "]);
    }

    #[test]
    fn values_go_on_over_lines() {
        let stanza = b"Package: a\nDepends: b (>= 1),\n c | d,\n\te\nnothing\nVersion: 3\n";
        let all: Vec<String> =
            fields(stanza).map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
        assert_eq!(all, ["Package=a", "Depends=b (>= 1),\n c | d,\n\te", "Version=3"]);
    }

    #[test]
    fn stanzas_across_chunks_and_without_end() {
        let long = "x".repeat(CHUNK * 3);
        let list = format!("Package: a\nDescription: {long}\nVersion: 7\n\nPackage: b\n\n");
        assert_eq!(names(list.as_bytes()), ["a 7 ", "b  "]);
        // A blank line at every place relative to the end of a chunk.
        for fill in CHUNK - 40..CHUNK + 2 {
            let list = format!("Package: a\nX: {}\n\nPackage: b\nVersion: 2\n", "y".repeat(fill - 14));
            assert_eq!(names(list.as_bytes()), ["a  ", "b 2 "], "{fill}");
        }
        let endless = scan(std::io::repeat(b'x'), "p", LARGEST, |_, _| {});
        assert!(endless.unwrap_err().what.contains("a stanza of more than"));
        let large = scan(std::io::repeat(b'\n'), "p", 1 << 20, |_, _| {});
        assert_eq!(large.unwrap_err(), Gap::too_large("p"));
    }
}
