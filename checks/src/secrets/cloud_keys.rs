//! A key to the cloud account that lies on the host is readable by its owner alone and is renewed.

use std::collections::BTreeSet;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::Accounts;
use crate::facts::cloud_keys::KeyFile;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "secrets-cloud-keys",
    title: "Every cloud API key in the place where its tool keeps it is private and recently renewed",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "An API key opens more than this host: volumes, snapshots, other machines and the bill. Whoever gets \
                into any account that can read the file has all of it, without touching a login that somebody \
                watches. A key that is renewed is worth less to whoever copied it from an old backup.",
    remedy: "chmod 600 <file>\n\
             Renew the key in the provider's console, write the new one into the file, try it, and only then delete \
             the old one there.\n\
             Better still: delete the file where the host does not need it, or use a key with fewer rights and an \
             end date.",
    references: &["CIS Controls 3.3", "NIST SP 800-57 part 1 5.3"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T12:00:00Z"
[cloud_keys.known]
homes = ["/root"]
[[cloud_keys.known.files]]
path = "/root/.config/scw/config.yaml"
cloud = "Scaleway"
account = "root"
mode = 0o600
modified = "2026-10-01T00:00:00Z"
"#,
        broken: r#"
taken_at = "2026-11-22T12:00:00Z"
[cloud_keys.known]
homes = ["/home/deploy"]
[[cloud_keys.known.files]]
path = "/home/deploy/.aws/credentials"
cloud = "AWS"
account = "deploy"
mode = 0o644
uid = 1000
gid = 1000
modified = "2026-10-01T00:00:00Z"
open_to_all = true
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let keys = facts.cloud_keys.known()?;
    let mut judgement = Judgement::new();
    for gap in &keys.gaps {
        judgement.unknown(gap.to_string());
    }
    let accounts = facts.accounts.value();
    if let Some(accounts) = accounts {
        for sentence in accounts.malformed.iter().filter(|sentence| sentence.starts_with("/etc/passwd")) {
            judgement.unknown(format!("{sentence}, so its home was not looked into"));
        }
        for source in &accounts.other_sources {
            judgement
                .unknown(format!("accounts also come from {source}, and their homes were not looked into"));
        }
    }
    for file in &keys.files {
        let place =
            Evidence::of(&file.path).says(format!("mode {:04o}, changed {}", file.mode, file.modified));
        let before = judgement.findings.len();
        if let Some(who) = readers(file, accounts) {
            let message = format!("holds a key to {} that {who} can read", file.cloud);
            judgement.fail(Finding::new(&file.path, message, place.clone()));
        }
        let age = facts.taken_at.days_since(file.modified);
        let most = policy.thresholds.cloud_key_max_age_days;
        if age > i64::from(most) {
            let message = format!("holds a key to {} of {age} days ago, more than {most}", file.cloud);
            judgement.fail(Finding::new(&file.path, message, place));
        } else if age < 0 {
            judgement.unknown(format!("{} was changed in the future, so its age is not known", file.path));
        } else if judgement.findings.len() == before {
            let message =
                format!("{} holds a key to {} that is private and {age} days old", file.path, file.cloud);
            judgement.observe(message, [place]);
        }
    }
    if keys.files.is_empty() {
        let homes = keys.homes.iter().take(100).map(Evidence::of);
        let message =
            format!("no known file with a cloud API key lies in {} homes or /etc", keys.homes.len());
        judgement.observe(message, homes.chain([Evidence::of("/etc")]));
    }
    Ok(judgement)
}

/// Who can read a file besides the account that it belongs to and root.
fn readers(file: &KeyFile, accounts: Option<&Accounts>) -> Option<String> {
    if file.open_to_all {
        return Some("every account".to_owned());
    }
    let named = |uid: u32| {
        let user = accounts.and_then(|accounts| accounts.users.iter().find(|user| user.uid == uid));
        user.map_or_else(|| format!("user id {uid}"), |user| user.name.clone())
    };
    let own = accounts.and_then(|accounts| accounts.find(&file.account)).map(|user| user.uid);
    if file.uid != 0 && own.is_some_and(|own| own != file.uid) {
        return Some(format!("its owner {}", named(file.uid)));
    }
    if !file.open_to_group || file.gid == 0 {
        return None;
    }
    // A group of one's own has nobody else in it.
    let members: BTreeSet<&str> = accounts?.members(file.gid)?;
    let names = [file.account.as_str(), "root"];
    let other = members.into_iter().find(|member| !names.contains(member))?;
    Some(format!("{other}, by its group {},", file.gid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::Timestamp;
    use crate::facts::accounts::{Group, User};
    use crate::facts::cloud_keys::CloudKeys;
    use crate::gap::Reading;

    const NOW: Timestamp = Timestamp(1_780_000_000);

    fn judged(file: Option<KeyFile>, gaps: Vec<Gap>) -> Judgement {
        let user = |name: &str, uid| User { name: name.into(), uid, gid: uid, ..User::default() };
        let accounts = Accounts {
            users: vec![user("root", 0), user("ada", 1000), user("bob", 1001)],
            groups: vec![
                Group { name: "ada".into(), gid: 1000, members: vec!["ada".into()] },
                Group { name: "team".into(), gid: 2000, members: vec!["ada".into(), "bob".into()] },
            ],
            ..Accounts::default()
        };
        let keys = CloudKeys { files: file.into_iter().collect(), homes: vec!["/home/ada".into()], gaps };
        let facts = Facts {
            taken_at: NOW,
            accounts: Reading::Known(accounts),
            cloud_keys: Reading::Known(keys),
            ..Facts::default()
        };
        judge(&facts, &Policy::default()).unwrap()
    }

    fn verdict(mode: u32, uid: u32, gid: u32, days: i64) -> Verdict {
        let file = KeyFile {
            path: "/home/ada/.s3cfg".into(),
            account: "ada".into(),
            mode,
            open_to_group: mode & 0o040 != 0,
            uid,
            gid,
            modified: Timestamp(NOW.0 - days * crate::date::DAY),
            ..KeyFile::default()
        };
        judged(Some(file), Vec::new()).verdict()
    }

    #[test]
    fn a_key_is_for_its_owner_and_not_for_ever() {
        assert_eq!(verdict(0o600, 1000, 1000, 180), Verdict::Pass);
        assert_eq!(verdict(0o600, 1000, 1000, 181), Verdict::Fail);
        assert_eq!(verdict(0o600, 1000, 1000, -2), Verdict::Unknown);
        assert_eq!(verdict(0o640, 1000, 1000, 1), Verdict::Pass, "a group of ada's own");
        assert_eq!(verdict(0o640, 1000, 2000, 1), Verdict::Fail, "bob is in the group");
        assert_eq!(verdict(0o600, 1001, 1000, 1), Verdict::Fail, "bob owns it");
        assert_eq!(verdict(0o600, 0, 0, 1), Verdict::Pass);
        assert_eq!(verdict(0o644, 1000, 1000, 1), Verdict::Pass, "behind a closed folder");
    }

    #[test]
    fn no_key_is_a_pass_only_where_every_home_was_seen() {
        assert_eq!(judged(None, Vec::new()).verdict(), Verdict::Pass);
        assert_eq!(judged(None, vec![Gap::denied("/home/ada")]).verdict(), Verdict::Unknown);
    }
}
