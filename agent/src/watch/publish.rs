//! What leaves the watch: the record, the journal, the status, the metrics, and what a new configuration changes of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use checks::history::{Event, Moment};

use super::journal::{Entry, Kind, Priority};
use super::room_set::RoomSet;
use super::{Watch, load, metrics, status, tell, verdicts};
use crate::history::Store;
use crate::sandbox;

impl Watch {
    /// Its own files are no news to the watch, also where they lie in a folder that is watched.
    pub(super) fn pass_over(&self) {
        let status = self.options.state.join(status::FILE);
        let metrics = self.settings.watch.textfile_folder.as_ref().map(|folder| folder.join(metrics::FILE));
        self.files.pass_over(std::iter::once(status).chain(metrics));
    }

    /// The full report of the calendar: everything is looked at, whatever was announced.
    pub(super) fn report(&mut self) {
        self.look(RoomSet::ALL, true);
        let seen = self.judge();
        let now = self.clock.now();
        self.record(&now, Event::Digest { verdicts: verdicts(&seen) });
        self.journal.write(&tell::report(&self.summary(), &seen));
        self.status.report_due = self.settings.watch.full_report.after(now.wall);
        self.conclude();
    }

    /// Reads the configuration again. A broken one is told, and the old one kept.
    pub(super) fn reload(&mut self) {
        self.supervisor.reloading();
        match load(&self.options) {
            Err(error) => {
                let why = tell::one_line(&error.to_string());
                let message = format!("The configuration is broken and the one before stays: {why}");
                self.journal.write(&Entry::new(Kind::Trouble, Priority::Error, message));
                self.told.insert("configuration", error.to_string());
            }
            Ok(settings) => {
                self.settings = settings;
                self.pass_over();
                self.told.remove("configuration");
                let seen = self.judge();
                let now = self.clock.now();
                self.settling.restart(self.settings.watch.settle_seconds, &seen, &now);
                let files = self.settings.files.clone();
                self.record(&now, Event::Reconfigured { files, verdicts: verdicts(&seen) });
                self.status.report_due = self.settings.watch.full_report.after(now.wall);
                self.poll.0 = self.poll.0.min(Instant::now() + self.period());
                let message = format!("The configuration was read again: {}", self.summary());
                self.journal.write(&Entry::new(Kind::Watch, Priority::Information, message));
            }
        }
        self.publish();
        self.supervisor.ready(&self.summary());
    }

    /// Writes an entry of the record. What cannot be written waits in it; that is told once.
    pub(super) fn record(&mut self, now: &Moment, event: Event) {
        let (store, now) = (Arc::clone(&self.store), now.clone());
        let outcome = sandbox::write(move || locked(&store).append(now, event));
        self.trouble("record", outcome.err().map(|error| error.to_string()));
    }

    /// Writes what waits in the record for a disk that takes it.
    pub(super) fn flush(&mut self) {
        if locked(&self.store).waiting() == 0 {
            return;
        }
        let store = Arc::clone(&self.store);
        let outcome = sandbox::write(move || locked(&store).flush());
        self.trouble("record", outcome.err().map(|error| error.to_string()));
    }

    /// Tells of a trouble when it comes and when it goes.
    pub(super) fn trouble(&mut self, what: &'static str, now: Option<String>) {
        // Numbers in the message may grow; it is the same trouble.
        match (self.told.contains_key(what), now) {
            (false, Some(why)) => {
                self.journal.write(&Entry::new(Kind::Trouble, Priority::Error, tell::one_line(&why)));
                self.told.insert(what, why);
            }
            (true, Some(why)) => {
                self.told.insert(what, why);
            }
            (true, None) => {
                self.told.remove(what);
                let message = format!("What kept the {what} from being written is over");
                self.journal.write(&Entry::new(Kind::Trouble, Priority::Information, message));
            }
            (false, None) => {}
        }
    }

    /// Writes the metrics and the status, and tells the service manager if what it shows changed.
    pub(super) fn publish(&mut self) {
        let before = self.summary();
        tell::fill(&mut self.status, &self.settling, &self.detected.offer);
        let watch = &self.settings.watch;
        (self.status.settle_seconds, self.status.poll_seconds) = (watch.settle_seconds, watch.poll_seconds);
        self.status.folders = self.files.count();
        let (all, reads) =
            self.files.interest(|interest| (interest.rooms_of_any(), interest.polled.and(interest.glanced)));
        let polled = reads.and(self.blind());
        let names = |rooms: RoomSet| rooms.names().into_iter().map(str::to_owned).collect();
        self.status.polled = names(polled);
        self.status.watched = names(all.without(polled));
        self.status.gaps = self.files.gaps();
        #[cfg(target_os = "linux")]
        self.status.gaps.extend(self.announcements.gap().map(str::to_owned));
        if let Some(folder) = self.settings.watch.textfile_folder.clone() {
            let severity = |check: &str| self.severities.get(check).copied().unwrap_or_default();
            let states = self.settling.states().iter().map(|(check, state)| (*check, severity(check), state));
            let text = metrics::text(&self.status, states);
            let opened = self.metrics.as_ref() == Some(&folder);
            let place = folder.clone();
            let outcome = sandbox::write(move || status::replace(&folder, metrics::FILE, &text, 0o644));
            let why = outcome.err().map(|error| metrics::refused(&place, opened, &error));
            self.trouble("metrics", why);
        }
        // Last, so that it tells of all that could not be written.
        self.status.trouble = self.told.values().cloned().collect();
        self.status.recorded = locked(&self.store).head().sequence;
        let (status, folder) = (self.status.clone(), self.options.state.clone());
        let outcome = sandbox::write(move || status.write(&folder));
        let place = self.options.state.join(status::FILE);
        self.trouble(
            "status",
            outcome.err().map(|error| format!("{} cannot be written: {error}", place.display())),
        );
        let now = self.summary();
        if now != before {
            self.supervisor.status(&now);
        }
    }

    /// One line about how it stands.
    pub(super) fn summary(&self) -> String {
        tell::summary(&self.status)
    }
}

fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
