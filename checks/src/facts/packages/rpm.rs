//! Reads rpm's database of installed packages without librpm.

mod header;
mod ndb;
mod sqlite;
mod window;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{MOST, Manager, Packages, rpm_version};
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::Host;

/// Where databases lie: in the folder of today, then in that of yesterday, which often is a link to it.
const FOLDERS: [&str; 2] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];
/// rpm of RHEL 8 and older, in the format of Berkeley DB.
const BERKELEY: &str = "Packages";
/// A database of more bytes is none of a real host; those of large ones have 150 MB.
const LARGEST: u64 = 1 << 30;
/// So much text of packages is kept, a hundred bytes of each of more packages than a host has.
const MOST_TEXT: usize = 16 << 20;
/// So often a database is read anew that was written meanwhile.
const ATTEMPTS: usize = 3;

/// A format of the database: how its file is called, and its reader.
type Format = (&'static str, Reader);
type Reader = fn(&dyn Host, &str) -> Result<Vec<Installed>, Gap>;
const FORMATS: [Format; 2] = [("rpmdb.sqlite", sqlite::read), ("Packages.db", ndb::read)];

/// What the database says of one installed package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installed {
    /// `openssl-libs`.
    pub name: String,
    /// Zero where the package has none.
    pub epoch: u32,
    /// `3.0.7`.
    pub version: String,
    /// `27.el9`.
    pub release: String,
    /// `x86_64`, `noarch`.
    pub architecture: String,
    /// The file name of the source package: `openssl-3.0.7-27.el9.src.rpm`.
    pub source: String,
    /// Who built it, in its own words: `Rocky Enterprise Software Foundation`.
    pub vendor: String,
    /// The label of the module that it belongs to (`nodejs:18:8090020231019:rhel9`); empty without one.
    pub module: String,
    /// When it was installed.
    pub installed_at: Option<Timestamp>,
}

impl Installed {
    /// `epoch:version-release`; an epoch of zero is left out.
    #[must_use]
    pub fn evr(&self) -> String {
        let Self { epoch, version, release, .. } = self;
        if *epoch == 0 { format!("{version}-{release}") } else { format!("{epoch}:{version}-{release}") }
    }
}

/// Packages as they are found, bounded.
struct List<'a> {
    path: &'a str,
    all: Vec<Installed>,
    count: usize,
    text: usize,
}

impl<'a> List<'a> {
    fn new(path: &'a str) -> Self {
        Self { path, all: Vec::new(), count: 1, text: 0 }
    }

    /// The number of the next package, from one.
    fn count(&self) -> usize {
        self.count
    }

    /// Adds what a header was; a key is counted and not kept.
    fn add(&mut self, found: Option<Installed>) -> Result<(), Gap> {
        self.count = self.count.saturating_add(1);
        let Some(found) = found else { return Ok(()) };
        for text in [
            &found.name,
            &found.version,
            &found.release,
            &found.architecture,
            &found.source,
            &found.vendor,
            &found.module,
        ] {
            self.text = self.text.saturating_add(text.len());
        }
        self.all.push(found);
        if self.all.len() > MOST || self.text > MOST_TEXT {
            return Err(Gap::too_large(format!("the list of packages in {}", self.path)));
        }
        Ok(())
    }
}

pub(super) fn read(host: &dyn Host) -> Result<Packages, Gap> {
    let mut found: Option<(String, Vec<Installed>)> = None;
    let mut empty = false;
    for folder in folders(host) {
        for (name, reader) in FORMATS {
            let path = format!("{folder}/{name}");
            if Stamp::of(host, &path)?.is_none() {
                continue;
            }
            let packages = steadily(host, &path, reader)?;
            if packages.is_empty() {
                empty = true;
                continue;
            }
            if let Some((other, _)) = &found {
                let what =
                    format!("both {other} and {path} list packages, and which of them rpm uses is not known");
                return Err(Gap::unsupported(what));
            }
            found = Some((path, packages));
        }
    }
    match found {
        Some((_, packages)) => return Ok(sorted(packages)),
        None if empty => return Ok(Packages { manager: Manager::Rpm, ..Packages::default() }),
        None => {}
    }
    for path in FOLDERS.map(|folder| format!("{folder}/{BERKELEY}")) {
        if Stamp::of(host, &path)?.is_some() {
            return Err(Gap::unsupported(format!(
                "the rpm database {path} is in Berkeley DB's format, which hostduty does not read"
            )));
        }
    }
    Err(Gap::absent("/var/lib/rpm/rpmdb.sqlite"))
}

/// The folders without those that are only another name of one before them.
fn folders(host: &dyn Host) -> Vec<&'static str> {
    let [today, yesterday] = FOLDERS;
    let leads = |from: &str, to: &str| host.read_link(from).is_ok_and(|target| target.ends_with(to));
    match (host.read_link(today), host.read_link(yesterday)) {
        (Ok(one), Ok(other)) if one == other => vec![today],
        _ if leads(yesterday, today) || leads(today, yesterday) => vec![today],
        _ => vec![today, yesterday],
    }
}

/// What changes with a database: size and date of its file and of its log, and the first bytes of both.
#[derive(PartialEq)]
struct Stamp(Vec<(u64, Timestamp, Vec<u8>)>);

impl Stamp {
    /// Nothing where there is no such file.
    fn of(host: &dyn Host, path: &str) -> Result<Option<Self>, Gap> {
        let mut files = Vec::new();
        for path in [path.to_owned(), format!("{path}-wal")] {
            match host.stat(&path) {
                Ok(stat) => files.push((stat.size, stat.modified, host.read_at(&path, 0, 100)?)),
                Err(gap) if gap.is_absent() && files.is_empty() => return Ok(None),
                Err(gap) if gap.is_absent() => {}
                Err(gap) => return Err(gap),
            }
        }
        Ok(Some(Self(files)))
    }
}

/// Reads a database anew while it changes under the reader.
fn steadily(host: &dyn Host, path: &str, reader: Reader) -> Result<Vec<Installed>, Gap> {
    for _ in 0..ATTEMPTS {
        let before = Stamp::of(host, path)?;
        let packages = reader(host, path);
        if Stamp::of(host, path)? == before {
            return packages;
        }
    }
    Err(Gap::unsupported(format!("{path} was written each time it was read; packages are being installed")))
}

/// The packages by name. Where one is installed several times beside itself, as kernels are, the highest version has
/// the name, and the others are named after it.
fn sorted(mut all: Vec<Installed>) -> Packages {
    all.sort_by(|left, right| (&left.name, &left.architecture).cmp(&(&right.name, &right.architecture)));
    let native = native(&all);
    let mut packages = Packages { manager: Manager::Rpm, ..Packages::default() };
    for package in &all {
        let own = package.architecture == native || matches!(package.architecture.as_str(), "noarch" | "");
        let key =
            if own { package.name.clone() } else { format!("{}.{}", package.name, package.architecture) };
        let evr = package.evr();
        let lower = match packages.installed.entry(key.clone()) {
            Entry::Vacant(place) => {
                place.insert(evr);
                continue;
            }
            Entry::Occupied(mut place) if rpm_version::compare(place.get(), &evr).is_lt() => {
                place.insert(evr)
            }
            Entry::Occupied(_) => evr,
        };
        packages.beside.entry(key).or_default().insert(lower);
    }
    packages.architecture = native;
    packages.rpm = all;
    packages
}

/// rpm is always of the native architecture; an image without it is of the one that most packages are of.
fn native(all: &[Installed]) -> String {
    let mut count = BTreeMap::<&str, usize>::new();
    for package in all.iter().filter(|package| !matches!(package.architecture.as_str(), "noarch" | "")) {
        if package.name == "rpm" {
            return package.architecture.clone();
        }
        let so_far = count.entry(&package.architecture).or_default();
        *so_far = so_far.saturating_add(1);
    }
    count.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned()).unwrap_or_default()
}
