//! Keys that open accounts are strong, and nobody else can add to them.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ssh_keys::{AuthorizedKey, KeyFile};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "ssh-authorized-keys",
    title: "Every key in an authorized_keys file is strong, and only its account or root can change the file",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A key in authorized_keys is as good as a password that never expires. DSA and short RSA keys can be \
                broken with money and patience, and whoever can write to the file or a folder above it can add a key of \
                their own. With StrictModes sshd passes over such a file, which locks its owner out instead.",
    remedy: "ssh-keygen -t ed25519   # on the machine that logs in: a new key\n\
             Add the new .pub line to authorized_keys, log in with it, and only then remove the old line.\n\
             chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys   # as the account itself",
    references: &["sshd(8), AUTHORIZED_KEYS FILE FORMAT", "sshd_config(5), StrictModes", "NIST SP 800-131A"],
    examples: Examples {
        kept: r#"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
mode = 384
uid = 1000
keys = [{ line = 1, kind = "ssh-ed25519", fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
        broken: r#"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
mode = 384
uid = 1000
keys = [{ line = 3, kind = "ssh-rsa", bits = 1024, fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let found = facts.ssh_keys.known()?;
    let mut judgement = Judgement::new();
    for gap in &found.gaps {
        judgement.unknown(format!("not every authorized_keys file is known: {gap}"));
    }
    for file in &found.files {
        file_of(file, &mut judgement);
    }
    let strong = found.files.iter().map(|file| file.keys.len()).sum::<usize>();
    let mut evidence: Vec<Evidence> =
        found.files.iter().map(|file| Evidence::of(file.path.clone())).collect();
    // Where no account has a file, what was seen is the list of accounts.
    if evidence.is_empty() {
        evidence.push(Evidence::of("/etc/passwd"));
    }
    if !found.accounts.is_empty() {
        let accounts = found.accounts.len();
        judgement.observe(
            format!(
                "{strong} authorized {} in the files of {accounts} accounts",
                if strong == 1 { "key" } else { "keys" }
            ),
            evidence,
        );
    }
    let config = facts.sshd.value().and_then(|sshd| sshd.config.value());
    for name in ["authorizedkeyscommand", "trustedusercakeys"] {
        let setting = config.and_then(|config| config.global(name).ok());
        if let Some(setting) = setting.filter(|setting| setting.values.iter().any(|value| value != "none")) {
            judgement
                .observe("keys come from elsewhere too, and are not looked at here", [setting.shown(name)]);
        }
    }
    Ok(judgement)
}

fn file_of(file: &KeyFile, judgement: &mut Judgement) {
    for exposed in &file.exposed {
        judgement.fail(Finding::new(
            file.account.clone(),
            format!("has an authorized_keys file that others can change or replace ({exposed})"),
            Evidence::of(file.path.clone()).says(format!("mode {:04o}, uid {}", file.mode, file.uid)),
        ));
    }
    for line in &file.malformed {
        judgement.unknown(format!("{}:{line} holds no key that hostduty can read", file.path));
    }
    for key in &file.keys {
        let size = key.bits.map(|bits| format!(" of {bits} bits")).unwrap_or_default();
        let place = || {
            Evidence::at(file.path.clone(), key.line).says(format!("{}{size} {}", key.kind, key.fingerprint))
        };
        match strength(key) {
            Strength::Weak(why) => {
                let message = format!("can be opened with a weak key, {why}");
                judgement.fail(Finding::new(file.account.clone(), message, place()));
            }
            Strength::Unknown => judgement.unknown(format!("the strength of {} is not known", place())),
            Strength::Fair => {
                judgement
                    .observe("RSA below 3,072 bits is not enough beyond 2030: replace it in time", [place()]);
            }
            Strength::Good => {}
        }
    }
}

enum Strength {
    Weak(String),
    Fair,
    Good,
    Unknown,
}

/// DSA is broken by its size of 1,024 bits; RSA by NIST SP 800-131A.
fn strength(key: &AuthorizedKey) -> Strength {
    let kind = key.kind.as_str();
    match key.bits {
        _ if kind.starts_with("ssh-dss") => Strength::Weak("DSA".to_owned()),
        Some(bits) if kind.starts_with("ssh-rsa") && bits < 2_048 => {
            Strength::Weak(format!("RSA of {bits} bits"))
        }
        Some(bits) if kind.starts_with("ssh-rsa") && bits < 3_072 => Strength::Fair,
        Some(_) if kind.starts_with("ssh-rsa") => Strength::Good,
        _ if kind.contains("ed25519") || kind.contains("ecdsa-sha2-nistp") => Strength::Good,
        _ => Strength::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::ssh_keys::SshKeys;

    fn verdict(kind: &str, bits: Option<u32>, change: impl FnOnce(&mut KeyFile)) -> Verdict {
        let key = AuthorizedKey { kind: kind.into(), bits, line: 1, ..AuthorizedKey::default() };
        let mut file = KeyFile { account: "anna".into(), keys: vec![key], ..KeyFile::default() };
        change(&mut file);
        let keys = SshKeys { files: vec![file], accounts: vec!["anna".into()], ..SshKeys::default() };
        let facts = Facts { ssh_keys: Ok(keys).into(), ..Facts::default() };
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn strengths() {
        for (kind, bits, wanted) in [
            ("ssh-dss", Some(1024), Verdict::Fail),
            ("ssh-rsa", Some(2047), Verdict::Fail),
            ("ssh-rsa", Some(2048), Verdict::Pass),
            ("ssh-rsa", None, Verdict::Unknown),
            ("ssh-rsa-cert-v01@openssh.com", Some(1024), Verdict::Fail),
            ("ecdsa-sha2-nistp256", Some(256), Verdict::Pass),
            ("sk-ssh-ed25519@openssh.com", None, Verdict::Pass),
            ("ssh-new", None, Verdict::Unknown),
        ] {
            assert_eq!(verdict(kind, bits, |_| {}), wanted, "{kind} {bits:?}");
        }
    }

    #[test]
    fn exposed_files_and_lines_that_make_no_sense() {
        assert_eq!(
            verdict("ssh-ed25519", None, |file| file.exposed.push("/h: anyone".into())),
            Verdict::Fail
        );
        assert_eq!(verdict("ssh-ed25519", None, |file| file.malformed.push(7)), Verdict::Unknown);
        let gaps = SshKeys {
            gaps: vec![Gap::denied("/root/.ssh")],
            accounts: vec!["root".into()],
            ..SshKeys::default()
        };
        let facts = Facts { ssh_keys: Ok(gaps).into(), ..Facts::default() };
        assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
    }
}
