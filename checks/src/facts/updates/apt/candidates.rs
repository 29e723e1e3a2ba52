//! Chooses, for every installed package, the version that apt would upgrade it to.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use super::policy::{List, Policy, Subject};
use super::relation::Relations;
use super::scan::{self, fields};
use crate::evidence::Evidence;
use crate::facts::packages::Packages;
use crate::facts::packages::debian_version::compare;
use crate::facts::updates::Index;
use crate::gap::Gap;

/// More versions of one package than these are in no archive.
const MOST_VERSIONS: usize = 256;

/// What the package lists read so far offer for the installed packages.
#[derive(Debug)]
pub(super) struct Offers<'a> {
    packages: &'a Packages,
    /// The package lists, and what is said of the suite of each.
    lists: Vec<(List, From)>,
    found: HashMap<&'a [u8], Vec<Version>>,
    /// More was offered than is looked at.
    pub(super) cut: bool,
}

/// The suite that a package list belongs to.
#[derive(Debug, Clone, Default)]
pub(super) struct From {
    pub(super) name: String,
    pub(super) security: bool,
    pub(super) third_party: bool,
    /// The release that it is for, `bookworm`; empty where it does not say.
    pub(super) release: Vec<String>,
}

impl From {
    pub(super) fn new(index: &Index) -> Self {
        Self {
            name: index.name(),
            security: index.is_security(),
            third_party: index.third_party,
            release: vec![index.suite.clone(), index.codename.clone()],
        }
    }
}

/// A version of an installed package.
#[derive(Debug, Default)]
struct Version {
    version: String,
    source: String,
    source_version: String,
    /// Phased-Update-Percentage, 100 without one.
    phased: u32,
    /// Built once for all architectures.
    all: bool,
    /// Places in `lists`.
    lists: Vec<usize>,
    /// Only of what may become a candidate.
    relations: Option<Box<Relations>>,
}

/// What apt makes of one package.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    /// As in [`Packages::installed`].
    pub(super) key: &'a str,
    pub(super) installed: &'a str,
    /// What it would be upgraded to.
    pub(super) upgrade: Option<Candidate>,
    /// A newer version of a security suite that apt would not choose, and the preference that decides.
    pub(super) withheld: Option<(String, From, Option<Evidence>)>,
    /// Whether any list has any version of it.
    pub(super) listed: bool,
    /// Whether a list has the installed one.
    pub(super) backed: bool,
}

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) version: String,
    pub(super) from: From,
    pub(super) source: String,
    pub(super) source_version: String,
    pub(super) security: bool,
    /// Phased-Update-Percentage, unless a version on the way is of a security suite.
    pub(super) phased: Option<u32>,
    /// Built once for all architectures.
    pub(super) all: bool,
    pub(super) relations: Relations,
}

impl<'a> Offers<'a> {
    pub(super) fn new(packages: &'a Packages) -> Self {
        let found = packages.installed.keys().map(|key| (key.as_bytes(), Vec::new())).collect();
        Self { packages, lists: Vec::new(), found, cut: false }
    }

    /// Takes what a package list offers; returns its length.
    pub(super) fn take(
        &mut self,
        file: impl Read,
        path: &str,
        most: u64,
        list: List,
        from: From,
    ) -> Result<u64, Gap> {
        let place = self.lists.len();
        self.lists.push((list, from));
        let mut key = Vec::new();
        scan::scan(file, path, most, |name, stanza| self.weigh(name, stanza, place, &mut key))
    }

    fn weigh(&mut self, name: &[u8], stanza: &[u8], place: usize, key: &mut Vec<u8>) {
        // Most of an archive is not installed: for any architecture is asked before the stanza is gone through.
        let architecture =
            || fields(stanza).find(|(field, _)| *field == b"Architecture").map(|(_, value)| value);
        let native = self.packages.architecture.as_bytes();
        let known = match self.lists.get(place).map(|(list, _)| list.architecture.as_bytes()) {
            Some(list) if list == native || list == b"all" => self.found.contains_key(name),
            _ => true,
        };
        if !known {
            return;
        }
        let own = architecture().unwrap_or_default();
        let key = match own {
            own if own == native || matches!(own, b"all" | b"") => name,
            foreign => {
                key.clear();
                key.extend_from_slice(name);
                key.push(b':');
                key.extend_from_slice(foreign);
                key.as_slice()
            }
        };
        let Some(versions) = self.found.get_mut(key) else { return };
        let installed =
            std::str::from_utf8(key).ok().and_then(|key| self.packages.version(key)).unwrap_or_default();
        let Some((_, version)) = fields(stanza).find(|(field, _)| *field == b"Version") else { return };
        let version = String::from_utf8_lossy(version);
        if let Some(seen) = versions.iter_mut().find(|seen| seen.version == *version) {
            if !seen.lists.contains(&place) {
                seen.lists.push(place);
            }
            return;
        }
        if versions.len() >= MOST_VERSIONS {
            self.cut = true;
            return;
        }
        let (source, source_version) = source(name, &version, stanza);
        let percentage = fields(stanza).find(|(field, _)| *field == b"Phased-Update-Percentage");
        let percentage = percentage.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
        let phased = percentage.unwrap_or(100);
        let (all, lists) = (own == b"all", vec![place]);
        let mut new = Version { source, source_version, phased, all, lists, ..Version::default() };
        if compare(&version, installed) == Ordering::Greater {
            let relations = Relations::read(stanza);
            self.cut |= relations.cut;
            new.relations = Some(Box::new(relations));
        }
        new.version = version.into_owned();
        versions.push(new);
    }

    /// The package lists that were taken.
    pub(super) fn lists(&self) -> Vec<List> {
        self.lists.iter().map(|(list, _)| list.clone()).collect()
    }

    /// What apt makes of every installed package. `phased`: whether a version is held back by phasing before it is
    /// chosen. `release`: the name of the release that runs, if known.
    pub(super) fn choose(
        mut self,
        policy: &Policy,
        release: Option<&str>,
        ignored: impl Fn(&str, &str, u32) -> bool,
        sources: &HashMap<String, (String, String)>,
    ) -> Vec<Choice<'a>> {
        let packages = self.packages;
        let status = List { status: true, usual: 100, ..List::default() };
        let own = policy.of_list(&status);
        let priorities: Vec<i32> = self.lists.iter().map(|(list, _)| policy.of_list(list)).collect();
        let mut choices = Vec::new();
        for (key, installed) in &packages.installed {
            let mut versions = self.found.remove(key.as_bytes()).unwrap_or_default();
            let listed = !versions.is_empty();
            let backed = versions.iter().any(|version| version.version == *installed);
            let (name, architecture) = key.split_once(':').unwrap_or((key, &packages.architecture));
            if !backed {
                let version = installed.clone();
                let source = sources.get(key).cloned();
                let (source, source_version) = source.unwrap_or((name.to_owned(), version.clone()));
                versions.push(Version { version, source, source_version, phased: 100, ..Version::default() });
            }
            versions.sort_by(|a, b| compare(&b.version, &a.version));
            let mut best: Option<(i32, usize)> = None;
            let mut withheld: Option<(String, From, Option<Evidence>)> = None;
            for (at, version) in versions.iter().enumerate() {
                let is_installed = version.version == *installed;
                let mut lists: Vec<(&List, i32)> = version
                    .lists
                    .iter()
                    .filter_map(|at| Some((&self.lists.get(*at)?.0, *priorities.get(*at)?)))
                    .collect();
                if is_installed {
                    lists.push((&status, own));
                }
                let subject = Subject {
                    name,
                    architecture,
                    native: &packages.architecture,
                    version: &version.version,
                    source: &version.source,
                    source_version: &version.source_version,
                };
                let (mut priority, by) = policy.of_version(&subject, &lists);
                if version.phased < 100 && ignored(&version.source, &version.source_version, version.phased) {
                    priority = priority.min(1);
                }
                let older = compare(&version.version, installed) == Ordering::Less;
                if priority > best.map_or(-1, |(best, _)| best)
                    && priority != 0
                    && (priority >= 1000 || !older)
                {
                    best = Some((priority, at));
                }
                // The newest security update of this very release.
                let mut from =
                    version.lists.iter().filter_map(|at| self.lists.get(*at)).map(|(_, from)| from);
                let of_release = |from: &&From| from.security && release.is_none_or(|name| from.is_of(name));
                if withheld.is_none()
                    && !is_installed
                    && !older
                    && let Some(from) = from.find(of_release)
                {
                    withheld = Some((version.version.clone(), from.clone(), by.cloned()));
                }
            }
            let chosen = best.map(|(_, at)| at);
            let upgrade = chosen.and_then(|at| self.candidate(&mut versions, at, installed));
            // What apt chooses is as new, or newer.
            let reached = upgrade.as_ref().map_or(installed.as_str(), |upgrade| &upgrade.version);
            let withheld = withheld.filter(|(version, _, _)| compare(version, reached) == Ordering::Greater);
            choices.push(Choice { key, installed, upgrade, withheld, listed, backed });
        }
        choices
    }

    fn candidate(&self, versions: &mut [Version], at: usize, installed: &str) -> Option<Candidate> {
        let from = |version: &Version| -> Vec<&From> {
            version.lists.iter().filter_map(|at| self.lists.get(*at)).map(|(_, from)| from).collect()
        };
        let on_the_way = |version: &&Version| compare(&version.version, installed) == Ordering::Greater;
        let below: Vec<&Version> =
            versions.iter().skip(at.saturating_add(1)).take_while(on_the_way).collect();
        // apt looks at the archive's name of the suites on the way, and not at that of the candidate's.
        let urgent = below.iter().flat_map(|version| &version.lists).filter_map(|at| self.lists.get(*at));
        let urgent = urgent.into_iter().any(|(list, _)| list.archive.ends_with("-security"));
        let security = below.iter().any(|version| from(version).iter().any(|from| from.security));
        let chosen = versions.get_mut(at)?;
        if compare(&chosen.version, installed) != Ordering::Greater {
            return None;
        }
        let relations = chosen.relations.take().map(|relations| *relations).unwrap_or_default();
        let chosen = &*chosen;
        let suites = from(chosen);
        let suite = suites.iter().find(|suite| suite.security).or(suites.first())?;
        Some(Candidate {
            version: chosen.version.clone(),
            from: (*suite).clone(),
            source: chosen.source.clone(),
            source_version: chosen.source_version.clone(),
            security: security || suite.security,
            phased: Some(chosen.phased).filter(|phased| *phased != 100 && !urgent),
            all: chosen.all,
            relations,
        })
    }
}

impl From {
    /// Whether it belongs to a release, as [`Index::is_of`] says; what does not say counts as one.
    fn is_of(&self, codename: &str) -> bool {
        self.release.iter().all(String::is_empty)
            || self.release.iter().any(|name| name.split(['-', '/']).next() == Some(codename))
    }
}

/// What a version is built from, with its version: the `Source` field, or the package itself.
pub(super) fn source(name: &[u8], version: &str, stanza: &[u8]) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let field = fields(stanza).find(|(field, _)| *field == b"Source").map(|(_, value)| text(value));
    let Some(field) = field else { return (text(name), version.to_owned()) };
    let (source, rest) = field.split_once(' ').unwrap_or((&field, ""));
    let inner =
        rest.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(inner, _)| inner.trim());
    (source.to_owned(), inner.unwrap_or(version).to_owned())
}

/// Packages that no list has in any version.
pub(super) fn unlisted(choices: &[Choice<'_>]) -> BTreeSet<String> {
    choices.iter().filter(|choice| !choice.listed).map(|choice| choice.key.to_owned()).collect()
}
