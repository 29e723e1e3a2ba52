//! What may lie where sshd, PAM and keys have their files, and what may stand on the command line of `hostduty sshd`.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::{BINARY, ends, flat, mode, put};
use crate::support::{is_root, left_out};

/// No run lasts as long as this, without optimisation; the machine may be busy with other tests.
const LONG: Duration = Duration::from_secs(20);
/// Address space that a run may take, in kilobytes.
const MEMORY: u32 = 500_000;
const CLOSED: &str =
    "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";
const MAIN: &str = "/etc/ssh/sshd_config";
const DROP_IN: &str = "/etc/ssh/sshd_config.d/50.conf";
const PAM: &str = "/etc/pam.d/sshd";
const COMMON: &str = "/etc/pam.d/common-auth";
const KEYS: &str = "/home/ada/.ssh/authorized_keys";
const HOST_KEY: &str = "/etc/ssh/ssh_host_rsa_key";

/// A Debian with the server, which starts at boot, an account `ada` with a password, and a PAM that lets nobody in.
fn server(config: &str) -> tempfile::TempDir {
    let dir = super::home();
    let root = dir.path();
    put(root, "usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0");
    put(root, "usr/lib/systemd/systemd", "");
    put(root, "usr/lib/systemd/system/ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n");
    let wanted = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wanted).unwrap();
    symlink("/usr/lib/systemd/system/ssh.service", wanted.join("ssh.service")).unwrap();
    put(root, "bin/sh", "");
    mode(&root.join("bin/sh"), 0o755);
    put(root, "etc/shadow", &format!("ada:$6$abcdefgh${}:20000:0:::::\n", "a".repeat(86)));
    put(root, "etc/nsswitch.conf", "passwd: files\n");
    put(root, MAIN.trim_start_matches('/'), config);
    fs::create_dir_all(root.join("etc/ssh/sshd_config.d")).unwrap();
    put(root, "etc/pam.d/sshd", "@include common-auth\nauth required pam_deny.so\n");
    put(root, "etc/pam.d/common-auth", "auth required pam_deny.so\n");
    dir
}

/// Runs hostduty in bounded memory.
#[track_caller]
fn bounded(arguments: &[&str]) -> (String, i32) {
    let begun = Instant::now();
    let script = format!("ulimit -v {MEMORY}; exec timeout {} \"$0\" \"$@\"", LONG.as_secs());
    let Output { status, stdout, stderr } =
        Command::new("bash").args(["-c", &script, BINARY]).args(arguments).output().unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    let code = status.code().unwrap_or_else(|| panic!("{arguments:.200?} ended by {status}"));
    assert!(
        matches!(code, 0..=3),
        "{arguments:.200?} ended with {code} after {:?}: {text:.2000}",
        begun.elapsed()
    );
    (flat(&text), code)
}

#[track_caller]
fn verdict(root: &Path, check: &str) -> (String, i32) {
    bounded(&["report", "--root", root.to_str().unwrap(), "--check", check, "--verbose"])
}

/// Something that is no file of text, at a path; what is bound there lives as long as the value that is given back.
fn odd(path: &Path, kind: &str) -> Option<UnixListener> {
    let _ = fs::remove_file(path);
    match kind {
        "fifo" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "socket" => {
            // The path of a socket must be short.
            let short = tempfile::tempdir().unwrap();
            let listener = UnixListener::bind(short.path().join("s")).unwrap();
            fs::rename(short.path().join("s"), path).unwrap();
            return Some(listener);
        }
        "folder" => fs::create_dir(path).unwrap(),
        "loop" => symlink(path.file_name().unwrap(), path).unwrap(),
        "dangling" => symlink("/nowhere", path).unwrap(),
        "sparse" => fs::File::create(path).unwrap().set_len(1 << 30).unwrap(),
        "nul" => fs::write(path, "PasswordAuthentication no\0\nauth required pam_deny.so\0\n").unwrap(),
        "not UTF-8" => fs::write(path, b"\xff\xfe\x80 \xc3(\n".repeat(100)).unwrap(),
        "lines" => fs::write(path, "x y\n".repeat(100_000)).unwrap(),
        _ => panic!("{kind}"),
    }
    None
}

const KINDS: &[&str] =
    &["fifo", "socket", "folder", "loop", "dangling", "sparse", "nul", "not UTF-8", "lines"];

/// What an odd file may rightly leave kept: sshd and PAM treat it as if nothing were there, or refuse everybody.
fn harmless(place: &str, kind: &str) -> bool {
    match place {
        // sshd reads a folder as an empty file.
        DROP_IN => kind == "folder",
        // libpam refuses everybody on account of what it cannot read or understand.
        PAM => kind == "not UTF-8",
        COMMON => matches!(kind, "dangling" | "not UTF-8"),
        // sshd passes over what is not regular, and over lines that hold no key.
        KEYS => matches!(kind, "fifo" | "socket" | "folder" | "dangling" | "nul" | "not UTF-8"),
        HOST_KEY => kind == "dangling",
        _ => false,
    }
}

#[test]
fn whatever_lies_in_the_place_of_a_file_is_named_and_never_kept() {
    if !is_root() {
        return left_out("sshd heeds keys only in files of root's or the account's, which take root to make");
    }
    for (place, config, check) in [
        (MAIN, CLOSED, "ssh-key-only"),
        (DROP_IN, CLOSED, "ssh-key-only"),
        (PAM, "UsePAM yes\n", "ssh-key-only"),
        (COMMON, "UsePAM yes\n", "ssh-key-only"),
        (KEYS, CLOSED, "ssh-authorized-keys"),
        (HOST_KEY, CLOSED, "ssh-host-keys"),
    ] {
        let dir = server(config);
        let before = verdict(dir.path(), check);
        assert_eq!(before.1, 0, "{check} is kept without anything odd at {place}: {}", before.0);
        for kind in KINDS {
            let dir = server(config);
            let _bound = odd(&dir.path().join(&place[1..]), kind);
            let (text, code) = verdict(dir.path(), check);
            assert_eq!(code == 0, harmless(place, kind), "{place} is {kind}: {text}");
            // The only stack that is not told by its file is one that is too long as a whole.
            assert!(
                code != 3 || text.contains(place) || text.contains("PAM stack of sshd"),
                "{place} is {kind}: {text}"
            );
            for arguments in
                [&["--logins"][..], &["--why", "PasswordAuthentication"], &["-C", "user=ada,addr=10.0.0.1"]]
            {
                bounded(&[&["sshd", "--root", dir.path().to_str().unwrap()], arguments].concat());
            }
        }
    }
}

#[test]
fn whatever_file_is_named_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    for kind in KINDS.iter().chain(&["zero", "null", "self"]) {
        let path = dir.path().join(kind.replace(' ', "-"));
        let path: PathBuf = match *kind {
            "zero" => "/dev/zero".into(),
            "null" => "/dev/null".into(),
            "self" => "/proc/self/environ".into(),
            kind => {
                let _bound = odd(&path, kind);
                path
            }
        };
        let path = path.to_str().unwrap();
        let (text, code) = bounded(&["sshd", "--release", "OpenSSH_9.2p1 Debian-2", "-f", path]);
        // sshd takes a folder and /dev/null for empty files.
        assert_eq!(code == 0, matches!(*kind, "folder" | "null"), "{kind}: {text:.400}");
        assert!(code == 0 || text.contains(path), "{kind}: {text:.400}");
    }
}

/// Lines of Match, each with many networks.
fn blocks(blocks: u32, networks: u32) -> String {
    let mut text = String::new();
    for block in 0..blocks {
        let number = |network: u32| block * networks + network;
        let list: Vec<String> = (0..networks)
            .map(number)
            .map(|number| format!("{}.{}.{}.0/24", 1 + number / 65_536, number / 256 % 256, number % 256))
            .collect();
        let value = if block % 2 == 0 { "no" } else { "yes" };
        let _ = writeln!(text, "Match Address {}\nPasswordAuthentication {value}", list.join(","));
    }
    text
}

#[test]
fn a_configuration_of_any_length_is_judged_in_time_or_not_at_all() {
    let versions: Vec<String> = (0..20_000).map(|number| format!("a{number}*b*c")).collect();
    let texts: Vec<String> =
        (0..20_000).map(|number| format!("1?.{}?.*{}?.1", number % 25, number % 24)).collect();
    let open = "Match all\nPasswordAuthentication yes\n";
    for (what, text, wanted) in [
        ("100,000 lines", "#\n".repeat(100_000) + "PasswordAuthentication yes\n", 1),
        ("100,000 settings", "X11Forwarding no\n".repeat(50_000) + CLOSED, 0),
        ("100,000 passwords", "PasswordAuthentication no\n".repeat(30_000), 3),
        ("10,000 Includes", format!("{CLOSED}{}", "Include sshd_config.d/*.conf\n".repeat(10_000)), 3),
        ("a cycle", format!("{CLOSED}Include sshd_config\n"), 3),
        ("lists of networks", format!("{CLOSED}{}", blocks(160, 300)), 3),
        (
            "lists of texts",
            format!("{CLOSED}Match Address {}\nPasswordAuthentication yes\n", texts.join(",")),
            3,
        ),
        ("users", format!("AllowUsers ada@10.0.0.0/8\n{CLOSED}").repeat(9_000), 3),
        (
            "a list of releases",
            format!("Match Version {},*\n{}", versions.join(","), "X11Forwarding no\n".repeat(20_000)),
            3,
        ),
        ("not UTF-8", format!("{CLOSED}Match User \u{fffd}\nPasswordAuthentication yes\n"), 3),
        ("open behind it", format!("{CLOSED}{open}"), 1),
    ] {
        let dir = server(CLOSED);
        let root = dir.path();
        put(root, "etc/ssh/sshd_config.d/00.conf", "X11Forwarding no\n");
        if what == "a list of releases" {
            put(root, "usr/sbin/sshd", "\0OpenSSH_10.0p2 Debian-7\0");
        }
        put(root, "etc/ssh/sshd_config", &text);
        let (report, code) = verdict(root, "ssh-key-only");
        // What is known to be open may be told even where more is not known.
        assert!(code == wanted || (wanted == 3 && code == 1), "{what}: {code}, {report:.1000}");
        for arguments in
            [&["--logins"][..], &["--why", "PasswordAuthentication"], &["-C", "user=ada,addr=10.0.0.1"]]
        {
            bounded(&[&["sshd", "--root", root.to_str().unwrap()], arguments].concat());
        }
    }
}

#[test]
fn five_hundred_blocks_of_three_hundred_networks() {
    let dir = server(CLOSED);
    // One file may not be that long, three may.
    let text = blocks(500, 300);
    let lines: Vec<&str> = text.lines().collect();
    for (number, part) in lines.chunks(334).enumerate() {
        put(dir.path(), &format!("etc/ssh/sshd_config.d/{number}.conf"), &(part.join("\n") + "\n"));
    }
    let (report, code) = verdict(dir.path(), "ssh-key-only");
    assert_eq!(code, 3, "{report:.1000}");
    assert!(report.contains("more kinds of connections than hostduty compares"), "{report:.1000}");
}

#[test]
fn ten_thousand_accounts_are_asked_about_or_not_known() {
    let dir = server(CLOSED);
    let root = dir.path();
    let (mut passwd, mut shadow, mut group) = (String::new(), String::new(), String::new());
    let hash = "a".repeat(86);
    for uid in 1_000..11_000 {
        let _ = writeln!(passwd, "u{uid}:x:{uid}:{uid}::/home/u:/bin/sh");
        let _ = writeln!(shadow, "u{uid}:$6$abcdefgh${hash}:20000:0:::::");
        let _ = writeln!(group, "g{uid}:x:{uid}:u{}", uid - 1);
    }
    for (name, text) in [("passwd", passwd), ("shadow", shadow), ("group", group)] {
        put(root, &format!("etc/{name}"), &text);
    }
    let (report, code) = verdict(root, "ssh-key-only");
    assert_eq!(code, 0, "{report:.1000}");
    let mut blocks = String::new();
    for uid in 1_000..9_000 {
        let _ = writeln!(blocks, "Match User u{uid} Group g{}\nPasswordAuthentication yes", uid + 3);
    }
    put(root, "etc/ssh/sshd_config.d/00.conf", &blocks);
    let (report, code) = verdict(root, "ssh-key-only");
    assert_eq!(code, 3, "{report:.1000}");
}

#[test]
fn what_nobody_may_read_is_not_known() {
    if !is_root() {
        return left_out("another account cannot be taken on without root");
    }
    for (place, config) in [(MAIN, CLOSED), (DROP_IN, CLOSED), (PAM, "UsePAM yes\n"), ("/etc/shadow", "")] {
        let dir = server(config);
        if place == DROP_IN {
            put(dir.path(), &place[1..], "X11Forwarding no\n");
        }
        mode(&dir.path().join(&place[1..]), 0o000);
        let output = Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                BINARY,
                "report",
                "--check",
                "ssh-key-only",
            ])
            .args(["--root", dir.path().to_str().unwrap()])
            .output();
        let Ok(output) = output else { return left_out("there is no setpriv") };
        let text = flat(&String::from_utf8(output.stdout).unwrap());
        // The binary may lie where that account has no way in.
        if output.status.code() == Some(126) || output.status.code() == Some(127) {
            return left_out("another account cannot run the binary");
        }
        assert_eq!(output.status.code(), Some(3), "{place}: {text}");
        assert!(text.contains(place), "{place}: {text}");
    }
}

#[test]
fn odd_words_on_the_command_line() {
    let dir = server(CLOSED);
    let root = dir.path().to_str().unwrap();
    let long = "x".repeat(100_000);
    for (arguments, wanted, part) in [
        (["-C", "garbage"], 2, "garbage"),
        (["-C", "adr=10.0.0.1"], 2, "did you mean `addr`?"),
        (["-C", "lport=70000"], 2, "`70000` is no port"),
        (["-C", "lport=-1"], 2, "is no port"),
        (["-C", ""], 0, "passwordauthentication no"),
        (["-C", ",,,"], 0, "passwordauthentication no"),
        (
            ["-C", "user=\u{1b}[2J\u{202e},addr=\n,host=,laddr=%,rdomain=\u{7}"],
            0,
            "passwordauthentication no",
        ),
        (["-C", "addr=10.0.0.1,addr=::1,invalid-user,invalid-user=x"], 0, "passwordauthentication no"),
        (["--why", "PaswordAuthentication"], 2, "did you mean `passwordauthentication`?"),
        (["--why", ""], 2, "keyword"),
        (["--why", "\u{1b}[2J"], 2, "keyword"),
        (["--why", &long], 2, "keyword"),
        (["-C", &long], 2, "part of a connection"),
        (["--release", "OpenSSH_99999999999.2p1"], 2, "is no release of OpenSSH"),
        (["--release", &long], 2, "is no release of OpenSSH"),
        (["-f", "/nowhere/\u{1b}[2J"], 2, "nowhere"),
        (["-f", &long], 2, ""),
    ] {
        let begun = Instant::now();
        let (text, error, code) = ends(&[&["sshd", "--root", root], &arguments[..]].concat());
        assert_eq!(code, wanted, "{arguments:.80?}: {text:.200} {error:.400}");
        assert!((text.clone() + &error).contains(part), "{arguments:.80?}: {error:.400}");
        assert!(
            !(text + &error).chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{arguments:.80?}"
        );
        assert!(begun.elapsed() < LONG, "{arguments:.80?}");
    }
    // A megabyte of what is right, in as many words as a command line can hold.
    let user = format!("user={long}");
    let many: Vec<&str> = ["-C", user.as_str()].repeat(10);
    let (text, _, code) = ends(&[&["sshd", "--root", root], &many[..]].concat());
    assert!(code == 0 && text.contains("passwordauthentication no"), "{text:.200}");
    let many = ["--why", "PasswordAuthentication"].repeat(1_000);
    assert_eq!(ends(&[&["sshd", "--root", root], &many[..]].concat()).2, 0);
}
