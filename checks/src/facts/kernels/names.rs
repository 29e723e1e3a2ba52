//! Knows how distributions name their kernels: package, release and flavour.
//!
//! Debian's names are held against real packages; those of the others are fixtures typed after their archives.

mod rpm;

use super::Kernel;
use crate::facts::packages::{Manager, Packages};

/// The kernels among the installed packages.
pub(super) fn installed(packages: &Packages) -> Vec<Kernel> {
    let name: fn(&str, &str) -> Option<(String, String)> = match packages.manager {
        Manager::Dpkg => |package, _| dpkg(package),
        Manager::Apk => apk,
        Manager::Pacman => pacman,
        Manager::Rpm => return rpm::installed(packages),
    };
    packages
        .installed
        .iter()
        .filter_map(|(package, version)| {
            let (release, flavour) = name(package, version)?;
            Some(Kernel { package: package.clone(), version: version.clone(), release, flavour })
        })
        .collect()
}

/// `linux-image-6.1.0-37-cloud-amd64`: the release follows the prefix, the flavour follows its numbers.
fn dpkg(package: &str) -> Option<(String, String)> {
    let release = ["linux-image-unsigned-", "linux-image-", "proxmox-kernel-", "pve-kernel-"]
        .iter()
        .find_map(|prefix| package.strip_prefix(prefix))?;
    let release =
        ["-signed", "-unsigned"].iter().find_map(|end| release.strip_suffix(end)).unwrap_or(release);
    // A release has at least `6.1`; `linux-image-amd64` and `proxmox-kernel-6.8` only depend on the newest one.
    let is_number = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    if !is_number(release)
        || !release.contains('-')
        || release.ends_with("-dbg")
        || release.ends_with("-dbgsym")
    {
        return None;
    }
    let flavour: Vec<&str> =
        release.split('-').skip(1).skip_while(|part| is_number(part) || part.starts_with("rc")).collect();
    Some((release.to_owned(), flavour.join("-")))
}

/// `linux-lts` 6.6.50-r0 runs as `6.6.50-0-lts`.
fn apk(package: &str, version: &str) -> Option<(String, String)> {
    let flavour = package.strip_prefix("linux-")?;
    if !["lts", "virt", "stable", "edge", "rpi", "asahi"].contains(&flavour) {
        return None;
    }
    let (upstream, revision) = version.split_once("-r")?;
    Some((format!("{upstream}-{revision}-{flavour}"), flavour.to_owned()))
}

/// `linux` 6.10.1.arch1-1 runs as `6.10.1-arch1-1`, `linux-lts` 6.6.41-1 as `6.6.41-1-lts`.
fn pacman(package: &str, version: &str) -> Option<(String, String)> {
    match package {
        "linux" => Some((version.replace(".arch", "-arch"), String::new())),
        "linux-lts" => Some((format!("{version}-lts"), "lts".to_owned())),
        _ => None,
    }
}

/// `#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)`; Proxmox says `PMX 6.8.12-4`.
pub(super) fn debian(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    words.find(|word| ["Debian", "PMX"].contains(word))?;
    words.next().filter(|word| word.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

/// `Ubuntu 6.8.0-45.45~22.04.1-generic 6.8.12`: the package version with the flavour behind it.
pub(super) fn ubuntu(text: &str) -> Option<String> {
    let version = text.strip_prefix("Ubuntu ")?.split_whitespace().next()?;
    let (abi, rest) = version.split_once('-')?;
    let upload = rest.split('-').next()?;
    Some(format!("{abi}-{upload}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_flavours_of_debian_and_ubuntu() {
        for (package, release, flavour) in [
            ("linux-image-6.1.0-37-amd64", "6.1.0-37-amd64", "amd64"),
            ("linux-image-6.1.0-37-cloud-amd64-unsigned", "6.1.0-37-cloud-amd64", "cloud-amd64"),
            ("linux-image-6.12.38+deb13-cloud-arm64", "6.12.38+deb13-cloud-arm64", "cloud-arm64"),
            ("linux-image-6.5.0-0.deb12.4-rt-amd64", "6.5.0-0.deb12.4-rt-amd64", "rt-amd64"),
            ("linux-image-unsigned-6.8.0-45-generic", "6.8.0-45-generic", "generic"),
            ("proxmox-kernel-6.8.12-4-pve-signed", "6.8.12-4-pve", "pve"),
        ] {
            assert_eq!(dpkg(package), Some((release.to_owned(), flavour.to_owned())), "{package}");
        }
        for package in
            ["linux-image-amd64", "linux-image-6.1.0-37-amd64-dbg", "proxmox-kernel-6.8", "linux-libc-dev"]
        {
            assert_eq!(dpkg(package), None, "{package}");
        }
    }

    #[test]
    fn alpine_and_arch() {
        assert_eq!(apk("linux-lts", "6.6.50-r0"), Some(("6.6.50-0-lts".into(), "lts".into())));
        assert_eq!(apk("linux-headers", "6.6-r0"), None);
        assert_eq!(pacman("linux", "6.10.1.arch1-1"), Some(("6.10.1-arch1-1".into(), String::new())));
    }

    #[test]
    fn versions_that_kernels_carry() {
        assert_eq!(debian("#1 SMP Debian 6.1.140-1 (2025-05-22)").as_deref(), Some("6.1.140-1"));
        assert_eq!(debian("#1 SMP PREEMPT_DYNAMIC @0"), None);
        assert_eq!(
            ubuntu("Ubuntu 6.8.0-45.45~22.04.1-generic 6.8.12").as_deref(),
            Some("6.8.0-45.45~22.04.1")
        );
        assert_eq!(ubuntu("Ubuntu"), None);
    }
}
