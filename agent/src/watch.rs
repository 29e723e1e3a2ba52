//! The long look: stays, hears of what changes, judges again, and tells what has lasted.

#[cfg(target_os = "linux")]
mod announcements;
mod bell;
mod calendar;
mod files;
mod gathered;
mod glance;
mod interest;
mod journal;
mod judged;
mod metrics;
mod pace;
mod room_set;
mod settle;
mod signals;
pub(crate) mod status;
mod supervisor;
mod tell;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::{Event, Moment};
use checks::providers::{self, Detected};
use checks::report;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};

#[cfg(target_os = "linux")]
use announcements::Announcements;
use bell::Bell;
pub(crate) use calendar::Calendar;
use files::Files;
use gathered::Gathered;
use glance::Glance;
use journal::{Entry, Journal, Kind, Priority};
use pace::Pace;
use room_set::RoomSet;
use settle::{Seen, Settling};
use signals::Asked;
use status::Status;
use supervisor::Supervisor;

use crate::config::{self, Settings};
use crate::history::{self, Clock, Folder, Store, past};
use crate::host::Live;

/// Every so many polls look at everything that nobody announces, and not only at what tells cheaply that it changed.
const WHOLE: u64 = 10;
/// What polls gather again takes no more than this share of the time, however busy the machine is: one part in so many.
const POLL_SHARE: u32 = 200;
/// Looks that cost as much have used memory that is worth giving back.
const HEAVY: Duration = Duration::from_millis(20);

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    /// The configuration file, if one was named.
    pub(crate) config: Option<PathBuf>,
    /// The offer, if one was named.
    pub(crate) offer: Option<String>,
    /// The state folder.
    pub(crate) state: PathBuf,
}

/// Why the watch could not begin.
#[derive(Debug)]
pub(crate) enum Error {
    /// The configuration is wrong.
    Config(config::Error),
    /// The record cannot be kept.
    History(history::Error),
    /// The system refused something that it takes.
    System(&'static str, String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::History(error) => error.fmt(f),
            Self::System(what, why) => {
                write!(f, "{what}: {why}\nlook at the limits of the process: files, threads")
            }
        }
    }
}

/// Watches this machine until it is told to stop.
///
/// # Errors
/// Only while it begins; later every trouble is told and worked around.
pub(crate) fn run(options: Options) -> Result<(), Error> {
    let settings = load(&options).map_err(Error::Config)?;
    let (bell, rope) =
        bell::hang().map_err(|error| Error::System("no socket could be made", error.to_string()))?;
    let another =
        rope.another().map_err(|error| Error::System("no socket could be made", error.to_string()))?;
    // Before any thread: none of them shall be met by a signal.
    let asked = signals::listen(another)
        .map_err(|errno| Error::System("signals could not be taken", errno.desc().to_owned()))?;
    let clock = Clock::new();
    let known = known(&options.state, &clock);
    let store = Store::open(&options.state).map_err(Error::History)?;
    let mut watch = Watch::new(options, settings, store, clock, Files::new(rope));
    watch.begin(&known);
    watch.attend(bell, &asked);
    watch.end();
    Ok(())
}

fn load(options: &Options) -> Result<Settings, config::Error> {
    match &options.config {
        Some(path) => config::from_file(path),
        None => config::from_host(&Live::new()),
    }
}

/// Since when the record says that each verdict holds. One that cannot be read is no reason not to watch.
fn known(state: &Path, clock: &Clock) -> BTreeMap<String, (Verdict, Timestamp)> {
    let read = Folder::open(state).and_then(|folder| past::read(&folder, clock, None));
    let Ok(past) = read else { return BTreeMap::new() };
    let held =
        |check: &String| Some((check.clone(), past.timeline.since(check).map(|it| (it.verdict, it.at))?));
    past.timeline.checks.keys().filter_map(held).collect()
}

/// The watch, with all that it knows.
struct Watch {
    options: Options,
    settings: Settings,
    detected: Detected,
    gathered: Gathered,
    files: Files,
    #[cfg(target_os = "linux")]
    announcements: Announcements,
    glance: Glance,
    settling: Settling,
    store: Store,
    clock: Clock,
    journal: Journal,
    supervisor: Supervisor,
    pace: Pace,
    status: Status,
    /// Rooms to gather again that no file told of.
    dirty: RoomSet,
    /// Rooms that a poll wants gathered again as soon as that is affordable.
    deferred: RoomSet,
    /// When what polls want gathered is affordable again.
    affordable: Instant,
    /// When the next poll is due, and how many there were.
    poll: (Instant, u64),
    /// Whether processes came or went at the last poll: they may have begun something else since.
    stirred: bool,
    /// When the service manager gets its next sign of life.
    pulse: Option<Instant>,
    /// The severity of each check under the offer.
    severities: BTreeMap<&'static str, &'static str>,
    /// What was said of each trouble, so that it is said once.
    told: BTreeMap<&'static str, String>,
}

impl Watch {
    fn new(options: Options, settings: Settings, store: Store, clock: Clock, files: Files) -> Self {
        let now = Instant::now();
        let began = clock.now();
        Self {
            settling: Settling::begin(settings.watch.settle_seconds, &[], &began),
            status: Status::begin(began.wall),
            detected: Detected { offer: String::new(), how: String::new() },
            gathered: Gathered::new(),
            #[cfg(target_os = "linux")]
            announcements: Announcements::default(),
            glance: Glance::default(),
            journal: Journal::open(),
            supervisor: Supervisor::from_environment(),
            pace: Pace::new(now),
            dirty: RoomSet::NONE,
            deferred: RoomSet::NONE,
            affordable: now,
            poll: (now, 0),
            stirred: false,
            pulse: None,
            severities: BTreeMap::new(),
            told: BTreeMap::new(),
            options,
            settings,
            files,
            store,
            clock,
        }
    }

    /// The first look: what it sees counts at once.
    fn begin(&mut self, known: &BTreeMap<String, (Verdict, Timestamp)>) {
        #[cfg(target_os = "linux")]
        self.announcements.listen();
        self.gathered.renew(RoomSet::ALL, &mut self.files, false);
        // What changes until the first poll is news.
        self.look_glance();
        let seen = self.judge();
        let now = self.clock.now();
        self.settling = Settling::begin(self.settings.watch.settle_seconds, &seen, &now);
        for seen in &seen {
            if let Some((_, since)) = known.get(seen.check).filter(|(verdict, _)| *verdict == seen.verdict) {
                self.settling.remember(seen.check, Moment { wall: *since, ..now.clone() });
            }
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let event = Event::Started { version, offer: self.detected.offer.clone(), verdicts: verdicts(&seen) };
        self.record(&now, event);
        self.status.report_due = self.settings.watch.full_report.after(now.wall);
        self.publish();
        let entry = Entry::new(Kind::Watch, Priority::Information, format!("Watching: {}", self.summary()))
            .with("HOSTDUTY_OFFER", self.detected.offer.clone());
        self.journal.write(&entry);
        self.supervisor.ready(&self.summary());
        give_back_memory();
        let started = Instant::now();
        self.pace = Pace::new(started);
        self.poll = (started + self.period(), 0);
        self.pulse = self.supervisor.pulse().map(|pulse| started + pulse);
    }

    /// The loop: sleeps until something is to be done, and does it.
    fn attend(&mut self, mut bell: Bell, asked: &Arc<Asked>) {
        loop {
            self.sleep(&bell);
            bell.hush();
            if asked.stop() {
                return;
            }
            if asked.reload() {
                self.reload();
            }
            self.hear();
            let now = Instant::now();
            if self.pulse.is_some_and(|pulse| pulse <= now) {
                self.supervisor.alive();
                self.pulse = self.supervisor.pulse().map(|pulse| now + pulse);
            }
            if self.poll.0 <= now {
                self.poll();
            }
            if !self.deferred.is_empty() && self.affordable <= Instant::now() {
                self.gather_deferred();
            }
            if self.pace.due().is_some_and(|due| due <= Instant::now()) {
                self.gather_noticed();
            }
            if self.settling.due().is_some_and(|due| due <= self.clock.now().monotonic_ms) {
                self.conclude();
            }
            if self.status.report_due.is_some_and(|due| due <= self.clock.now().wall) {
                self.report();
            }
        }
    }

    fn end(&mut self) {
        self.supervisor.stopping();
        let now = self.clock.now();
        self.record(&now, Event::Stopped);
        self.status.stopped_at = Some(now.wall);
        self.publish();
        self.journal.write(&Entry::new(Kind::Watch, Priority::Information, "Watching no more: told to stop"));
    }

    /// Sleeps until an event or the next thing that is due.
    fn sleep(&mut self, bell: &Bell) {
        let now = Instant::now();
        let moment = self.clock.now();
        let settled =
            self.settling.due().map(|due| Duration::from_millis(due.saturating_sub(moment.monotonic_ms)));
        // The calendar may be set: it is looked at again at every poll, whatever it says now.
        let report = self
            .status
            .report_due
            .map(|due| Duration::from_secs(u64::try_from(due.0.saturating_sub(moment.wall.0)).unwrap_or(0)));
        let until = |instant: Instant| instant.saturating_duration_since(now);
        if let Some(noticed) = self.files.peek() {
            self.pace.noticed(noticed.first, noticed.last);
        }
        let wait = [
            Some(until(self.poll.0)),
            self.pace.due().map(until),
            self.pulse.map(until),
            (!self.deferred.is_empty()).then(|| until(self.affordable)),
            settled,
            report,
        ];
        let wait = wait.into_iter().flatten().min().unwrap_or(Duration::ZERO);
        // A millisecond more, or the last one would be spent turning round and round.
        let wait = match wait {
            Duration::ZERO => PollTimeout::ZERO,
            wait => PollTimeout::try_from(wait + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
        };
        let mut watched = vec![PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        #[cfg(target_os = "linux")]
        watched.extend(
            self.announcements.sockets().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut watched, wait) {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            // Nothing that this process could do would mend it; it must not turn into a busy loop.
            Err(_) => std::thread::sleep(Duration::from_secs(1)),
        }
    }

    /// Takes what the kernel announced.
    #[cfg(target_os = "linux")]
    fn hear(&mut self) {
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
    fn hear(&mut self) {}

    /// Notes rooms that are to be gathered again soon.
    fn soon(&mut self, rooms: RoomSet) {
        if !rooms.is_empty() {
            let now = Instant::now();
            self.dirty.add(rooms);
            self.pace.noticed(now, now);
        }
    }

    /// Gathers what files and the kernel told of.
    fn gather_noticed(&mut self) {
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
    fn gather_deferred(&mut self) -> RoomSet {
        let before = cpu();
        let rooms = std::mem::take(&mut self.deferred);
        let changed = self.look(rooms, false);
        self.affordable = Instant::now() + cpu().saturating_sub(before) * POLL_SHARE;
        changed
    }

    /// Gathers rooms again, and judges if that made a difference.
    fn look(&mut self, rooms: RoomSet, folders: bool) -> RoomSet {
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
    fn poll(&mut self) {
        let number = self.poll.1 + 1;
        self.poll = (Instant::now() + self.period(), number);
        #[cfg(target_os = "linux")]
        self.announcements.listen();
        if self.store.waiting() > 0 {
            let outcome = self.store.flush();
            self.trouble("record", outcome.err().map(|error| error.to_string()));
        }
        let found = self.look_glance();
        let (glanced, polled, asked) =
            self.files.interest(|interest| (interest.glanced, interest.polled, interest.asked));
        let stirred = found.rooms.meets(glanced);
        let mut rooms = found.rooms.and(asked).and(self.blind());
        if stirred || std::mem::replace(&mut self.stirred, stirred) {
            rooms.add(glanced);
        }
        let whole = number % WHOLE == 0;
        if whole {
            rooms.add(polled.and(glanced));
        }
        self.deferred.add(rooms);
        if !self.deferred.is_empty() && self.affordable <= Instant::now() {
            let changed = self.gather_deferred();
            self.glance.learn(found, changed);
        }
        self.status.looked_at = self.clock.now().wall;
        if whole {
            // Time alone changes verdicts: waivers end, indexes grow old.
            self.conclude();
        } else {
            self.publish();
        }
    }

    fn look_glance(&mut self) -> glance::Found {
        let (glanced, tales) = self.files.interest(|interest| (interest.glanced, interest.tales.clone()));
        self.glance.look(&Live::new(), glanced, &tales)
    }

    /// The rooms of which changes may go unannounced although somebody should announce them.
    fn blind(&self) -> RoomSet {
        let files = self.files.blind();
        #[cfg(target_os = "linux")]
        let files = {
            let (nftables, network) = self.files.interest(|interest| (interest.nftables, interest.network));
            files.and(self.announcements.blind(nftables, network))
        };
        files
    }

    fn period(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.watch.poll_seconds))
    }

    /// Judges what is known now.
    fn judge(&mut self) -> Vec<Seen> {
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
    fn conclude(&mut self) {
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

    /// The full report of the calendar: everything is looked at, whatever was announced.
    fn report(&mut self) {
        self.look(RoomSet::ALL, true);
        let seen = self.judge();
        let now = self.clock.now();
        self.record(&now, Event::Digest { verdicts: verdicts(&seen) });
        self.journal.write(&tell::report(&self.summary(), &seen));
        self.status.report_due = self.settings.watch.full_report.after(now.wall);
        self.conclude();
    }

    /// Reads the configuration again. A broken one is told, and the old one kept.
    fn reload(&mut self) {
        self.supervisor.reloading();
        match load(&self.options) {
            Err(error) => {
                let message = format!("The configuration is broken and the one before stays: {error}");
                self.journal.write(&Entry::new(Kind::Trouble, Priority::Error, message));
                self.told.insert("configuration", error.to_string());
            }
            Ok(settings) => {
                self.settings = settings;
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
    fn record(&mut self, now: &Moment, event: Event) {
        let outcome = self.store.append(now.clone(), event);
        self.trouble("record", outcome.err().map(|error| error.to_string()));
    }

    /// Tells of a trouble when it comes and when it goes.
    fn trouble(&mut self, what: &'static str, now: Option<String>) {
        // Numbers in the message may grow; it is the same trouble.
        match (self.told.contains_key(what), now) {
            (false, Some(why)) => {
                self.journal.write(&Entry::new(Kind::Trouble, Priority::Error, why.clone()));
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

    /// Writes the status and the metrics, and tells the service manager if what it shows changed.
    fn publish(&mut self) {
        let before = self.summary();
        tell::fill(&mut self.status, &self.settling, &self.detected.offer);
        let watch = &self.settings.watch;
        (self.status.settle_seconds, self.status.poll_seconds) = (watch.settle_seconds, watch.poll_seconds);
        self.status.folders = self.files.count();
        let reads = self.files.interest(|interest| interest.polled.and(interest.glanced));
        let polled = reads.and(self.blind());
        let names = |rooms: RoomSet| rooms.names().into_iter().map(str::to_owned).collect();
        self.status.polled = names(polled);
        self.status.watched = names(RoomSet::ALL.without(polled));
        self.status.gaps = self.files.gaps();
        #[cfg(target_os = "linux")]
        self.status.gaps.extend(self.announcements.gap().map(str::to_owned));
        self.status.trouble = self.told.values().cloned().collect();
        self.status.recorded = self.store.head().sequence;
        let outcome = self.status.write(&self.options.state);
        let place = self.options.state.join(status::FILE);
        self.trouble(
            "status",
            outcome.err().map(|error| format!("{} cannot be written: {error}", place.display())),
        );
        if let Some(folder) = self.settings.watch.textfile_folder.clone() {
            let severity = |check: &str| self.severities.get(check).copied().unwrap_or_default();
            let states = self.settling.states().iter().map(|(check, state)| (*check, severity(check), state));
            let text = metrics::text(&self.status, states);
            let outcome = status::replace(&folder, metrics::FILE, &text, 0o644);
            let place = folder.join(metrics::FILE);
            let why = outcome.err().map(|error| {
                format!(
                    "{} cannot be written: {error}\nmake the folder, or change textfile_folder",
                    place.display()
                )
            });
            self.trouble("metrics", why);
        }
        let now = self.summary();
        if now != before {
            self.supervisor.status(&now);
        }
    }

    /// One line about how it stands.
    fn summary(&self) -> String {
        tell::summary(&self.status)
    }
}

/// Every check's verdict, as the record holds it.
fn verdicts(seen: &[Seen]) -> BTreeMap<String, Verdict> {
    seen.iter().map(|seen| (seen.check.to_owned(), seen.verdict)).collect()
}

/// What this thread has taken of the processor's time.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back_memory() {
    crate::sys::give_back_memory();
}

/// Other allocators give back what is free by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back_memory() {}
