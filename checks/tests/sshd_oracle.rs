//! The engine for sshd_config(5) says what the real `sshd -T -C` of Debian 11, 12 and 13 says, and refuses what it refuses.
//!
//! The roots come from `tests/run` in HOSTDUTY_SSHD_ROOTS, one folder each. Every run draws the same
//! configurations; HOSTDUTY_SEED draws others, HOSTDUTY_NIGHTLY=1 new ones, and twenty times as many.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;
mod sshd;

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use say::left_out;
use sshd::theirs::{Answer, Desk, Room};
use sshd::{Pair, draw, found, ours, written};

/// Differences that are made small and shown.
const SHOWN: usize = 12;

/// What sshd says of a word that names no port and no address.
const NAMES: &[&str] =
    &["Badly formatted port number", "bad port number", "Invalid LocalPort", "Name or service not known"];

#[test]
fn what_is_written_by_hand() {
    for room in rooms() {
        let pairs = written::pairs();
        compare(&room, "written by hand", pairs.len(), &|number| (number.to_string(), pairs[number].clone()));
    }
}

#[test]
fn what_was_found_once() {
    for room in rooms() {
        let pairs = found::pairs();
        compare(&room, "found once", pairs.len(), &|number| {
            (pairs[number].0.to_owned(), pairs[number].1.clone())
        });
    }
}

#[test]
fn what_is_drawn() {
    let nightly = env::var_os("HOSTDUTY_NIGHTLY").is_some();
    // What is drawn by chance may find a fault of any age: that is for the night, not for somebody else's change.
    let seed = match env::var("HOSTDUTY_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed,
        None if nightly => std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
        None => 1,
    };
    let count = if nightly { 10_000 } else { 500 };
    for room in rooms() {
        let version = room.build.version;
        let drawn = |number: usize| (number.to_string(), draw::pair(seed, number as u64, version));
        let refused = compare(&room, &format!("drawn with HOSTDUTY_SEED={seed}"), count, &drawn);
        assert!((count / 10..count * 3 / 10).contains(&refused), "{refused} of {count} refused: seed {seed}");
    }
}

/// The Debians to ask.
fn rooms() -> Vec<Room> {
    let roots = env::var("HOSTDUTY_SSHD_ROOTS").unwrap_or_default();
    let is_root =
        fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t0"));
    let mut rooms = Vec::new();
    for suite in ["bullseye", "bookworm", "trixie"] {
        let root = Path::new(&roots).join(suite);
        match is_root && !roots.is_empty() && root.join("usr/sbin/sshd").exists() {
            true => rooms.push(Room::open(&root)),
            false => left_out(format!(
                "comparing with sshd of {suite}, which takes root and what tests/run unpacks"
            )),
        }
    }
    rooms
}

/// Compares pair after pair on all processors; how many sshd refuses.
fn compare(room: &Room, what: &str, count: usize, pair: &(dyn Fn(usize) -> (String, Pair) + Sync)) -> usize {
    let (next, refused, asked, differ) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let shown = Mutex::new(String::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (next, refused, asked, differ, shown) = (&next, &refused, &asked, &differ, &shown);
            scope.spawn(move || {
                let desk = room.desk();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let (name, pair) = pair(at);
                    let theirs = desk.ask(&pair);
                    match theirs {
                        Answer::Refuses(_) => refused.fetch_add(1, Ordering::Relaxed),
                        Answer::Asks => asked.fetch_add(1, Ordering::Relaxed),
                        Answer::Says(_) => 0,
                    };
                    if difference(&desk, &pair, theirs).is_some()
                        && differ.fetch_add(1, Ordering::Relaxed) < SHOWN
                    {
                        let text = report(&desk, pair);
                        let _ = writeln!(shown.lock().unwrap(), "{name}:\n{text}");
                    }
                }
            });
        }
    });
    let (refused, asked, differ) = (refused.into_inner(), asked.into_inner(), differ.into_inner());
    eprintln!(
        "{}: {count} pairs {what}, {refused} refused, {asked} not answered, {differ} differ",
        room.build.release
    );
    assert!(
        differ == 0,
        "{}, {what}: {differ} of {count} differ\n{}",
        room.build.release,
        shown.into_inner().unwrap()
    );
    refused
}

/// Where the answers differ, if they do.
fn difference(desk: &Desk<'_>, pair: &Pair, theirs: Answer) -> Option<String> {
    let ours = ours::answer(pair, &desk.conf(), &desk.room.build);
    match (theirs, ours) {
        // Whether a word names a port or an address, only the machine knows.
        (Answer::Refuses(why), Answer::Says(ours))
            if ours.iter().any(|line| line.starts_with("gap: "))
                && NAMES.iter().any(|name| why.contains(name)) =>
        {
            None
        }
        (Answer::Asks, _) | (Answer::Refuses(_), Answer::Refuses(_)) => None,
        (Answer::Says(theirs), Answer::Says(ours)) => {
            let theirs = ours::compared(theirs.iter().map(String::as_str));
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|line| !those.contains(line)).cloned().collect()
            };
            (theirs != ours)
                .then(|| format!("sshd: {:#?}\nours: {:#?}", only(&theirs, &ours), only(&ours, &theirs)))
        }
        (theirs, ours) => {
            let short = |answer: Answer| match answer {
                Answer::Says(lines) if lines.len() == 1 => lines.concat(),
                Answer::Says(_) => "accepted".to_owned(),
                other => format!("{other:?}"),
            };
            Some(format!("sshd: {}\nours: {}", short(theirs), short(ours)))
        }
    }
}

/// The smallest pair that still differs, and how.
fn report(desk: &Desk<'_>, mut pair: Pair) -> String {
    loop {
        let smaller =
            pair.smaller().into_iter().find(|less| difference(desk, less, desk.ask(less)).is_some());
        match smaller {
            Some(less) => pair = less,
            None => break,
        }
    }
    let how = difference(desk, &pair, desk.ask(&pair)).unwrap_or_default();
    format!("{pair}{how}")
}
