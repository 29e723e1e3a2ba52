//! Knows how distributions with rpm name their kernels: Red Hat's family, Oracle, Amazon, SUSE.
//!
//! Proved by fixtures typed after their archives, not by machines that run them.

use super::Kernel;
use crate::facts::packages::Packages;
use crate::facts::packages::rpm::Installed;

/// Flavours that SUSE appends to the release, and that are the second half of the package's name.
const SUSE: [&str; 9] =
    ["default", "rt", "azure", "64kb", "longterm", "vanilla", "preempt", "kvmsmall", "pae"];
/// Flavours of which Red Hat's kernels say nothing in their release: they have it in the package's version.
const UNSAID: [&str; 4] = ["uek", "lt", "ml", "plus"];

/// The kernels among the installed packages, of the host's own architecture.
pub(super) fn installed(packages: &Packages) -> Vec<Kernel> {
    let own = |package: &&Installed| package.architecture == packages.architecture;
    let candidates: Vec<&Installed> =
        packages.rpm.iter().filter(own).filter(|package| package.name.starts_with("kernel")).collect();
    candidates
        .iter()
        .filter_map(|package| {
            // Since RHEL 8 `kernel` only asks for `kernel-core`, and `kernel-uek` for `kernel-uek-core`.
            let core = format!("{}-core", package.name);
            if candidates.iter().any(|other| other.name == core && other.evr() == package.evr()) {
                return None;
            }
            let (release, flavour) = name(package)?;
            Some(Kernel { package: package.name.clone(), version: package.evr(), release, flavour })
        })
        .collect()
}

/// Release and flavour of a kernel's package.
fn name(package: &Installed) -> Option<(String, String)> {
    let Installed { version, release, architecture, .. } = package;
    let rest = package.name.strip_prefix("kernel")?;
    let plain = format!("{version}-{release}.{architecture}");
    // `kernel-core`, `kernel-rt-core`, `kernel-uek-core`.
    if rest == "-core" {
        return Some((plain, String::new()));
    }
    if let Some(flavour) = rest.strip_prefix('-').and_then(|rest| rest.strip_suffix("-core")) {
        return Some((with(&plain, release, flavour), flavour.to_owned()));
    }
    // `kernel` of RHEL 7 and Amazon; `kernel6.12` of Amazon Linux 2023 is another line beside it.
    if rest.is_empty() || rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some((plain, rest.to_owned()));
    }
    let flavour = rest.strip_prefix('-')?;
    let red_hat = [".el", ".amzn", ".fc"].iter().any(|tag| release.contains(tag));
    if red_hat && (UNSAID.contains(&flavour) || flavour == "rt") {
        return Some((with(&plain, release, flavour), flavour.to_owned()));
    }
    if !red_hat && SUSE.contains(&flavour) {
        // The last number of SUSE's releases counts how often the package was built, and the kernel does not say it.
        let built = release.rsplit_once('.').map_or(release.as_str(), |(built, _)| built);
        return Some((format!("{version}-{built}-{flavour}"), flavour.to_owned()));
    }
    None
}

/// `5.14.0-427.el9.x86_64+rt`; where the package's release names the flavour, uname does not name it again.
fn with(plain: &str, release: &str, flavour: &str) -> String {
    let named = flavour == "rt" && release.contains(".rt");
    if named || UNSAID.contains(&flavour) { plain.to_owned() } else { format!("{plain}+{flavour}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, release: &str) -> Installed {
        let [name, version, release] = [name, version, release].map(str::to_owned);
        Installed { name, version, release, architecture: "x86_64".into(), ..Installed::default() }
    }

    #[test]
    fn what_uname_says_of_them() {
        for (name_, version, release, uname, flavour) in [
            ("kernel-core", "5.14.0", "427.13.1.el9_4", "5.14.0-427.13.1.el9_4.x86_64", ""),
            ("kernel-core", "6.8.5", "301.fc40", "6.8.5-301.fc40.x86_64", ""),
            ("kernel-rt-core", "5.14.0", "427.13.1.el9_4", "5.14.0-427.13.1.el9_4.x86_64+rt", "rt"),
            ("kernel-rt-core", "4.18.0", "553.rt7.342.el8_10", "4.18.0-553.rt7.342.el8_10.x86_64", "rt"),
            ("kernel-debug-core", "5.14.0", "427.el9", "5.14.0-427.el9.x86_64+debug", "debug"),
            ("kernel-uek-core", "5.15.0", "205.149.5.4.el9uek", "5.15.0-205.149.5.4.el9uek.x86_64", "uek"),
            ("kernel-uek", "5.4.17", "2136.330.7.1.el8uek", "5.4.17-2136.330.7.1.el8uek.x86_64", "uek"),
            ("kernel-ml-core", "6.9.1", "1.el9.elrepo", "6.9.1-1.el9.elrepo.x86_64", "ml"),
            ("kernel", "6.1.90", "99.173.amzn2023", "6.1.90-99.173.amzn2023.x86_64", ""),
            ("kernel6.12", "6.12.20", "23.97.amzn2023", "6.12.20-23.97.amzn2023.x86_64", "6.12"),
            ("kernel-default", "5.14.21", "150500.55.19.1", "5.14.21-150500.55.19-default", "default"),
            ("kernel-default", "6.9.1", "1.1", "6.9.1-1-default", "default"),
            ("kernel-rt", "6.4.0", "150600.10.5.1", "6.4.0-150600.10.5-rt", "rt"),
        ] {
            let found = name(&package(name_, version, release));
            assert_eq!(found, Some((uname.to_owned(), flavour.to_owned())), "{name_} {release}");
        }
        for other in ["kernel-headers", "kernel-modules", "kernel-devel", "kernel-tools", "kernelshark"] {
            assert_eq!(name(&package(other, "5.14.0", "427.el9")), None, "{other}");
        }
    }

    #[test]
    fn what_only_asks_for_a_kernel_is_none() {
        let rpm = vec![
            package("kernel", "5.14.0", "427.el9"),
            package("kernel-core", "5.14.0", "427.el9"),
            package("kernel-core", "5.14.0", "70.el9"),
            Installed { architecture: "i686".into(), ..package("kernel-core", "5.14.0", "999.el9") },
        ];
        let packages = Packages { rpm, architecture: "x86_64".into(), ..Packages::default() };
        let versions: Vec<String> = installed(&packages).into_iter().map(|kernel| kernel.version).collect();
        assert_eq!(versions, ["5.14.0-427.el9", "5.14.0-70.el9"]);
    }
}
