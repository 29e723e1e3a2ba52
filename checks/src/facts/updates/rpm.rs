//! Reads what dnf, yum and zypper have on disk and chooses updates as they do, without starting them.
//!
//! Held against the real dnf of Debian by `tests/dnf_oracle.rs`. What zypper keeps, versionlock's lists and dnf 5 are
//! proved by fixtures only. Not evaluated: packages that another one obsoletes, and what an upgrade could not resolve.
//! A gap and no answer: metadata packed with zchunk, overrides of repositories, and modules that dnf 5 has enabled.

mod cache;
mod choose;
mod configuration;
mod ini;
mod locks;
mod modules;
mod pattern;
mod primary;
mod repomd;
mod updateinfo;
mod variables;
mod xml;
mod yaml;

use std::collections::HashSet;

use super::{Classification, Disabled, Index, Signature, Suite, Updates};
use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::gap::{Gap, Reading};
use crate::host::Host;
use cache::{Cache, Folders};
use choose::Offers;
use configuration::Repository;
use locks::Locks;
use modules::Described;
use primary::Primary;
use updateinfo::Updateinfo;
use variables::Variables;

/// Repositories that are on; a host with more of them has not been seen.
const MOST_ON: usize = 128;
const MOST_OFF: usize = 256;

/// A package as a repository or an advisory names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Package {
    name: String,
    epoch: u32,
    version: String,
    release: String,
    architecture: String,
    source: String,
    vendor: String,
}

impl Package {
    fn evr(&self) -> String {
        let Self { epoch, version, release, .. } = self;
        if *epoch == 0 { format!("{version}-{release}") } else { format!("{epoch}:{version}-{release}") }
    }
}

/// Reads configuration and caches.
pub(super) fn read(host: &dyn Host, facts: &Facts, packages: &Packages) -> Result<Updates, Gap> {
    let variables = Variables::read(host, facts, packages);
    let mut configuration = configuration::read(host, &variables);
    let mut unread = std::mem::take(&mut configuration.unread);
    let locks = Locks::read(host, &mut unread);
    let folders = Folders::read(host, &configuration.caches)?;
    let names: HashSet<&str> = packages.rpm.iter().map(|one| one.name.as_str()).collect();
    let wanted = |name: &str| names.contains(name);
    let all = std::mem::take(&mut configuration.repositories);
    let (mut on, off): (Vec<Repository>, Vec<Repository>) = all.into_iter().partition(|one| one.enabled);
    if on.len() > MOST_ON {
        unread.push(Gap::too_large("the list of repositories that are on"));
        on.truncate(MOST_ON);
    }
    let caches: Vec<Result<Cache, Gap>> = on.iter().map(|one| folders.cache(host, one)).collect();
    let mut gaps: Vec<Vec<Gap>> = on.iter().map(|_| Vec::new()).collect();
    let mut described = Described::default();
    for (cache, gaps) in caches.iter().zip(&mut gaps) {
        let Ok(cache) = cache else { continue };
        let Some(file) = cache.repomd.file("modules") else { continue };
        let taken = cache.file(host, file).and_then(|(path, stream)| described.take(stream, &path, wanted));
        gaps.extend(taken.err());
    }
    let modules = described.resolve(host, &platform(host)).unwrap_or_else(|gap| {
        unread.push(gap);
        modules::Modules::default()
    });
    let mut offers = Offers::new(packages, &configuration, &locks, &modules);
    let mut suites = Vec::new();
    for (number, ((repository, cache), gaps)) in on.iter().zip(caches).zip(gaps).enumerate() {
        let index: Reading<Index> =
            cache.and_then(|cache| index(host, repository, number, &cache, gaps, wanted, &mut offers)).into();
        let torn = folders.expired(host, repository);
        let torn = torn.filter(|at| index.value().is_some_and(|index| index.modified < *at));
        suites.push(Suite {
            place: repository.place.clone(),
            scheme: repository.scheme().to_owned(),
            archive: repository.archive(),
            suite: repository.id.clone(),
            components: Vec::new(),
            careless: repository.careless.clone(),
            index,
            torn,
        });
    }
    if offers.cut {
        unread.push(Gap::too_large("what the repositories say of installed packages"));
    }
    let chosen = offers.choose(&on);
    let disabled = off.iter().take(MOST_OFF);
    Ok(Updates {
        compared: u32::try_from(packages.rpm.len()).unwrap_or(u32::MAX),
        classification: Classification::Advisories,
        suites,
        pending: chosen.pending,
        withheld: chosen.withheld,
        unlisted: chosen.unlisted,
        disabled: disabled.map(|one| Disabled { place: one.place.clone(), suite: one.id.clone() }).collect(),
        careless: Vec::new(),
        unread,
    })
}

/// Reads a repository's lists of packages and of advisories.
fn index(
    host: &dyn Host,
    repository: &Repository,
    number: usize,
    cache: &Cache,
    unread: Vec<Gap>,
    wanted: impl Fn(&str) -> bool + Copy,
    offers: &mut Offers<'_>,
) -> Result<Index, Gap> {
    let mut index = Index {
        label: repository.id.clone(),
        dated: cache.repomd.dated,
        modified: cache.confirmed,
        confirmed: true,
        signature: if repository.signed { Signature::Present } else { Signature::Missing },
        path: cache.path.clone(),
        unread,
        ..Index::default()
    };
    let primary = cache.repomd.file("primary");
    let primary = primary.ok_or_else(|| {
        Gap::unsupported(format!("{} names no list of packages that hostduty reads", cache.path))
    })?;
    let mut reader =
        Primary::new(&cache.place(primary), wanted, |package| offers.take(package, number, repository));
    match cache.walk(host, primary, |node| reader.node(node)) {
        Ok(path) => index.lists.push(path),
        Err(gap) => index.unread.push(gap),
    }
    if let Some(file) = cache.repomd.file("updateinfo") {
        let active = offers.active();
        let mut reader =
            Updateinfo::new(&cache.place(file), active, wanted, |advised| offers.advise(advised, number));
        match cache.walk(host, file, |node| reader.node(node)) {
            Ok(path) => index.lists.push(path),
            Err(gap) => index.unread.push(gap),
        }
        // A list of no advisories tells of no update whether it mends a hole.
        index.advisories = Some(reader.advisories).filter(|count| *count > 0);
    }
    if index.advisories.is_none() {
        offers.unclassified(number);
    }
    Ok(index)
}

/// The stream of the module that stands for the release, as in `PLATFORM_ID="platform:el9"`; empty without one.
fn platform(host: &dyn Host) -> String {
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| crate::host::read_text(host, path, crate::host::SMALL).ok())
        .unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix("PLATFORM_ID=")).unwrap_or_default();
    value.trim_matches(['"', '\'']).strip_prefix("platform:").unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
