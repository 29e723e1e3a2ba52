//! pacman's folder of packages and its configuration.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/var/lib/pacman/local/linux-6.10.1-1/desc",
    "/var/lib/pacman/local/bash-5.2-1/desc",
    "/etc/pacman.conf",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host().file("/var/lib/pacman/local/ALPM_DB_VERSION", "9\n"), data, FILES);
    gather(&tree, "", &["packages", "kernels"]);
});
