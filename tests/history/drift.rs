//! What changed between two snapshots or two JSON reports.

use std::fs;

use serde_json::Value;

use crate::support::{hostduty, run};

/// A snapshot of a host with an account of this user id beside root's.
fn snapshot(dir: &tempfile::TempDir, name: &str, uid: u32) -> String {
    let root = dir.path().join(name);
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=12\nPRETTY_NAME=x\n").unwrap();
    fs::write(
        root.join("etc/passwd"),
        format!("root:x:0:0::/root:/bin/sh\nanna:x:{uid}:1000::/home/anna:/bin/sh\n"),
    )
    .unwrap();
    fs::write(root.join("etc/shadow"), "root:*:20000::::::\nanna:*:20000::::::\n").unwrap();
    let file = dir.path().join(format!("{name}.toml"));
    let (facts, _) = run(&["facts", "--root", root.to_str().unwrap(), "--at", "2026-11-22T12:00:00Z"]);
    fs::write(&file, facts).unwrap();
    file.to_str().unwrap().to_owned()
}

fn report(snapshot: &str) -> String {
    let file = snapshot.replace(".toml", ".json");
    fs::write(&file, run(&["report", "--format", "json", "--facts", snapshot]).0).unwrap();
    file
}

#[test]
fn snapshots_and_reports_drift_alike() {
    let dir = tempfile::tempdir().unwrap();
    let good = snapshot(&dir, "good", 1000);
    let bad = snapshot(&dir, "bad", 0);
    let (worse, code) = run(&["drift", &good, &bad]);
    assert_eq!(code, 1, "{worse}");
    assert!(worse.contains("accounts-uid-zero  kept → FAIL\n  + "), "{worse}");
    assert!(worse.ends_with(" worse\n") || worse.contains(" worse, "), "{worse}");
    assert_eq!(run(&["drift", &report(&good), &report(&bad)]), (worse.clone(), 1));
    assert_eq!(run(&["drift", &good, &report(&bad)]), (worse, 1));
    let (better, code) = run(&["drift", &bad, &good]);
    assert!(code == 0 && better.contains("accounts-uid-zero  FAIL → kept\n  - "), "{better}");
    assert_eq!(run(&["drift", &good, &good]), ("Nothing changed\n".to_owned(), 0));
    let (text, code) = run(&["drift", &good, &bad, "--format", "json"]);
    let drift: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &drift["changes"][0]["weight"]), (1, &Value::from("worse")));
}

#[test]
fn what_is_unknown_now_is_three() {
    let dir = tempfile::tempdir().unwrap();
    let good = snapshot(&dir, "good", 1000);
    let less = dir.path().join("less.toml");
    fs::write(&less, "schema = 1\ntaken_at = \"2026-11-22T00:00:00Z\"\nsystem = \"linux\"\n").unwrap();
    let (text, code) = run(&["drift", &good, less.to_str().unwrap()]);
    assert!(code == 3 && text.contains("kept → unknown"), "{text}");
}

#[test]
fn what_is_neither_is_refused_and_hostile_words_stay_words() {
    let dir = tempfile::tempdir().unwrap();
    let good = snapshot(&dir, "good", 1000);
    let odd = dir.path().join("odd");
    let odd = odd.to_str().unwrap();
    for (content, said) in [
        ("{}", "is not a report"),
        ("{\"schema_version\":2,\"checks\":[]}", "version 2"),
        ("nonsense", "not a snapshot"),
    ] {
        fs::write(odd, content).unwrap();
        let output = hostduty(&["drift", &good, odd]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
    let hostile = "\\u001b[2J\\u202e";
    fs::write(odd, format!("{{\"schema_version\":1,\"checks\":[{{\"id\":\"{hostile}\",\"verdict\":\"fail\",\"reason\":\"{hostile}\",\"findings\":[{{\"subject\":\"{hostile}\",\"message\":\"{hostile}\"}}]}}]}}")).unwrap();
    for format in ["human", "json"] {
        let (text, code) = run(&["drift", &good, odd, "--format", format]);
        assert!(code == 1 && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}
