//! /proc: what the kernel says of processes whose names are anybody's to choose; what guest agents were told to refuse.

#![no_main]

use checks::host::Tree;
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
    "/proc/88/cmdline",
    "/etc/qemu/qemu-ga.conf",
    "/etc/vmware-tools/tools.conf",
];

fuzz_target!(|data: &[u8]| {
    let agent = |tree: Tree, pid: u32, exe: &str| {
        tree.link(&format!("/proc/{pid}/exe"), exe)
            .file(&format!("/proc/{pid}/stat"), format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0\n"))
            .file(&format!("/proc/{pid}/status"), "Uid:\t0\t0\t0\t0\n")
    };
    let tree = host().link("/proc/1/exe", "/sbin/init").link("/proc/77/fd/3", "socket:[7]");
    let tree = agent(agent(tree, 88, "/usr/sbin/qemu-ga"), 89, "/usr/bin/vmtoolsd");
    let tree = with_files(tree, data, FILES);
    gather(&tree, "", &["processes", "logging"]);
});
