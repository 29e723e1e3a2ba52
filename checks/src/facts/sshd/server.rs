//! The release of the installed OpenSSH server, as its packager names it.

use crate::facts::Facts;

impl Facts {
    /// The version of the installed OpenSSH server, from the package database.
    #[must_use]
    pub fn ssh_version(&self) -> Option<(u32, u32)> {
        let packages = self.packages.value()?;
        let version = packages.version("openssh-server").or_else(|| packages.version("openssh"))?;
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        let (major, rest) = upstream.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some((major.parse().ok()?, minor.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::packages::Packages;

    #[test]
    fn versions_of_every_packager() {
        for (name, version, wanted) in [
            ("openssh-server", "1:9.2p1-2+deb12u10", Some((9, 2))),
            ("openssh-server", "8.0p1-19.el8", Some((8, 0))),
            ("openssh-server", "9.7_p1-r4", Some((9, 7))),
            ("openssh", "10.0p1-1", Some((10, 0))),
            ("openssh", "x", None),
        ] {
            let installed = [(name.to_owned(), version.to_owned())].into();
            let packages = Packages { installed, ..Packages::default() };
            let host = Facts { packages: Ok(packages).into(), ..Facts::default() };
            assert_eq!(host.ssh_version(), wanted, "{version}");
        }
    }
}
