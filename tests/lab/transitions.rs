//! Duties broken and mended for real: each change of a booted machine changes exactly the verdicts that it should, with the
//! evidence that it should, and what is mended is as it was before.
//!
//! The tables beside this file say what is done and what is expected; CONTRIBUTING.md says how to add to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::machines::{Machine, top, unpacked_of};
use super::units::Shell;
use super::virtual_machine::VirtualMachine;

/// Daemons start and stop in their time: so often a report is taken again before it counts as another than expected.
const LOOKS: u32 = 6;

/// One machine with all that is done to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// What a container has installed.
    #[serde(default)]
    packages: String,
    /// What a virtual machine has, in the words of `tests/lab/vm start`.
    #[serde(default)]
    hardware: Vec<String>,
    /// What makes of a fresh Debian a machine whose duties are kept, so that they can be broken.
    prepare: String,
    scenario: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    /// What is done first, as in a [`Step`].
    #[serde(default, rename = "break")]
    line: String,
    #[serde(default, rename = "break_outside")]
    outside: Option<String>,
    changes: BTreeMap<String, String>,
    /// What is done next, each on top of the one before.
    #[serde(default)]
    then: Vec<Step>,
    /// Afterwards everything has to be as before.
    #[serde(default)]
    mend: String,
    #[serde(default)]
    mend_outside: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// A shell line in the machine.
    #[serde(default, rename = "break")]
    line: String,
    /// What its hypervisor does, in the words of `tests/lab/vm`.
    #[serde(default, rename = "break_outside")]
    outside: Option<String>,
    /// Check → `pass → fail: words of the evidence`. All others stay as they are.
    changes: BTreeMap<String, String>,
}

impl Scenario {
    fn steps(&self) -> Vec<Step> {
        let (line, outside) = (self.line.clone(), self.outside.clone());
        let first = Step { line, outside, changes: self.changes.clone() };
        std::iter::once(first).chain(self.then.iter().cloned()).collect()
    }
}

/// What is compared of a report: by check, its verdict, what it is about, and all that it says.
pub(super) type Report = BTreeMap<String, Check>;

#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) verdict: String,
    subjects: BTreeSet<String>,
    /// What led to this verdict, with its evidence, a line each.
    said: Vec<String>,
}

/// The report after a line, which must not fail.
pub(super) fn taken(machine: &dyn Shell, line: &str) -> Report {
    let (report, complaints) = report(machine, line);
    assert!(complaints.is_empty(), "{complaints:?}");
    report
}

/// The report after a line, and what the shell said if it failed. One call, because each costs an emulated machine a second.
fn report(machine: &dyn Shell, line: &str) -> (Report, Vec<String>) {
    let all = machine.sh(&format!(
        "( set -e; :; {line}\n) </dev/null >/run/said 2>&1; code=$?; hostduty report --format json; \
         [ $code = 0 ] || {{ cat /run/said; echo exit $code; }}"
    ));
    let mut parts = serde_json::Deserializer::from_str(&all).into_iter::<Value>();
    let report = parts.next().and_then(Result::ok).unwrap_or_else(|| panic!("{line}: no report: {all}"));
    let said = all.get(parts.byte_offset()..).unwrap_or_default().trim();
    let complaints =
        if said.is_empty() { Vec::new() } else { vec![format!("the shell failed: {line}: {said}")] };
    let checks = report["checks"].as_array().unwrap().iter();
    (checks.map(|check| (text_of(&check["id"]), Check::of(check))).collect(), complaints)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Check {
    fn of(check: &Value) -> Self {
        let verdict = text_of(&check["verdict"]);
        let list = |name: &str| check[name].as_array().cloned().unwrap_or_default();
        let subjects = list("findings").iter().map(|finding| text_of(&finding["subject"])).collect();
        let mut said = vec![text_of(&check["reason"])];
        match verdict.as_str() {
            "fail" => said.extend(list("findings").iter().map(spelled)),
            "unknown" => said.extend(list("unknowns").iter().map(text_of)),
            _ => said.extend(list("observations").iter().map(spelled)),
        }
        Self { verdict, subjects, said }
    }
}

/// A finding or an observation with its evidence.
fn spelled(value: &Value) -> String {
    let mut line = format!("{}: {}", text_of(&value["subject"]), text_of(&value["message"]));
    for seen in value["evidence"].as_array().into_iter().flatten() {
        line += &format!(" [{}:{} {}]", text_of(&seen["source"]), seen["line"], text_of(&seen["text"]));
    }
    line
}

/// How the verdicts differ.
fn changed(before: &Report, after: &Report) -> BTreeMap<String, (String, String)> {
    let pairs = before.iter().map(|(id, check)| (id, &check.verdict, &after[id].verdict));
    pairs
        .filter(|(_, from, to)| from != to)
        .map(|(id, from, to)| (id.clone(), (from.clone(), to.clone())))
        .collect()
}

impl Step {
    /// Takes the step; gives the report after it, and what is not as expected.
    fn take(&self, machine: &dyn Shell, before: &Report) -> (Report, Vec<String>) {
        if let Some(words) = &self.outside {
            machine.outside(words);
        }
        settled(machine, &self.line, |after| self.complaints(before, after))
    }

    fn complaints(&self, before: &Report, after: &Report) -> Vec<String> {
        let mut seen = changed(before, after);
        let mut complaints = Vec::new();
        for (id, expected) in &self.changes {
            let (verdicts, words) = expected.split_once(": ").unwrap();
            let (from, to) = verdicts.split_once(" → ").unwrap();
            match seen.remove(id) {
                Some((was, is)) if (was.as_str(), is.as_str()) == (from, to) => {}
                _ if from == to && before[id].verdict == from && after[id].verdict == to => {}
                _ => complaints.push(format!(
                    "{id}: {} → {} instead of {verdicts}: {:#?}",
                    before[id].verdict, after[id].verdict, after[id].said
                )),
            }
            if !after[id].said.iter().any(|line| line.contains(words)) {
                complaints.push(format!("{id}: not said: {words}: {:#?}", after[id].said));
            }
        }
        let more = seen.into_iter();
        complaints.extend(more.map(|(id, (from, to))| {
            format!("{id}: {from} → {to}, which nobody expected: {:#?}", after[&id].said)
        }));
        complaints
    }
}

/// The report after a line, once nothing about it is complained of, or for good.
fn settled(
    machine: &dyn Shell,
    line: &str,
    complaints: impl Fn(&Report) -> Vec<String>,
) -> (Report, Vec<String>) {
    let (mut after, failed) = report(machine, line);
    if !failed.is_empty() {
        return (after, failed);
    }
    for _ in 1..LOOKS {
        if complaints(&after).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        after = taken(machine, "");
    }
    let complaints = complaints(&after);
    (after, complaints)
}

/// What is not as it was.
pub(super) fn residue(before: &Report, after: &Report) -> Vec<String> {
    let differs = |(id, check): &(&String, &Check)| {
        check.verdict != after[*id].verdict || check.subjects != after[*id].subjects
    };
    let differing = before.iter().filter(differs);
    let lines = differing.map(|(id, was)| format!("{id}: {was:#?} before, {:#?} afterwards", after[id]));
    lines.collect()
}

/// Plays a table on its machine, and fails with all that was not as expected.
fn play(machine: &dyn Shell, table: &Table) {
    let mut before = taken(machine, &table.prepare);
    let (mut transitions, mut failures) = (0, Vec::new());
    for scenario in &table.scenario {
        let start = Instant::now();
        let mut last = before.clone();
        for step in scenario.steps() {
            let (after, complaints) = step.take(machine, &last);
            failures.extend(complaints.iter().map(|line| format!("{}: {line}", scenario.name)));
            last = after;
            transitions += 1;
        }
        if let Some(words) = &scenario.mend_outside {
            machine.outside(words);
        }
        let (after, complaints) = settled(machine, &scenario.mend, |after| residue(&before, after));
        failures.extend(complaints.iter().map(|line| format!("{}: mended: {line}", scenario.name)));
        before = after;
        transitions += 1;
        eprintln!("{:5.1} s: {}", start.elapsed().as_secs_f32(), scenario.name);
    }
    eprintln!("{transitions} transitions");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A table, or none where HOSTDUTY_LAB_ONLY wants no scenario of it: then no machine has to boot.
fn table(name: &str) -> Option<Table> {
    let path = top().join("tests/lab/transitions").join(name);
    let mut table: Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(!table.scenario.is_empty(), "the table has no scenario");
    let only = std::env::var("HOSTDUTY_LAB_ONLY").unwrap_or_default();
    table.scenario.retain(|scenario| scenario.name.contains(&only));
    (!table.scenario.is_empty()).then_some(table)
}

/// The releases to play on: the older one in passing, both at night.
fn releases() -> &'static [&'static str] {
    if std::env::var_os("HOSTDUTY_NIGHTLY").is_some() { &["bookworm", "trixie"] } else { &["bookworm"] }
}

#[test]
fn what_is_done_to_a_booted_machine_changes_what_it_should() {
    if !super::allowed("duties broken and mended on a booted Debian") {
        return;
    }
    let Some(table) = table("container.toml") else { return };
    for suite in releases() {
        let root = unpacked_of(suite, &format!("transitions-{suite}"), &table.packages);
        play(&Machine::over(Path::new(&root), "transitions"), &table);
    }
}

#[test]
fn what_is_done_to_a_machine_with_disks_changes_what_it_should() {
    if !super::allowed("duties broken and mended on a virtual Debian with disks") {
        return;
    }
    let Some(table) = table("virtual_machine.toml") else { return };
    let hardware: Vec<&str> = table.hardware.iter().map(String::as_str).collect();
    for suite in releases() {
        let start = Instant::now();
        let Some(machine) = VirtualMachine::of(suite, &hardware) else { return };
        eprintln!("{suite} booted after {:?}", start.elapsed());
        play(&machine, &table);
    }
}
