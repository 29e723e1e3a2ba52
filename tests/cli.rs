//! The command line: codes, messages, pipes, snapshots, files.

use std::fs;

use crate::support::{hostduty, run, top};

/// A snapshot of a host of which nothing is known but the instant.
fn empty_snapshot(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("empty.toml");
    fs::write(&path, "schema = 1\ntaken_at = \"2026-11-22T00:00:00Z\"\nsystem = \"linux\"\n").unwrap();
    path.display().to_string()
}

fn error(arguments: &[&str]) -> (String, i32) {
    let output = hostduty(arguments).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
}

#[test]
fn unknown_is_three_and_zero_when_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let facts = empty_snapshot(&dir);
    let only = ["report", "--facts", &facts, "--check", "ssh-key-only"];
    assert_eq!(run(&only).1, 3);
    assert_eq!(run(&[&only[..], &["--allow-unknown"]].concat()).1, 0);
}

#[test]
fn mistakes_on_the_command_line_are_two_and_say_what_was_meant() {
    let (text, code) = error(&["report", "--check", "ssh-key-onli"]);
    assert_eq!(code, 2);
    assert_eq!(text, "hostduty: there is no check `ssh-key-onli`\ndid you mean `ssh-key-only`?\n");
    let (text, code) = error(&["report", "--offer", "scaleway-elastic-metl"]);
    assert_eq!(code, 2);
    assert!(text.contains("did you mean `scaleway-elastic-metal`?"), "{text}");
    assert_eq!(error(&["report", "--root", "/", "--facts", "x"]).1, 2);
    assert_eq!(error(&["repport"]).1, 2);
    assert_eq!(error(&["report", "--fail-on", "bad"]).1, 2);
}

#[test]
fn what_cannot_be_read_is_two_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (text, code) = error(&["report", "--facts", "/nowhere/host.toml"]);
    assert_eq!(code, 2);
    assert!(text.contains("hostduty facts > host.toml"), "{text}");
    let (text, code) = error(&["report", "--root", "/nowhere"]);
    assert_eq!(code, 2);
    assert!(text.contains("is not a folder"), "{text}");
    let config = dir.path().join("bad.toml");
    fs::write(&config, "\nofer = \"generic\"\n").unwrap();
    let config = config.to_str().unwrap();
    let (text, code) = error(&["report", "--config", config]);
    assert_eq!(code, 2);
    assert_eq!(text, format!("hostduty: {config}:2: unknown key `ofer`\ndid you mean `offer`?\n"));
    assert_eq!(error(&["config", "check", "--config", config]).1, 2);
    assert_eq!(error(&["config", "check", config]), error(&["config", "check", "--config", config]));
    let facts = empty_snapshot(&dir);
    let (text, code) = error(&["report", "--facts", &facts, "--output", "/nowhere/report"]);
    assert_eq!(code, 2);
    assert!(text.contains("/nowhere/report could not be written"), "{text}");
}

#[test]
fn a_snapshot_of_another_schema_or_none_at_all_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.toml");
    let path_text = path.to_str().unwrap();
    for (content, wanted) in [
        ("schema = 99\n", "schema 99"),
        ("", "it has no `schema`"),
        ("not toml at all", "not a snapshot"),
        ("schema = 1\n[sshd]\nknown = 7\n", "not a snapshot"),
    ] {
        fs::write(&path, content).unwrap();
        let (text, code) = error(&["report", "--facts", path_text]);
        assert_eq!(code, 2, "{content}");
        assert!(text.contains(wanted), "{content}: {text}");
    }
}

#[test]
fn a_snapshot_gives_the_same_report_as_its_host() {
    let dir = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc/ssh")).unwrap();
    fs::write(root.path().join("etc/os-release"), "ID=debian\nVERSION_ID=12\nPRETTY_NAME=x\n").unwrap();
    fs::write(root.path().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    fs::write(root.path().join("etc/ssh/sshd_config"), "PasswordAuthentication no\n").unwrap();
    let (root, snapshot) = (root.path().to_str().unwrap(), dir.path().join("host.toml"));
    let at = ["--root", root, "--at", "2026-11-22T12:00:00Z"];
    let (facts, _) = run(&[&["facts"], &at[..]].concat());
    fs::write(&snapshot, facts).unwrap();
    for format in ["human", "json"] {
        let direct = run(&[&["report", "--format", format], &at[..]].concat());
        let replayed = run(&["report", "--format", format, "--facts", snapshot.to_str().unwrap()]);
        assert_eq!(direct, replayed);
    }
}

#[test]
fn a_snapshot_may_come_through_a_pipe() {
    let output = hostduty(&["report", "--facts", "-", "--check", "ssh-key-only"])
        .write_stdin("schema = 1\ntaken_at = \"2026-11-22T00:00:00Z\"\nsystem = \"linux\"\n")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let script =
        format!("'{}' explain ssh-key-only | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_hostduty"));
    let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn colour_is_for_terminals_and_never_the_only_carrier() {
    let dir = tempfile::tempdir().unwrap();
    let facts = empty_snapshot(&dir);
    let plain = run(&["report", "--facts", &facts]).0;
    assert!(!plain.contains('\u{1b}') && plain.contains("unknown"));
    let coloured = run(&["report", "--facts", &facts, "--color", "always"]).0;
    assert!(coloured.contains("\u{1b}["));
    let stripped: String = coloured
        .split('\u{1b}')
        .enumerate()
        .map(|(index, part)| if index == 0 { part } else { part.split_once('m').unwrap().1 })
        .collect();
    assert_eq!(stripped, plain);
}

#[test]
fn a_report_file_is_whole_private_and_leaves_no_draft() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let facts = empty_snapshot(&dir);
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("report.json");
    let (printed, code) =
        run(&["report", "--facts", &facts, "--format", "json", "--output", file.to_str().unwrap()]);
    assert_eq!((printed.as_str(), code), ("", 3));
    serde_json::from_str::<serde_json::Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn the_same_configuration_travels_with_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let facts = empty_snapshot(&dir);
    let config = dir.path().join("same.toml");
    fs::write(&config, "offer = \"ovhcloud-public-cloud\"\n").unwrap();
    let (text, _) =
        run(&["report", "--facts", &facts, "--format", "json", "--config", config.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["offer"]["id"], "ovhcloud-public-cloud");
    assert!(json["offer"]["how"].as_str().unwrap().ends_with("same.toml:1"));
}

#[test]
fn every_check_explains_itself_and_every_verb_documents_its_codes() {
    let (list, _) = run(&["list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    for row in list.as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let (text, code) = run(&["explain", id]);
        assert_eq!(code, 0);
        for heading in ["Why it matters", "How to mend it", "Asked for by", "Kept by", "Broken by"] {
            assert!(text.contains(heading), "{id}: {heading}");
        }
    }
    for verb in [
        "report",
        "duties",
        "list",
        "explain",
        "facts",
        "config",
        "doctor",
        "completions",
        "man",
        "history",
        "drift",
        "watch",
        "status",
    ] {
        assert!(run(&[verb, "--help"]).0.contains("Exit codes:"), "{verb}");
    }
}

#[test]
fn the_example_configuration_is_the_one_that_packages_install() {
    let shipped = fs::read_to_string(top().join("packaging/etc/hostduty/hostduty.toml")).unwrap();
    assert_eq!(run(&["config", "example"]).0, shipped);
}

#[test]
fn what_nobody_can_have_meant_is_not_answered_with_every_name() {
    let (text, code) = error(&["report", "--check", "nonsense"]);
    assert_eq!(code, 2);
    assert!(text.lines().count() == 2 && text.contains("`hostduty list` names them all"), "{text}");
}

#[test]
fn what_is_too_large_for_a_key_is_nothing_that_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/ssh")).unwrap();
    fs::write(dir.path().join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(dir.path().join("etc/ssh/moduli"), vec![b'2'; 600_000]).unwrap();
    let (text, code) = run(&["doctor", "--root", dir.path().to_str().unwrap()]);
    assert!(code == 0 && !text.contains("moduli"), "{text}");
}

#[test]
fn what_is_no_snapshot_is_not_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secrets");
    for text in ["password = \"hunter2\"\nhunter2 hunter2\n", "schema = 1\n[sshd]\nhunter2 = hunter2\n"] {
        fs::write(&path, text).unwrap();
        let (text, code) = error(&["report", "--facts", path.to_str().unwrap()]);
        assert!(code == 2 && !text.contains("hunter2") && text.contains("line "), "{text}");
    }
}

#[test]
fn the_example_of_the_readme_means_something() {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let from = readme.split_once("    # /etc/hostduty/hostduty.toml\n").unwrap().1;
    let example = from.split_once("\n`hostduty config check`").unwrap().0;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostduty.toml");
    fs::write(&path, example).unwrap();
    let path = path.to_str().unwrap();
    let (text, code) = run(&["config", "check", path]);
    assert!(code == 0 && text.contains("Attestation restore-test by Alex Martin"), "{text}");
    assert!(text.contains("Waiver of encryption-swap for /dev/vda3 by ops@example.org"), "{text}");
    let root = ["--root", "tests/roots/debian12-fresh/root", "--at", "2026-11-22"];
    let (text, _) = run(&[&["duties", "--config", path], &root[..]].concat());
    assert!(text.contains("attested by Alex Martin, head of IT on 2026-10-01"), "{text}");
}

#[test]
fn advice_that_somebody_attests_does_not_fail_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostduty.toml");
    let path_text = path.to_str().unwrap();
    let root = ["--root", "tests/roots/debian12-fresh/root", "--at", "2026-11-22"];
    let arguments = [&["report", "--check", "backup-agent", "--config", path_text], &root[..]].concat();
    for (until, wanted) in [("2026-11-21", 1), ("2026-11-22", 0)] {
        let held = format!("on = 2026-01-01\nuntil = {until}\nby = \"Ann\"\n");
        fs::write(&path, format!("[[attestation]]\nid = \"offsite-backup\"\n{held}")).unwrap();
        let (text, code) = run(&arguments);
        assert_eq!(code, wanted, "{text}");
        assert!(text.contains("FAIL    backup-agent  advice"), "{text}");
        assert_eq!(text.contains("Ann attests `offsite-backup` until 2026-11-22"), wanted == 0, "{text}");
        assert_eq!(
            text.contains("1 of the failures: advice that an attestation answers"),
            wanted == 0,
            "{text}"
        );
    }
}

#[test]
fn who_would_be_asked_can_be_listed() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("hosts");
    fs::write(&list, "# ours\nann@web1   # the first\n\nssh://web2:2222\nann@web1\n").unwrap();
    let inventory = dir.path().join("hosts.ini");
    fs::write(&inventory, "[db]\ndb[1:2] ansible_host=192.0.2.9\nhere ansible_connection=local\n").unwrap();
    let (list, inventory) = (list.to_str().unwrap(), inventory.to_str().unwrap());
    let (text, code) =
        run(&["report", "--host", "root@first", "--hosts", list, "--inventory", inventory, "--list-hosts"]);
    assert_eq!(code, 0);
    let listed = "root@first\nann@web1\nssh://web2:2222  web2 port 2222\ndb1  192.0.2.9\ndb2  192.0.2.9\nNot followed: here is left out";
    assert!(text.starts_with(listed), "{text}");
}

#[test]
fn hosts_that_cannot_be_asked_are_two() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("hosts");
    let list = list.to_str().unwrap();
    fs::write(list, "web1\n-oProxyCommand=id\n").unwrap();
    let (text, code) = error(&["report", "--hosts", list]);
    assert_eq!(code, 2);
    assert!(text.contains(&format!("{list}:2: `-oProxyCommand=id` starts with `-`")), "{text}");
    fs::write(list, "# nobody\n").unwrap();
    assert!(error(&["report", "--hosts", list]).0.contains("no host is named"));
    let (text, code) = error(&["report", "--host=-oProxyCommand=id"]);
    assert_eq!(code, 2);
    assert!(text.contains("starts with `-`"), "{text}");
    for wrong in [
        &["report", "--sudo"][..],
        &["report", "--host", "web1", "--root", "/"],
        &["report", "--host", "web1", "--facts", "-"],
        &["report", "--host", "web1", "--jobs", "0"],
        &["report", "--hosts", "/nowhere"],
        &["report", "--host", "web1", "--offer", "nowhere"],
        &["report", "--host", "web1", "--config", "/nowhere"],
    ] {
        assert_eq!(error(wrong).1, 2, "{wrong:?}");
    }
}

#[test]
fn a_configuration_comes_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let facts = empty_snapshot(&dir);
    let arguments = ["report", "--facts", &facts, "--config", "-", "--format", "json"];
    let output = hostduty(&arguments).write_stdin("\noffer = \"ovhcloud-public-cloud\"\n").output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["offer"]["how"], "configured in standard input:2");
    let output = hostduty(&arguments).write_stdin("ofer = 1").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard input:1: unknown key `ofer`"));
}
