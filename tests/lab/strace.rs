//! The promises that only a trace of the system calls can prove: no process, no write, no connection, no module.

use std::fs;
use std::process::Command;

/// A report of this machine as root under strace: the lines of the trace.
fn trace() -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace");
    let modules = fs::read("/proc/modules").ok();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-s", "128", "-o"])
        .arg(&file)
        .args([env!("CARGO_BIN_EXE_hostduty"), "report", "--format", "json"])
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
    let trace = trace();
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
