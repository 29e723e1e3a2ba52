//! Reads what apt has on disk and chooses as apt does, without starting it.

mod candidates;
mod kept_back;
mod lists;
mod pattern;
mod phasing;
mod policy;
mod relation;
mod release;
mod scan;
mod sources;
mod upgrade;

use std::collections::{BTreeSet, HashMap};

use super::{Careless, Classification, Disabled, Pending, Status, Suite, Updates, Withheld};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::automatic_updates::apt_conf::{self, AptConf, Setting};
use crate::facts::packages::Packages;
use crate::gap::{Gap, Reading};
use crate::host::Host;
use candidates::{Choice, Offers};
use kept_back::kept;
use lists::Folder;
use phasing::Phasing;
use policy::Policy;
use sources::Source;

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
    for suite in &mut suites {
        let Reading::Known(index) = &mut suite.index else { continue };
        let mut own = lists.iter().filter(|list| {
            (&list.origin, &list.label, &list.archive, &list.codename)
                == (&index.origin, &index.label, &index.suite, &index.codename)
        });
        let first = own.next().map(|list| policy.of_list(list));
        index.never = first.is_some_and(|first| first < 0) && own.all(|list| policy.of_list(list) < 0);
    }
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
        classification: Classification::Suites,
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
        unclassified: false,
        status,
        advisories: Vec::new(),
    })
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

#[cfg(test)]
mod tests;
