//! The HTML page: what only a look at the machine itself adds, hosts by the hundred, and that nothing in it is more than text.

use std::fs;

use serde_json::Value;

use crate::formats::fleet::fleet;
use crate::formats::{valid, validator};
use crate::history::record::Record;
use crate::support::{run, top};

/// The largest that a page of two hundred hosts may be.
const LARGEST: usize = 2 << 20;

fn is_valid(page: &str) {
    let Some(python) = validator() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("page.html");
    fs::write(&file, page).unwrap();
    valid(&python, "html", &[file]).unwrap();
}

#[test]
fn the_record_is_drawn() {
    let record = Record::eventful();
    let (page, code) = run(&["report", "--state", record.folder(), "--format", "html"]);
    assert_ne!(code, 2);
    for part in [
        "<svg ",
        "<rect class=\"f\"",
        "fill=\"url(#hatch)\"",
        "<title>failed from ",
        ">ssh-key-only</text>",
        "50-cloud-init.conf",
    ] {
        assert!(page.contains(part), "{part}");
    }
    is_valid(&page);
}

#[test]
fn who_can_reach_what_is_listed_as_exposure_lists_it() {
    let snapshot = ["--facts", "tests/snapshots/filtered.toml", "--format"];
    let (page, _) = run(&[&["report"], &snapshot[..], &["html"]].concat());
    let (listing, _) = run(&[&["exposure"], &snapshot[..], &["json"]].concat());
    let listing: Value = serde_json::from_str(&listing).unwrap();
    let sockets = listing["sockets"].as_array().unwrap();
    let (_, table) = page.split_once("id=\"reach\"").expect("there is a table");
    assert_eq!(table.split("</table>").next().unwrap().matches("<tr").count(), sockets.len() + 1);
    for socket in sockets {
        for text in [&socket["process"], &socket["decided_by"]].into_iter().filter_map(Value::as_str) {
            let text =
                text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
            assert!(table.contains(&text), "{text}");
        }
    }
    is_valid(&page);
}

#[test]
fn two_hundred_hosts_are_one_small_page() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleet.json");
    fs::write(&file, fleet(&top(), 200).to_string()).unwrap();
    let (page, code) = run(&["report", "--from", file.to_str().unwrap(), "--format", "html"]);
    assert_eq!(code, 1);
    assert!(page.len() < LARGEST, "{} bytes", page.len());
    let (_, matrix) = page.split_once("id=\"matrix\"").unwrap();
    let lines = matrix.split("</table>").next().unwrap().matches("<tr").count();
    assert_eq!(lines, 201, "a line for each host, and the names of the checks");
    is_valid(&page);
}
