//! What the machine runs on: firmware's names, xenstore, control groups, the signature of the processor.

#![no_main]

use checks::facts::hypervisor::xenstore_reply;
use checks::host::Query;
use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/bios_vendor",
    "/proc/1/cgroup",
    "/proc/1/environ",
    "/proc/self/mountinfo",
    "/proc/cpuinfo",
    "/proc/sys/kernel/osrelease",
    "/run/systemd/container",
    "/proc/xen/capabilities",
    "/sys/hypervisor/type",
    "/sys/class/virtio-ports/vport1p1/name",
    "/sys/bus/pci/devices/0000:00:03.0/device",
    "/sys/bus/vmbus/devices/1/class_id",
    "/.dockerenv",
    "/sys/firmware/dmi/entries/0-0/raw",
];

/// Of the parts after the files.
const KEYS: &[&str] = &["data/updated", "attr/PVAddons/MajorVersion", "attr/PVAddons/Installed"];

fuzz_target!(|data: &[u8]| {
    let mut tree = with_files(host(), data, FILES);
    for (part, key) in parts(data).skip(FILES.len()).zip(KEYS) {
        let _ = xenstore_reply(&part, key);
        tree = tree.answer(Query::Xenstore((*key).to_owned()), part);
    }
    if let Some(signature) = parts(data).nth(FILES.len() + KEYS.len()) {
        tree = tree.answer(Query::CpuidHypervisor, signature).answer(Query::Architecture, "x86_64");
    }
    gather(&tree, "", &["hypervisor"]);
});
