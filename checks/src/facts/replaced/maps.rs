//! `/proc/PID/maps` as a stream: which mapped code the kernel says is deleted.

use std::io::Read;

use crate::gap::{Gap, GapKind};

/// How the kernel ends the name of a file that is no longer at its place. A file may also be called so.
const DELETED: &[u8] = b" (deleted)";
/// A path has at most 4096 bytes, and each line end in it is written as four.
const LONGEST: usize = 32 << 10;
/// ESRCH: the process ended between two reads.
const ENDED: i32 = 3;

/// Mapped code whose name ends as those of deleted files do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mapping {
    /// The file system that it was read from.
    pub(super) device: (u32, u32),
    /// Its number there.
    pub(super) inode: u64,
    /// Its name without that end.
    pub(super) path: String,
}

/// What was read of one process.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Maps {
    /// Code that may be deleted, each file once.
    pub(super) deleted: Vec<Mapping>,
    /// Bytes that were read; none of a process that has ended.
    pub(super) bytes: usize,
}

/// Reads until the end or until `limit` bytes. The buffer is the caller's, so that many processes share one.
pub(super) fn read(stream: &mut dyn Read, what: &str, limit: usize, buffer: &mut [u8]) -> Result<Maps, Gap> {
    let mut maps = Maps::default();
    let mut begun: Vec<u8> = Vec::new();
    loop {
        let count = match stream.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if error.raw_os_error() == Some(ENDED) => return Err(Gap::absent(what)),
            Err(error) => return Err(Gap::unsupported(format!("{what} cannot be read: {error}"))),
        };
        maps.bytes = maps.bytes.saturating_add(count);
        if maps.bytes > limit {
            return Err(Gap::too_large(what));
        }
        let mut rest = buffer.get(..count).unwrap_or_default();
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            if begun.is_empty() {
                maps.line(line, what)?;
            } else {
                begun.extend_from_slice(line);
                maps.line(&begun, what)?;
                begun.clear();
            }
            rest = after.get(1..).unwrap_or_default();
        }
        begun.extend_from_slice(rest);
        if begun.len() > LONGEST {
            return Err(Gap::malformed(format!("{what} has a line of more than {LONGEST} bytes")));
        }
    }
    if !begun.is_empty() {
        return Err(Gap::malformed(format!("{what} ends within a line")));
    }
    maps.deleted.sort();
    maps.deleted.dedup();
    Ok(maps)
}

impl Maps {
    /// Most lines are not deleted, and nothing else is asked of them than to look like lines of such a file.
    fn line(&mut self, line: &[u8], what: &str) -> Result<(), Gap> {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (range, rights, rest) = (parts.next(), parts.next(), parts.next());
        let (Some(range), Some(&[_, _, execute, _]), Some(rest)) = (range, rights, rest) else {
            return Err(Gap { why: GapKind::Malformed, what: format!("{what} is not as proc(5) says") });
        };
        if !range.contains(&b'-') || !matches!(execute, b'x' | b'-') {
            return Err(Gap::malformed(format!("{what} is not as proc(5) says")));
        }
        if execute == b'x' && rest.ends_with(DELETED) {
            match mapping(rest) {
                Some(mapping) if mapping.inode == 0 || self.deleted.last() == Some(&mapping) => {}
                Some(mapping) => self.deleted.push(mapping),
                None => return Err(Gap::malformed(format!("{what} is not as proc(5) says"))),
            }
        }
        Ok(())
    }
}

/// Offset, device, inode and name; the name is set off by as many blanks as align it, and begins after them with `/`.
fn mapping(rest: &[u8]) -> Option<Mapping> {
    let text = String::from_utf8_lossy(rest);
    let mut fields = text.splitn(4, ' ');
    let (_offset, device, inode) = (fields.next()?, fields.next()?, fields.next()?);
    let (major, minor) = device.split_once(':')?;
    Some(Mapping {
        device: (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?),
        inode: inode.parse().ok()?,
        path: fields.next()?.trim_start_matches(' ').strip_suffix(" (deleted)")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8], step: usize) -> Result<Maps, Gap> {
        let mut stream = text;
        read(&mut stream, "maps", 1 << 20, &mut vec![0; step])
    }

    const TEXT: &str = "\
55e0-55f0 r--p 00000000 fe:00 247030                     /usr/bin/x (deleted)
55f0-55f8 r-xp 00002000 fe:00 247030                     /usr/bin/x (deleted)
55f8-55fa r-xp 00002000 fe:00 247030                     /usr/bin/x (deleted)
7f00-7f10 rw-p 00000000 00:00 0 
7f10-7f20 r-xp 00026000 fe:00 326279                     /usr/lib/libc.so.6
7f20-7f30 r-xp 00000000 103:2a 18446744073709551615 /opt/a\\012b c (deleted) (deleted)
7f30-7f40 rwxs 00000000 00:01 0                          /memfd:old (deleted)
7fff-8000 r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn only_code_counts_and_each_file_once() {
        for step in [1, 2, 7, 63, 4096] {
            let maps = of(TEXT.as_bytes(), step).unwrap();
            let seen: Vec<_> =
                maps.deleted.iter().map(|it| (it.device, it.inode, it.path.as_str())).collect();
            assert_eq!(
                seen,
                [((0xfe, 0), 247_030, "/usr/bin/x"), ((0x103, 0x2a), u64::MAX, "/opt/a\\012b c (deleted)")]
            );
            assert_eq!(maps.bytes, TEXT.len());
        }
    }

    #[test]
    fn what_is_no_such_file_is_a_gap() {
        for text in [
            "\n",
            "x\n",
            "55e0-55f0 r-xp\n",
            "55e0-55f0 r-x 0 fe:00 1 /x\n",
            "55e0-55f0 r-?p 0 fe:00 1 /x\n",
            "55e0 r-xp 0 fe:00 1 /x\n",
            "55e0-55f0 r-xp 0 fe:00 1 /x",
            "55e0-55f0 r-xp 0 fe00 1 /x (deleted)\n",
            "55e0-55f0 r-xp 0 fe:00 -1 /x (deleted)\n",
            "55e0-55f0 r-xp 0 (deleted)\n",
        ] {
            assert_eq!(of(text.as_bytes(), 4096).unwrap_err().why, GapKind::Malformed, "{text}");
        }
        assert_eq!(of(&[b'x'; 100_000], 4096).unwrap_err().why, GapKind::Malformed);
        assert_eq!(of(&TEXT.as_bytes().repeat(4000), 4096).unwrap_err().why, GapKind::TooLarge);
        assert_eq!(of(b"", 4096).unwrap(), Maps::default());
    }

    #[test]
    fn who_ends_meanwhile_is_absent() {
        struct Ended(bool);
        impl Read for Ended {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(std::io::Error::from_raw_os_error(ENDED));
                }
                let line = b"1-2 r-xp 0 00:00 0 \n";
                buffer[..line.len()].copy_from_slice(line);
                Ok(line.len())
            }
        }
        let gap = read(&mut Ended(false), "maps", 100, &mut [0; 64]).unwrap_err();
        assert!(gap.is_absent());
    }
}
