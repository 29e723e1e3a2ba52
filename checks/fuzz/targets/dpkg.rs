//! dpkg's status, its journal and the folder of images without dpkg: a package at the end is found, or a gap says why not.

#![no_main]

use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/var/lib/dpkg/status",
    "/var/lib/dpkg/updates/0001",
    "/var/lib/dpkg/status.d/base",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/version",
    "/run/reboot-required.pkgs",
];

const STANZA: &[u8] =
    b"\n\nPackage: planted\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";

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
