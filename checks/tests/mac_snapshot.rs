//! A recorded Mac mini becomes the facts that are committed beside it, and those facts read back as they were.
//!
//! `tests/roots/mac-mini-*` hold the files of a Mac each and, below `commands`, what its tools printed: a line
//! `$ program arguments`, a line `status N`, then the streams after `--- stdout` and `--- stderr`. All values are
//! invented. `tests/update` writes the snapshot anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use checks::facts::{self, Facts};
use checks::gap::GapKind;
use checks::host::{Command, Output, System, Tree};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// The answer of one tool, with the command that it belongs to.
fn recording(text: &str) -> (Command, Output) {
    let (head, streams) = text.split_once("--- stdout\n").unwrap();
    let (stdout, stderr) = streams.split_once("--- stderr\n").unwrap_or((streams, ""));
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().strip_prefix("$ ").unwrap().split(' ');
    // A command keeps the path of its program as a literal, which a recording is not.
    let program: &'static str = Box::leak(words.next().unwrap().to_owned().into_boxed_str());
    let status = lines.next().unwrap().strip_prefix("status ").unwrap().parse().unwrap();
    let output = Output { status, stdout: stdout.into(), stderr: stderr.into() };
    (Command { program, arguments: words.map(str::to_owned).collect() }, output)
}

/// Adds every file below a folder of the fixture, but for the recordings.
fn add(mut tree: Tree, root: &Path, dir: &Path) -> Tree {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let inside = format!("/{}", path.strip_prefix(root).unwrap().to_str().unwrap());
        if path.is_dir() && inside != "/commands" {
            tree = add(tree, root, &path);
        } else if path.is_file() {
            tree = tree.file(&inside, fs::read(&path).unwrap());
        }
    }
    tree
}

/// A careful tenant's and a careless one's.
const MACS: [&str; 2] = ["mac-mini-m2", "mac-mini-careless"];

fn mac_mini(leave_out: &str) -> Facts {
    recorded(MACS[0], leave_out)
}

fn recorded(name: &str, leave_out: &str) -> Facts {
    let root = tests().join("roots").join(name);
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut tree =
        add(Tree::new(now).system(System::MacOs), &root, &root).with("/var/db/.AppleSetupDone", |node| {
            node.modified = "2026-06-09T07:38:40Z".parse().unwrap();
        });
    for entry in fs::read_dir(root.join("commands")).unwrap() {
        let (command, output) = recording(&fs::read_to_string(entry.unwrap().path()).unwrap());
        if command.program != leave_out {
            tree = tree.output(command, output);
        }
    }
    let mut facts = facts::begin(&tree);
    for room in facts::ROOMS.iter().filter(|room| matches!(room.name, "machine" | "mac")) {
        (room.gather)(&tree, &mut facts);
    }
    facts
}

#[test]
fn the_snapshots_are_current() {
    for name in MACS {
        let facts = recorded(name, "");
        let text = toml::to_string(&facts).unwrap();
        assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts, "facts must survive the snapshot");
        let path = tests().join(format!("snapshots/{name}.toml"));
        if std::env::var_os("HOSTDUTY_UPDATE").is_some() {
            fs::write(&path, &text).unwrap();
        }
        // Compared as facts, so that a room that is new since then is no difference.
        let committed: Facts = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(
            committed,
            facts,
            "the recording and {} differ: run tests/update, look at the difference, commit",
            path.display()
        );
        assert!(
            !text.contains("not-for-facts") && !text.contains("bm90"),
            "no secret of a profile, a job or VNC"
        );
    }
}

#[test]
fn everything_in_the_recordings_is_understood() {
    for name in MACS {
        let text = toml::to_string(&recorded(name, "").mac).unwrap();
        assert!(!text.contains(".gap]"), "a part of the room of {name} is a gap:\n{text}");
        assert!(!text.contains("not-understood"), "a rule of pf is not understood:\n{text}");
    }
}

#[test]
fn a_tool_that_is_missing_leaves_a_gap_and_nothing_else() {
    let whole = mac_mini("").mac.known().unwrap().clone();
    let mac = mac_mini("/sbin/pfctl").mac.known().unwrap().clone();
    assert_eq!(mac.packet_filter.known().unwrap_err().why, GapKind::Offline);
    assert_eq!(mac.listeners, whole.listeners);
    let mac = mac_mini("/usr/bin/dscl").mac.known().unwrap().clone();
    assert!(mac.users.value().is_none() && mac.profiles == whole.profiles);
}
