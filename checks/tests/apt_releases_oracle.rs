//! On three releases of Debian hostduty finds the pending updates that the release's own apt finds.
//!
//! The roots come from `tests/run` in HOSTDUTY_APT_ROOTS, one folder each: installed without the security archive,
//! with its indexes fetched afterwards, so that real security updates are pending. Two architectures lie in the main
//! archive and one in the others, so that apt keeps some of them back.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod host;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use checks::date::Timestamp;
use checks::facts::updates::{Status, Updates};
use checks::facts::{self, Facts};
use host::Root;
use say::left_out;

/// What the apt of a root prints.
fn ask(root: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new("/usr/sbin/chroot")
        .arg(root)
        .arg(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Package, architecture, installed version, candidate.
type Row = (String, String, String, String);

/// `name/suite[,suite] candidate architecture [upgradable from: installed]`
fn upgradable(root: &Path) -> BTreeSet<Row> {
    let list = ask(root, "/usr/bin/apt", &["list", "--upgradable"]);
    let rows = list.lines().filter(|line| line.contains("[upgradable from: ")).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words[0].split('/').next().unwrap();
        let installed = words.last().unwrap().trim_end_matches(']');
        (name.to_owned(), words[2].to_owned(), installed.to_owned(), words[1].to_owned())
    });
    rows.collect()
}

/// What an upgrade would install: by package and version, where it comes from (`Debian-Security/stable-security`).
/// `Inst name [installed] (candidate Label:version/suite, … [architecture])`
fn installs(root: &Path, verb: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut installs = BTreeMap::new();
    for line in ask(root, "/usr/bin/apt-get", &["-s", verb]).lines() {
        let Some((name, rest)) = line.strip_prefix("Inst ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let inside = rest.split_once('(').unwrap().1.split(" [").next().unwrap();
        let (candidate, places) = inside.split_once(' ').unwrap();
        let places = places.split(", ").map(|place| {
            let (publisher, suite) = place.split_once('/').unwrap();
            format!("{}/{suite}", publisher.split(':').next().unwrap())
        });
        installs.insert((name.to_owned(), candidate.to_owned()), places.collect());
    }
    installs
}

fn updates(root: &Path) -> Updates {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let host = Root::new(root.to_str().unwrap(), Timestamp(i64::try_from(now).unwrap())).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["machine", "packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    facts.updates.known().unwrap().clone()
}

fn compare(root: &Path) {
    let updates = updates(root);
    for suite in &updates.suites {
        let index = suite.index.known().unwrap();
        assert!(index.unread.is_empty(), "{:?}", index.unread);
    }

    let ours: BTreeSet<Row> = updates
        .pending
        .iter()
        .map(|one| {
            (one.package.clone(), one.architecture.clone(), one.installed.clone(), one.candidate.clone())
        })
        .collect();
    assert_eq!(ours, upgradable(root), "{}", root.display());

    let upgradable = updates.pending.iter().filter(|one| one.status == Status::Upgradable);
    let ours: BTreeSet<(String, String)> =
        upgradable.map(|one| (one.package.clone(), one.candidate.clone())).collect();
    let plain = installs(root, "upgrade");
    assert_eq!(ours, plain.keys().cloned().collect(), "{}", root.display());

    // A full upgrade installs no less, and tells where each comes from.
    let full = installs(root, "dist-upgrade");
    let mut security = 0;
    for one in &updates.pending {
        let Some(places) = full.get(&(one.package.clone(), one.candidate.clone())) else {
            assert_eq!(one.status, Status::KeptBack, "{one:?}");
            continue;
        };
        assert!(places.contains(&one.origin), "{one:?} comes from {places:?}");
        // Nothing of these releases has overtaken a security update yet: both say the same of each.
        assert_eq!(
            one.security,
            places.iter().any(|place| place.ends_with("-security")),
            "{one:?} {places:?}"
        );
        security += usize::from(one.security);
    }
    let kept_back = updates.pending.len() - plain.len();
    assert!(updates.pending.len() >= 20 && security >= 5, "too little is pending to prove anything");
    eprintln!(
        "{}: {} pending, {security} of them security, {kept_back} kept back",
        root.display(),
        updates.pending.len()
    );
}

#[test]
fn as_the_apt_of_each_release_says() {
    let folder = env::var("HOSTDUTY_APT_ROOTS").map(PathBuf::from).unwrap_or_default();
    for suite in ["bullseye", "bookworm", "trixie"] {
        let root = folder.join(suite);
        if root.join("usr/bin/apt-get").exists() && nix::unistd::geteuid().is_root() {
            compare(&root);
        } else {
            left_out(format!("comparing with apt of {suite}, which takes root and what tests/run installs"));
        }
    }
}
