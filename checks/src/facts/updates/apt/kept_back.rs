//! Which updates a plain upgrade would keep back.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Choice;
use super::phasing::Phasing;
use super::relation::Relations;
use super::{installed, sources, upgrade};
use crate::facts::automatic_updates::apt_conf::AptConf;
use crate::facts::packages::Packages;
use crate::gap::Gap;
use crate::host::Host;

/// What `apt-get upgrade` would keep back, by the keys of [`Packages::installed`].
pub(super) fn kept(
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
