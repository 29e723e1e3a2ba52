//! os-release(5), the table of releases and names of the machine.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
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
    gather(&tree, KNOWN, &["machine", "kernels"]);
});
