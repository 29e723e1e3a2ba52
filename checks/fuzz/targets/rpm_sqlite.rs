//! Databases of rpm in SQLite's format, with a write-ahead log and a journal.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] =
    &["/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite-wal", "/var/lib/rpm/rpmdb.sqlite-journal"];

fuzz_target!(|data: &[u8]| {
    gather(&with_files(host(), data, FILES), "", &["packages", "kernels"]);
});
