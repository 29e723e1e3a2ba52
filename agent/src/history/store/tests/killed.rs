//! A writer that is killed at random instants: what it said was written is there, and the chain holds.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const FOLDER: &str = "HOSTDUTY_TEST_FOLDER";
/// On each of two disks.
const KILLS: u32 = 100;

/// Not a test: what the test below starts. It says the number of each entry once that is on the disk.
#[test]
#[ignore = "the writer that the test of killing starts"]
#[allow(clippy::print_stdout, reason = "the test reads it")]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let clock = Clock::new();
    let mut store = Store::with(Path::new(&folder), 300_000).unwrap();
    for number in 0.. {
        // Lines of many pages are those that a kill can tear.
        let evidence = vec!["x".repeat(400); if number % 3 == 0 { 30 } else { 1 }];
        let (now, check) = (clock.now(), "ssh-key-only".to_owned());
        let (from, to) = (None, Verdict::Fail);
        let first_seen = now.clone();
        let event = Event::Transition { check, from, to, first_seen, reason: String::new(), evidence };
        store.append(now, event).unwrap();
        println!("\nwritten {}", store.head().sequence);
    }
}

#[test]
fn two_hundred_kills_lose_nothing_that_was_written() {
    // On a disk most instants lie in fdatasync(2), in memory most lie elsewhere.
    kill(tempfile::tempdir().unwrap());
    match tempfile::tempdir_in("/dev/shm") {
        Ok(dir) => kill(dir),
        Err(_) => say::left_out("kills of a writer to memory: there is no /dev/shm"),
    }
}

fn kill(dir: tempfile::TempDir) {
    let folder = Folder::open(dir.path()).unwrap();
    let mut random =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let (mut said, mut torn, mut torn_after) = (0_u64, 0_u64, None);
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["history::store::tests::killed::writer", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("written ")?.parse().ok());
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Some are killed before their first word, most between their first and their twentieth millisecond of writing.
        let mut numbers: Box<dyn Iterator<Item = u64>> = Box::new(numbers);
        if !random.is_multiple_of(8) {
            said = numbers.next().unwrap_or(said);
        }
        std::thread::sleep(Duration::from_micros(u64::from(random >> 8) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        said = numbers.last().unwrap_or(said);
        let tail = tail::find(&folder).unwrap();
        let last = tail.last.unwrap_or_default();
        // Who was killed before it repaired anything left the same line, which is repaired once.
        if (last.torn > 0 || last.unended) && torn_after != Some(tail.head.sequence) {
            torn_after = Some(tail.head.sequence);
            torn += 1;
        }
        assert!(tail.head.sequence >= said, "{said} was written, and {:?} is the end", tail.head);
    }
    drop(Store::open(dir.path()).unwrap());
    let found = verified(dir.path());
    assert!(found.problems.is_empty() && found.entries > u64::from(KILLS), "{found:?}");
    let repairs =
        entries(dir.path()).iter().filter(|entry| matches!(entry.event, Event::Repaired { .. })).count();
    assert!(repairs as u64 >= torn, "{torn} torn lines, {repairs} repairs");
}
