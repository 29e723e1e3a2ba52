//! Whether the data on the disk needs a secret to be read: `encryption-data` on macOS.

use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::facts::mac::filevault::{Progress, Volume};
use crate::gap::Gap;
use crate::policy::Policy;

/// Whether every volume that holds data is guarded by FileVault. The hardware encryption of Apple silicon does not count:
/// it opens without anybody's secret as soon as the Mac starts.
pub(crate) fn data(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let vault = mac.filevault.known()?;
    let conflict = policy.offer.encryption_conflict.as_ref().map_or(String::new(), |advice| {
        format!(" (the provider's own advice conflicts with this duty, so a waiver can accept it: {advice})")
    });
    let status = "fdesetup status";
    match vault.progress {
        Progress::Encrypting => {
            judgement.unknown("FileVault is still encrypting the disk; ask again when it is done")
        }
        Progress::Decrypting => {
            let message = format!("is decrypting the disk{conflict}");
            judgement.fail(Finding::new(
                "FileVault",
                message,
                Evidence::of(status).says("Decryption in progress"),
            ));
        }
        Progress::Deferred if !vault.enabled => {
            let message = format!("waits for a user to log in, and is off until then{conflict}");
            judgement.fail(Finding::new(
                "FileVault",
                message,
                Evidence::of(status).says("Deferred enablement"),
            ));
        }
        Progress::Deferred | Progress::Settled => {}
    }
    let volumes: Vec<&Volume> = mac.volumes.known()?.iter().filter(|volume| volume.holds_data()).collect();
    for volume in &volumes {
        let place = Evidence::of(format!("diskutil apfs list: {}", volume.device));
        if volume.filevault {
            judgement.observe(format!("FileVault guards {}", volume.name), [place]);
        } else {
            let why = if volume.encrypted {
                "is encrypted by the hardware alone, which takes nobody's secret to open"
            } else {
                "is not encrypted"
            };
            judgement.fail(Finding::new(
                &volume.name,
                format!("{why}{conflict}"),
                place.says("FileVault: No"),
            ));
        }
    }
    if volumes.is_empty() {
        judgement.unknown("`diskutil apfs list` shows no volume that holds data");
    } else if vault.progress == Progress::Settled && !vault.enabled && judgement.findings.is_empty() {
        judgement
            .unknown("`fdesetup` says that FileVault is off, and `diskutil` that it guards every volume");
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::facts::mac::filevault::FileVault;
    use crate::gap::Reading::Known;

    fn mac(enabled: bool, progress: Progress, volumes: &[(&str, bool)]) -> Mac {
        let volume = |(role, filevault): &(&str, bool)| Volume {
            name: "Macintosh HD - Data".into(),
            device: "disk3s5".into(),
            roles: (!role.is_empty()).then(|| (*role).to_owned()).into_iter().collect(),
            encrypted: true,
            filevault: *filevault,
        };
        Mac {
            filevault: Known(FileVault { enabled, progress }),
            volumes: Known(volumes.iter().map(volume).collect()),
            ..Mac::default()
        }
    }

    fn verdict(mac: Mac) -> Verdict {
        data(&facts(mac), &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn only_a_secret_of_somebody_counts() {
        let system = ("System", false);
        assert_eq!(verdict(mac(true, Progress::Settled, &[system, ("Data", true)])), Verdict::Pass);
        assert_eq!(verdict(mac(false, Progress::Settled, &[system, ("Data", false)])), Verdict::Fail);
        assert_eq!(verdict(mac(true, Progress::Settled, &[("Data", true), ("", false)])), Verdict::Fail);
        assert_eq!(
            verdict(mac(false, Progress::Settled, &[("Data", true)])),
            Verdict::Unknown,
            "they disagree"
        );
        assert_eq!(verdict(mac(true, Progress::Settled, &[system])), Verdict::Unknown);
        assert!(data(&facts(Mac::default()), &Policy::default()).is_err());
    }

    #[test]
    fn on_the_way_is_not_there() {
        let guarded = [("Data", true)];
        assert_eq!(verdict(mac(true, Progress::Encrypting, &guarded)), Verdict::Unknown);
        assert_eq!(verdict(mac(true, Progress::Decrypting, &guarded)), Verdict::Fail);
        assert_eq!(verdict(mac(false, Progress::Deferred, &[("Data", false)])), Verdict::Fail);
    }

    #[test]
    fn conflicting_advice_is_named_and_changes_nothing() {
        let mut policy = Policy::default();
        policy.offer.encryption_conflict = Some("it locks remote reboots".into());
        let judgement = data(&facts(mac(false, Progress::Settled, &[("Data", false)])), &policy).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Fail);
        let message = &judgement.findings[0].message;
        assert!(message.contains("waiver") && message.contains("it locks remote reboots"), "{message}");
    }
}
