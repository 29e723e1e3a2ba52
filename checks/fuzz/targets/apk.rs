//! apk's database: a package at the end is found, or a gap says why not.

#![no_main]

use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/lib/apk/db/installed", "/etc/apk/world"];

const STANZA: &[u8] = b"\n\nP:planted\nV:1-r0\nA:x86_64\n\n";

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, "", &["packages", "kernels"]);
    let Some(database) = parts(data).next() else { return };
    let host = host().file(FILES[0], [&database, STANZA].concat());
    let facts = gather(&host, "", &["packages"]);
    if let Some(packages) = facts.packages.value() {
        assert!(packages.installed.keys().any(|name| name.starts_with("planted")), "{packages:?}");
    }
});
