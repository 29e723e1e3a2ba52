//! Reads dpkg's database: `/var/lib/dpkg/status`, its journal, and `status.d` of images built without dpkg.

use std::collections::BTreeMap;

use super::{MOST, Manager, Packages, control};
use crate::gap::Gap;
use crate::host::{self, Host};

const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_D: &str = "/var/lib/dpkg/status.d";
/// An interrupted dpkg leaves stanzas here that override those of the status file.
const JOURNAL: &str = "/var/lib/dpkg/updates";

pub(super) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    let mut entries = Entries::default();
    let mut found = false;
    match host.read(STATUS, host::LARGE) {
        Ok(bytes) => {
            found = true;
            entries.take(&bytes, false)?;
        }
        Err(gap) if gap.is_absent() => {}
        Err(gap) => return Err(gap),
    }
    for name in names(host, JOURNAL)?.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        entries.take(&host.read(&format!("{JOURNAL}/{name}"), host::SMALL)?, false)?;
    }
    for name in names(host, STATUS_D)?.iter().filter(|name| !name.ends_with(".md5sums")) {
        found = true;
        entries.take(&host.read(&format!("{STATUS_D}/{name}"), host::SMALL)?, true)?;
    }
    if found { Ok(entries.packages()) } else { Err(Gap::absent(STATUS)) }
}

fn names(host: &dyn Host, dir: &str) -> Result<Vec<String>, Gap> {
    match host.list(dir) {
        Err(gap) if gap.is_absent() => Ok(Vec::new()),
        other => other,
    }
}

/// What dpkg notes of a package.
struct Entry {
    held: bool,
    state: String,
    version: String,
}

/// By name and architecture; a later stanza replaces an earlier one.
#[derive(Default)]
struct Entries(BTreeMap<(String, String), Entry>);

impl Entries {
    /// Takes the stanzas of a file. `bare`: those of `status.d` carry no `Status` and are installed.
    fn take(&mut self, bytes: &[u8], bare: bool) -> Result<(), Gap> {
        let text = String::from_utf8_lossy(bytes);
        for stanza in control::stanzas(&text) {
            let Some(name) = stanza.get("Package").filter(|name| !name.is_empty()) else { continue };
            // Want, flag, state. Without a Status dpkg itself takes a package for not installed.
            let mut status = match stanza.get("Status") {
                Some(status) => status.split_whitespace(),
                None if bare => "install ok installed".split_whitespace(),
                None => continue,
            };
            let held = status.next() == Some("hold");
            let state = status.nth(1).unwrap_or_default().to_owned();
            let architecture = stanza.get("Architecture").unwrap_or_default().to_owned();
            let version = stanza.get("Version").unwrap_or_default().to_owned();
            self.0.insert((name.to_owned(), architecture), Entry { held, state, version });
            if self.0.len() > MOST {
                return Err(Gap::too_large("the list of packages of dpkg"));
            }
        }
        Ok(())
    }

    /// dpkg is always of the native architecture; an image without it is of the one that most packages are of.
    fn native(&self) -> String {
        let mut count = BTreeMap::<&str, usize>::new();
        for (name, architecture) in
            self.0.keys().filter(|(_, architecture)| !["all", ""].contains(&architecture.as_str()))
        {
            if name == "dpkg" {
                return architecture.clone();
            }
            let so_far = count.entry(architecture).or_default();
            *so_far = so_far.saturating_add(1);
        }
        count.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned()).unwrap_or_default()
    }

    fn packages(self) -> Packages {
        let native = self.native();
        let mut packages = Packages { manager: Manager::Dpkg, ..Packages::default() };
        for ((name, architecture), entry) in self.0 {
            let own = architecture == native || architecture == "all" || architecture.is_empty();
            let key = if own { name } else { format!("{name}:{architecture}") };
            match entry.state.as_str() {
                "not-installed" => continue,
                "config-files" => {
                    packages.residual.insert(key);
                    continue;
                }
                // Waiting for a trigger is an everyday state: the files are there and work.
                "installed" | "triggers-awaited" | "triggers-pending" => {}
                other => {
                    packages.broken.insert(key.clone(), other.to_owned());
                }
            }
            if entry.held {
                packages.held.insert(key.clone());
            }
            packages.installed.insert(key, entry.version);
        }
        packages.architecture = native;
        packages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn stanza(name: &str, status: &str, architecture: &str, version: &str) -> String {
        format!(
            "Package: {name}\nStatus: {status}\nArchitecture: {architecture}\nVersion: {version}\n x: y\n\n"
        )
    }

    #[test]
    fn states_holds_and_architectures() {
        let status = [
            stanza("dpkg", "install ok installed", "amd64", "1.21.22"),
            stanza("libc6", "install ok installed", "amd64", "2.36-9"),
            stanza("libc6", "install ok installed", "i386", "2.36-9"),
            stanza("tzdata", "hold ok installed", "all", "2024a"),
            stanza("gone", "deinstall ok config-files", "amd64", "1"),
            stanza("purged", "purge ok not-installed", "amd64", ""),
            stanza("torn", "install reinstreq half-installed", "amd64", "3"),
            stanza("waits", "install ok triggers-pending", "amd64", "4"),
        ]
        .concat();
        let packages = read(&Tree::new(Timestamp(0)).file(STATUS, status)).unwrap();
        assert_eq!(packages.architecture, "amd64");
        let installed: Vec<&str> = packages.installed.keys().map(String::as_str).collect();
        assert_eq!(installed, ["dpkg", "libc6", "libc6:i386", "torn", "tzdata", "waits"]);
        assert!(packages.held.contains("tzdata") && packages.held.len() == 1);
        assert!(packages.residual.contains("gone"));
        assert_eq!(packages.broken.get("torn").map(String::as_str), Some("half-installed"));
        assert_eq!(packages.broken.len(), 1);
    }

    #[test]
    fn the_journal_overrides_and_status_d_needs_no_status() {
        let host = Tree::new(Timestamp(0))
            .file(STATUS, stanza("a", "install ok installed", "amd64", "1"))
            .file("/var/lib/dpkg/updates/0001", stanza("a", "install ok installed", "amd64", "2"))
            .file("/var/lib/dpkg/updates/tmp.i", stanza("a", "install ok installed", "amd64", "9"));
        assert_eq!(read(&host).unwrap().version("a"), Some("2"));
        let distroless = Tree::new(Timestamp(0))
            .file("/var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\nArchitecture: arm64\n")
            .file("/var/lib/dpkg/status.d/base.md5sums", "Package: no\nVersion: 1\n");
        let packages = read(&distroless).unwrap();
        assert_eq!((packages.version("base-files"), packages.installed.len()), (Some("12"), 1));
        assert_eq!(packages.architecture, "arm64");
    }

    #[test]
    fn hostile_stanzas_are_survived() {
        let mut bytes = b"Package\n: :\nPackage:\nStatus:\n\nPackage: x\0\xff\nStatus: a\n\nStatus: install ok installed\n\n".to_vec();
        bytes.extend(stanza("good", "install ok installed", "amd64", "1").into_bytes());
        let packages = read(&Tree::new(Timestamp(0)).file(STATUS, bytes)).unwrap();
        assert_eq!(packages.version("good"), Some("1"));
        let many: String = (0..=MOST).map(|n| format!("Package: p{n}\nStatus: a b installed\n\n")).collect();
        assert!(read(&Tree::new(Timestamp(0)).file(STATUS, many)).is_err());
    }
}
