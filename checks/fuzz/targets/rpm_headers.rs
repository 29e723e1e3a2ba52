//! Headers of rpm packages, one in each part: SQLite and ndb tell the same of them, and one of ours at the end is found,
//! or a gap says why not.

#![no_main]

use std::borrow::Cow;

use hostduty_fuzz::rpm::{ndb, sqlite};
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

/// A package `planted`, with name, version and release.
const PLANTED: &[u8] = b"\0\0\0\x03\0\0\0\x0c\0\0\x03\xe8\0\0\0\x06\0\0\0\0\0\0\0\x01\
    \0\0\x03\xe9\0\0\0\x06\0\0\0\x08\0\0\0\x01\0\0\x03\xea\0\0\0\x06\0\0\0\x0a\0\0\0\x01\
    planted\x001\x002\0";

fuzz_target!(|data: &[u8]| {
    let given: Vec<Cow<'_, [u8]>> = parts(data).take(20).collect();
    let headers: Vec<&[u8]> = given.iter().map(|header| &**header).chain([PLANTED]).collect();
    let found = |path: &str, database: Vec<u8>| {
        let facts = gather(&host().file(path, database), "", &["packages", "kernels"]);
        facts.packages.value().cloned()
    };
    let one = found("/var/lib/rpm/rpmdb.sqlite", sqlite(&headers));
    let other = found("/usr/lib/sysimage/rpm/Packages.db", ndb(&headers));
    for packages in one.iter().chain(&other) {
        assert!(packages.rpm.iter().any(|package| package.name == "planted"), "{packages:?}");
    }
    // Values that lie over each other are told from ndb alone, of which any part can be read at any time.
    if let (Some(one), Some(other)) = (one, other) {
        assert_eq!(one, other);
    }
});
