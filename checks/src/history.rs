//! What a host's record says: entries chained by hash, since when each verdict holds, and what changed between two looks.
//!
//! The agent writes one entry a line and reads them back; everything that follows from the bytes is worked out here.

pub mod axis;
pub mod drift;
pub mod timeline;
pub mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::check::Verdict;
use crate::date::Timestamp;

/// What the first entry of all holds in the place of the hash of the line before.
pub const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// When something was seen, by every clock there is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moment {
    /// What the wall clock said, right or wrong.
    pub wall: Timestamp,
    /// The boot that the monotonic clock counts from: the kernel's boot id.
    pub boot: String,
    /// Milliseconds since that boot. No setting of the wall clock moves them.
    pub monotonic_ms: u64,
    /// Whether the kernel believed the wall clock to be synchronised, where it says.
    pub synchronised: Option<bool>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// Observation begins, and this is the state then.
    Started {
        /// The version of hostduty.
        version: String,
        /// The offer that it judges against.
        offer: String,
        /// Every check's verdict.
        verdicts: BTreeMap<String, Verdict>,
    },
    /// A check's verdict changed, and stayed so for as long as is asked before it counts.
    Transition {
        /// The check.
        check: String,
        /// The verdict until then.
        from: Option<Verdict>,
        /// The verdict since then.
        to: Verdict,
        /// When it was first seen, before it had lasted.
        first_seen: Moment,
        /// Why, in one sentence.
        reason: String,
        /// Where it was seen.
        evidence: Vec<String>,
    },
    /// The state once a day, so that the record speaks for the days on which nothing happened.
    Digest {
        /// Every check's verdict.
        verdicts: BTreeMap<String, Verdict>,
    },
    /// Another configuration was read, and this is the state under it.
    Reconfigured {
        /// The files that it was read from.
        files: Vec<String>,
        /// Every check's verdict.
        verdicts: BTreeMap<String, Verdict>,
    },
    /// Observation ends, as it should.
    Stopped,
    /// The last line was torn, as a loss of power leaves it.
    Repaired {
        /// The last entry that is whole.
        kept_entries: u64,
        /// The bytes of the torn line, which were taken away.
        lost_bytes: u64,
    },
    /// Entries could not be written, and were too many to be kept for later. Its own moment is that of the last of them.
    Lost {
        /// The moment of the first of them.
        since: Moment,
        /// How many.
        entries: u64,
        /// What kept them from being written.
        why: String,
    },
    /// The first entry of a file that goes on where another ends.
    Continued {
        /// The name of the other.
        file: String,
        /// The hash of its last line.
        head: String,
    },
    /// Something that a newer version wrote.
    #[serde(other)]
    Other,
}

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1 and without holes.
    pub sequence: u64,
    /// SHA-256 of the bytes of the line before, in hexadecimal digits; [`NONE_BEFORE`] in the first.
    pub previous: String,
    /// When it was written; of what waited for a full disk, when it happened.
    pub at: Moment,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// The line that it is, without the newline that ends it.
    ///
    /// # Errors
    /// Never for the types above; the format's own error otherwise.
    pub fn line(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    /// The entry that a line is.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }
}

/// The hash of a line without its newline, as the entry after it holds it.
#[must_use]
pub fn hash(line: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_written() {
        let at = Moment {
            wall: Timestamp(1_795_000_000),
            boot: "b".into(),
            monotonic_ms: 7,
            synchronised: Some(true),
        };
        let entry = Entry {
            sequence: 2,
            previous: NONE_BEFORE.into(),
            at: at.clone(),
            event: Event::Transition {
                check: "ssh-key-only".into(),
                from: Some(Verdict::Pass),
                to: Verdict::NotApplicable,
                first_seen: at,
                reason: "a \"quote\"\nand a line".into(),
                evidence: vec!["/etc/ssh/sshd_config:3".into()],
            },
        };
        let line = entry.line().unwrap();
        assert!(!line.contains(&b'\n'));
        assert_eq!(Entry::parse(&line), Ok(entry));
        assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_a_newer_version_wrote_is_an_entry_too() {
        let line = format!(
            r#"{{"sequence":1,"previous":"{NONE_BEFORE}","at":{{"wall":"2026-11-22","boot":"b","monotonic_ms":1,"synchronised":null,"leap":1}},"event":{{"kind":"moved","to":"x"}}}}"#
        );
        assert_eq!(Entry::parse(line.as_bytes()).unwrap().event, Event::Other);
        assert!(Entry::parse(b"{}").is_err());
    }
}
