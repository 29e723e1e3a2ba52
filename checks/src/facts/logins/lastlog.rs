//! /var/log/lastlog: the last login at a terminal of each user id.

use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{FileKind, Host};

const PATH: &str = "/var/log/lastlog";

/// The file with an entry for each user id, sparse and so seemingly of any size.
pub(super) struct Lastlog<'a> {
    host: &'a dyn Host,
    entry: u64,
}

impl<'a> Lastlog<'a> {
    pub(super) fn open(host: &'a dyn Host, architecture: Option<&str>) -> Result<Self, Gap> {
        let stat = host.stat(PATH)?;
        if stat.kind != FileKind::File {
            return Err(Gap::unsupported(format!("{PATH}, which is no regular file")));
        }
        Ok(Self { host, entry: entry(architecture, stat.size)? })
    }

    /// When somebody last logged in under a user id; absent for never.
    pub(super) fn of(&self, uid: u32) -> Option<Timestamp> {
        let bytes = self.host.read_at(PATH, u64::from(uid).checked_mul(self.entry)?, 8).ok()?;
        let seconds = if self.entry == 296 {
            i64::from_le_bytes(bytes.first_chunk().copied()?)
        } else {
            i64::from(u32::from_le_bytes(bytes.first_chunk().copied()?))
        };
        (seconds > 0).then_some(Timestamp(seconds))
    }
}

/// Bytes of an entry, `struct lastlog` of glibc's lastlog.h: a time, 32 bytes of a terminal's name, 256 of a host's. The
/// time has four bytes where utmp stayed compatible to 32 bits (`__WORDSIZE_TIME64_COMPAT32`), and eight elsewhere.
fn entry(architecture: Option<&str>, size: u64) -> Result<u64, Gap> {
    let entry = match architecture {
        Some("x86_64") => 292,
        Some("aarch64") => 296,
        _ => return Err(Gap::unsupported(format!("the form of {PATH} on this architecture"))),
    };
    if size.is_multiple_of(entry) {
        Ok(entry)
    } else {
        Err(Gap::malformed(format!("{PATH}, which has no whole number of entries of {entry} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    #[test]
    fn both_forms_and_what_is_neither() {
        let mut narrow = vec![0xff; 292];
        narrow.extend([&7_u32.to_le_bytes()[..], &[0xff; 288]].concat());
        let mut wide = vec![0; 296];
        wide.extend([&7_i64.to_le_bytes()[..], &[0; 288]].concat());
        for (architecture, content) in [("x86_64", &narrow), ("aarch64", &wide)] {
            let tree = Tree::new(Timestamp(0)).file(PATH, content);
            let log = Lastlog::open(&tree, Some(architecture)).unwrap();
            assert_eq!(log.of(1), Some(Timestamp(7)));
            assert_eq!((log.of(2), log.of(u32::MAX)), (None, None));
            let other = if architecture == "x86_64" { "aarch64" } else { "x86_64" };
            assert!(Lastlog::open(&tree, Some(other)).is_err() && Lastlog::open(&tree, None).is_err());
        }
        assert!(Lastlog::open(&Tree::new(Timestamp(0)), Some("x86_64")).is_err_and(|gap| gap.is_absent()));
        let fifo = Tree::new(Timestamp(0)).node(PATH, FileKind::Other, b"");
        assert!(Lastlog::open(&fifo, Some("x86_64")).is_err());
    }
}
