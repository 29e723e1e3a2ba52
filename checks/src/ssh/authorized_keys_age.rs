//! No key has opened an account for longer than the configuration allows.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::delivery::{Delivery, Handover};
use crate::facts::ssh_keys::{AuthorizedKey, KeyFile};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "ssh-authorized-keys-age",
    title: "No SSH key has opened an account for longer than the configuration allows, a year unless it says otherwise",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A key leaves copies behind: on a laptop that was sold, in a backup, with somebody who has left. Nobody sees \
                that it was copied, so only its replacement ends what a copy opens. A key does not say how old it is. The \
                last change of the file proves a least age and nothing more, so that a file of yesterday may hold a key of \
                years, and this is then not known.",
    remedy: "ssh-keygen -t ed25519   # on the machine that logs in: a new key\n\
             Add the new .pub line to authorized_keys, log in with it, and only then remove the old line.\n\
             Where keys may be older, set `ssh_key_max_age_days` in the configuration; where the machine is younger than it looks, set `delivered_at`.",
    references: &["sshd(8), AUTHORIZED_KEYS FILE FORMAT", "NIST SP 800-57 part 1 5.3", "NIST IR 7966"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T12:00:00Z"
[[delivery.known.traces]]
kind = "cloud-init"
at = "2026-03-02T09:00:01Z"
path = "/var/lib/cloud/instance/sem/config_ssh"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
modified = "2026-03-02T09:00:05Z"
keys = [{ line = 1, kind = "ssh-ed25519", fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
        broken: r#"
taken_at = "2026-11-22T12:00:00Z"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
modified = "2024-03-02T09:00:05Z"
keys = [{ line = 1, kind = "ssh-ed25519", fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
    },
    judge,
};

/// 2010-01-01. An earlier date means that the clock was not set, or that an image wipes its dates.
const CLOCK_WAS_SET: Timestamp = Timestamp(1_262_304_000);

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let found = facts.ssh_keys.known()?;
    let mut judgement = Judgement::new();
    for gap in found.gaps.iter().chain(found.files.iter().filter_map(|file| file.gap.as_ref())) {
        judgement.unknown(format!("not every authorized_keys file is known: {gap}"));
    }
    let handover = match facts.delivery.value() {
        Some(delivery) => delivery.handover(policy.delivered_at),
        None => Delivery::default().handover(policy.delivered_at),
    };
    let ages = Ages { now: facts.taken_at, most: policy.thresholds.ssh_key_max_age_days, handover };
    let mut judged = 0_usize;
    for file in &found.files {
        let keys: Vec<_> =
            file.keys_taken().filter(|key| key.is_expired(facts.taken_at) != Some(true)).collect();
        if !keys.is_empty() {
            ages.file(file, &keys, &mut judgement);
            judged = judged.saturating_add(1);
        }
    }
    for place in &found.elsewhere {
        judgement.unknown(format!("keys may come from elsewhere too, and their age is not known: {place}"));
    }
    if judged == 0 && !found.accounts.is_empty() {
        let message = format!("no key opens any of {} accounts", found.accounts.len());
        judgement.observe(message, [Evidence::of("/etc/passwd")]);
    }
    Ok(judgement)
}

struct Ages {
    now: Timestamp,
    most: u32,
    handover: Option<Handover>,
}

/// What is known of the age of a key.
enum Age {
    /// It is at least so many days old, by this.
    Over(i64, String),
    /// It opens the account for no longer than allowed, by this.
    Under(String),
    Unknown,
}

impl Ages {
    fn file(&self, file: &KeyFile, keys: &[&AuthorizedKey], judgement: &mut Judgement) {
        let (mut old, mut open) = (Vec::new(), 0_usize);
        for key in keys {
            let place = Evidence::at(file.path.clone(), key.line);
            match self.age(file, key) {
                Age::Over(days, by) => {
                    let text = format!("{} {}, {days} days by {by}", key.kind, key.fingerprint);
                    old.push((days, place.says(text)));
                }
                Age::Under(by) => judgement.observe(
                    format!("a key of {} opens it for {} days at most, by {by}", file.account, self.most),
                    [place.says(format!("{} {}", key.kind, key.fingerprint))],
                ),
                Age::Unknown => open = open.saturating_add(1),
            }
        }
        if let Some(most) = old.iter().map(|(days, _)| *days).max() {
            let word = if old.len() == 1 { "a key that is" } else { "keys that are" };
            judgement.fail(Finding {
                subject: file.account.clone(),
                message: format!(
                    "can be opened with {word} at least {most} days old, more than {}",
                    self.most
                ),
                evidence: old.into_iter().take(20).map(|(_, place)| place).collect(),
            });
        }
        if open > 0 {
            judgement.unknown(format!(
                "{} was changed on {}, and since when {} been in it is not known: the file only tells its last change",
                file.path,
                file.modified.day(),
                if open == 1 { "a key has".to_owned() } else { format!("{open} keys have") },
            ));
        }
    }

    /// An observation by hostduty itself counts before the file's time, which says nothing of a single line. A key
    /// cannot have opened an account of this machine before the machine was handed over.
    fn age(&self, file: &KeyFile, key: &AuthorizedKey) -> Age {
        let most = i64::from(self.most);
        let days = |at: Timestamp| self.now.days_since(at);
        let seen = key.first_seen.map(|at| (at, "when hostduty first saw it"));
        let changed = Some((file.modified, "the last change of the file"));
        let least = [seen, changed]
            .into_iter()
            .flatten()
            .filter(|(at, _)| (CLOCK_WAS_SET..=self.now).contains(at))
            .max_by_key(|(at, _)| days(*at));
        if let Some((at, by)) = least.filter(|(at, _)| days(*at) > most) {
            return Age::Over(days(at), by.to_owned());
        }
        if key.missing_at.is_some_and(|at| (0..=most).contains(&days(at))) {
            return Age::Under("an earlier observation without it".to_owned());
        }
        match &self.handover {
            Some(handover) if (0..=most).contains(&days(handover.from.start())) => {
                Age::Under(format!("the delivery of the machine ({})", handover.by))
            }
            _ => Age::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::DAY;
    use crate::facts::delivery::{Trace, TraceKind};
    use crate::facts::ssh_keys::{Expiry, SshKeys};

    const NOW: Timestamp = Timestamp(1_795_348_800);

    fn ago(days: i64) -> Timestamp {
        Timestamp(NOW.0 - days * DAY)
    }

    fn verdict(changed: i64, delivered: Option<i64>, key: AuthorizedKey) -> Verdict {
        let file =
            KeyFile { account: "anna".into(), modified: ago(changed), keys: vec![key], ..KeyFile::default() };
        let keys = SshKeys { files: vec![file], accounts: vec!["anna".into()], ..SshKeys::default() };
        let trace = |days| Trace { kind: TraceKind::CloudInit, at: ago(days), path: "/x".into() };
        let delivery = Delivery { traces: delivered.map(trace).into_iter().collect(), ignored: vec![] };
        let facts = Facts {
            taken_at: NOW,
            ssh_keys: Ok(keys).into(),
            delivery: Ok(delivery).into(),
            ..Facts::default()
        };
        judge(&facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn the_time_of_the_file_proves_a_least_age_only() {
        let plain = AuthorizedKey::default;
        assert_eq!(verdict(366, None, plain()), Verdict::Fail);
        assert_eq!(verdict(366, Some(10), plain()), Verdict::Fail, "a key that came with the image");
        assert_eq!(verdict(365, None, plain()), Verdict::Unknown);
        assert_eq!(verdict(1, Some(500), plain()), Verdict::Unknown);
        assert_eq!(verdict(-1, None, plain()), Verdict::Unknown, "the future");
        assert_eq!(verdict(10_000, None, plain()), Verdict::Unknown, "a date that was wiped");
    }

    #[test]
    fn what_proves_that_a_key_is_young_enough() {
        let plain = AuthorizedKey::default;
        assert_eq!(verdict(1, Some(300), plain()), Verdict::Pass);
        let seen = |first: i64, missing: Option<i64>| AuthorizedKey {
            first_seen: Some(ago(first)),
            missing_at: missing.map(ago),
            ..plain()
        };
        assert_eq!(verdict(1, None, seen(400, Some(401))), Verdict::Fail);
        assert_eq!(verdict(1, None, seen(300, Some(301))), Verdict::Pass);
        assert_eq!(verdict(1, None, seen(300, None)), Verdict::Unknown, "it was there when hostduty came");
        assert_eq!(verdict(1, None, seen(300, Some(366))), Verdict::Unknown);
    }

    #[test]
    fn a_key_that_opens_nothing_has_no_age() {
        let dead = AuthorizedKey { passed_over: "why".into(), ..AuthorizedKey::default() };
        assert_eq!(verdict(900, None, dead), Verdict::Pass);
        let expires = Some(Expiry { at: ago(2), local: false });
        assert_eq!(verdict(900, None, AuthorizedKey { expires, ..AuthorizedKey::default() }), Verdict::Pass);
    }

    #[test]
    fn what_cannot_be_listed_has_no_age_either() {
        let keys = SshKeys {
            accounts: vec!["anna".into()],
            elsewhere: vec![Evidence::of("/etc/ssh/sshd_config")],
            ..SshKeys::default()
        };
        let facts = Facts { ssh_keys: Ok(keys).into(), ..Facts::default() };
        assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), Verdict::Unknown);
    }
}
