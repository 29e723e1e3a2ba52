//! Reads rpm's database of installed packages without librpm.

use super::Packages;
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::Host;

/// Where the database lies, the place of today before that of yesterday.
const DATABASES: [&str; 5] = [
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages.db",
    "/var/lib/rpm/Packages",
];

/// What the database says of one installed package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installed {
    /// `openssl-libs`.
    pub name: String,
    /// Zero where the package has none.
    pub epoch: u32,
    /// `3.0.7`.
    pub version: String,
    /// `27.el9`.
    pub release: String,
    /// `x86_64`, `noarch`.
    pub architecture: String,
    /// The file name of the source package: `openssl-3.0.7-27.el9.src.rpm`.
    pub source: String,
    /// Who built it, in its own words: `Rocky Enterprise Software Foundation`.
    pub vendor: String,
    /// The label of the module that it belongs to (`nodejs:18:8090020231019:rhel9`); empty without one.
    pub module: String,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
}

impl Installed {
    /// `epoch:version-release`; an epoch of zero is left out.
    #[must_use]
    pub fn evr(&self) -> String {
        let Self { epoch, version, release, .. } = self;
        if *epoch == 0 { format!("{version}-{release}") } else { format!("{epoch}:{version}-{release}") }
    }
}

pub(super) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    for path in DATABASES {
        match host.stat(path) {
            Ok(_) => return Err(Gap::unsupported(format!("the rpm database {path} is not read yet"))),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Err(Gap::absent(DATABASES[2]))
}
