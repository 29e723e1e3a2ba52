//! A new password has to be long, and is hashed well.

mod shortest;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{PasswordState, Scheme};
use crate::facts::password_policy::PasswordPolicy;
use crate::facts::sshd::pam::{Rule, Storing, storing};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use shortest::Shortest;

pub(crate) static CHECK: Check = Check {
    id: "passwords-policy",
    title: "A new password has to be long, and is hashed with a scheme that is slow to guess",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A rule about passwords holds where the system refuses what breaks it. What passwd(1) refuses is decided by the \
lines of PAM and not by a file about quality: pwquality.conf can say what it likes where no line asks it, or where \
it is told to warn only. PCI DSS asks for twelve characters, as ANSSI does for accounts that matter.",
    remedy: "minlen = 12   # in /etc/security/pwquality.conf, and no positive dcredit, ucredit, lcredit or ocredit
apt-get install libpam-pwquality   # dnf install libpwquality, where PAM does not ask it yet
Its line stands before that of pam_unix and says `requisite`: `pam-auth-update` writes it on Debian, `authselect` on Red Hat.
`password_min_length` in the configuration sets the bound.",
    references: &["pam.conf(5)", "pam_pwquality(8)", "pwquality.conf(5)", "PCI DSS 4.0 8.3.6", "CIS Debian 12 5.3.3.2.2"],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
line = 1
password.known = { state = "usable", scheme = "yescrypt", source = "/etc/shadow", line = 1 }
[password_policy.known]
quality.known = { minlen = { value = "12", at = { source = "/etc/security/pwquality.conf", line = 2 } } }
[[password_policy.known.rules.known]]
control = "success=ok default=die"
module = "pam_pwquality"
at = { source = "/etc/pam.d/common-password", line = 1 }
[[password_policy.known.rules.known]]
control = "success=1 default=ignore"
module = "pam_unix"
arguments = ["use_authtok", "yescrypt"]
at = { source = "/etc/pam.d/common-password", line = 2 }
"#,
        broken: r#"
[[accounts.known.users]]
name = "ann"
uid = 1000
line = 1
password.known = { state = "usable", scheme = "yescrypt", source = "/etc/shadow", line = 1 }
[password_policy.known]
quality.known = {}
[[password_policy.known.rules.known]]
control = "success=1 default=ignore"
module = "pam_unix"
arguments = ["obscure", "yescrypt"]
at = { source = "/etc/pam.d/common-password", line = 1 }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    if !accounts.passwords().any(|(_, password)| password.state == PasswordState::Usable) {
        if judgement.unknowns.is_empty() {
            judgement.not_applicable = Some("no account has a password".to_owned());
        }
        return Ok(judgement);
    }
    let found = facts.password_policy.known()?;
    let rules = found.rules.known()?;
    match storing(rules) {
        Err(why) => judgement.unknown(why),
        Ok(Storing::Never(rule)) => judgement.observe("nobody but root can set a password", [place(rule)]),
        Ok(Storing::Through { judges, unheard, unix }) => {
            length(&mut judgement, found, policy, &judges, &unheard, unix);
            scheme(&mut judgement, found, unix);
        }
    }
    Ok(judgement)
}

fn place(rule: &Rule) -> Evidence {
    rule.at.clone().says(rule.module.clone())
}

/// Judges how short a new password may be.
fn length(
    judgement: &mut Judgement,
    found: &PasswordPolicy,
    policy: &Policy,
    judges: &[&Rule],
    unheard: &[&Rule],
    unix: &Rule,
) {
    let least = policy.thresholds.password_min_length;
    let mut best = match shortest::unix(unix) {
        Ok(shortest) => shortest,
        Err(why) => return judgement.unknown(why),
    };
    for rule in judges {
        match shortest::by(rule, &found.quality) {
            Ok(shortest) if shortest.length > best.length => best = shortest,
            // Nothing is asked by who only warns, and that is worth a word.
            Ok(shortest) => {
                best.why += &shortest.why;
                best.decided_by.extend(shortest.decided_by);
            }
            // Where another module asks for enough, this one can only ask for more.
            Err(why) => {
                if best.length < least {
                    return judgement.unknown(why);
                }
            }
        }
    }
    let Shortest { length, decided_by, why } = best;
    if length >= least {
        return judgement
            .observe(format!("a new password has {length} characters at least{why}"), decided_by);
    }
    let no_judge = if judges.is_empty() { ", for no module that looks at its quality has a say" } else { "" };
    let message = format!("may have {length} characters only{why}{no_judge}");
    // The line that sets the length is the one to change.
    let mut places = decided_by.into_iter().rev().chain([place(unix)]);
    let first = places.next().unwrap_or_else(|| place(unix));
    let finding = places.fold(Finding::new("a new password", message, first), Finding::and);
    let ignored = |rule: &&Rule| place(rule).says(format!("{}, whose refusal changes nothing", rule.module));
    judgement.fail(unheard.iter().map(ignored).fold(finding, Finding::and));
}

/// Judges how a new password is hashed. pam_unix takes the last scheme that it is given, else that of login.defs.
fn scheme(judgement: &mut Judgement, found: &PasswordPolicy, unix: &Rule) {
    let named = |name: &str| match name.to_ascii_lowercase().as_str() {
        "md5" => Some(Scheme::Md5),
        "bigcrypt" | "des" => Some(Scheme::Des),
        "sha256" => Some(Scheme::Sha256),
        "sha512" => Some(Scheme::Sha512),
        "blowfish" => Some(Scheme::Bcrypt),
        "gost_yescrypt" => Some(Scheme::GostYescrypt),
        "yescrypt" => Some(Scheme::Yescrypt),
        _ => None,
    };
    let given = unix
        .arguments
        .iter()
        .rev()
        .find_map(|argument| Some((named(argument)?, place(unix).says(argument.clone()))));
    let set = found.encrypt_method.as_ref();
    let default = || {
        let one = set?;
        Some((named(&one.value)?, one.at.clone().says(format!("ENCRYPT_METHOD {}", one.value))))
    };
    match given.or_else(default) {
        Some((scheme @ (Scheme::Md5 | Scheme::Des), place)) => {
            let message = format!("is hashed with {}, which is quick to guess", scheme.name());
            judgement.fail(Finding::new("a new password", message, place));
        }
        Some((scheme, place)) => {
            judgement.observe(format!("a new password is hashed with {}", scheme.name()), [place])
        }
        None => {
            judgement.unknown(format!("{} names no scheme, and login.defs none that hostduty knows", unix.at))
        }
    }
}
