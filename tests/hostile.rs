//! What an ordinary account, the maker of an image and the maker of a snapshot may try against an administrator.
//!
//! Everything here passes for an ordinary user too. What takes a namespace says so where there is none.

mod ssh;

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{hostduty, left_out};

/// No attack makes a run last as long as this, on a slow machine and without optimisation.
const LONG: Duration = Duration::from_secs(60);
const BINARY: &str = env!("CARGO_BIN_EXE_hostduty");
const HEAD: &str = "schema = 1\ntaken_at = \"2026-11-22T00:00:00Z\"\nsystem = \"linux\"\n";
/// An account other than the one that runs the tests, so that files of the tests are somebody else's to it.
const ADA: u32 = 54_321;
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n";

/// The end of a run: neither a signal nor time.
#[track_caller]
fn ends(arguments: &[&str]) -> (String, String, i32) {
    let output = hostduty(arguments).timeout(LONG).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} ended by {}", output.status));
    (text(output.stdout), text(output.stderr), code)
}

/// A report without its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs a script in which `$0` is hostduty.
fn script(text: &str, arguments: &[&str]) -> Output {
    Command::new("bash").args(["-c", text, BINARY]).args(arguments).output().unwrap()
}

/// A root with an account `ada` and her empty `.ssh`.
fn home() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(dir.path().join("etc")).unwrap();
    fs::create_dir_all(dir.path().join("home/ada/.ssh")).unwrap();
    put(dir.path(), "etc/os-release", "ID=debian\nVERSION_ID=13\n");
    put(dir.path(), "etc/passwd", &format!("ada:x:{ADA}:{ADA}::/home/ada:/bin/sh\n"));
    put(dir.path(), "etc/shadow", "ada:*:20000:0:::::\n");
    dir
}

fn put(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_in_a_home_blocks_a_read_or_leads_it_elsewhere() {
    let root = home();
    let ssh = root.path().join("home/ada/.ssh");
    let fifo = |name: &str| {
        assert!(Command::new("mkfifo").arg(ssh.join(name)).status().unwrap().success());
    };
    fifo("id_fifo");
    fifo("authorized_keys2");
    fs::File::create(ssh.join("id_sparse")).unwrap().set_len(10 << 30).unwrap();
    for (name, target) in [("a", "b"), ("b", "a"), ("id_dev", "/dev/zero"), ("id_proc", "/proc/self/environ")]
    {
        symlink(target, ssh.join(name)).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(ssh.join("id_socket")).unwrap();
    // Files that she may not read herself: by their own bits, and by those of the folder above.
    put(root.path(), "root/closed", KEY);
    put(root.path(), "root/open", KEY);
    mode(&root.path().join("root/closed"), 0o600);
    mode(&root.path().join("root/open"), 0o644);
    mode(&root.path().join("root"), 0o700);
    symlink("/root/closed", ssh.join("id_closed")).unwrap();
    symlink("/root/open", ssh.join("id_open")).unwrap();
    let at = root.path().to_str().unwrap();
    for verb in [&["report", "--verbose"][..], &["facts"], &["doctor"], &["duties"]] {
        let (text, _, code) = ends(&[verb, &["--root", at]].concat());
        assert!(code == 0 || code == 1 || code == 3, "{verb:?}: {code}");
        assert!(!text.contains("is a private key"), "{verb:?} read what ada may not read: {text}");
    }
    let (text, _, _) = ends(&["report", "--root", at, "--check", "ssh-private-keys", "--verbose"]);
    for name in ["id_fifo", "id_closed", "id_open"] {
        assert_eq!(text.contains(name), name != "id_fifo", "{name}: {text}");
    }
}

#[test]
fn an_odd_name_beside_a_key_does_not_hide_it() {
    use std::os::unix::ffi::OsStrExt;
    let root = home();
    let home = root.path().join("home/ada");
    put(&home, ".ssh/id_ed25519", KEY);
    put(&home, ".s3cfg", "secret_key = planted\n");
    mode(&home.join(".ssh/id_ed25519"), 0o644);
    mode(&home.join(".s3cfg"), 0o644);
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    if fs::write(home.join(odd), "").and_then(|()| fs::write(home.join(".ssh").join(odd), "")).is_err() {
        left_out("this file system takes UTF-8 names only");
        return;
    }
    let at = root.path().to_str().unwrap();
    for check in ["ssh-private-keys", "secrets-cloud-keys"] {
        let (text, _, code) = ends(&["report", "--root", at, "--check", check]);
        assert_eq!(code, 1, "{check}: {text}");
        assert!(flat(&text).contains("is not UTF-8"), "{check}: {text}");
    }
}

#[test]
fn no_name_drives_a_terminal_or_hides_in_one() {
    let root = home();
    let name = "id_\n\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{2028}\u{200b}";
    let key = root.path().join("home/ada/.ssh").join(name);
    fs::write(&key, KEY).unwrap();
    mode(&key, 0o644);
    put(root.path(), "etc/hostname", &format!("host{name}\n"));
    put(
        root.path(),
        &format!("etc/systemd/system/x{}.service", &name[4..]),
        "[Service]\nExecStart=/bin/true\n",
    );
    let at = root.path().to_str().unwrap();
    let raw = |text: &str| {
        let drives = |character: char| matches!(character, '\u{202e}' | '\u{2028}' | '\u{200b}');
        text.chars().any(|character| (character.is_control() && character != '\n') || drives(character))
    };
    for verb in [
        &["report", "--verbose"][..],
        &["report", "--format", "json"],
        &["facts"],
        &["duties"],
        &["doctor", "--verbose"],
    ] {
        let (text, error, _) = ends(&[verb, &["--root", at]].concat());
        assert!(!raw(&text) && !raw(&error), "{verb:?}: {text:?} {error:?}");
    }
    let missing = format!("/nowhere/{name}");
    for verb in ["--root", "--facts", "--config", "--output", "--check"] {
        let (_, error, code) = ends(&["report", verb, &missing]);
        assert!(code == 2 && !raw(&error), "{verb}: {error:?}");
    }
}

#[test]
fn what_cannot_be_read_without_proc_is_not_taken_for_absent() {
    let root = home();
    put(root.path(), "etc/sudoers", "ada ALL=(ALL) NOPASSWD: ALL\n");
    mode(&root.path().join("etc/sudoers"), 0o440);
    let hidden =
        "mount -t tmpfs none /proc && exec \"$0\" report --root \"$1\" --check accounts-sudo-nopasswd";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "bash", "-c", hidden, BINARY, root.path().to_str().unwrap()])
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(32) && output.stderr.is_empty() => output,
        _ => return left_out("this account may not make a mount namespace"),
    };
    let text = flat(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("/proc is not mounted") && !text.contains("does not exist"), "{text}");
}

#[test]
fn a_report_never_takes_the_place_of_a_device_or_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("facts"), HEAD).unwrap();
    fs::create_dir(at("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    symlink("/dev/null", at("null")).unwrap();
    symlink("/proc/self/fd/1", at("stdout")).unwrap();
    for name in ["folder", "fifo", "null", "stdout"] {
        let before = fs::symlink_metadata(at(name)).unwrap().file_type();
        let (_, error, code) = ends(&["report", "--facts", &at("facts"), "--output", &at(name)]);
        assert_eq!(code, 2, "{name}");
        assert!(error.contains("is not a regular file"), "{name}: {error}");
        assert_eq!(fs::symlink_metadata(at(name)).unwrap().file_type(), before, "{name}");
    }
    // A link is replaced, and what it leads to stays as it is.
    fs::write(at("precious"), "precious").unwrap();
    symlink(at("precious"), at("link")).unwrap();
    assert_eq!(ends(&["report", "--facts", &at("facts"), "--output", &at("link")]).2, 3);
    assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
    assert!(fs::symlink_metadata(at("link")).unwrap().is_file());
}

#[test]
fn a_disk_or_a_limit_that_is_reached_leaves_no_half_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let limited = "cd \"$1\" && ulimit -f 0 && ulimit -c 0 && exec \"$0\" facts --root / --output out";
    let output = script(limited, &[at]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // What has the name of the draft is somebody else's.
    fs::write(dir.path().join("facts"), HEAD).unwrap();
    let taken = "cd \"$1\" && touch .out.$$ && exec \"$0\" report --facts facts --output out";
    assert_eq!(script(taken, &[at]).status.code(), Some(2));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn few_descriptors_and_closed_streams_change_no_verdict() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("facts"), HEAD).unwrap();
    let facts = dir.path().join("facts");
    let facts = facts.to_str().unwrap();
    for (text, code) in [
        ("exec \"$0\" report --facts \"$1\" >&-", 3),
        ("exec \"$0\" report --facts \"$1\" <&- >/dev/null 2>&-", 3),
        ("exec \"$0\" report --facts \"$1\" >/dev/full", 2),
        ("exec \"$0\" report --facts \"$1.nowhere\" <&- >&- 2>&-", 2),
        ("ulimit -n 16; exec \"$0\" report --facts \"$1\"", 3),
        ("ulimit -v 65536; exec \"$0\" report --facts \"$1\"", 3),
    ] {
        assert_eq!(script(text, &[facts]).status.code(), Some(code), "{text}");
    }
    // Without descriptors a host's answer is unknown, never kept.
    let root = home();
    let few = "ulimit -n 4; exec \"$0\" report --root \"$1\"";
    let output = script(few, &[root.path().to_str().unwrap()]);
    assert!(matches!(output.status.code(), Some(1..=3 | 127)), "{output:?}");
}

#[test]
fn a_snapshot_and_a_configuration_may_say_anything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.toml");
    let path = path.to_str().unwrap();
    let deep = 100_000;
    let users = "[accounts.known]\nmalformed = [";
    for (text, wanted) in [
        (format!("{HEAD}x = {}", "[".repeat(deep)), 2),
        (format!("{HEAD}x = {}", "{a=".repeat(deep)), 2),
        (format!("{HEAD}x{} = 1", ".a".repeat(deep)), 2),
        (format!("{HEAD}[a{}]", ".a".repeat(deep)), 2),
        (format!("{HEAD}x = 9223372036854775808"), 2),
        (format!("{HEAD}# {}", "a".repeat(9 << 20)), 2),
        (HEAD.replace("2026-", "-9999-"), 2),
        (HEAD.replace("2026-11-22", "9999-12-31"), 3),
        (HEAD.replace("2026-11-22", "0000-01-01"), 3),
        (format!("{HEAD}{users}{}]", "\"a\",".repeat(50_000)), 3),
        (format!("{HEAD}{users}\"{}\"]", "password = a ".repeat(10_000)), 3),
    ] {
        fs::write(path, &text).unwrap();
        let (_, error, code) = ends(&["report", "--facts", path]);
        assert_eq!(code, wanted, "{:.80}: {error:.400}", &text[HEAD.len().min(text.len())..]);
        assert_eq!(ends(&["report", "--facts", "/dev/null", "--config", path]).2, 2);
    }
    assert_eq!(ends(&["report", "--facts", "/dev/zero"]).2, 2);
}

#[test]
fn files_that_include_each_other_end() {
    let root = home();
    let mut sudoers = String::from("@includedir /etc/sudoers.d\n");
    for number in 0..200 {
        let _ = writeln!(sudoers, "User_Alias A{number} = A{0}, A{0}", number + 1);
        put(
            root.path(),
            &format!("etc/sudoers.d/f{number}"),
            "@include /etc/sudoers\n@includedir /etc/sudoers.d\n",
        );
        put(root.path(), &format!("etc/ssh/d/{number}.conf"), "Include /etc/ssh/d/*.conf\n");
    }
    put(root.path(), "etc/sudoers", &(sudoers + "A0 ALL=(ALL) NOPASSWD: ALL\n"));
    put(
        root.path(),
        "etc/ssh/sshd_config",
        &"Include /etc/ssh/sshd_config\nInclude /etc/ssh/d/*\n".repeat(5),
    );
    put(root.path(), "etc/pam.d/sshd", &"@include sshd\nauth substack sshd\nauth include sshd\n".repeat(5));
    put(root.path(), "etc/apt/apt.conf", &format!("{}#include \"/etc/apt/apt.conf\";", "{".repeat(100_000)));
    put(
        root.path(),
        "etc/nftables.conf",
        &format!("{}{}", "include \"/etc/nftables.conf\"\n".repeat(9), "a {".repeat(100_000)),
    );
    put(root.path(), "run/cloud-init/instance-data.json", &"{\"v1\":".repeat(100_000));
    let (text, _, code) = ends(&["report", "--root", root.path().to_str().unwrap(), "--verbose"]);
    assert!(code == 1 || code == 3, "{text}");
    assert!(!text.contains("kept    accounts-sudo-nopasswd"), "{text}");
}

#[test]
fn an_ordinary_account_cannot_play_the_systems_agents() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("facts.toml");
    let path = path.to_str().unwrap();
    for (uid, unit, kept) in [
        (1001, "session-1.scope", false),
        (100_000, "user@1001.service", false),
        (1001, "cron.service", false),
        (1001, "clamav-daemon.service", true),
        (64_055, "x.service", true),
        (106, "x.service", true),
    ] {
        // In a mount namespace of her own she has put her file at this path.
        let process = format!(
            "[[processes.known.list]]\npid = 9\nname = \"clamd\"\nexe.known = \"/usr/sbin/clamd\"\nuid = {uid}\nunit = \"{unit}\"\n"
        );
        fs::write(
            path,
            format!(
                "{HEAD}{process}[units.known]\ninit = \"systemd\"\n[packages.known]\nmanager = \"dpkg\"\n"
            ),
        )
        .unwrap();
        let (text, _, code) = ends(&["report", "--facts", path, "--check", "malware-protection"]);
        assert_eq!(code == 0, kept, "{uid} in {unit}: {text}");
    }
}
