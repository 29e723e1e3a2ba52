//! Whole reports of the hosts below tests/roots: the verdicts that a person expects, and every character that a user
//! sees.

use std::collections::BTreeMap;
use std::fs;

use checks::check::Verdict;
use checks::facts::ruleset::nftables::Expression;

use crate::support::{Golden, current, goldens, run, top, updating};

/// Snapshots the facts of a host into a folder and gives the arguments that judge them.
fn arguments(golden: &Golden, dir: &tempfile::TempDir) -> Vec<String> {
    let path = dir.path().join("host.toml");
    fs::write(&path, toml::to_string(&golden.facts).unwrap()).unwrap();
    let mut arguments = vec!["--facts".to_owned(), path.display().to_string()];
    if let Some(config) = &golden.config {
        // Relative, so that the report reads the same in every checkout.
        arguments.extend(["--config".to_owned(), config.strip_prefix(top()).unwrap().display().to_string()]);
    }
    arguments
}

fn report(verb: &str, arguments: &[String], format: &str) -> (String, i32) {
    let mut all = vec![verb, "--format", format];
    all.extend(arguments.iter().map(String::as_str));
    run(&all)
}

#[test]
fn verdicts_are_those_that_a_person_wrote_down() {
    let dir = tempfile::tempdir().unwrap();
    let mut all_wrong = Vec::new();
    for golden in goldens() {
        let (text, _) = report("report", &arguments(&golden, &dir), "json");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let verdicts: BTreeMap<String, Verdict> = json["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| {
                let verdict = serde_json::from_value(check["verdict"].clone()).unwrap();
                (check["id"].as_str().unwrap().to_owned(), verdict)
            })
            .collect();
        let wrong: Vec<String> = verdicts
            .iter()
            .filter(|(id, verdict)| golden.expected.get(*id) != Some(verdict))
            .map(|(id, verdict)| {
                let reason =
                    json["checks"].as_array().unwrap().iter().find(|check| check["id"] == id.as_str());
                let expected =
                    golden.expected.get(id).map_or("nothing: add a line for it", |wanted| wanted.name());
                format!("  {id}: expected {expected}; got {}: {}", verdict.name(), reason.unwrap()["reason"])
            })
            .chain(
                golden
                    .expected
                    .keys()
                    .filter(|id| !verdicts.contains_key(*id))
                    .map(|id| format!("  {id}: there is no such check: take its line out")),
            )
            .collect();
        if !wrong.is_empty() {
            all_wrong.push(format!("the expectations of {}:\n{}", golden.name, wrong.join("\n")));
        }
    }
    assert!(all_wrong.is_empty(), "\n{}", all_wrong.join("\n"));
}

#[test]
fn reports_read_as_they_did() {
    let dir = tempfile::tempdir().unwrap();
    let folder = top().join("tests/golden");
    let mut named = Vec::new();
    for golden in goldens() {
        let arguments = arguments(&golden, &dir);
        for (verb, format) in [("report", "human"), ("report", "json"), ("duties", "human")] {
            let (text, code) = report(verb, &arguments, format);
            assert_ne!(
                code, 2,
                "{}: `hostduty {verb}` gives no report: is its hostduty.toml valid?",
                golden.name
            );
            let redacted = text.lines().find(|line| line.contains(checks::redact::MASK));
            assert_eq!(
                redacted, None,
                "{}: hostduty's own sentence looks like a secret: reword it",
                golden.name
            );
            let file = if verb == "duties" {
                format!("{}.{code}.duties", golden.name)
            } else {
                format!("{}.{code}.{format}", golden.name)
            };
            current(&folder.join(&file), &text);
            named.push(file);
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        if !named.contains(&entry.file_name().to_str().unwrap().to_owned()) {
            assert!(updating(), "{} belongs to no host: delete it", entry.path().display());
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn every_set_that_a_rule_asks_was_recorded_with_its_elements() {
    for golden in goldens() {
        let nftables = golden.facts.ruleset.value().and_then(|ruleset| ruleset.nftables.value());
        for table in nftables.into_iter().flat_map(|nftables| &nftables.tables) {
            let rules = table.chains.iter().flat_map(|chain| &chain.rules);
            for expression in rules.flat_map(|rule| &rule.expressions) {
                let Expression::Lookup { set: name, .. } = expression else { continue };
                let set = table.sets.iter().find(|set| set.name == *name);
                let known = set.is_some_and(|set| set.elements.value().is_some_and(|list| !list.is_empty()));
                assert!(
                    known,
                    "{}: record kernel/nftables-sets and kernel/nftables-elements/*/{}/{name}, as the agent reads them",
                    golden.name, table.name
                );
            }
        }
    }
}

#[test]
fn a_person_can_read_it_at_80_columns() {
    let folder = top().join("tests/golden");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|format| format == "json") {
            continue;
        }
        for line in fs::read_to_string(&path).unwrap().lines() {
            // A word that does not fit stays whole, so that it can be copied; then it stands alone or ends the line.
            let long = line.chars().count() > 80;
            let breakable =
                line.trim().trim_start_matches("→ ").contains(' ') && !line.trim_start().contains('/');
            assert!(!(long && breakable), "{}: {line}", path.display());
        }
    }
}
