//! A connection that breaks in the middle leaves nothing behind, whoever of the two sides notices.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::town::{Town, json};

#[test]
fn a_broken_connection_leaves_nothing() {
    if !crate::allowed("connections over SSH that break while the binary travels") {
        return;
    }
    let town = Town::build(&[("killed".to_owned(), "late"), ("unplugged".to_owned(), "late")]);
    let ask = |host: &str, timeout: &str| {
        let mut command =
            town.hostduty(&["--host", &format!("root@{host}"), "--timeout", timeout, "--format", "json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The other side waits four seconds in the middle of the binary.
        let begun = ["find", "/dev/shm", "-path", "*/hostduty.*/hostduty", "-size", "+0"];
        let until = Instant::now() + Duration::from_secs(20);
        while town.on(host, &begun).is_empty() {
            assert!(Instant::now() < until, "{host} was never sent anything");
            thread::sleep(Duration::from_millis(50));
        }
        child
    };

    // Neither hostduty nor ssh can say good-bye.
    let mut child = ask("killed", "30");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
    for pid in children.split_whitespace().map(|pid| pid.parse().unwrap()).chain([child.id()]) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    child.wait().unwrap();
    town.is_clean("killed", Duration::from_secs(10)).unwrap();

    // Nothing tells the other side that nobody is there any more: its watchdog has to find out.
    let child = ask("unplugged", "6");
    let pid = town.keeper.id().to_string();
    let pulled = town.within(&pid, &["-n"]).args(["ip", "link", "set", "far2", "down"]).status().unwrap();
    assert!(pulled.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(json(&output)["hosts"][0]["outcome"], "timed-out", "{}", json(&output)["hosts"][0]);
    assert!(town.is_clean("unplugged", Duration::ZERO).is_err(), "the test looks at the wrong place");
    town.is_clean("unplugged", Duration::from_secs(15)).unwrap();
    for host in ["killed", "unplugged"] {
        town.is_quiet(host).unwrap();
    }
}
