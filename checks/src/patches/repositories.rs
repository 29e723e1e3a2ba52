//! Packages come from sources that sign what they offer, and security updates are among them.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::packages::Manager;
use crate::facts::updates::{Signature, Suite, Updates};
use crate::gap::Gap;
use crate::host::System;
use crate::package_index::own_steps;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "patches-repositories",
    title: "Every package source is signed, and the security updates of this release are among them",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "Whoever answers for a source without a signature installs programs as root: the mirror, the \
        network between, or a thief of the domain. And a release whose security suite is switched off never gets a \
        security update, however often it is upgraded.",
    remedy: "apt-cache policy                         # which sources are used\n\
        Put the key of the source into /etc/apt/keyrings and name it with signed-by= (Signed-By:)\n\
        Take out trusted=yes and allow-insecure=yes, and what apt.conf.d says of AllowInsecureRepositories\n\
        deb https://<mirror>/debian-security <release>-security main   # what Debian needs\n\
        https://<mirror>/alpine/v<release>/main   # what Alpine needs in /etc/apk/repositories\n\
        SigLevel = Required DatabaseOptional      # what Arch needs in /etc/pacman.conf\n\
        In /etc/yum.repos.d/*.repo: gpgcheck=1, an https:// address or repo_gpgcheck=1, and no sslverify=0   # dnf, zypper",
    references: &[
        "sources.list(5)",
        "apt-secure(8)",
        "apt.conf(5)",
        "apk-repositories(5)",
        "pacman.conf(5)",
        "dnf.conf(5)",
        "CIS Debian Linux 12 Benchmark: package sources",
    ],
    examples: Examples {
        kept: r#"
            [machine.known.release.known]
            id = "debian"
            codename = "bookworm"
            [updates.known]
            [[updates.known.suites]]
            place = { source = "/etc/apt/sources.list", line = 1 }
            scheme = "http"
            archive = "deb.example.org/debian-security"
            suite = "bookworm-security"
            [updates.known.suites.index.known]
            path = "/var/lib/apt/lists/deb.example.org_debian-security_dists_bookworm-security_InRelease"
            label = "Debian-Security"
            codename = "bookworm-security"
            signature = "present"
        "#,
        broken: r#"
            [machine.known.release.known]
            id = "debian"
            codename = "bookworm"
            [updates.known]
            [[updates.known.suites]]
            place = { source = "/etc/apt/sources.list.d/tool.list", line = 1 }
            scheme = "http"
            archive = "tool.example.org/apt"
            suite = "./"
            careless = ["trusted"]
            [updates.known.suites.index.known]
            path = "/var/lib/apt/lists/tool.example.org_apt_._Packages"
            signature = "missing"
            third_party = true
        "#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let updates = facts.updates.known()?;
    let mut judgement = Judgement { remedy: own_steps(facts, CHECK.remedy), ..Judgement::new() };
    for gap in &updates.unread {
        judgement.unknown(gap.to_string());
    }
    for careless in &updates.careless {
        let message = format!("is set to believe what nobody vouches for ({})", careless.option);
        let manager = facts.packages.value().map(|packages| packages.manager);
        let name = match manager {
            Some(Manager::Rpm) => "dnf",
            Some(Manager::Apk) => "apk",
            Some(Manager::Pacman) => "pacman",
            Some(Manager::Dpkg) | None => "apt",
        };
        judgement.fail(Finding::new(name, message, careless.place.clone()));
    }
    let mut signed = 0_usize;
    for suite in &updates.suites {
        match signature(suite) {
            Ok(true) => signed = signed.saturating_add(1),
            Ok(false) => {}
            Err(message) => {
                let mut finding = Finding::new(suite.name(), message, suite.place.clone());
                if let Some(index) = suite.index.value() {
                    finding = finding.and(Evidence::of(&index.path));
                }
                judgement.fail(finding);
            }
        }
        if let Err(gap) = suite.index.known() {
            judgement.unknown(gap.to_string());
        }
    }
    security(facts, updates, &mut judgement);
    let places =
        updates.suites.iter().filter(|suite| suite.index.value().is_some()).map(|suite| suite.place.clone());
    if signed > 0 {
        judgement.observe(format!("{signed} of {} package sources are signed", updates.suites.len()), places);
    }
    if updates.suites.is_empty() {
        judgement.unknown("there is no package source, so nothing on this host gets updates");
    }
    Ok(judgement)
}

/// Whether a source is signed, where that is known; or what is wrong with it.
fn signature(suite: &Suite) -> Result<bool, String> {
    let missing = suite.index.value().is_some_and(|index| index.signature == Signature::Missing);
    let plain = match suite.scheme.as_str() {
        "https" | "tor+https" | "mirror+https" => "",
        "file" | "copy" | "cdrom" | "mirror+file" => " from this machine's own disk",
        _ => ", over a connection that anybody between may change",
    };
    if matches!(suite.careless.as_slice(), [one] if one == "repo_gpgcheck=0" || one == "sslverify=0") {
        let option = suite.careless.concat();
        return Err(format!(
            "lists what it offers without a signature ({option}), so that anybody between may keep updates from this host"
        ));
    }
    if !suite.careless.is_empty() {
        let options = suite.careless.join(", ");
        let unsigned = if missing { "has no signature" } else { "may lose its signature unnoticed" };
        return Err(format!("{unsigned} and is believed all the same ({options}){plain}"));
    }
    if missing {
        return Err(format!("has no signature{plain}"));
    }
    Ok(suite.index.value().is_some())
}

/// Whether the security updates of this release are among the sources.
fn security(facts: &Facts, updates: &Updates, judgement: &mut Judgement) {
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    if let Some(release) = release.filter(|release| release.id == "alpine") {
        return alpine(&release.version, updates, judgement);
    }
    let Some(release) = release.filter(|release| matches!(release.id.as_str(), "debian" | "ubuntu")) else {
        return;
    };
    // Unstable gets its security updates like any other.
    if release.codename.is_empty() || release.codename == "sid" {
        return judgement
            .unknown("the release that this host runs has no name, so that its security suite is not known");
    }
    let of_release = |suite: &&Suite| {
        suite.is_security()
            && match suite.index.value() {
                Some(index) => index.is_of(&release.codename),
                None => suite.suite.split(['-', '/']).next() == Some(&release.codename),
            }
    };
    if updates.suites.is_empty() || updates.suites.iter().any(|suite| of_release(&suite)) {
        return;
    }
    let off: Vec<&Evidence> = updates
        .disabled
        .iter()
        .filter(|disabled| disabled.is_security())
        .map(|disabled| &disabled.place)
        .collect();
    let (message, place) = match off.first() {
        Some(place) => ("is configured and switched off", (*place).clone()),
        None => ("is in no package source", Evidence::of("/etc/apt/sources.list")),
    };
    judgement.fail(Finding::new(format!("{}-security", release.codename), message, place));
}

/// Alpine has no suite for security: `main` of its branch brings those updates.
fn alpine(version: &str, updates: &Updates, judgement: &mut Judgement) {
    let mut numbers = version.splitn(3, '.');
    let wanted = match (numbers.next(), numbers.next()) {
        _ if version.contains('_') => "edge/main".to_owned(),
        (Some(major), Some(minor)) => format!("v{major}.{minor}/main"),
        _ => return judgement.unknown("the release that this host runs has no version"),
    };
    let is_it = |suite: &&Suite| {
        suite.components.is_empty() && (suite.suite == wanted || suite.suite == "latest-stable/main")
    };
    if updates.suites.is_empty() || updates.suites.iter().any(|suite| is_it(&suite)) {
        return;
    }
    if updates.suites.iter().filter_map(|suite| suite.index.value()).any(|index| index.third_party) {
        return judgement.unknown(format!(
            "no package source is named {wanted}; whether another holds the same is not known"
        ));
    }
    let message = "is in no package source, so the security updates of this release never come";
    judgement.fail(Finding::new(wanted, message, Evidence::of("/etc/apk/repositories")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::updates::{Careless, Disabled};
    use crate::gap::Reading;

    fn judged(change: impl FnOnce(&mut Updates)) -> Judgement {
        let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
        match &mut facts.updates {
            Reading::Known(updates) => change(updates),
            Reading::Gap(gap) => panic!("{gap}"),
        }
        judge(&facts, &Policy::default()).unwrap()
    }

    fn unsigned(updates: &mut Updates) {
        if let Reading::Known(index) = &mut updates.suites[0].index {
            index.signature = Signature::Missing;
        }
    }

    #[test]
    fn what_is_unsigned_or_believed_all_the_same_is_a_finding() {
        assert_eq!(judged(|_| {}).observations[0].message, "1 of 1 package sources are signed");
        let judgement = judged(unsigned);
        assert_eq!(
            judgement.findings[0].message,
            "has no signature, over a connection that anybody between may change"
        );
        let judgement = judged(|updates| {
            unsigned(updates);
            updates.suites[0].scheme = "https".into();
            updates.suites[0].careless = vec!["trusted".into()];
        });
        assert_eq!(judgement.findings[0].message, "has no signature and is believed all the same (trusted)");
        let judgement = judged(|updates| {
            let place = Evidence::at("/etc/apt/apt.conf.d/99x", 2);
            updates.careless.push(Careless { option: "Acquire::AllowInsecureRepositories".into(), place });
        });
        assert_eq!(judgement.verdict(), Verdict::Fail);
    }

    #[test]
    fn a_security_suite_that_is_off_or_of_another_release_is_a_finding() {
        let place = Evidence::at("/etc/apt/sources.list", 4);
        let judgement = judged(|updates| {
            updates.suites[0].suite = "bookworm".into();
            if let Reading::Known(index) = &mut updates.suites[0].index {
                (index.label, index.codename) = (String::new(), "bookworm".into());
            }
            updates.disabled.push(Disabled { place: place.clone(), suite: "bookworm-security".into() });
        });
        assert_eq!(judgement.findings[0].subject, "bookworm-security");
        assert_eq!(judgement.findings[0].evidence, [place]);
        let judgement = judged(|updates| {
            if let Reading::Known(index) = &mut updates.suites[0].index {
                index.codename = "bullseye-security".into();
            }
        });
        assert_eq!(judgement.findings[0].message, "is in no package source");
    }

    #[test]
    fn alpine_needs_main_of_its_own_branch() {
        for (version, suite, tag, third_party, verdict) in [
            ("3.20.3", "v3.20/main", false, false, Verdict::Pass),
            ("3.20.3", "latest-stable/main", false, false, Verdict::Pass),
            ("3.20.3", "v3.19/main", false, false, Verdict::Fail),
            ("3.20.3", "v3.20/main", true, false, Verdict::Fail),
            ("3.20.3", "own", false, true, Verdict::Unknown),
            ("3.23_alpha20260101", "edge/main", false, false, Verdict::Pass),
            ("", "v3.20/main", false, false, Verdict::Unknown),
        ] {
            let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
            if let Reading::Known(machine) = &mut facts.machine
                && let Reading::Known(release) = &mut machine.release
            {
                (release.id, release.version) = ("alpine".into(), version.into());
            }
            if let Reading::Known(updates) = &mut facts.updates {
                updates.suites[0].suite = suite.into();
                updates.suites[0].components = tag.then(|| "@edge".to_owned()).into_iter().collect();
                if let Reading::Known(index) = &mut updates.suites[0].index {
                    index.third_party = third_party;
                }
            }
            assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), verdict, "{version} {suite}");
        }
    }

    #[test]
    fn what_is_not_known_is_unknown() {
        assert_eq!(judged(|updates| updates.suites.clear()).verdict(), Verdict::Unknown);
        assert_eq!(judged(|updates| updates.unread.push(Gap::denied("x"))).verdict(), Verdict::Unknown);
        let gap = judged(|updates| updates.suites[0].index = Reading::Gap(Gap::absent("the index")));
        assert_eq!(gap.verdict(), Verdict::Unknown);
    }
}
