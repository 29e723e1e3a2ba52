//! Private keys that people keep on the disk are protected by a passphrase.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ssh_keys::{AuthorizedKey, PrivateKey, Protection, SshKeys};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "ssh-private-keys",
    title: "No private key lies in a home folder or below /etc/ssh without a passphrase, host keys aside",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A private key without a passphrase opens every machine that trusts it to whoever reads the file: an intruder \
                on this host, a backup, a stolen snapshot of its disk. This is how one server that was broken into becomes ten. \
                Keys of deployments often need to be usable unattended; those should open one command only, and be waived here.",
    remedy: "ssh-keygen -p -f PATH   # as the account itself: sets a passphrase\n\
             To hop through this host, use `ssh -J THIS-HOST TARGET` from your own machine: no key is needed here at all.\n\
             For unattended jobs, bind the key on the other side with `restrict,command=\"...\"` and write a waiver with an owner.",
    references: &["ssh-keygen(1)", "ssh_config(5), ProxyJump"],
    examples: Examples {
        kept: r#"
[ssh_keys.known]
accounts = ["root", "debian"]
private = [{ account = "debian", path = "/home/debian/.ssh/id_ed25519", protection = "encrypted", mode = 384, uid = 1000 }]
"#,
        broken: r#"
[ssh_keys.known]
accounts = ["root", "debian"]
private = [{ account = "debian", path = "/home/debian/.ssh/id_rsa", protection = "none", mode = 384, uid = 1000 }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let found = facts.ssh_keys.known()?;
    let mut judgement = Judgement::new();
    let openers = openers(found, facts);
    for gap in &found.private_gaps {
        judgement.unknown(format!("not every place for private keys is known: {gap}"));
    }
    for key in &found.private {
        let days = facts.taken_at.days_since(key.modified).max(0);
        let place = Evidence::of(key.path.clone())
            .says(format!("mode {:04o}, uid {}, changed {days} days ago", key.mode, key.uid));
        let readable = if key.mode & 0o044 == 0 { "" } else { " that other accounts can read" };
        // Such a file holds no secret: what opens stays in the token.
        if key.kind.starts_with("sk-") {
            judgement.observe("a private key lies in a security token, and the file only names it", [place]);
            continue;
        }
        match key.protection {
            Protection::None => judgement.fail(Finding::new(
                key.path.clone(),
                format!(
                    "is a private key{} without a passphrase{readable}{}",
                    owner(key),
                    opens(key, &openers)
                ),
                place,
            )),
            Protection::Encrypted => judgement.observe("a private key is protected by a passphrase", [place]),
            Protection::Unknown => {
                judgement.unknown(format!("whether a passphrase protects {} is not known", key.path));
            }
        }
    }
    if !found.accounts.is_empty() {
        let looked =
            format!("the homes of {} accounts and /etc/ssh were looked through", found.accounts.len());
        judgement.observe(looked, [Evidence::of("/etc/passwd")]);
    }
    Ok(judgement)
}

fn owner(key: &PrivateKey) -> String {
    if key.account.is_empty() { String::new() } else { format!(" of {}", key.account) }
}

/// The accounts of this very host that each key opens, by its fingerprint.
fn openers<'a>(found: &'a SshKeys, facts: &Facts) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut openers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in &found.files {
        let counts = |key: &&AuthorizedKey| {
            !key.fingerprint.is_empty() && !key.is_authority() && key.is_expired(facts.taken_at) != Some(true)
        };
        for key in file.keys_taken().filter(counts) {
            openers.entry(&key.fingerprint).or_default().insert(&file.account);
        }
    }
    openers
}

/// Says which other accounts of this host a key opens: root among them makes the file a way up.
fn opens(key: &PrivateKey, openers: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let opened = openers.get(key.fingerprint.as_str()).into_iter().flatten();
    let others: Vec<&str> = opened.copied().filter(|account| *account != key.account).take(3).collect();
    if others.is_empty() {
        String::new()
    } else {
        format!(", and it opens {} on this host", others.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::ssh_keys::KeyFile;

    fn judged(private: Vec<PrivateKey>, private_gaps: Vec<Gap>) -> Judgement {
        let opened = AuthorizedKey { fingerprint: "SHA256:x".into(), ..AuthorizedKey::default() };
        let files = vec![KeyFile { account: "root".into(), keys: vec![opened], ..KeyFile::default() }];
        let keys =
            SshKeys { private, private_gaps, files, accounts: vec!["anna".into()], ..SshKeys::default() };
        let facts = Facts { ssh_keys: Ok(keys).into(), ..Facts::default() };
        judge(&facts, &Policy::default()).unwrap()
    }

    #[test]
    fn protections() {
        let key = |protection| PrivateKey {
            path: "/h/.ssh/id".into(),
            protection,
            mode: 0o644,
            ..PrivateKey::default()
        };
        let bare = judged(vec![key(Protection::None)], vec![]);
        assert!(bare.findings[0].message.ends_with("that other accounts can read"), "{bare:?}");
        assert_eq!(judged(vec![key(Protection::Unknown)], vec![]).verdict(), Verdict::Unknown);
        assert_eq!(judged(vec![key(Protection::Encrypted)], vec![]).verdict(), Verdict::Pass);
        let known = |kind: &str| PrivateKey {
            kind: kind.into(),
            fingerprint: "SHA256:x".into(),
            ..key(Protection::None)
        };
        let up = judged(vec![known("ssh-ed25519")], vec![]);
        assert!(up.findings[0].message.ends_with("and it opens root on this host"), "{up:?}");
        assert_eq!(judged(vec![known("sk-ssh-ed25519@openssh.com")], vec![]).verdict(), Verdict::Pass);
        assert_eq!(judged(vec![], vec![]).verdict(), Verdict::Pass);
        assert_eq!(judged(vec![], vec![Gap::denied("/root/.ssh")]).verdict(), Verdict::Unknown);
    }
}
