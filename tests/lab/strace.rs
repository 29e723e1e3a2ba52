//! The promises that only a trace of the system calls can prove: no process, no write, no connection, no module.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// What changes names, rights or the kernel.
const CHANGES: &[&str] = &[
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "truncate",
    "ftruncate",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "setxattr",
    "fsetxattr",
    "mount",
    "init_module",
    "finit_module",
];

/// Starts hostduty under strace.
fn traced(file: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("strace");
    // -y: which file a descriptor is.
    command
        .args(["-f", "-y", "-qq", "-s", "256", "-o"])
        .arg(file)
        .arg(env!("CARGO_BIN_EXE_hostduty"))
        .args(words);
    command
}

/// A report of this machine as root under strace: the lines of the trace.
fn trace(more: &[&str]) -> String {
    let words = [&["report", "--format", "json"], more].concat();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trace");
    let modules = fs::read("/proc/modules").ok();
    let output = traced(&file, &words).output().unwrap();
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

/// It started no process, opened and changed nothing but in a folder of its own, and spoke with nobody on a network.
fn harmless(trace: &str, own: Option<&str>) {
    let own = |line: &str| own.is_some_and(|folder| line.contains(folder));
    assert_eq!(calls(trace, "execve").count(), 1, "a process was started");
    assert_eq!(calls(trace, "execveat").count(), 0);
    assert!(calls(trace, "openat").count() > 100, "the trace is empty");
    for call in ["open", "openat", "openat2", "creat"] {
        for line in calls(trace, call) {
            for flag in ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"] {
                assert!(!line.contains(flag) || own(line), "opened for writing: {line}");
            }
        }
    }
    for call in CHANGES {
        for line in calls(trace, call) {
            assert!(own(line), "changed: {line}");
        }
    }
    let legacy = |path: &str| fs::read_to_string(path).is_ok_and(|names| !names.trim().is_empty());
    for line in calls(trace, "socket") {
        let of = |family: &str| line.contains(family);
        let allowed = line.contains("AF_NETLINK")
            || line.contains("AF_UNIX")
            || of("AF_INET,") && legacy("/proc/net/ip_tables_names")
            || of("AF_INET6,") && legacy("/proc/net/ip6_tables_names");
        assert!(allowed, "a socket that nobody needs: {line}");
    }
    for call in ["connect", "bind", "sendto", "sendmsg", "sendmmsg"] {
        for line in calls(trace, call) {
            assert!(!line.contains("sa_family=AF_INET"), "an internet address was used: {line}");
        }
    }
}

#[test]
fn a_report_starts_nothing_writes_nothing_and_calls_nobody() {
    if !super::allowed("a report under strace") {
        return;
    }
    harmless(&trace(&[]), None);
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

#[test]
fn a_watch_starts_nothing_writes_nothing_elsewhere_and_calls_nobody() {
    if !super::allowed("a watch under strace") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (file, own) = (dir.path().join("trace"), dir.path().join("own"));
    let (state, metrics) = (own.join("state"), own.join("metrics"));
    fs::create_dir_all(&state).unwrap();
    fs::create_dir_all(&metrics).unwrap();
    let configuration = dir.path().join("hostduty.toml");
    let text = format!("[watch]\nsettle_seconds = 0\npoll_seconds = 5\ntextfile_folder = {metrics:?}\n");
    fs::write(&configuration, text).unwrap();
    let [state_name, configuration] = [&state, &configuration].map(|path| path.to_str().unwrap());
    let words = ["watch", "--state", state_name, "--config", configuration];
    let mut watch = traced(&file, &words).stderr(std::process::Stdio::null()).spawn().unwrap();
    let status = state.join("status.json");
    let read = || serde_json::from_str::<Value>(&fs::read_to_string(&status).ok()?).ok();
    wait(&mut watch, || read().is_some());
    let pid = Pid::from_raw(i32::try_from(read().unwrap()["pid"].as_i64().unwrap()).unwrap());
    // It looks at everything again, polls, and ends.
    kill(pid, Signal::SIGHUP).unwrap();
    let first = read().unwrap()["looked_at"].clone();
    wait(&mut watch, || read().is_some_and(|status| status["looked_at"] != first && status["recorded"] != 1));
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(watch.wait().unwrap().success());
    let trace = fs::read_to_string(file).unwrap();
    harmless(&trace, own.to_str());
    assert!(
        trace.contains("hostduty.prom") && trace.contains("history-000001.jsonl"),
        "it wrote nothing at all"
    );
}

fn wait(watch: &mut Child, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(watch.try_wait().unwrap().is_none(), "the watch ended");
        assert!(start.elapsed() < Duration::from_secs(60), "the watch does nothing");
        std::thread::sleep(Duration::from_millis(100));
    }
}
