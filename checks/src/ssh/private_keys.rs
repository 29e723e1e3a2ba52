//! Private keys on the disk are protected by a passphrase.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ssh_keys::Protection;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "ssh-private-keys",
    title: "No private key lies in the .ssh folder of an account without a passphrase",
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
    for gap in &found.gaps {
        judgement.unknown(format!("not every .ssh folder is known: {gap}"));
    }
    for key in &found.private {
        let days = facts.taken_at.days_since(key.modified).max(0);
        let place = Evidence::of(key.path.clone())
            .says(format!("mode {:04o}, uid {}, changed {days} days ago", key.mode, key.uid));
        let readable = if key.mode & 0o044 == 0 { "" } else { " that other accounts can read" };
        match key.protection {
            Protection::None => judgement.fail(Finding::new(
                key.path.clone(),
                format!("is a private key of {} without a passphrase{readable}", key.account),
                place,
            )),
            Protection::Encrypted => judgement.observe("a private key is protected by a passphrase", [place]),
            Protection::Unknown => {
                judgement.unknown(format!("whether a passphrase protects {} is not known", key.path));
            }
        }
    }
    if !found.accounts.is_empty() {
        let looked = format!("the .ssh folders of {} accounts were looked through", found.accounts.len());
        judgement.observe(looked, [Evidence::of("/etc/passwd")]);
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::ssh_keys::{PrivateKey, SshKeys};

    fn judged(private: Vec<PrivateKey>, gaps: Vec<Gap>) -> Judgement {
        let keys = SshKeys { private, gaps, accounts: vec!["anna".into()], ..SshKeys::default() };
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
        assert_eq!(judged(vec![], vec![]).verdict(), Verdict::Pass);
        assert_eq!(judged(vec![], vec![Gap::denied("/root/.ssh")]).verdict(), Verdict::Unknown);
    }
}
