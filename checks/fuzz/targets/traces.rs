//! What a provider's set-up left behind: cloud-init's JSON, the kernel's command line, resolvers.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/run/cloud-init/instance-data.json",
    "/run/cloud-init/cloud-id",
    "/proc/cmdline",
    "/etc/resolv.conf",
    "/etc/machine-id",
];

const KNOWN: &str = "[accounts.known]\nusers = []\ngroups = []\n";

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, KNOWN, &["provider_traces", "delivery"]);
});
