//! What hostduty says of the same connections.

use checks::facts::{Facts, ROOMS};

use super::draw::Chain;
use super::host::Live;
use super::probe::Probe;

/// The rooms that decide reachability, as they are in the namespace of this process.
pub(crate) fn gather() -> Facts {
    let host = Live::new();
    let mut facts = checks::facts::begin(&host);
    for room in ROOMS.iter().filter(|room| ["ruleset", "network", "sockets"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    facts
}

/// What hostduty says of a connection.
pub(crate) struct Prediction {
    pub(crate) verdict: Verdict,
    pub(crate) decided_by: Option<String>,
    pub(crate) trace: Vec<String>,
    /// The whole answer, for a person.
    pub(crate) shown: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    Drop,
    Reject,
    Unknown,
}

pub(crate) fn predict(_facts: &Facts, _probe: &Probe) -> Prediction {
    Prediction { verdict: Verdict::Unknown, decided_by: None, trace: Vec::new(), shown: String::new() }
}

/// Where hostduty says that it saw a rule.
pub(crate) fn nft_place(chain: &Chain, handle: u64) -> String {
    format!("{} {} {} handle {handle}", chain.family, chain.table, chain.name)
}

pub(crate) fn legacy_place(chain: &Chain, at: usize) -> String {
    format!("{} {} {} rule {}", chain.family, chain.table, chain.name, at + 1)
}
