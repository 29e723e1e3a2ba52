//! Updates that wait in the package indexes on disk, and how old those indexes are.

mod address;
mod apk;
mod apt;
mod pacman;
mod rpm;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::date::{DAY, Timestamp};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::packages::Manager;
use crate::gap::{Gap, Reading};
use crate::host::Host;

/// Updates that wait in the package indexes on disk, and how old those indexes are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Updates {
    /// How many installed packages were compared with the indexes.
    pub compared: u32,
    /// What tells which updates are for security.
    pub classification: Classification,
    /// What the package manager is told to use.
    pub suites: Vec<Suite>,
    /// What an upgrade would change, by package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Security updates that the preferences of this host keep it from ever choosing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Installed packages that no index has in any version, so that nobody updates them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unlisted: BTreeSet<String>,
    /// Suites that are configured and switched off, in the words of the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<Disabled>,
    /// Settings by which the package manager takes what nobody signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub careless: Vec<Careless>,
    /// Sources and preferences that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// What tells which updates are for security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classification {
    /// The suite that offers them, as in archives of Debian.
    #[default]
    Suites,
    /// The advisories that name them, as in repositories of rpm packages.
    Advisories,
    /// Nothing: for apk and pacman no such classification exists.
    Nothing,
}

/// One suite of one archive, or one repository, that the package manager is told to use.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Suite {
    /// Where it is configured.
    pub place: Evidence,
    /// How it is fetched: `http`, `https`, `file`, `mirror+file`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scheme: String,
    /// Host and path of the archive, without scheme and credentials: `deb.example.org/debian`.
    pub archive: String,
    /// As configured: `bookworm-security`.
    pub suite: String,
    /// `main`, `universe`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Options of this source by which it is believed without a good signature: `trusted`, `allow-insecure`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub careless: Vec<String>,
    /// What has been fetched of it.
    pub index: Reading<Index>,
    /// When a later refresh began that left but a part behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torn: Option<Timestamp>,
}

/// What has been fetched of a suite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Index {
    /// The InRelease or Release file; the package list where there is neither.
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
    /// How it is signed.
    pub signature: Signature,
    /// Whether somebody else than the distribution publishes it.
    pub third_party: bool,
    /// Nothing is taken from it unless asked for by name.
    pub not_automatic: bool,
    /// What was once taken from it by name is upgraded from it.
    pub automatic_upgrades: bool,
    /// The package manager sets [`Index::modified`] whenever it finds that the publisher has nothing newer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    /// The preferences of this host keep the package manager from ever taking anything of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub never: bool,
    /// How many advisories the repository has, where it has any form of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advisories: Option<u32>,
    /// The package lists that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
    /// The package lists that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Gap>,
}

/// How an index is signed; the package manager checked it before it put the index where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// In the file itself, or in one beside it.
    #[default]
    Present,
    /// Nowhere.
    Missing,
}

/// A package of which an index has a newer version that the package manager would choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pending {
    /// Name, as in [`Packages::installed`](crate::facts::packages::Packages::installed) but without architecture.
    pub package: String,
    /// What the candidate is built for: `amd64`, `all`; empty where the index does not tell.
    pub architecture: String,
    /// Version installed.
    pub installed: String,
    /// Version that would be installed.
    pub candidate: String,
    /// What it is built from, where that is known: packages of one source are updated together.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Label and suite that offer it: `Debian-Security/oldstable-security`.
    pub origin: String,
    /// Whether somebody else than the distribution publishes it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub third_party: bool,
    /// Whether the candidate, or a version between it and the installed one, comes from a security suite; where
    /// [`Updates::tells`] denies it, `false` says nothing.
    pub security: bool,
    /// A repository without advisories offers it, so that nobody tells whether it mends a hole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unclassified: bool,
    /// What comes of it when somebody upgrades.
    pub status: Status,
    /// The advisories that it mends, where the index names them: `RHSA-2026:1234`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
}

/// What comes of a pending update when somebody upgrades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is installed.
    #[default]
    Upgradable,
    /// The administrator holds the package at its version.
    Held,
    /// The archive hands it out by and by, and it is not this machine's turn.
    Phased,
    /// A plain upgrade does not install it: it would need something new, or break what is there.
    KeptBack,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upgradable => "upgradable",
            Self::Held => "held",
            Self::Phased => "phased",
            Self::KeptBack => "kept-back",
        }
    }
}

/// A security update that the preferences of this host keep it from choosing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Withheld {
    /// Name; with `:architecture` for a foreign one.
    pub package: String,
    /// Version installed.
    pub installed: String,
    /// Version that would mend it.
    pub version: String,
    /// Label and suite that offer it.
    pub origin: String,
    /// The preference that decides, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Evidence>,
}

/// A suite that is configured and switched off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disabled {
    /// Where it is written.
    pub place: Evidence,
    /// `bookworm-security`.
    pub suite: String,
}

/// A setting by which the package manager takes what nobody signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Careless {
    /// `Acquire::AllowInsecureRepositories`.
    pub option: String,
    /// Where it is set.
    pub place: Evidence,
}

impl Suite {
    /// Whether it publishes security updates: by what the archive says of itself, or by its name while nothing of
    /// it is on disk.
    #[must_use]
    pub fn is_security(&self) -> bool {
        match self.index.value() {
            Some(index) => index.is_security(),
            None => names_security(&self.suite),
        }
    }

    /// The archive and the suite as one would say it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.archive, self.suite)
    }
}

impl Updates {
    /// Whether what [`Index::name`] calls so is Ubuntu's extended security maintenance, which takes a subscription.
    #[must_use]
    pub fn is_esm(&self, name: &str) -> bool {
        let mut indexes = self.suites.iter().filter_map(|suite| suite.index.value());
        indexes.any(|index| index.origin.starts_with("UbuntuESM") && index.name() == name)
    }
}

impl Disabled {
    /// Whether it would publish security updates, by its name.
    #[must_use]
    pub fn is_security(&self) -> bool {
        names_security(&self.suite)
    }
}

fn names_security(suite: &str) -> bool {
    suite.ends_with("-security") || suite.ends_with("/updates")
}

impl Index {
    /// Label, or origin without one, and suite, or codename without one, as in [`Pending::origin`].
    #[must_use]
    pub fn name(&self) -> String {
        let publisher = if self.label.is_empty() { &self.origin } else { &self.label };
        let suite = if self.suite.is_empty() { &self.codename } else { &self.suite };
        match (publisher.is_empty(), suite.is_empty()) {
            (false, false) => format!("{publisher}/{suite}"),
            (false, true) => publisher.clone(),
            (true, false) => suite.clone(),
            (true, true) => "unnamed".to_owned(),
        }
    }

    /// Whether it publishes security updates. Debian says so in the label, Ubuntu and Ubuntu ESM in the suite; a
    /// repository of rpm packages has advisories.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.advisories.is_some()
            || self.label == "Debian-Security"
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

    /// Whether it can be relied on as of an instant, when it must not be older than so many days.
    ///
    /// # Errors
    /// Why not.
    pub fn fresh(&self, now: Timestamp, limit_days: u32) -> Result<Timestamp, Stale> {
        let at = self.known_at(now).ok_or(Stale::Future)?;
        if let Some(end) = self.valid_until.filter(|end| *end < now) {
            return Err(Stale::Expired(end));
        }
        if now.0.saturating_sub(at.0) > i64::from(limit_days).saturating_mul(DAY) {
            return Err(Stale::Old(at));
        }
        Ok(at)
    }
}

/// Why an index cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// Its dates lie in the future.
    Future,
    /// The archive vouched for it until then.
    Expired(Timestamp),
    /// It is older than it may be, from then.
    Old(Timestamp),
}

impl Updates {
    /// Whether it is known if an update is for security.
    #[must_use]
    pub fn tells(&self, pending: &Pending) -> bool {
        self.classification != Classification::Nothing && !pending.unclassified
    }

    /// The age in seconds of what is known of security updates: of the oldest index of a security suite, or of the
    /// oldest one where no suite is for security. A released suite without security updates stays as it is for months,
    /// so its age tells nothing.
    #[must_use]
    pub fn index_age(&self, now: Timestamp) -> Option<u64> {
        let any = self.classification == Classification::Suites && self.suites.iter().any(Suite::is_security);
        let suites = self.suites.iter().filter(|suite| suite.is_security() || !any);
        let ages = suites.map(|suite| {
            let at = suite.index.value()?.known_at(now)?;
            Some(u64::try_from(now.0.saturating_sub(at.0)).unwrap_or(0))
        });
        ages.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }
}

/// Reads what the host's package manager has on disk.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Updates, Gap> {
    let packages = facts.packages.known()?;
    match packages.manager {
        Manager::Dpkg => apt::read(host, facts, packages),
        Manager::Apk => apk::read(host, facts, packages),
        Manager::Pacman => pacman::read(host, facts, packages),
        Manager::Rpm => rpm::read(host, facts, packages),
    }
}
