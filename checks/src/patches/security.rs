//! No installed package waits for a security update.

mod unclassified;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::updates::{Classification, Index, Status, Suite, Updates};
use crate::gap::Gap;
use crate::host::System;
use crate::package_index::{age, fresh, own_steps};
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "patches-security",
    title: "Every security update that the package indexes know of is installed",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "Once an update is published, so is the hole that it closes, and the way through it is soon automated. \
        The answer is only as good as the index it comes from: hostduty refreshes nothing, so it says how old the \
        index is, and an old, expired or missing one is never taken for being up to date.",
    remedy: "apt-get update && apt-get --only-upgrade install <package>\n\
        apt-get dist-upgrade        # everything at once; read what it would remove\n\
        apt-mark unhold <package>   # where a hold keeps the update back\n\
        apk -U upgrade              # Alpine; no classification exists there, so nothing at all may wait\n\
        pacman -Syu                 # Arch, likewise\n\
        dnf upgrade --refresh --security                # RHEL family, Fedora; dnf updateinfo list --security\n\
        dnf versionlock delete <package>                # where a lock keeps the update back\n\
        zypper refresh && zypper patch --category security   # SUSE",
    references: &[
        "apt-get(8)",
        "apt_preferences(5)",
        "sources.list(5)",
        "apk-upgrade(8)",
        "pacman(8)",
        "dnf(8)",
        "zypper(8)",
        "CIS Debian Linux 12 Benchmark: updates and patches are installed",
    ],
    examples: Examples {
        kept: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [updates.known]
            compared = 412
            [[updates.known.suites]]
            place = { source = "/etc/apt/sources.list", line = 3 }
            archive = "deb.example.org/debian-security"
            suite = "bookworm-security"
            components = ["main"]
            [updates.known.suites.index.known]
            path = "/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_InRelease"
            label = "Debian-Security"
            codename = "bookworm-security"
            dated = "2026-11-22T06:00:00Z"
            valid_until = "2026-11-29T06:00:00Z"
            modified = "2026-11-22T06:00:00Z"
            lists = ["/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages"]
        "#,
        broken: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [updates.known]
            compared = 412
            [[updates.known.pending]]
            package = "openssl"
            architecture = "amd64"
            installed = "3.0.15-1~deb12u1"
            candidate = "3.0.17-1~deb12u3"
            origin = "Debian-Security/oldstable-security"
            security = true
            status = "upgradable"
        "#,
    },
    judge,
};

/// What a package manager calls its things.
struct Places {
    database: &'static str,
    lists: &'static str,
    preferences: &'static str,
    withheld: &'static str,
}

const APT: Places = Places {
    database: "/var/lib/dpkg/status",
    lists: "/var/lib/apt/lists",
    preferences: "/etc/apt/preferences",
    withheld: "the preferences of apt keep it at its version",
};

const RPM: Places = Places {
    database: "rpm's database",
    lists: "/var/cache/dnf",
    preferences: "/etc/yum.repos.d",
    withheld: "an advisory names it, and no repository that is used hands it out",
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::patches::security(facts, policy);
    }
    let updates = facts.updates.known()?;
    if updates.classification == Classification::Nothing {
        let judgement = unclassified::judge(facts, updates, policy);
        return Ok(Judgement { remedy: own_steps(facts, CHECK.remedy), ..judgement });
    }
    let mut judgement = Judgement { remedy: own_steps(facts, CHECK.remedy), ..Judgement::new() };
    let by_advisory = updates.classification == Classification::Advisories;
    let places = if by_advisory { &RPM } else { &APT };
    for pending in updates.pending.iter().filter(|pending| pending.security) {
        let held = match pending.status {
            Status::Upgradable => "",
            Status::Held => ", but is held",
            Status::Phased => ", which the archive does not hand out to this machine yet",
            Status::KeptBack => {
                ", which a plain upgrade keeps back: read what `apt-get -s dist-upgrade` would do"
            }
        };
        let from = [vec![pending.origin.clone()], pending.advisories.clone()].concat().join(", ");
        let message = format!(
            "waits for a security update from {} to {} ({from}){held}",
            pending.installed, pending.candidate
        );
        let index = updates
            .suites
            .iter()
            .filter_map(|suite| suite.index.value())
            .find(|index| index.name() == pending.origin)
            .map_or(places.lists, |index| index.path.as_str());
        judgement.fail(
            Finding::new(&pending.package, message, Evidence::of(places.database).says(&pending.installed))
                .and(Evidence::of(index).says(&pending.candidate)),
        );
    }
    for withheld in &updates.withheld {
        // Without a subscription Ubuntu's client keeps apt from what it could list and not download.
        let why = if updates.is_esm(&withheld.origin) {
            "Ubuntu hands it to machines with a subscription alone: pro attach, then pro enable"
        } else {
            places.withheld
        };
        let message = format!(
            "never gets the security update from {} to {} ({}): {why}",
            withheld.installed, withheld.version, withheld.origin
        );
        let place = withheld.by.clone().unwrap_or_else(|| Evidence::of(places.preferences));
        judgement.fail(Finding::new(&withheld.package, message, place));
    }
    limits(facts, updates, &mut judgement);
    let mut oldest: Option<(Timestamp, &Index)> = None;
    let security: Vec<&Suite> =
        updates.suites.iter().filter(|suite| by_advisory || suite.is_security()).collect();
    if by_advisory {
        unclassified(updates, &mut judgement);
    }
    for suite in &security {
        match fresh(suite, facts.taken_at, policy.thresholds.index_max_age_days) {
            Ok((at, index)) => {
                if oldest.is_none_or(|(before, _)| at < before) {
                    oldest = Some((at, index));
                }
            }
            Err(reason) => judgement.unknown(reason),
        }
    }
    if updates.suites.is_empty() {
        let manager = if by_advisory { "dnf" } else { "apt" };
        judgement
            .unknown(format!("{manager} has no package source, so nothing on this host knows of updates"));
    } else if security.is_empty() {
        judgement
            .unknown("no security suite is configured, so nothing on this host knows of security updates");
    } else if let Some(codename) = codename(facts)
        && !by_advisory
        && !security.iter().filter_map(|suite| suite.index.value()).any(|index| index.is_of(codename))
    {
        judgement.unknown(format!(
            "none of the security suites on disk is one of {codename}, which this host runs"
        ));
    }
    if updates.compared == 0 {
        judgement.unknown("no installed package was compared with the indexes");
    }
    if let Some((at, index)) = oldest
        && judgement.findings.is_empty()
        && judgement.unknowns.is_empty()
    {
        let message = format!(
            "0 security updates pending of {} packages, {} in all, index {} old",
            updates.compared,
            updates.pending.len(),
            age(facts.taken_at, at)
        );
        judgement.observe(message, [Evidence::of(&index.path)]);
    }
    Ok(judgement)
}

/// Of an update that only a repository without advisories offers nobody tells whether it mends a hole.
fn unclassified(updates: &Updates, judgement: &mut Judgement) {
    let pending = updates.pending.iter().filter(|pending| pending.unclassified).count();
    if pending == 0 {
        return;
    }
    for index in updates.suites.iter().filter_map(|suite| suite.index.value()) {
        if index.advisories.is_none() {
            judgement.unknown(format!(
                "no security classification exists in {}: whether any of {pending} pending updates is one is not known",
                index.name()
            ));
        }
    }
}

/// What may make the package manager choose otherwise than hostduty computes.
fn limits(facts: &Facts, updates: &Updates, judgement: &mut Judgement) {
    for gap in &updates.unread {
        judgement.unknown(gap.to_string());
    }
    let broken = facts.packages.value().into_iter().flat_map(|packages| &packages.broken);
    for (package, state) in broken.filter(|(_, state)| *state == "half-installed") {
        judgement.unknown(format!("{package} is {state}: which version of it is on the disk is not known"));
    }
}

fn codename(facts: &Facts) -> Option<&str> {
    let release = facts.machine.value()?.release.value()?;
    Some(release.codename.as_str()).filter(|codename| !codename.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::DAY;
    use crate::facts::machine::{Machine, Release};
    use crate::facts::packages::Packages;
    use crate::facts::updates::Withheld;
    use crate::gap::Reading;

    fn kept() -> Facts {
        toml::from_str(CHECK.examples.kept).unwrap()
    }

    fn updates(facts: &mut Facts) -> &mut Updates {
        match &mut facts.updates {
            Reading::Known(updates) => updates,
            Reading::Gap(gap) => panic!("{gap}"),
        }
    }

    fn index(facts: &mut Facts) -> &mut Index {
        match &mut updates(facts).suites[0].index {
            Reading::Known(index) => index,
            Reading::Gap(gap) => panic!("{gap}"),
        }
    }

    fn unknown(change: impl FnOnce(&mut Facts)) -> String {
        let mut facts = kept();
        change(&mut facts);
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Unknown, "{judgement:?}");
        judgement.unknowns[0].clone()
    }

    #[test]
    fn a_pass_says_how_old_its_knowledge_is() {
        let judgement = judge(&kept(), &Policy::default()).unwrap();
        assert_eq!(
            judgement.observations[0].message,
            "0 security updates pending of 412 packages, 0 in all, index 6 hours old"
        );
    }

    #[test]
    fn old_expired_future_missing_and_partial_indexes_are_unknown() {
        let old = Timestamp(kept().taken_at.0 - 4 * DAY);
        let reason = unknown(|facts| {
            (index(facts).dated, index(facts).modified) = (Some(old), old);
        });
        assert!(reason.starts_with("stale index, 4 days: "), "{reason}");
        let reason = unknown(|facts| index(facts).valid_until = Some(old));
        assert!(reason.contains("expired on 2026-11-18"), "{reason}");
        let reason = unknown(|facts| {
            let future = Timestamp(facts.taken_at.0 * 2);
            (index(facts).dated, index(facts).modified) = (Some(future), future);
        });
        assert!(reason.contains("future"), "{reason}");
        let reason = unknown(|facts| index(facts).unread.push(Gap::unsupported("packed")));
        assert_eq!(reason, "packed");
        unknown(|facts| updates(facts).suites[0].index = Reading::Gap(Gap::absent("x")));
        unknown(|facts| index(facts).lists.clear());
    }

    #[test]
    fn suites_of_nothing_or_of_another_release_are_unknown() {
        let reason = unknown(|facts| updates(facts).suites.clear());
        assert!(reason.starts_with("apt has no package source"), "{reason}");
        let reason = unknown(|facts| {
            index(facts).label.clear();
            index(facts).codename = "bookworm".into();
        });
        assert!(reason.starts_with("no security suite"), "{reason}");
        let reason = unknown(|facts| {
            let release = Release { codename: "trixie".into(), ..Release::default() };
            facts.machine =
                Reading::Known(Machine { release: Reading::Known(release), ..Machine::default() });
        });
        assert!(reason.contains("one of trixie"), "{reason}");
    }

    #[test]
    fn what_preferences_keep_from_being_chosen_is_a_finding() {
        let mut facts = kept();
        updates(&mut facts).withheld.push(Withheld {
            package: "openssl".into(),
            installed: "1".into(),
            version: "2".into(),
            by: Some(Evidence::at("/etc/apt/preferences", 7)),
            ..Withheld::default()
        });
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(judgement.findings[0].evidence[0].to_string(), "/etc/apt/preferences:7");
    }

    #[test]
    fn what_takes_a_subscription_says_so() {
        let mut facts = kept();
        let updates = updates(&mut facts);
        let index = Index {
            origin: "UbuntuESMApps".into(),
            label: "Ubuntu".into(),
            suite: "jammy-apps-security".into(),
            ..Index::default()
        };
        updates.withheld.push(Withheld { origin: index.name(), ..Withheld::default() });
        updates.suites.push(Suite { index: Reading::Known(index), ..Suite::default() });
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert!(judgement.findings[0].message.ends_with("pro attach, then pro enable"));
    }

    #[test]
    fn what_is_not_read_turns_a_pass_into_unknown() {
        unknown(|facts| updates(facts).unread.push(Gap::denied("/etc/apt/sources.list")));
        unknown(|facts| {
            let broken = [("torn".to_owned(), "half-installed".to_owned())].into();
            facts.packages = Reading::Known(Packages { broken, ..Packages::default() });
        });
    }

    #[test]
    fn a_finding_stands_beside_every_doubt() {
        let mut facts: Facts = toml::from_str(CHECK.examples.broken).unwrap();
        updates(&mut facts).pending[0].status = Status::Held;
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert!(judgement.findings[0].message.ends_with("(Debian-Security/oldstable-security), but is held"));
        assert!(!judgement.unknowns.is_empty());
    }
}
