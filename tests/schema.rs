//! Every golden JSON report is valid against the published schema, by a validator that is not ours; broken ones are not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::history::record::Record;
use crate::history::signatures::key;
use crate::support::{left_out, run, top};

/// What `tests/run` installs.
fn validator() -> Option<PathBuf> {
    let program = top().join("target/validator/bin/check-jsonschema");
    if Command::new(&program).arg("--version").output().is_err() {
        left_out("the validation of JSON reports (tests/run installs the validator)");
        return None;
    }
    Some(program)
}

fn valid(program: &Path, files: &[PathBuf]) -> Result<(), String> {
    valid_as("report-v1", program, files)
}

fn valid_as(schema: &str, program: &Path, files: &[PathBuf]) -> Result<(), String> {
    let schema = top().join(format!("packaging/schema/{schema}.schema.json"));
    let output = Command::new(program).arg("--schemafile").arg(schema).args(files).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stdout).into_owned()) }
}

#[test]
fn golden_reports_are_valid() {
    let Some(program) = validator() else { return };
    let files: Vec<PathBuf> = fs::read_dir(top().join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|format| format == "json"))
        .collect();
    assert!(files.len() >= 8, "only {} reports", files.len());
    valid(&program, &files).unwrap();
}

#[test]
fn broken_reports_are_refused() {
    let Some(program) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    let golden = fs::read_dir(top().join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|format| format == "json"))
        .unwrap();
    let text = fs::read_to_string(golden).unwrap();
    for (name, broken) in [
        ("verdict", text.replacen("\"verdict\": \"fail\"", "\"verdict\": \"failed\"", 1)),
        ("version", text.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1)),
        ("field", text.replacen("\"generated_at\"", "\"generated\"", 1)),
        // A pass that nothing was seen for is refused by the schema itself.
        ("unmeasured", text.replacen("\"verdict\": \"unknown\"", "\"verdict\": \"pass\"", 1)),
    ] {
        assert_ne!(broken, text, "{name}");
        let file = dir.path().join(format!("{name}.json"));
        fs::write(&file, broken).unwrap();
        assert!(valid(&program, &[file]).is_err(), "a report with a broken {name} is valid");
    }
}

#[test]
fn exposure_and_reach_are_valid_and_broken_ones_are_refused() {
    let Some(program) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    let snapshot = ["--facts", "tests/snapshots/filtered.toml", "--format", "json"];
    let question = ["--proto", "tcp", "--from", "203.0.113.9", "--to", "192.0.2.10:8080"];
    for (schema, verb, from, to) in [
        ("exposure-v1", &["exposure"][..], "\"reach\": \"networks\"", "\"reach\": \"some\""),
        (
            "reach-v1",
            &[&["reach"][..], &question].concat(),
            "\"verdict\": \"accept\"",
            "\"verdict\": \"unknown\"",
        ),
    ] {
        let (text, code) = run(&[verb, &snapshot].concat());
        assert_eq!(code, 0);
        let file = dir.path().join(format!("{schema}.json"));
        fs::write(&file, &text).unwrap();
        valid_as(schema, &program, std::slice::from_ref(&file)).unwrap();
        let broken = text.replacen(from, to, 1).replace("\"reason\": \"", "\"reason\": null, \"x\": \"");
        assert_ne!(broken, text, "{text}");
        fs::write(&file, broken).unwrap();
        assert!(valid_as(schema, &program, &[file]).is_err(), "{schema}");
    }
}

#[test]
fn a_record_and_what_is_told_of_it_is_valid_and_broken_ones_are_not() {
    let Some(program) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    let record = Record::eventful();
    let state = ["--state", record.folder()];
    let check = |schema: &str, text: &str, from: &str, to: &str| {
        let file = dir.path().join("value.json");
        fs::write(&file, text).unwrap();
        valid_as(schema, &program, std::slice::from_ref(&file)).unwrap_or_else(|why| panic!("{text}: {why}"));
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{schema}");
        fs::write(&file, broken).unwrap();
        assert!(valid_as(schema, &program, std::slice::from_ref(&file)).is_err(), "{schema}: {to}");
    };
    let lines = fs::read_to_string(record.file()).unwrap();
    let entry = |(number, line): (usize, &str)| {
        let file = dir.path().join(format!("{number}.json"));
        fs::write(&file, line).unwrap();
        file
    };
    let entries: Vec<PathBuf> = lines.lines().enumerate().map(entry).collect();
    valid_as("history-entry-v1", &program, &entries).unwrap();
    check("history-entry-v1", lines.lines().nth(1).unwrap(), "\"to\":\"fail\"", "\"to\":\"failed\"");
    let (text, _) = run(&[&["history", "--format", "json"], &state[..]].concat());
    check("history-v1", &text, "\"verdict\": null", "\"verdict\": \"unobserved\"");
    let snapshot = "tests/snapshots/mac-mini-m2.toml";
    let (text, _) = run(&["drift", "--format", "json", "tests/snapshots/filtered.toml", snapshot]);
    check("drift-v1", &text, "\"weight\": \"worse\"", "\"weight\": \"bad\"");
    let known = Record::of_this_machine();
    let (text, _) = run(&["report", "--format", "json", "--state", known.folder()]);
    check("report-v1", &text, "\"change_seen\": false", "\"change_seen\": \"no\"");
    let Some(key) = key(dir.path(), "ed25519", "256") else { return };
    let head = dir.path().join("head.json");
    run(&[&["history", "sign", "--key", &key, head.to_str().unwrap()], &state[..]].concat());
    check("history-head-v1", &fs::read_to_string(&head).unwrap(), "sha256:", "");
}

#[test]
fn lists_of_updates_are_valid_and_broken_ones_are_refused() {
    let Some(program) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("patches.json");
    let valid = |text: &str| {
        fs::write(&file, text).unwrap();
        valid_as("patches-v1", &program, std::slice::from_ref(&file))
    };
    let json = ["--format", "json"];
    valid(&crate::patches::patches("alpine-openrc", &json)).unwrap();
    let text = crate::patches::patches("scaleway-metal-luks-raid", &json);
    valid(&text).unwrap();
    for (from, to) in [
        ("\"status\": \"upgradable\"", "\"status\": \"kept\""),
        ("\"security\": true", "\"security\": \"yes\""),
        ("\"index_age_seconds\"", "\"age\""),
        ("\"reboot_required\": ", "\"reboot_required\": 1, \"x\": "),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from} in {text}");
        assert!(valid(&broken).is_err(), "{from} as {to}");
    }
    let mut unexplained: serde_json::Value = serde_json::from_str(&text).unwrap();
    unexplained["pending"] = serde_json::Value::Null;
    unexplained["gaps"] = serde_json::json!(["why"]);
    valid(&unexplained.to_string()).unwrap();
    unexplained["gaps"] = serde_json::json!([]);
    assert!(valid(&unexplained.to_string()).is_err(), "nothing known without a reason");
}

#[test]
fn merged_reports_are_valid_and_broken_ones_are_refused() {
    let Some(program) = validator() else { return };
    // Nobody listens on port 1; what machines answer is validated by the laboratory.
    let (text, code) = run(&["report", "--host", "ssh://127.0.0.1:1", "--format", "json"]);
    assert_eq!(code, 2);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleet.json");
    fs::write(&file, &text).unwrap();
    if !Path::new("/usr/bin/ssh").exists() {
        left_out("a merged report (tests/run installs ssh)");
        return;
    }
    valid_as("fleet-v1", &program, std::slice::from_ref(&file)).unwrap();
    for (from, to) in [
        ("\"outcome\": \"unreachable\"", "\"outcome\": \"gone\""),
        ("\"outcome\": \"unreachable\"", "\"outcome\": \"reported\""),
        ("\"not_reported\"", "\"missing\""),
        ("\"report\": null", "\"report\": {}"),
    ] {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{text}");
        fs::write(&file, broken).unwrap();
        assert!(valid_as("fleet-v1", &program, std::slice::from_ref(&file)).is_err(), "{from} as {to}");
    }
}

#[test]
fn what_status_prints_is_valid_and_broken_ones_are_refused() {
    let Some(program) = validator() else { return };
    let watch = crate::watch::Watch::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("printed.json");
    let (text, code) = run(&["status", "--format", "json", "--state", &watch.folder()]);
    assert_eq!(code, 0, "{text}");
    fs::write(&file, &text).unwrap();
    valid_as("status-v1", &program, std::slice::from_ref(&file)).unwrap();
    fs::write(&file, text.replacen("\"polled\"", "\"asked\"", 1)).unwrap();
    assert!(valid_as("status-v1", &program, std::slice::from_ref(&file)).is_err());
    let (text, _) = run(&["status", "--format", "json", "--state", dir.path().to_str().unwrap()]);
    fs::write(&file, &text).unwrap();
    valid_as("status-v1", &program, &[file]).unwrap();
}
