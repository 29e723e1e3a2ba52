//! What hostduty says of Macs in many states, judged on any machine: each case of mac_cases/*.toml puts a few answers in the
//! place of those of a whole recorded Mac, and says what some checks make of it.
//!
//! No Mac stands behind these: the answers are re-typed, with invented values, in the forms that Apple's tools are recorded
//! to print.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads what it guards and fails loudly"
)]
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use checks::facts::{self, Facts};
use checks::host::{Command, Output, System, Tree};
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;
use serde::Deserialize;

/// The Mac that every case starts from.
const BASE: &str = "mac-mini-m2";
/// What the proof asks for.
const LEAST: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    case: Vec<Case>,
}

/// One state of the Mac.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// What tools print instead, by the name of the recording or by the whole command. A text is what goes to standard
    /// output; `status N`, `--- stdout` and `--- stderr` say more, as in a recording.
    #[serde(default)]
    prints: BTreeMap<String, String>,
    /// Tools that are not there.
    #[serde(default)]
    missing: Vec<String>,
    /// Files with another content; an empty one is not there.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Check → `verdict: words of what is said`.
    says: BTreeMap<String, String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/roots").join(BASE)
}

/// The commands of the recording, by the name of its file.
fn recordings() -> BTreeMap<String, (String, String)> {
    let files = fs::read_dir(root().join("commands")).unwrap();
    let one = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let (command, answer) = text.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, (command.to_owned(), answer.to_owned()))
    };
    files.map(|entry| one(entry.unwrap().path())).collect()
}

fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    // A command keeps the path of its program as a literal, which a table is not.
    let program: &'static str = Box::leak(words.next().unwrap().to_owned().into_boxed_str());
    Command { program, arguments: words.map(str::to_owned).collect() }
}

fn output(text: &str) -> Output {
    let (status, rest) = match text.strip_prefix("status ").and_then(|rest| rest.split_once('\n')) {
        Some((status, rest)) => (status.parse().unwrap(), rest),
        None => (0, text),
    };
    let (stdout, stderr) = rest.split_once("--- stderr\n").unwrap_or((rest, ""));
    let stdout = stdout.strip_prefix("--- stdout\n").unwrap_or(stdout);
    Output { status, stdout: stdout.into(), stderr: stderr.into() }
}

fn add(mut tree: Tree, dir: &Path) -> Tree {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tree = add(tree, &path);
        } else {
            let inside = format!("/{}", path.strip_prefix(root()).unwrap().to_str().unwrap());
            tree = tree.file(&inside, fs::read(&path).unwrap());
        }
    }
    tree
}

fn facts_of(case: &Case, recordings: &BTreeMap<String, (String, String)>) -> Facts {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut tree = Tree::new(now).system(System::MacOs);
    for folder in ["etc", "Library", "System", "var"] {
        tree = add(tree, &root().join(folder));
    }
    tree = tree.with("/var/db/.AppleSetupDone", |node| {
        node.modified = "2026-06-09T07:38:40Z".parse().unwrap();
    });
    for (path, content) in &case.files {
        tree = match content.is_empty() {
            true => tree.refuse(path, checks::gap::Gap::absent(path)),
            false => tree.file(path, content),
        };
    }
    let known = |name: &String| name.starts_with('/') || recordings.contains_key(name);
    for name in case.prints.keys().chain(&case.missing) {
        assert!(known(name), "{}: no recording is called {name}", case.name);
    }
    for (name, (line, answer)) in recordings {
        if !case.missing.contains(name) {
            let answer = case.prints.get(name).unwrap_or(answer);
            tree = tree.output(command(line), output(answer));
        }
    }
    for (line, answer) in case.prints.iter().filter(|(name, _)| name.starts_with('/')) {
        tree = tree.output(command(line), output(answer));
    }
    let mut facts = facts::begin(&tree);
    for room in facts::ROOMS.iter().filter(|room| matches!(room.name, "machine" | "mac")) {
        (room.gather)(&tree, &mut facts);
    }
    facts
}

/// `verdict: everything that was said`.
fn said(facts: &Facts, check: &str) -> String {
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let (mut policy, asked) = (Policy::default(), [check.to_owned()]);
    // The judge is asked, whatever the offer would say.
    policy.offer.not_applicable.clear();
    let report = report::judge(facts, &policy, &detected, &asked);
    let outcome = &report.outcomes[0];
    let findings =
        outcome.findings.iter().map(|one| format!("{}: {} {:?}", one.subject, one.message, one.evidence));
    let observed = outcome.observations.iter().map(|one| format!("{} {:?}", one.message, one.evidence));
    let all: Vec<String> = findings.chain(outcome.unknowns.iter().cloned()).chain(observed).collect();
    format!("{}: {} {}", outcome.verdict.name(), outcome.reason, all.join("; "))
}

#[test]
fn every_state_of_a_mac_is_judged_as_the_table_says() {
    let recordings = recordings();
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mac_cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases: Vec<Case> = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let table: Table =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        cases.extend(table.case);
    }
    let (mut wrong, mut verdicts): (Vec<String>, BTreeMap<String, usize>) = Default::default();
    let mut checks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in &cases {
        let facts = facts_of(case, &recordings);
        let text = toml::to_string(&facts).unwrap();
        assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts, "{}", case.name);
        for (check, expected) in &case.says {
            let (verdict, words) = expected.split_once(": ").unwrap_or((expected, ""));
            *verdicts.entry(verdict.to_owned()).or_default() += 1;
            checks.entry(check).or_default().insert(verdict);
            let said = said(&facts, check);
            if !said.starts_with(&format!("{verdict}:")) || !said.contains(words) {
                wrong.push(format!("{}: {check} should say `{expected}`, and says `{said}`", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert!(names.len() == cases.len() && cases.len() >= LEAST, "{} cases", cases.len());
    // Good, bad and not to be told: of each enough, and of every check more than one.
    assert!(["pass", "fail", "unknown"].iter().all(|verdict| verdicts[*verdict] >= 15), "{verdicts:?}");
    let lonely: Vec<_> = checks.iter().filter(|(_, verdicts)| verdicts.len() < 2).collect();
    assert!(lonely.is_empty(), "of these only one verdict is there: {lonely:?}");
}
