//! The watch as its service manager sees it, without privileges: it begins, reads its configuration again, and ends.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use crate::support::run;

/// A watch of this machine with a folder, a configuration and a manager of its own.
pub(crate) struct Watch {
    dir: tempfile::TempDir,
    child: Child,
    manager: UnixDatagram,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        std::fs::write(dir.path().join("hostduty.toml"), "[watch]\npoll_seconds = 5\n").unwrap();
        let child = command(dir.path()).env("NOTIFY_SOCKET", dir.path().join("notify")).spawn().unwrap();
        let watch = Self { dir, child, manager };
        watch.hear("READY=1");
        watch
    }

    pub(crate) fn folder(&self) -> String {
        self.dir.path().join("state").to_str().unwrap().to_owned()
    }

    /// Waits until the manager is told this.
    fn hear(&self, what: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line == what) {
                return message;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The events of the record, by kind.
    fn kinds(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("state/history-000001.jsonl")).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["event"]["kind"].as_str().unwrap().to_owned()
            })
            .filter(|kind| kind != "transition")
            .collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostduty"));
    command.arg("watch").arg("--config").arg(dir.join("hostduty.toml")).arg("--state").arg(dir.join("state"));
    command.env_remove("STATE_DIRECTORY").stderr(std::process::Stdio::null());
    command
}

#[test]
fn it_begins_reads_its_configuration_again_and_ends() {
    let mut watch = Watch::start();
    let (text, code) = run(&["status", "--state", &watch.folder()]);
    assert!(code == 0 && text.starts_with("Watching since "), "{code}: {text}");

    // One at a time: what is in the folder is written by one.
    let second = command(watch.dir.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(2));

    let config = watch.dir.path().join("hostduty.toml");
    std::fs::write(&config, "[watch]\npoll_second = 5\n").unwrap();
    watch.signal("-HUP");
    assert!(watch.hear("RELOADING=1").contains("MONOTONIC_USEC="));
    assert!(watch.hear("READY=1").contains("did you mean `poll_seconds`?"));
    assert!(run(&["status", "--state", &watch.folder()]).0.contains("Trouble: "));
    std::fs::write(&config, "[watch]\npoll_seconds = 6\n").unwrap();
    watch.signal("-HUP");
    assert!(!watch.hear("READY=1").contains("did you mean"));

    watch.signal("-TERM");
    watch.hear("STOPPING=1");
    assert!(watch.child.wait().unwrap().success());
    assert_eq!(watch.kinds(), ["started", "reconfigured", "stopped"]);
    let (text, code) = run(&["status", "--state", &watch.folder()]);
    assert!(
        code == 1 && text.starts_with("Nothing watches: the last watch was told to stop"),
        "{code}: {text}"
    );
}

#[test]
fn one_that_was_killed_is_not_taken_for_running() {
    let mut watch = Watch::start();
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
    let (text, code) = run(&["status", "--state", &watch.folder()]);
    assert!(code == 1 && text.starts_with("Nothing watches: process "), "{code}: {text}");
    let nowhere = watch.dir.path().join("nowhere");
    let (text, code) = run(&["status", "--state", nowhere.to_str().unwrap()]);
    assert!(code == 1 && text.starts_with("No watch has run with the state folder"), "{code}: {text}");
}

#[test]
fn a_broken_configuration_ends_it_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hostduty.toml"), "[watch]\nfull_report = \"at noon\"\n").unwrap();
    let output = command(dir.path()).stderr(std::process::Stdio::piped()).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("hostduty.toml:2: `at noon` is no time that comes again"), "{message}");
    assert!(!dir.path().join("state").exists());
}
