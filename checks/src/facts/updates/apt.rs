//! Reads what apt has on disk and chooses as apt does, without starting it.

mod candidates;
mod pattern;
mod phasing;
mod policy;
mod relation;
mod release;
mod scan;
mod sources;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Careless, Disabled, Index, Pending, Signature, Status, Suite, Updates, Withheld};
use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::automatic_updates::apt_conf::{self, AptConf, Setting};
use crate::facts::packages::Packages;
use crate::gap::Gap;
use crate::host::{self, Host};
use crate::unpack::Packing;
use candidates::{Choice, From, Offers};
use policy::{List, Policy};
use relation::Relations;
use sources::Source;

const LISTS: &str = "/var/lib/apt/lists";
const STATUS: &str = "/var/lib/dpkg/status";

/// What apt takes without a signature, or in spite of a wrong one, when these are on; and when the last is off.
const CARELESS: [(&str, bool); 5] = [
    ("APT::Get::AllowUnauthenticated", true),
    ("Acquire::AllowInsecureRepositories", true),
    ("Acquire::AllowWeakRepositories", true),
    ("Acquire::AllowDowngradeToInsecureRepositories", true),
    ("Acquire::Check-Valid-Until", false),
];

/// Reads sources, preferences and indexes.
pub(super) fn read(host: &dyn Host, facts: &Facts, packages: &Packages) -> Result<Updates, Gap> {
    let (sources, mut unread) = sources::read(host);
    let conf = apt_conf::read(host).unwrap_or_else(|gap| {
        unread.push(gap);
        AptConf::default()
    });
    unread.extend(conf.unread.iter().cloned());
    let preferred = conf.get("APT::Default-Release").filter(|setting| !setting.value.is_empty());
    let (policy, more) = Policy::read(host, preferred);
    unread.extend(more);
    let folder = Folder::read(host)?;
    let mut offers = Offers::new(packages);
    let mut suites = Vec::new();
    let (off, on): (Vec<&Source>, Vec<&Source>) = sources.iter().partition(|source| source.off);
    for source in on {
        let index = folder.index(host, source, facts, packages, &mut offers).into();
        suites.push(Suite {
            place: source.place.clone(),
            scheme: source.scheme().to_owned(),
            archive: source.archive(),
            suite: source.suite.clone(),
            components: source.components.clone(),
            careless: source.careless(),
            torn: folder.torn(host, source, &index),
            index,
        });
    }
    let lists = offers.lists();
    if let Some(setting) = preferred.filter(|_| !policy.first_matches(&lists)) {
        unread.push(not_there(setting));
    }
    if offers.cut {
        unread.push(Gap::too_large("what the package lists say of an installed package"));
    }
    let phasing = Phasing::read(host, &conf);
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    let codename = release.map(|release| release.codename.as_str()).filter(|name| !name.is_empty());
    let mut sources_of = HashMap::new();
    if policy.asks_for_sources() {
        let each = |key: String, name: &[u8], stanza: &[u8]| {
            let version = packages.version(&key).unwrap_or_default();
            let source = candidates::source(name, version, stanza);
            sources_of.insert(key, source);
        };
        installed(host, packages, each).unwrap_or_else(|gap| unread.push(gap));
    }
    let before = |source: &str, version: &str, percentage| phasing.before(source, version, percentage);
    let mut choices = offers.choose(&policy, codename, before, &sources_of);
    let unlisted = candidates::unlisted(&choices);
    let withheld = choices.iter().filter_map(withheld).collect();
    let kept = kept(host, packages, &mut choices, &phasing, &conf).unwrap_or_else(|gap| {
        unread.push(gap);
        BTreeSet::new()
    });
    let pending =
        choices.into_iter().filter_map(|choice| pending(choice, packages, &phasing, &kept)).collect();
    Ok(Updates {
        compared: u32::try_from(packages.installed.len()).unwrap_or(u32::MAX),
        suites,
        pending,
        withheld,
        unlisted,
        disabled: off.into_iter().map(disabled).collect(),
        careless: careless(&conf),
        unread,
    })
}

fn not_there(setting: &Setting) -> Gap {
    Gap::malformed(format!(
        "{}:{} prefers the release {}, which is in no source: apt refuses to work",
        setting.path, setting.line, setting.value
    ))
}

fn disabled(source: &Source) -> Disabled {
    Disabled { place: source.place.clone(), suite: source.suite.clone() }
}

fn careless(conf: &AptConf) -> Vec<Careless> {
    let set = |(option, bad): &(&str, bool)| {
        let setting = conf.get(option).filter(|setting| sources::truth(&setting.value) == Some(*bad))?;
        Some(Careless { option: (*option).to_owned(), place: Evidence::at(&setting.path, setting.line) })
    };
    CARELESS.iter().filter_map(set).collect()
}

fn withheld(choice: &Choice<'_>) -> Option<Withheld> {
    let (version, from, by) = choice.withheld.as_ref()?;
    Some(Withheld {
        package: choice.key.to_owned(),
        installed: choice.installed.to_owned(),
        version: version.clone(),
        origin: from.name.clone(),
        by: by.clone(),
    })
}

fn pending(
    choice: Choice<'_>,
    packages: &Packages,
    phasing: &Phasing,
    kept: &BTreeSet<String>,
) -> Option<Pending> {
    let candidate = choice.upgrade?;
    let (package, architecture) = choice.key.split_once(':').unwrap_or((choice.key, &packages.architecture));
    let architecture = if candidate.all { "all" } else { architecture };
    let status = if packages.held.contains(choice.key) {
        Status::Held
    } else if phasing.holds(&candidate) {
        Status::Phased
    } else if kept.contains(choice.key) {
        Status::KeptBack
    } else {
        Status::Upgradable
    };
    Some(Pending {
        package: package.to_owned(),
        architecture: architecture.to_owned(),
        installed: choice.installed.to_owned(),
        candidate: candidate.version,
        source: candidate.source,
        origin: candidate.from.name,
        third_party: candidate.from.third_party,
        security: candidate.security,
        status,
        advisories: Vec::new(),
    })
}

/// What `apt-get upgrade` would keep back, by the keys of [`Packages::installed`].
fn kept(
    host: &dyn Host,
    packages: &Packages,
    choices: &mut [Choice<'_>],
    phasing: &Phasing,
    conf: &AptConf,
) -> Result<BTreeSet<String>, Gap> {
    if choices.iter().all(|choice| choice.upgrade.is_none()) {
        return Ok(BTreeSet::new());
    }
    // What is held or not yet handed out stays in any case, and is told apart from what is kept back.
    let mut next = BTreeMap::new();
    for choice in choices.iter_mut().filter(|choice| !packages.held.contains(choice.key)) {
        if let Some(candidate) = choice.upgrade.as_mut().filter(|candidate| !phasing.holds(candidate)) {
            let relations = std::mem::take(&mut candidate.relations);
            next.insert(choice.key, upgrade::Release { version: candidate.version.clone(), relations });
        }
    }
    let mut relations = BTreeMap::new();
    installed(host, packages, |key, _, stanza| {
        relations.insert(key, Relations::read(stanza));
    })?;
    let (mut backed, mut phased) = (BTreeSet::new(), BTreeSet::new());
    for choice in choices.iter() {
        if choice.backed {
            backed.insert(choice.key);
        }
        if choice.upgrade.as_ref().is_some_and(|candidate| phasing.holds(candidate)) {
            phased.insert(choice.key);
        }
    }
    let units: Vec<upgrade::Unit> = packages
        .installed
        .iter()
        .map(|(key, version)| {
            let (name, architecture) = key.split_once(':').unwrap_or((key, &packages.architecture));
            upgrade::Unit {
                name: name.to_owned(),
                architecture: architecture.to_owned(),
                backed: backed.contains(key.as_str()),
                phased: phased.contains(key.as_str()),
                now: upgrade::Release {
                    version: version.clone(),
                    relations: relations.remove(key).unwrap_or_default(),
                },
                next: next.remove(key.as_str()),
            }
        })
        .collect();
    let wishes = conf.get("APT::Install-Recommends").and_then(|setting| sources::truth(&setting.value));
    let up = upgrade::kept(&units, wishes != Some(false))
        .ok_or_else(|| Gap::too_large("what depends on the updates, to say which are kept back,"))?;
    let kept = units
        .iter()
        .zip(up)
        .zip(packages.installed.keys())
        .filter(|((unit, up), _)| !up && unit.next.is_some());
    Ok(kept.map(|(_, key)| key.clone()).collect())
}

/// Goes through the stanzas of dpkg's status that are installed, with their keys in [`Packages::installed`].
fn installed(
    host: &dyn Host,
    packages: &Packages,
    mut each: impl FnMut(String, &[u8], &[u8]),
) -> Result<(), Gap> {
    scan::scan(host.open(STATUS)?, STATUS, scan::LARGEST, |name, stanza| {
        let architecture = scan::fields(stanza).find(|(field, _)| *field == b"Architecture");
        let architecture =
            architecture.and_then(|(_, value)| std::str::from_utf8(value).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(name);
        let native = architecture == packages.architecture || matches!(architecture, "all" | "");
        let key = if native { text.into_owned() } else { format!("{text}:{architecture}") };
        if packages.installed.contains_key(&key) {
            each(key, name, stanza);
        }
    })?;
    Ok(())
}

/// How this host takes part in what is handed out by and by.
struct Phasing {
    machine: Option<String>,
    /// Decided while a version is chosen, and not after.
    early: bool,
    always: bool,
    never: bool,
}

impl Phasing {
    fn read(host: &dyn Host, conf: &AptConf) -> Self {
        let on = |name: &str| conf.get(name).and_then(|setting| sources::truth(&setting.value));
        let either = |name: &str| on(&format!("APT::Get::{name}")).or(on(&format!("Update-Manager::{name}")));
        let file = conf.get("Dir::Etc::machine-id").map_or("/etc/machine-id", |setting| &setting.value);
        let machine = match conf.get("APT::Machine-ID") {
            Some(setting) => Some(setting.value.clone()),
            None => host::read_line(host, file).ok(),
        };
        let first = machine.and_then(|text| text.lines().next().map(str::to_owned));
        Self {
            machine: first.filter(|text| !text.is_empty()),
            early: on("APT::Get::Phase-Policy") == Some(true),
            always: either("Always-Include-Phased-Updates") == Some(true),
            never: either("Never-Include-Phased-Updates") == Some(true),
        }
    }

    fn excluded(&self, source: &str, version: &str, percentage: u32) -> bool {
        match &self.machine {
            _ if self.always => false,
            _ if self.never => true,
            None => false,
            Some(machine) => phasing::drawn(source, version, machine) > percentage,
        }
    }

    fn before(&self, source: &str, version: &str, percentage: u32) -> bool {
        self.early && self.excluded(source, version, percentage)
    }

    fn holds(&self, candidate: &candidates::Candidate) -> bool {
        let excluded = |percentage| self.excluded(&candidate.source, &candidate.source_version, percentage);
        !self.early && candidate.phased.is_some_and(excluded)
    }
}

/// What lies in apt's folder of lists.
struct Folder {
    names: BTreeSet<String>,
    /// What a refresh did not finish; empty where it cannot be seen.
    partial: Vec<String>,
}

impl Folder {
    fn read(host: &dyn Host) -> Result<Self, Gap> {
        let names = match host.list(LISTS) {
            Ok(names) => names.into_iter().collect(),
            Err(gap) if gap.is_absent() => BTreeSet::new(),
            Err(gap) => return Err(gap),
        };
        // It is apt's own user's. The age of an index does not hang on it.
        let partial = host.list(&format!("{LISTS}/partial")).unwrap_or_default();
        Ok(Self { names, partial })
    }

    fn has(&self, path: &str) -> bool {
        path.strip_prefix(LISTS).is_some_and(|name| self.names.contains(name.trim_start_matches('/')))
    }

    /// When a refresh of a suite left a part behind after its index was fetched.
    fn torn(
        &self,
        host: &dyn Host,
        source: &Source,
        index: &crate::gap::Reading<Index>,
    ) -> Option<Timestamp> {
        let prefix = source.prefix();
        let prefix = prefix.strip_prefix(LISTS)?.trim_start_matches('/').to_owned();
        let at = self
            .partial
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .filter_map(|name| Some(host.stat(&format!("{LISTS}/partial/{name}")).ok()?.modified))
            .max()?;
        let known = index.value().map_or(Timestamp(i64::MIN), |index| index.modified);
        (at > known).then_some(at)
    }

    /// The file that holds a package list, in whichever form apt left it.
    fn packed(&self, list: &str) -> Option<(String, Packing)> {
        let forms = Packing::ALL.into_iter().map(|(end, packing)| (format!("{list}{end}"), packing));
        forms.into_iter().find(|(path, _)| self.has(path))
    }

    /// Reads what is on disk of a suite, and takes what its package lists offer.
    fn index(
        &self,
        host: &dyn Host,
        source: &Source,
        facts: &Facts,
        packages: &Packages,
        offers: &mut Offers<'_>,
    ) -> Result<Index, Gap> {
        let prefix = source.prefix();
        let path = ["InRelease", "Release"]
            .into_iter()
            .map(|name| format!("{prefix}{name}"))
            .find(|path| self.has(path));
        let (path, release) = match path {
            Some(path) => {
                let text = host::read_text(host, &path, 16 << 20)?;
                let release = release::parse(&text)
                    .ok_or_else(|| Gap::malformed(format!("{path} is no Release file")))?;
                (path, release)
            }
            // A repository without a Release file, which apt takes when it is told to trust it.
            None => {
                let lists = wanted(source, packages, true);
                let lists = lists.iter().map(|list| format!("{prefix}{}", list.path.replace('/', "_")));
                let first = lists.into_iter().find_map(|list| self.packed(&list)).ok_or_else(|| {
                    Gap::absent(format!("the index of {} {} in {LISTS}", source.archive(), source.suite))
                })?;
                (first.0, release::Release::default())
            }
        };
        let signed = path.ends_with("InRelease") || self.has(&format!("{path}.gpg"));
        let mut index = Index {
            origin: release.origin.clone(),
            label: release.label.clone(),
            suite: release.suite.clone(),
            codename: release.codename.clone(),
            dated: release.dated,
            valid_until: release.valid_until,
            modified: host.stat(&path)?.modified,
            signature: if signed { Signature::Present } else { Signature::Missing },
            third_party: third_party(&release, facts),
            not_automatic: release.not_automatic,
            automatic_upgrades: release.automatic_upgrades,
            path,
            ..Index::default()
        };
        let from = From::new(&index);
        for wanted in wanted(source, packages, release.separate_all) {
            let list = format!("{prefix}{}", wanted.path.replace('/', "_"));
            let offered = release.offers(&wanted.path);
            let Some((path, packing)) = self.packed(&list) else {
                if ["bz2", "lzma"].iter().any(|end| self.has(&format!("{list}.{end}"))) {
                    let what =
                        format!("the package list {list} is packed in a way that hostduty does not read");
                    index.unread.push(Gap::unsupported(what));
                } else if offered.is_some() {
                    index.unread.push(Gap::absent(list));
                }
                continue;
            };
            let size = offered.flatten();
            let most = size.map_or(scan::LARGEST, |size| size.min(scan::LARGEST));
            let described = List {
                status: false,
                archive: release.suite.clone(),
                codename: release.codename.clone(),
                version: release.version.clone(),
                origin: release.origin.clone(),
                label: release.label.clone(),
                component: wanted.component,
                architecture: wanted.architecture,
                site: source.site().to_owned(),
                usual: match (release.not_automatic, release.automatic_upgrades) {
                    (_, true) => 100,
                    (true, false) => 1,
                    (false, false) => 500,
                },
            };
            let damaged = || {
                Gap::malformed(format!(
                    "{path} has not the length that its Release file gives: it is damaged, or being replaced"
                ))
            };
            let taken = host
                .open(&path)
                .and_then(|file| offers.take(packing.unpack(file), &path, most, described, from.clone()));
            match taken {
                Ok(length) if size.is_some_and(|size| size != length) => index.unread.push(damaged()),
                Err(gap)
                    if gap.why == host::GapKind::TooLarge
                        && size.is_some_and(|size| size < scan::LARGEST) =>
                {
                    index.unread.push(damaged());
                }
                Ok(_) => index.lists.push(path),
                Err(gap) => index.unread.push(gap),
            }
        }
        Ok(index)
    }
}

/// Whether somebody else than the distribution publishes a suite.
fn third_party(release: &release::Release, facts: &Facts) -> bool {
    let own =
        facts.machine.value().and_then(|machine| machine.release.value()).map(|release| release.id.as_str());
    let origin = release.origin.as_str();
    let own = own.is_some_and(|id| !id.is_empty() && origin.eq_ignore_ascii_case(id));
    !(own || matches!(origin, "Debian" | "Debian Backports" | "Ubuntu") || origin.starts_with("UbuntuESM"))
}

/// A package list of a suite.
struct Wanted {
    /// As the Release file names it: `main/binary-amd64/Packages`.
    path: String,
    component: String,
    architecture: String,
}

/// The package lists that apt fetches of a suite, per component and architecture.
fn wanted(source: &Source, packages: &Packages, separate_all: bool) -> Vec<Wanted> {
    if source.is_flat() {
        let path = "Packages".to_owned();
        return vec![Wanted { path, component: String::new(), architecture: String::new() }];
    }
    let foreign =
        packages.installed.keys().filter_map(|name| name.split_once(':')).map(|(_, foreign)| foreign);
    let architectures: BTreeSet<&str> = foreign
        .chain([packages.architecture.as_str()])
        .chain(separate_all.then_some("all"))
        .filter(|name| source.wants(name))
        .collect();
    let mut wanted = Vec::new();
    for component in &source.components {
        for architecture in &architectures {
            wanted.push(Wanted {
                path: format!("{component}/binary-{architecture}/Packages"),
                component: component.clone(),
                architecture: (*architecture).to_owned(),
            });
        }
    }
    wanted
}

#[cfg(test)]
mod tests;
