//! What hostduty says of who can log in over SSH is what a real client of a real sshd experiences.
//!
//! The table lies in `ssh/*.toml`. A booted Debian takes on one configuration after the other; for each of them hostduty
//! answers, and then every client of the table tries. Three things have to be one: what the table expects, what the
//! client experienced, and what hostduty said, for this very connection, for the class that it belongs to, and as the
//! verdict of `ssh-key-only`.

mod answers;
mod comparison;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use comparison::Findings;
use table::{Attempt, Configuration, MECHANISMS};

use super::machines::{Machine, top, unpacked};

/// A server with the modules of PAM and the realm that configurations ask for, and the client's tools.
const PACKAGES: &str = "systemd-sysv,dbus,openssh-server,openssh-client,iproute2,libpam-systemd,\
    libpam-google-authenticator,libpam-oath,oathtool,libpam-krb5,krb5-kdc,krb5-admin-server,krb5-user";

/// Machines that take configurations at the same time: PAM lets whoever failed wait for seconds.
const MACHINES: usize = 3;

#[test]
fn each_mechanism_lets_in_and_refuses() {
    let configurations = configurations();
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for configuration in &configurations {
        assert!(names.insert(&configuration.name), "two configurations are called {}", configuration.name);
        let attempts = configuration.attempts();
        for marked in configuration.unknown.keys().chain(&configuration.pending) {
            let known = marked == "ssh-key-only" || attempts.iter().any(|attempt| attempt.text == *marked);
            assert!(known, "{}: nobody tries `{marked}`", configuration.name);
        }
        for attempt in attempts {
            assert!(
                MECHANISMS.contains(&attempt.mechanism.as_str()),
                "{}: {} is no mechanism; the list is in tests/lab/ssh/table.rs",
                configuration.name,
                attempt.mechanism
            );
            seen.insert((attempt.mechanism, attempt.opens));
        }
    }
    for mechanism in MECHANISMS {
        for (opens, what) in [(true, "lets somebody in"), (false, "refuses somebody")] {
            assert!(
                seen.contains(&((*mechanism).to_owned(), opens)),
                "in no configuration {mechanism} {what}: write one to tests/lab/ssh/"
            );
        }
    }
    assert!(configurations.len() >= 40, "{} configurations", configurations.len());
}

#[test]
fn clients_experience_what_hostduty_says() {
    if !super::allowed("SSH logins by a real client") {
        return;
    }
    // For work on the table: only configurations whose name contains this.
    let only = std::env::var("HOSTDUTY_LAB_ONLY").unwrap_or_default();
    let configurations: Vec<Configuration> =
        configurations().into_iter().filter(|configuration| configuration.name.contains(&only)).collect();
    assert!(!configurations.is_empty(), "no configuration is called {only}");
    let root = unpacked("bookworm-ssh", PACKAGES);
    let (next, findings) = (AtomicUsize::new(0), Mutex::new(Findings::default()));
    thread::scope(|scope| {
        for number in 0..MACHINES.min(configurations.len()) {
            let (root, next, findings, configurations) = (&root, &next, &findings, &configurations);
            scope.spawn(move || {
                let machine = prepared(root, number);
                while let Some(configuration) = configurations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = comparison::compare(&machine, configuration);
                    findings.lock().unwrap().extend(&configuration.name, found);
                }
            });
        }
    });
    let attempts: Vec<Attempt> = configurations.iter().flat_map(Configuration::attempts).collect();
    let opens = attempts.iter().filter(|attempt| attempt.opens).count();
    let Findings { problems, pending } = findings.into_inner().unwrap();
    eprintln!(
        "{} configurations, {opens} logins, {} refusals, {} answers pending:\n{}",
        configurations.len(),
        attempts.len() - opens,
        pending.len(),
        pending.join("\n")
    );
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn configurations() -> Vec<Configuration> {
    table::read(&top().join("tests/lab/ssh"))
}

fn prepared(root: &Path, number: usize) -> Machine {
    let machine = Machine::over(root, &format!("logins-{number}"));
    machine.sh("mkdir -m 755 /lab");
    for name in ["prepare", "begin", "attempt", "askpass"] {
        machine.put(&top().join("tests/lab/ssh").join(name), &format!("/lab/{name}"));
        machine.sh(&format!("chmod 755 /lab/{name}"));
    }
    comparison::sh(&machine, "/lab/prepare").unwrap();
    machine
}
