//! Packages that an administrator holds: the lists of versionlock and the locks of zypper.

use serde::Deserialize;

use super::Package;
use super::configuration::Tool;
use super::ini::{self, truth};
use super::pattern::{glob, means};
use crate::document;
use crate::evidence::Evidence;
use crate::facts::packages::rpm_version;
use crate::gap::Gap;
use crate::host::{self, Host};

const VERSIONLOCK: &str = "/etc/dnf/plugins/versionlock.list";
const DNF5: &str = "/etc/dnf/versionlock.toml";
const ZYPP: &str = "/etc/zypp/locks";

/// What is held, in the words of the files.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Patterns of packages that may be chosen, and those of packages that may not.
    only: Vec<(String, Evidence)>,
    not: Vec<(String, Evidence)>,
    /// Names with the conditions that a version must meet.
    conditions: Vec<(String, Vec<Condition>)>,
    zypper: Vec<(String, bool, Evidence)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    version: String,
    packages: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    name: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    key: String,
    comparator: String,
    value: String,
}

impl Locks {
    pub(super) fn read(host: &dyn Host, unread: &mut Vec<Gap>) -> Self {
        let mut locks = Self::default();
        let mut text = |path: &str| match host::read_text(host, path, host::SMALL) {
            Ok(text) => Some(text),
            Err(gap) => {
                unread.extend(Some(gap).filter(|gap| !gap.is_absent()));
                None
            }
        };
        let mut list = VERSIONLOCK.to_owned();
        let mut on = true;
        for section in text("/etc/dnf/plugins/versionlock.conf").iter().flat_map(|text| ini::sections(text)) {
            on = section.get("enabled").and_then(|(value, _)| truth(value)).unwrap_or(on);
            list = section.get("locklist").map_or(list, |(value, _)| value.to_owned());
        }
        for (line, number) in text(&list).filter(|_| on).iter().flat_map(|text| text.lines()).zip(1_u32..) {
            let word = line.split('#').next().unwrap_or_default().trim();
            let place = Evidence::at(&list, number);
            match word.strip_prefix('!') {
                _ if word.is_empty() => {}
                Some(word) => locks.not.push((word.trim().to_owned(), place)),
                None => locks.only.push((word.to_owned(), place)),
            }
        }
        let (five, zypp) = (text(DNF5), text(ZYPP));
        match five.as_deref().map(document::parse::<File>) {
            Some(Ok(file)) if file.version == "1.0" => {
                locks.conditions = file.packages.into_iter().map(|one| (one.name, one.conditions)).collect();
            }
            Some(_) => unread.push(Gap::malformed(format!("{DNF5} is no list of locks that hostduty knows"))),
            None => {}
        }
        for stanza in zypp.iter().flat_map(|text| text.split("\n\n")) {
            let field = |name: &str| {
                let lines = stanza.lines().filter_map(|line| line.split_once(':'));
                let mut lines = lines.filter(|(key, _)| key.trim() == name);
                lines.next().map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
            };
            let name = field("solvable_name");
            let plain = stanza.lines().all(|line| line.starts_with('#') || line.trim().is_empty());
            if plain {
                continue;
            }
            let of = field("type");
            if name.is_empty() || !field("version").is_empty() || !field("repo").is_empty() {
                unread.push(Gap::unsupported(format!("{ZYPP} has a lock that hostduty does not understand")));
            } else if of.is_empty() || of == "package" {
                locks.zypper.push((name, field("match_type") != "exact", Evidence::of(ZYPP)));
            }
        }
        locks
    }

    /// Whether a lock keeps a package from being chosen.
    pub(super) fn hold(&self, package: &Package, tool: Tool) -> bool {
        if tool == Tool::Zypper {
            return self.zypper.iter().any(|(name, pattern, _)| {
                if *pattern { glob(name, &package.name) } else { *name == package.name }
            });
        }
        let named = |word: &str| {
            let any = Package {
                epoch: 0,
                version: String::new(),
                release: String::new(),
                architecture: String::new(),
                ..package.clone()
            };
            means(word, &any) || word.strip_prefix(any.name.as_str()).is_some_and(is_version)
        };
        let mut own = self.only.iter().filter(|(word, _)| named(word)).peekable();
        if own.peek().is_some() && !own.any(|(word, _)| means(word, package)) {
            return true;
        }
        if self.not.iter().any(|(word, _)| means(word, package)) {
            return true;
        }
        let mut entries = self.conditions.iter().filter(|(name, _)| *name == package.name).peekable();
        entries.peek().is_some()
            && !entries.any(|(_, conditions)| conditions.iter().all(|condition| condition.holds(package)))
    }
}

/// `-0:1.2-3.*` and not `-libs`, as far as that can be told: a version has a digit or a star first.
fn is_version(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '*'))
}

impl Condition {
    fn holds(&self, package: &Package) -> bool {
        let (theirs, ordering) = match self.key.as_str() {
            "epoch" => {
                let own = package.epoch.to_string();
                let ordering = rpm_version::compare_segments(&own, &self.value);
                (own, ordering)
            }
            "arch" => (package.architecture.clone(), package.architecture.cmp(&self.value)),
            _ => {
                let own = package.evr();
                let ordering = rpm_version::compare(&own, &self.value);
                (own, ordering)
            }
        };
        match self.comparator.as_str() {
            "=" => ordering.is_eq() || theirs == self.value,
            "!=" => ordering.is_ne(),
            "<" => ordering.is_lt(),
            "<=" => ordering.is_le(),
            ">" => ordering.is_gt(),
            ">=" => ordering.is_ge(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into(), release: "1".into(), ..Package::default() }
    }

    #[test]
    fn locks_of_three_tools() {
        let host = Tree::new(Timestamp(0))
            .file("/etc/dnf/plugins/versionlock.list", "# note\na-0:1-1.*\n!b-0:2-1.*\n")
            .file(
                "/etc/dnf/versionlock.toml",
                "version = \"1.0\"\n[[packages]]\nname = \"c\"\n[[packages.conditions]]\nkey = \"evr\"\ncomparator = \"<\"\n\
                 value = \"0:2\"\n",
            )
            .file("/etc/zypp/locks", "\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: d*\n");
        let mut unread = Vec::new();
        let locks = Locks::read(&host, &mut unread);
        assert_eq!(unread, []);
        for (name, version, held) in [
            ("a", "1", false),
            ("a", "2", true),
            ("a-libs", "2", false),
            ("b", "1", false),
            ("b", "2", true),
            ("c", "1", false),
            ("c", "2", true),
            ("d", "1", false),
        ] {
            assert_eq!(locks.hold(&package(name, version), Tool::Dnf), held, "{name} {version}");
        }
        assert!(locks.hold(&package("dd", "1"), Tool::Zypper));
    }
}
