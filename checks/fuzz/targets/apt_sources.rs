//! Package sources in both forms, and preferences of apt.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/apt/preferences",
    "/var/lib/apt/lists/deb.example.org_debian_dists_bookworm_InRelease",
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
    let tree = with_files(host(), data, FILES);
    gather(&tree, KNOWN, &["updates"]);
});
