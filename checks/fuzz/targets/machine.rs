//! os-release(5), the table of releases and names of the machine.

#![no_main]

use hostduty_fuzz::{DEBIAN, gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/os-release",
    "/usr/share/distro-info/debian.csv",
    "/etc/hostname",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/version",
    "/proc/version_signature",
    "/sys/class/dmi/id/product_uuid",
];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, DEBIAN, &["machine", "kernels"]);
});
