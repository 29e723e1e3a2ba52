//! The list of packages that dnf has fetched of a repository, and its modules.

#![no_main]

use hostduty_fuzz::{host, rpm, with_files};
use libfuzzer_sys::fuzz_target;

const FOLDER: &[&str] = &[
    "/var/cache/dnf/base-0123456789abcdef/repodata/repomd.xml",
    "/var/cache/dnf/base-0123456789abcdef/repodata/primary.xml",
    "/var/cache/dnf/base-0123456789abcdef/repodata/modules.yaml",
    "/etc/dnf/modules.d/node.module",
];
const REPOSITORY: &str = "[base]\nbaseurl=https://r.example.org/$releasever/\ngpgcheck=1\n";

fuzz_target!(|data: &[u8]| {
    rpm::updates(&with_files(host().file("/etc/yum.repos.d/base.repo", REPOSITORY), data, FOLDER));
});
