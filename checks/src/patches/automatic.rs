//! Security updates install themselves.

mod last_run;
mod origins;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::automatic_updates::apt_conf::Setting;
use crate::facts::automatic_updates::{Apt, AutomaticUpdates};
use crate::facts::packages::{Manager, Packages};
use crate::facts::units::{Init, Unit, UnitState, Units};
use crate::gap::{Gap, GapKind, Reading};
use crate::host::System;
use crate::policy::Policy;
use origins::Covers;

pub(crate) static CHECK: Check = Check {
    id: "patches-automatic",
    title: "Security updates are fetched and installed without anybody asking",
    severity: Severity::Medium,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "A host that waits for a person to type the upgrade is open for as long as that person is busy, ill or \
        gone. Every link of the chain has to hold: the package is there, it is switched on, its timers run, and the \
        origins that it may install from include security.",
    remedy: "apt-get install unattended-upgrades && dpkg-reconfigure -plow unattended-upgrades   # Debian, Ubuntu\n\
        unattended-upgrade --dry-run --debug                                            # see what it would do\n\
        systemctl enable --now apt-daily.timer apt-daily-upgrade.timer\n\
        dnf install dnf-automatic && systemctl enable --now dnf-automatic-install.timer  # RHEL family, Fedora\n\
        systemctl enable --now transactional-update.timer                                # MicroOS, SLE Micro\n\
        printf '#!/bin/sh\\napk -U upgrade\\n' >/etc/periodic/daily/apk-upgrade && chmod +x /etc/periodic/daily/apk-upgrade && \
        rc-update add crond && rc-service crond start                                    # Alpine",
    references: &[
        "apt.conf(5)",
        "unattended-upgrade(8)",
        "/usr/lib/apt/apt.systemd.daily",
        "dnf-automatic(8)",
        "transactional-update(8)",
        "systemd.timer(5)",
    ],
    examples: Examples {
        kept: r#"
            [machine.known.release.known]
            id = "debian"
            version = "12"
            codename = "bookworm"
            [packages.known]
            manager = "dpkg"
            installed = { unattended-upgrades = "2.9.1+nmu3" }
            [automatic_updates.known.apt.known]
            update_lists = { value = "1", path = "/etc/apt/apt.conf.d/20auto-upgrades", line = 1 }
            unattended_upgrade = { value = "1", path = "/etc/apt/apt.conf.d/20auto-upgrades", line = 2 }
            origins_pattern = [
                { value = "origin=Debian,codename=${distro_codename}-security,label=Debian-Security", path = "/etc/apt/apt.conf.d/50unattended-upgrades", line = 33 },
            ]
            [units.known.units."apt-daily.timer"]
            path = "/lib/systemd/system/apt-daily.timer"
            state = "enabled"
            [units.known.units."apt-daily-upgrade.timer"]
            path = "/lib/systemd/system/apt-daily-upgrade.timer"
            state = "enabled"
        "#,
        broken: r#"
            [machine.known.release.known]
            id = "debian"
            version = "12"
            codename = "bookworm"
            [packages.known]
            manager = "dpkg"
            installed = { apt = "2.6.1" }
            [automatic_updates.known.apt.known]
            [units.known.units."apt-daily.timer"]
            path = "/lib/systemd/system/apt-daily.timer"
            state = "enabled"
        "#,
    },
    judge,
};

/// Daemons that run root's crontab, as they call themselves.
const CRON: [&str; 4] = ["crond", "cron", "dcron", "fcron"];

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::patches::automatic(facts);
    }
    let updates = facts.automatic_updates.known()?;
    let packages = match facts.packages.known() {
        Ok(packages) => Some(packages),
        // Where the rpm database is found but not read, the timers alone answer for that family.
        Err(gap) if gap.why == GapKind::Unsupported && gap.what.contains("rpm") => None,
        Err(gap) => return Err(gap),
    };
    let mut judgement = Judgement::new();
    match packages {
        Some(packages) if packages.manager == Manager::Dpkg => {
            apt(facts, packages, updates.apt.known()?, &mut judgement);
        }
        Some(packages) if packages.manager == Manager::Apk => {
            apk(facts, facts.units.known()?, updates, &mut judgement);
        }
        Some(packages) if packages.manager == Manager::Pacman => {
            judgement.unknown("hostduty knows no mechanism that installs updates of pacman by itself");
        }
        _ => rpm(facts, facts.units.known()?, updates, &mut judgement)?,
    }
    Ok(judgement)
}

fn apt(facts: &Facts, packages: &Packages, apt: &Apt, judgement: &mut Judgement) {
    for gap in &apt.unread {
        judgement.unknown(gap.to_string());
    }
    if packages.version("unattended-upgrades").is_none() {
        judgement.fail(Finding::new(
            "unattended-upgrades",
            "is not installed, and nothing else that hostduty knows installs updates by itself",
            Evidence::of("/var/lib/dpkg/status"),
        ));
        return;
    }
    let place = |setting: &Setting| Evidence::at(&setting.path, setting.line).says(&setting.value);
    if let Some(setting) = apt.enable.as_ref().filter(|setting| !is_on(Some(setting))) {
        judgement.fail(Finding::new(
            "APT::Periodic::Enable",
            "switches all periodic work of apt off",
            place(setting),
        ));
    }
    for (name, setting, effect) in [
        ("APT::Periodic::Update-Package-Lists", &apt.update_lists, "so no index is refreshed"),
        ("APT::Periodic::Unattended-Upgrade", &apt.unattended_upgrade, "so nothing is installed"),
    ] {
        match setting {
            Some(on) if is_on(Some(on)) => judgement.observe(format!("{name} is on"), [place(on)]),
            Some(off) => judgement.fail(Finding::new(name, format!("is off, {effect}"), place(off))),
            None => {
                let evidence = Evidence::of("/etc/apt/apt.conf.d");
                judgement.fail(Finding::new(name, format!("is not set, {effect}"), evidence));
            }
        }
    }
    let lists = || apt.origins_pattern.iter().chain(&apt.allowed_origins);
    let release = facts.machine.known().and_then(|machine| machine.release.known());
    match release.map(|release| origins::covers(apt, release)) {
        Ok(Covers::Yes) => {
            let message = "the origins of unattended-upgrades include security";
            judgement.observe(message, lists().map(place).take(8));
        }
        Ok(Covers::No) => {
            let evidence = lists().next().map_or_else(|| Evidence::of("/etc/apt/apt.conf.d"), place);
            let message = "allows no origin that covers the security updates of this release";
            judgement.fail(Finding::new("unattended-upgrades", message, evidence));
        }
        Ok(Covers::Unclear) => judgement.unknown(
            "whether unattended-upgrades covers security is not known: hostduty does not understand its origins",
        ),
        Err(gap) => judgement.unknown(format!("whether unattended-upgrades covers security is not known: {gap}")),
    }
    if !apt.blacklist.is_empty() {
        let names: Vec<&str> = apt.blacklist.iter().map(|setting| setting.value.as_str()).take(8).collect();
        let message = format!("some packages are left alone: {}", names.join(", "));
        judgement.observe(message, apt.blacklist.iter().map(place).take(8));
    }
    last_run::unattended(facts, apt, judgement);
    match facts.units.known() {
        Ok(units) => timers(facts, units, judgement),
        Err(gap) => judgement.unknown(format!("whether the timers of apt run is not known: {gap}")),
    }
}

/// `0` is never; `always`, a number of days, or a number with a unit is some time.
fn is_on(setting: Option<&Setting>) -> bool {
    setting.is_some_and(|setting| {
        let digits = setting.value.trim_end_matches(|last: char| last.is_ascii_alphabetic());
        setting.value == "always" || digits.parse::<u64>().is_ok_and(|number| number > 0)
    })
}

/// Both timers must start: one refreshes the indexes, the other installs.
fn timers(facts: &Facts, units: &Units, judgement: &mut Judgement) {
    if units.init != Init::Systemd {
        judgement
            .unknown("this host does not boot with systemd; what starts the daily work of apt is not known");
        return;
    }
    for name in ["apt-daily.timer", "apt-daily-upgrade.timer"] {
        let Some(unit) = units.units.get(name) else {
            judgement.fail(Finding::new(name, "does not exist", Evidence::of("/lib/systemd/system")));
            continue;
        };
        if let Some((service, masked)) = masked_service(units, name) {
            let message = format!("is masked, so {name} starts nothing");
            judgement.fail(Finding::new(service, message, Evidence::of(&masked.path)));
            continue;
        }
        let message = match unit.state {
            UnitState::Enabled => {
                if last_run::runs(facts, name, unit, judgement) {
                    judgement.observe(format!("{name} is enabled"), [Evidence::of(&unit.path)]);
                }
                continue;
            }
            UnitState::Masked | UnitState::MaskedRuntime => "is masked",
            UnitState::Disabled => "is disabled",
            _ => "will not start at boot",
        };
        judgement.fail(Finding::new(name, message, Evidence::of(&unit.path)));
    }
}

/// The service of the same name, which a timer starts, where a mask keeps it from starting.
fn masked_service<'a>(units: &'a Units, timer: &str) -> Option<(String, &'a Unit)> {
    let service = format!("{}.service", timer.strip_suffix(".timer")?);
    let unit = units.units.get(&service).filter(|unit| unit.state.is_masked())?;
    Some((service, unit))
}

/// One of several mechanisms is enough, and each is started by its own timer.
fn rpm(
    facts: &Facts,
    units: &Units,
    updates: &AutomaticUpdates,
    judgement: &mut Judgement,
) -> Result<(), Gap> {
    let enabled = |name: &str| {
        let (_, unit) = units.find(name).filter(|(_, unit)| unit.state == UnitState::Enabled)?;
        Some(unit).filter(|_| masked_service(units, name).is_none())
    };
    // These install whatever the configuration says.
    for name in [
        "dnf-automatic-install.timer",
        "transactional-update.timer",
        "yast-online-update.timer",
        "os-update.timer",
    ] {
        let Some(unit) = enabled(name) else { continue };
        if !last_run::runs(facts, name, unit, judgement) {
            return Ok(());
        }
        judgement.observe(format!("{name} is enabled"), [Evidence::of(&unit.path)]);
        if name == "transactional-update.timer" {
            transactional(updates, judgement);
        }
        last_run::timer(facts, name, judgement);
        return Ok(());
    }
    for name in ["dnf-automatic.timer", "dnf5-automatic.timer", "yum-cron.service"] {
        let Some(unit) = enabled(name) else { continue };
        let dnf = updates.dnf.known()?;
        if !dnf.apply_updates {
            let message = "is enabled, but only downloads or announces updates";
            let place = Evidence::of(&dnf.path).says("apply_updates is off");
            judgement.fail(Finding::new(name, message, Evidence::of(&unit.path)).and(place));
        } else if last_run::runs(facts, name, unit, judgement) {
            let message = format!("{name} is enabled and installs updates ({})", dnf.upgrade_type);
            judgement.observe(message, [Evidence::of(&unit.path), Evidence::of(&dnf.path)]);
            last_run::timer(facts, name, judgement);
        }
        return Ok(());
    }
    let message = "has no enabled timer, and nothing else that hostduty knows installs updates by itself";
    judgement.fail(Finding::new("dnf-automatic", message, Evidence::of("/etc/systemd/system")));
    Ok(())
}

/// What is installed takes effect in the snapshot that is booted next.
fn transactional(updates: &AutomaticUpdates, judgement: &mut Judgement) {
    match &updates.transactional {
        Reading::Known(known) if matches!(known.reboot.as_str(), "none" | "notify") => {
            judgement.unknown(format!(
                "whether anybody boots what transactional-update installs is not known: it does not reboot by itself \
                 (REBOOT_METHOD={} in {})",
                known.reboot, known.path
            ));
        }
        Reading::Gap(gap) if !gap.is_absent() => judgement.unknown(gap.to_string()),
        _ => {}
    }
}

fn apk(facts: &Facts, units: &Units, updates: &AutomaticUpdates, judgement: &mut Judgement) {
    for gap in &updates.unread {
        judgement.unknown(gap.to_string());
    }
    let cron =
        ["crond.service", "cronie.service", "dcron.service"].iter().find_map(|name| units.units.get(*name));
    match (updates.apk_scripts.first(), cron.filter(|unit| unit.state.starts_at_boot())) {
        (Some(script), Some(unit)) => match facts.processes.known() {
            Ok(processes) if processes.list.iter().all(|process| !CRON.contains(&process.name.as_str())) => {
                let message = "would upgrade with apk, but no cron daemon runs";
                let place = Evidence::of(&unit.path);
                judgement.fail(Finding::new(&script.source, message, script.clone()).and(place));
            }
            Err(gap) if !matches!(gap.why, GapKind::Offline | GapKind::Absent | GapKind::NotGathered) => {
                judgement.unknown(format!("whether a cron daemon runs is not known: {gap}"));
            }
            _ => judgement.observe("cron upgrades with apk", [script.clone(), Evidence::of(&unit.path)]),
        },
        (Some(script), None) => {
            let message = "would upgrade with apk, but no cron daemon starts at boot";
            judgement.fail(Finding::new(&script.source, message, script.clone()));
        }
        (None, _) => judgement.fail(Finding::new(
            "apk",
            "is run by no crontab and by no script in /etc/periodic, and nothing else that hostduty knows installs updates by itself",
            Evidence::of("/etc/periodic"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::automatic_updates::Dnf;
    use crate::facts::processes::{Process, Processes};

    fn kept() -> Facts {
        toml::from_str(CHECK.examples.kept).unwrap()
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).map_or(Verdict::Unknown, |judgement| judgement.verdict())
    }

    fn with(change: impl FnOnce(&mut Apt, &mut Units)) -> Verdict {
        let mut facts = kept();
        let Reading::Known(AutomaticUpdates { apt: Reading::Known(apt), .. }) = &mut facts.automatic_updates
        else {
            panic!("the example has no apt")
        };
        let Reading::Known(units) = &mut facts.units else { panic!("the example has no units") };
        change(apt, units);
        verdict(&facts)
    }

    fn setting(value: &str) -> Option<Setting> {
        Some(Setting { value: value.into(), path: "/etc/apt/apt.conf.d/99".into(), line: 1 })
    }

    #[test]
    fn every_link_of_the_chain_has_to_hold() {
        assert_eq!(with(|_, _| {}), Verdict::Pass);
        assert_eq!(with(|apt, _| apt.enable = setting("0")), Verdict::Fail);
        assert_eq!(with(|apt, _| apt.update_lists = None), Verdict::Fail);
        assert_eq!(with(|apt, _| apt.unattended_upgrade = setting("0")), Verdict::Fail);
        assert_eq!(with(|apt, _| apt.origins_pattern.clear()), Verdict::Fail);
        assert_eq!(with(|apt, _| apt.unattended_upgrade = setting("always")), Verdict::Pass);
        assert_eq!(with(|apt, _| apt.unattended_upgrade = setting("12h")), Verdict::Pass);
        for state in [UnitState::Masked, UnitState::Disabled, UnitState::Static] {
            let timer = "apt-daily-upgrade.timer".to_owned();
            assert_eq!(
                with(|_, units| drop(units.units.insert(timer, Unit { state, ..Unit::default() }))),
                Verdict::Fail
            );
        }
        assert_eq!(with(|_, units| drop(units.units.remove("apt-daily.timer"))), Verdict::Fail);
        for (state, wanted) in [(UnitState::Masked, Verdict::Fail), (UnitState::Static, Verdict::Pass)] {
            let service = "apt-daily-upgrade.service".to_owned();
            assert_eq!(
                with(|_, units| drop(units.units.insert(service, Unit { state, ..Unit::default() }))),
                wanted,
                "the timer starts a service that is {state:?}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown() {
        assert_eq!(with(|apt, _| apt.unread.push(Gap::unsupported("an include"))), Verdict::Unknown);
        assert_eq!(with(|apt, _| apt.origins_pattern[0].value = "site=x".into()), Verdict::Unknown);
        assert_eq!(with(|_, units| units.init = Init::Other), Verdict::Unknown);
        let mut facts = kept();
        facts.units = Reading::default();
        assert_eq!(verdict(&facts), Verdict::Unknown);
        let mut facts = kept();
        facts.packages = Reading::Known(Packages { manager: Manager::Pacman, ..Packages::default() });
        assert_eq!(verdict(&facts), Verdict::Unknown);
    }

    #[test]
    fn dnf_needs_a_timer_that_installs() {
        let timer = |name: &str, apply_updates: bool| {
            let mut facts = kept();
            facts.packages = Reading::Gap(Gap::unsupported("the rpm database is not read yet"));
            let unit = Unit { path: "/t".into(), state: UnitState::Enabled, ..Unit::default() };
            let units = [(name.to_owned(), unit)].into();
            facts.units = Reading::Known(Units { units, ..Units::default() });
            let dnf =
                Reading::Known(Dnf { path: "/d".into(), apply_updates, upgrade_type: "security".into() });
            facts.automatic_updates = Reading::Known(AutomaticUpdates { dnf, ..AutomaticUpdates::default() });
            verdict(&facts)
        };
        assert_eq!(timer("dnf-automatic-install.timer", false), Verdict::Pass);
        assert_eq!(timer("dnf-automatic.timer", true), Verdict::Pass);
        assert_eq!(timer("dnf-automatic.timer", false), Verdict::Fail);
        assert_eq!(timer("other.timer", true), Verdict::Fail);
    }

    #[test]
    fn a_debian_whose_packages_cannot_be_read_is_not_asked_for_dnf() {
        for why in [
            Gap::unsupported(
                "/var/lib/dpkg/status cannot be read where hostduty runs: /proc is not mounted there",
            ),
            Gap::denied("/var/lib/dpkg/status"),
        ] {
            let mut facts = kept();
            facts.packages = Reading::Gap(why.clone());
            assert_eq!(judge(&facts, &Policy::default()).unwrap_err(), why);
        }
    }

    #[test]
    fn apk_needs_a_script_and_cron() {
        let mut facts = kept();
        facts.packages = Reading::Known(Packages { manager: Manager::Apk, ..Packages::default() });
        facts.automatic_updates = Reading::Known(AutomaticUpdates::default());
        assert_eq!(verdict(&facts), Verdict::Fail);
        let apk_scripts = vec![Evidence::at("/etc/periodic/daily/up", 2)];
        facts.automatic_updates =
            Reading::Known(AutomaticUpdates { apk_scripts, ..AutomaticUpdates::default() });
        assert_eq!(verdict(&facts), Verdict::Fail);
        let crond = Unit { path: "/etc/init.d/crond".into(), state: UnitState::Enabled, ..Unit::default() };
        let units = [("crond.service".to_owned(), crond)].into();
        facts.units = Reading::Known(Units { init: Init::OpenRc, units, ..Units::default() });
        assert_eq!(verdict(&facts), Verdict::Pass);
        let mut running = |name: &str| {
            let list = vec![Process { name: name.into(), ..Process::default() }];
            facts.processes = Reading::Known(Processes { list, ..Processes::default() });
            verdict(&facts)
        };
        assert_eq!(running("sshd"), Verdict::Fail);
        assert_eq!(running("crond"), Verdict::Pass);
    }
}
