//! What hostduty says of who can log in over SSH is what a real client of a real sshd experiences.
//!
//! The table lies in `ssh/*.toml`. A booted Debian takes on one configuration after the other; for each of them hostduty
//! answers, and then every client of the table tries. Three things have to be one: what the table expects, what the
//! client experienced, and what hostduty said, for this very connection, for the class that it belongs to, and as the
//! verdict of `ssh-key-only`.

mod answers;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use answers::Answer;
use table::{Attempt, Configuration, MECHANISMS};

use super::machines::{Machine, top, unpacked};

/// A server with the modules of PAM and the realm that configurations ask for, and the client's tools.
const PACKAGES: &str = "systemd-sysv,dbus,openssh-server,openssh-client,iproute2,libpam-systemd,\
    libpam-google-authenticator,libpam-oath,oathtool,libpam-krb5,krb5-kdc,krb5-admin-server,krb5-user";

/// Machines that take configurations at the same time: PAM lets whoever failed wait for seconds.
const MACHINES: usize = 3;

/// Clients at the same time; sshd begins to turn away at ten that have not authenticated (MaxStartups).
const CLIENTS: usize = 8;

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
    let root = unpacked("bookworm-ssh", PACKAGES);
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..MACHINES.min(configurations.len()) {
            let (root, next, problems, configurations) = (&root, &next, &problems, &configurations);
            scope.spawn(move || {
                let machine = prepared(root, number);
                while let Some(configuration) = configurations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = compare(&machine, configuration);
                    problems
                        .lock()
                        .unwrap()
                        .extend(found.into_iter().map(|text| format!("{}: {text}", configuration.name)));
                }
            });
        }
    });
    let attempts: Vec<Attempt> = configurations.iter().flat_map(Configuration::attempts).collect();
    let pending: usize = configurations.iter().map(|configuration| configuration.pending.len()).sum();
    let opens = attempts.iter().filter(|attempt| attempt.opens).count();
    eprintln!(
        "{} configurations, {opens} logins, {} refusals, {pending} answers pending",
        configurations.len(),
        attempts.len() - opens,
    );
    let problems = problems.into_inner().unwrap();
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
    sh(&machine, "/lab/prepare").unwrap();
    machine
}

/// Runs shell lines; an error is what they say.
fn sh(machine: &Machine, lines: &str) -> Result<String, String> {
    let output = machine.run(&["sh", "-ec", lines]);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stdout) + &text(output.stderr)),
    }
}

/// Takes on a configuration, asks hostduty, lets the clients try, and says where the answers differ.
fn compare(machine: &Machine, configuration: &Configuration) -> Vec<String> {
    if let Err(error) = sh(machine, &beginning(configuration)) {
        return vec![format!("cannot be set up: {error}")];
    }
    let attempts = configuration.attempts();
    let looks_up = configuration.sshd.contains("UseDNS yes");
    let compared: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.is_compared()).collect();
    let mut tables = BTreeMap::new();
    for attempt in &compared {
        let connection = answers::connection(attempt, looks_up);
        tables.entry(connection).or_insert_with_key(|connection| answers::one(machine, connection));
    }
    let classes = answers::all(machine);
    let verdict = answers::verdict(machine, "ssh-key-only");

    let mut problems = Vec::new();
    let mut typed = false;
    for chunk in attempts.chunks(CLIENTS) {
        let results = thread::scope(|scope| {
            let clients: Vec<_> = chunk
                .iter()
                .map(|attempt| scope.spawn(|| experience(machine, configuration, attempt)))
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        for (attempt, (entered, words)) in chunk.iter().zip(results) {
            typed |= entered && attempt.is_typed() && !attempt.has_code;
            if entered != attempt.opens {
                let what = if entered { "gets in" } else { "is refused" };
                problems.push(format!("`{}` {what} ({}): {words}", attempt.text, attempt.mechanism));
            }
        }
    }
    let mut judge = |subject: &str, wanted: &str, answer: &Answer, is_strict: bool| {
        let agrees = wanted == answer.word;
        let is_pending = configuration.pending.iter().any(|pending| pending == subject);
        let is_unknown = configuration.unknown.contains_key(subject);
        let Answer { word, about } = answer;
        let problem = match () {
            () if is_pending && agrees && is_strict => "pending, and yet hostduty knows it: unmark it",
            () if is_unknown && word != "unknown" && is_strict => {
                "marked as unknown, and yet hostduty decides it"
            }
            () if agrees || is_pending || is_unknown => return,
            () => "another answer",
        };
        problems.push(format!("`{subject}`: {problem}: {wanted} is right, hostduty says {word}: {about}"));
    };
    for attempt in compared {
        let wanted = if attempt.opens { "opens" } else { "closed" };
        let answer = match &tables[&answers::connection(attempt, looks_up)] {
            Ok(table) => answers::exact(table, attempt),
            Err(error) => Answer { word: "nothing".to_owned(), about: error.clone() },
        };
        judge(&attempt.text, wanted, &answer, true);
        let Ok(classes) = &classes else { continue };
        let of_classes = answers::of_classes(classes, attempt);
        if !of_classes.iter().any(|answer| answer.word == wanted) {
            let about = of_classes.iter().fold("in its class".to_owned(), |mut all, answer| {
                let _ = write!(all, "; {} {}", answer.word, answer.about);
                all
            });
            let word = of_classes.first().map_or("nothing", |answer| answer.word.as_str()).to_owned();
            judge(&attempt.text, wanted, &Answer { word, about }, false);
        }
    }
    match verdict {
        Ok((word, about)) => {
            judge("ssh-key-only", if typed { "fail" } else { "pass" }, &Answer { word, about }, true);
        }
        Err(error) => problems.push(error),
    }
    problems
}

/// The shell lines that make a machine be as a configuration says.
fn beginning(configuration: &Configuration) -> String {
    let mut lines = "/lab/begin\n".to_owned();
    let main = ("/etc/ssh/sshd_config", &configuration.sshd);
    let others = configuration.files.iter().map(|(path, text)| (path.as_str(), text));
    for (path, text) in std::iter::once(main).chain(others) {
        let _ = writeln!(lines, "cat >{path} <<'END_OF_FILE'\n{}\nEND_OF_FILE", text.trim_end());
    }
    lines += &configuration.before;
    // The daemon must be younger than what it reads, to the second.
    lines += "\nfind /etc/ssh /etc/pam.d -newermt '-1 minute' -exec touch -d '-1 minute' {} +\nsystemctl restart ssh\n";
    lines
}

/// Whether a client got in, and what ssh said.
fn experience(machine: &Machine, configuration: &Configuration, attempt: &Attempt) -> (bool, String) {
    let code = match attempt.has_code {
        true => sh(machine, &configuration.code).unwrap().trim().to_owned(),
        false => "000000".to_owned(),
    };
    let output = machine.run(&[
        "env",
        &format!("PASSWORD={}", attempt.password.text()),
        &format!("CODE={code}"),
        "/lab/attempt",
        &attempt.user,
        &attempt.methods.join(","),
        &attempt.from.to_string(),
        &attempt.to.to_string(),
        &attempt.port.to_string(),
        &attempt.key,
    ]);
    let words =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), words.trim().to_owned())
}
