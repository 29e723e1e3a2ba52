//! How macOS answers the duties that it shares with Linux: one judgement per check that has a macOS branch.
//!
//! The facts are other ones there ([`crate::facts::mac`]), so the questions are put differently; the sentence of the
//! check stays the same.

pub(crate) mod accounts;
pub(crate) mod encryption;
pub(crate) mod filter;
pub(crate) mod firewall;
pub(crate) mod passwords;
pub(crate) mod patches;
pub(crate) mod pf;
pub(crate) mod remedies;
pub(crate) mod remote_desktop;
pub(crate) mod ssh;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Judgement, Verdict};
    use crate::facts::Facts;
    use crate::facts::mac::Mac;
    use crate::gap::Gap;
    use crate::gap::Reading;
    use crate::host::System;
    use crate::policy::Policy;

    /// The facts of a Mac, taken at noon on 2026-11-22.
    pub(super) fn facts(mac: Mac) -> Facts {
        Facts {
            taken_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            system: System::MacOs,
            mac: Reading::Known(mac),
            ..Facts::default()
        }
    }
    /// A rented Mac whose tenant has done half of everything, recorded with invented values.
    #[test]
    fn the_recorded_mac_mini_is_judged() {
        let facts: Facts = toml::from_str(include_str!("../../tests/snapshots/mac-mini-m2.toml")).unwrap();
        let policy = Policy::default();
        let says = |judgement: Result<Judgement, Gap>| {
            let judgement = judgement.unwrap();
            let subjects: Vec<String> = judgement.findings.iter().map(|one| one.subject.clone()).collect();
            (judgement.verdict(), subjects.join(", "))
        };
        let fail = |subjects: &str| (Verdict::Fail, subjects.to_owned());
        let pass = (Verdict::Pass, String::new());
        assert_eq!(says(ssh::key_only(&facts)), fail("sshd"), "keyboard-interactive is still on");
        assert_eq!(says(ssh::root_login(&facts)), pass);
        assert_eq!(says(firewall::enforced(&facts)), fail("pf"), "its rules are about one port");
        assert_eq!(says(remote_desktop::tunnelled(&facts)), fail("port 5900"), "one address is let in");
        assert_eq!(says(encryption::data(&facts, &policy)), fail("Data"));
        assert_eq!(says(patches::release_supported(&facts)), pass);
        assert_eq!(
            says(patches::security(&facts, &policy)),
            fail("Command Line Tools for Xcode 27.1, macOS Tahoe 26.7.1")
        );
        assert_eq!(says(passwords::changed(&facts, &policy)), fail("tenant"), "and not maud, who came later");
    }
}
