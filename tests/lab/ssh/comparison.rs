//! One configuration: set up, answered by hostduty, tried by the clients, and compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::thread;

use super::super::machines::Machine;
use super::answers::{self, Answer};
use super::table::{Attempt, Configuration};

/// Clients at the same time; sshd begins to turn away at ten that have not authenticated (MaxStartups).
const CLIENTS: usize = 8;

/// Where answers differ.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<String>,
    /// What the table marks as not known yet.
    pub(super) pending: Vec<String>,
}

impl Findings {
    pub(super) fn extend(&mut self, name: &str, more: Self) {
        self.problems.extend(more.problems.into_iter().map(|text| format!("{name}: {text}")));
        self.pending.extend(more.pending.into_iter().map(|text| format!("{name}: {text}")));
    }

    /// Compares an answer with what is right; true where the table leaves nothing open.
    fn judge(&mut self, configuration: &Configuration, subject: &str, wanted: &str, answer: &Answer) -> bool {
        let is_pending = configuration.pending.iter().any(|pending| pending == subject);
        let is_unknown = configuration.unknown.contains_key(subject);
        let Answer { word, about } = answer;
        let said = format!("{wanted} is right, hostduty says {word}: {about}");
        let problem = match (is_pending, is_unknown) {
            (true, _) if answer.agrees(wanted) => "pending, and yet hostduty knows it: unmark it",
            (true, _) => {
                self.pending.push(format!("`{subject}`: {said}"));
                return false;
            }
            (false, true) if word != "unknown" => "marked as unknown, and yet hostduty decides it",
            (false, true) => return true,
            (false, false) if answer.agrees(wanted) => return true,
            (false, false) => "another answer",
        };
        self.problems.push(format!("`{subject}`: {problem}: {said}"));
        true
    }
}

/// Takes on a configuration, asks hostduty, lets the clients try, and says where the answers differ.
pub(super) fn compare(machine: &Machine, configuration: &Configuration) -> Findings {
    let mut findings = Findings::default();
    if let Err(error) = sh(machine, &beginning(configuration)) {
        findings.problems.push(format!("cannot be set up: {error}"));
        return findings;
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

    let typed = let_in(machine, configuration, &attempts, &mut findings);
    for attempt in compared {
        let wanted = if attempt.opens { "opens" } else { "closed" };
        let exact = match &tables[&answers::connection(attempt, looks_up)] {
            Ok(table) => answers::exact(table, attempt),
            Err(error) => Answer::none(error),
        };
        let is_settled = findings.judge(configuration, &attempt.text, wanted, &exact);
        let of_classes = match &classes {
            Ok(table) => answers::of_classes(table, attempt),
            Err(error) => vec![Answer::none(error)],
        };
        // A label leaves open which of some classes an address is in. One of them has to be right, where the answer for
        // the connection itself has to be.
        let is_right = |answer: &Answer| answer.agrees(wanted) || answer.word == exact.word;
        if is_settled && !of_classes.iter().any(is_right) {
            findings.problems.push(format!(
                "`{}`: {wanted} is right, in the class hostduty says {of_classes:?}",
                attempt.text
            ));
        }
    }
    let wanted = if typed { "fail" } else { "pass" };
    findings.judge(
        configuration,
        "ssh-key-only",
        wanted,
        &verdict.unwrap_or_else(|error| Answer::none(&error)),
    );
    findings
}

/// Lets the clients try; says whether one got in by typing nothing but a password.
fn let_in(
    machine: &Machine,
    configuration: &Configuration,
    attempts: &[Attempt],
    findings: &mut Findings,
) -> bool {
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
                findings.problems.push(format!("`{}` {what} ({}): {words}", attempt.text, attempt.mechanism));
            }
        }
    }
    typed
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

/// Runs shell lines; an error is what they say.
pub(super) fn sh(machine: &Machine, lines: &str) -> Result<String, String> {
    let output = machine.run(&["sh", "-ec", lines]);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stdout) + &text(output.stderr)),
    }
}
