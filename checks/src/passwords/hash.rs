//! A stolen shadow file does not give the passwords away in an afternoon.

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::{Password, PasswordState, Scheme};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "passwords-hash",
    title: "Every local password is hashed with a scheme that is slow to guess",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "Backups and snapshots carry /etc/shadow along, and whoever gets one guesses offline. MD5, DES and \
                SHA-1 hashes fall at billions of guesses a second, a password of eight characters within hours. \
                Images of old distributions and restored backups still bring such hashes along, and a hash stays \
                as it is until the password is set anew.",
    remedy: "passwd <account>\n\
             Setting the password anew hashes it with the system's scheme. If that is still an old one, say \
             `yescrypt` or `sha512` on the pam_unix line of /etc/pam.d/common-password or system-auth first.",
    references: &[
        "crypt(5)",
        "login.defs(5)",
        "NIST SP 800-63B 3.1.1.2",
        "ANSSI-BP-028 R68",
        "CIS Debian 12 5.4.1.4",
    ],
    examples: Examples {
        kept: r#"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
password.known = { state = "usable", scheme = "yescrypt", source = "/etc/shadow", line = 1 }
"#,
        broken: r#"
[[accounts.known.users]]
name = "root"
home = "/root"
line = 1
password.known = { state = "usable", scheme = "md5", source = "/etc/shadow", line = 1 }
"#,
    },
    judge,
};

/// What crypt(5) takes for SHA-2 when the hash states no rounds.
const DEFAULT_ROUNDS: u32 = 5000;

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let accounts = facts.accounts.known()?;
    let mut judgement = Judgement::new();
    for sentence in accounts.unread_passwords() {
        judgement.unknown(sentence);
    }
    let mut kept: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    let mut locked = Vec::new();
    for (user, password) in accounts.passwords() {
        let Some(scheme) = password.scheme else { continue };
        let place = Evidence::at(&password.source, password.line);
        if password.state == PasswordState::Locked {
            locked.push(place.says(format!("{}: {}, locked", user.name, scheme.name())));
            continue;
        }
        match weakness(scheme, password) {
            Ok(None) => kept.entry(scheme.name()).or_default().push(place.says(user.name.clone())),
            Ok(Some(why)) => judgement.fail(Finding::new(&user.name, why, place)),
            Err(why) => judgement.unknown(format!("{} {why}, {place}", user.name)),
        }
    }
    let usable = !kept.is_empty();
    for (scheme, places) in kept {
        let count = match places.len() {
            1 => "1 password is".to_owned(),
            several => format!("{several} passwords are"),
        };
        judgement.observe(format!("{count} hashed with {scheme}"), places);
    }
    if !usable && judgement.findings.is_empty() && judgement.unknowns.is_empty() {
        judgement.not_applicable = Some("no account has a password".to_owned());
    } else if !locked.is_empty() {
        judgement.observe(format!("{} hashes lie behind a lock and open nothing", locked.len()), locked);
    }
    Ok(judgement)
}

/// What is wrong with a hash. crypt(5) calls both SHA-2 schemes acceptable, and so they are treated alike, though CIS
/// lists only SHA-512: at equal rounds a guess costs about the same. Fewer rounds than the default were chosen by
/// somebody, against every advice. bcrypt at any cost that crypt(3) accepts is slower to guess than SHA-512's default.
fn weakness(scheme: Scheme, password: &Password) -> Result<Option<String>, String> {
    match scheme {
        Scheme::Yescrypt | Scheme::GostYescrypt | Scheme::Scrypt | Scheme::Bcrypt => Ok(None),
        Scheme::Sha512 | Scheme::Sha256 => Ok(password
            .rounds
            .filter(|rounds| *rounds < DEFAULT_ROUNDS)
            .map(|rounds| format!("has a password hashed with only {rounds} rounds of {}", scheme.name()))),
        Scheme::Sha1 | Scheme::SunMd5 | Scheme::Md5 | Scheme::BsdiDes | Scheme::Des | Scheme::Nt => {
            Ok(Some(format!("has a password hashed with {}, which is quick to guess", scheme.name())))
        }
        Scheme::Other => Err("has a password field whose scheme hostduty does not know".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::accounts::{Accounts, User};
    use crate::gap::Reading;

    fn verdict(state: PasswordState, scheme: Scheme, rounds: Option<u32>) -> Verdict {
        let password = Password { state, scheme: Some(scheme), rounds, ..Password::default() };
        let user = User { name: "root".into(), password: Reading::Known(password), ..User::default() };
        let accounts = Accounts { users: vec![user], ..Accounts::default() };
        let facts = Facts { accounts: Reading::Known(accounts), ..Facts::default() };
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn the_default_rounds_pass_and_fewer_do_not() {
        use PasswordState::{Locked, Usable};
        assert_eq!(verdict(Usable, Scheme::Sha512, None), Verdict::Pass);
        assert_eq!(verdict(Usable, Scheme::Sha256, Some(5000)), Verdict::Pass);
        assert_eq!(verdict(Usable, Scheme::Sha512, Some(4999)), Verdict::Fail);
        assert_eq!(verdict(Usable, Scheme::Des, None), Verdict::Fail);
        assert_eq!(verdict(Usable, Scheme::Other, None), Verdict::Unknown);
        assert_eq!(verdict(Locked, Scheme::Des, None), Verdict::NotApplicable, "a locked hash opens nothing");
    }
}
