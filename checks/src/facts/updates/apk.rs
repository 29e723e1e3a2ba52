//! Reads apk's copies of repositories and chooses as `apk upgrade` does, without starting it.
//!
//! Dependencies are not looked at: what they would keep back counts as pending. apk gives a copy the time at which it
//! last asked the server for it, also when there was nothing new. Everything here is proved by fixtures, as no distribution
//! but Alpine has apk; by hand 181 drawn hosts were compared with `apk upgrade --simulate` of apk-tools 3.0.6.

mod repositories;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use super::{Careless, Classification, Index, Pending, Signature, Status, Suite, Updates, address};
use crate::date::Timestamp;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::packages::apk_version::{compare, is_version};
use crate::facts::packages::apk_world::World;
use crate::facts::packages::{Packages, apk};
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
use crate::tar;
use crate::unpack::Packing;
use repositories::{Form, Repository};

/// The largest index that is read, unpacked; Alpine's are a fiftieth of that.
const LARGEST: u64 = 256 << 20;
/// A longer line is none of an index.
const LONGEST: u64 = 1 << 20;
/// More versions of one package than these are in no repository.
const MOST_VERSIONS: usize = 256;
/// Where keys lie that indexes are checked with.
const KEYS: [&str; 2] = ["/etc/apk/keys", "/usr/share/apk/keys"];

/// A version of an installed package that a repository has.
#[derive(Debug, Clone, Default)]
struct Offer {
    version: String,
    architecture: String,
    source: String,
    /// The place of its repository.
    from: usize,
}

/// Reads repositories, indexes and what the administrator asked for.
pub(super) fn read(host: &dyn Host, facts: &Facts, packages: &Packages) -> Result<Updates, Gap> {
    let mut unread = Vec::new();
    let careless = options(host, &mut unread);
    let architecture = match host::read_text(host, "/etc/apk/arch", host::SMALL) {
        Ok(text) => text.lines().next().unwrap_or_default().trim().to_owned(),
        Err(gap) if gap.is_absent() => packages.architecture.clone(),
        Err(gap) => return Err(gap),
    };
    let (repositories, more) = repositories::read(host, &architecture);
    unread.extend(more);
    let world = World::read(host).unwrap_or_else(|gap| {
        if !gap.is_absent() {
            unread.push(gap);
        }
        World::default()
    });
    unread.extend(world.odd.iter().cloned());
    let tags = tags(host)?;
    let cache = cache(host);
    let mut offers: BTreeMap<&str, Vec<Offer>> = BTreeMap::new();
    let mut suites = Vec::new();
    for (from, repository) in repositories.iter().enumerate() {
        let own = !third_party(facts, repository);
        let index: Reading<Index> = index(host, repository, cache, packages, from, &mut offers)
            .map(|index| Index { third_party: !own, ..index })
            .into();
        let (scheme, archive) = address::parts(&repository.base);
        let (archive, suite) = repositories::split(&archive);
        suites.push(Suite {
            place: repository.place.clone(),
            scheme,
            archive,
            suite,
            components: repository.tag.iter().map(|tag| format!("@{tag}")).collect(),
            index,
            ..Suite::default()
        });
    }
    let pending = packages.installed.iter().filter_map(|(name, installed)| {
        let tag = tags.get(name).map(String::as_str);
        let own = |offer: &Offer| repositories.get(offer.from).and_then(|from| from.tag.as_deref());
        let asked = |offer: &Offer| own(offer).is_some_and(|own| world.allows_tag(name, own));
        let offers = offers
            .get(name.as_str())?
            .iter()
            .filter(|offer| own(offer).is_none_or(|own| tag == Some(own)) || asked(offer));
        // Of equals the repository that is named first.
        let newer = |one: &&Offer, other: &&Offer| compare(&one.version, &other.version).is_gt();
        let best = |best, offer| if newer(&offer, &best) { offer } else { best };
        // What comes from a repository that is asked for by its tag is before all others, whatever its version, and so is
        // what was once installed from there.
        let stays = tag.is_some_and(|tag| world.allows_tag(name, tag)) && world.allows(name, installed);
        let allowed = offers.clone().filter(|offer| world.allows(name, &offer.version));
        let tagged = allowed.clone().filter(|offer| asked(offer)).reduce(best);
        let chosen = tagged.or_else(|| allowed.filter(|_| !stays).reduce(best));
        let is_newer = |offer: &&Offer| compare(&offer.version, installed).is_gt();
        let (offer, status) = match chosen.filter(is_newer) {
            Some(offer) => (offer, Status::Upgradable),
            None => (offers.reduce(best).filter(is_newer)?, Status::Held),
        };
        Some(Pending {
            package: name.clone(),
            architecture: offer.architecture.clone(),
            installed: installed.clone(),
            candidate: offer.version.clone(),
            source: offer.source.clone(),
            origin: suites.get(offer.from).map(|suite| suite.suite.clone()).unwrap_or_default(),
            third_party: repositories.get(offer.from).is_some_and(|from| third_party(facts, from)),
            status,
            ..Pending::default()
        })
    });
    let pending = pending.collect();
    let odd =
        packages.installed.iter().filter(|(name, version)| !name.starts_with('.') && !is_version(version));
    unread.extend(odd.take(10).map(|(name, version)| {
        Gap::malformed(format!("{name} is installed in a version that is none of apk: {version}"))
    }));
    // What begins with a point is made by `apk add --virtual`, and nobody publishes it.
    let unlisted: BTreeSet<String> = packages
        .installed
        .keys()
        .filter(|name| !name.starts_with('.') && !offers.contains_key(name.as_str()))
        .cloned()
        .collect();
    Ok(Updates {
        compared: u32::try_from(packages.installed.len()).unwrap_or(u32::MAX),
        classification: Classification::Nothing,
        suites,
        pending,
        unlisted,
        careless,
        unread,
        ..Updates::default()
    })
}

/// Where apk keeps its copies: below /etc, where the administrator wants them kept, or else in /var.
fn cache(host: &dyn Host) -> &'static str {
    let kept = "/etc/apk/cache";
    if host.stat(kept).is_ok() { kept } else { "/var/cache/apk" }
}

/// Options that every call of apk 3 takes, one a line.
fn options(host: &dyn Host, unread: &mut Vec<Gap>) -> Vec<Careless> {
    let mut careless = Vec::new();
    for path in ["/etc/apk/config", "/lib/apk/config"] {
        let text = match host::read_text(host, path, host::SMALL) {
            Ok(text) => text,
            Err(gap) if gap.is_absent() => continue,
            Err(gap) => {
                unread.push(gap);
                break;
            }
        };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim().trim_start_matches('-');
            let place = Evidence::at(path, u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX));
            let name = line.split(['=', ' ', '\t']).next().unwrap_or_default();
            match name {
                "allow-untrusted" => careless.push(Careless { option: name.to_owned(), place }),
                "repositories-file" | "repository" | "repository-config" | "cache-dir" | "arch" | "root"
                | "no-cache" | "keys-dir" => {
                    unread.push(Gap::unsupported(format!("{place}: what {name} changes is not followed")));
                }
                _ => {}
            }
        }
        break;
    }
    careless
}

/// The tag of the repository that each installed package was once taken from (`s:`).
fn tags(host: &dyn Host) -> Result<BTreeMap<String, String>, Gap> {
    let text = apk::database(host)?;
    let mut tags = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.split_once(':') {
            Some(("P", value)) => name = value,
            Some(("s", value)) => {
                drop(tags.insert(name.to_owned(), value.trim_start_matches('@').to_owned()))
            }
            _ => {}
        }
    }
    Ok(tags)
}

/// Whether somebody else than Alpine publishes a repository, by its path, which every mirror copies.
fn third_party(facts: &Facts, repository: &Repository) -> bool {
    let release = facts.machine.value().and_then(|machine| machine.release.value());
    let own = repositories::split(&address::parts(&repository.base).1).1;
    let own = own.split_once('/').is_some_and(|(branch, name)| {
        (branch.starts_with('v') || matches!(branch, "edge" | "latest-stable"))
            && matches!(name, "main" | "community" | "testing" | "releases")
    });
    release.is_some_and(|release| release.id == "alpine") && !own
}

/// Reads the copy of a repository, or the repository itself where it lies on this machine.
fn index<'a>(
    host: &dyn Host,
    repository: &Repository,
    cache: &str,
    packages: &'a Packages,
    from: usize,
    offers: &mut BTreeMap<&'a str, Vec<Offer>>,
) -> Result<Index, Gap> {
    let paths = repository.copies(cache);
    let mut path = paths.first().cloned().unwrap_or_default();
    let mut stat = host.stat(&path);
    for other in paths.iter().skip(1).filter(|_| paths.len() > 1) {
        let next = host.stat(other);
        // Of the names that two versions of apk use, the one that was asked for last.
        let newer = match (&stat, &next) {
            (Ok(stat), Ok(next)) => next.modified > stat.modified,
            (Err(gap), _) => gap.is_absent() && !next.as_ref().is_err_and(Gap::is_absent),
            _ => false,
        };
        if newer {
            (path, stat) = (other.clone(), next);
        }
    }
    let stat = stat.map_err(|gap| match gap.is_absent() {
        true => Gap::absent(format!("the index of {} ({path})", address::parts(&repository.base).1)),
        false => gap,
    })?;
    let start = host.read_at(&path, 0, 3)?;
    if repository.form == Form::Third || start == b"ADB" {
        return Err(Gap::unsupported(format!(
            "{path} is an index of apk's third format, which is not read yet"
        )));
    }
    let mut index = Index {
        origin: repositories::split(&address::parts(&repository.base).1).1,
        modified: stat.modified,
        signature: Signature::Missing,
        ..Index::default()
    };
    let (mut content, mut signers) = (false, Vec::new());
    // Two members of gzip make one archive: the signature, and what is signed.
    let taken = tar::read(Packing::Gzip.unpack(host.open(&path)?), &path, LARGEST, |entry, text| {
        if let Some(name) = entry.path.strip_prefix(".SIGN.").filter(|_| !content) {
            signers.push(name.split_once('.').map_or(name, |(_, key)| key).to_owned());
        } else if entry.path == "APKINDEX" {
            if !entry.is_file {
                return Err(Gap::malformed(format!("{path}: APKINDEX is no file")));
            }
            content = true;
            index.dated = Some(Timestamp(entry.modified)).filter(|at| at.0 > 0);
            take(text, &path, packages, from, offers)?;
        }
        Ok(())
    });
    match taken {
        Err(gap) => index.unread.push(gap),
        Ok(()) if !content => index.unread.push(Gap::malformed(format!("{path} has no APKINDEX"))),
        Ok(()) => index.lists.push(path.clone()),
    }
    let known = |key: &&String| {
        !key.contains('/') && KEYS.iter().any(|folder| host.stat(&format!("{folder}/{key}")).is_ok())
    };
    if signers.iter().any(|key| known(&key)) {
        index.signature = Signature::Present;
    } else if let Some(key) = signers.first() {
        index.signature = Signature::Present;
        index.unread.push(Gap::malformed(format!(
            "{path} is signed by {key}, a key that this host does not have: apk uses nothing of it"
        )));
    }
    index.path = path;
    Ok(index)
}

/// Takes the versions of installed packages: stanzas of one-letter fields.
fn take<'a>(
    text: &mut dyn Read,
    path: &str,
    packages: &'a Packages,
    from: usize,
    offers: &mut BTreeMap<&'a str, Vec<Offer>>,
) -> Result<(), Gap> {
    let mut text = BufReader::new(text);
    let (mut name, mut offer) = (None, Offer { from, ..Offer::default() });
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = text.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        let read = read.map_err(|error| tar::unread(path, &error))?;
        if read as u64 == LONGEST {
            return Err(Gap::malformed(format!("{path} has a line of more than {LONGEST} bytes")));
        }
        let field = line.trim_ascii();
        if field.is_empty() {
            if let Some(name) = name.take() {
                let versions = offers.entry(name).or_default();
                if versions.len() >= MOST_VERSIONS {
                    return Err(Gap::too_large(format!("what {path} says of {name}")));
                }
                versions.push(std::mem::replace(&mut offer, Offer { from, ..Offer::default() }));
            }
            offer = Offer { from, ..Offer::default() };
            if read == 0 {
                return Ok(());
            }
            continue;
        }
        let value = || String::from_utf8_lossy(field.get(2..).unwrap_or_default()).into_owned();
        match field.get(..2) {
            Some(b"P:") => name = packages.installed.get_key_value(&value()).map(|(name, _)| name.as_str()),
            Some(b"V:") => offer.version = value(),
            Some(b"A:") => offer.architecture = value(),
            Some(b"o:") => offer.source = value(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
