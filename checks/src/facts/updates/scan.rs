//! Runs through a package index as fast as it can be read, keeping no more than one line.

use std::io::{BufRead, ErrorKind, Read};

use crate::gap::Gap;

/// The longest line that is taken for one.
const LONGEST: usize = 4 << 20;
/// The largest index that is read; the whole of Debian is a tenth of it.
const LARGEST: u64 = 512 << 20;
const CHUNK: usize = 256 << 10;

/// A package as an index offers it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) name: Vec<u8>,
    pub(super) version: Vec<u8>,
    pub(super) architecture: Vec<u8>,
}

/// Calls `each` for every stanza of a Packages file and returns its length.
///
/// `path` only names it in a gap. Fields are taken as archives write them: at the start of a line, in canonical case.
pub(super) fn scan(mut file: impl Read, path: &str, mut each: impl FnMut(&Offer)) -> Result<u64, Gap> {
    let mut buffer = vec![0; CHUNK];
    let (mut filled, mut total) = (0_usize, 0_u64);
    let mut offer = Offer::default();
    loop {
        if filled == buffer.len() {
            if filled >= LONGEST {
                return Err(Gap::malformed(format!("{path} has a line of more than {LONGEST} bytes")));
            }
            buffer.resize(filled.saturating_mul(2), 0);
        }
        let read = match file.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Gap::malformed(format!("{path} cannot be read to its end: {error}"))),
        };
        total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if total > LARGEST {
            return Err(Gap::too_large(path));
        }
        filled = filled.saturating_add(read);
        let mut rest = buffer.get(..filled).unwrap_or_default();
        loop {
            let mut after = rest;
            // On a slice this is a memchr; it cannot fail.
            let length = after.skip_until(b'\n').unwrap_or(0);
            match rest.get(..length) {
                Some([line @ .., b'\n']) => take(line, &mut offer, &mut each),
                Some(line) if read == 0 => {
                    take(line, &mut offer, &mut each);
                    take(b"", &mut offer, &mut each);
                    return Ok(total);
                }
                _ => break,
            }
            rest = after;
        }
        let left = rest.len();
        buffer.copy_within(filled.saturating_sub(left)..filled, 0);
        filled = left;
    }
}

fn take(line: &[u8], offer: &mut Offer, each: &mut impl FnMut(&Offer)) {
    let set = |field: &mut Vec<u8>, value: &[u8]| {
        field.clear();
        field.extend_from_slice(value.trim_ascii());
    };
    match line.first() {
        None | Some(b'\r') => {
            if !offer.name.is_empty() {
                each(offer);
            }
            offer.name.clear();
            offer.version.clear();
            offer.architecture.clear();
        }
        Some(b'P') => {
            if let Some(value) = line.strip_prefix(b"Package:") {
                set(&mut offer.name, value);
            }
        }
        Some(b'V') => {
            if let Some(value) = line.strip_prefix(b"Version:") {
                set(&mut offer.version, value);
            }
        }
        Some(b'A') => {
            if let Some(value) = line.strip_prefix(b"Architecture:") {
                set(&mut offer.architecture, value);
            }
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        let total = scan(text, "p", |offer| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            seen.push(format!(
                "{} {} {}",
                text(&offer.name),
                text(&offer.version),
                text(&offer.architecture)
            ));
        });
        assert_eq!(total.unwrap(), text.len() as u64);
        seen
    }

    #[test]
    fn stanzas_with_and_without_an_end() {
        let text = b"Package: a\nVersion: 1\nArchitecture: amd64\nDescription: x\n Package: no\n\nVersion: 2\nPackage: b";
        assert_eq!(names(text), ["a 1 amd64", "b 2 "]);
        assert_eq!(names(b""), Vec::<String>::new());
        assert_eq!(names(b"\n\n\n"), Vec::<String>::new());
        assert_eq!(names(b"Package:\0\xff\r\n\r\nPackage: c\r\n"), ["\0\u{fffd}  ", "c  "]);
    }

    #[test]
    fn lines_across_chunks_and_lines_without_end() {
        let long = "x".repeat(CHUNK * 3);
        let text = format!("Package: a\nDescription: {long}\nVersion: 7\n\nPackage: b\n\n");
        assert_eq!(names(text.as_bytes()), ["a 7 ", "b  "]);
        let endless = scan(std::io::repeat(b'x'), "p", |_| {});
        assert!(endless.unwrap_err().what.contains("a line of more than"));
    }
}
