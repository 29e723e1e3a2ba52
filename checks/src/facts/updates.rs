//! Updates that wait in the package indexes on disk, and how old those indexes are.

mod candidates;
mod pins;
mod release;
mod scan;
mod sources;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::date::{DAY, Timestamp};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::automatic_updates::apt_conf::{self, Setting};
use crate::facts::packages::{Manager, Packages};
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
pub use pins::Pin;

const LISTS: &str = "/var/lib/apt/lists";

/// Updates that wait in the package indexes on disk, and how old those indexes are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Updates {
    /// How many installed packages were compared with the indexes.
    pub compared: u32,
    /// What apt is told to use.
    pub suites: Vec<Suite>,
    /// What an upgrade would change, by package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Stanzas of apt's preferences, which may make apt choose otherwise than `pending` says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// APT::Default-Release, which puts one suite above all others, security included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_release: Option<Setting>,
    /// Sources and preferences that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// One suite of one archive that apt is told to use.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suite {
    /// Where it is configured.
    pub place: Evidence,
    /// Host and path of the archive, without scheme and credentials: `deb.example.org/debian`.
    pub archive: String,
    /// As configured: `bookworm-security`.
    pub suite: String,
    /// `main`, `universe`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// What apt has fetched of it.
    pub index: Reading<Index>,
}

/// What apt has fetched of a suite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Index {
    /// The InRelease or Release file.
    pub path: String,
    /// Who publishes it: `Debian`, `UbuntuESMApps`.
    pub origin: String,
    /// `Debian-Security`.
    pub label: String,
    /// The archive's name of the suite: `oldstable-security`.
    pub suite: String,
    /// `bookworm-security`.
    pub codename: String,
    /// When the archive says that it made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dated: Option<Timestamp>,
    /// Until when the archive vouches for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// Last change of the file.
    pub modified: Timestamp,
    /// Nothing is taken from it unless asked for by name.
    pub not_automatic: bool,
    /// What was once taken from it by name is upgraded from it.
    pub automatic_upgrades: bool,
    /// The package lists that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
    /// The package lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// A package of which an index has a newer version that apt would choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Name, as in [`Packages::installed`] but without architecture.
    pub package: String,
    /// `amd64`; empty where the package database does not tell.
    pub architecture: String,
    /// Version installed.
    pub installed: String,
    /// Version that apt would install.
    pub candidate: String,
    /// Label and suite that offer it: `Debian-Security/oldstable-security`.
    pub origin: String,
    /// Whether the candidate, or a version between it and the installed one, comes from a security suite.
    pub security: bool,
    /// Whether the administrator holds the package at its version.
    pub held: bool,
}

impl Suite {
    /// Whether it publishes security updates: by what the archive says of itself, or by its name while nothing of
    /// it is on disk.
    #[must_use]
    pub fn is_security(&self) -> bool {
        match self.index.value() {
            Some(index) => index.is_security(),
            None => self.suite.ends_with("-security") || self.suite.ends_with("/updates"),
        }
    }

    /// The archive and the suite as one would say it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.archive, self.suite)
    }
}

impl Index {
    /// Label, or origin without one, and suite, or codename without one, as in [`Pending::origin`].
    #[must_use]
    pub fn name(&self) -> String {
        let publisher = if self.label.is_empty() { &self.origin } else { &self.label };
        let suite = if self.suite.is_empty() { &self.codename } else { &self.suite };
        format!("{publisher}/{suite}")
    }

    /// Whether it publishes security updates. Debian says so in the label, Ubuntu and Ubuntu ESM in the suite.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.label == "Debian-Security"
            || [&self.suite, &self.codename].iter().any(|name| name.ends_with("-security"))
    }

    /// Whether it belongs to a release such as `bookworm` or `noble`.
    #[must_use]
    pub fn is_of(&self, codename: &str) -> bool {
        [&self.suite, &self.codename].iter().any(|name| name.split(['-', '/']).next() == Some(codename))
    }

    /// The latest instant for which this index is known to speak, or nothing when its dates lie in the future.
    ///
    /// It is the later of the archive's own `Date` and the last change of the Release file, which apt sets to the
    /// server's Last-Modified or, without one, to the moment of the download. Nothing else on the disk is about one
    /// index: apt exits with 0 and touches `update-success-stamp` even when a mirror could not be reached, the folder
    /// of the lists changes only when some index does, and pkgcache.bin is rebuilt after every dpkg run. A refresh
    /// that found nothing new leaves no trace; but archives that matter here sign a new Release every day.
    #[must_use]
    pub fn known_at(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = Timestamp(now.0.saturating_add(DAY));
        self.dated.into_iter().chain([self.modified]).filter(|at| *at <= latest).max()
    }
}

/// Reads sources, preferences and indexes of apt. Other managers are not evaluated yet.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Updates, Gap> {
    let packages = facts.packages.known()?;
    if packages.manager != Manager::Dpkg {
        let name = packages.manager.name();
        return Err(Gap::unsupported(format!("pending updates of {name} are not evaluated yet")));
    }
    let (sources, mut unread) = sources::read(host);
    let (pins, more) = pins::read(host);
    unread.extend(more);
    let default_release = match apt_conf::read(host) {
        Ok(conf) => {
            unread.extend(conf.unread.iter().cloned());
            conf.get("APT::Default-Release").filter(|setting| !setting.value.is_empty()).cloned()
        }
        Err(gap) => {
            unread.push(gap);
            None
        }
    };
    let names = match host.list(LISTS) {
        Ok(names) => names.into_iter().collect(),
        Err(gap) if gap.is_absent() => BTreeSet::new(),
        Err(gap) => return Err(gap),
    };
    let mut choice = candidates::Choice::new(packages);
    let mut suites = Vec::new();
    for source in &sources {
        let index = read_index(host, source, &names, packages, &mut choice).into();
        suites.push(Suite {
            place: source.place.clone(),
            archive: source.archive(),
            suite: source.suite.clone(),
            components: source.components.clone(),
            index,
        });
    }
    let compared = u32::try_from(packages.installed.len()).unwrap_or(u32::MAX);
    Ok(Updates { compared, suites, pending: choice.pending(packages), pins, default_release, unread })
}

/// Reads what is on disk of a suite, and offers its packages to the choice.
fn read_index(
    host: &dyn Host,
    source: &sources::Source,
    names: &BTreeSet<String>,
    packages: &Packages,
    choice: &mut candidates::Choice<'_>,
) -> Result<Index, Gap> {
    let prefix = source.prefix();
    let on_disk = |path: &str| {
        path.strip_prefix(LISTS).is_some_and(|name| names.contains(name.trim_start_matches('/')))
    };
    let path = ["InRelease", "Release"]
        .into_iter()
        .map(|name| format!("{prefix}{name}"))
        .find(|path| on_disk(path))
        .ok_or_else(|| {
            Gap::absent(format!("the index of {} {} in {LISTS}", source.archive(), source.suite))
        })?;
    let text = host::read_text(host, &path, 16 << 20)?;
    let release =
        release::parse(&text).ok_or_else(|| Gap::malformed(format!("{path} is no Release file")))?;
    let mut index = Index {
        path,
        origin: release.origin.clone(),
        label: release.label.clone(),
        suite: release.suite.clone(),
        codename: release.codename.clone(),
        dated: release.dated,
        valid_until: release.valid_until,
        modified: Timestamp(0),
        not_automatic: release.not_automatic,
        automatic_upgrades: release.automatic_upgrades,
        ..Index::default()
    };
    index.modified = host.stat(&index.path)?.modified;
    let priority = match (index.not_automatic, index.automatic_upgrades) {
        (false, _) => candidates::Priority::Normal,
        (true, true) => candidates::Priority::UpgradesOnly,
        (true, false) => candidates::Priority::Never,
    };
    let from = candidates::From { origin: index.name(), security: index.is_security(), priority };
    for wanted in wanted(source, packages, release.separate_all) {
        let list = format!("{prefix}{}", wanted.replace('/', "_"));
        let offered = release.offers(&wanted);
        if on_disk(&list) {
            match host.open(&list).and_then(|file| choice.take(file, &list, &from)) {
                Ok(length) if offered.flatten().is_some_and(|size| size != length) => index.unread.push(Gap::malformed(
                    format!("{list} has not the length that its Release file gives: it is damaged, or being replaced"),
                )),
                Ok(_) => index.lists.push(list),
                Err(gap) => index.unread.push(gap),
            }
        } else if let Some(packed) = ["lz4", "xz", "gz", "zst", "bz2", "lzma"]
            .iter()
            .map(|end| format!("{list}.{end}"))
            .find(|path| on_disk(path))
        {
            index
                .unread
                .push(Gap::unsupported(format!("the compressed package list {packed} is not read yet")));
        } else if offered.is_some() {
            index.unread.push(Gap::absent(list));
        }
    }
    Ok(index)
}

/// The package lists that apt fetches of a suite: per component and architecture, as the Release file names them.
fn wanted(source: &sources::Source, packages: &Packages, separate_all: bool) -> Vec<String> {
    if source.is_flat() {
        return vec!["Packages".to_owned()];
    }
    let foreign =
        packages.installed.keys().filter_map(|name| name.split_once(':')).map(|(_, foreign)| foreign);
    let architectures: BTreeSet<&str> = foreign
        .chain([packages.architecture.as_str()])
        .filter(|name| {
            source.architectures.is_empty() || source.architectures.iter().any(|only| only == name)
        })
        .chain(separate_all.then_some("all"))
        .collect();
    source
        .components
        .iter()
        .flat_map(|component| {
            architectures.iter().map(move |name| format!("{component}/binary-{name}/Packages"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
