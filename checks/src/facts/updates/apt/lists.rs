//! The folder of indexes that apt keeps, and what lies in it of each suite.

use std::collections::BTreeSet;

use super::candidates::{From, Offers};
use super::policy::List;
use super::release::{self, Release};
use super::scan;
use super::sources::Source;
use crate::date::Timestamp;
use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::facts::updates::{Index, Signature};
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};
use crate::unpack::Packing;

pub(super) const LISTS: &str = "/var/lib/apt/lists";

/// What lies in apt's folder of lists.
pub(super) struct Folder {
    names: BTreeSet<String>,
    /// What a refresh did not finish; empty where it cannot be seen.
    partial: Vec<String>,
}

impl Folder {
    pub(super) fn read(host: &dyn Host) -> Result<Self, Gap> {
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
    pub(super) fn torn(&self, host: &dyn Host, source: &Source, index: &Reading<Index>) -> Option<Timestamp> {
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
    pub(super) fn index(
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
                let release = release::parse(&text);
                let release = release.ok_or_else(|| Gap::malformed(format!("{path} is no Release file")))?;
                (path, release)
            }
            // A repository without a Release file, which apt takes when it is told to trust it.
            None => {
                let lists = wanted(source, packages, true);
                let lists = lists.iter().map(|list| format!("{prefix}{}", list.path.replace('/', "_")));
                let first = lists.into_iter().find_map(|list| self.packed(&list)).ok_or_else(|| {
                    Gap::absent(format!("the index of {} {} in {LISTS}", source.archive(), source.suite))
                })?;
                (first.0, Release::default())
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
            let described = described(&release, wanted, source.site());
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

/// What preferences may ask of a package list.
fn described(release: &Release, wanted: Wanted, site: &str) -> List {
    List {
        status: false,
        archive: release.suite.clone(),
        codename: release.codename.clone(),
        version: release.version.clone(),
        origin: release.origin.clone(),
        label: release.label.clone(),
        component: wanted.component,
        architecture: wanted.architecture,
        site: site.to_owned(),
        usual: match (release.not_automatic, release.automatic_upgrades) {
            (_, true) => 100,
            (true, false) => 1,
            (false, false) => 500,
        },
    }
}

/// Whether somebody else than the distribution publishes a suite.
fn third_party(release: &Release, facts: &Facts) -> bool {
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
