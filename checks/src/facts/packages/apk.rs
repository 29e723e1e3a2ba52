//! Reads apk's database of installed packages.

use super::apk_world::World;
use super::{MOST, Manager, Packages};
use crate::gap::Gap;
use crate::host::{self, Host};

/// The second is its place since apk-tools 3.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

pub(super) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    let mut packages = parse(&database(host)?)?;
    match World::read(host) {
        Ok(world) => {
            let pinned = world.pinned().filter(|name| packages.installed.contains_key(*name));
            packages.held = pinned.map(str::to_owned).collect();
        }
        Err(gap) if gap.is_absent() => {}
        Err(gap) => return Err(gap),
    }
    Ok(packages)
}

/// The database as text.
pub(crate) fn database(host: &dyn Host) -> Result<String, Gap> {
    let mut bytes = Err(Gap::absent(DATABASES[0]));
    for path in DATABASES {
        bytes = host.read(path, host::LARGE);
        if !matches!(&bytes, Err(gap) if gap.is_absent()) {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes?).into_owned())
}

/// Stanzas of one-letter fields: `P:` name, `V:` version, `A:` architecture.
fn parse(text: &str) -> Result<Packages, Gap> {
    let mut packages = Packages { manager: Manager::Apk, ..Packages::default() };
    let (mut name, mut version) = ("", "");
    for line in text.lines().chain([""]) {
        match line.split_once(':') {
            Some(("P", value)) => name = value,
            Some(("V", value)) => version = value,
            Some(("A", value)) if packages.architecture.is_empty() && value != "noarch" => {
                packages.architecture = value.to_owned();
            }
            None if line.is_empty() => {
                if !name.is_empty() {
                    packages.installed.insert(name.to_owned(), version.to_owned());
                }
                (name, version) = ("", "");
            }
            _ => {}
        }
        if packages.installed.len() > MOST {
            return Err(Gap::too_large("the list of packages of apk"));
        }
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const INSTALLED: &str =
        "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:busybox\nV:1.36.1-r29\n";

    #[test]
    fn names_versions_and_pins() {
        for path in DATABASES {
            let host = Tree::new(Timestamp(0))
                .file(path, INSTALLED)
                .file("/etc/apk/world", "alpine-base\nmusl=1.2.5-r0\nx<2\n");
            let packages = read(&host).unwrap();
            assert_eq!(packages.manager, Manager::Apk);
            assert_eq!(packages.version("musl"), Some("1.2.5-r0"));
            assert_eq!(packages.version("busybox"), Some("1.36.1-r29"));
            assert_eq!(packages.architecture, "x86_64");
            assert_eq!(packages.held.iter().collect::<Vec<_>>(), ["musl"]);
        }
    }

    #[test]
    fn hostile_lines() {
        let host = Tree::new(Timestamp(0)).file(DATABASES[0], b"P:\n\nV:1\n\n\0:\xff\n:\nP:a\nP:b\n");
        let packages = read(&host).unwrap();
        assert_eq!(packages.installed.len(), 1);
        assert_eq!(packages.version("b"), Some(""));
    }
}
