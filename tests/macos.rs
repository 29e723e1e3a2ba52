//! What launchd and newsyslog are given: readable by property-list parsers that are not ours, and agreeing with what the
//! scripts of packaging/macos put where.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{left_out, top};

const LABEL: &str = "internal.hostduty.watch";
const PROGRAM: &str = "/usr/local/bin/hostduty";
const LOG: &str = "/var/log/hostduty.log";
const STATE: &str = "/var/db/hostduty";

fn packaging(name: &str) -> PathBuf {
    top().join("packaging/macos").join(name)
}

fn plist() -> PathBuf {
    packaging("Library/LaunchDaemons").join(format!("{LABEL}.plist"))
}

/// The job of launchd as Python's plistlib reads it.
fn job() -> Option<serde_json::Value> {
    let script = "import json, plistlib, sys; json.dump(plistlib.load(open(sys.argv[1], 'rb')), sys.stdout)";
    let Ok(output) = Command::new("/usr/bin/python3").args(["-c", script]).arg(plist()).output() else {
        left_out("the job of launchd, for want of python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_job_of_launchd_is_a_gentle_watch_that_comes_back() {
    let Some(job) = job() else { return };
    assert_eq!(job["Label"], LABEL, "launchd wants the file named after its label");
    assert_eq!(job["ProgramArguments"], serde_json::json!([PROGRAM, "watch", "--state", STATE]));
    assert_eq!((&job["KeepAlive"], &job["RunAtLoad"]), (&true.into(), &true.into()));
    assert_eq!((&job["ProcessType"], &job["LowPriorityIO"]), (&"Background".into(), &true.into()));
    assert_eq!((&job["StandardErrorPath"], &job["UserName"]), (&LOG.into(), &"root".into()));
    assert_eq!(job["Umask"], 0o027);
    assert!(job["ThrottleInterval"].as_u64().unwrap() >= 10 && job.get("Disabled").is_none());
    assert!(job["SoftResourceLimits"]["NumberOfFiles"].as_u64().unwrap() > 256);
    // launchd passes over a key that it does not know without a word: each is one of launchd.plist(5).
    let known = "Label ProgramArguments UserName WorkingDirectory Umask RunAtLoad KeepAlive ThrottleInterval \
                 ProcessType LowPriorityIO Nice SoftResourceLimits StandardOutPath StandardErrorPath";
    let known: BTreeSet<&str> = known.split_whitespace().collect();
    let unknown: Vec<&String> =
        job.as_object().unwrap().keys().filter(|key| !known.contains(key.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_second_parser_reads_the_same_job() {
    let Ok(output) =
        Command::new("plistutil").args(["-f", "bin", "-i"]).arg(plist()).args(["-o", "-"]).output()
    else {
        left_out("a second reading of the job of launchd (tests/run installs plistutil)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"bplist00"), "plistutil made nothing of it");
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("job");
    fs::write(&binary, &output.stdout).unwrap();
    let script = "import plistlib, sys; a, b = (plistlib.load(open(name, 'rb')) for name in sys.argv[1:]); sys.exit(a != b)";
    let same =
        Command::new("/usr/bin/python3").args(["-c", script]).arg(plist()).arg(binary).status().unwrap();
    assert!(same.success(), "the two read different jobs");
}

fn script(name: &str, arguments: &[&Path]) -> Output {
    Command::new("/bin/sh").arg(packaging(name)).args(arguments).output().unwrap()
}

/// Every file and folder below, with the mode.
fn listing(root: &Path, below: &Path, list: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            listing(root, &path, list);
        }
        let name = path.strip_prefix(root).unwrap().display();
        list.push((format!("/{name}"), metadata.permissions().mode() & 0o7777));
    }
}

fn listed(root: &Path) -> Vec<(String, u32)> {
    let mut list = Vec::new();
    listing(root, root, &mut list);
    list.sort();
    list
}

#[test]
fn what_is_installed_is_what_the_job_names_and_all_of_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (binary, root) = (dir.path().join("built"), dir.path().join("a root"));
    fs::write(&binary, "a program").unwrap();
    fs::create_dir(&root).unwrap();
    let install = || {
        let output = script("install", &[Path::new("--binary"), &binary, &root]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    install();
    let job = format!("/Library/LaunchDaemons/{LABEL}.plist");
    let configuration = "/etc/hostduty/hostduty.toml";
    let rotation = "/etc/newsyslog.d/hostduty.conf";
    let there = listed(&root);
    for (path, mode) in
        [(PROGRAM, 0o755), (&job, 0o644), (configuration, 0o644), (rotation, 0o644), (STATE, 0o750)]
    {
        assert!(there.contains(&(path.to_owned(), mode)), "{path} in {there:?}");
    }
    let open: Vec<_> = there.iter().filter(|(_, mode)| mode & 0o022 != 0).collect();
    assert!(open.is_empty(), "others could replace what root runs: {open:?}");
    assert!(there.iter().all(|(path, _)| !path.ends_with(".new")), "{there:?}");
    // What somebody wrote stays, at the next installation and at the end.
    fs::write(root.join(&configuration[1..]), "# mine\n").unwrap();
    install();
    assert_eq!(fs::read_to_string(root.join(&configuration[1..])).unwrap(), "# mine\n");
    let output = script("uninstall", &[&root]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = |root: &Path| {
        let all = listed(root).into_iter().map(|(path, _)| path);
        all.filter(|path| fs::metadata(root.join(&path[1..])).unwrap().is_file()).collect::<Vec<_>>()
    };
    assert_eq!(files(&root), [configuration]);
    assert!(root.join(&STATE[1..]).is_dir(), "the record stays");
    assert!(script("uninstall", &[Path::new("--purge"), &root]).status.success());
    assert!(files(&root).is_empty() && !root.join(&STATE[1..]).exists());
}

#[cfg(not(target_os = "macos"))]
#[test]
fn nothing_is_done_to_a_machine_that_is_no_mac() {
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("built");
    fs::write(&binary, "a program").unwrap();
    for output in [script("install", &[Path::new("--binary"), &binary]), script("uninstall", &[])] {
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("takes root on a Mac"));
    }
    for name in ["install", "uninstall", "build"] {
        let shell = if name == "build" { "/bin/bash" } else { "/bin/sh" };
        assert!(Command::new(shell).arg("-n").arg(packaging(name)).status().unwrap().success(), "{name}");
    }
}

#[test]
fn the_log_that_is_rotated_is_the_one_that_is_written() {
    let text = fs::read_to_string(packaging("etc/newsyslog.d/hostduty.conf")).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    // logfilename owner:group mode count size when flags, newsyslog.conf(5); N means that nobody is signalled.
    assert_eq!(lines, [[LOG, "root:wheel", "640", "5", "1024", "*", "JN"]]);
}
