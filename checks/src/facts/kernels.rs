//! Kernels installed, and the one that runs.

mod boot;
mod names;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::facts::packages::{Manager, compare};
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{self, Host};

const LIVE_PATCHES: &str = "/sys/kernel/livepatch";

/// Kernels installed, and the one that runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kernels {
    /// Whose packages they are, and so how their versions compare.
    #[serde(skip_serializing_if = "is_usual")]
    pub manager: Manager,
    /// The one that runs.
    pub running: Reading<Running>,
    /// Those that packages installed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub installed: Vec<Kernel>,
    /// Releases that have a folder of modules, packaged or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// Releases that have an image in /boot, packaged or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Where an upgrade asked for a reboot, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reboot_required: Option<RebootRequired>,
    /// The one that the boot loader takes next, where entries of the Boot Loader Specification tell.
    #[serde(skip_serializing_if = "is_untold")]
    pub next: Reading<NextBoot>,
    /// Patches that are loaded into the running kernel.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub live_patches: Vec<LivePatch>,
}

/// What the boot loader takes next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextBoot {
    /// What uname -r will say: `5.14.0-427.el9.x86_64`.
    pub release: String,
    /// The file of its entry.
    pub entry: String,
    /// Where it is chosen: `/boot/grub2/grubenv`; empty where nobody chose, so that it is the first.
    pub chosen_in: String,
    /// What stands there: `saved_entry=0`.
    pub choice: String,
}

/// A patch in the running kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivePatch {
    /// `kpatch_5_14_0_427_1_1`.
    pub name: String,
    /// Whether the kernel says that it is enabled and has reached every task.
    pub active: bool,
    /// Where the kernel says so.
    pub path: String,
}

fn is_usual(manager: &Manager) -> bool {
    *manager == Manager::default()
}

fn is_untold(next: &Reading<NextBoot>) -> bool {
    *next == Reading::default()
}

/// The kernel that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Running {
    /// As uname -r says: `6.1.0-37-amd64`.
    pub release: String,
    /// Version of the package that it was built as, where the kernel carries it: `6.1.140-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the version was read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// A kernel that a package installed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// `linux-image-6.1.0-37-amd64`.
    pub package: String,
    /// `6.1.140-1`.
    pub version: String,
    /// What uname -r says when it runs: `6.1.0-37-amd64`.
    pub release: String,
    /// What distinguishes kernels of one version: `cloud-amd64`, `generic`, `lts`; empty without one.
    pub flavour: String,
}

/// A request for a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebootRequired {
    /// `/run/reboot-required`.
    pub path: String,
    /// The packages that asked for it.
    pub packages: Vec<String>,
}

impl Kernels {
    /// The newest installed kernel of the kind that runs; nothing where the running one is from no package.
    #[must_use]
    pub fn newest(&self) -> Option<&Kernel> {
        let running = &self.running.value()?.release;
        let of_kind = |kernel: &&Kernel| kernel.release == *running;
        let kind = &self.installed.iter().find(of_kind)?.flavour;
        let alike = self.installed.iter().filter(|kernel| kernel.flavour == *kind);
        alike.max_by(|left, right| compare(self.manager, &left.version, &right.version))
    }
}

/// Reads the running kernel and, from the package database, those installed.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Kernels, Gap> {
    let packages = facts.packages.known()?;
    let names = |dir: &str| match host.list(dir) {
        Err(gap) if gap.is_absent() => Ok(Vec::new()),
        other => other,
    };
    let mut modules = names("/lib/modules")?;
    modules.retain(|name| name.starts_with(|first: char| first.is_ascii_digit()));
    let images =
        names("/boot")?.iter().filter_map(|name| name.strip_prefix("vmlinuz-")).map(str::to_owned).collect();
    Ok(Kernels {
        manager: packages.manager,
        running: running(host).into(),
        installed: names::installed(packages),
        modules,
        images,
        reboot_required: reboot_required(host)?,
        next: boot::next(host),
        live_patches: live_patches(host)?,
    })
}

fn running(host: &dyn Host) -> Result<Running, Gap> {
    let release = host::read_line(host, "/proc/sys/kernel/osrelease")?;
    // Ubuntu's kernels say it here, Debian's in the version.
    for (path, parse) in [
        ("/proc/version_signature", names::ubuntu as fn(&str) -> Option<String>),
        ("/proc/sys/kernel/version", names::debian),
    ] {
        if let Some(version) = host::read_line(host, path).ok().and_then(|text| parse(&text)) {
            return Ok(Running { release, version: Some(version), source: path.to_owned() });
        }
    }
    Ok(Running { release, version: None, source: String::new() })
}

/// What the kernel itself says of its patches, whoever loaded them: kpatch, SUSE's or Canonical's livepatch.
fn live_patches(host: &dyn Host) -> Result<Vec<LivePatch>, Gap> {
    let names = match host.list(LIVE_PATCHES) {
        Err(gap) if gap.is_absent() || gap.why == GapKind::Offline => return Ok(Vec::new()),
        other => other?,
    };
    let patch = |name: String| {
        let path = format!("{LIVE_PATCHES}/{name}");
        let says = |file: &str, word: &str| {
            host::read_line(host, &format!("{path}/{file}")).is_ok_and(|line| line == word)
        };
        LivePatch { active: says("enabled", "1") && says("transition", "0"), name, path }
    };
    Ok(names.into_iter().take(1000).map(patch).collect())
}

fn reboot_required(host: &dyn Host) -> Result<Option<RebootRequired>, Gap> {
    // The last is SUSE's, which names no package.
    for path in ["/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"] {
        match host.stat(path) {
            Ok(_) => {
                let list = host::read_text(host, &format!("{path}.pkgs"), host::SMALL).unwrap_or_default();
                let mut packages: Vec<String> = list.lines().take(1000).map(str::to_owned).collect();
                packages.sort();
                packages.dedup();
                return Ok(Some(RebootRequired { path: path.to_owned(), packages }));
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::packages::Packages;
    use crate::host::Tree;

    fn facts() -> Facts {
        let installed = [("linux-image-6.1.0-37-amd64".to_owned(), "6.1.140-1".to_owned())].into();
        Facts { packages: Reading::Known(Packages { installed, ..Packages::default() }), ..Facts::default() }
    }

    #[test]
    fn the_running_kernel_and_its_package_version() {
        let host = Tree::new(Timestamp(0))
            .file("/proc/sys/kernel/osrelease", "6.1.0-37-amd64\n")
            .file("/proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)\n")
            .file("/lib/modules/6.1.0-37-amd64/modules.dep", "")
            .file("/lib/modules/README", "")
            .file("/boot/vmlinuz-6.1.0-37-amd64", "")
            .file("/run/reboot-required", "*** System restart required ***\n")
            .file("/run/reboot-required.pkgs", "libc6\nlibc6\nlinux-image-amd64\n");
        let kernels = read(&host, &facts()).unwrap();
        assert_eq!(kernels.running.known().unwrap().version.as_deref(), Some("6.1.140-1"));
        assert_eq!((kernels.modules.len(), kernels.images.len(), kernels.installed.len()), (1, 1, 1));
        assert_eq!(kernels.reboot_required.as_ref().unwrap().packages, ["libc6", "linux-image-amd64"]);
        let facts = Facts { kernels: Reading::Known(kernels), ..facts() };
        assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
    }

    #[test]
    fn patches_in_the_running_kernel() {
        let host = Tree::new(Timestamp(0))
            .file("/sys/kernel/livepatch/kpatch_1/enabled", "1\n")
            .file("/sys/kernel/livepatch/kpatch_1/transition", "0\n")
            .file("/sys/kernel/livepatch/on_its_way/enabled", "1\n")
            .file("/sys/kernel/livepatch/on_its_way/transition", "1\n");
        let kernels = read(&host, &facts()).unwrap();
        let patches: Vec<(&str, bool)> =
            kernels.live_patches.iter().map(|patch| (patch.name.as_str(), patch.active)).collect();
        assert_eq!(patches, [("kpatch_1", true), ("on_its_way", false)]);
    }

    #[test]
    fn an_image_runs_no_kernel_and_a_gap_of_packages_is_one_here() {
        let kernels = read(&Tree::new(Timestamp(0)), &facts()).unwrap();
        assert!(kernels.running.known().unwrap_err().is_absent());
        assert!(read(&Tree::new(Timestamp(0)), &Facts::default()).is_err());
    }
}
