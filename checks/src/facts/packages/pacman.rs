//! Reads pacman's local database: one folder per package with a `desc` file.

use super::pacman_conf::PacmanConf;
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
    let conf = PacmanConf::read(host);
    for name in names.iter().filter(|name| *name != "ALPM_DB_VERSION") {
        let path = format!("{LOCAL}/{name}/desc");
        let bytes = host.read(&path, host::SMALL)?;
        let desc = Desc::parse(&String::from_utf8_lossy(&bytes));
        if desc.name.is_empty() {
            return Err(Gap::malformed(format!("{path} names no package")));
        }
        if packages.architecture.is_empty() && !["any", ""].contains(&desc.architecture.as_str()) {
            packages.architecture = desc.architecture;
        }
        if conf.ignores(&desc.name, desc.groups.iter()) {
            packages.held.insert(desc.name.clone());
        }
        packages.installed.insert(desc.name, desc.version);
    }
    Ok(packages)
}

/// A `desc` file, of an installed package or of one that a repository offers.
#[derive(Debug, Default)]
pub(crate) struct Desc {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// What it is built from.
    pub(crate) base: String,
    pub(crate) groups: Vec<String>,
    /// Packages whose place it takes: `name`, `name<2`.
    pub(crate) replaces: Vec<String>,
}

impl Desc {
    /// Sections of a title between percent signs, a value on each line, and a blank line.
    pub(crate) fn parse(text: &str) -> Self {
        let mut desc = Self::default();
        let mut title = "";
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() {
                title = "";
                continue;
            }
            if title.is_empty() {
                title = line;
                continue;
            }
            let field = match title {
                "%NAME%" => &mut desc.name,
                "%VERSION%" => &mut desc.version,
                "%ARCH%" => &mut desc.architecture,
                "%BASE%" => &mut desc.base,
                "%GROUPS%" => {
                    desc.groups.push(line.to_owned());
                    continue;
                }
                "%REPLACES%" => {
                    desc.replaces.push(line.to_owned());
                    continue;
                }
                _ => continue,
            };
            if field.is_empty() {
                field.push_str(line);
            }
        }
        desc
    }
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
            .file(
                "/var/lib/pacman/local/gcc-14-1/desc",
                "%NAME%\ngcc\n\n%VERSION%\n14-1\n\n%GROUPS%\nx\nbase-devel\n\n%DESC%\n%VERSION%\n",
            )
            .file(
                "/etc/pacman.conf",
                "[options]\n#IgnorePkg = x\nIgnorePkg = lin* absent\nIgnoreGroup = base-devel\n",
            );
        let packages = read(&host).unwrap();
        assert_eq!(packages.version("linux"), Some("6.10.1.arch1-1"));
        assert_eq!(packages.version("gcc"), Some("14-1"));
        assert_eq!(packages.architecture, "x86_64");
        assert_eq!(packages.held.iter().collect::<Vec<_>>(), ["gcc", "linux"]);
    }

    #[test]
    fn a_package_without_a_name_is_no_package_less() {
        let host = Tree::new(Timestamp(0)).file("/var/lib/pacman/local/x-1/desc", b"%NAME%\0\xff");
        assert!(read(&host).unwrap_err().what.contains("x-1/desc"));
    }
}
