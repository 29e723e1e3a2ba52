//! apt.conf(5), dnf's counterpart and scripts of Alpine: what installs updates by itself.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/apt/apt.conf.d/50unattended-upgrades",
    "/etc/apt/apt.conf",
    "/etc/dnf/automatic.conf",
    "/etc/periodic/daily/upgrade",
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
    gather(&tree, KNOWN, &["automatic_updates", "updates"]);
});
