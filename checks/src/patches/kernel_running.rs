//! The newest installed kernel is the one that runs.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::kernels::{Kernel, Kernels, LivePatch, RebootRequired, Running};
use crate::facts::packages::{Manager, compare};
use crate::gap::{Gap, GapKind, Reading};
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "patches-kernel-running",
    title: "The running kernel is the newest of its kind that is installed",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "A kernel update closes nothing until the machine has booted it: the package manager says that all is \
        up to date while the old kernel, with its known holes, goes on running. The same holds where an update kept \
        the kernel's name and only the package's version changed.",
    remedy: "systemctl reboot   # in a maintenance window; check first that a console is at hand\n\
        ls -l /boot        # the kernel that the boot loader will choose",
    references: &[
        "uname(1)",
        "deb-version(7)",
        "Debian Policy: linux-image packages",
        "reboot-required of update-notifier",
        "Boot Loader Specification",
        "Documentation/ABI/testing/sysfs-kernel-livepatch",
    ],
    examples: Examples {
        kept: r#"
            [kernels.known]
            [kernels.known.running.known]
            release = "6.1.0-37-amd64"
            version = "6.1.140-1"
            source = "/proc/sys/kernel/version"
            [[kernels.known.installed]]
            package = "linux-image-6.1.0-9-amd64"
            version = "6.1.27-1"
            release = "6.1.0-9-amd64"
            flavour = "amd64"
            [[kernels.known.installed]]
            package = "linux-image-6.1.0-37-amd64"
            version = "6.1.140-1"
            release = "6.1.0-37-amd64"
            flavour = "amd64"
        "#,
        broken: r#"
            [kernels.known]
            [kernels.known.running.known]
            release = "6.1.0-9-amd64"
            version = "6.1.27-1"
            source = "/proc/sys/kernel/version"
            [[kernels.known.installed]]
            package = "linux-image-6.1.0-9-amd64"
            version = "6.1.27-1"
            release = "6.1.0-9-amd64"
            flavour = "amd64"
            [[kernels.known.installed]]
            package = "linux-image-6.1.0-37-amd64"
            version = "6.1.140-1"
            release = "6.1.0-37-amd64"
            flavour = "amd64"
        "#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let kernels = facts.kernels.known()?;
    let running = kernels.running.known()?;
    let mut judgement = Judgement::new();
    let mut asked = kernels.reboot_required.as_ref().filter(|request| is_for_kernel(request));
    let mut waits = Vec::new();
    match weigh(running, kernels) {
        Answer::Newest(kernel) => judgement.observe(
            format!("{} {} runs, and no newer one of its kind is installed", kernel.package, kernel.version),
            [Evidence::of("/proc/sys/kernel/osrelease").says(&running.release)],
        ),
        Answer::Older(version, newest) => {
            let message = format!(
                "runs as {version}, while {} {} is installed and waits for a reboot",
                newest.package, newest.version
            );
            let place =
                if running.source.is_empty() { "/proc/sys/kernel/osrelease" } else { &running.source };
            let mut finding = Finding::new(&running.release, message, Evidence::of(place).says(version))
                .and(Evidence::of(database(facts)).says(format!("{} {}", newest.package, newest.version)));
            if let Some(request) = asked.take() {
                finding = finding.and(Evidence::of(&request.path).says(request.packages.join(" ")));
            }
            waits.push(finding);
        }
        Answer::Unknown(reason) => judgement.unknown(reason),
    }
    if let Some(request) = kernels.reboot_required.as_ref().filter(|request| request.packages.is_empty()) {
        judgement.unknown(format!("{} asks for a reboot and does not say for which package", request.path));
    }
    if let Some(request) = asked {
        waits.push(Finding::new(
            &running.release,
            "runs although an update of the kernel asked for a reboot since the last boot",
            Evidence::of(&request.path).says(request.packages.join(" ")),
        ));
    }
    let patches: Vec<&LivePatch> = kernels.live_patches.iter().filter(|patch| patch.active).collect();
    for finding in waits {
        // What a live patch closes, the kernel does not say; that it runs is no reason to call all of it closed.
        let Some(patch) = patches.first() else {
            judgement.fail(finding);
            continue;
        };
        judgement.unknown(format!(
            "{} {}; the live patch {} is active in it ({}), and whether it closes what the newer kernel closes is not \
             known",
            finding.subject, finding.message, patch.name, patch.path
        ));
    }
    if !patches.is_empty() {
        judgement.observe(
            format!("{} live patches are active in {}", patches.len(), running.release),
            patches.iter().map(|patch| Evidence::of(&patch.path).says("enabled=1")),
        );
    }
    next_boot(kernels, &mut judgement);
    Ok(judgement)
}

/// The boot loader may take an older kernel next, although the newest is installed and perhaps runs.
fn next_boot(kernels: &Kernels, judgement: &mut Judgement) {
    let next = match &kernels.next {
        Reading::Known(next) => next,
        Reading::Gap(gap) if gap.why == GapKind::NotGathered => return,
        Reading::Gap(gap) => {
            let place = Evidence::of("/boot/loader/entries");
            judgement.observe(format!("which kernel starts next is not known: {gap}"), [place]);
            return;
        }
    };
    let Some(kernel) = kernels.installed.iter().find(|kernel| kernel.release == next.release) else { return };
    let newest = kernels
        .installed
        .iter()
        .filter(|other| other.flavour == kernel.flavour)
        .max_by(|left, right| compare(kernels.manager, &left.version, &right.version));
    let Some(newest) =
        newest.filter(|newest| compare(kernels.manager, &kernel.version, &newest.version).is_lt())
    else {
        return;
    };
    let message = format!(
        "is what the boot loader starts next, while {} {} is installed",
        newest.package, newest.version
    );
    let mut finding = Finding::new(&next.release, message, Evidence::of(&next.entry));
    if !next.chosen_in.is_empty() {
        finding = finding.and(Evidence::of(&next.chosen_in).says(&next.choice));
    }
    judgement.fail(finding);
}

enum Answer<'a> {
    /// The kernel that runs, and none is newer.
    Newest(&'a Kernel),
    /// The version that runs, and the newest installed.
    Older(&'a str, &'a Kernel),
    Unknown(String),
}

/// Compares package versions of one flavour. Names are no help: they do not sort, and do not change with each update.
fn weigh<'a>(running: &'a Running, kernels: &'a Kernels) -> Answer<'a> {
    let Kernels { manager, installed, .. } = kernels;
    let in_place = replaces_in_place(*manager);
    let release = &running.release;
    if installed.is_empty() {
        return Answer::Unknown(format!(
            "no kernel package is installed, so {release} comes from the provider or was built by hand"
        ));
    }
    let own = installed.iter().find(|kernel| kernel.release == *release);
    // A kernel whose package was removed, or replaced by a newer one, is still recognised by its flavour.
    let flavour = match own {
        Some(kernel) => &kernel.flavour,
        None => match installed.iter().find(|kernel| has_flavour(release, &kernel.flavour)) {
            Some(kernel) if running.version.is_some() || in_place => &kernel.flavour,
            _ => {
                return Answer::Unknown(format!("the running kernel {release} is from no installed package"));
            }
        },
    };
    let newest = installed
        .iter()
        .filter(|kernel| kernel.flavour == *flavour)
        .max_by(|left, right| compare(*manager, &left.version, &right.version));
    let Some(newest) = newest else {
        return Answer::Unknown(format!("no installed kernel is of the kind of {release}"));
    };
    let version = running.version.as_deref().or(own.map(|kernel| kernel.version.as_str())).unwrap_or(release);
    match (compare(*manager, version, &newest.version), own) {
        (std::cmp::Ordering::Less, _) => Answer::Older(version, newest),
        (_, Some(own)) => Answer::Newest(own),
        _ if in_place => Answer::Older(version, newest),
        _ => Answer::Unknown(format!("the running kernel {release} is newer than those installed")),
    }
}

/// Alpine's and Arch's kernels have one package per flavour, which an update overwrites; those of the others stay beside
/// each other.
fn replaces_in_place(manager: Manager) -> bool {
    matches!(manager, Manager::Apk | Manager::Pacman)
}

/// Whether a release ends as kernels of a flavour do. A release of no flavour looks like any.
fn has_flavour(release: &str, flavour: &str) -> bool {
    !flavour.is_empty()
        && release.strip_suffix(flavour).is_some_and(|rest| {
            rest.ends_with('-') && {
                // `cloud-amd64` is not of flavour `amd64`.
                rest.trim_end_matches('-')
                    .rsplit('-')
                    .next()
                    .is_some_and(|last| last.contains(|c: char| c.is_ascii_digit()))
            }
        })
}

fn is_for_kernel(request: &RebootRequired) -> bool {
    let kernel = |name: &String| {
        ["linux-", "proxmox-kernel", "pve-kernel"].iter().any(|start| name.starts_with(start))
    };
    request.packages.iter().any(kernel)
}

fn database(facts: &Facts) -> &'static str {
    match facts.packages.value().map(|packages| packages.manager) {
        Some(Manager::Apk) => "/lib/apk/db/installed",
        Some(Manager::Pacman) => "/var/lib/pacman/local",
        Some(Manager::Rpm) => "/var/lib/rpm",
        _ => "/var/lib/dpkg/status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::kernels::NextBoot;

    fn kernel(package: &str, version: &str, release: &str, flavour: &str) -> Kernel {
        let [package, version, release, flavour] = [package, version, release, flavour].map(str::to_owned);
        Kernel { package, version, release, flavour }
    }

    fn debian(release: &str, version: &str) -> Kernel {
        kernel(&format!("linux-image-{release}"), version, release, "amd64")
    }

    fn verdict(release: &str, version: Option<&str>, installed: Vec<Kernel>) -> (Verdict, String) {
        of(Manager::Dpkg, release, version, installed)
    }

    fn of(
        manager: Manager,
        release: &str,
        version: Option<&str>,
        installed: Vec<Kernel>,
    ) -> (Verdict, String) {
        let running = Running {
            release: release.into(),
            version: version.map(str::to_owned),
            source: "/proc/x".into(),
        };
        let kernels = Kernels { manager, running: Reading::Known(running), installed, ..Kernels::default() };
        let facts = Facts { kernels: Reading::Known(kernels), ..Facts::default() };
        let judgement = judge(&facts, &Policy::default()).unwrap();
        (judgement.verdict(), judgement.unknowns.first().cloned().unwrap_or_default())
    }

    #[test]
    fn the_same_name_in_a_newer_package_waits_for_a_reboot() {
        let installed = || vec![debian("6.1.0-37-amd64", "6.1.140-2")];
        assert_eq!(verdict("6.1.0-37-amd64", Some("6.1.140-1"), installed()).0, Verdict::Fail);
        assert_eq!(verdict("6.1.0-37-amd64", Some("6.1.140-2"), installed()).0, Verdict::Pass);
    }

    #[test]
    fn versions_decide_and_not_the_order_of_names() {
        let installed = || vec![debian("6.1.0-9-amd64", "6.1.27-1"), debian("6.1.0-37-amd64", "6.1.140-1")];
        assert_eq!(verdict("6.1.0-9-amd64", None, installed()).0, Verdict::Fail);
        assert_eq!(verdict("6.1.0-37-amd64", None, installed()).0, Verdict::Pass);
    }

    #[test]
    fn another_flavour_is_another_kernel() {
        let cloud =
            kernel("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1", "6.1.0-9-cloud-amd64", "cloud-amd64");
        let installed = vec![cloud, debian("6.1.0-37-amd64", "6.1.140-1")];
        assert_eq!(verdict("6.1.0-9-cloud-amd64", None, installed).0, Verdict::Pass);
    }

    #[test]
    fn a_kernel_whose_package_is_gone() {
        let installed = || vec![debian("6.1.0-37-amd64", "6.1.140-1")];
        assert_eq!(verdict("6.1.0-9-amd64", Some("6.1.27-1"), installed()).0, Verdict::Fail);
        assert_eq!(verdict("6.1.0-9-cloud-amd64", Some("6.1.27-1"), installed()).0, Verdict::Unknown);
        assert_eq!(verdict("6.1.0-40-amd64", Some("6.1.150-1"), installed()).0, Verdict::Unknown);
        let alpine = vec![kernel("linux-lts", "6.6.50-r0", "6.6.50-0-lts", "lts")];
        assert_eq!(of(Manager::Apk, "6.6.41-0-lts", None, alpine.clone()).0, Verdict::Fail);
        assert_eq!(of(Manager::Apk, "6.6.50-0-lts", None, alpine).0, Verdict::Pass);
    }

    fn rocky(release: &str) -> Kernel {
        kernel("kernel-core", &format!("5.14.0-{release}"), &format!("5.14.0-{release}.x86_64"), "")
    }

    #[test]
    fn versions_of_rpm_compare_as_rpm_does() {
        // dpkg would take the dist tag for newer than the longer release, and a caret for a letter.
        for (running, newest) in [("427.el9", "427.13.1.el9_4"), ("1^a", "1.1"), ("70.el9", "427.el9")] {
            let installed = || vec![rocky(running), rocky(newest)];
            let rpm =
                |release: &str| of(Manager::Rpm, &format!("5.14.0-{release}.x86_64"), None, installed()).0;
            assert_eq!((rpm(running), rpm(newest)), (Verdict::Fail, Verdict::Pass), "{running} {newest}");
        }
        let gone = of(Manager::Rpm, "5.14.0-70.el9.x86_64", None, vec![rocky("427.el9")]);
        assert_eq!(gone.0, Verdict::Unknown);
    }

    #[test]
    fn a_live_patch_makes_an_old_kernel_unknown_and_a_new_one_no_worse() {
        let patch = |active| LivePatch {
            name: "kpatch_1".into(),
            active,
            path: "/sys/kernel/livepatch/kpatch_1".into(),
        };
        for (example, active, expected) in [
            (CHECK.examples.broken, true, Verdict::Unknown),
            (CHECK.examples.broken, false, Verdict::Fail),
            (CHECK.examples.kept, true, Verdict::Pass),
        ] {
            let mut facts: Facts = toml::from_str(example).unwrap();
            if let Reading::Known(kernels) = &mut facts.kernels {
                kernels.live_patches = vec![patch(active)];
            }
            let judgement = judge(&facts, &Policy::default()).unwrap();
            assert_eq!(judgement.verdict(), expected);
            let told = judgement.unknowns.iter().any(|why| why.contains("/sys/kernel/livepatch/kpatch_1"));
            assert_eq!(told, expected == Verdict::Unknown);
        }
    }

    #[test]
    fn an_older_kernel_that_starts_next_is_told() {
        for (next, expected) in [
            ("5.14.0-70.el9.x86_64", Verdict::Fail),
            ("5.14.0-427.el9.x86_64", Verdict::Pass),
            ("0-rescue-abc", Verdict::Pass),
        ] {
            let running = Running { release: "5.14.0-427.el9.x86_64".into(), ..Running::default() };
            let next = NextBoot {
                release: next.into(),
                entry: format!("/boot/loader/entries/abc-{next}.conf"),
                chosen_in: "/boot/grub2/grubenv".into(),
                choice: "saved_entry=1".into(),
            };
            let kernels = Kernels {
                manager: Manager::Rpm,
                running: Reading::Known(running),
                installed: vec![rocky("70.el9"), rocky("427.el9")],
                next: Reading::Known(next),
                ..Kernels::default()
            };
            let facts = Facts { kernels: Reading::Known(kernels), ..Facts::default() };
            assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), expected);
        }
    }

    #[test]
    fn a_kernel_of_the_provider_is_unknown() {
        let (verdict_, reason) =
            verdict("6.18.44-fc-v669", None, vec![debian("6.1.0-37-amd64", "6.1.140-1")]);
        assert_eq!(
            (verdict_, reason.as_str()),
            (Verdict::Unknown, "the running kernel 6.18.44-fc-v669 is from no installed package")
        );
        let (verdict_, reason) = verdict("6.18.44-fc-v669", None, Vec::new());
        assert_eq!(verdict_, Verdict::Unknown);
        assert!(reason.contains("no kernel package is installed"));
    }

    #[test]
    fn a_request_for_a_reboot_counts_when_it_is_for_a_kernel() {
        let mut facts: Facts = toml::from_str(CHECK.examples.kept).unwrap();
        for (package, verdict) in
            [("libc6", Verdict::Pass), ("linux-image-amd64", Verdict::Fail), ("", Verdict::Unknown)]
        {
            if let Reading::Known(kernels) = &mut facts.kernels {
                let packages = package.split_whitespace().map(str::to_owned).collect();
                kernels.reboot_required =
                    Some(RebootRequired { path: "/run/reboot-required".into(), packages });
            }
            assert_eq!(judge(&facts, &Policy::default()).unwrap().verdict(), verdict, "{package}");
        }
    }
}
