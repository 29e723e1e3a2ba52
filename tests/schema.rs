//! Every golden JSON report is valid against the published schema, by a validator that is not ours; broken ones are not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{left_out, top};

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
    let schema = top().join("packaging/schema/report-v1.schema.json");
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
