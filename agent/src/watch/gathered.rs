//! The facts of this machine, kept current: only the rooms that may read something else are gathered again.

use checks::facts::{self, Facts, ROOMS};
use checks::host::{FileKind, Host};

use super::files::Files;
use super::interest::{Links, Reach};
use super::room_set::RoomSet;
use crate::host::{Live, Recorder};

/// So often a room is gathered again because its folders were not watched yet while it was gathered.
const ROUNDS: usize = 3;

/// The facts of this machine.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) facts: Facts,
}

/// What a look at the machine came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Renewed {
    /// The rooms that hold other facts now.
    pub(crate) changed: RoomSet,
    /// The rooms that have to be gathered once more, because their folders were watched too late each time.
    pub(crate) late: RoomSet,
}

impl Gathered {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self { facts: facts::begin(&Live::new()) }
    }

    /// The facts are those of now, also where nothing was gathered again.
    pub(crate) fn date(&mut self) {
        self.facts.taken_at = Live::new().now();
    }

    /// Gathers rooms again, and those that read from them if they hold other facts now; and watches what they read.
    pub(crate) fn renew(&mut self, rooms: RoomSet, files: &mut Files, folders: bool) -> Renewed {
        let mut renewed = Renewed { late: rooms, ..Renewed::default() };
        let mut folders = folders;
        for _ in 0..ROUNDS {
            renewed.changed.add(self.round(renewed.late, files));
            renewed.late = files.sync(std::mem::take(&mut folders)).late;
            if renewed.late.is_empty() {
                break;
            }
        }
        renewed
    }

    fn round(&mut self, rooms: RoomSet, files: &Files) -> RoomSet {
        let live = Live::new();
        let read_link = |path: &str| live.read_link(path);
        let is_folder = |path: &str| live.stat(path).is_ok_and(|there| there.kind == FileKind::Dir);
        let mut links = Links::new(&read_link, &is_folder);
        let mut changed = RoomSet::NONE;
        self.facts.taken_at = live.now();
        let mut before = Facts::default();
        for (place, room) in ROOMS.iter().enumerate() {
            let this = RoomSet::only(place);
            let follows = room.after.iter().any(|name| changed.meets(RoomSet::named(name)));
            if !rooms.meets(this) && !follows {
                continue;
            }
            let recorder = Recorder::new(&live);
            (room.exchange)(&mut self.facts, &mut before);
            (room.gather)(&recorder, &mut self.facts);
            // After this the old facts are in place; what is equal may stay there.
            if !(room.exchange)(&mut self.facts, &mut before) {
                (room.exchange)(&mut self.facts, &mut before);
                changed.add(this);
            }
            let notes = recorder.notes();
            let reach = Reach::of(notes.keys(), &mut links);
            files.interest(|interest| interest.set(this, &reach));
        }
        changed
    }
}
