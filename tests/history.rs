//! What a record tells: the timeline, since when, whether it is as it was written, and signatures that anybody verifies.

mod drift;
mod long;
pub(crate) mod record;
pub(crate) mod signatures;

use std::fs;

use record::Record;
use serde_json::Value;

use crate::support::{hostduty, run};

fn json(arguments: &[&str]) -> Value {
    let (text, code) = run(arguments);
    assert_eq!(code, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_timeline_reads_as_people_speak() {
    let record = Record::eventful();
    let (text, code) = run(&["history", "--state", record.folder()]);
    assert_eq!(code, 0);
    let (_, text) = text.split_once('\n').unwrap();
    let wanted = "9 entries; nobody observes now

2026-10-01 08:00  hostduty 0.1.0 begins to observe, against the offer generic
2026-10-21 14:03  ssh-key-only  FAIL, kept until then for 20 d 6 h
                  root can log in with a password from anywhere
                    at /etc/ssh/sshd_config.d/50-cloud-init.conf:1:
                       PasswordAuthentication yes
2026-10-21 15:06  ssh-key-only  kept, broken until then for 1 h 3 min
                  no account can log in with a password
2026-10-22 00:00  the clock was set forward by 1 d; lengths do not follow it
2026-10-22 06:00  the clock was set back by 1 d; lengths do not follow it
2026-10-22 07:00  not observed for 2 h, until 2026-10-22 09:00: hostduty was
                  stopped
2026-10-22 09:00  hostduty 0.2.0 begins to observe, against the offer generic
2026-10-22 09:00  firewall-enforced  FAIL, kept when last seen
2026-10-22 10:00  not observed for ";
    assert!(text.starts_with(wanted), "{text}");
    let table = text.rsplit("\n\n").next().unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows[0], ["kept", "broken", "unobserved"]);
    assert_eq!(rows[1][..3], ["firewall-enforced", "20 d 23 h", "1 h"]);
    assert_eq!(rows[2][..3], ["ssh-key-only", "20 d 22 h", "1 h 3 min"]);
}

#[test]
fn one_check_and_a_beginning_narrow_it() {
    let record = Record::eventful();
    let state = record.folder();
    let (text, _) = run(&["history", "--state", state, "--check", "ssh-key-only", "--since", "2026-10-21"]);
    assert!(!text.contains("firewall") && !text.contains("0.1.0"), "{text}");
    assert!(text.contains("2026-10-21 14:03  ssh-key-only  FAIL"), "{text}");
    let past = json(&["history", "--state", state, "--since", "2026-10-21T15:00:00Z", "--format", "json"]);
    assert_eq!(past["checks"][1]["totals"]["fail_seconds"], 360);
    assert_eq!(past["from"], "2026-10-21T15:00:00Z");
    assert_eq!(past["clock_jumps"][0]["seconds"], 86_400);
    for (arguments, said) in [
        (["--check", "ssh-key-onli"], "did you mean `ssh-key-only`?"),
        (["--since", "yesterday"], "such as 30d"),
        (["--since", "2999-01-01"], "in the future"),
        (["--state", "/nowhere"], "/nowhere cannot be opened"),
    ] {
        let output = hostduty(
            &[&["history", "--state", state][..usize::from(arguments[0] != "--state") * 2 + 1], &arguments]
                .concat(),
        )
        .output()
        .unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(said), "{error}");
    }
}

#[test]
fn verify_names_what_is_missing_or_altered() {
    let record = Record::eventful();
    let (text, code) = run(&["history", "verify", "--state", record.folder()]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.replace("\n  ", " ")
            .contains("all as it was written, 9 entries\nThe chain ends with entry 9, sha256:"),
        "{text}"
    );
    let file = record.file();
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    for (broken, said) in [
        (
            whole.replacen("\"to\":\"fail\"", "\"to\":\"pass\"", 1),
            "entry 2 was altered after it was written, at history-000001.jsonl:2",
        ),
        (
            [&lines[..1], &lines[3..], &[""]].concat().join("\n"),
            "entries 2 to 3 are missing before history-000001.jsonl:2",
        ),
        (whole[..whole.len() - 9].to_owned(), "history-000001.jsonl:9 was not written whole"),
        (format!("{whole}\u{1b}[2J\n"), "history-000001.jsonl:10 is no entry"),
    ] {
        fs::write(&file, broken).unwrap();
        let (text, code) = run(&["history", "verify", "--state", record.folder()]);
        assert!(
            code == 1 && text.replace("\n  ", " ").contains(said) && !text.contains('\u{1b}'),
            "{said}: {text}"
        );
        let (text, code) = run(&["history", "--state", record.folder()]);
        assert!(code == 0 && text.contains("Not as it was written: "), "{text}");
    }
}

#[test]
fn hostile_folders_neither_block_nor_drive_the_terminal() {
    let record = Record::eventful();
    let folder = std::path::Path::new(record.folder());
    let hostile = "\u{1b}]0;owned\u{7}\u{202e}--password=planted-secret-0001";
    fs::write(
        record.file(),
        fs::read_to_string(record.file())
            .unwrap()
            .replace("root can", &hostile.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007")),
    )
    .unwrap();
    nix::unistd::mkfifo(&folder.join("history-000002.jsonl"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("history-000003.jsonl")).unwrap();
    fs::File::create(folder.join("history-000004.jsonl")).unwrap().set_len(1 << 42).unwrap();
    fs::write(folder.join("history-000005.jsonl"), vec![b'['; 9 << 20]).unwrap();
    fs::write(folder.join("history-000006.jsonl"), vec![b'\n'; 1 << 20]).unwrap();
    for arguments in [&["history"][..], &["history", "verify"], &["history", "--format", "json"]] {
        let (text, _) = run(&[arguments, &["--state", record.folder()]].concat());
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']) && !text.contains("planted"), "{text}");
    }
    let (text, code) = run(&["history", "verify", "--state", record.folder()]);
    assert_eq!(code, 1);
    for said in [
        "is not a regular file",
        "it is a symlink",
        "larger than any file",
        "9437184 bytes without an end",
        "more",
    ] {
        assert!(text.replace("\n  ", " ").contains(said), "{said}: {text}");
    }
}

#[test]
fn a_report_says_since_when_a_verdict_holds() {
    let record = Record::of_this_machine();
    let state = ["--state", record.folder()];
    let report = json_of_report(&[&["report", "--format", "json"], &state[..]].concat());
    let check = |id: &str| {
        report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap().clone()
    };
    let held = check(record::HELD);
    assert_eq!(held["since"]["at"], "2026-10-01T08:00:00Z", "{held}");
    assert_eq!(held["since"]["change_seen"], false);
    assert!(held["since"]["unobserved_seconds"].as_u64().unwrap() > 0);
    // Of a verdict that is not the one in the record, it is not known since when it holds.
    assert!(check(record::CHANGED).get("since").is_none());
    let (text, _) = run(&[&["report", "--verbose", "--check", record::HELD], &state[..]].concat());
    assert!(text.contains("\n          since 2026-10-01 08:00 or before, unobserved for "), "{text}");
    let (text, code) = run(&["report", "--state", "/nowhere"]);
    assert!(code == 2 && text.is_empty());
}

fn json_of_report(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(arguments).0).unwrap()
}

#[test]
fn a_record_that_is_gone_is_not_one_that_is_whole() {
    let empty = tempfile::tempdir().unwrap();
    let (text, code) = run(&["history", "verify", "--state", empty.path().to_str().unwrap()]);
    assert!(text.contains("holds no record") && code == 1, "{text}");
}

#[test]
fn a_record_of_which_nothing_can_be_read_is_not_one_that_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().to_str().unwrap();
    let (text, code) = run(&["history", "--state", state]);
    assert!(code == 0 && text.contains("holds no record yet"), "{text}");
    let file = folder.path().join("history-000001.jsonl");
    for make in [
        (|file| fs::write(file, "garbage\n").unwrap()) as fn(&std::path::Path),
        |file| std::os::unix::fs::symlink("/etc/passwd", file).unwrap(),
        |file| nix::unistd::mkfifo(file, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        |file| fs::create_dir(file).unwrap(),
    ] {
        let _ = fs::remove_file(&file);
        make(&file);
        let (text, code) = run(&["history", "--state", state]);
        assert!(
            code == 1 && text.contains("nothing that can be read") && text.contains("history-000001"),
            "{text}"
        );
    }
}
