//! A Release file and the package list that it names.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease",
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_main_binary-amd64_Packages",
];

/// A Debian with one package, and where its updates come from.
const KNOWN: &str = r#"
[packages.known]
manager = "dpkg"
architecture = "amd64"
installed = { bash = "5.2.15-2", "libc6:i386" = "2.36-9" }
[machine.known.release.known]
id = "debian"
version = "12"
"#;

fuzz_target!(|data: &[u8]| {
    let tree = with_files(
        host().file("/etc/apt/sources.list", "deb http://deb.example.org/debian bookworm main\n"),
        data,
        FILES,
    );
    gather(&tree, KNOWN, &["updates"]);
});
