//! Databases of rpm in its own format, ndb.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/usr/lib/sysimage/rpm/Packages.db"];

fuzz_target!(|data: &[u8]| {
    gather(&with_files(host(), data, FILES), "", &["packages", "kernels"]);
});
