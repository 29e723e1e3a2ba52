//! Which build of sshd(8) reads a configuration: its grammar, keywords and defaults depend on it.

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::{self, Host};

/// Where the program lies that deals with one connection since 9.8; libpam is linked into that one.
const SESSIONS: &[&str] = &[
    "/usr/lib/ssh/sshd-session",
    "/usr/lib/openssh/sshd-session",
    "/usr/libexec/sshd-session",
    "/usr/libexec/openssh/sshd-session",
    "/usr/libexec/ssh/sshd-session",
];

/// A release of OpenSSH as a distribution built it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    /// Major and minor number, such as `(9, 2)`.
    pub version: (u32, u32),
    /// What `sshd -V` says before the comma, such as `OpenSSH_9.2p1 Debian-2+deb12u10`.
    pub release: String,
    /// Whose patches it carries.
    pub vendor: Vendor,
    /// Whether it was built without PAM, as Alpine's is: it passes over UsePAM then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_pam: bool,
}

/// Whose patches a build of OpenSSH carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vendor {
    /// None that bear on the configuration: Alpine, Arch, a build by hand.
    #[default]
    Upstream,
    /// Debian, Ubuntu and what derives from them: DebianBanner, GSSAPI key exchange.
    Debian,
    /// Red Hat, its rebuilds and Fedora: GSSAPI key exchange, Kerberos, policies of crypto-policies(7).
    RedHat,
}

impl Build {
    /// From what a release calls itself.
    #[must_use]
    pub fn named(release: &str) -> Option<Self> {
        let (number, _) = release.strip_prefix("OpenSSH_")?.split_once('p')?;
        let (major, minor) = number.split_once('.')?;
        let vendor = match release.split_once(' ') {
            Some((_, comment))
                if ["Debian", "Ubuntu", "Raspbian"].iter().any(|name| comment.starts_with(name)) =>
            {
                Vendor::Debian
            }
            _ => Vendor::Upstream,
        };
        Some(Self {
            version: (major.parse().ok()?, minor.parse().ok()?),
            release: release.to_owned(),
            vendor,
            without_pam: false,
        })
    }

    /// Whether it is of this release or a later one.
    #[must_use]
    pub fn since(&self, major: u32, minor: u32) -> bool {
        self.version >= (major, minor)
    }
}

/// The build of a server, from the text that its program carries.
pub(super) fn read(host: &dyn Host, program: &str) -> Result<Build, Gap> {
    let bytes = host.read(program, host::LARGE)?;
    let mut build =
        find(&bytes).ok_or_else(|| Gap::malformed(format!("{program} names no release of OpenSSH")))?;
    if build.vendor == Vendor::Upstream && is_red_hat(host) {
        build.vendor = Vendor::RedHat;
    }
    if build.vendor == Vendor::Upstream {
        let lacks_pam = |program: &[u8]| memchr::memmem::find(program, b"libpam.so").is_none();
        // What cannot be read may ask PAM.
        let helper = SESSIONS.iter().map(|path| host.read(path, host::LARGE)).find(|read| !is_absent(read));
        build.without_pam = lacks_pam(&bytes)
            && match helper {
                Some(Ok(program)) => lacks_pam(&program),
                Some(Err(_)) => false,
                None => !build.since(9, 8),
            };
    }
    Ok(build)
}

fn is_absent(read: &Result<Vec<u8>, Gap>) -> bool {
    read.as_ref().is_err_and(Gap::is_absent)
}

/// Whether os-release(5) names Red Hat's Linux or one that derives from it; its builds do not sign their release.
fn is_red_hat(host: &dyn Host) -> bool {
    let read = |path: &str| host::read_text(host, path, host::SMALL).ok();
    let text = read("/etc/os-release").or_else(|| read("/usr/lib/os-release")).unwrap_or_default();
    let ids =
        text.lines().filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")));
    ids.flat_map(|value| value.split([' ', '"', '\''])).any(|id| matches!(id, "rhel" | "fedora" | "centos"))
}

/// The longest of the strings in a program that name a release. Others hold patterns of releases with known bugs.
fn find(program: &[u8]) -> Option<Build> {
    const MARK: &[u8] = b"OpenSSH_";
    let mut longest: Option<Build> = None;
    let mut rest = program;
    while let Some(at) = memchr::memmem::find(rest, MARK) {
        rest = rest.get(at..)?;
        let end = rest.iter().take(200).position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(MARK.len());
        let text = rest.get(..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        if let Some(build) = Build::named(text)
            && longest.as_ref().is_none_or(|longest| longest.release.len() < text.len())
        {
            longest = Some(build);
        }
        rest = rest.get(MARK.len()..)?;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn the_release_is_found_among_patterns() {
        let program = b"\x7fELF\0OpenSSH_9.2\0OpenSSH_2.*,OpenSSH_3.0*\0OpenSSH_9.2p1\0OpenSSH_9.2p1 Debian-2+deb12u10\0x";
        let build = find(program).unwrap();
        assert_eq!((build.version, build.vendor), ((9, 2), Vendor::Debian));
        assert_eq!(build.release, "OpenSSH_9.2p1 Debian-2+deb12u10");
        assert!(find(b"OpenSSH_").is_none() && find(b"OpenSSH_7.0*,OpenSSH_7.1*\0").is_none());
    }

    #[test]
    fn red_hat_does_not_sign_its_release() {
        let tree = Tree::new(Timestamp(0))
            .file("/usr/sbin/sshd", "\0OpenSSH_8.7p1\0")
            .file("/etc/os-release", "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n");
        assert_eq!(read(&tree, "/usr/sbin/sshd").unwrap().vendor, Vendor::RedHat);
        assert!(read(&Tree::new(Timestamp(0)).file("/sshd", "x"), "/sshd").is_err());
    }
}
