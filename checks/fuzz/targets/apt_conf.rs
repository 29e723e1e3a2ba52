//! apt.conf(5), dnf's counterpart and scripts of Alpine: what installs updates by itself.

#![no_main]

use hostduty_fuzz::{DEBIAN, gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/apt/apt.conf.d/50unattended-upgrades",
    "/etc/apt/apt.conf",
    "/etc/dnf/automatic.conf",
    "/etc/periodic/daily/upgrade",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, DEBIAN, &["automatic_updates", "updates"]);
});
