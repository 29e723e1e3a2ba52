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
mod look;
mod metrics;
mod pace;
mod publish;
mod room_set;
mod settle;
mod signals;
pub(crate) mod status;
mod supervisor;
mod tell;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::history::{Event, Moment};
use checks::providers::Detected;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

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
use crate::sandbox;

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
    // Whoever comes later, the threads of the watcher included, can neither write nor connect nor execute.
    let metrics = settings.watch.textfile_folder.clone();
    sandbox::confine(std::iter::once(options.state.clone()).chain(metrics).collect(), None);
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
    /// Shared with the thread that writes.
    store: Arc<Mutex<Store>>,
    clock: Clock,
    journal: Journal,
    supervisor: Supervisor,
    /// The folder for metrics that was opened for writing at the start.
    metrics: Option<PathBuf>,
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
            metrics: settings.watch.textfile_folder.clone(),
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
            store: Arc::new(Mutex::new(store)),
            clock,
        }
    }

    /// The first look: what it sees counts at once.
    fn begin(&mut self, known: &BTreeMap<String, (Verdict, Timestamp)>) {
        #[cfg(target_os = "linux")]
        self.announcements.listen();
        self.pass_over();
        // Looked at before and after: what changes in between is gathered once more.
        self.look_glance();
        self.gathered.renew(RoomSet::ALL, &mut self.files, false);
        self.deferred = self.look_glance().rooms;
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
        look::give_back_memory();
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
}

/// Every check's verdict, as the record holds it.
fn verdicts(seen: &[Seen]) -> BTreeMap<String, Verdict> {
    seen.iter().map(|seen| (seen.check.to_owned(), seen.verdict)).collect()
}
