//! Hosts in memory that guest tools run on, or should: built up from files as the kernel and packages lay them out.

#![allow(dead_code, reason = "each test takes what it needs")]

use checks::date::Timestamp;
use checks::host::{Query, Tree};

pub(crate) const NOW: Timestamp = Timestamp(1_795_345_650);
pub(crate) const INSTALL: &str =
    "[Service]\nExecStart=/usr/sbin/tool\n[Install]\nWantedBy=multi-user.target\n";
pub(crate) const STATIC: &str = "[Service]\nExecStart=-/usr/sbin/qemu-ga\n[Install]\n";
pub(crate) const RULE: &str = "SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"org.qemu.guest_agent.0\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}=\"qemu-guest-agent.service\"\n";

/// A machine that boots with systemd and runs it.
pub(crate) fn machine() -> Tree {
    let tree = Tree::new(NOW)
        .file("/proc/stat", "btime 1795340000\n")
        .file("/proc/sys/kernel/osrelease", "6.1.0-40-amd64\n")
        .file("/proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
        .link("/proc/self/ns/pid", "pid:[4026531836]")
        .dir("/run/systemd/system")
        .dir("/sys/class/net");
    process(tree, 1, "/usr/lib/systemd/systemd", "/init.scope")
}

pub(crate) fn process(tree: Tree, pid: u32, exe: &str, cgroup: &str) -> Tree {
    let name = exe.rsplit('/').next().unwrap();
    tree.file(
        &format!("/proc/{pid}/stat"),
        format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4250 0\n"),
    )
    .file(&format!("/proc/{pid}/status"), format!("Uid:\t0\t0\t0\t0\nNSpid:\t{pid}\n"))
    .file(&format!("/proc/{pid}/cgroup"), format!("0::{cgroup}\n"))
    .link(&format!("/proc/{pid}/exe"), exe)
    .dir(&format!("/proc/{pid}/fd"))
}

pub(crate) fn kvm() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0")
        .file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
        .file("/sys/class/virtio-ports/vport2p1/name", "org.qemu.guest_agent.0\n")
        .link("/sys/bus/virtio/devices/virtio2/driver", "../../../bus/virtio/drivers/virtio_console")
}

/// Debian's package: a static unit that a udev rule starts.
pub(crate) fn installed(tree: Tree) -> Tree {
    tree.file("/usr/sbin/qemu-ga", "")
        .file("/usr/lib/systemd/system/qemu-guest-agent.service", STATIC)
        .file("/usr/lib/udev/rules.d/60-qemu-guest-agent.rules", RULE)
}

pub(crate) fn running(tree: Tree) -> Tree {
    process(tree, 812, "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service")
        .link("/proc/812/fd/3", "/dev/vport2p1")
}

pub(crate) fn xen() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, "Microsoft Hv")
        .file("/sys/class/dmi/id/sys_vendor", "Xen\n")
        .file("/sys/class/dmi/id/product_name", "HVM domU\n")
        .file("/sys/hypervisor/type", "xen\n")
        .file("/dev/xen/xenbus", "")
}

/// What dpkg knows: name and status of packages, beside one that every host has.
pub(crate) fn dpkg(tree: Tree, packages: &[(&str, &str)]) -> Tree {
    let stanza = |(name, status): &(&str, &str)| {
        format!("Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: 1:7.2\n\n")
    };
    let packages = [("base-files", "install ok installed")].iter().chain(packages);
    tree.file("/var/lib/dpkg/status", packages.map(stanza).collect::<String>())
}

/// An enabled unit with its program.
pub(crate) fn unit(tree: Tree, name: &str, program: &str, more: &str) -> Tree {
    tree.file(program, "").file(
        &format!("/usr/lib/systemd/system/{name}"),
        format!("[Unit]\n{more}\n[Service]\nExecStart={program}\n[Install]\nWantedBy=multi-user.target\n"),
    )
}

pub(crate) fn enabled(tree: Tree, name: &str, program: &str, more: &str) -> Tree {
    unit(tree, name, program, more).link(
        &format!("/etc/systemd/system/multi-user.target.wants/{name}"),
        &format!("/usr/lib/systemd/system/{name}"),
    )
}

pub(crate) fn vmware() -> Tree {
    machine().answer(Query::CpuidHypervisor, "VMwareVMware")
}

pub(crate) fn hyper_v() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, "Microsoft Hv")
        .file("/sys/bus/vmbus/devices/x/class_id", "")
        .dir("/sys/class/misc")
}

/// What xe-daemon of version 8.4.0-1 wrote into xenstore.
pub(crate) fn xenstore(tree: Tree, updated: &str) -> Tree {
    let key = |name: &str| Query::Xenstore(name.to_owned());
    tree.answer(key("attr/PVAddons/Installed"), "1")
        .answer(key("attr/PVAddons/MajorVersion"), "8")
        .answer(key("attr/PVAddons/MinorVersion"), "4")
        .answer(key("attr/PVAddons/MicroVersion"), "0")
        .answer(key("attr/PVAddons/BuildVersion"), "1")
        .answer(key("data/updated"), updated)
}

/// The agent of the ISO, which an init script starts.
pub(crate) fn xe_daemon() -> Tree {
    xen()
        .file("/usr/sbin/xe-daemon", "")
        .file("/etc/init.d/xe-linux-distribution", "#!/bin/sh\n")
        .with("/etc/init.d/xe-linux-distribution", |node| node.mode = 0o755)
        .link("/etc/rc3.d/S02xe-linux-distribution", "../init.d/xe-linux-distribution")
}
