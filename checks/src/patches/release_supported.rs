//! The release of the operating system still gets security updates.

mod table;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::date::Day;
use crate::facts::Facts;
use crate::facts::machine::{DistroInfo, Machine, Release};
use crate::facts::updates::Index;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use table::Found;

/// `ID` of releases that never end.
const ROLLING: [&str; 4] = ["arch", "opensuse-tumbleweed", "opensuse-slowroll", "opensuse-microos"];
/// Older knowledge of end dates is good for a failure but not for a pass: support is sometimes cut short.
const KNOWLEDGE_LASTS_DAYS: i64 = 120;

pub(crate) static CHECK: Check = Check {
    id: "patches-release-supported",
    title: "The release of the operating system still gets security updates",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "After the end of support no update is pending any more, because none is made: such a host looks up to \
        date for ever while its holes add up. The dates come from the release itself, from distro-info-data on the \
        host, or from a dated table in hostduty, whichever is newer.",
    remedy: "cat /etc/os-release   # then plan the upgrade to a supported release\n\
        pro attach <token>    # Ubuntu LTS after its standard support: Expanded Security Maintenance",
    references: &["os-release(5)", "Debian Wiki, LTS", "Ubuntu release cycle", "distro-info-data"],
    examples: Examples {
        kept: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [machine.known.release.known]
            id = "debian"
            version = "13"
            codename = "trixie"
            name = "Debian GNU/Linux 13 (trixie)"
        "#,
        broken: r#"
            taken_at = "2026-11-22T12:00:00Z"
            [machine.known.release.known]
            id = "debian"
            version = "11"
            codename = "bullseye"
            name = "Debian GNU/Linux 11 (bullseye)"
        "#,
    },
    judge,
};

/// What is known of a release's support, and from where.
struct Support {
    until: Option<Day>,
    extended: Option<Day>,
    source: Evidence,
    /// How old this knowledge is; nothing for the release's own word.
    as_of: Option<Day>,
}

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::patches::release_supported(facts);
    }
    let machine = facts.machine.known()?;
    let release = machine.release.known()?;
    let name = if release.name.is_empty() {
        format!("{} {}", release.id, release.version)
    } else {
        release.name.clone()
    };
    let place = Evidence::of("/etc/os-release");
    if ROLLING.contains(&release.id.as_str()) {
        return Ok(Judgement::not_applicable(format!("{name} is a rolling release: its support has no end")));
    }
    let mut judgement = Judgement::new();
    let today = facts.taken_at.day();
    let in_development =
        machine.distro_info.value().and_then(|info| info.released).is_some_and(|released| released > today);
    if in_development || (release.id == "debian" && release.version.is_empty()) {
        let message = "is a release in development, for which nobody promises security updates";
        judgement.fail(Finding::new(name, message, place));
        return Ok(judgement);
    }
    let support = match support(machine, release, today) {
        Ok(support) => support,
        Err(Found::Older) => {
            judgement.fail(Finding::new(
                name,
                "is older than any release that still gets security updates",
                place,
            ));
            return Ok(judgement);
        }
        Err(Found::Newer) => {
            judgement.unknown(format!("{name} is newer than hostduty's table of support dates"));
            return Ok(judgement);
        }
        Err(_) => {
            judgement.unknown(format!("hostduty knows no support dates of {name}"));
            return Ok(judgement);
        }
    };
    weigh(facts, release, &name, &support, place, &mut judgement);
    if judgement.findings.is_empty()
        && let Some(as_of) =
            support.as_of.filter(|as_of| today.0.saturating_sub(as_of.0) > KNOWLEDGE_LASTS_DAYS)
    {
        judgement.unknown(format!(
            "what is known of the support of {name} is from {as_of}, more than {KNOWLEDGE_LASTS_DAYS} days ago"
        ));
    }
    Ok(judgement)
}

/// The newest of what the host and hostduty know.
fn support(machine: &Machine, release: &Release, today: Day) -> Result<Support, Found> {
    let as_of = table::as_of(&release.id);
    let newer = |info: &&DistroInfo| {
        let built = info.modified.day();
        info.eol.is_some() && built <= today && as_of.is_none_or(|as_of| built > as_of)
    };
    let own = |info: &DistroInfo| Support {
        until: info.eol,
        extended: info.eol_lts.or(info.eol_esm),
        source: info.place.clone(),
        as_of: Some(info.modified.day()),
    };
    let on_host = machine.distro_info.value();
    if let Some(info) = on_host.filter(newer) {
        return Ok(own(info));
    }
    match table::find(&release.id, &release.version) {
        Found::Row(row) => Ok(Support {
            until: row.until(),
            extended: row.extended(),
            source: Evidence::of("hostduty's table of releases").says(format!("{} {}", row.id, row.version)),
            as_of,
        }),
        other => match (on_host.filter(|info| info.eol.is_some()), release.support_end) {
            (Some(info), _) => Ok(own(info)),
            (None, Some(until)) => Ok(Support {
                until: Some(until),
                extended: None,
                source: Evidence::of("/etc/os-release").says(format!("SUPPORT_END={until}")),
                as_of: None,
            }),
            (None, None) => Err(other),
        },
    }
}

fn weigh(
    facts: &Facts,
    release: &Release,
    name: &str,
    support: &Support,
    place: Evidence,
    judgement: &mut Judgement,
) {
    let today = facts.taken_at.day();
    let Some(until) = support.until else {
        let message = format!("{name} is among the releases that get security updates");
        judgement.observe(message, [support.source.clone()]);
        return;
    };
    let answer = match (release.id.as_str(), support.extended.filter(|end| today <= *end)) {
        _ if today <= until => Answer::Holds(format!("{name} gets security updates until {until}")),
        ("debian", Some(end)) => lts(facts, release, name, until, end),
        ("ubuntu", Some(end)) => esm(facts, name, until, end),
        _ => Answer::Fails(format!("gets no security updates since {until}")),
    };
    match answer {
        Answer::Holds(message) => judgement.observe(message, [support.source.clone()]),
        Answer::Fails(message) => {
            judgement.fail(Finding::new(name, message, place).and(support.source.clone()));
        }
        Answer::Unknown(reason) => judgement.unknown(reason),
    }
}

/// What support there is, in a sentence; a failure's is the message of a finding.
enum Answer {
    Holds(String),
    Fails(String),
    Unknown(String),
}

/// LTS updates come from the same archive, to everyone and free of charge, so the duty is kept; but only on the
/// architectures that LTS builds.
fn lts(facts: &Facts, release: &Release, name: &str, until: Day, end: Day) -> Answer {
    let ended = format!("the regular support of {name} ended on {until}");
    let builds = table::lts_machines(&release.version);
    match facts.machine.value().and_then(|machine| machine.architecture.value()) {
        _ if builds.is_empty() => {
            Answer::Unknown(format!("{ended}; what LTS builds until {end} is not known"))
        }
        None => Answer::Unknown(format!("{ended}; whether LTS covers this architecture is not known")),
        Some(own) if builds.contains(&own.as_str()) => {
            Answer::Holds(format!("{ended}; its LTS builds security updates for {own} until {end}"))
        }
        Some(own) => {
            Answer::Fails(format!("gets no security updates for {own} since {until}: LTS builds none"))
        }
    }
}

/// ESM updates reach only hosts that are attached to a subscription, which then have its indexes.
fn esm(facts: &Facts, name: &str, until: Day, end: Day) -> Answer {
    let ended = format!("the standard support of {name} ended on {until}");
    let updates = match facts.updates.known() {
        Ok(updates) => updates,
        Err(gap) => {
            return Answer::Unknown(format!("{ended}; whether this host has ESM is not known: {gap}"));
        }
    };
    let is_esm = |index: &&Index| index.origin.starts_with("UbuntuESM");
    let indexes: Vec<&Index> =
        updates.suites.iter().filter_map(|suite| suite.index.value()).filter(is_esm).collect();
    // The client lists them for everybody, and keeps apt from them where there is no subscription.
    if updates.withheld.iter().any(|withheld| updates.is_esm(&withheld.origin))
        || (!indexes.is_empty() && indexes.iter().all(|index| index.never))
    {
        return Answer::Fails(format!(
            "left standard support on {until}, and apt is kept from the ESM updates: pro attach"
        ));
    }
    if !indexes.is_empty() {
        Answer::Holds(format!("{ended}; this host has ESM, which goes on until {end}"))
    } else {
        Answer::Fails(format!("left standard support on {until}, and this host has no ESM index"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::date::Timestamp;
    use crate::facts::updates::{Suite, Updates, Withheld};
    use crate::gap::Reading;

    fn facts(id: &str, version: &str, architecture: Option<&str>) -> Facts {
        let release =
            Release { id: id.into(), version: version.into(), name: id.into(), ..Release::default() };
        let mut machine = Machine { release: Reading::Known(release), ..Machine::default() };
        if let Some(architecture) = architecture {
            machine.architecture = Reading::Known(architecture.into());
        }
        let taken_at = "2026-11-22T12:00:00Z".parse().unwrap();
        Facts { taken_at, machine: Reading::Known(machine), ..Facts::default() }
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    fn machine(facts: &mut Facts) -> &mut Machine {
        match &mut facts.machine {
            Reading::Known(machine) => machine,
            Reading::Gap(gap) => panic!("{gap}"),
        }
    }

    #[test]
    fn debian_lts_counts_where_it_builds() {
        assert_eq!(verdict(&facts("debian", "12", Some("x86_64"))), Verdict::Pass);
        assert_eq!(verdict(&facts("debian", "12", Some("s390x"))), Verdict::Fail);
        assert_eq!(verdict(&facts("debian", "12", None)), Verdict::Unknown);
        let judgement = judge(&facts("debian", "12", Some("x86_64")), &Policy::default()).unwrap();
        assert!(
            judgement.observations[0]
                .message
                .contains("LTS builds security updates for x86_64 until 2028-06-30")
        );
        assert_eq!(verdict(&facts("debian", "11", Some("x86_64"))), Verdict::Fail);
        assert_eq!(verdict(&facts("debian", "", Some("x86_64"))), Verdict::Fail, "testing and sid");
    }

    #[test]
    fn ubuntu_esm_counts_where_its_index_is() {
        let mut host = facts("ubuntu", "20.04", None);
        assert_eq!(verdict(&host), Verdict::Unknown);
        host.updates = Reading::Known(Updates::default());
        assert_eq!(verdict(&host), Verdict::Fail);
        let index = Reading::Known(Index { origin: "UbuntuESM".into(), ..Index::default() });
        host.updates = Reading::Known(Updates {
            suites: vec![Suite { index, ..Suite::default() }],
            ..Updates::default()
        });
        assert_eq!(verdict(&host), Verdict::Pass);
        let never = |host: &mut Facts, never: bool| match &mut host.updates {
            Reading::Known(Updates { suites, .. }) => match &mut suites[0].index {
                Reading::Known(index) => index.never = never,
                Reading::Gap(gap) => panic!("{gap}"),
            },
            Reading::Gap(gap) => panic!("{gap}"),
        };
        never(&mut host, true);
        assert_eq!(verdict(&host), Verdict::Fail, "pinned away, though nothing waits in it today");
        never(&mut host, false);
        if let Reading::Known(updates) = &mut host.updates {
            let origin = updates.suites[0].index.known().unwrap().name();
            updates.withheld.push(Withheld { origin, ..Withheld::default() });
        }
        assert_eq!(verdict(&host), Verdict::Fail, "listed, and pinned away without a subscription");
        assert_eq!(verdict(&facts("ubuntu", "25.10", None)), Verdict::Fail);
    }

    #[test]
    fn newer_unlisted_and_rolling_releases() {
        assert_eq!(verdict(&facts("debian", "14", None)), Verdict::Unknown);
        assert_eq!(verdict(&facts("raspbian", "12", None)), Verdict::Unknown);
        assert_eq!(verdict(&facts("arch", "", None)), Verdict::NotApplicable);
        let mut fedora = facts("fedora", "45", None);
        let until = |fedora: &mut Facts, text: &str| match &mut machine(fedora).release {
            Reading::Known(release) => release.support_end = Some(text.parse().unwrap()),
            Reading::Gap(gap) => panic!("{gap}"),
        };
        until(&mut fedora, "2027-12-01");
        assert_eq!(verdict(&fedora), Verdict::Pass);
        until(&mut fedora, "2026-11-21");
        assert_eq!(verdict(&fedora), Verdict::Fail);
    }

    #[test]
    fn old_knowledge_fails_but_does_not_pass() {
        let mut host = facts("alpine", "3.23.0", None);
        assert_eq!(verdict(&host), Verdict::Pass);
        host.taken_at = Timestamp(host.taken_at.0 + 100 * crate::date::DAY);
        assert_eq!(verdict(&host), Verdict::Unknown);
        host.taken_at = Timestamp(host.taken_at.0 + 1000 * crate::date::DAY);
        assert_eq!(verdict(&host), Verdict::Fail);
    }

    #[test]
    fn newer_data_on_the_host_wins() {
        let mut host = facts("debian", "13", None);
        let modified = "2027-06-01".parse::<Timestamp>().unwrap();
        let eol = Some("2026-01-01".parse().unwrap());
        machine(&mut host).distro_info =
            Reading::Known(DistroInfo { modified, eol, ..DistroInfo::default() });
        assert_eq!(verdict(&host), Verdict::Pass, "data from the future is no data");
        host.taken_at = "2027-06-02T00:00:00Z".parse().unwrap();
        assert_eq!(verdict(&host), Verdict::Fail);
    }
}
