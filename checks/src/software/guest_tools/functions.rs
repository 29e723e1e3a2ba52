//! What guest tools that run and talk still do for the hypervisor, where their configuration or a missing plugin takes it away.

use super::GuestTools;
use super::state::{Said, State, say};
use crate::check::Evidence;
use crate::facts::Facts;
use crate::facts::processes::{Limit, Process};

/// Something that a hypervisor asks its guest tools for.
struct Function {
    /// Completes `does not …`.
    does: &'static str,
    /// Without one of these it is lost.
    needs: &'static [&'static str],
}

/// What the commands of qemu-ga and the plugins of vmtoolsd are for. Names of both never meet.
const FUNCTIONS: &[(&str, &[Function])] = &[
    (
        "qemu-ga",
        &[
            Function { does: "shut the machine down in order", needs: &["guest-shutdown"] },
            Function {
                does: "freeze file systems for a snapshot",
                needs: &["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"],
            },
            Function { does: "tell its addresses", needs: &["guest-network-get-interfaces"] },
        ],
    ),
    (
        "vmtoolsd",
        &[
            Function { does: "shut the machine down in order", needs: &["powerOps"] },
            Function { does: "freeze file systems for a snapshot", needs: &["vmbackup"] },
            Function { does: "tell its addresses", needs: &["guestInfo"] },
        ],
    ),
];
/// With which a hypervisor begins every conversation with qemu-ga: where both are refused, it hears nothing.
const GREETINGS: &[&str] = &["guest-sync", "guest-sync-delimited"];

/// The state of tools that talk, with what they were told not to do. Who does nothing of what it is there for is no better
/// than who is silent; a part of it is said and not held against the host, as it may be its administrator's choice.
pub(super) fn limited(state: State, tools: &'static GuestTools, process: &Process, facts: &Facts) -> State {
    let State::Healthy(said) = state else { return state };
    let limits = match &process.limits {
        None => return State::Healthy(said),
        Some(limits) => match limits.known() {
            Ok(limits) => limits,
            Err(gap) => {
                return State::Unknown(format!(
                    "{} runs, and what it was told to refuse is not known: {gap}",
                    tools.software.name
                ));
            }
        },
    };
    let Some((_, functions)) = FUNCTIONS.iter().find(|(name, _)| *name == process.program()) else {
        return State::Healthy(said);
    };
    let all: Vec<&Limit> =
        limits.iter().filter(|limit| !limit.only || !is_too_old(tools, limit, facts)).collect();
    let at_start = |limit: &&Limit| limit.changed.is_none_or(|changed| changed <= process.started);
    let now: Vec<&Limit> = all.iter().copied().filter(at_start).collect();
    let (lost, later) = (lost(functions, &now), lost(functions, &all));
    if later.is_empty() {
        return State::Healthy(said);
    }
    let after = if lost.len() == later.len() { "" } else { ", from its next start at the latest" };
    let words: Vec<&str> = later.iter().map(|function| function.does).collect();
    let evidence = said.evidence.into_iter().chain(all.iter().filter_map(|limit| quoted(limit, &later)));
    let everything = |lost: &[&Function]| lost.len() == functions.len();
    if everything(&later) && !everything(&lost) {
        return State::Unknown(format!(
            "{} runs, and its configuration, which changed after it started, has it refuse whatever a hypervisor asks",
            tools.software.name
        ));
    }
    let list = listed(&words);
    if everything(&later) {
        let text = format!("runs and does nothing of what it is there for: it does not {list}");
        return State::Silent(say(tools, &text, evidence.collect()));
    }
    let text = format!("{}; as configured it does not {list}{after}", said.text);
    State::Healthy(Said { text, evidence: evidence.collect(), ..said })
}

/// Whether this version passes over a list of what alone is allowed in its file: those before 8 know none.
fn is_too_old(tools: &GuestTools, limit: &Limit, facts: &Facts) -> bool {
    let major = |version: &str| {
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        upstream.split(|char: char| !char.is_ascii_digit()).next()?.parse::<u32>().ok()
    };
    let package = tools.software.package(facts).ok().flatten();
    limit.line.is_some() && package.and_then(|(_, version)| major(version)).is_some_and(|major| major < 8)
}

fn lost<'a>(functions: &'a [Function], limits: &[&Limit]) -> Vec<&'a Function> {
    let deaf = GREETINGS.iter().all(|name| limits.iter().any(|limit| refuses(limit, name)));
    functions
        .iter()
        .filter(|function| {
            deaf || function.needs.iter().any(|name| limits.iter().any(|limit| refuses(limit, name)))
        })
        .collect()
}

fn refuses(limit: &Limit, name: &str) -> bool {
    limit.names.iter().any(|named| named == name) != limit.only
}

/// The names in a limit that take one of these functions away.
fn quoted(limit: &Limit, lost: &[&Function]) -> Option<Evidence> {
    let place = limit.line.map_or_else(|| Evidence::of(&limit.path), |line| Evidence::at(&limit.path, line));
    let counts = |name: &&str| refuses(limit, name);
    let mut names: Vec<&str> =
        lost.iter().flat_map(|function| function.needs).copied().chain(GREETINGS.iter().copied()).collect();
    names.retain(|name| counts(name));
    if names.is_empty() {
        return None;
    }
    Some(place.says(match (limit.only, limit.line, limit.path.starts_with("/proc/")) {
        (true, ..) => format!(
            "allows only {}",
            if limit.names.is_empty() { "nothing".to_owned() } else { limit.names.join(", ") }
        ),
        (false, None, false) => format!("has no plugin {}", names.join(", ")),
        (false, ..) => format!("refuses {}", names.join(", ")),
    }))
}

fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and does not {last}", first.join(", does not ")),
    }
}
