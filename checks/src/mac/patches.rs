//! Whether macOS still gets security updates and has them: `patches-release-supported` and `patches-security`.

use crate::check::{Evidence, Finding, Judgement};
use crate::date::Day;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::policy::Policy;

/// Releases with the day on which each came out, in days since 1970, as known on 2026-08-22. Apple publishes no end of
/// support; that it patches the newest three is its habit and not its promise.
const RELEASES: &[(u32, Day)] = &[
    (11, Day(18_578)), // 2020-11-12
    (12, Day(18_925)), // 2021-10-25
    (13, Day(19_289)), // 2022-10-24
    (14, Day(19_626)), // 2023-09-26
    (15, Day(19_982)), // 2024-09-16
    (26, Day(20_346)), // 2025-09-15
];
/// How many of the newest releases Apple patches.
const PATCHED: usize = 3;
/// Apple brings out one release a year, and never has sooner than this many days after the one before.
const SOONEST: i64 = 330;

/// Whether Apple still patches the release.
pub(crate) fn release_supported(facts: &Facts) -> Result<Judgement, Gap> {
    let release = facts.machine.known()?.release.known()?;
    let mut judgement = Judgement::new();
    let place = Evidence::of("/System/Library/CoreServices/SystemVersion.plist").says(&release.version);
    let name = &release.name;
    let Some(major) = release.version.split('.').next().and_then(|major| major.parse::<u32>().ok()) else {
        judgement.unknown(format!("`{}` is no version of macOS", release.version));
        return Ok(judgement);
    };
    let Some(&(newest, since)) = RELEASES.last() else { return Ok(judgement) };
    if major > newest {
        judgement.unknown(format!("{name} is newer than this hostduty, which knows macOS up to {newest}"));
        return Ok(judgement);
    }
    let newer = RELEASES.iter().filter(|(other, _)| *other > major).count();
    let elapsed = facts.taken_at.day().0.saturating_sub(since.0).max(0);
    // Releases that may have come out since this table was made.
    let unseen = usize::try_from(elapsed / SOONEST).unwrap_or(usize::MAX);
    if newer >= PATCHED {
        let message = format!(
            "gets no security updates: {newer} newer releases are out, and Apple patches the newest {PATCHED}"
        );
        judgement.fail(Finding::new(name, message, place));
    } else if newer.saturating_add(unseen) >= PATCHED {
        judgement.unknown(format!(
            "whether Apple still patches {name} depends on releases after macOS {newest}, which this hostduty does not know"
        ));
    } else {
        judgement
            .observe(format!("{name} is among the newest {PATCHED} releases, which Apple patches"), [place]);
    }
    Ok(judgement)
}

/// Whether security updates and macOS's own install themselves.
pub(crate) fn automatic(facts: &Facts) -> Result<Judgement, Gap> {
    let settings = facts.mac.known()?.update_settings.known()?;
    let mut judgement = Judgement::new();
    if settings.declared {
        judgement
            .unknown("device management declares how updates are installed, which hostduty does not read");
    }
    for (key, value, message) in [
        (
            "AutomaticCheckEnabled",
            Some(settings.checks.unwrap_or(true)),
            "macOS looks for no updates by itself",
        ),
        (
            "CriticalUpdateInstall",
            settings.installs_security,
            "security responses and system files are not installed by themselves",
        ),
        (
            "AutomaticallyInstallMacOSUpdates",
            settings.installs_system,
            "updates of macOS are not installed by themselves",
        ),
    ] {
        let place = Evidence::of("com.apple.SoftwareUpdate");
        match value {
            Some(true) => judgement.observe(format!("{key} is on"), [place]),
            Some(false) if settings.declared => {}
            Some(false) => {
                judgement.fail(Finding::new(key, format!("is off: {message}"), place.says("false")))
            }
            None => judgement
                .unknown(format!("{key} is not set, and what macOS does then depends on its release")),
        }
    }
    Ok(judgement)
}

/// Whether no recommended update waits, by a scan that is recent.
pub(crate) fn security(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let mut judgement = Judgement::new();
    let list = "softwareupdate --list --no-scan";
    for update in mac.updates.known()?.iter().filter(|update| update.recommended) {
        let restart = if update.restart { " and takes a restart" } else { "" };
        let version = if update.title.ends_with(&update.version) { "" } else { &update.version };
        let message = format!("{version} waits to be installed{restart}").trim_start().to_owned();
        judgement.fail(Finding::new(&update.title, message, Evidence::of(list).says(&update.label)));
    }
    let settings = mac.update_settings.known();
    let limit = i64::from(policy.thresholds.index_max_age_days);
    match settings.map(|settings| settings.scanned_at) {
        Ok(Some(at)) if facts.taken_at.days_since(at) > limit => judgement.unknown(format!(
            "macOS last looked for updates on {}, more than {limit} days ago; `softwareupdate --list` looks again",
            at.day()
        )),
        Ok(Some(at)) => judgement.observe(
            format!("macOS looked for updates on {}", at.day()),
            [Evidence::of("com.apple.SoftwareUpdate LastFullSuccessfulDate")],
        ),
        Ok(None) => judgement.unknown("macOS does not say when it last looked for updates with success"),
        Err(gap) => judgement.unknown(gap.to_string()),
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::facts::mac::software_update::{PendingUpdate, UpdateSettings};
    use crate::facts::machine::{Machine, Release};
    use crate::gap::Reading::Known;

    fn supported(version: &str, day: &str) -> Verdict {
        let release =
            Release { version: version.into(), name: format!("macOS {version}"), ..Release::default() };
        let mut facts = facts(Mac::default());
        facts.taken_at = day.parse().unwrap();
        facts.machine = Known(Machine { release: Known(release), ..Machine::default() });
        release_supported(&facts).unwrap().verdict()
    }

    #[test]
    fn the_newest_three_are_patched() {
        let today = "2026-11-22";
        assert_eq!(supported("26.7.1", today), Verdict::Pass, "the number before 26 is 15");
        assert_eq!(supported("15.8", today), Verdict::Pass);
        assert_eq!(supported("14.8.9", today), Verdict::Unknown, "a release may have come out since");
        assert_eq!(supported("13.7.8", today), Verdict::Fail);
        assert_eq!(supported("10.15.8", today), Verdict::Fail);
        assert_eq!(supported("27.0", today), Verdict::Unknown);
        assert_eq!(supported("beta", today), Verdict::Unknown);
    }

    #[test]
    fn an_old_table_says_less() {
        assert_eq!(supported("15.9", "2027-12-01"), Verdict::Unknown);
        assert_eq!(supported("26.9", "2027-12-01"), Verdict::Pass);
        assert_eq!(supported("26.9", "2031-12-01"), Verdict::Unknown);
        assert_eq!(supported("13.8", "2031-12-01"), Verdict::Fail);
        assert_eq!(supported("26.0", "1970-01-01"), Verdict::Pass, "a clock that is wrong adds no release");
    }

    #[test]
    fn the_table_is_in_order_and_names_its_days() {
        assert!(RELEASES.is_sorted());
        assert_eq!(RELEASES.last().unwrap().1.to_string(), "2025-09-15");
        let days: Vec<String> = RELEASES.iter().map(|(_, day)| day.to_string()).collect();
        assert_eq!(days[..3], ["2020-11-12", "2021-10-25", "2022-10-24"]);
        assert_eq!(days[3..6], ["2023-09-26", "2024-09-16", "2025-09-15"]);
    }

    #[test]
    fn what_installs_itself_must_be_said() {
        let says = |installs_security, installs_system, declared| {
            let settings =
                UpdateSettings { installs_security, installs_system, declared, ..UpdateSettings::default() };
            let mac = Mac { update_settings: Known(settings), ..Mac::default() };
            automatic(&facts(mac)).unwrap().verdict()
        };
        assert_eq!(says(Some(true), Some(true), false), Verdict::Pass);
        assert_eq!(says(Some(true), Some(false), false), Verdict::Fail);
        assert_eq!(says(Some(true), None, false), Verdict::Unknown);
        assert_eq!(says(Some(true), Some(false), true), Verdict::Unknown);
        assert!(automatic(&facts(Mac::default())).is_err());
    }

    fn waiting(scanned_at: Option<&str>, updates: Vec<PendingUpdate>) -> Verdict {
        let scanned_at = scanned_at.map(|at| at.parse().unwrap());
        let settings = UpdateSettings { scanned_at, ..UpdateSettings::default() };
        let mac = Mac { updates: Known(updates), update_settings: Known(settings), ..Mac::default() };
        security(&facts(mac), &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn nothing_waits_only_by_a_recent_scan() {
        assert_eq!(waiting(Some("2026-11-21"), Vec::new()), Verdict::Pass);
        assert_eq!(waiting(Some("2026-10-21"), Vec::new()), Verdict::Unknown);
        assert_eq!(waiting(None, Vec::new()), Verdict::Unknown);
        let system = PendingUpdate { title: "macOS".into(), recommended: true, ..PendingUpdate::default() };
        assert_eq!(waiting(Some("2026-10-21"), vec![system.clone()]), Verdict::Fail, "what waits, waits");
        let driver = PendingUpdate { recommended: false, ..system };
        assert_eq!(waiting(Some("2026-11-21"), vec![driver]), Verdict::Pass);
        assert!(security(&facts(Mac::default()), &Policy::default()).is_err());
    }
}
