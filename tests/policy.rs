//! The ledger of dependencies: deny.toml holds, and each line of Cargo.toml says why it is there.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::top;

fn deny() -> toml::Table {
    toml::from_str(&fs::read_to_string(top().join("deny.toml")).unwrap()).unwrap()
}

/// The crates of this machine's platform, as cargo sees them; those of other platforms may never have been fetched.
fn metadata() -> Value {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The ids of the crates that the workspace members reach without development dependencies.
fn shipped(metadata: &Value) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let mut todo: Vec<String> = metadata["workspace_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        let node = nodes.iter().find(|node| node["id"] == id.as_str()).unwrap();
        if !seen.insert(id) {
            continue;
        }
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                todo.push(dependency["pkg"].as_str().unwrap().to_owned());
            }
        }
    }
    seen
}

#[test]
fn licences_bans_and_sources_are_as_deny_toml_says() {
    let (deny, metadata) = (deny(), metadata());
    let shipped = shipped(&metadata);
    let allowed: Vec<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let banned: Vec<&str> = deny["bans"]["deny"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["crate"].as_str().unwrap())
        .collect();
    let mut count = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let (id, name) = (package["id"].as_str().unwrap(), package["name"].as_str().unwrap());
        if !shipped.contains(id) {
            continue;
        }
        count += 1;
        let licence = package["license"].as_str().unwrap_or("");
        let kept = licence.replace('/', " OR ").split(" OR ").any(|choice| {
            choice
                .trim_matches(['(', ')', ' '])
                .split(" AND ")
                .all(|part| allowed.contains(&part.trim_matches(['(', ')'])))
        });
        assert!(kept, "{name} is under `{licence}`, which deny.toml does not allow");
        assert!(!banned.contains(&name), "{name} is banned, see deny.toml for the reason");
        let source = package["source"].as_str().unwrap_or("path");
        assert!(source == "path" || source.starts_with("registry+"), "{name} comes from {source}");
    }
    assert!(count > 20, "only {count} crates were looked at");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    let text = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    for name in table["workspace"]["dependencies"].as_table().unwrap().keys() {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        let own = name == "checks";
        let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason);
        assert!(
            own && !reason.is_empty() || reason.split_whitespace().count() >= 3,
            "Cargo.toml: {name}: say why"
        );
    }
}

#[test]
fn no_dependency_stands_idle() {
    let table: toml::Table = toml::from_str(&fs::read_to_string(top().join("Cargo.toml")).unwrap()).unwrap();
    let members: String = ["agent", "checks"]
        .iter()
        .map(|member| fs::read_to_string(top().join(member).join("Cargo.toml")).unwrap())
        .collect();
    for name in table["workspace"]["dependencies"].as_table().unwrap().keys() {
        assert!(
            members.contains(&format!("{name}.workspace = true")),
            "nothing uses {name}: take it out of Cargo.toml"
        );
    }
}
