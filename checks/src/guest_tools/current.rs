//! No newer version of the guest tools waits to be installed.

use crate::check::{Check, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::hypervisor::Platform;
use crate::facts::updates::{Classification, Pending, Status};
use crate::gap::Gap;
use crate::host::System;
use crate::package_index::fresh;
use crate::policy::Policy;
use crate::software::{Match, guest_tools, package_record, seen};

pub(crate) static CHECK: Check = Check {
    id: "guest-tools-current",
    title: "The guest tools of the hypervisor are the newest that the package indexes know of",
    severity: Severity::Low,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Guest tools run as root and take orders from outside the machine. Hypervisors gain what their tools have to \
        keep up with, and providers help with current tools only. Tools that were installed from an archive or an ISO image \
        have no newer version in any package index: how old they are takes a person.",
    remedy: "apt-get update && apt-get --only-upgrade install <package>\n\
        dnf upgrade --refresh <package>\n\
        zypper refresh && zypper update <package>\n\
        apk -U upgrade <package>\n\
        Tools from an archive: take the package of the distribution or of the hypervisor's maker instead",
    references: &["apt-get(8)", "dnf(8)"],
    examples: Examples {
        kept: r#"
taken_at = "2026-11-22T08:00:00Z"
[hypervisor.known]
platform = "vmware"
[packages.known]
manager = "dpkg"
installed = { open-vm-tools = "2:12.2.0-1+deb12u4" }
[updates.known]
compared = 1
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
taken_at = "2026-11-22T08:00:00Z"
[hypervisor.known]
platform = "vmware"
[packages.known]
manager = "dpkg"
installed = { open-vm-tools = "2:12.2.0-1" }
[[updates.known.pending]]
package = "open-vm-tools"
installed = "2:12.2.0-1"
candidate = "2:12.2.0-1+deb12u4"
origin = "Debian/bookworm"
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let hypervisor = facts.hypervisor.known()?;
    if hypervisor.control_domain || matches!(hypervisor.platform, Platform::BareMetal | Platform::Apple) {
        return Ok(Judgement::not_applicable("this machine needs no guest tools"));
    }
    let mut judgement = Judgement::new();
    let mut installed = Vec::new();
    for tools in guest_tools::fitting(hypervisor) {
        if let Some(package) = tools.software.package(facts)? {
            installed.push((tools.software.name, package));
        } else if let Some((Match::Genuine, process)) = tools.software.process(facts)? {
            let place = seen(process).source;
            judgement.unknown(format!(
                "{} run ({place}) and belong to no package, so no index tells whether they are current",
                tools.software.name
            ));
        }
    }
    if installed.is_empty() {
        // That they are missing is for guest-tools-running to say.
        judgement.not_applicable =
            Some("no guest tools of this hypervisor are installed as a package".to_owned());
        return Ok(judgement);
    }
    let updates = facts.updates.known()?;
    for (name, (package, version)) in installed {
        let mut waits = updates.pending.iter().filter(|pending| pending.package == package).peekable();
        if updates.unlisted.contains(package) {
            judgement.unknown(format!(
                "{package} {version} is in no package index, so nothing on this host knows whether it is current"
            ));
        } else if waits.peek().is_none() {
            let message = format!("{name}: nothing newer than {version} waits");
            judgement.observe(message, [package_record(facts, &format!("{package} {version}"))]);
        }
        for pending in waits {
            let evidence = package_record(facts, &format!("{package} {}", pending.installed));
            let message = format!("waits for {} from {}{}", pending.candidate, pending.origin, said(pending));
            judgement.fail(Finding::new(package, message, evidence));
        }
    }
    for gap in &updates.unread {
        judgement.unknown(gap.to_string());
    }
    let limit = policy.thresholds.index_max_age_days;
    // The list of a release of Debian changes with each point release alone; its security suite tells how old all of them are.
    let by_suite = updates.classification == Classification::Suites;
    let mut dated = updates.suites.iter().filter(|suite| !by_suite || suite.is_security()).peekable();
    if dated.peek().is_none() {
        judgement.unknown("no package source tells how old what this host knows of newer versions is");
    }
    for reason in dated.filter_map(|suite| fresh(suite, facts.taken_at, limit).err()) {
        judgement.unknown(reason);
    }
    Ok(judgement)
}

fn said(pending: &Pending) -> &'static str {
    match (pending.security, pending.status) {
        (true, _) => ", a security update",
        (false, Status::Held) => ", but is held",
        (false, Status::Phased) => ", which the archive does not hand out to this machine yet",
        (false, Status::KeptBack) => ", which a plain upgrade keeps back",
        (false, Status::Upgradable) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_index_lists_is_not_current() {
        let unlisted =
            CHECK.examples.kept.replace("compared = 1", "compared = 1\nunlisted = [\"open-vm-tools\"]");
        let facts: Facts = toml::from_str(&unlisted).unwrap();
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert!(judgement.observations.is_empty() && judgement.unknowns.len() == 1, "{judgement:?}");
    }

    #[test]
    fn an_old_index_tells_nothing() {
        let old = CHECK
            .examples
            .kept
            .replace("dated = \"2026-11-22", "dated = \"2026-09-22")
            .replace("modified = \"2026-11-22", "modified = \"2026-09-22");
        let facts: Facts = toml::from_str(&old).unwrap();
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert!(judgement.unknowns.iter().any(|reason| reason.starts_with("stale index")), "{judgement:?}");
    }

    #[test]
    fn tools_of_no_package_take_a_person() {
        let facts: Facts = toml::from_str(
            r#"
            [hypervisor.known]
            platform = "vmware"
            [packages.known]
            manager = "dpkg"
            [[processes.known.list]]
            pid = 7
            name = "vmtoolsd"
            exe = { known = "/usr/bin/vmtoolsd" }
            unit = "vmware-tools.service"
            "#,
        )
        .unwrap();
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert!(judgement.unknowns[0].contains("belong to no package"), "{judgement:?}");
    }
}
