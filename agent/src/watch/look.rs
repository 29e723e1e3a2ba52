//! Looking: what was noticed is gathered again, what nobody announces is polled, and all of it is judged.

use std::time::{Duration, Instant};

use checks::providers::{self, Detected};
use checks::report;
use nix::time::{ClockId, clock_gettime};

use super::room_set::RoomSet;
use super::settle::Seen;
use super::{Watch, glance, judged, tell};
use crate::host::Live;

/// Every so many polls look at everything that nobody announces, and not only at what tells cheaply that it changed.
const WHOLE: u64 = 10;
/// What polls gather again takes no more than this share of the time, however busy the machine is: one part in so many.
const POLL_SHARE: u32 = 200;
/// Looks that cost as much have used memory that is worth giving back.
const HEAVY: Duration = Duration::from_millis(20);

impl Watch {
    /// Takes what the kernel announced.
    #[cfg(target_os = "linux")]
    pub(super) fn hear(&mut self) {
        let announced = self.announcements.take();
        let (nftables, network) = self.files.interest(|interest| (interest.nftables, interest.network));
        let mut rooms = RoomSet::NONE;
        if announced.nftables {
            rooms.add(nftables);
        }
        if announced.network {
            rooms.add(network);
        }
        self.soon(rooms);
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn hear(&mut self) {}

    /// Notes rooms that are to be gathered again soon.
    pub(super) fn soon(&mut self, rooms: RoomSet) {
        if !rooms.is_empty() {
            let now = Instant::now();
            self.dirty.add(rooms);
            self.pace.noticed(now, now);
        }
    }

    /// Gathers what files and the kernel told of.
    pub(super) fn gather_noticed(&mut self) {
        self.pace.looked();
        let mut rooms = std::mem::take(&mut self.dirty);
        let mut folders = false;
        if let Some(noticed) = self.files.noticed() {
            rooms.add(if noticed.lost { RoomSet::ALL } else { noticed.rooms });
            folders = noticed.folders || noticed.lost;
        }
        let before = cpu();
        self.look(rooms, folders);
        self.pace.spent(cpu().saturating_sub(before), Instant::now());
    }

    /// Gathers what a poll wanted.
    pub(super) fn gather_deferred(&mut self) -> RoomSet {
        let before = cpu();
        let rooms = std::mem::take(&mut self.deferred);
        let changed = self.look(rooms, false);
        self.affordable = Instant::now() + cpu().saturating_sub(before) * POLL_SHARE;
        changed
    }

    /// Gathers rooms again, and judges if that made a difference.
    pub(super) fn look(&mut self, rooms: RoomSet, folders: bool) -> RoomSet {
        let before = cpu();
        let renewed = self.gathered.renew(rooms, &mut self.files, folders);
        self.soon(renewed.late);
        if !renewed.changed.is_empty() {
            self.conclude();
        }
        if cpu().saturating_sub(before) > HEAVY {
            give_back_memory();
        }
        renewed.changed
    }

    /// Looks at what nobody announces.
    pub(super) fn poll(&mut self) {
        let number = self.poll.1 + 1;
        self.poll = (Instant::now() + self.period(), number);
        #[cfg(target_os = "linux")]
        self.announcements.listen();
        self.flush();
        let found = self.look_glance();
        let (glanced, polled, asked) =
            self.files.interest(|interest| (interest.glanced, interest.polled, interest.asked));
        let stirred = found.rooms.meets(glanced);
        let mut rooms = found.rooms.and(asked).and(self.blind());
        // kqueue tells what comes and goes in a folder and not what is written to a file there, and of what macOS's tools
        // say nobody tells: there the poll is what finds out, and the files only make it sooner.
        if cfg!(not(target_os = "linux")) {
            rooms = RoomSet::ALL;
        }
        // Who has just begun may have become another program since.
        if std::mem::replace(&mut self.stirred, stirred) {
            rooms.add(glanced);
        }
        let whole = number.is_multiple_of(WHOLE);
        if whole {
            rooms.add(polled.and(glanced));
        }
        if whole || found.mounts {
            rooms.add(self.files.sync(true).late);
        }
        self.deferred.add(rooms);
        if !self.deferred.is_empty() && self.affordable <= Instant::now() {
            let changed = self.gather_deferred();
            self.glance.learn(found, changed);
        }
        let now = self.clock.now().wall;
        self.status.looked_at = now;
        // Where the clock was set back, the next time is sooner than was thought.
        let next = self.settings.watch.full_report.after(now);
        self.status.report_due =
            self.status.report_due.into_iter().chain(next).min().filter(|_| next.is_some());
        if whole {
            // Time alone changes verdicts: waivers end, indexes grow old.
            self.conclude();
        } else {
            self.publish();
        }
    }

    pub(super) fn look_glance(&mut self) -> glance::Found {
        let (glanced, tales) = self.files.interest(|interest| (interest.glanced, interest.tales.clone()));
        self.glance.look(&Live::new(), glanced, &tales)
    }

    /// The rooms of which changes may go unannounced although somebody should announce them.
    pub(super) fn blind(&self) -> RoomSet {
        let files = self.files.blind();
        #[cfg(target_os = "linux")]
        let files = {
            let (nftables, network) = self.files.interest(|interest| (interest.nftables, interest.network));
            files.and(self.announcements.blind(nftables, network))
        };
        files
    }

    pub(super) fn period(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.watch.poll_seconds))
    }

    /// Judges what is known now.
    pub(super) fn judge(&mut self) -> Vec<Seen> {
        self.gathered.date();
        let facts = &self.gathered.facts;
        self.detected = match (&self.options.offer, &self.settings.offer) {
            (Some(id), _) => Detected { offer: id.clone(), how: "named on the command line".to_owned() },
            (None, Some((id, place))) => {
                Detected { offer: id.clone(), how: format!("configured in {place}") }
            }
            (None, None) => providers::detect(facts),
        };
        let policy = &mut self.settings.policy;
        // A guess at each password is dear: that is for reports.
        policy.compare_with_defaults = false;
        if policy.offer.id != self.detected.offer {
            policy.offer = providers::offer(&self.detected.offer).unwrap_or_default();
        }
        let report = report::judge(facts, policy, &self.detected, &[]);
        let seen = judged::seen(&report);
        self.severities = seen.iter().map(|seen| (seen.check, seen.severity.name())).collect();
        self.status.judged_at = self.gathered.facts.taken_at;
        self.status.looked_at = self.status.judged_at;
        seen
    }

    /// Judges, and tells what has lasted.
    pub(super) fn conclude(&mut self) {
        let seen = self.judge();
        let now = self.clock.now();
        for settled in self.settling.look(seen, &now) {
            self.journal.write(&tell::settled(&settled));
            if settled.added.is_empty() {
                self.record(&now, tell::transition(settled));
            }
        }
        self.publish();
    }
}

/// What this thread has taken of the processor's time.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back_memory() {
    crate::sys::give_back_memory();
}

/// Other allocators give back what is free by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back_memory() {}
