//! What may stand in an entry: texts of a host without secrets, cut to a length, so that a line stays short.

use checks::history::Event;
use checks::redact::redact;

/// Characters of one text.
const TEXT: usize = 500;
/// Pieces of evidence of one transition.
const EVIDENCE: usize = 30;

/// The event with its texts redacted and cut.
pub(super) fn bounded(event: Event) -> Event {
    match event {
        Event::Transition { check, from, to, first_seen, reason, evidence } => {
            let more = evidence.len().saturating_sub(EVIDENCE);
            let mut evidence: Vec<String> = evidence.iter().take(EVIDENCE).map(|seen| text(seen)).collect();
            if more > 0 {
                evidence.push(format!("and {more} more"));
            }
            Event::Transition { check, from, to, first_seen, reason: text(&reason), evidence }
        }
        Event::Reconfigured { files, verdicts } => Event::Reconfigured {
            files: files.iter().take(EVIDENCE).map(|file| text(file)).collect(),
            verdicts,
        },
        Event::Lost { since, entries, why } => Event::Lost { since, entries, why: text(&why) },
        other => other,
    }
}

fn text(text: &str) -> String {
    let clean = redact(text);
    match clean.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}
