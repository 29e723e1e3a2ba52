//! The journals of accounts: journald gives each user id of a person a file of its own, and each session writes to it,
//! because pam_systemd(8) starts the account's own systemd.
//!
//! Only the headers are read; their form is systemd's JOURNAL_FILE_FORMAT.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{self, Host};

const FOLDER: &str = "/var/log/journal";
/// More files than journald keeps: it deletes the oldest from a hundred on.
const MOST: usize = 2000;
/// Bytes of a header up to the time of the last entry.
const HEADER: usize = 200;

/// How far back journald keeps the sessions of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Since when nothing has been deleted.
    pub from: Timestamp,
    /// Whether there is a session of anybody: without one the sessions of nobody may be kept.
    pub sessions: bool,
}

/// The journal of this machine; adds the time of the last entry by user id.
pub(super) fn read(host: &dyn Host, sessions: &mut BTreeMap<u32, Timestamp>) -> Result<Journal, Gap> {
    let id = host::read_line(host, "/etc/machine-id")?;
    if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Gap::malformed("/etc/machine-id"));
    }
    let folder = format!("{FOLDER}/{id}");
    let names = host.list(&folder)?;
    if names.len() > MOST {
        return Err(Gap::too_large(folder));
    }
    let (mut archived, mut first) = (None, None);
    for name in &names {
        let Some((owner, part)) = owner_of(name) else { continue };
        let Some((head, tail)) = times(host, &format!("{folder}/{name}"))? else { continue };
        // journald deletes the oldest of those that are full, and never one that it writes to.
        let oldest = if part { &mut archived } else { &mut first };
        *oldest = Some(oldest.map_or(head, |other: Timestamp| other.min(head)));
        if let Some(uid) = owner {
            let last = sessions.entry(uid).or_insert(tail);
            *last = tail.max(*last);
        }
    }
    let from = archived.or(first).ok_or_else(|| Gap::absent(format!("{folder}/system.journal")))?;
    let sessions = sessions.values().any(|last| *last >= from);
    Ok(Journal { from, sessions })
}

/// Whose journal a file is, nobody's being the system's, and whether it is a full one; absent for other files.
fn owner_of(name: &str) -> Option<(Option<u32>, bool)> {
    let stem = name.strip_suffix(".journal").or_else(|| name.strip_suffix(".journal~"))?;
    let (owner, part) = match stem.split_once('@') {
        Some((owner, _)) => (owner, true),
        None => (stem, false),
    };
    if owner == "system" {
        return Some((None, part));
    }
    Some((Some(owner.strip_prefix("user-")?.parse().ok()?), part))
}

/// The times of the first and the last entry; absent for a file that has none.
fn times(host: &dyn Host, path: &str) -> Result<Option<(Timestamp, Timestamp)>, Gap> {
    let bytes = match host.read_at(path, 0, HEADER) {
        Ok(bytes) => bytes,
        // It was deleted meanwhile.
        Err(gap) if gap.is_absent() => return Ok(None),
        Err(gap) => return Err(gap),
    };
    let malformed = || Gap::malformed(format!("the header of {path}"));
    if !bytes.starts_with(b"LPKSHHRH") {
        return Err(malformed());
    }
    let number = |at: usize| {
        let bytes = bytes.get(at..)?.first_chunk()?;
        i64::try_from(u64::from_le_bytes(*bytes) / 1_000_000).ok()
    };
    let (head, tail) = number(184).zip(number(192)).ok_or_else(malformed)?;
    Ok((head > 0 && tail > 0).then_some((Timestamp(head), Timestamp(tail))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn file(head: u64, tail: u64) -> Vec<u8> {
        let mut bytes = b"LPKSHHRH".to_vec();
        bytes.resize(184, 0);
        bytes.extend((head * 1_000_000).to_le_bytes());
        bytes.extend((tail * 1_000_000).to_le_bytes());
        bytes.extend([0; 40]);
        bytes
    }

    fn seen(files: &[(&str, Vec<u8>)]) -> (Result<Journal, Gap>, BTreeMap<u32, Timestamp>) {
        let tree =
            Tree::new(Timestamp(0)).file("/etc/machine-id", format!("{ID}\n")).dir(&format!("{FOLDER}/{ID}"));
        let tree = files
            .iter()
            .fold(tree, |tree, (name, content)| tree.file(&format!("{FOLDER}/{ID}/{name}"), content));
        let mut sessions = BTreeMap::new();
        (read(&tree, &mut sessions), sessions)
    }

    #[test]
    fn it_reaches_back_to_the_oldest_full_file() {
        let files = [
            ("system.journal", file(100, 900)),
            ("system@0-1-2.journal", file(300, 400)),
            ("user-1000.journal", file(500, 700)),
            ("user-1000@0-1-2.journal~", file(350, 360)),
            ("user-1001.journal", file(0, 0)),
            ("remote-x.journal", vec![]),
            ("fss", vec![]),
        ];
        let (journal, sessions) = seen(&files);
        assert_eq!(journal, Ok(Journal { from: Timestamp(300), sessions: true }));
        assert_eq!(sessions, [(1000, Timestamp(700))].into());
        let (journal, _) = seen(&files[..1]);
        assert_eq!(journal, Ok(Journal { from: Timestamp(100), sessions: false }));
    }

    #[test]
    fn what_is_no_journal_is_a_gap() {
        assert!(seen(&[]).0.is_err_and(|gap| gap.is_absent()));
        for content in [vec![], b"LPKSHHRH".to_vec(), vec![0; 240]] {
            assert!(seen(&[("system.journal", content)]).0.is_err());
        }
        let mut endless = file(1, 1);
        endless[192..200].fill(0xff);
        assert_eq!(seen(&[("system.journal", endless)]).0.map(|journal| journal.from), Ok(Timestamp(1)));
    }
}
