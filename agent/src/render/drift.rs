//! What changed between two looks, for people and as JSON (packaging/schema/drift-v1.schema.json).

use std::fmt::Write;

use checks::check::Verdict;
use checks::history::drift::{Change, Weight};
use serde::Serialize;

use super::human::{Paint, wrapped};
use crate::output::clean;

#[derive(Serialize)]
pub(crate) struct Drift {
    schema_version: u32,
    hostduty: &'static str,
    changes: Vec<Changed>,
}

#[derive(Serialize)]
struct Changed {
    check: String,
    weight: &'static str,
    from: Option<&'static str>,
    to: Option<&'static str>,
    reason: String,
    came: Vec<Finding>,
    went: Vec<Finding>,
    changed: Vec<Reworded>,
}

#[derive(Serialize)]
struct Finding {
    subject: String,
    message: String,
}

#[derive(Serialize)]
struct Reworded {
    subject: String,
    was: String,
    is: String,
}

/// The changes as JSON.
pub(crate) fn json(changes: &[Change]) -> Drift {
    let finding = |(subject, message): &(String, String)| Finding {
        subject: subject.clone(),
        message: message.clone(),
    };
    let changed = |change: &Change| Changed {
        check: change.check.clone(),
        weight: match change.weight() {
            Weight::Worse => "worse",
            Weight::LessKnown => "less-known",
            Weight::NotWorse => "not-worse",
        },
        from: change.from.map(Verdict::name),
        to: change.to.map(Verdict::name),
        reason: change.reason.clone(),
        came: change.came.iter().map(finding).collect(),
        went: change.went.iter().map(finding).collect(),
        changed: change
            .changed
            .iter()
            .map(|(then, now)| Reworded { subject: now.0.clone(), was: then.1.clone(), is: now.1.clone() })
            .collect(),
    };
    let changes = changes.iter().map(changed).collect();
    Drift { schema_version: 1, hostduty: env!("CARGO_PKG_VERSION"), changes }
}

/// The changes for people: what became worse first.
pub(crate) fn human(changes: &[Change], paint: Paint) -> String {
    let mut out = String::new();
    for change in changes {
        let (from, to) = (word(change.from), word(change.to));
        let verdict = paint.verdict(change.to.unwrap_or(Verdict::NotApplicable), to);
        let heading = if change.from == change.to {
            format!("{}  still {verdict}", paint.bold(&clean(&change.check)))
        } else {
            format!("{}  {from} → {verdict}", paint.bold(&clean(&change.check)))
        };
        let _ = writeln!(out, "{heading}");
        for (subject, message) in &change.came {
            wrapped(&mut out, "  + ", 4, &format!("{subject} {message}"));
        }
        for (subject, message) in &change.went {
            wrapped(&mut out, "  - ", 4, &format!("{subject} {message}"));
        }
        for ((subject, was), (_, is)) in &change.changed {
            wrapped(&mut out, "  ~ ", 4, &format!("{subject} {is}"));
            wrapped(&mut out, "    before: ", 4, was);
        }
        if change.came.is_empty() && change.changed.is_empty() && change.from != change.to {
            wrapped(&mut out, "    ", 4, &change.reason);
        }
    }
    let count = |weight| changes.iter().filter(|change| change.weight() == weight).count();
    if changes.is_empty() {
        out.push_str("Nothing changed\n");
    } else {
        let parts = [
            (count(Weight::Worse), "worse"),
            (count(Weight::LessKnown), "less known"),
            (count(Weight::NotWorse), "otherwise changed"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let _ = writeln!(out, "\n{}", parts.join(", "));
    }
    out
}

fn word(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Pass) => "kept",
        Some(Verdict::Fail) => "FAIL",
        Some(Verdict::NotApplicable) => "n/a",
        Some(other) => other.name(),
        None => "not judged",
    }
}
