//! What hostduty says of the same connections.

use checks::evidence::Evidence;
use checks::facts::{Facts, ROOMS};
use checks::reach::{Answer, Question, connect};

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
pub(crate) fn predict(facts: &Facts, probe: &Probe) -> Answer {
    connect(
        facts,
        &Question {
            protocol: probe.protocol,
            from: probe.source,
            from_port: Some(probe.source_port),
            to: probe.to,
            port: probe.port,
            interface: Some(probe.client.interface().to_owned()),
            source_mac: Some(probe.client.mac()),
        },
    )
}

/// An answer with its trace, for a person.
pub(crate) fn shown(answer: &Answer) -> String {
    let by = answer.decided_by.as_ref().map_or_else(|| "no rule".to_owned(), ToString::to_string);
    let reason = answer.reason.as_deref().unwrap_or_default();
    let mut text = format!("{:?} by {by}; {reason}", answer.verdict);
    if let Some((to, port)) = answer.arrives_at {
        text += &format!("; arrives at {to} port {port}");
    }
    for step in &answer.trace {
        text += &format!("\n      {step}");
    }
    text
}

/// The rule that evidence is of, as [`nft_place`] and [`legacy_place`] say it.
pub(crate) fn place(evidence: &Evidence) -> &str {
    // nftables has the position behind the handle.
    evidence.source.split(" (").next().unwrap_or_default()
}

/// Where hostduty says that it saw a rule.
pub(crate) fn nft_place(chain: &Chain, handle: u64) -> String {
    format!("{} {} {} handle {handle}", chain.family, chain.table, chain.name)
}

pub(crate) fn legacy_place(chain: &Chain, at: usize) -> String {
    format!(
        "{} {} {} rule {}",
        if chain.family == "ip" { "iptables" } else { "ip6tables" },
        chain.table,
        chain.name,
        at + 1
    )
}
