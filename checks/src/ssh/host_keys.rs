//! The server proves itself by keys that are strong, that nobody else can read and that did not come with its image.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::delivery::{Delivery, Handover, TraceKind};
use crate::facts::host_keys::{Beside, HostKey};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_key::{self, Strength};

pub(crate) static CHECK: Check = Check {
    id: "ssh-host-keys",
    title: "Every SSH host key is strong, readable by root alone and made on this machine after it was handed over",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "By its host key a client knows that it talks to this machine and not to somebody in between. An image \
                that ships host keys gives the same ones to everybody who rents it: each of them can pose as the others, \
                and whoever then types a password gives it away. The same goes for a key that other accounts can read.",
    remedy: "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   # note what clients know now\n\
             mkdir /root/old-host-keys && mv /etc/ssh/ssh_host_* /root/old-host-keys/   # stay logged in\n\
             ssh-keygen -A && sshd -t && systemctl reload ssh   # sshd.service on Red Hat; open sessions stay\n\
             Print the new fingerprints with `ssh-keygen -lf`, give them to those who log in, and log in once more before you leave.\n\
             chown root:root /etc/ssh/ssh_host_*_key && chmod 600 /etc/ssh/ssh_host_*_key   # where only the rights are wrong",
    references: &["sshd(8), FILES", "sshd_config(5), HostKey", "ssh-keygen(1), -A", "NIST SP 800-131A"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T12:00:00Z"
[[delivery.known.traces]]
kind = "cloud-init"
at = "2026-03-02T09:00:01Z"
path = "/var/lib/cloud/instance/sem/config_ssh"
[[host_keys.known.keys]]
path = "/etc/ssh/ssh_host_ed25519_key"
kind = "ssh-ed25519"
fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY"
mode = 0o600
modified = "2026-03-02T09:00:04Z"
public = "same"
"#,
        broken: r#"
taken_at = "2026-11-22T12:00:00Z"
[[delivery.known.traces]]
kind = "cloud-init"
at = "2026-03-02T09:00:01Z"
path = "/var/lib/cloud/instance/sem/config_ssh"
[[host_keys.known.keys]]
path = "/etc/ssh/ssh_host_ed25519_key"
kind = "ssh-ed25519"
fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY"
mode = 0o600
modified = "2025-11-30T00:00:00Z"
public = "same"
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let found = facts.host_keys.known()?;
    let mut judgement = Judgement::new();
    for gap in &found.gaps {
        judgement.unknown(format!("not every host key is known: {gap}"));
    }
    for path in &found.missing {
        judgement.observe("the configuration names a host key that does not exist", [Evidence::of(path)]);
    }
    let birth = Birth::of(facts, policy);
    for key in &found.keys {
        let before = judgement.findings.len();
        rights(key, &mut judgement);
        kind(key, &mut judgement);
        if judgement.findings.len() == before {
            age(key, &birth, facts, &mut judgement);
        }
    }
    if found.keys.is_empty() && found.gaps.is_empty() {
        judgement.not_applicable = Some("no SSH host key lies where sshd looks for one".to_owned());
        judgement.observations.clear();
    }
    Ok(judgement)
}

fn place(key: &HostKey) -> Evidence {
    let size = key.bits.map(|bits| format!(" of {bits} bits")).unwrap_or_default();
    let kind = if key.kind.is_empty() { "of a type that is not known" } else { &key.kind };
    let rights = format!("mode {:04o}, uid {}, gid {}", key.mode, key.uid, key.gid);
    let text = format!("{kind}{size} {}, {rights}, changed {}", key.fingerprint, key.modified);
    Evidence::of(&key.path).says(text.replace(" ,", ","))
}

/// Who can read or replace a key. sshd itself refuses a key of root on which others have rights.
fn rights(key: &HostKey, judgement: &mut Judgement) {
    let open = key.mode & 0o077;
    let why = if key.uid != 0 {
        Some(format!("belongs to uid {}, who can read it", key.uid))
    } else if open & 0o007 != 0 {
        Some("gives rights to every account".to_owned())
    } else if open != 0 && !(key.readers && open == 0o040) {
        Some(format!("gives rights to its group (gid {})", key.gid))
    } else {
        None
    };
    let then = if key.passed_over.is_empty() { "" } else { ", so that sshd does not load it" };
    match why {
        Some(why) => {
            let message = format!("is a private host key that {why}{then}");
            judgement.fail(Finding::new(&key.path, message, place(key)));
        }
        None if !key.passed_over.is_empty() => {
            judgement.observe(format!("sshd does not load a host key: {}", key.passed_over), [place(key)]);
        }
        None => {}
    }
}

fn kind(key: &HostKey, judgement: &mut Judgement) {
    match ssh_key::strength(&key.kind, key.bits) {
        Strength::Weak(why) => {
            judgement.fail(Finding::new(&key.path, format!("is a weak host key, {why}"), place(key)));
        }
        Strength::Unknown if key.passed_over.is_empty() => {
            judgement.unknown(format!("the strength of the host key {} is not known", key.path));
        }
        Strength::Fair => {
            judgement
                .observe("RSA below 3,072 bits is not enough beyond 2030: replace it in time", [place(key)]);
        }
        Strength::Unknown | Strength::Good => {}
    }
    if key.public == Beside::Other {
        let message =
            "has a .pub file beside it that holds another key, so that who compares fingerprints is misled";
        judgement.fail(Finding::new(&key.path, message, place(key)));
    }
}

/// When this machine came to be, without what its host keys themselves say of it.
struct Birth {
    /// By what the customer declares, or by the mark of a first boot.
    sure: Option<Handover>,
    /// By anything else.
    likely: Option<Handover>,
}

impl Birth {
    fn of(facts: &Facts, policy: &Policy) -> Self {
        let traces = facts.delivery.value().map_or(&[][..], |delivery| delivery.traces.as_slice());
        let by = |kinds: &dyn Fn(TraceKind) -> bool| {
            let traces = traces.iter().filter(|trace| kinds(trace.kind)).cloned().collect();
            Delivery { traces, ignored: Vec::new() }.handover(policy.delivered_at)
        };
        Self {
            sure: by(&|kind| matches!(kind, TraceKind::CloudInit | TraceKind::GuestCustomization)),
            likely: by(&|kind| kind != TraceKind::HostKey),
        }
    }
}

/// A first boot makes host keys on the day on which it marks itself. The machine id alone proves nothing where it
/// differs: an administrator may have replaced it.
fn age(key: &HostKey, birth: &Birth, facts: &Facts, judgement: &mut Judgement) {
    let made = key.modified.day();
    if key.modified > facts.taken_at {
        return judgement.unknown(format!("the host key {} was changed in the future, on {made}", key.path));
    }
    if let Some(handover) = birth.sure.as_ref().filter(|handover| made < handover.from) {
        let message = format!(
            "is a host key of {made}, older than the delivery ({}): it came with the image, and others have it too",
            handover.by
        );
        let finding = Finding::new(&key.path, message, place(key));
        return judgement.fail(handover.evidence.iter().cloned().fold(finding, Finding::and));
    }
    match &birth.likely {
        Some(handover) if handover.to.is_some_and(|to| made >= to) => {
            let evidence = std::iter::once(place(key)).chain(handover.evidence.iter().cloned());
            judgement.observe(format!("a host key is no older than the machine ({})", handover.by), evidence);
        }
        Some(handover) => judgement.unknown(format!(
            "the host key {} is of {made}, and it is not clear from {} whether the machine was handed over before \
             that; `delivered_at` in the configuration would say it",
            key.path, handover.by
        )),
        None => judgement.unknown(format!(
            "nothing on the host says when it was handed over, so whether the host key {} of {made} came with its \
             image is not known; `delivered_at` in the configuration would say it",
            key.path
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::delivery::Trace;
    use crate::facts::host_keys::HostKeys;

    fn key() -> HostKey {
        HostKey {
            path: "/etc/ssh/ssh_host_ed25519_key".into(),
            kind: "ssh-ed25519".into(),
            mode: 0o600,
            modified: "2026-03-02T09:00:00Z".parse().unwrap(),
            ..HostKey::default()
        }
    }

    fn judged(key: HostKey, traces: &[(TraceKind, &str)], declared: Option<&str>) -> Judgement {
        let trace = |(kind, day): &(TraceKind, &str)| Trace {
            kind: *kind,
            at: day.parse().unwrap(),
            path: "/x".into(),
        };
        let facts = Facts {
            taken_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            host_keys: Ok(HostKeys { keys: vec![key], ..HostKeys::default() }).into(),
            delivery: Ok(Delivery { traces: traces.iter().map(trace).collect(), ignored: vec![] }).into(),
            ..Facts::default()
        };
        let policy = Policy { delivered_at: declared.map(|day| day.parse().unwrap()), ..Policy::default() };
        judge(&facts, &policy).unwrap()
    }

    #[test]
    fn a_key_that_came_with_the_image() {
        use TraceKind::{Birth, CloudInit, HostKey, MachineId};
        for (traces, declared, wanted) in [
            (&[(CloudInit, "2026-03-02")][..], None, Verdict::Pass),
            (&[(CloudInit, "2026-03-03")], None, Verdict::Fail),
            (&[], Some("2026-03-03"), Verdict::Fail),
            (&[(CloudInit, "2026-03-03")], Some("2026-03-01"), Verdict::Pass),
            (&[(MachineId, "2026-03-02"), (HostKey, "2026-03-02")], None, Verdict::Pass),
            (&[(MachineId, "2026-03-03")], None, Verdict::Unknown),
            (&[(MachineId, "2026-03-01"), (Birth, "2026-05-01")], None, Verdict::Unknown),
            (&[(Birth, "2026-03-01")], None, Verdict::Unknown),
            (&[(HostKey, "2026-03-02")], None, Verdict::Unknown),
            (&[], None, Verdict::Unknown),
        ] {
            assert_eq!(judged(key(), traces, declared).verdict(), wanted, "{traces:?} {declared:?}");
        }
    }

    #[test]
    fn rights_and_kinds() {
        let cloud = [(TraceKind::CloudInit, "2026-03-02")];
        let verdict = |change: &dyn Fn(&mut HostKey)| {
            let mut changed = key();
            change(&mut changed);
            judged(changed, &cloud, None).verdict()
        };
        assert_eq!(verdict(&|_| {}), Verdict::Pass);
        assert_eq!(verdict(&|key| key.mode = 0o640), Verdict::Fail);
        assert_eq!(verdict(&|key| (key.mode, key.readers) = (0o640, true)), Verdict::Pass);
        assert_eq!(verdict(&|key| (key.mode, key.readers) = (0o644, true)), Verdict::Fail);
        assert_eq!(verdict(&|key| key.uid = 7), Verdict::Fail);
        assert_eq!(verdict(&|key| key.public = Beside::Other), Verdict::Fail);
        assert_eq!(verdict(&|key| (key.kind, key.bits) = ("ssh-rsa".into(), Some(1024))), Verdict::Fail);
        assert_eq!(verdict(&|key| key.kind = "ssh-dss".into()), Verdict::Fail);
        assert_eq!(verdict(&|key| key.kind = String::new()), Verdict::Unknown);
        assert_eq!(verdict(&|key| key.modified.0 *= 2), Verdict::Unknown);
    }

    #[test]
    fn no_key_is_no_question_and_a_gap_is_no_pass() {
        let with = |found: HostKeys| {
            let facts = Facts { host_keys: Ok(found).into(), ..Facts::default() };
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(with(HostKeys::default()), Verdict::NotApplicable);
        assert_eq!(
            with(HostKeys { missing: vec!["/k".into()], ..HostKeys::default() }),
            Verdict::NotApplicable
        );
        let gaps = vec![Gap::denied("/etc/ssh/ssh_host_rsa_key")];
        assert_eq!(with(HostKeys { gaps, ..HostKeys::default() }), Verdict::Unknown);
    }
}
