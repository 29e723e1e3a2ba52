//! What waits for a disk that takes it: so much, and beyond that the newest, with a note of what was lost.

use std::collections::VecDeque;

use checks::history::{Event, Moment};

use crate::history::Error;

/// So many entries wait; at a few hundred bytes each they are far below what the service may use.
pub(super) const MOST: usize = 1024;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    events: VecDeque<(Moment, Event)>,
    lost: Option<Lost>,
    /// Why nothing could be written last.
    why: String,
}

/// What waits no more.
#[derive(Debug)]
struct Lost {
    since: Moment,
    until: Moment,
    entries: u64,
}

impl Queue {
    /// Adds an event. When they are too many the oldest goes: the newest tell how things stand now.
    pub(super) fn push(&mut self, moment: Moment, event: Event) {
        self.events.push_back((moment, event));
        if self.events.len() <= MOST {
            return;
        }
        let Some((moment, _)) = self.events.pop_front() else { return };
        let lost = self.lost.get_or_insert_with(|| Lost {
            since: moment.clone(),
            until: moment.clone(),
            entries: 0,
        });
        lost.until = moment;
        lost.entries += 1;
    }

    /// What is to be written next.
    pub(super) fn first(&self) -> Option<(Moment, Event)> {
        match &self.lost {
            Some(lost) => {
                let (since, why) = (lost.since.clone(), self.why.clone());
                Some((lost.until.clone(), Event::Lost { since, entries: lost.entries, why }))
            }
            None => self.events.front().cloned(),
        }
    }

    /// That was written.
    pub(super) fn written(&mut self) {
        if self.lost.take().is_none() {
            self.events.pop_front();
        }
    }

    /// It was not, and why.
    pub(super) fn failed(&mut self, error: &Error) {
        if let Error::Write(place, error, _) = error {
            self.why = format!("{} could not be written: {error}", place.display());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len() + usize::from(self.lost.is_some())
    }
}
