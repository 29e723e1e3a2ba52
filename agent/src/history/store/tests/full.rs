//! A state folder without room, and one that is read-only: nothing that was written is lost, and what is lost is told.

use std::process::Command;

use super::say::left_out;
use super::*;

const FOLDER: &str = "HOSTDUTY_TEST_DISK";

#[test]
fn a_full_or_read_only_folder_loses_nothing_that_was_written() {
    if std::env::var_os("HOSTDUTY_LAB").is_none() {
        left_out("a full state folder (tests/run runs it as root)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=256k,mode=755 tmpfs \"$1\" && shift && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["history::store::tests::full::on_a_small_disk", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Not a test of its own: it is run on a disk of 256 KiB, which the test above mounts where nobody else sees it.
#[test]
#[ignore = "what the test of a full folder starts"]
fn on_a_small_disk() {
    let Some(disk) = std::env::var_os(FOLDER) else { return };
    let disk = Path::new(&disk);
    let folder = disk.join("state");
    let clock = Clock::new();
    let mut store = Store::open(&folder).unwrap();
    let mut written = 0_u64;
    // Until there is no room for a line.
    fs::write(disk.join("ballast"), vec![0; 200 << 10]).unwrap();
    while store.append(clock.now(), digest(Verdict::Pass)).is_ok() {
        written += 1;
        assert!(written < 10_000);
    }
    let error = store.append(clock.now(), digest(Verdict::Fail)).unwrap_err();
    assert!(error.to_string().contains("entries that wait in memory: 2; make room"), "{error}");
    assert_eq!((store.waiting(), store.head().sequence), (2, written));
    let found = verified(&folder);
    assert_eq!((found.entries, found.problems.len()), (written, 0), "{found:?}");
    // A reader is not held up by it, and whoever comes next finds a whole record.
    fs::remove_file(disk.join("ballast")).unwrap();
    store.append(clock.now(), digest(Verdict::Pass)).unwrap();
    assert_eq!((store.waiting(), store.head().sequence), (0, written + 3));
    assert!(verified(&folder).problems.is_empty());

    // Full for longer than the memory for it lasts.
    fs::write(disk.join("ballast"), vec![0; 256 << 10]).unwrap_err();
    let first = clock.now();
    let mut refused = 0_u64;
    while refused < queue::MOST as u64 + 10 {
        refused += u64::from(store.append(clock.now(), digest(Verdict::Fail)).is_err());
    }
    assert_eq!(store.waiting(), queue::MOST + 1);
    let before = store.head().sequence;
    fs::remove_file(disk.join("ballast")).unwrap();
    // There is room for some of them only: what does not fit goes on waiting.
    assert!(store.flush().is_err() && store.waiting() > 0);
    let lost = entries(&folder).into_iter().nth(usize::try_from(before).unwrap()).unwrap().event;
    match lost {
        Event::Lost { since, entries, why } => {
            assert_eq!(entries, 10);
            assert!(since.monotonic_ms >= first.monotonic_ms && why.contains("No space left"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert!(verified(&folder).problems.is_empty());
    drop(store);

    // Read-only: writing is refused with a reason, reading goes on.
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(disk).status().unwrap();
    assert!(remount.success());
    let error = Store::open(&folder).unwrap_err();
    assert!(matches!(&error, Error::Write(..)), "{error}");
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    assert!(verified(&folder).problems.is_empty());
    assert!(past::read(&Folder::open(&folder).unwrap(), &clock, None).unwrap().timeline.from.is_some());
}
