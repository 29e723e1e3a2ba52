//! hostduty reads from a database of rpm what `rpm -qa` says of it: in SQLite's format and in ndb.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod host;
mod say;
#[path = "rpm_oracle/workshop.rs"]
mod workshop;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use checks::date::Timestamp;
use checks::facts::packages::{Manager, Packages};
use checks::facts::{Facts, ROOMS};
use checks::gap::{Gap, GapKind};
use host::Root;
use say::left_out;
use workshop::{Rpm, Workshop, crowd, large, many, preamble};

const FORMAT: &str = "%{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{VENDOR}\t%{MODULARITYLABEL}\t%{INSTALLTIME}\n";

/// What hostduty finds below a root.
fn found(root: &Path) -> Result<Packages, Gap> {
    let mut facts = Facts::default();
    let room = ROOMS.iter().find(|room| room.name == "packages").unwrap();
    (room.gather)(&Root::new(root.to_str().unwrap(), Timestamp(0)).unwrap(), &mut facts);
    facts.packages.known().cloned()
}

/// One line for each package, as rpm is asked to print it.
fn lines(packages: &Packages) -> BTreeSet<String> {
    let none = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    let line = |one: &checks::facts::packages::rpm::Installed| {
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            one.name,
            one.epoch,
            one.version,
            one.release,
            one.architecture,
            one.source,
            none(&one.vendor),
            none(&one.module),
            one.installed_at.unwrap().0
        )
    };
    packages.rpm.iter().map(line).collect()
}

fn database(root: &Path) -> PathBuf {
    root.join("var/lib/rpm")
}

fn compare(rpm: &Rpm, root: &Path) -> Packages {
    let ours = found(root).unwrap();
    let theirs: BTreeSet<String> = rpm
        .run(&database(root), &["-qa", "--qf", FORMAT])
        .lines()
        .filter(|line| !line.starts_with("gpg-pubkey\t"))
        .map(str::to_owned)
        .collect();
    let ours_lines = lines(&ours);
    assert_eq!(ours_lines.len(), ours.rpm.len());
    let (more, less) = (ours_lines.difference(&theirs), theirs.difference(&ours_lines));
    assert_eq!((more.collect::<Vec<_>>(), less.collect::<Vec<_>>()), (Vec::new(), Vec::new()));
    ours
}

/// A root in which packages of every kind were installed and some removed again.
fn furnish(rpm: &Rpm, workshop: &Workshop, root: &Path) {
    let database = database(root);
    rpm.install(&database, &workshop.build("many", "x86_64", &many()));
    rpm.install(&database, &workshop.build("crowd", "noarch", &crowd()));
    rpm.install(&database, &workshop.build("large", "x86_64", &large()));
    let library = preamble("library", (1, "2.3", "4.el9"), "");
    rpm.install(&database, &workshop.build("library", "x86_64", &library));
    rpm.install(&database, &workshop.build("library", "i686", &library));
    for release in ["70.13.1.el9_0", "427.el9", "427.13.1.el9_4", "99.el9"] {
        let kernel = preamble("kernel-core", (0, "5.14.0", release), "");
        rpm.install(&database, &workshop.build(&format!("kernel-{release}"), "x86_64", &kernel));
    }
    // What was removed leaves its pages behind, and others are put in its place.
    rpm.run(&database, &["--erase", "--justdb", "--nodeps", "part7", "part8", "part21", "part59"]);
    rpm.install(&database, &workshop.build("later", "x86_64", &preamble("later", (0, "1", "1"), "")));
}

fn holds(rpm: &Rpm, root: &Path) {
    let packages = compare(rpm, root);
    assert_eq!(packages.manager, Manager::Rpm);
    assert_eq!(packages.architecture, "x86_64");
    assert_eq!(packages.version("library"), Some("1:2.3-4.el9"));
    assert_eq!(packages.version("library.i686"), Some("1:2.3-4.el9"));
    assert_eq!(packages.version("part6"), Some("4294967295:9-1"));
    assert_eq!(packages.version("large"), Some("3:1.0-1"));
    assert_eq!(packages.version("part7"), None);
    assert_eq!(packages.version("kernel-core"), Some("5.14.0-427.13.1.el9_4"));
    let others: Vec<&str> = packages.beside["kernel-core"].iter().map(String::as_str).collect();
    assert_eq!(others, ["5.14.0-427.el9", "5.14.0-70.13.1.el9_0", "5.14.0-99.el9"]);
    assert!(packages.rpm.iter().any(|one| one.module == "large:1:2024:abc"));
    assert!(packages.installed.len() > 330);
}

#[test]
fn what_rpm_says_of_its_sqlite_database() {
    let Some(rpm) = Rpm::own() else {
        left_out("there is no rpmbuild here to make a database with (tests/run installs it)");
        return;
    };
    let workshop = Workshop::new();
    let root = workshop.path().join("root");
    furnish(&rpm, &workshop, &root);
    holds(&rpm, &root);
    // The folder of today, to which the one of yesterday is a link.
    fs::create_dir_all(root.join("usr/lib/sysimage")).unwrap();
    fs::rename(database(&root), root.join("usr/lib/sysimage/rpm")).unwrap();
    std::os::unix::fs::symlink("../../usr/lib/sysimage/rpm", database(&root)).unwrap();
    holds(&rpm, &root);
    fs::remove_file(database(&root)).unwrap();
    assert!(found(&root).unwrap().installed.len() > 60);
    // Two databases that differ.
    fs::create_dir_all(database(&root)).unwrap();
    fs::copy(root.join("usr/lib/sysimage/rpm/rpmdb.sqlite"), database(&root).join("rpmdb.sqlite")).unwrap();
    rpm.run(&database(&root), &["--erase", "--justdb", "--nodeps", "part1"]);
    assert_eq!(found(&root).map(|packages| packages.rpm.len()).unwrap_err().why, GapKind::Unsupported);
    fs::remove_dir_all(root.join("usr")).unwrap();
    written_ahead(&rpm, &root);
    torn(&root, "rpmdb.sqlite");
}

#[test]
fn what_rpm_says_of_its_ndb_database() {
    let (Some(_), Some(rpm)) = (Rpm::own(), Rpm::newer()) else {
        left_out("comparing databases in ndb, which takes rpmbuild and the newer rpm that tests/run unpacks");
        return;
    };
    let workshop = Workshop::new();
    let root = workshop.path().join("root");
    furnish(&rpm, &workshop, &root);
    assert!(database(&root).join("Packages.db").exists());
    holds(&rpm, &root);
    torn(&root, "Packages.db");
    // What stands behind each header counts too: a header of which only the end was not written is none.
    let file = database(&root).join("Packages.db");
    let whole = fs::read(&file).unwrap();
    let ends: Vec<usize> =
        whole.windows(4).enumerate().filter(|(_, bytes)| *bytes == b"BlbE").map(|(at, _)| at).collect();
    assert!(ends.len() > 60);
    for at in [ends[0], ends[ends.len() / 2], ends[ends.len() / 2] - 4] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].fill(b'x');
        fs::write(&file, bytes).unwrap();
        assert_eq!(found(&root).map(|packages| packages.rpm.len()).unwrap_err().why, GapKind::Malformed);
    }
}

/// What is in the log counts once it is committed, and nothing of what is not.
fn written_ahead(rpm: &Rpm, root: &Path) {
    let file = database(root).join("rpmdb.sqlite");
    let log = database(root).join("rpmdb.sqlite-wal");
    // Whoever does not close a database leaves its log behind. What spills out of a small cache is there uncommitted.
    let script = "import os, sqlite3, sys\n\
        base = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        base.execute('PRAGMA journal_mode = WAL')\n\
        base.execute('PRAGMA wal_autocheckpoint = 0')\n\
        base.execute('PRAGMA cache_size = 5')\n\
        base.execute('BEGIN')\n\
        base.execute('DELETE FROM Packages WHERE hnum IN (SELECT hnum FROM Packages ORDER BY hnum LIMIT 3)')\n\
        base.execute('COMMIT')\n\
        base.execute('BEGIN')\n\
        base.execute('DELETE FROM Packages WHERE hnum % 2 = 0')\n\
        base.execute('UPDATE Packages SET blob = zeroblob(100000)')\n\
        os._exit(0)\n";
    let count = found(root).unwrap().rpm.len();
    let python = Command::new("/usr/bin/python3").args(["-c", script]).arg(&file).output();
    if !python.as_ref().is_ok_and(|output| output.status.success()) {
        left_out(format!("the log of a database, for want of Python's sqlite3: {python:?}"));
        return;
    }
    assert!(fs::metadata(&log).unwrap().len() > 100_000);
    let whole = fs::read(&log).unwrap();
    let before = found(root).unwrap();
    assert_eq!(before.rpm.len(), count - 3);
    // A log that is cut off anywhere is whole up to its last commit.
    for part in [1, 31, 32, 56, 5000, 20_000] {
        fs::write(&log, &whole[..whole.len().min(part)]).unwrap();
        assert!([count, count - 3].contains(&found(root).unwrap().rpm.len()));
    }
    fs::write(&log, &whole).unwrap();
    assert_eq!(compare(rpm, root).rpm.len(), count - 3);
    // What rpm did to the log was no change either.
    assert_eq!(compare(rpm, root), before);
}

/// A database that is cut, patched or led in a circle is read whole or not at all, and soon.
fn torn(root: &Path, name: &str) {
    let file = database(root).join(name);
    let whole = fs::read(&file).unwrap();
    let all = found(root).unwrap();
    let mut gaps = 0;
    let mut look = |bytes: &[u8], must: bool| {
        fs::write(&file, bytes).unwrap();
        let started = Instant::now();
        let result = found(root);
        assert!(started.elapsed() < Duration::from_secs(5));
        gaps += usize::from(result.is_err());
        assert!(!must || result.is_err(), "{:?}", result.map(|packages| packages.rpm.len()));
        result.ok()
    };
    for length in [1, 15, 31, 100, 4095, 4096, 5000, 20_000, whole.len() / 3, whole.len() / 2] {
        look(&whole[..length], true);
    }
    for length in (0..40).map(|step| whole.len() - 1 - step * 4096) {
        if let Some(packages) = look(&whole[..length], false) {
            assert!(packages == all);
        }
    }
    // Every page but the first says that it goes on at itself, or at the first.
    for circle in [true, false] {
        let mut bytes = whole.clone();
        for (number, page) in bytes.chunks_exact_mut(4096).enumerate().skip(1) {
            let next = if circle { u32::try_from(number).unwrap() + 1 } else { 1 };
            page[..4].copy_from_slice(&next.to_be_bytes());
        }
        look(&bytes, true);
    }
    // A byte here and there, the same in every run.
    let mut dice = 7_u64;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..64 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = usize::try_from(dice >> 20).unwrap() % bytes.len();
            bytes[place] = (dice >> 11) as u8;
        }
        look(&bytes, false);
    }
    assert!(gaps > 50, "{gaps}");
    // Larger than any.
    fs::write(&file, &whole[..4096]).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(5 << 30).unwrap();
    assert_eq!(found(root).unwrap_err().why, GapKind::TooLarge);
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(900 << 20).unwrap();
    let started = Instant::now();
    assert!(found(root).is_err());
    assert!(started.elapsed() < Duration::from_secs(5));
    fs::write(&file, &whole).unwrap();
    assert_eq!(found(root).unwrap(), all);
}
