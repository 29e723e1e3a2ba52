//! /proc: what the kernel says of processes whose names are anybody's to choose.

#![no_main]

use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/proc/stat",
    "/proc/1/stat",
    "/proc/1/status",
    "/proc/1/cgroup",
    "/proc/77/stat",
    "/proc/77/status",
    "/proc/77/cgroup",
];

fuzz_target!(|data: &[u8]| {
    let tree =
        with_files(host().link("/proc/1/exe", "/sbin/init").link("/proc/77/fd/3", "socket:[7]"), data, FILES);
    gather(&tree, "", &["processes", "logging"]);
});
