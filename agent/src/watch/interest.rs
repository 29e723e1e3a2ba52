//! What is watched, and for which rooms: derived from what the rooms have asked of the host, never a second list.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use checks::gap::Gap;
use checks::host::Query;

use super::room_set::RoomSet;
use crate::host::Touch;

/// More symlinks than this are followed by no system.
const MOST_LINKS: usize = 40;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The name came, went, or leads to another file now.
    Name,
    /// The file's content or metadata is another.
    File,
}

/// What one room's questions mean for watching.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Names that decide what the room reads, each with the folder that it stands in. No folder has a symlink above it.
    names: BTreeSet<(String, String)>,
    /// Folders of which the room reads the list.
    lists: BTreeSet<String>,
    /// Folders in which it reads a file, so that what is written there matters and not only what comes and goes.
    contents: BTreeSet<String>,
    /// Whether the kernel announces changes of what it asked nftables for.
    nftables: bool,
    /// Whether the kernel announces changes of what it asked the network for.
    network: bool,
    /// Whether something of it is announced by nobody and has to be asked for again.
    polled: bool,
    /// The same, where nothing cheaper tells that it changed.
    asked: bool,
    /// The same, where the processes and the sockets that wait tell that something changed.
    glanced: bool,
    /// Files of the kernel that are cheap to compare with what they said before.
    tales: BTreeSet<String>,
}

/// Everything that is watched.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    folders: BTreeMap<String, Folder>,
    /// Rooms that asked nftables.
    pub(crate) nftables: RoomSet,
    /// Rooms that asked for addresses, routes and the like.
    pub(crate) network: RoomSet,
    /// Rooms that read something of which nobody announces changes.
    pub(crate) polled: RoomSet,
    /// Those of them that only a new look tells from before.
    pub(crate) asked: RoomSet,
    /// Rooms that have to be gathered again when processes or sockets are others.
    pub(crate) glanced: RoomSet,
    /// Files of the kernel whose content tells that a room is to be gathered again.
    pub(crate) tales: BTreeMap<String, RoomSet>,
}

/// Why a folder is watched.
#[derive(Debug, Default)]
struct Folder {
    names: HashMap<Box<str>, RoomSet>,
    /// Who reads its list.
    list: RoomSet,
    /// Who reads a file in it.
    content: RoomSet,
}

/// What the symlinks of a host say, each asked once.
pub(crate) struct Links<'a> {
    read: &'a dyn Fn(&str) -> Result<String, Gap>,
    is_folder: &'a dyn Fn(&str) -> bool,
    known: HashMap<String, Link>,
}

#[derive(Clone)]
enum Link {
    To(String),
    Absent,
    Other,
}

impl<'a> Links<'a> {
    /// The links of a host, by its ways to read one and to tell a folder.
    pub(crate) fn new(
        read: &'a dyn Fn(&str) -> Result<String, Gap>,
        is_folder: &'a dyn Fn(&str) -> bool,
    ) -> Self {
        Self { read, is_folder, known: HashMap::new() }
    }

    fn of(&mut self, path: &str) -> Link {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let link = match (self.read)(path) {
            Ok(target) => Link::To(target),
            Err(gap) if gap.is_absent() => Link::Absent,
            Err(_) => Link::Other,
        };
        self.known.insert(path.to_owned(), link.clone());
        link
    }
}

impl Reach {
    /// What follows from what a room has asked for.
    pub(crate) fn of<'t>(touched: impl IntoIterator<Item = &'t Touch>, links: &mut Links<'_>) -> Self {
        let mut reach = Self::default();
        for touch in touched {
            match touch {
                Touch::Path(path) => {
                    let there = reach.walk(path, links);
                    if let Some((folder, _)) = there.as_ref().and_then(|there| there.rsplit_once('/'))
                        && !there.as_ref().is_some_and(|there| (links.is_folder)(there))
                    {
                        reach.contents.insert(folder_of(folder).to_owned());
                    }
                }
                Touch::Folder(path) => {
                    if let Some(folder) = reach.walk(path, links) {
                        reach.lists.insert(folder);
                    }
                }
                Touch::Query(Query::Nftables(_) | Query::NftElements { .. }) => reach.nftables = true,
                Touch::Query(Query::Route(_)) => reach.network = true,
                Touch::Query(Query::SocketDiag { .. }) => reach.glanced = true,
                Touch::Query(Query::LegacyTable { .. } | Query::IpSets) => {
                    (reach.polled, reach.asked) = (true, true);
                }
                Touch::Query(_) | Touch::Run(_) => reach.polled = true,
            }
        }
        reach
    }

    /// Notes every name on the way to a path, through symlinks. Gives where it ends; `None` when it is not there.
    fn walk(&mut self, path: &str, links: &mut Links<'_>) -> Option<String> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut here = String::new();
        let mut followed = 0;
        while let Some(name) = rest.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{here}/{name}");
            if next == "/proc" || next == "/sys" {
                let whole = rest.iter().rev().filter(|part| !part.is_empty());
                self.kernel(whole.fold(next, |path, part| format!("{path}/{part}")));
                return None;
            }
            self.names.insert((folder_of(&here).to_owned(), name));
            match links.of(&next) {
                Link::Absent => return None,
                Link::Other => here = next,
                Link::To(target) => {
                    followed += 1;
                    if followed > MOST_LINKS {
                        return None;
                    }
                    if target.starts_with('/') {
                        here.clear();
                    }
                    rest.extend(target.split('/').rev().map(str::to_owned));
                }
            }
        }
        Some(folder_of(&here).to_owned())
    }

    /// Notes a path below /proc or /sys, where the kernel announces nothing.
    fn kernel(&mut self, path: String) {
        if is_told_by_processes(&path) {
            self.glanced = true;
            return;
        }
        self.polled = true;
        // The one line of /proc/stat that is of use never changes, and the others always do.
        if path.starts_with("/proc/") && path != "/proc/stat" {
            self.tales.insert(path);
        }
    }
}

fn folder_of(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

/// Whether processes and sockets that wait tell that a file of /proc says something else: those of processes, and the
/// tables of sockets.
fn is_told_by_processes(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/proc") else { return false };
    let mut parts = rest.split('/').filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => true,
        (Some("net"), Some(table), None) => is_sockets(table),
        (Some("self"), ..) => false,
        (Some(process), file, _) if process.bytes().all(|byte| byte.is_ascii_digit()) => {
            !matches!(file, Some("mountinfo"))
        }
        _ => false,
    }
}

fn is_sockets(table: &str) -> bool {
    matches!(table, "tcp" | "tcp6" | "udp" | "udp6")
}

impl Interest {
    /// Puts what one room reads in the place of what it read before.
    pub(crate) fn set(&mut self, room: RoomSet, reach: &Reach) {
        self.folders.retain(|_, folder| {
            folder.list = folder.list.without(room);
            folder.content = folder.content.without(room);
            folder.names.retain(|_, rooms| {
                *rooms = rooms.without(room);
                !rooms.is_empty()
            });
            !folder.names.is_empty() || !folder.list.is_empty()
        });
        for (folder, name) in &reach.names {
            let names = &mut self.folders.entry(folder.clone()).or_default().names;
            match names.get_mut(name.as_str()) {
                Some(rooms) => rooms.add(room),
                None => {
                    names.insert(name.as_str().into(), room);
                }
            }
        }
        for folder in &reach.lists {
            self.folders.entry(folder.clone()).or_default().list.add(room);
        }
        for folder in &reach.contents {
            self.folders.entry(folder.clone()).or_default().content.add(room);
        }
        let parts = [
            (&mut self.nftables, reach.nftables),
            (&mut self.network, reach.network),
            (&mut self.polled, reach.polled),
            (&mut self.asked, reach.asked),
            (&mut self.glanced, reach.glanced),
        ];
        for (rooms, reads) in parts {
            *rooms = rooms.without(room);
            if reads {
                rooms.add(room);
            }
        }
        self.tales.retain(|_, rooms| {
            *rooms = rooms.without(room);
            !rooms.is_empty()
        });
        for tale in &reach.tales {
            self.tales.entry(tale.clone()).or_default().add(room);
        }
    }

    /// The folders to watch, and whether what is written in files there matters: of a folder of logs that is only passed
    /// through nobody wants to hear of each line.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&str, bool)> {
        self.folders.iter().map(|(path, folder)| (path.as_str(), !folder.content.is_empty()))
    }

    /// Whether a folder is one of them.
    pub(crate) fn is_folder(&self, path: &str) -> bool {
        self.folders.contains_key(path)
    }

    /// The rooms that read anything at all.
    pub(crate) fn rooms_of_any(&self) -> RoomSet {
        let announced = [self.nftables, self.network, self.polled, self.glanced].into_iter();
        announced
            .chain(self.folders.keys().map(|folder| self.of_folder(folder)))
            .fold(RoomSet::NONE, RoomSet::and)
    }

    /// The rooms that a folder is watched for.
    pub(crate) fn of_folder(&self, path: &str) -> RoomSet {
        self.folders.get(path).map_or(RoomSet::NONE, |folder| {
            folder.names.values().fold(folder.list, |all, rooms| all.and(*rooms))
        })
    }

    /// The rooms that read something else now that this happened to a path.
    pub(crate) fn rooms(&self, path: &str, change: Change) -> RoomSet {
        let Some((folder, name)) = path.rsplit_once('/') else { return RoomSet::NONE };
        let mut rooms = RoomSet::NONE;
        if let Some(folder) = self.folders.get(folder_of(folder)) {
            rooms.add(folder.names.get(name).copied().unwrap_or_default());
            if change == Change::Name {
                rooms.add(folder.list);
            }
        }
        rooms
    }
}

#[cfg(test)]
mod tests;
