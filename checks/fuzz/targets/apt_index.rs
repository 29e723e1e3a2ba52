//! A Release file and the package list that it names.

#![no_main]

use hostduty_fuzz::{DEBIAN, gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease",
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(
        host().file("/etc/apt/sources.list", "deb http://deb.example.org/debian bookworm main\n"),
        data,
        FILES,
    );
    gather(&tree, DEBIAN, &["updates"]);
});
