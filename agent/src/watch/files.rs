//! Changes of files and folders: tells which rooms of facts read something else now.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use notify::event::{Event, EventKind, ModifyKind};
use notify::{Config, ErrorKind, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher};

use super::bell::Rope;
use super::interest::{Change, Interest};
use super::room_set::RoomSet;

/// What came since the last look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noticed {
    /// The rooms that read something else now.
    pub(crate) rooms: RoomSet,
    /// Whether a folder that is watched may be another one now.
    pub(crate) folders: bool,
    /// Whether events were lost, so that anything may be different.
    pub(crate) lost: bool,
    /// When the first of it came.
    pub(crate) first: Instant,
    /// When the last of it came.
    pub(crate) last: Instant,
}

/// What the thread that hears of changes shares with the loop.
#[derive(Debug)]
struct Shared {
    interest: Interest,
    noticed: Option<Noticed>,
    rope: Rope,
    /// The files that the watch itself writes: that it does so is no news.
    own: Vec<String>,
}

/// The files and folders that are watched.
#[derive(Debug)]
pub(crate) struct Files {
    /// Hears of everything.
    whole: Option<RecommendedWatcher>,
    /// Hears of everything but what is written in files.
    names: Option<RecommendedWatcher>,
    shared: Arc<Mutex<Shared>>,
    /// The folders that are watched.
    watched: BTreeMap<String, Watched>,
    /// Folders that cannot be watched, and why.
    gaps: BTreeMap<String, String>,
    /// Why nothing can be watched at all.
    broken: Option<String>,
}

/// A folder that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Watched {
    /// Which file of which device it is.
    identity: (u64, u64),
    /// Whether what is written in files is heard of.
    content: bool,
}

/// What became of another set of folders to watch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Synced {
    /// The rooms whose folders are watched only now: what they read may have changed in between.
    pub(crate) late: RoomSet,
}

impl Files {
    /// Nothing is watched yet. Where the system refuses, everything is a gap.
    pub(crate) fn new(rope: Rope) -> Self {
        let interest = Interest::default();
        let shared = Arc::new(Mutex::new(Shared { interest, noticed: None, rope, own: Vec::new() }));
        // Files that are closed after writing are asked for besides those that are modified, because what is written
        // through a mapping is not told otherwise.
        let names = EventKindMask::CREATE
            | EventKindMask::REMOVE
            | EventKindMask::MODIFY_META
            | EventKindMask::MODIFY_NAME;
        let whole = names | EventKindMask::MODIFY_DATA | EventKindMask::ACCESS_CLOSE;
        let watcher = |kinds| {
            let heard = Arc::clone(&shared);
            let config = Config::default().with_follow_symlinks(false).with_event_kinds(kinds);
            RecommendedWatcher::new(move |event| hear(&mut lock(&heard), event), config)
        };
        let (whole, names, broken) = match (watcher(whole), watcher(names)) {
            (Ok(whole), Ok(names)) => (Some(whole), Some(names), None),
            (Err(error), _) | (_, Err(error)) => (None, None, Some(explain(&error))),
        };
        Self { whole, names, shared, watched: BTreeMap::new(), gaps: BTreeMap::new(), broken }
    }

    /// Changes what is of interest.
    pub(crate) fn interest<T>(&self, change: impl FnOnce(&mut Interest) -> T) -> T {
        change(&mut lock(&self.shared).interest)
    }

    /// Passes over what the watch itself writes: these files, and the drafts that become them.
    pub(crate) fn pass_over(&self, own: impl Iterator<Item = std::path::PathBuf>) {
        // Events bear names without symlinks; a folder that is not there has no events.
        let real = own.filter_map(|file| {
            let folder = std::fs::canonicalize(file.parent()?).ok()?;
            let name = file.file_name()?.to_str()?;
            Some([folder.join(name), super::status::draft(&folder, name)])
        });
        let own = real.flatten().map(|path| path.to_string_lossy().into_owned()).collect();
        lock(&self.shared).own = own;
    }

    /// What came since the last look, left where it is.
    pub(crate) fn peek(&self) -> Option<Noticed> {
        lock(&self.shared).noticed
    }

    /// Takes what came since the last look.
    pub(crate) fn noticed(&self) -> Option<Noticed> {
        lock(&self.shared).noticed.take()
    }

    /// Watches what is of interest now and nothing else. `again` looks also whether each folder is still the one that it
    /// was: a watch stays with a folder that another has taken the place of.
    pub(crate) fn sync(&mut self, again: bool) -> Synced {
        let wanted: BTreeMap<String, bool> = self.interest(|interest| {
            interest.folders().map(|(folder, content)| (folder.to_owned(), content)).collect()
        });
        let mut late = RoomSet::NONE;
        let (Some(whole), Some(names)) = (&mut self.whole, &mut self.names) else {
            return Synced::default();
        };
        let stays = |folder: &str, known: &Watched| {
            wanted.get(folder) == Some(&known.content)
                && (!again || identity(folder).is_some_and(|now| now == known.identity))
        };
        let gone: Vec<(String, bool)> = self
            .watched
            .iter()
            .filter(|(folder, known)| !stays(folder, known))
            .map(|(folder, known)| (folder.clone(), known.content))
            .collect();
        for (folder, content) in gone {
            let watcher = if content { &mut *whole } else { &mut *names };
            // A folder that went has taken its watch with it, which is no error.
            let _ = watcher.unwatch(Path::new(&folder));
            self.watched.remove(&folder);
        }
        self.gaps.retain(|folder, _| wanted.contains_key(folder));
        for (folder, content) in wanted {
            if self.watched.contains_key(&folder) {
                continue;
            }
            let watcher = if content { &mut *whole } else { &mut *names };
            match watcher.watch(Path::new(&folder), RecursiveMode::NonRecursive) {
                Ok(()) => {
                    match foreign(&folder) {
                        Some(why) => self.gaps.insert(folder.clone(), why),
                        None => self.gaps.remove(&folder),
                    };
                    late.add(lock(&self.shared).interest.of_folder(&folder));
                    let identity = identity(&folder).unwrap_or_default();
                    self.watched.insert(folder, Watched { identity, content });
                }
                // It went after it was seen; the folder above tells, and its rooms look again.
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                Err(error) => {
                    self.gaps.insert(folder, explain(&error));
                }
            }
        }
        Synced { late }
    }

    /// The rooms of which changes may go unnoticed.
    pub(crate) fn blind(&self) -> RoomSet {
        let shared = lock(&self.shared);
        if self.whole.is_none() {
            return RoomSet::ALL;
        }
        self.gaps.keys().fold(RoomSet::NONE, |all, folder| all.and(shared.interest.of_folder(folder)))
    }

    /// What cannot be watched and why, shortened.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (folder, why) in &self.gaps {
            reasons.entry(why).or_default().push(folder);
        }
        let told = reasons.into_iter().map(|(why, folders)| match folders.as_slice() {
            [only] => format!("{only}: {why}"),
            [first, rest @ ..] => format!("{first} and {} more folders: {why}", rest.len()),
            [] => why.to_owned(),
        });
        self.broken.iter().cloned().chain(told).chain(UNTOLD.map(str::to_owned)).collect()
    }

    /// How many folders are watched.
    pub(crate) fn count(&self) -> usize {
        self.watched.len()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Whoever panicked with it has left plain data behind.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes an event. It runs in the watcher's own thread and does no more than look up names.
fn hear(shared: &mut Shared, event: notify::Result<Event>) {
    let (mut rooms, mut folders, mut lost) = (RoomSet::NONE, false, false);
    match event {
        Ok(event) if event.need_rescan() => lost = true,
        Err(_) => lost = true,
        Ok(event) => {
            let change = match event.kind {
                EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                    Change::Name
                }
                EventKind::Modify(_) | EventKind::Access(_) => Change::File,
                EventKind::Any | EventKind::Other => Change::Name,
            };
            for path in &event.paths {
                // A name that is not UTF-8 is asked for by nobody, but it makes a list unreadable.
                let path = path.to_string_lossy();
                if shared.own.iter().any(|own| *own == path) {
                    continue;
                }
                rooms.add(shared.interest.rooms(&path, change));
                folders |= change == Change::Name && shared.interest.is_folder(&path);
            }
        }
    }
    if rooms.is_empty() && !folders && !lost {
        return;
    }
    let now = Instant::now();
    match &mut shared.noticed {
        Some(noticed) => {
            noticed.rooms.add(rooms);
            noticed.folders |= folders;
            noticed.lost |= lost;
            noticed.last = now;
        }
        None => {
            shared.noticed = Some(Noticed { rooms, folders, lost, first: now, last: now });
            shared.rope.ring();
        }
    }
}

fn identity(folder: &str) -> Option<(u64, u64)> {
    let there = std::fs::symlink_metadata(folder).ok()?;
    Some((there.dev(), there.ino()))
}

/// Why watching a folder does not tell everything: what another machine changes there is not announced here.
#[cfg(target_os = "linux")]
fn foreign(folder: &str) -> Option<String> {
    use nix::sys::statfs::{self, statfs};
    let kind = statfs(folder).ok()?.filesystem_type();
    // FUSE and 9p; nix does not name them.
    let others = [0x6573_5546, 0x0102_1997];
    let named = [statfs::NFS_SUPER_MAGIC, statfs::SMB_SUPER_MAGIC, statfs::CODA_SUPER_MAGIC];
    let (raw, others) = (kind.0 as i64, others.map(i64::from));
    // CIFS and SMB 2 and 3 have numbers of their own.
    let smb = [0xff53_4d42_u32 as i32 as i64, 0xff53_4d42, 0xfe53_4d42_u32 as i32 as i64, 0xfe53_4d42];
    (named.contains(&kind) || others.contains(&raw) || smb.contains(&raw))
        .then(|| "another machine may change what lies there, and that is not announced here".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn foreign(_folder: &str) -> Option<String> {
    None
}

/// What no watch of a folder tells on this system.
const UNTOLD: Option<&str> = if cfg!(target_os = "linux") {
    None
} else {
    Some(
        "macOS tells what comes and goes in a folder; what is written to a file there is found at the next poll",
    )
};

fn explain(error: &notify::Error) -> String {
    match &error.kind {
        // kqueue holds each folder open.
        ErrorKind::Io(error)
            if cfg!(not(target_os = "linux")) && error.raw_os_error() == Some(libc::EMFILE) =>
        {
            "the limit of open files is reached; raise NumberOfFiles in the job of launchd".to_owned()
        }
        ErrorKind::MaxFilesWatch => {
            "the limit of watches is reached; raise the sysctl fs.inotify.max_user_watches".to_owned()
        }
        ErrorKind::Io(error) if error.raw_os_error() == Some(libc::EMFILE) => {
            "no file can be watched: raise the sysctl fs.inotify.max_user_instances".to_owned()
        }
        other => format!("it cannot be watched: {other:?}"),
    }
}

#[cfg(test)]
mod tests;
