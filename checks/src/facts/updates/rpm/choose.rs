//! Chooses among what repositories offer: the newest of the first priority that neither exclusions nor modules forbid.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Package;
use super::configuration::{Configuration, Repository, Tool};
use super::locks::Locks;
use super::modules::{Active, Modules};
use super::pattern::means;
use super::updateinfo::Advised;
use crate::evidence::Evidence;
use crate::facts::packages::rpm::Installed;
use crate::facts::packages::{Packages, rpm_version};
use crate::facts::updates::{Pending, Status, Withheld};
use crate::gap::Gap;

/// So many offers of newer versions are kept.
const MOST: usize = 200_000;

/// What repositories offer of the packages that are installed.
pub(super) struct Offers<'a> {
    packages: &'a Packages,
    configuration: &'a Configuration,
    locks: &'a Locks,
    modules: &'a Modules,
    /// By name, the newest installed version of each architecture.
    newest: BTreeMap<&'a str, BTreeMap<&'a str, &'a Installed>>,
    offers: HashMap<String, Vec<Offer>>,
    /// By name, the first priority at which anything is to be had.
    first: HashMap<String, i64>,
    listed: BTreeSet<String>,
    advised: HashMap<String, Vec<(Advised, usize)>>,
    unclassified: BTreeSet<usize>,
    kept: usize,
    pub(super) cut: bool,
}

struct Offer {
    package: Package,
    evr: String,
    repository: usize,
    priority: i64,
    /// What forbids it.
    blocked: Option<Evidence>,
    held: bool,
}

/// What comes of it.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) pending: Vec<Pending>,
    pub(super) withheld: Vec<Withheld>,
    pub(super) unlisted: BTreeSet<String>,
}

impl<'a> Offers<'a> {
    pub(super) fn new(
        packages: &'a Packages,
        configuration: &'a Configuration,
        locks: &'a Locks,
        modules: &'a Modules,
    ) -> Self {
        let mut newest: BTreeMap<&str, BTreeMap<&str, &Installed>> = BTreeMap::new();
        for one in packages.rpm.iter().filter(|one| one.name != "gpg-pubkey") {
            let kept = newest.entry(&one.name).or_default().entry(&one.architecture).or_insert(one);
            if rpm_version::compare(&one.evr(), &kept.evr()).is_gt() {
                *kept = one;
            }
        }
        Self {
            packages,
            configuration,
            locks,
            modules,
            newest,
            offers: HashMap::new(),
            first: HashMap::new(),
            listed: BTreeSet::new(),
            advised: HashMap::new(),
            unclassified: BTreeSet::new(),
            kept: 0,
            cut: false,
        }
    }

    pub(super) fn active(&self) -> &'a Active {
        &self.modules.active
    }

    /// A repository has no advisories at all.
    pub(super) fn unclassified(&mut self, repository: usize) {
        self.unclassified.insert(repository);
    }

    /// Takes a package of a repository.
    pub(super) fn take(
        &mut self,
        package: Package,
        number: usize,
        repository: &Repository,
    ) -> Result<(), Gap> {
        let Some(installed) = self.newest.get(package.name.as_str()) else { return Ok(()) };
        if !self.listed.contains(&package.name) {
            self.listed.insert(package.name.clone());
        }
        if !runs(&self.packages.architecture, &package.architecture) {
            return Ok(());
        }
        let blocked = self.blocked(&package, repository);
        let held = self.locks.hold(&package, repository.tool);
        if blocked.is_none() {
            let first = self.first.entry(package.name.clone()).or_insert(repository.priority);
            *first = (*first).min(repository.priority);
        }
        let evr = package.evr();
        if installed.values().any(|one| rpm_version::compare(&evr, &one.evr()).is_gt()) {
            if self.kept >= MOST {
                self.cut = true;
                return Ok(());
            }
            self.kept = self.kept.saturating_add(1);
            let offer =
                Offer { evr, repository: number, priority: repository.priority, blocked, held, package };
            self.offers.entry(offer.package.name.clone()).or_default().push(offer);
        }
        Ok(())
    }

    /// Takes a package of a security advisory.
    pub(super) fn advise(&mut self, advised: Advised, number: usize) -> Result<(), Gap> {
        let Some(installed) = self.newest.get(advised.package.name.as_str()) else { return Ok(()) };
        let evr = advised.package.evr();
        if installed.values().any(|one| rpm_version::compare(&evr, &one.evr()).is_gt()) {
            if self.kept >= MOST {
                self.cut = true;
                return Ok(());
            }
            self.kept = self.kept.saturating_add(1);
            self.advised.entry(advised.package.name.clone()).or_default().push((advised, number));
        }
        Ok(())
    }

    /// The exclusion that forbids a package, or the list of inclusions that does not name it.
    fn blocked(&self, package: &Package, repository: &Repository) -> Option<Evidence> {
        if repository.tool == Tool::Zypper {
            let known = self.newest.get(package.name.as_str());
            let same = known.is_some_and(|all| {
                all.values().any(|one| alike(&self.configuration.vendors, &one.vendor, &package.vendor))
            });
            let free = self.configuration.vendor_change || same;
            return (!free).then(|| repository.place.clone().says(format!("vendor {}", package.vendor)));
        }
        let all = self.configuration.excludes.iter().chain(&repository.excludes);
        if let Some((word, place)) = all.into_iter().find(|(word, _)| means(word, package)) {
            return Some(place.clone().says(word));
        }
        let (global, own) = (&self.configuration.includes, &repository.includes);
        let mut named = global.iter().chain(own).peekable();
        if named.peek().is_some() && !named.any(|word| means(word, package)) {
            return Some(repository.place.clone().says("includepkgs"));
        }
        if !repository.module_hotfixes && !self.modules.admits(package) {
            return Some(Evidence::of("/etc/dnf/modules.d"));
        }
        None
    }

    pub(super) fn choose(&self, repositories: &[Repository]) -> Chosen {
        let mut chosen = Chosen::default();
        let name = |number: usize| repositories.get(number).map_or("", |repository| repository.id.as_str());
        for (package, installed) in &self.newest {
            if !self.listed.contains(*package) {
                chosen.unlisted.insert((*package).to_owned());
            }
            let offers = self.offers.get(*package).map(Vec::as_slice).unwrap_or_default();
            let first = self.first.get(*package).copied();
            for (architecture, one) in installed {
                let evr = one.evr();
                let newer: Vec<&Offer> = offers
                    .iter()
                    .filter(|offer| fits(architecture, &offer.package.architecture))
                    .filter(|offer| exceeds(offer, installed))
                    .collect();
                let open = |offer: &&&Offer| offer.blocked.is_none() && Some(offer.priority) == first;
                let best = |held: bool| {
                    let free = newer.iter().filter(open).filter(|offer| held || !offer.held);
                    free.copied().max_by(|left, right| self.better(left, right))
                };
                let (candidate, status) = match (best(false), best(true)) {
                    (Some(offer), _) => (Some(offer), Status::Upgradable),
                    (None, Some(offer)) => (Some(offer), Status::Held),
                    (None, None) => (None, Status::Upgradable),
                };
                let advised = self.advisories(package, architecture, &evr, candidate);
                let (mended, open): (Vec<_>, Vec<_>) = advised.into_iter().partition(|(advised, _)| {
                    let wanted = advised.package.evr();
                    candidate.is_some_and(|offer| rpm_version::compare(&offer.evr, &wanted).is_ge())
                });
                if let Some(offer) = candidate {
                    let ids: BTreeSet<&str> = mended.iter().map(|(advised, _)| advised.id.as_str()).collect();
                    let untold = newer.iter().any(|offer| self.unclassified.contains(&offer.repository));
                    chosen.pending.push(Pending {
                        package: (*package).to_owned(),
                        architecture: offer.package.architecture.clone(),
                        installed: evr.clone(),
                        candidate: offer.evr.clone(),
                        source: source(&offer.package),
                        origin: name(offer.repository).to_owned(),
                        third_party: false,
                        security: !ids.is_empty(),
                        unclassified: untold && ids.is_empty(),
                        status,
                        advisories: ids.into_iter().map(str::to_owned).collect(),
                    });
                }
                let last = open.iter().max_by(|left, right| {
                    rpm_version::compare(&left.0.package.evr(), &right.0.package.evr())
                });
                if let Some((advised, repository)) = last {
                    let version = advised.package.evr();
                    let ids: BTreeSet<&str> = open.iter().map(|(advised, _)| advised.id.as_str()).collect();
                    let ids: Vec<&str> = ids.into_iter().collect();
                    let by = newer
                        .iter()
                        .filter(|offer| rpm_version::compare(&offer.evr, &version).is_ge())
                        .find_map(|offer| {
                            offer.blocked.clone().or_else(|| self.behind(offer, first, repositories))
                        });
                    let foreign = **architecture != *self.packages.architecture && *architecture != "noarch";
                    let key =
                        if foreign { format!("{package}.{architecture}") } else { (*package).to_owned() };
                    chosen.withheld.push(Withheld {
                        package: key,
                        installed: evr,
                        version,
                        origin: format!("{}: {}", name(*repository), ids.join(", ")),
                        by,
                    });
                }
            }
        }
        chosen
    }

    /// The advisories of the installed architecture, or of the candidate's, that name something newer.
    fn advisories(
        &self,
        package: &str,
        architecture: &str,
        evr: &str,
        candidate: Option<&Offer>,
    ) -> Vec<&(Advised, usize)> {
        let all = self.advised.get(package).map(Vec::as_slice).unwrap_or_default();
        let of = |(advised, _): &&(Advised, usize)| {
            let theirs = advised.package.architecture.as_str();
            let alike =
                theirs == architecture || candidate.is_some_and(|offer| offer.package.architecture == theirs);
            alike && rpm_version::compare(&advised.package.evr(), evr).is_gt()
        };
        all.iter().filter(of).collect()
    }

    /// Newer first; of one version the machine's own architecture, and what is for all.
    fn better(&self, left: &Offer, right: &Offer) -> Ordering {
        let own = |offer: &Offer| offer.package.architecture == self.packages.architecture;
        rpm_version::compare(&left.evr, &right.evr)
            .then_with(|| own(left).cmp(&own(right)))
            .then_with(|| right.repository.cmp(&left.repository))
    }

    /// Where it is said that a repository comes after another.
    fn behind(&self, offer: &Offer, first: Option<i64>, repositories: &[Repository]) -> Option<Evidence> {
        let repository = repositories.get(offer.repository)?;
        let text = format!("priority {} behind {}", offer.priority, first?);
        (Some(offer.priority) != first).then(|| repository.place.clone().says(text))
    }
}

/// Whether an offer is newer than every installed version that it would replace.
fn exceeds(offer: &Offer, installed: &BTreeMap<&str, &Installed>) -> bool {
    installed
        .iter()
        .filter(|(architecture, _)| fits(architecture, &offer.package.architecture))
        .all(|(_, one)| rpm_version::compare(&offer.evr, &one.evr()).is_gt())
}

/// An architecture is kept, but for changes from and to `noarch`.
fn fits(installed: &str, offered: &str) -> bool {
    installed == offered || installed == "noarch" || offered == "noarch"
}

/// Whether a machine runs packages of an architecture.
fn runs(machine: &str, package: &str) -> bool {
    const OLD: [&str; 5] = ["i386", "i486", "i586", "i686", "athlon"];
    match package {
        "noarch" => true,
        "src" | "nosrc" => false,
        _ if machine.is_empty() || machine == package => true,
        _ => match machine {
            "x86_64" => OLD.contains(&package) || matches!(package, "ia32e" | "amd64" | "x86_64_v2"),
            "i486" | "i586" | "i686" | "athlon" => OLD.contains(&package),
            "armv7hnl" | "armv7hl" => package.starts_with("armv") && package.ends_with("hl"),
            _ => false,
        },
    }
}

/// The name of the source package, without version and release.
fn source(package: &Package) -> String {
    let name = package.source.strip_suffix(".src.rpm").or_else(|| package.source.strip_suffix(".nosrc.rpm"));
    let name = name.and_then(|name| Some(name.rsplit_once('-')?.0.rsplit_once('-')?.0));
    name.unwrap_or_default().to_owned()
}

/// Whether zypper takes two vendors for one.
fn alike(lists: &[Vec<String>], left: &str, right: &str) -> bool {
    let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
    let names = |list: &[String], vendor: &str| list.iter().any(|name| vendor.starts_with(name.as_str()));
    vendor(&left) == vendor(&right) || lists.iter().any(|list| names(list, &left) && names(list, &right))
}

/// Vendors that zypper takes for one without being told: those of SUSE, and those of openSUSE, by the beginning of their names.
fn vendor(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let class = ["suse", "opensuse"].into_iter().find(|class| name.starts_with(class));
    class.map_or(name.clone(), str::to_owned)
}
