//! Takes from the header of an rpm package the few tags that hostduty needs.
//!
//! A header in the database is the number of entries of its index, the length of its data, the index (tag, type,
//! offset, count) and the data, all numbers in network order. What rpm itself adds at the installation stands at the
//! end of the index and replaces what the package brought.

use super::Installed;
use crate::date::Timestamp;
use crate::gap::Gap;

/// rpm's own bounds of an index and of its data.
const MOST_ENTRIES: u32 = 0xffff;
const MOST_DATA: u32 = 0x0fff_ffff;
/// A name, version or vendor of more bytes is none.
const LONGEST: usize = 4 << 10;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const INSTALLTIME: u32 = 1008;
const VENDOR: u32 = 1011;
const ARCH: u32 = 1022;
const SOURCERPM: u32 = 1044;
const MODULARITYLABEL: u32 = 5096;
const WANTED: [u32; 9] =
    [NAME, VERSION, RELEASE, EPOCH, INSTALLTIME, VENDOR, ARCH, SOURCERPM, MODULARITYLABEL];

const INT32: u32 = 4;
const STRING: u32 = 6;
const I18N_STRING: u32 = 9;

/// The bytes of a header, which are asked for from the start to the end.
pub(super) trait Blob {
    /// Some bytes from `at` on, as many as lie together; none at the end.
    fn chunk(&mut self, at: u64) -> Result<&[u8], Gap>;
}

/// An entry of the index: where a wanted tag's value lies.
#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: u32,
}

/// Reads the header that begins at `start`; nothing for the keys that rpm keeps as if they were packages.
pub(super) fn read(blob: &mut dyn Blob, start: u64, what: &str) -> Result<Option<Installed>, Gap> {
    let torn = || Gap::malformed(format!("{what} has a torn header"));
    let sizes = exactly(blob, start, 8)?.ok_or_else(torn)?;
    let (entries, data) = (number(&sizes, 0).ok_or_else(torn)?, number(&sizes, 4).ok_or_else(torn)?);
    if entries == 0 || entries > MOST_ENTRIES || data > MOST_DATA {
        return Err(torn());
    }
    let index_at = start.saturating_add(8);
    let length = entries.saturating_mul(16);
    let index = exactly(blob, index_at, length as usize)?.ok_or_else(torn)?;
    let data_at = index_at.saturating_add(u64::from(length));
    let mut installed = Installed::default();
    for entry in wanted(&index) {
        if entry.offset >= data {
            return Err(torn());
        }
        let at = data_at.saturating_add(u64::from(entry.offset));
        let room = (data.saturating_sub(entry.offset) as usize).min(LONGEST);
        match (entry.tag, entry.kind) {
            (EPOCH | INSTALLTIME, INT32) => {
                let value = exactly(blob, at, 4)?.and_then(|bytes| number(&bytes, 0)).ok_or_else(torn)?;
                if entry.tag == EPOCH {
                    installed.epoch = value;
                } else {
                    installed.installed_at = Some(Timestamp(i64::from(value)));
                }
            }
            (EPOCH | INSTALLTIME, _) => return Err(torn()),
            (tag, STRING | I18N_STRING) => {
                let text = string(blob, at, room)?.ok_or_else(torn)?;
                let field = match tag {
                    NAME => &mut installed.name,
                    VERSION => &mut installed.version,
                    RELEASE => &mut installed.release,
                    ARCH => &mut installed.architecture,
                    SOURCERPM => &mut installed.source,
                    MODULARITYLABEL => &mut installed.module,
                    _ => &mut installed.vendor,
                };
                *field = text;
            }
            _ => return Err(torn()),
        }
        // The keys come with descriptions of many lines, and nothing else of them is asked for.
        if installed.name == "gpg-pubkey" {
            return Ok(None);
        }
    }
    if [&installed.name, &installed.version, &installed.release].iter().any(|text| text.is_empty()) {
        return Err(Gap::malformed(format!("{what} has no name, version or release")));
    }
    Ok(Some(installed))
}

/// The last entry of each wanted tag, in the order of the data.
fn wanted(index: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for entry in index.chunks_exact(16) {
        let (Some(tag), Some(kind), Some(offset)) = (number(entry, 0), number(entry, 4), number(entry, 8))
        else {
            continue;
        };
        if WANTED.contains(&tag) {
            entries.retain(|earlier| earlier.tag != tag);
            entries.push(Entry { tag, kind, offset });
        }
    }
    entries.sort_by_key(|entry| entry.offset);
    entries
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*four))
}

/// Exactly `len` bytes, or nothing where the blob ends before.
fn exactly(blob: &mut dyn Blob, at: u64, len: usize) -> Result<Option<Vec<u8>>, Gap> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let missing = len.saturating_sub(bytes.len());
        let chunk = blob.chunk(at.saturating_add(bytes.len() as u64))?;
        if chunk.is_empty() {
            return Ok(None);
        }
        bytes.extend_from_slice(chunk.get(..missing).unwrap_or(chunk));
    }
    Ok(Some(bytes))
}

/// The bytes up to a NUL, which comes within `room` bytes.
fn string(blob: &mut dyn Blob, at: u64, room: usize) -> Result<Option<String>, Gap> {
    let mut bytes = Vec::new();
    while bytes.len() < room {
        let chunk = blob.chunk(at.saturating_add(bytes.len() as u64))?;
        if chunk.is_empty() {
            break;
        }
        match chunk.iter().position(|byte| *byte == 0) {
            Some(end) => {
                bytes.extend_from_slice(chunk.get(..end).unwrap_or_default());
                if bytes.len() > room {
                    break;
                }
                return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
            }
            None => bytes.extend_from_slice(chunk),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A blob that comes in pieces of a few bytes.
    struct Pieces(Vec<u8>, usize);

    impl Blob for Pieces {
        fn chunk(&mut self, at: u64) -> Result<&[u8], Gap> {
            let rest = self.0.get(usize::try_from(at).unwrap()..).unwrap_or_default();
            Ok(rest.get(..self.1).unwrap_or(rest))
        }
    }

    fn header(tags: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, value) in tags {
            for number in [*tag, *kind, u32::try_from(data.len()).unwrap(), 1] {
                index.extend(number.to_be_bytes());
            }
            data.extend_from_slice(value);
        }
        let sizes = [tags.len(), data.len()].map(|size| u32::try_from(size).unwrap().to_be_bytes());
        [sizes.concat(), index, data].concat()
    }

    fn parse(bytes: Vec<u8>, piece: usize) -> Result<Option<Installed>, Gap> {
        read(&mut Pieces(bytes, piece), 0, "a package")
    }

    const BASH: [(u32, u32, &[u8]); 6] = [
        (NAME, STRING, b"bash\0"),
        (VERSION, STRING, b"5.1.8\0"),
        (RELEASE, STRING, b"9.el9\0"),
        (1004, I18N_STRING, b"The shell\0"),
        (EPOCH, INT32, &[0, 0, 0, 2]),
        (ARCH, STRING, b"x86_64\0"),
    ];

    #[test]
    fn tags_in_pieces_of_any_length() {
        let tags = [&BASH[..], &[(INSTALLTIME, INT32, &[0x65, 0, 0, 0])]].concat();
        for piece in 1..40 {
            let bash = parse(header(&tags), piece).unwrap().unwrap();
            assert_eq!((bash.name.as_str(), bash.evr().as_str()), ("bash", "2:5.1.8-9.el9"));
            assert_eq!(bash.installed_at, Some(Timestamp(0x6500_0000)));
            assert_eq!((bash.module.as_str(), bash.vendor.as_str()), ("", ""));
        }
    }

    #[test]
    fn what_rpm_adds_replaces_what_the_package_brought() {
        let tags = [&BASH[..], &[(ARCH, STRING, b"i686\0")]].concat();
        assert_eq!(parse(header(&tags), 100).unwrap().unwrap().architecture, "i686");
    }

    #[test]
    fn keys_are_no_packages_and_a_package_has_a_name() {
        assert_eq!(parse(header(&[(NAME, STRING, b"gpg-pubkey\0")]), 100).unwrap(), None);
        assert!(parse(header(&BASH[1..]), 100).is_err());
        assert!(parse(header(&BASH[..2]), 100).is_err());
    }

    #[test]
    fn torn_anywhere_is_a_gap() {
        let whole = header(&BASH);
        for end in 0..whole.len() - 1 {
            assert!(parse(whole[..end].to_vec(), 7).is_err(), "{end}");
        }
        for (tag, kind, value) in
            [(EPOCH, STRING, &b"1\0"[..]), (NAME, INT32, b"1234"), (VENDOR, STRING, b"x")]
        {
            let tags = [&BASH[..], &[(tag, kind, value)]].concat();
            assert!(parse(header(&tags), 100).is_err(), "{tag}");
        }
        assert!(parse([0xff; 64].to_vec(), 64).is_err());
        assert!(parse(vec![0; 64], 64).is_err());
    }
}
