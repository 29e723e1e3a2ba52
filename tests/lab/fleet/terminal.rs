//! What is asked of the operator: on a terminal for one machine and legibly, and otherwise nothing, without waiting.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::town::Town;

/// Runs hostduty on a terminal of its own and types each answer once its question stands there. What the terminal showed.
fn typed(town: &Town, arguments: &str, answers: &[(&str, &str)]) -> String {
    let command =
        format!("stty cols 80; {} report {arguments}; echo code $?; stty -a", env!("CARGO_BIN_EXE_hostduty"));
    let mut child = town
        .client_command(&["script", "-qefc", &command, "/dev/null"])
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut output, mut input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let (sender, chunks) = channel();
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            if sender.send(chunk[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let (mut shown, mut answers, mut from) = (Vec::new(), answers.iter(), 0);
    let mut next = answers.next();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match chunks.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(chunk) => shown.extend(chunk),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                panic!("it hangs: {}", String::from_utf8_lossy(&shown));
            }
        }
        if let Some((question, answer)) = next
            && String::from_utf8_lossy(&shown[from..]).contains(question)
        {
            writeln!(input, "{answer}").unwrap();
            from = shown.len();
            next = answers.next();
        }
    }
    child.wait().unwrap();
    assert!(next.is_none(), "{next:?} was not asked: {}", String::from_utf8_lossy(&shown));
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn one_machine_may_ask_on_a_terminal() {
    if !crate::allowed("questions of ssh on a terminal") {
        return;
    }
    let town = Town::build(&[("web", "password")]);
    let ask = "--host pat@web --check ssh-key-only";
    let shown = typed(
        &town,
        ask,
        &[("continue connecting (yes/no/[fingerprint])? ", "yes"), ("pat@web's password: ", "correct horse")],
    );
    assert!(shown.contains("ssh-key-only") && !shown.contains("correct horse"), "{shown}");
    // Nothing was written over what ssh asked.
    let asked = shown.split("pat@web's password: ").next().unwrap();
    assert!(!asked.contains("\u{1b}[K"), "{asked}");
    // Who answers nothing gets a result in time, and the terminal back as it was.
    let shown = typed(&town, &format!("{ask} --timeout 4"), &[("pat@web's password: ", "wrong")]);
    assert!(shown.contains("timed-out") && shown.contains("code 2"), "{shown}");
    assert!(shown.contains(" echo ") && !shown.contains("-echo "), "the terminal stays silent: {shown}");
}

#[test]
fn several_machines_ask_nothing() {
    if !crate::allowed("several machines on a terminal") {
        return;
    }
    let town = Town::build(&[
        ("web", "plain"),
        ("locked", "password"),
        ("unknown", "unknown-key"),
        ("inner", "inner"),
    ]);
    // The ssh that goes to a jump host hears of no BatchMode.
    let config = "Host inner\n  HostName 198.51.100.1\n  ProxyJump root@unknown\n";
    town.client(&["sh", "-c", &format!("printf '{config}' >/srv/root/.ssh/config")]);
    let begun = Instant::now();
    let shown = typed(
        &town,
        "--host root@web --host pat@locked --host root@inner --check ssh-key-only --color never --timeout 30",
        &[],
    );
    assert!(begun.elapsed() < Duration::from_secs(25), "somebody waited for an answer: {shown}");
    assert!(!shown.contains("password:") && !shown.contains("(yes/no"), "{shown}");
    let report = shown.rsplit("\u{1b}[K").next().unwrap();
    assert!(
        shown.contains("of 3 hosts")
            && report.contains("host-key-unknown")
            && !report.contains("of 3 hosts, "),
        "{shown}"
    );
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    if !crate::allowed("machines that would ask without a terminal") {
        return;
    }
    let town = Town::build(&[("web", "password")]);
    let begun = Instant::now();
    let ask = |host: &str| {
        let output = town.hostduty(&["--host", host, "--format", "json"]).output().unwrap();
        super::json(&output)["hosts"][0].clone()
    };
    let host = ask("pat@web");
    assert_eq!(
        (&host["outcome"], &host["detail"]),
        (&"host-key-unknown".into(), &"Host key verification failed.".into())
    );
    town.client(&["sh", "-c", "ssh-keyscan web >>/srv/root/.ssh/known_hosts 2>/dev/null"]);
    let host = ask("pat@web");
    assert_eq!(host["outcome"], "authentication-refused", "{host}");
    assert_eq!(host["detail"], "pat@web: Permission denied (publickey,password).");
    assert!(begun.elapsed() < Duration::from_secs(15));
}
