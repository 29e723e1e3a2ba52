//! The town of `tests/lab/fleet/town`: a client and SSH servers in namespaces, which end with this value.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::machines::top;

/// The namespaces with everybody in them; they end with it.
pub(super) struct Town {
    work: tempfile::TempDir,
    pub(super) keeper: Child,
}

impl Town {
    /// Builds it with these hosts, each with a name and a kind.
    pub(super) fn build(hosts: &[(impl AsRef<str>, &str)]) -> Self {
        // Those who log in read keys and programs there.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let work = tempfile::Builder::new().permissions(readable).tempdir().unwrap();
        install(&work.path().join("root/usr/lib/hostduty/remote"));
        let mut keeper = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "bash"])
            .arg(top().join("tests/lab/fleet/town"))
            .arg(work.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = keeper.stdin.as_mut().unwrap();
        for (name, kind) in hosts {
            writeln!(input, "{} {kind}", name.as_ref()).unwrap();
        }
        writeln!(input, "end").unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = fs::read_to_string(work.path().join("log")).unwrap_or_default();
        assert_eq!(line, "ready\n", "{log}");
        Self { work, keeper }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// hostduty as the client runs it.
    pub(super) fn hostduty(&self, arguments: &[&str]) -> Command {
        let mut command = self.client_command(&[env!("CARGO_BIN_EXE_hostduty"), "report"]);
        command.args(arguments).env_remove("SSH_AUTH_SOCK").stdin(Stdio::null());
        command
    }

    /// A program as the client's user runs it.
    pub(super) fn client_command(&self, words: &[&str]) -> Command {
        let mut command = self.within(&self.keeper.id().to_string(), &["-n"]);
        command.args(words);
        command
    }

    /// What it prints.
    pub(super) fn client(&self, words: &[&str]) -> String {
        let output = self.client_command(words).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// A program among the mounts of a host.
    pub(super) fn on(&self, host: &str, words: &[&str]) -> String {
        let pid = fs::read_to_string(self.path("pids").join(host)).unwrap();
        let output = self.within(pid.trim(), &[]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn within(&self, pid: &str, more: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        // `unshare --fork` is in the namespaces of its child but for that of processes.
        command.args(["-t", pid, "-m"]).args(more).arg("--");
        command
    }

    pub(super) fn files(&self, host: &str) -> Vec<String> {
        let text = self.on(host, &["find", "/tmp", "/var/tmp", "/dev/shm", "/run", "/srv"]);
        let mut files: Vec<String> = text.lines().map(str::to_owned).collect();
        files.sort();
        files
    }

    pub(super) fn files_before(&self, host: &str) -> Vec<String> {
        let mut files: Vec<String> =
            fs::read_to_string(self.path("before").join(host)).unwrap().lines().map(str::to_owned).collect();
        files.sort();
        files
    }

    /// Waits until a host has no other files than before anybody came.
    pub(super) fn is_clean(&self, host: &str, within: Duration) -> Result<(), String> {
        let until = Instant::now() + within;
        loop {
            let (before, after) = (self.files_before(host), self.files(host));
            // What sudo itself remembers about a user.
            let more: Vec<&String> = after
                .iter()
                .filter(|file| !before.contains(file) && !file.starts_with("/run/sudo"))
                .collect();
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{host}: {more:?}"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until no process runs on a host but those that it was built with, and `tail`, with which liars wait.
    pub(super) fn is_quiet(&self, host: &str) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let text = self.on(host, &["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null"]);
            // `pid (name) state`; the first process of a host waits for nobody, so that the dead stay in the list.
            let alive = text.lines().filter(|line| !line.contains(") Z ") && !line.starts_with("1 ("));
            let left: Vec<&str> =
                alive.filter(|line| !["(sshd)", "(tail)"].iter().any(|own| line.contains(own))).collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{host} still runs {left:?}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        // It ends with its input, and everybody with it.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Lays out binaries for the other side as a package does.
fn install(folder: &Path) {
    let place = |machine: &str| folder.join(format!("{machine}-unknown-linux-musl")).join("hostduty");
    let own = place(std::env::consts::ARCH);
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    // It is the one under test; without its debugging information it travels faster.
    let binary = env!("CARGO_BIN_EXE_hostduty");
    let stripped = Command::new("strip").args([binary, "-o"]).arg(&own).status();
    if !stripped.is_ok_and(|status| status.success()) {
        fs::copy(binary, &own).unwrap();
    }
    // For the other processor, what packaging/static built; or else one of which only the header says so.
    let other = place("aarch64");
    if !other.exists() {
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        if fs::copy(static_aarch64(), &other).is_err() {
            let mut bytes = fs::read(own).unwrap();
            bytes[18..20].copy_from_slice(&183_u16.to_le_bytes());
            fs::write(other, bytes).unwrap();
        }
    }
}

/// The binary for aarch64, if packaging/static was run.
pub(super) fn static_aarch64() -> PathBuf {
    top().join("target/static/hostduty-aarch64-unknown-linux-musl")
}

pub(super) fn is_installed(program: &str) -> bool {
    Path::new(program).exists()
}

pub(super) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
