//! /proc/PID/maps: names of mapped files, which are anybody's to choose, and how the kernel says that one is deleted.

#![no_main]

use checks::check::Verdict;
use hostduty_fuzz::{gather, host, mentions, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/proc/77/maps", "/proc/77/cgroup", "/proc/77/task/78/maps"];

/// Two processes of the system that are known already.
const KNOWN: &str = r#"
[[processes.known.list]]
pid = 1
name = "systemd"
exe = { known = "/usr/lib/systemd/systemd" }
unit = "init.scope"
[[processes.known.list]]
pid = 77
name = "x"
exe = { known = "/usr/bin/x" }
"#;

/// Replaced code in the plainest form: whatever comes beside it, it must not get lost.
const REPLACED: &[u8] = b"7f00-7f10 r-xp 00000000 fe:01 1 /usr/lib/libssl.so.3 (deleted)\n";

fuzz_target!(|data: &[u8]| {
    let tree = host()
        .file("/proc/1/maps", "5500-5510 r-xp 00000000 fe:01 1 /usr/lib/systemd/systemd\n")
        .file("/proc/77/stat", "77 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 50 0\n")
        .file("/proc/77/status", "Uid:\t0\t0\t0\t0\nNSpid:\t77\n")
        .link("/proc/77/exe", "/usr/bin/x")
        .file("/usr/lib/odd (deleted)", "")
        .with("/usr/lib/odd (deleted)", |node| node.inode = 5);
    let facts = gather(&with_files(tree.clone(), data, FILES), KNOWN, &["replaced"]);
    let said = verdict(&facts, "patches-services-restarted");
    if !mentions(data, " (deleted)") {
        assert_ne!(said, Verdict::Fail, "what is not deleted is no finding");
    }
    // The same with one more line: either it is found, or the list makes no sense and nothing passes.
    let maps = [REPLACED, data.split(|byte| *byte == b'%').next().unwrap_or_default()].concat();
    let facts = gather(&tree.file("/proc/77/maps", maps), KNOWN, &["replaced"]);
    assert_ne!(verdict(&facts, "patches-services-restarted"), Verdict::Pass, "replaced code got lost");
});
