//! Chooses, for every installed package, the version that apt would upgrade it to.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::Read;

use super::Pending;
use super::scan::{self, Offer};
use crate::facts::packages::Packages;
use crate::facts::packages::debian_version::compare;
use crate::gap::Gap;

/// How apt weighs a suite that no pin speaks of, apt_preferences(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// 500: chosen whenever it is newer.
    Normal,
    /// 100, like what is installed: chosen when what is installed is of no [`Priority::Normal`] suite.
    UpgradesOnly,
    /// 1: never chosen.
    Never,
}

/// The suite that a package list belongs to.
#[derive(Debug)]
pub(super) struct From {
    pub(super) origin: String,
    pub(super) security: bool,
    pub(super) priority: Priority,
}

/// What the indexes read so far offer for the installed packages.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    architecture: &'a str,
    installed: HashMap<&'a [u8], Best<'a>>,
}

#[derive(Debug)]
struct Best<'a> {
    installed: &'a str,
    normal: Option<Found>,
    upgrades_only: Option<Found>,
    /// The installed version itself is in a suite of normal priority.
    backed: bool,
    /// A version newer than the installed one is in a security suite.
    security: bool,
}

#[derive(Debug)]
struct Found {
    version: String,
    origin: String,
    security: bool,
}

impl<'a> Choice<'a> {
    pub(super) fn new(packages: &'a Packages) -> Self {
        let best = |version: &'a String| Best {
            installed: version,
            normal: None,
            upgrades_only: None,
            backed: false,
            security: false,
        };
        let installed =
            packages.installed.iter().map(|(name, version)| (name.as_bytes(), best(version))).collect();
        Self { architecture: &packages.architecture, installed }
    }

    /// Takes what a package list offers; returns its length.
    pub(super) fn take(&mut self, file: impl Read, path: &str, from: &From) -> Result<u64, Gap> {
        let mut foreign = Vec::new();
        scan::scan(file, path, |offer| self.weigh(offer, from, &mut foreign))
    }

    fn weigh(&mut self, offer: &Offer, from: &From, foreign: &mut Vec<u8>) {
        let native = offer.architecture == self.architecture.as_bytes()
            || matches!(&*offer.architecture, b"all" | b"");
        let key = if native {
            &offer.name
        } else {
            foreign.clear();
            foreign.extend_from_slice(&offer.name);
            foreign.push(b':');
            foreign.extend_from_slice(&offer.architecture);
            foreign
        };
        let Some(best) = self.installed.get_mut(key.as_slice()) else { return };
        let version = String::from_utf8_lossy(&offer.version);
        match compare(&version, best.installed) {
            Ordering::Less => return,
            Ordering::Equal => {
                best.backed |= from.priority == Priority::Normal;
                return;
            }
            Ordering::Greater => {}
        }
        let slot = match from.priority {
            Priority::Normal => &mut best.normal,
            Priority::UpgradesOnly => &mut best.upgrades_only,
            Priority::Never => return,
        };
        best.security |= from.security;
        let better = slot.as_ref().is_none_or(|found| match compare(&version, &found.version) {
            Ordering::Greater => true,
            Ordering::Equal => from.security && !found.security,
            Ordering::Less => false,
        });
        if better {
            let origin = from.origin.clone();
            *slot = Some(Found { version: version.into_owned(), origin, security: from.security });
        }
    }

    /// What would be upgraded, by package.
    pub(super) fn pending(self, packages: &Packages) -> Vec<Pending> {
        let mut pending: Vec<Pending> = self
            .installed
            .into_iter()
            .filter_map(|(key, best)| {
                let found = best.normal.or(best.upgrades_only.filter(|_| !best.backed))?;
                let key = std::str::from_utf8(key).ok()?;
                let (package, architecture) = key.split_once(':').unwrap_or((key, self.architecture));
                Some(Pending {
                    package: package.to_owned(),
                    architecture: architecture.to_owned(),
                    installed: best.installed.to_owned(),
                    candidate: found.version,
                    origin: found.origin,
                    security: best.security,
                    held: packages.held.contains(key),
                })
            })
            .collect();
        pending.sort_by(|a, b| (&a.package, &a.architecture).cmp(&(&b.package, &b.architecture)));
        pending
    }
}
