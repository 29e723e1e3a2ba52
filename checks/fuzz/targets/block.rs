//! Mounts, swaps, and what sysfs says of block devices.

#![no_main]

use checks::host::Tree;
use hostduty_fuzz::{gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/proc/1/mountinfo",
    "/proc/swaps",
    "/sys/class/block/dm-0/dm/uuid",
    "/sys/class/block/dm-0/dm/name",
    "/sys/class/block/md0/md/level",
    "/sys/class/block/md0/md/array_state",
    "/sys/class/block/md0/md/degraded",
    "/sys/class/block/vda/size",
    "/sys/class/block/loop0/loop/backing_file",
    "/sys/class/block/zram0/backing_dev",
    "/sys/power/resume",
    "/sys/fs/btrfs/uuid/allocation/data/raid1/used_bytes",
    "/proc/spl/kstat/zfs/tank/state",
    "/proc/self/mountinfo",
];

fn base() -> Tree {
    host()
        .file("/sys/class/block/dm-0/dev", "254:0\n")
        .file("/sys/class/block/dm-0/slaves/md0", "")
        .file("/sys/class/block/md0/dev", "9:0\n")
        .file("/sys/class/block/md0/slaves/vda", "")
        .file("/sys/class/block/vda/dev", "253:0\n")
        .file("/sys/class/block/vda/device/model", "")
        .file("/sys/class/block/loop0/dev", "7:0\n")
        .file("/sys/class/block/zram0/dev", "252:0\n")
        .file("/sys/fs/btrfs/uuid/devices/vda", "")
}

fuzz_target!(|data: &[u8]| {
    let tree = with_files(base(), data, FILES);
    gather(&tree, "", &["block", "logging"]);
});
