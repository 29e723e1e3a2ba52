//! hostduty finds the same pending updates as the apt of this machine, from the same files.

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
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::updates::Status;
use checks::facts::{self, Facts};
use host::Root;
use say::left_out;

/// Copies what apt reads on this machine into a folder, with the package lists as they lie there.
fn copy(root: &Path) -> usize {
    let mut lists = 0;
    for dir in
        ["etc/apt/sources.list.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg"]
    {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list"), PathBuf::from("/etc/apt/preferences")];
    for dir in ["/etc/apt/sources.list.d", "/etc/apt/preferences.d"] {
        paths.extend(fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()));
    }
    for path in paths.iter().filter(|path| path.is_file()) {
        fs::copy(path, root.join(path.strip_prefix("/").unwrap())).unwrap();
    }
    for path in fs::read_dir("/var/lib/apt/lists").into_iter().flatten().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let to = root.join("var/lib/apt/lists");
        if name.ends_with("Release") || name.contains("_Packages") {
            lists += usize::from(name.contains("_Packages"));
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
    lists
}

/// The machine's packages with every third one made old and every seventh held, so that much is pending.
fn aged_status() -> String {
    let status = fs::read_to_string("/var/lib/dpkg/status").unwrap();
    let mut aged = String::new();
    for (number, stanza) in status.split("\n\n").enumerate() {
        for line in stanza.lines() {
            match line {
                "Status: install ok installed" if number % 7 == 0 => {
                    aged.push_str("Status: hold ok installed")
                }
                _ if line.starts_with("Version: ") && number % 3 == 0 => aged.push_str("Version: 0~aged"),
                _ => aged.push_str(line),
            }
            aged.push('\n');
        }
        aged.push('\n');
    }
    aged
}

fn apt_list(root: &Path) -> String {
    let set = |option: &str, path: &str| format!("{option}={}", root.join(path).display());
    let output = Command::new("/usr/bin/apt")
        .arg("list")
        .arg("--upgradable")
        .args(["-o", &set("Dir::State::lists", "var/lib/apt/lists/")])
        .args(["-o", &set("Dir::State::status", "var/lib/dpkg/status")])
        .args([
            "-o",
            "Dir::Cache::pkgcache=",
            "-o",
            "Dir::Cache::srcpkgcache=",
            "-o",
            "Debug::NoLocking=true",
        ])
        .args(["-o", &set("Dir::Etc::sourceparts", "etc/apt/sources.list.d")])
        .args(["-o", &set("Dir::Etc::preferencesparts", "etc/apt/preferences.d")])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn as_apt_lists_what_is_upgradable() {
    if !Path::new("/usr/lib/apt/apt-helper").exists() {
        left_out("there is no apt here to compare pending updates with");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    if copy(root) == 0 {
        left_out("/var/lib/apt/lists is empty, so apt knows of no updates (apt-get update first)");
        return;
    }
    fs::write(root.join("var/lib/dpkg/status"), aged_status()).unwrap();
    let host = Root::new(root.to_str().unwrap(), Timestamp(1_795_348_800)).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    let updates = facts.updates.known().unwrap();
    for suite in &updates.suites {
        match suite.index.known() {
            Ok(index) => assert!(index.unread.is_empty(), "{:?}", index.unread),
            Err(gap) => left_out(format!("{gap}")),
        }
    }

    // name/suite[,suite] candidate architecture [upgradable from: installed]
    let mut theirs = BTreeMap::new();
    let mut theirs_security = BTreeSet::new();
    for line in apt_list(root).lines().filter(|line| line.contains("[upgradable from: ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, suites) = words[0].split_once('/').unwrap();
        let installed = words.last().unwrap().trim_end_matches(']');
        theirs.insert(name.to_owned(), (installed.to_owned(), words[1].to_owned()));
        if suites.split(',').any(|suite| suite.ends_with("-security")) {
            theirs_security.insert(name.to_owned());
        }
    }
    let ours: BTreeMap<String, (String, String)> = updates
        .pending
        .iter()
        .map(|pending| (pending.package.clone(), (pending.installed.clone(), pending.candidate.clone())))
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.len() > 20, "only {} updates are pending: that proves little", ours.len());

    // What apt would take from a security suite is security for us too; and so is what has overtaken one.
    let security: BTreeSet<String> = updates
        .pending
        .iter()
        .filter(|pending| pending.security)
        .map(|pending| pending.package.clone())
        .collect();
    let missing: Vec<&String> = theirs_security.iter().filter(|name| !security.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let held = updates.pending.iter().filter(|pending| pending.status == Status::Held).count();
    assert!(held > 0);
    eprintln!(
        "{} pending, {} of them security ({} by apt), {held} held",
        ours.len(),
        security.len(),
        theirs_security.len()
    );
}
