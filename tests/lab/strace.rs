//! The promises that only a trace of the system calls can prove: no process, no write, no connection, no module.

use std::fs;
use std::process::Command;

/// A report of this machine as root under strace: the lines of the trace.
fn trace(more: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace");
    let modules = fs::read("/proc/modules").ok();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-s", "128", "-o"])
        .arg(&file)
        .args([env!("CARGO_BIN_EXE_hostduty"), "report", "--format", "json"])
        .args(more)
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(modules, fs::read("/proc/modules").ok(), "a report loaded or unloaded a kernel module");
    fs::read_to_string(file).unwrap()
}

/// The trace's lines that call `name`.
fn calls<'a>(trace: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    trace.lines().filter(move |line| {
        line.split_once(' ').is_some_and(|(_, call)| call.trim_start().starts_with(&format!("{name}(")))
    })
}

#[test]
fn a_report_starts_nothing_writes_nothing_and_calls_nobody() {
    if !super::allowed("a report under strace") {
        return;
    }
    let trace = trace(&[]);
    assert_eq!(calls(&trace, "execve").count(), 1, "a process was started");
    assert_eq!(calls(&trace, "execveat").count(), 0);
    assert!(calls(&trace, "openat").count() > 100, "the trace is empty");
    for call in ["open", "openat", "openat2", "creat"] {
        for line in calls(&trace, call) {
            for flag in ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"] {
                assert!(!line.contains(flag), "opened for writing: {line}");
            }
        }
    }
    for call in [
        "unlink",
        "unlinkat",
        "rename",
        "renameat2",
        "mkdir",
        "mkdirat",
        "chmod",
        "fchmod",
        "chown",
        "init_module",
        "finit_module",
    ] {
        assert_eq!(calls(&trace, call).count(), 0, "{call} was called");
    }
    let legacy = |path: &str| fs::read_to_string(path).is_ok_and(|names| !names.trim().is_empty());
    for line in calls(&trace, "socket") {
        let of = |family: &str| line.contains(family);
        let allowed = line.contains("AF_NETLINK")
            || line.contains("AF_UNIX")
            || of("AF_INET,") && legacy("/proc/net/ip_tables_names")
            || of("AF_INET6,") && legacy("/proc/net/ip6_tables_names");
        assert!(allowed, "a socket that no report needs: {line}");
    }
    for call in ["connect", "bind", "sendto", "sendmsg", "sendmmsg"] {
        for line in calls(&trace, call) {
            assert!(!line.contains("sa_family=AF_INET"), "an internet address was used: {line}");
        }
    }
}

#[test]
fn signing_starts_ssh_keygen_alone_and_writes_two_files() {
    if !super::allowed("a signed report under strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    // What is written stands apart from what is read.
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let report = out.join("report.json");
    let (key, report) = (key.to_str().unwrap(), report.to_str().unwrap());
    let trace = trace(&["--sign", "--key", key, "--output", report]);
    let mut files: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["report.json", "report.json.sig"]);
    let started: Vec<&str> = calls(&trace, "execve").skip(1).collect();
    assert_eq!(started.len(), 2, "{started:?}");
    assert!(started.iter().all(|line| line.contains("execve(\"/usr/bin/ssh-keygen\", ")), "{started:?}");
    for call in ["open", "openat", "openat2", "creat"] {
        for line in calls(&trace, call) {
            let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag));
            let harmless = ["EACCES", "EPERM", "\"/dev/null\"", out.to_str().unwrap()];
            assert!(!writes || harmless.iter().any(|word| line.contains(word)), "opened for writing: {line}");
        }
    }
    for line in calls(&trace, "socket").filter(|line| line.contains("AF_INET")) {
        assert!(line.contains("AF_INET, SOCK_RAW") || line.contains("EPERM"), "an internet socket: {line}");
    }
    // Whoever holds the key, hostduty is not among them.
    let opened: Vec<&str> =
        calls(&trace, "openat").filter(|line| line.contains(&format!("\"{key}\""))).collect();
    let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let children: Vec<String> = started.iter().map(|line| first(line)).collect();
    assert!(!opened.is_empty() && opened.iter().all(|line| children.contains(&first(line))), "{opened:?}");
}
