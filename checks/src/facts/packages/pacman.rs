//! Reads pacman's local database: one folder per package with a `desc` file.

use super::{MOST, Manager, Packages};
use crate::gap::Gap;
use crate::host::{self, Host};

const LOCAL: &str = "/var/lib/pacman/local";

pub(super) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    let mut packages = Packages { manager: Manager::Pacman, ..Packages::default() };
    let names = host.list(LOCAL)?;
    if names.len() > MOST {
        return Err(Gap::too_large(LOCAL));
    }
    for name in names.iter().filter(|name| *name != "ALPM_DB_VERSION") {
        let bytes = host.read(&format!("{LOCAL}/{name}/desc"), host::SMALL)?;
        let text = String::from_utf8_lossy(&bytes);
        let value =
            |section: &str| text.lines().skip_while(|line| *line != section).nth(1).unwrap_or_default();
        if value("%NAME%").is_empty() {
            return Err(Gap::malformed(format!("{LOCAL}/{name}/desc names no package")));
        }
        if packages.architecture.is_empty() && !["any", ""].contains(&value("%ARCH%")) {
            packages.architecture = value("%ARCH%").to_owned();
        }
        packages.installed.insert(value("%NAME%").to_owned(), value("%VERSION%").to_owned());
    }
    match host::read_text(host, "/etc/pacman.conf", host::SMALL) {
        Ok(text) => packages.held = ignored(&text).filter(|name| packages.version(name).is_some()).collect(),
        Err(gap) if gap.is_absent() => {}
        Err(gap) => return Err(gap),
    }
    Ok(packages)
}

/// The names in `IgnorePkg =` of pacman.conf(5).
fn ignored(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| key.trim() == "IgnorePkg")
        .flat_map(|(_, value)| value.split_whitespace())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn desc_files_and_ignored_packages() {
        let host = Tree::new(Timestamp(0))
            .file("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n")
            .file(
                "/var/lib/pacman/local/linux-6.10.1.arch1-1/desc",
                "%NAME%\nlinux\n\n%VERSION%\n6.10.1.arch1-1\n\n%ARCH%\nx86_64\n",
            )
            .file("/etc/pacman.conf", "[options]\n#IgnorePkg = x\nIgnorePkg = linux absent\n");
        let packages = read(&host).unwrap();
        assert_eq!(packages.version("linux"), Some("6.10.1.arch1-1"));
        assert_eq!(packages.architecture, "x86_64");
        assert_eq!(packages.held.iter().collect::<Vec<_>>(), ["linux"]);
    }

    #[test]
    fn a_package_without_a_name_is_no_package_less() {
        let host = Tree::new(Timestamp(0)).file("/var/lib/pacman/local/x-1/desc", b"%NAME%\0\xff");
        assert!(read(&host).unwrap_err().what.contains("x-1/desc"));
    }
}
