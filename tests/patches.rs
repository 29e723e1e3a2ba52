//! `hostduty patches`: what a user sees of the updates that wait, on hosts made of files.

use std::fs;

use serde_json::Value;

use crate::support::{current, goldens, run, top};

/// What the verb prints of a host below tests/roots.
pub(crate) fn patches(host: &str, arguments: &[&str]) -> String {
    let golden = goldens().into_iter().find(|golden| golden.name == host).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("host.toml");
    fs::write(&file, toml::to_string(&golden.facts).unwrap()).unwrap();
    let (text, code) = run(&[&["patches", "--facts", file.to_str().unwrap()], arguments].concat());
    assert_eq!(code, 0, "{text}");
    text
}

#[test]
fn the_list_reads_as_it_did() {
    for host in ["debian12-hardened", "scaleway-metal-luks-raid", "ubuntu-careless", "alpine-openrc"] {
        let text = patches(host, &[]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}'));
        current(&top().join(format!("tests/roots/{host}/patches.txt")), &text);
    }
}

#[test]
fn programs_read_the_same_as_people() {
    let listing: Value =
        serde_json::from_str(&patches("scaleway-metal-luks-raid", &["--format", "json"])).unwrap();
    let text = patches("scaleway-metal-luks-raid", &[]);
    let pending = listing["pending"].as_array().unwrap();
    assert!(!pending.is_empty());
    for pending in pending {
        let (package, candidate) =
            (pending["package"].as_str().unwrap(), pending["candidate"].as_str().unwrap());
        assert!(text.contains(package) && text.contains(candidate), "{package} {candidate}\n{text}");
    }
    assert!(listing["index_age_seconds"].is_u64(), "{listing}");
    assert!(listing["kernel"]["running"].is_string(), "{listing}");
}

#[test]
fn nothing_known_is_not_nothing_pending() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let (json, _) = run(&["patches", "--root", root, "--format", "json"]);
    let listing: Value = serde_json::from_str(&json).unwrap();
    assert!(listing["pending"].is_null() && !listing["gaps"].as_array().unwrap().is_empty(), "{listing}");
    assert!(run(&["patches", "--root", root]).0.contains("Nothing is known of updates"));
}

#[test]
fn what_nobody_classifies_is_not_called_harmless() {
    let listing: Value = serde_json::from_str(&patches("alpine-openrc", &["--format", "json"])).unwrap();
    assert!(listing["pending"][0]["security"].is_null(), "{listing}");
    let text = patches("alpine-openrc", &[]);
    assert!(
        text.contains("no security classification exists here") && !text.contains("for security\n"),
        "{text}"
    );
}
