//! What this host knows of updates is of these days.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::packages::Manager;
use crate::facts::updates::{Classification, Stale, Suite};
use crate::gap::Gap;
use crate::host::System;
use crate::package_index::{age, own_steps, stale};
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "patches-index-fresh",
    title: "The package indexes are there, whole, and of these days",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "A host learns of updates from the indexes of its package sources. When they are not refreshed any \
        more, because a mirror is gone, a proxy fails or a timer was switched off, nothing is reported as missing, \
        and the host looks up to date for ever.",
    remedy: "apt-get update             # and read what it says of each source\n\
        systemctl enable --now apt-daily.timer\n\
        apt-cache policy           # which sources are used\n\
        apk update                 # Alpine\n\
        pacman -Syu                # Arch; -Sy alone leaves a half-upgraded system behind\n\
        dnf makecache --refresh && systemctl enable --now dnf-makecache.timer   # RHEL family, Fedora\n\
        zypper refresh             # SUSE",
    references: &[
        "apt-get(8)",
        "sources.list(5)",
        "apt.systemd.daily(8)",
        "apk-update(8)",
        "pacman(8)",
        "dnf(8)",
        "zypper(8)",
    ],
    examples: Examples {
        kept: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [updates.known]
            compared = 412
            [[updates.known.suites]]
            place = { source = "/etc/apt/sources.list", line = 1 }
            archive = "deb.example.org/debian-security"
            suite = "bookworm-security"
            [updates.known.suites.index.known]
            path = "/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_InRelease"
            label = "Debian-Security"
            dated = "2026-11-22T06:00:00Z"
            modified = "2026-11-22T06:00:00Z"
            lists = ["/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages"]
        "#,
        broken: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [updates.known]
            compared = 412
            [[updates.known.suites]]
            place = { source = "/etc/apt/sources.list", line = 1 }
            archive = "deb.example.org/debian-security"
            suite = "bookworm-security"
            [updates.known.suites.index.known]
            path = "/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_InRelease"
            label = "Debian-Security"
            dated = "2026-10-01T06:00:00Z"
            modified = "2026-10-01T06:00:00Z"
            lists = ["/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_main_binary-amd64_Packages"]
        "#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let updates = facts.updates.known()?;
    let (now, limit) = (facts.taken_at, policy.thresholds.index_max_age_days);
    let mut judgement = Judgement { remedy: own_steps(facts, CHECK.remedy), ..Judgement::new() };
    for gap in &updates.unread {
        judgement.unknown(gap.to_string());
    }
    if updates.suites.is_empty() {
        judgement.unknown("there is no package source, so nothing on this host knows of updates");
    }
    let any_fresh = updates
        .suites
        .iter()
        .filter_map(|suite| suite.index.value())
        .any(|index| index.fresh(now, limit).is_ok());
    for suite in &updates.suites {
        let index = match suite.index.known() {
            Ok(index) => index,
            Err(gap) => {
                judgement.unknown(gap.to_string());
                continue;
            }
        };
        for gap in &index.unread {
            judgement.unknown(gap.to_string());
        }
        let name = suite.name();
        // A released suite stays as it is for months; those of security updates, and those that expire, do not.
        match index.fresh(now, limit) {
            Ok(at) => {
                let torn =
                    torn(suite).map(|day| format!("; a refresh on {day} did not end")).unwrap_or_default();
                let message = format!("the index of {name} is {} old{torn}", age(now, at));
                judgement.observe(message, [Evidence::of(&index.path)]);
            }
            Err(Stale::Future) => judgement.unknown(stale(&name, Stale::Future, now, limit)),
            Err(Stale::Old(at)) if last_changed(facts) && (index.third_party || any_fresh) => {
                judgement.unknown(format!(
                    "the index of {name} is as its server last changed it, {} ago; whether it was asked since is not known",
                    age(now, at)
                ));
            }
            Err(Stale::Old(_))
                if updates.classification != Classification::Nothing
                    && !index.confirmed
                    && !suite.is_security()
                    && index.valid_until.is_none() =>
            {
                let at = index.known_at(now).unwrap_or(now);
                let message = format!(
                    "the index of {name} is {} old, and its archive signs it anew only when it changes",
                    age(now, at)
                );
                judgement.observe(message, [Evidence::of(&index.path)]);
            }
            Err(why) => {
                let torn =
                    torn(suite).map(|day| format!("; a refresh on {day} did not end")).unwrap_or_default();
                let message = format!("{}{torn}", stale(&name, why, now, limit));
                judgement
                    .fail(Finding::new(&name, message, Evidence::of(&index.path)).and(suite.place.clone()));
            }
        }
    }
    Ok(judgement)
}

/// Whether an index has the time of the server's last change, so that an old one may be the newest there is. Of several
/// that one call refreshes a young one shows that there was a call; that it reached the others it does not show.
fn last_changed(facts: &Facts) -> bool {
    facts.packages.value().is_some_and(|packages| packages.manager == Manager::Pacman)
}

/// The day on which a refresh left but a part of a suite behind.
fn torn(suite: &Suite) -> Option<String> {
    suite.torn.map(|at| at.day().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::{DAY, Timestamp};
    use crate::facts::updates::Updates;
    use crate::gap::Reading;

    fn judged(change: impl FnOnce(&mut Updates, Timestamp)) -> Judgement {
        let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
        let now = facts.taken_at;
        match &mut facts.updates {
            Reading::Known(updates) => change(updates, now),
            Reading::Gap(gap) => panic!("{gap}"),
        }
        judge(&facts, &Policy::default()).unwrap()
    }

    fn aged(updates: &mut Updates, at: Timestamp) {
        if let Reading::Known(index) = &mut updates.suites[0].index {
            (index.dated, index.modified) = (Some(at), at);
        }
    }

    #[test]
    fn age_expiry_and_a_torn_refresh_are_said() {
        let judgement = judged(|updates, now| {
            aged(updates, Timestamp(now.0 - 5 * DAY));
            updates.suites[0].torn = Some(Timestamp(now.0 - DAY));
        });
        let message = &judgement.findings[0].message;
        assert!(message.starts_with("stale index, 5 days: "), "{message}");
        assert!(message.ends_with("; a refresh on 2026-11-21 did not end"), "{message}");
        let expired = judged(|updates, now| {
            if let Reading::Known(index) = &mut updates.suites[0].index {
                index.valid_until = Some(Timestamp(now.0 - 1));
            }
        });
        assert!(expired.findings[0].message.contains("expired on 2026-11-22"));
    }

    #[test]
    fn what_is_missing_or_of_the_future_is_unknown() {
        let gap = judged(|updates, _| updates.suites[0].index = Reading::Gap(Gap::absent("the index of x")));
        assert_eq!(
            (gap.verdict(), gap.unknowns[0].as_str()),
            (Verdict::Unknown, "the index of x does not exist")
        );
        assert_eq!(judged(|updates, now| aged(updates, Timestamp(now.0 * 2))).verdict(), Verdict::Unknown);
        assert_eq!(judged(|updates, _| updates.suites.clear()).verdict(), Verdict::Unknown);
        assert_eq!(judged(|updates, _| updates.unread.push(Gap::denied("x"))).verdict(), Verdict::Unknown);
    }

    #[test]
    fn where_nothing_is_classified_every_index_has_to_be_young() {
        let old = |updates: &mut Updates, now: Timestamp| {
            updates.classification = Classification::Nothing;
            updates.suites[0].suite = "v3.20/main".into();
            if let Reading::Known(index) = &mut updates.suites[0].index {
                index.label.clear();
            }
            aged(updates, Timestamp(now.0 - 90 * DAY));
        };
        assert_eq!(judged(old).verdict(), Verdict::Fail);
        let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
        let packages = crate::facts::packages::Packages { manager: Manager::Pacman, ..Default::default() };
        facts.packages = Reading::Known(packages);
        let now = facts.taken_at;
        let mut verdict = |change: &mut dyn FnMut(&mut Updates)| {
            if let Reading::Known(updates) = &mut facts.updates {
                change(updates);
            }
            judge(&facts, &Policy::default()).unwrap().verdict()
        };
        assert_eq!(verdict(&mut |updates| old(updates, now)), Verdict::Fail, "nothing was refreshed");
        let young = |updates: &mut Updates| {
            let mut other = updates.suites[0].clone();
            if let Reading::Known(index) = &mut other.index {
                (index.dated, index.modified) = (None, now);
            }
            updates.suites.push(other);
        };
        assert_eq!(verdict(&mut |updates| young(updates)), Verdict::Unknown, "one of two was");
    }

    #[test]
    fn a_released_suite_may_be_old() {
        let judgement = judged(|updates, now| {
            updates.suites[0].suite = "bookworm".into();
            if let Reading::Known(index) = &mut updates.suites[0].index {
                index.label = "Debian".into();
            }
            aged(updates, Timestamp(now.0 - 90 * DAY));
        });
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert!(
            judgement.observations[0].message.contains("is 90 days old, and its archive signs it anew only")
        );
    }
}
