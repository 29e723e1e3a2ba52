//! A wrapper around a host that knows every path, kernel query and command that was asked for, and what came of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;

use checks::date::Timestamp;
use checks::gap::{Gap, GapKind};
use checks::host::{Command, Host, Output, Query, Stat, System};

/// Something that a room asked of its host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// The content or the metadata of a path.
    Path(String),
    /// The names in a folder.
    Folder(String),
    /// A question to the kernel.
    Query(Query),
    /// A command.
    Run(String),
}

impl std::fmt::Display for Touch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Folder(path) => write!(f, "{}/", path.trim_end_matches('/')),
            Self::Query(query) => f.write_str(&query.subject()),
            Self::Run(line) => f.write_str(line),
        }
    }
}

/// Takes notes of what is asked of a host.
pub(crate) struct Recorder<'a> {
    host: &'a dyn Host,
    notes: RefCell<BTreeMap<Touch, Option<GapKind>>>,
}

impl<'a> Recorder<'a> {
    /// A wrapper with empty notes.
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Self { host, notes: RefCell::default() }
    }

    /// Everything that was asked for, and the gap it met, if any.
    pub(crate) fn notes(self) -> BTreeMap<Touch, Option<GapKind>> {
        self.notes.into_inner()
    }

    fn note<T>(&self, touch: Touch, answer: Result<T, Gap>) -> Result<T, Gap> {
        let met = answer.as_ref().err().map(|gap| gap.why);
        let mut notes = self.notes.borrow_mut();
        // A path that can be seen but not read has met a gap.
        let kept = notes.entry(touch).or_insert(met);
        *kept = kept.or(met);
        answer
    }

    fn path(path: &str) -> Touch {
        Touch::Path(path.to_owned())
    }
}

impl Host for Recorder<'_> {
    fn system(&self) -> System {
        self.host.system()
    }
    fn now(&self) -> Timestamp {
        self.host.now()
    }
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        self.note(Self::path(path), self.host.read(path, limit))
    }
    fn read_as(&self, path: &str, uid: u32, limit: usize) -> Result<Vec<u8>, Gap> {
        self.note(Self::path(path), self.host.read_as(path, uid, limit))
    }
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap> {
        self.note(Self::path(path), self.host.open(path))
    }
    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        self.note(Self::path(path), self.host.read_at(path, offset, len))
    }
    fn read_block_device(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        self.note(Self::path(path), self.host.read_block_device(path, offset, len))
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap> {
        self.note(Touch::Folder(dir.to_owned()), self.host.list(dir))
    }
    fn stat(&self, path: &str) -> Result<Stat, Gap> {
        self.note(Self::path(path), self.host.stat(path))
    }
    fn stat_link(&self, path: &str) -> Result<Stat, Gap> {
        self.note(Self::path(path), self.host.stat_link(path))
    }
    fn read_link(&self, path: &str) -> Result<String, Gap> {
        let answer = self.host.read_link(path);
        // That a file is no symlink is an answer and no obstacle.
        if answer.as_ref().is_err_and(|gap| gap.why == GapKind::Unsupported) {
            self.notes.borrow_mut().entry(Self::path(path)).or_insert(None);
            return answer;
        }
        self.note(Self::path(path), answer)
    }
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        self.note(Touch::Query(query.clone()), self.host.query(query))
    }
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        self.note(Touch::Run(command.line()), self.host.run(command))
    }
}

#[cfg(test)]
mod tests {
    use checks::facts;
    use checks::host::Tree;

    use super::*;

    #[test]
    fn a_room_cannot_read_unnoticed() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/os-release", "ID=debian\n")
            .refuse("/sys/class/dmi/id/product_uuid", Gap::denied("/sys/class/dmi/id/product_uuid"));
        let recorder = Recorder::new(&tree);
        let mut gathered = facts::begin(&recorder);
        let room = facts::ROOMS.iter().find(|room| room.name == "machine").unwrap();
        (room.gather)(&recorder, &mut gathered);
        let notes = recorder.notes();
        let of = |path: &str| notes.get(&Touch::Path(path.to_owned())).copied();
        assert_eq!(of("/etc/os-release"), Some(None));
        assert_eq!(of("/sys/class/dmi/id/product_uuid"), Some(Some(GapKind::Denied)));
        assert_eq!(notes.get(&Touch::Query(Query::BootTime)), Some(&Some(GapKind::Offline)));
    }
}
