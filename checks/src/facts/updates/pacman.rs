//! Reads pacman's copies of repositories and chooses as `pacman -Su` does, without starting it.
//!
//! Dependencies are not looked at: what they would keep back counts as pending. pacman gives a copy the time that the
//! server said when it was last changed there (Last-Modified), or, of a server that says none, that of the download. So a
//! young copy was fetched since then, while an old one may be the newest there is: a refresh that finds nothing new
//! leaves no trace. `synchronizing package lists` in pacman.log is written before anything is fetched, and proves nothing.

mod replaces;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::{Classification, Index, Pending, Signature, Status, Suite, Updates, address};
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::facts::packages::pacman::Desc;
use crate::facts::packages::pacman_conf::{Demand, PacmanConf, Repository};
use crate::facts::packages::pacman_version::compare;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
use crate::tar;
use crate::unpack::Packing;

const SYNC: &str = "/var/lib/pacman/sync";
/// The largest copy that is read, unpacked; the largest of Arch is a fifth of that.
const LARGEST: u64 = 256 << 20;
/// Repositories that Arch itself publishes.
const OWN: [&str; 13] = [
    "core",
    "core-testing",
    "core-staging",
    "extra",
    "extra-testing",
    "extra-staging",
    "community",
    "community-testing",
    "testing",
    "multilib",
    "multilib-testing",
    "gnome-unstable",
    "kde-unstable",
];

/// What one repository has for the installed packages.
#[derive(Default)]
struct Offers {
    /// Those of the same name.
    same: BTreeMap<String, Desc>,
    /// Those that take the place of one, by its name, in the order of the copy.
    replacing: BTreeMap<String, Vec<Desc>>,
}

/// Reads the configuration and the copies.
pub(super) fn read(host: &dyn Host, facts: &Facts, packages: &Packages) -> Result<Updates, Gap> {
    let conf = PacmanConf::read(host);
    let mut suites = Vec::new();
    let mut all = Vec::new();
    for repository in &conf.repositories {
        let mut offers = Offers::default();
        let index: Reading<Index> = index(host, facts, &conf, repository, packages, &mut offers).into();
        suites.push(suite(host, &conf, repository, index));
        all.push((repository, offers));
    }
    let known = |name: &String| all.iter().any(|(_, offers)| offers.same.contains_key(name));
    let unlisted: BTreeSet<String> = packages.installed.keys().filter(|name| !known(name)).cloned().collect();
    let pending = packages
        .installed
        .iter()
        .filter_map(|(name, version)| pending(facts, packages, &conf, &all, name, version))
        .collect();
    Ok(Updates {
        compared: u32::try_from(packages.installed.len()).unwrap_or(u32::MAX),
        classification: Classification::Nothing,
        suites,
        pending,
        unlisted,
        unread: conf.unread.iter().cloned().chain(conf.odd()).collect(),
        ..Updates::default()
    })
}

/// The first repository that knows the package, or one that takes its place, decides.
fn pending(
    facts: &Facts,
    packages: &Packages,
    conf: &PacmanConf,
    all: &[(&Repository, Offers)],
    name: &str,
    version: &str,
) -> Option<Pending> {
    let held = packages.held.contains(name);
    let ignored = |desc: &Desc| held || conf.ignores(&desc.name, desc.groups.iter());
    let waits = |repository: &Repository, desc: &Desc, by: bool| Pending {
        package: name.to_owned(),
        architecture: desc.architecture.clone(),
        installed: version.to_owned(),
        candidate: desc.version.clone(),
        source: desc.base.clone(),
        origin: match by {
            true => format!("{}, replaced by {}", repository.name, desc.name),
            false => repository.name.clone(),
        },
        third_party: third_party(facts, &repository.name),
        status: if ignored(desc) { Status::Held } else { Status::Upgradable },
        ..Pending::default()
    };
    let mut kept = None;
    for (repository, offers) in all.iter().filter(|(repository, _)| repository.upgrades()) {
        for desc in offers.replacing.get(name).into_iter().flatten() {
            if !ignored(desc) {
                return Some(waits(repository, desc, true));
            }
            kept.get_or_insert_with(|| waits(repository, desc, true));
        }
        if let Some(desc) = offers.same.get(name) {
            let newer = compare(&desc.version, version).is_gt();
            return if newer { Some(waits(repository, desc, false)) } else { kept };
        }
    }
    kept
}

fn suite(host: &dyn Host, conf: &PacmanConf, repository: &Repository, index: Reading<Index>) -> Suite {
    let addresses: Vec<(String, String)> =
        repository.servers.iter().map(|server| address::parts(server)).collect();
    // The weakest of its servers is as good as any.
    let plain = addresses.iter().find(|(scheme, _)| scheme != "https");
    let (scheme, archive) = plain.or(addresses.first()).cloned().unwrap_or_default();
    let (demand, any_key) = conf.demand(repository);
    let careless = match demand {
        Demand::Never => vec!["SigLevel PackageNever".to_owned()],
        Demand::Optional => vec!["SigLevel PackageOptional".to_owned()],
        Demand::Required => Vec::new(),
    };
    let partial = host.stat(&format!("{SYNC}/{}.db.part", repository.name)).ok().map(|stat| stat.modified);
    let known = index.value().map_or(Timestamp(i64::MIN), |index| index.modified);
    Suite {
        place: repository.place.clone(),
        scheme,
        archive: archive.split("/$").next().unwrap_or_default().to_owned(),
        suite: repository.name.clone(),
        components: Vec::new(),
        careless: careless.into_iter().chain(any_key.then(|| "SigLevel TrustAll".to_owned())).collect(),
        index,
        torn: partial.filter(|at| *at > known),
    }
}

fn third_party(facts: &Facts, name: &str) -> bool {
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    release.is_some_and(|release| release.id == "arch") && !OWN.contains(&name)
}

/// Reads a copy, of which the form does not show in the name.
fn index(
    host: &dyn Host,
    facts: &Facts,
    conf: &PacmanConf,
    repository: &Repository,
    packages: &Packages,
    offers: &mut Offers,
) -> Result<Index, Gap> {
    let path = format!("{SYNC}/{}.db", repository.name);
    let stat = host.stat(&path)?;
    let packing = packing(&host.read_at(&path, 0, 6)?)
        .ok_or_else(|| Gap::unsupported(format!("{path} is packed in a way that hostduty does not read")))?;
    let (demand, _) = conf.demand(repository);
    let mut index = Index {
        origin: repository.name.clone(),
        modified: stat.modified,
        // Every package has its own; that of the index is no matter where packages are checked.
        signature: if demand == Demand::Never { Signature::Missing } else { Signature::Present },
        third_party: third_party(facts, &repository.name),
        ..Index::default()
    };
    let taken = tar::read(packing.unpack(host.open(&path)?), &path, LARGEST, |entry, content| {
        index.dated = index.dated.max(Some(Timestamp(entry.modified)).filter(|at| at.0 > 0));
        let Some(folder) = entry.path.trim_start_matches("./").strip_suffix("/desc") else { return Ok(()) };
        if !entry.is_file {
            return Err(Gap::malformed(format!("{path}: {} is no file", entry.path)));
        }
        let mut text = Vec::new();
        let mut bounded = content.take(host::SMALL as u64);
        bounded.read_to_end(&mut text).map_err(|error| tar::unread(&path, &error))?;
        if bounded.limit() == 0 {
            return Err(Gap::too_large(format!("{} in {path}", entry.path)));
        }
        offers.take(folder, &String::from_utf8_lossy(&text), &path, packages)
    });
    match taken {
        Ok(()) => index.lists.push(path.clone()),
        Err(gap) => index.unread.push(gap),
    }
    index.path = path;
    Ok(index)
}

/// By its first bytes, as libarchive tells it.
fn packing(start: &[u8]) -> Option<Packing> {
    match start {
        [0x1f, 0x8b, ..] => Some(Packing::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Packing::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Packing::Lz4),
        // bzip2, lzip, lzma, lrzip, compress.
        [b'B', b'Z', b'h', ..] | [b'L', b'Z' | b'R', ..] | [0x5d, 0, ..] | [0x1f, _, ..] => None,
        _ => Some(Packing::Plain),
    }
}

impl Offers {
    /// Takes a package, whose folder has to be named after it.
    fn take(&mut self, folder: &str, text: &str, path: &str, packages: &Packages) -> Result<(), Gap> {
        let desc = Desc::parse(text);
        if desc.name.is_empty() || folder != format!("{}-{}", desc.name, desc.version) {
            return Err(Gap::malformed(format!("{path}: {folder} describes another package")));
        }
        for wanted in &desc.replaces {
            let target = replaces::name(wanted);
            if packages.version(target).is_some_and(|installed| replaces::holds(wanted, installed)) {
                let replacing = self.replacing.entry(target.to_owned()).or_default();
                if replacing.len() < 100 && replacing.iter().all(|other| other.name != desc.name) {
                    replacing.push(Desc::parse(text));
                }
            }
        }
        if packages.version(&desc.name).is_some() {
            self.same.entry(desc.name.clone()).or_insert(desc);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
