//! Package sources in both forms, and preferences of apt.

#![no_main]

use hostduty_fuzz::{DEBIAN, gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/apt/preferences",
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, DEBIAN, &["updates"]);
});
