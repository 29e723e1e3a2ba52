//! systemd's unit files and links, resolved to the state that `systemctl is-enabled` prints.

mod state;

use std::collections::{BTreeMap, BTreeSet};

use super::unit_file::UnitFile;
use super::{Unit, UnitState, Units, list, note};
use crate::gap::{Gap, GapKind};
use crate::host::{self, Host};

/// The folders of the system's units, most important first; systemd.unit(5). Transient units are left out: they
/// vanish with the boot and no file of the administrator defines them.
const FOLDERS: &[&str] = &[
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];
/// More units than any distribution ships by far; a host beyond is refused rather than read for minutes.
const MOST: usize = 30_000;
/// Aliases of aliases that are followed.
const DEEPEST: usize = 16;

/// A name in a folder of units.
#[derive(Debug)]
struct Entry {
    /// Index in [`FOLDERS`].
    folder: usize,
    /// Where it leads when it is a symlink.
    target: Option<String>,
}

/// A symlink below a `.wants`, `.requires` or `.upholds` folder.
#[derive(Debug)]
struct Link {
    folder: usize,
    path: String,
}

/// All names and links, before any file is read.
#[derive(Debug, Default)]
struct Index {
    /// By unit name, most important first.
    entries: BTreeMap<String, Vec<Entry>>,
    /// By the name of the link, which is the name of the unit.
    links: BTreeMap<String, Vec<Link>>,
    /// Symlinks between units: the name that they lead to, the folder, the name of the link.
    aliases: BTreeSet<(String, usize, String)>,
    /// `ssh.service.d` and the folders that have it.
    drop_ins: BTreeMap<String, Vec<usize>>,
}

impl Index {
    /// The symlinks that lead to a name: folder and name of each.
    fn aliases_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.aliases
            .range((name.to_owned(), 0, String::new())..)
            .take_while(move |(target, ..)| target == name)
            .map(|(_, folder, link)| (place(*folder), link.as_str()))
    }
}

/// What a name leads to.
enum Definition {
    /// A file: the name under which it is found, its path and folder.
    File { name: String, path: String, folder: usize },
    /// Nothing: masked by this path.
    Mask { path: String, folder: usize },
    /// Nothing at all, or a loop.
    Missing,
}

/// Reads services, sockets and timers.
pub(super) fn read(host: &dyn Host, units: &mut Units) -> Result<(), Gap> {
    let index = index(host, &mut units.gaps)?;
    let names: BTreeSet<&String> = index.entries.keys().chain(index.links.keys()).collect();
    for name in names {
        let mut unit = Unit { state: UnitState::Masked, ..Unit::default() };
        match define(&index, name) {
            Definition::Missing => continue,
            Definition::Mask { path, folder } => {
                unit.path = path;
                if is_runtime(folder) {
                    unit.state = UnitState::MaskedRuntime;
                }
            }
            Definition::File { name: real, path, .. } if real != *name && instance_of(name).is_none() => {
                unit.path = path;
                unit.alias_of = Some(real);
                unit.state = UnitState::Alias;
            }
            Definition::File { name: real, path, folder } => {
                let bytes = match host.read(&path, host::SMALL) {
                    Ok(bytes) => bytes,
                    Err(gap) if gap.is_absent() => continue,
                    Err(gap) => {
                        note(&mut units.gaps, gap);
                        continue;
                    }
                };
                unit.path = path;
                if bytes.is_empty() {
                    if is_runtime(folder) {
                        unit.state = UnitState::MaskedRuntime;
                    }
                } else {
                    let mut file = UnitFile::default();
                    file.apply(&bytes);
                    for (path, drop_in) in drop_ins(host, &index, name, &mut units.gaps) {
                        file.apply(&drop_in);
                        unit.drop_ins.push(path);
                    }
                    unit.state = state::of(&index, name, &real, folder, &file);
                    unit.wanted_by = starters(&index, name, &file);
                    unit.programs = file.programs;
                    unit.condition_virtualization =
                        (!file.conditions.is_empty()).then(|| file.conditions.join(" "));
                }
            }
        }
        // The vendor's masks are as old as its package.
        if unit.state.is_masked() && !unit.path.starts_with("/usr/") && !unit.path.starts_with("/lib/") {
            unit.masked_at = host.stat_link(&unit.path).ok().map(|stat| stat.modified);
        }
        units.units.insert(name.clone(), unit);
    }
    aliases_of_masks(units);
    Ok(())
}

fn index(host: &dyn Host, gaps: &mut Vec<Gap>) -> Result<Index, Gap> {
    let mut index = Index::default();
    let mut starts: BTreeSet<(String, String)> = BTreeSet::new();
    let merged =
        ["/lib", "/lib/systemd", "/lib/systemd/system"].iter().any(|path| host.read_link(path).is_ok());
    let mut count = 0usize;
    for (folder, path) in FOLDERS.iter().enumerate() {
        if merged && path.starts_with("/lib/") {
            continue;
        }
        for name in list(host, path, gaps) {
            count += 1;
            if is_unit(&name) {
                let target = link(host, &format!("{path}/{name}"));
                if let Some(target) = target.as_deref().filter(|target| !is_null(target)) {
                    let leads_to = base_name(target).to_owned();
                    index.aliases.insert((leads_to, folder, name.clone()));
                }
                index.entries.entry(name).or_default().push(Entry { folder, target });
            } else if name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds") {
                for unit in list(host, &format!("{path}/{name}"), gaps) {
                    count += 1;
                    let place = format!("{path}/{name}/{unit}");
                    // The first folder decides about a link; there it may also be hidden by a link to /dev/null.
                    if is_unit(&unit)
                        && starts.insert((name.clone(), unit.clone()))
                        && link(host, &place).is_some_and(|target| !is_null(&target))
                    {
                        index.links.entry(unit).or_default().push(Link { folder, path: place });
                    }
                }
            } else if name.ends_with(".d") {
                index.drop_ins.entry(name).or_default().push(folder);
            }
        }
        if count > MOST {
            return Err(Gap::too_large(format!("the list of units ({count} names up to {path})")));
        }
    }
    Ok(index)
}

/// Follows names and symlinks from a name to the file that defines it.
fn define(index: &Index, name: &str) -> Definition {
    let mut name = name.to_owned();
    for _ in 0..DEEPEST {
        let Some(entry) = index.entries.get(&name).and_then(|entries| entries.first()) else {
            match instance_of(&name) {
                Some(template) if index.entries.contains_key(&template) => {
                    name = template;
                    continue;
                }
                _ => return Definition::Missing,
            }
        };
        let path = format!("{}/{name}", place(entry.folder));
        match entry.target.as_deref() {
            Some(target) if is_null(target) => return Definition::Mask { path, folder: entry.folder },
            Some(target) => {
                let next = base_name(target);
                let known = index.entries.contains_key(next)
                    || instance_of(next).is_some_and(|template| index.entries.contains_key(&template));
                if next == name || !known {
                    return Definition::File { name, path, folder: entry.folder };
                }
                name = next.to_owned();
            }
            None => return Definition::File { name, path, folder: entry.folder },
        }
    }
    Definition::Missing
}

/// The drop-ins of a unit with their contents, in the order in which they apply.
fn drop_ins(host: &dyn Host, index: &Index, name: &str, gaps: &mut Vec<Gap>) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![format!("{name}.d")];
    folders.extend(index.aliases_of(name).take(64).map(|(_, alias)| format!("{alias}.d")));
    folders.extend(instance_of(name).map(|template| format!("{template}.d")));
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let dashes: Vec<usize> = stem.match_indices('-').map(|(at, _)| at).take(64).collect();
    folders.extend(
        dashes.iter().rev().filter_map(|at| stem.get(..=*at)).map(|prefix| format!("{prefix}.{suffix}.d")),
    );
    folders.push(format!("{suffix}.d"));
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in &folders {
        for at in index.drop_ins.get(folder).into_iter().flatten() {
            let path = format!("{}/{folder}", place(*at));
            for file in list(host, &path, gaps) {
                if file.ends_with(".conf") {
                    let whole = format!("{path}/{file}");
                    files.entry(file).or_insert(whole);
                }
            }
        }
    }
    let mut contents = Vec::new();
    for path in files.into_values().take(256) {
        match host.read(&path, host::SMALL) {
            Ok(bytes) => contents.push((path, bytes)),
            // A drop-in that leads to /dev/null hides its namesakes.
            Err(gap) if gap.is_absent() || gap.why == GapKind::Unsupported => {}
            Err(gap) => note(gaps, gap),
        }
    }
    contents
}

/// The symlinks that start a unit under its own name and its aliases.
fn starters(index: &Index, name: &str, file: &UnitFile) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let aliases = || index.aliases_of(name).filter(|(_, alias)| *alias != name);
    for name in std::iter::once(name).chain(aliases().map(|(_, alias)| alias).take(64)) {
        paths.extend(index.links.get(name).into_iter().flatten().map(|link| link.path.clone()));
    }
    // `systemctl enable` makes the names in `Alias=` too, and by such a name other units start it.
    paths.extend(
        aliases()
            .filter(|(folder, alias)| {
                *folder == "/etc/systemd/system" && file.aliases.iter().any(|own| own == alias)
            })
            .map(|(folder, alias)| format!("{folder}/{alias}")),
    );
    paths.truncate(64);
    paths
}

/// A name that leads to a masked unit is masked, whatever it was called.
fn aliases_of_masks(units: &mut Units) {
    let masked: Vec<(String, UnitState)> = units
        .units
        .iter()
        .filter_map(|(name, unit)| {
            let target = units.units.get(unit.alias_of.as_ref()?)?;
            target.state.is_masked().then(|| (name.clone(), target.state))
        })
        .collect();
    for (name, state) in masked {
        if let Some(unit) = units.units.get_mut(&name) {
            unit.state = state;
        }
    }
}

fn link(host: &dyn Host, path: &str) -> Option<String> {
    host.read_link(path).ok()
}

fn place(folder: usize) -> &'static str {
    FOLDERS.get(folder).copied().unwrap_or_default()
}

fn is_runtime(folder: usize) -> bool {
    place(folder).starts_with("/run/")
}

fn is_unit(name: &str) -> bool {
    name.len() <= 255 && [".service", ".socket", ".timer"].iter().any(|end| name.ends_with(end))
}

fn is_null(target: &str) -> bool {
    target == "/dev/null" || target.ends_with("../dev/null")
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `getty@.service` for `getty@tty1.service`.
fn instance_of(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (instance, suffix) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{suffix}"))
}
