//! One command asks fifty machines over SSH, some of them slow, dead or hostile, and leaves nothing on any of them.

mod binaries;
mod broken;
mod terminal;
mod town;
mod ways;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use town::{Town, is_installed, json};

use super::machines::top;
use super::say::left_out;

/// The kinds that tests/lab/fleet/host knows, as whom they are asked, and what comes of it. There is one host of each;
/// plain ones make them fifty.
const KINDS: &[(&str, &str, &str)] = &[
    // Those that take long come first, so that others are asked meanwhile.
    ("stuck", "root", "timed-out"),
    ("stopped", "root", "unreachable"),
    ("absent", "root", "unreachable"),
    ("slow", "root", "reported"),
    ("sh-bash", "root", "reported"),
    ("sh-busybox", "root", "reported"),
    ("csh", "csh", "reported"),
    ("fish", "fish", "reported"),
    ("noisy", "root", "reported"),
    ("painted", "root", "reported"),
    ("lingering", "root", "reported"),
    ("noexec-memory", "root", "reported"),
    ("full", "root", "reported"),
    ("readonly-home", "root", "reported"),
    ("all-busybox", "root", "reported"),
    ("sudo", "ann", "reported"),
    ("no-proc", "root", "reported"),
    ("no-sudo", "bob", "no-sudo"),
    ("noexec", "root", "noexec"),
    ("no-room", "root", "no-room"),
    ("no-shell", "nobody-here", "no-shell"),
    ("no-sh", "root", "no-shell"),
    ("password", "root", "host-key-unknown"),
    ("other-processor", "root", "no-binary"),
    ("wrong-key", "root", "host-key-changed"),
    ("unknown-key", "root", "host-key-unknown"),
    ("refusing", "root", "authentication-refused"),
    ("closed", "root", "unreachable"),
    ("endless", "root", "too-much-output"),
    ("endless-errors", "root", "too-much-output"),
    ("huge", "root", "too-much-output"),
    ("deep", "root", "malformed-answer"),
    ("control", "root", "no-shell"),
    ("broken", "root", "malformed-answer"),
    ("forged", "root", "malformed-answer"),
    ("cut", "root", "connection-lost"),
];
const HOSTS: usize = 50;

fn hosts() -> Vec<(String, &'static str)> {
    let plain = HOSTS - KINDS.len();
    let kinds = KINDS.iter().map(|(kind, ..)| ((*kind).to_owned(), *kind));
    kinds.chain((1..=plain).map(|number| (format!("plain{number:02}"), "plain"))).collect()
}

/// As whom each is asked is said in the ways that inventories have.
fn inventory() -> String {
    let mut text = "[kinds]\n".to_owned();
    for (kind, user, _) in KINDS {
        let user = if *user == "root" { String::new() } else { format!(" ansible_user={user}") };
        text += &format!("{kind}{user}\n");
    }
    text += "[special:children]\nkinds\n[special:vars]\nansible_user=root\n";
    text += &format!("[plain]\nplain[01:{:02}]\n", HOSTS - KINDS.len());
    text
}

/// Holds the merged report against its schema, and each report in it against that of reports.
fn valid(town: &Town, fleet: &Value) {
    let program = top().join("target/validator/bin/check-jsonschema");
    if !program.exists() {
        left_out("the validation of the merged report (tests/run installs the validator)");
        return;
    }
    let merged = town.path("fleet.json");
    fs::write(&merged, fleet.to_string()).unwrap();
    let mut reports = Vec::new();
    for host in fleet["hosts"].as_array().unwrap().iter().filter(|host| host["report"].is_object()) {
        let file = town.path(&format!("{}.json", host["name"].as_str().unwrap()));
        fs::write(&file, host["report"].to_string()).unwrap();
        reports.push(file);
    }
    for (schema, files) in [("fleet-v1", vec![merged]), ("report-v1", reports)] {
        let schema = top().join(format!("packaging/schema/{schema}.schema.json"));
        let output = Command::new(&program).arg("--schemafile").arg(schema).args(files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn fifty_machines_are_asked_and_nothing_stays_on_them() {
    if !super::allowed("fifty machines asked over SSH") {
        return;
    }
    let town = Town::build(&hosts());
    let inventory_file = town.path("hosts.ini");
    fs::write(&inventory_file, inventory()).unwrap();
    let config = town.path("hostduty.toml");
    fs::write(&config, "offer = \"ovhcloud-public-cloud\" # it's the operator's\n").unwrap();
    let (inventory_file, config) = (inventory_file.to_str().unwrap(), config.to_str().unwrap());
    let begun = Instant::now();
    let mut command =
        town.hostduty(&["--inventory", inventory_file, "--config", config, "--sudo", "--timeout", "15"]);
    let output = command.args(["--jobs", "12", "--format", "json"]).output().unwrap();
    eprintln!("{HOSTS} hosts took {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    // Nothing that a terminal would obey, and nothing beside the answer.
    assert!(output.stdout.iter().all(|byte| *byte >= b' ' || *byte == b'\n'));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let fleet = json(&output);
    assert_eq!(fleet["summary"]["hosts"], HOSTS);

    valid(&town, &fleet);

    let outcomes: BTreeMap<&str, &Value> = fleet["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| (host["name"].as_str().unwrap(), host))
        .collect();
    let mut problems = Vec::new();
    for (kind, _, expected) in KINDS {
        let host = outcomes[kind];
        let missing = match *kind {
            "csh" => !is_installed("/usr/bin/tcsh"),
            "fish" => !is_installed("/usr/bin/fish"),
            "sh-busybox" | "all-busybox" => !is_installed("/bin/busybox"),
            _ => false,
        };
        if missing {
            left_out(format!("a host with the shell of `{kind}`"));
        } else if host["outcome"] != *expected {
            problems.push(format!("{kind} is {} ({}), not {expected}", host["outcome"], host["detail"]));
        }
    }
    let reported: Vec<&&Value> = outcomes.values().filter(|host| host["outcome"] == "reported").collect();
    for host in &reported {
        let (name, report) = (&host["name"], &host["report"]);
        if report["host"]["seen_by_uid"] != 0 && *name != "no-proc" {
            problems.push(format!("{name} was not seen by root: {}", report["host"]));
        }
        if report["offer"]["how"] != format!("configured in {config}:1") {
            problems.push(format!("{name}: {}", report["offer"]));
        }
    }
    let painted = outcomes["painted"]["report"]["checks"].to_string();
    // Written out in one way, and a backslash as JSON writes it.
    assert!(painted.contains("\\\\u{1b}[2J\\\\u{202e}"), "nobody painted: {painted}");
    // The merge: each host is once in each check that it reported on.
    assert_eq!(fleet["summary"]["reported"], reported.len());
    for check in fleet["checks"].as_array().unwrap() {
        for verdict in ["fail", "unknown", "waived", "pass", "not_applicable"] {
            let named: Vec<&str> =
                check[verdict].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            let wanted: Vec<&str> = reported
                .iter()
                .filter(|host| {
                    let mut checks = host["report"]["checks"].as_array().unwrap().iter();
                    let own = checks.find(|own| own["id"] == check["id"]).unwrap();
                    own["verdict"].as_str().unwrap().replace('-', "_") == verdict
                })
                .map(|host| host["name"].as_str().unwrap())
                .collect();
            let (mut named, mut wanted) = (named, wanted);
            named.sort_unstable();
            wanted.sort_unstable();
            if named != wanted {
                problems.push(format!("{} {verdict}: {named:?}, not {wanted:?}", check["id"]));
            }
        }
    }
    for (name, kind) in hosts() {
        if kind != "absent" {
            problems.extend(town.is_clean(&name, Duration::from_secs(20)).err());
            problems.extend(town.is_quiet(&name).err());
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    eprintln!("with the search for what stays {:.1} s", begun.elapsed().as_secs_f64());
}
