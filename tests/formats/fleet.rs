//! Hosts by the hundred, made of the golden reports.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A merged report of so many hosts: those of the golden reports over and over, each a little different.
pub(crate) fn fleet(top: &Path, hosts: usize) -> Value {
    let mut golden: Vec<PathBuf> = fs::read_dir(top.join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|format| format == "json"))
        .collect();
    golden.sort();
    let reports: Vec<Value> =
        golden.iter().map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect();
    let host = |number: usize| {
        let mut report = reports[number % reports.len()].clone();
        // Some check is unknown here that is not elsewhere.
        let checks = report["checks"].as_array_mut().unwrap();
        let count = checks.len();
        let check = &mut checks[number % count];
        check["verdict"] = json!("unknown");
        check["unknowns"] = json!(["not permitted to read it"]);
        check["findings"] = json!([]);
        json!({"name": format!("host-{number:03}.example.org"), "destination": "x", "port": null, "outcome": "reported",
               "detail": null, "milliseconds": 1000, "report": report})
    };
    json!({"schema_version": 1, "hosts": (0..hosts).map(host).collect::<Vec<_>>(), "notes": []})
}
