//! No account has a password that machines are delivered with.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{Compared, PasswordState};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "passwords-default",
    title: "No account has one of the passwords that machines are delivered with",
    severity: Severity::Critical,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "Whoever scans the internet tries the passwords of images, appliances and installers first, and some dozens that \
people take for the time being. hostduty tries them too, on the stored hashes, where the configuration asks for it: \
`compare_with_defaults = true` below `[passwords]`. What is kept is the answer alone. `hostduty watch` never does it.",
    remedy: "passwd <account>",
    references: &["crypt(5)", "ANSSI: mots de passe, R20", "CIS Controls 5.2"],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
line = 1
password.known = { state = "usable", scheme = "yescrypt", compared = "other", source = "/etc/shadow", line = 1 }
"#,
        broken: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
line = 1
password.known = { state = "usable", scheme = "yescrypt", compared = "known", source = "/etc/shadow", line = 1 }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let compared = accounts.passwords().any(|(_, password)| password.compared.is_some());
    if !policy.compare_with_defaults && !compared {
        return Ok(Judgement::not_applicable(
            "not asked for: `compare_with_defaults = true` below `[passwords]` does",
        ));
    }
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    let mut others = Vec::new();
    for (user, password) in
        accounts.passwords().filter(|(_, password)| password.state == PasswordState::Usable)
    {
        let place = Evidence::at(&password.source, password.line);
        let name = &user.name;
        match password.compared {
            Some(Compared::Known) => {
                judgement.fail(Finding::new(name, "has a password that machines are delivered with", place));
            }
            Some(Compared::Other) => others.push(place.says(name.clone())),
            Some(Compared::TooDear) => judgement
                .unknown(format!("the password of {name} was not compared: its hash makes a guess too dear")),
            Some(Compared::Unsupported) => judgement.unknown(format!(
                "the password of {name} was not compared: hostduty cannot compute its scheme"
            )),
            None => {
                judgement.unknown(format!("the facts were gathered without comparing the password of {name}"))
            }
        }
    }
    if !others.is_empty() {
        judgement.observe("no password is one of those that machines are delivered with", others);
    } else if judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        judgement.not_applicable = Some("no account has a password".to_owned());
    }
    Ok(judgement)
}
