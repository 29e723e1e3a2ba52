//! What every fuzz target shares: a host whose files are the input, and what holds of the facts of any host.
//!
//! An input is the contents of one or more files, one after the other, with a line `%%` between them. Each target names
//! the path of each part; a file whose part is missing does not exist. So a seed reads like what it stands for.
//!
//! `HOSTDUTY_STRETCH=BYTES` repeats each part until it has that length, to find work that grows with the square.

pub mod archive;
pub mod origins;
pub mod questions;
pub mod rpm;

use std::borrow::Cow;
use std::sync::LazyLock;

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::facts::{self, Facts, ROOMS};
use checks::gap::Reading;
use checks::host::{Command, Output, Tree};
use checks::policy::Policy;
use checks::providers::{self, Detected};
use checks::report;

/// The noon at which every fuzzed host is looked at: 2026-11-22.
const NOW: Timestamp = Timestamp(1_795_348_800);

/// A word that a target plants where a secret stands, to see that no fact keeps it.
pub const CANARY: &str = "cAnArY7h1ngs";

static STRETCH: LazyLock<usize> = LazyLock::new(|| {
    let bytes = std::env::var("HOSTDUTY_STRETCH").ok();
    bytes.map_or(0, |bytes| bytes.parse().expect("HOSTDUTY_STRETCH is a number of bytes"))
});

static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let offers = providers::offers().expect("the offers are valid");
    offers.into_iter().map(|offer| Policy { offer, ..Policy::default() }).collect()
});

/// An empty Linux host.
pub fn host() -> Tree {
    Tree::new(NOW)
}

/// The parts of an input.
pub fn parts(data: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    typed(data).map(|part| stretched(part, *STRETCH))
}

/// The parts of an input, none of them stretched: for replies that say nothing new when they are repeated.
pub fn typed(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let data = rest?;
        let part = match data.windows(3).position(|window| window == b"%%\n") {
            Some(at) => {
                rest = data.get(at + 3..);
                &data[..at]
            }
            None => {
                rest = None;
                data
            }
        };
        Some(part)
    })
}

/// A part among several that share what an answer may take: each is stretched to its share.
pub fn shared(part: &[u8], among: usize) -> Cow<'_, [u8]> {
    stretched(part, STRETCH.checked_div(among).unwrap_or(0))
}

fn stretched(part: &[u8], bytes: usize) -> Cow<'_, [u8]> {
    match bytes.checked_div(part.len()) {
        Some(times) if times > 1 => Cow::Owned(part.repeat(times)),
        _ => Cow::Borrowed(part),
    }
}

/// Adds each part as the file of its place.
pub fn with_files(mut host: Tree, data: &[u8], paths: &[&str]) -> Tree {
    for (part, path) in parts(data).zip(paths) {
        host = host.file(path, part).with(path, |node| node.mode = 0o755);
    }
    host
}

/// Adds each part as what a tool of macOS prints.
pub fn with_outputs(mut host: Tree, data: &[u8], commands: &[(&'static str, &[&str])]) -> Tree {
    for (part, (program, arguments)) in parts(data).zip(commands) {
        let output = Output { stdout: part.into_owned(), ..Output::default() };
        host = host.output(Command::new(program, arguments), output);
    }
    host
}

/// Gathers rooms on top of facts that are known already, and looks at what holds of any host.
pub fn gather(host: &Tree, known: &str, rooms: &[&str]) -> Facts {
    let facts = room(host, known, rooms);
    holds(&facts);
    facts
}

/// The same facts without a look at them.
pub fn room(host: &Tree, known: &str, rooms: &[&str]) -> Facts {
    let mut facts: Facts = toml::from_str(known).expect("the facts of a target are valid");
    let begun = facts::begin(host);
    (facts.schema, facts.taken_at, facts.system) = (begun.schema, begun.taken_at, begun.system);
    for name in rooms {
        let room = ROOMS.iter().find(|room| room.name == *name).expect("the room exists");
        (room.gather)(host, &mut facts);
    }
    facts
}

/// What holds of the facts of any host: they come back from a snapshot as they went, every check and every offer has an
/// answer, and no answer is better than what was seen.
pub fn holds(facts: &Facts) {
    let text = toml::to_string(facts).expect("facts can be written");
    let again: Facts = toml::from_str(&text).expect("what was written can be read");
    let mut kept = facts.clone();
    // What is only for other rooms is in no snapshot.
    if let Reading::Known(packages) = &mut kept.packages {
        packages.rpm.clear();
    }
    assert_eq!(again, kept, "facts changed on their way through a snapshot");
    assert!(!text.contains(CANARY), "a secret got into the facts");
    let detected = providers::detect(facts);
    for policy in POLICIES.iter().filter(|policy| policy.offer.id == detected.offer) {
        let report = report::judge(facts, policy, &detected, &[]);
        for outcome in &report.outcomes {
            let id = outcome.check.id;
            assert!(!outcome.reason.is_empty(), "{id} gives no reason");
            assert!(
                outcome.findings.iter().all(|finding| !finding.evidence.is_empty()),
                "{id} shows nothing"
            );
            match outcome.verdict {
                Verdict::Pass => {
                    assert!(
                        outcome.findings.is_empty() && outcome.unknowns.is_empty(),
                        "{id} passes in spite"
                    );
                    let seen = outcome.observations.iter().any(|seen| !seen.evidence.is_empty());
                    assert!(seen, "{id} passes on nothing");
                }
                Verdict::Fail => assert!(!outcome.findings.is_empty(), "{id} fails on nothing"),
                _ => {}
            }
        }
    }
}

/// The verdict of one check, whatever the offer.
pub fn verdict(facts: &Facts, id: &str) -> Verdict {
    static ANY: LazyLock<Policy> = LazyLock::new(|| {
        let mut policy = Policy::default();
        policy.offer.not_applicable.clear();
        policy
    });
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let report = report::judge(facts, &ANY, &detected, &[id.to_owned()]);
    report.outcomes.first().expect("the check exists").verdict
}

/// Whether the input holds a word, in any case of its letters.
pub fn mentions(data: &[u8], word: &str) -> bool {
    data.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Facts of accounts for the rooms that look into homes: root and a person, each with a password.
pub const PEOPLE: &str = r#"
[[accounts.known.users]]
name = "root"
home = "/root"
shell = "/bin/bash"
line = 1
password.known = { state = "usable", source = "/etc/shadow", line = 1 }
[[accounts.known.users]]
name = "anna"
uid = 1000
gid = 1000
home = "/home/anna"
shell = "/bin/bash"
line = 2
password.known = { state = "usable", source = "/etc/shadow", line = 2 }
"#;

/// A Debian with one package, and where its updates come from.
pub const DEBIAN: &str = r#"
[packages.known]
manager = "dpkg"
architecture = "amd64"
installed = { bash = "5.2.15-2", "libc6:i386" = "2.36-9" }
[machine.known.release.known]
id = "debian"
version = "12"
"#;
