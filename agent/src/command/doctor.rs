//! `hostduty doctor`: which privileges and sources are missing, and which checks each would decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

use checks::document;
use checks::facts::{self, Facts, ROOMS};
use checks::gap::{Gap, GapKind, Reading};
use checks::policy::Policy;
use checks::providers::{self, Detected};
use checks::report;

use super::Error;
use crate::cli;
use crate::host::{Recorder, Touch};
use crate::output::{self, clean};
use crate::render::human::wrapped;
use crate::source;

/// What each room asked for, and what came of it.
type Notes = BTreeMap<&'static str, BTreeMap<Touch, Option<GapKind>>>;

pub(crate) fn run(arguments: &cli::Doctor) -> Result<ExitCode, Error> {
    let host = source::host(arguments.root.as_deref(), None)?;
    let mut facts = facts::begin(host.as_ref());
    let mut notes = Notes::new();
    for room in ROOMS {
        let recorder = Recorder::new(host.as_ref());
        (room.gather)(&recorder, &mut facts);
        notes.insert(room.name, recorder.notes());
    }
    let needs = needs(&facts);
    let mut out = String::new();
    let root = facts.machine.value().is_some_and(|machine| machine.seen_by_uid.value() == Some(&0));
    missing(&mut out, &notes, &needs, root);
    unknown(&mut out, &facts);
    if arguments.verbose {
        asked(&mut out, &notes);
    }
    output::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// The checks that look into each room, found by taking the room away and seeing who misses it: nobody keeps a list.
fn needs(facts: &Facts) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    const MARK: &str = "a room that the doctor took away";
    let mut needs = BTreeMap::new();
    let Ok(toml::Value::Table(whole)) = document::write(facts) else { return needs };
    for room in ROOMS {
        let mut table = whole.clone();
        let Ok(gap) = document::write(&Reading::<()>::Gap(Gap::unsupported(MARK))) else { continue };
        table.insert(room.name.to_owned(), gap);
        let Ok(poorer) = document::read::<Facts>(toml::Value::Table(table)) else { continue };
        let policy = Policy { offer: offer(facts), ..Policy::default() };
        let report = report::judge(&poorer, &policy, &detected(), &[]);
        let missing = report
            .outcomes
            .iter()
            .filter(|outcome| outcome.unknowns.iter().any(|unknown| unknown.contains(MARK)))
            .map(|outcome| outcome.check.id);
        needs.insert(room.name, missing.collect());
    }
    needs
}

fn offer(facts: &Facts) -> providers::Offer {
    providers::offer(&providers::detect(facts).offer).unwrap_or_default()
}

fn detected() -> Detected {
    Detected { offer: String::new(), how: String::new() }
}

fn missing(
    out: &mut String,
    notes: &Notes,
    needs: &BTreeMap<&'static str, BTreeSet<&'static str>>,
    root: bool,
) {
    let denied = if root {
        "Not permitted although this is root: a sandbox, or a capability such as CAP_SYS_PTRACE is missing"
    } else {
        "Not permitted: root would see"
    };
    let kinds = [
        (GapKind::Denied, denied),
        (GapKind::Unsupported, "Not understood or not read"),
        (GapKind::TooLarge, "Too large to read"),
        (GapKind::Malformed, "Makes no sense"),
        (GapKind::TimedOut, "Did not answer in time"),
        (GapKind::Offline, "Only the running machine would tell"),
    ];
    let mut any = false;
    for (kind, heading) in kinds {
        let rooms: Vec<(&str, Vec<String>)> = notes
            .iter()
            .map(|(room, touched)| {
                let met = touched.iter().filter(|(_, gap)| **gap == Some(kind));
                (*room, shorten(met.map(|(touch, _)| touch.to_string())))
            })
            .filter(|(_, touched)| !touched.is_empty())
            .collect();
        if rooms.is_empty() {
            continue;
        }
        any = true;
        let _ = writeln!(out, "{heading}");
        for (room, touched) in rooms {
            wrapped(out, &format!("  {room}: "), 4, &touched.join(", "));
            let checks =
                needs.get(room).map(|ids| ids.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
            if !checks.is_empty() {
                wrapped(out, "    would tell: ", 6, &checks.join(", "));
            }
        }
        out.push('\n');
    }
    if !any {
        out.push_str("Nothing is missing: every source that exists could be read\n\n");
    }
}

/// A few of many paths that differ only in a process id or a name.
fn shorten(touched: impl Iterator<Item = String>) -> Vec<String> {
    let mut kinds: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for path in touched {
        let pattern: String = path
            .split('/')
            .map(|part| if part.parse::<u32>().is_ok() { "N" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        kinds.entry(pattern).or_insert((path, 0)).1 += 1;
    }
    let mut short: Vec<String> = kinds
        .into_iter()
        .map(|(pattern, (path, count))| if count == 1 { path } else { format!("{pattern} ({count} times)") })
        .collect();
    if short.len() > 6 {
        let more = short.len() - 6;
        short.truncate(6);
        short.push(format!("and {more} more (--verbose)"));
    }
    short
}

fn unknown(out: &mut String, facts: &Facts) {
    let policy = Policy { offer: offer(facts), ..Policy::default() };
    let report = report::judge(facts, &policy, &detected(), &[]);
    let open: Vec<_> = report.outcomes.iter().filter(|outcome| !outcome.unknowns.is_empty()).collect();
    if open.is_empty() {
        out.push_str("Every check that applies is decided\n");
        return;
    }
    out.push_str("Not wholly decided\n");
    for outcome in open {
        for reason in &outcome.unknowns {
            wrapped(out, &format!("  {}: ", outcome.check.id), 4, reason);
        }
    }
}

fn asked(out: &mut String, notes: &Notes) {
    out.push_str("\nAsked for, room by room\n");
    for (room, touched) in notes {
        let _ = writeln!(out, "  {room}");
        for (touch, gap) in touched {
            let met = gap.map(|kind| format!(" ({kind:?})").to_lowercase()).unwrap_or_default();
            let _ = writeln!(out, "    {}{met}", clean(&touch.to_string()));
        }
    }
}
