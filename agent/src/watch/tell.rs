//! What is said of changes: to the journal, to the record, to who asks.

use checks::check::{Severity, Verdict};
use checks::history::Event;

use super::journal::{Entry, Kind, Priority};
use super::settle::{Seen, Settled, Settling};
use super::status::{Pending, Status};

/// The journal's entry of a change that lasted.
pub(crate) fn settled(settled: &Settled) -> Entry {
    let Settled { seen, from, since, added } = settled;
    let (kind, message) = match added.is_empty() {
        true => {
            let message = format!(
                "{}: {} since {}, was {}: {}",
                seen.check,
                seen.verdict.name(),
                since.wall,
                from.name(),
                seen.reason
            );
            (Kind::Transition, message)
        }
        false => {
            let added: Vec<&str> = added.iter().map(String::as_str).collect();
            (
                Kind::Finding,
                format!("{}: fails for more since {}: {}", seen.check, since.wall, added.join(", ")),
            )
        }
    };
    let mut entry = Entry::new(kind, priority(seen), message)
        .with("HOSTDUTY_CHECK", seen.check)
        .with("HOSTDUTY_VERDICT", seen.verdict.name())
        .with("HOSTDUTY_PREVIOUS", from.name())
        .with("HOSTDUTY_SEVERITY", seen.severity.name())
        .with("HOSTDUTY_SINCE", since.wall.to_string())
        .with("HOSTDUTY_REASON", seen.reason.clone());
    for place in &seen.evidence {
        entry = entry.with("HOSTDUTY_EVIDENCE", place.clone());
    }
    entry
}

/// The record's entry of a verdict that changed.
pub(crate) fn transition(settled: Settled) -> Event {
    let Settled { seen, from, since, .. } = settled;
    Event::Transition {
        check: seen.check.to_owned(),
        from: Some(from),
        to: seen.verdict,
        first_seen: since,
        reason: seen.reason,
        evidence: seen.evidence,
    }
}

/// The journal's entry of the full report.
pub(crate) fn report(summary: &str, seen: &[Seen]) -> Entry {
    let named =
        |verdict: Verdict| seen.iter().filter(move |seen| seen.verdict == verdict).map(|seen| seen.check);
    let mut entry = Entry::new(Kind::Report, Priority::Notice, format!("Full report: {summary}"));
    for (field, verdict) in [
        ("HOSTDUTY_FAIL", Verdict::Fail),
        ("HOSTDUTY_UNKNOWN", Verdict::Unknown),
        ("HOSTDUTY_WAIVED", Verdict::Waived),
    ] {
        for check in named(verdict) {
            entry = entry.with(field, check);
        }
    }
    entry
}

fn priority(seen: &Seen) -> Priority {
    match (seen.verdict, seen.severity) {
        (Verdict::Fail, Severity::Critical) => Priority::Critical,
        (Verdict::Fail, Severity::High) => Priority::Error,
        (Verdict::Fail, Severity::Medium) | (Verdict::Unknown, _) => Priority::Warning,
        (Verdict::Fail, _) => Priority::Notice,
        _ => Priority::Information,
    }
}

/// What the status says of verdicts.
pub(crate) fn fill(status: &mut Status, settling: &Settling, offer: &str) {
    offer.clone_into(&mut status.offer);
    status.verdicts.clear();
    for state in settling.states().values() {
        *status.verdicts.entry(state.verdict.name().to_owned()).or_default() += 1;
    }
    let from =
        |check: &str| settling.states().get(check).map(|state| state.verdict.name()).unwrap_or_default();
    status.pending = settling
        .pending()
        .map(|pending| Pending {
            check: pending.seen.check.to_owned(),
            from: from(pending.seen.check).to_owned(),
            to: pending.seen.verdict.name().to_owned(),
            since: pending.since.wall,
        })
        .collect();
}

/// One line about how it stands.
pub(crate) fn summary(status: &Status) -> String {
    let count = |verdict: &str| status.verdicts.get(verdict).copied().unwrap_or(0);
    let mut line = format!(
        "{} failed, {} unknown, {} waived, {} kept, {} not applicable",
        count("fail"),
        count("unknown"),
        count("waived"),
        count("pass"),
        count("not-applicable")
    );
    if !status.pending.is_empty() {
        line += &format!(", {} pending", status.pending.len());
    }
    if !status.trouble.is_empty() {
        line +=
            &format!("; {}", status.trouble.iter().map(|why| one_line(why)).collect::<Vec<_>>().join("; "));
    }
    line
}

/// A message and its cure, which have lines of their own elsewhere, as one sentence after the other.
pub(super) fn one_line(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_lines_elsewhere_has_one_in_the_journal() {
        assert_eq!(one_line("it is full\n  make room\n\n"), "it is full; make room");
        let status = Status { trouble: vec!["it is full\nmake room".to_owned()], ..Status::default() };
        assert!(summary(&status).ends_with("; it is full; make room"), "{}", summary(&status));
    }
}
