//! The answer about one connection, as sentences for people and as JSON.

use std::fmt::Write;
use std::net::SocketAddr;

use checks::check::Verdict as Worth;
use checks::reach::{Answer, Question, Verdict};
use serde::Serialize;

use super::human::{Paint, wrapped};

/// The answer as JSON: packaging/schema/reach-v1.schema.json.
#[derive(Debug, Serialize)]
pub(crate) struct Reached<'a> {
    schema_version: u32,
    verdict: Verdict,
    rate_limited: bool,
    decided_by: Option<String>,
    reason: Option<&'a str>,
    /// Whether it is passed on to another machine or a container.
    forwarded: bool,
    /// Where it arrives, when its destination was rewritten.
    arrives_at: Option<String>,
    /// The interface that was named.
    interface: Option<&'a str>,
    trace: Vec<String>,
}

pub(crate) fn json<'a>(question: &'a Question, answer: &'a Answer) -> Reached<'a> {
    Reached {
        schema_version: 1,
        verdict: answer.verdict,
        rate_limited: answer.rate_limited,
        decided_by: answer.decided_by.as_ref().map(ToString::to_string),
        reason: answer.reason.as_deref(),
        forwarded: answer.forwarded,
        arrives_at: arrives_at(answer),
        interface: question.interface.as_deref(),
        trace: answer.trace.iter().map(ToString::to_string).collect(),
    }
}

fn arrives_at(answer: &Answer) -> Option<String> {
    answer.arrives_at.map(|(address, port)| SocketAddr::new(address, port).to_string())
}

/// The verdict in a sentence, what decided, and the rules that it met, numbered.
pub(crate) fn human(question: &Question, answer: &Answer, seen_by: Option<u32>, paint: Paint) -> String {
    let mut out = String::new();
    let from = match question.from_port {
        Some(port) => SocketAddr::new(question.from, port).to_string(),
        None => question.from.to_string(),
    };
    let through = question.interface.as_ref().map(|name| format!(" through {name}")).unwrap_or_default();
    let to = SocketAddr::new(question.to, question.port);
    let mut sentence = format!("{} {from} → {to}{through} ", question.protocol.name());
    let (word, worth, ends) = match answer.verdict {
        Verdict::Accept => ("accept", Worth::Pass, "gets through"),
        Verdict::Drop => ("drop", Worth::Fail, "is dropped without an answer"),
        Verdict::Reject => ("reject", Worth::Fail, "is refused, and the sender is told"),
        Verdict::Unknown => ("unknown", Worth::Unknown, "may or may not get through"),
    };
    sentence += ends;
    if let Some(place) = arrives_at(answer) {
        let _ = write!(sentence, ", as {place}");
    }
    if answer.forwarded {
        sentence += ", passed on to another machine or a container";
    }
    if answer.rate_limited {
        sentence += "; a rate, a counter or chance stops some of the kind";
    }
    let mut line = String::new();
    wrapped(&mut line, &format!("{word}: "), 2, &sentence);
    // Coloured after it was broken into lines, so that the colour takes no room.
    out += &line.replacen(word, &paint.verdict(worth, word), 1);
    if let Some(reason) = &answer.reason {
        wrapped(&mut out, "  why: ", 4, reason);
    }
    if let Some(rule) = &answer.decided_by {
        wrapped(&mut out, "  decided by ", 4, &rule.to_string());
    }
    if !answer.trace.is_empty() {
        out += "\nThe rules and policies that took it, in order\n";
    }
    for (number, rule) in (1_usize..).zip(&answer.trace) {
        wrapped(&mut out, &format!("{number:>4}. "), 6, &rule.to_string());
    }
    if let Some(uid) = seen_by.filter(|_| answer.verdict == Verdict::Unknown) {
        wrapped(&mut out, "", 2, &format!("Seen as uid {uid}: run it as root to see the rules"));
    }
    out
}
