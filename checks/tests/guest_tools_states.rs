//! Every state that guest tools can be in, one host of files a line, with what is said of now and of the next boot.
//!
//! The hosts are made up after the packages' files and the kernel's documentation; what real agents do is held against
//! `guest_agent_oracle.rs` and the machines of `tests/lab`. Each is judged twice: as gathered, and from its snapshot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod guest_host;

use checks::check::Verdict::{self, Fail, NotApplicable, Pass, Unknown};
use checks::date::Timestamp;
use checks::facts::{self, Facts};
use checks::gap::{Gap, Reading};
use checks::host::{Query, Tree};
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;
use guest_host::*;

/// A verdict, and words of its reason.
type Said = (Verdict, &'static str);
/// The name of the state, the host, what is said of now, what of the next boot.
type Case = (&'static str, Tree, Said, Said);

const CONF: &str = "/etc/qemu/qemu-ga.conf";
const EVERYTHING: &str = "guest-shutdown,guest-fsfreeze-freeze,guest-network-get-interfaces";
const BOOTS: Said = (Pass, "starts at boot by");
const ABSENT: Said = (Fail, "is not installed");

/// KVM with its agent as Debian has it, which runs and talks.
fn healthy() -> Tree {
    running(installed(kvm()))
}

fn masked(tree: Tree) -> Tree {
    tree.link("/etc/systemd/system/qemu-guest-agent.service", "/dev/null")
}

/// The agent with this configuration, written before it started.
fn configured(tree: Tree, text: &str) -> Tree {
    tree.file(CONF, text).with(CONF, |node| node.modified = Timestamp(0))
}

fn refusing(names: &str) -> Tree {
    configured(healthy(), &format!("[general]\nblock-rpcs={names}\n"))
}

fn with_options(options: &str) -> Tree {
    healthy().file("/proc/812/cmdline", format!("/usr/sbin/qemu-ga\0{}\0", options.replace(' ', "\0")))
}

/// A KVM guest whose consoles and ports are not there.
fn portless() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0")
        .file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
}

fn open_vm_tools() -> Tree {
    let tree = enabled(
        vmware(),
        "open-vm-tools.service",
        "/usr/bin/vmtoolsd",
        "ConditionVirtualization=vmware\n[Install]\nAlias=vmtoolsd.service",
    );
    let tree = process(tree, 500, "/usr/bin/vmtoolsd", "/system.slice/open-vm-tools.service");
    ["guestInfo", "powerOps", "vmbackup"].into_iter().fold(tree, plugin)
}

fn plugin(tree: Tree, name: &str) -> Tree {
    tree.file(&format!("/usr/lib/open-vm-tools/plugins/vmsvc/lib{name}.so"), "")
}

fn core_only() -> Tree {
    let tree = enabled(vmware(), "open-vm-tools.service", "/usr/bin/vmtoolsd", "");
    process(tree, 500, "/usr/bin/vmtoolsd", "/system.slice/open-vm-tools.service")
        .dir("/usr/lib/open-vm-tools/plugins/vmsvc")
}

fn xe_running() -> Tree {
    process(xe_daemon(), 700, "/usr/sbin/xe-daemon", "/system.slice/xe-linux-distribution.service")
}

fn rust_agent() -> Tree {
    let tree = enabled(xen(), "xen-guest-agent.service", "/usr/sbin/xen-guest-agent", "");
    process(tree, 701, "/usr/sbin/xen-guest-agent", "/system.slice/xen-guest-agent.service")
        .link("/proc/701/fd/4", "/dev/xen/xenbus")
}

fn kvp(tree: Tree) -> Tree {
    let tree = enabled(tree, "hv-kvp-daemon.service", "/usr/sbin/hv_kvp_daemon", "");
    process(tree, 610, "/usr/sbin/hv_kvp_daemon", "/system.slice/hv-kvp-daemon.service")
}

fn openrc(tree: Tree) -> Tree {
    tree.file("/sbin/openrc", "")
        .file("/sbin/openrc-init", "")
        .file("/etc/init.d/qemu-guest-agent", "#!/sbin/openrc-run\ncommand=/usr/bin/qemu-ga\n")
        .with("/etc/init.d/qemu-guest-agent", |node| node.mode = 0o755)
        .file("/usr/bin/qemu-ga", "")
        .dir("/etc/runlevels/default")
}

fn alpine() -> Tree {
    let tree = Tree::new(NOW)
        .file("/proc/stat", "btime 1795340000\n")
        .file("/proc/sys/kernel/osrelease", "6.6.1-0-virt\n")
        .file("/proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
        .link("/proc/self/ns/pid", "pid:[4026531836]")
        .answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0")
        .file("/sys/class/virtio-ports/vport2p1/name", "org.qemu.guest_agent.0\n");
    let tree = process(openrc(tree), 1, "/sbin/openrc-init", "/");
    process(tree, 300, "/usr/bin/qemu-ga", "/").link("/proc/300/fd/3", "/dev/vport2p1")
}

fn kvm_states() -> Vec<Case> {
    let disabled = || unit(kvm(), "qemu-guest-agent.service", "/usr/sbin/qemu-ga", "");
    let rhel = || {
        disabled().link(
            "/etc/systemd/system/dev-virtio\\x2dports-org.qemu.guest_agent.0.device.wants/qemu-guest-agent.service",
            "/usr/lib/systemd/system/qemu-guest-agent.service",
        )
    };
    let ruleless = || {
        kvm().file("/usr/sbin/qemu-ga", "").file("/usr/lib/systemd/system/qemu-guest-agent.service", STATIC)
    };
    let residue = || dpkg(kvm(), &[("qemu-guest-agent", "deinstall ok config-files")]);
    let offered_none = "does not offer the virtio port";
    let not_known = |words| ((Unknown, words), (Unknown, words));
    let both = |name, tree, (now, boot): (Said, Said)| (name, tree, now, boot);
    vec![
        ("healthy, static, by udev", healthy(), (Pass, "runs and holds its channel"), BOOTS),
        ("healthy, wanted by its port", running(rhel()), (Pass, "holds its channel"), BOOTS),
        ("stopped", installed(kvm()), (Fail, "does not run although it is set to start"), BOOTS),
        ("masked", masked(installed(kvm())), (Fail, "is masked"), (Fail, "is masked")),
        ("masked and running", masked(healthy()), (Pass, "holds"), (Fail, "cannot start")),
        ("masked and removed", masked(kvm()), (Fail, "not installed either"), (Fail, "not installed either")),
        (
            "masked and removed with residue",
            masked(residue()),
            (Fail, "is masked"),
            (Fail, "not installed either"),
        ),
        (
            "masked by an empty file",
            installed(kvm()).file("/etc/systemd/system/qemu-guest-agent.service", ""),
            (Fail, "is masked"),
            (Fail, "is masked"),
        ),
        (
            "masked until the next boot",
            installed(kvm()).link("/run/systemd/system/qemu-guest-agent.service", "/dev/null"),
            (Fail, "until the next boot"),
            (Fail, "until the next boot"),
        ),
        (
            "masked under another name",
            healthy().link("/etc/systemd/system/qemu-ga.service", "/dev/null"),
            (Pass, "holds"),
            BOOTS,
        ),
        ("disabled", disabled(), (Fail, "is disabled"), (Fail, "is disabled")),
        ("disabled and running", running(disabled()), (Pass, "holds"), (Fail, "will not start at boot")),
        (
            "static without its rule",
            ruleless(),
            (Fail, "installed and does not run"),
            (Unknown, "neither a link"),
        ),
        (
            "static without its rule, running",
            running(ruleless()),
            (Pass, "holds"),
            (Unknown, "neither a link"),
        ),
        (
            "never meant for this hypervisor",
            enabled(kvm(), "qemu-guest-agent.service", "/usr/sbin/qemu-ga", "ConditionVirtualization=vmware"),
            (Fail, "cannot start"),
            (Fail, "asks for ConditionVirtualization=vmware"),
        ),
        ("not installed", dpkg(kvm(), &[]), ABSENT, ABSENT),
        (
            "removed with residue",
            residue(),
            (Fail, "only its configuration is left"),
            (Fail, "only its configuration"),
        ),
        (
            "a unit without its program",
            dpkg(kvm(), &[])
                .file("/usr/lib/systemd/system/qemu-guest-agent.service", INSTALL.replace("tool", "qemu-ga")),
            (Fail, "left without its program"),
            (Fail, "left without its program"),
        ),
        (
            "removed and still running",
            dpkg(running(kvm()).link("/proc/812/exe", "/usr/sbin/qemu-ga (deleted)"), &[]),
            (Pass, "holds"),
            ABSENT,
        ),
        (
            "replaced and still running",
            healthy().link("/proc/812/exe", "/usr/sbin/qemu-ga (deleted)"),
            (Pass, "holds"),
            BOOTS,
        ),
        (
            "without its channel",
            process(installed(kvm()), 812, "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service"),
            (Fail, "runs without its channel /dev/vport2p1"),
            BOOTS,
        ),
        (
            "its descriptors unseen",
            healthy().refuse("/proc/812/fd", Gap::denied("/proc/812/fd")),
            (Unknown, "/proc/812/fd"),
            BOOTS,
        ),
        (
            "its file unseen",
            healthy().refuse("/proc/812/exe", Gap::denied("/proc/812/exe")),
            (Unknown, "only root may see which file"),
            BOOTS,
        ),
        (
            "other users' processes hidden",
            healthy().refuse("/proc/812/stat", Gap::denied("/proc/812/stat")),
            (Unknown, "other users' processes"),
            BOOTS,
        ),
        (
            "an impostor",
            process(kvm(), 9, "/tmp/qemu-ga", "/user.slice/x"),
            (Fail, "process 9 has the name"),
            ABSENT,
        ),
        (
            "a user's own",
            running(kvm()).file("/proc/812/status", "Uid:\t1000\t1000\t1000\t1000\n"),
            (Fail, "process 812 has the name"),
            ABSENT,
        ),
        (
            "a container's own",
            running(kvm()).file("/proc/812/status", "Uid:\t0\t0\t0\t0\nNSpid:\t812\t7\n"),
            ABSENT,
            ABSENT,
        ),
        ("no freezing", refusing("guest-fsfreeze-freeze"), (Pass, "does not freeze file systems"), BOOTS),
        (
            "no shutdown, by option",
            with_options("-b guest-shutdown"),
            (Pass, "does not shut the machine down"),
            BOOTS,
        ),
        ("harmless refusals", refusing("guest-exec,guest-file-open"), (Pass, "holds its channel"), BOOTS),
        ("blanks refuse nothing", refusing("guest-exec, guest-shutdown"), (Pass, "holds its channel"), BOOTS),
        ("refuses everything", refusing(EVERYTHING), (Fail, "does nothing of what it is there for"), BOOTS),
        ("allows pings alone", with_options("--allow-rpcs=guest-ping"), (Fail, "does nothing"), BOOTS),
        (
            "hears no greeting",
            with_options("-b guest-sync,guest-sync-delimited"),
            (Fail, "does nothing"),
            BOOTS,
        ),
        (
            "will refuse everything",
            refusing(EVERYTHING).with(CONF, |node| node.modified = NOW),
            (Unknown, "changed after it started"),
            BOOTS,
        ),
        (
            "will not freeze",
            refusing("guest-fsfreeze-thaw").with(CONF, |node| node.modified = NOW),
            (Pass, "from its next start at the latest"),
            BOOTS,
        ),
        (
            "its configuration unreadable",
            refusing(EVERYTHING).refuse(CONF, Gap::denied(CONF)),
            (Unknown, "not permitted to read /etc/qemu/qemu-ga.conf"),
            BOOTS,
        ),
        (
            "its configuration broken",
            configured(healthy(), "[general]\nx\n"),
            (Unknown, "qemu-ga.conf:2"),
            BOOTS,
        ),
        both(
            "port not offered",
            dpkg(portless().dir("/sys/bus/virtio/devices"), &[]),
            ((NotApplicable, offered_none), (NotApplicable, offered_none)),
        ),
        both(
            "port not offered, agent there",
            installed(portless().file("/sys/class/virtio-ports/vport1p1/name", "com.redhat.spice.0\n")),
            ((NotApplicable, offered_none), (NotApplicable, offered_none)),
        ),
        both(
            "the console has no driver",
            portless().file("/sys/bus/virtio/devices/virtio4/device", "0x0003\n"),
            not_known("has no driver"),
        ),
        both(
            "virtio has no driver for its bus",
            portless()
                .file("/sys/bus/pci/devices/0000:00:05.0/vendor", "0x1af4\n")
                .file("/sys/bus/pci/devices/0000:00:05.0/device", "0x1043\n"),
            not_known("has no driver"),
        ),
        both(
            "ports unreadable",
            healthy().refuse("/sys/class/virtio-ports", Gap::denied("/sys/class/virtio-ports")),
            not_known("not permitted to read /sys/class/virtio-ports"),
        ),
        both(
            "name of the port unreadable",
            healthy().refuse(
                "/sys/class/virtio-ports/vport2p1/name",
                Gap::denied("/sys/class/virtio-ports/vport2p1/name"),
            ),
            not_known("vport2p1/name"),
        ),
        both(
            "a copy without ports and buses",
            installed(portless()),
            not_known("only known on the running machine"),
        ),
        (
            "tools of VMware",
            dpkg(
                enabled(
                    kvm(),
                    "open-vm-tools.service",
                    "/usr/bin/vmtoolsd",
                    "ConditionVirtualization=vmware",
                ),
                &[],
            ),
            (Fail, "for another hypervisor: open-vm-tools"),
            (Fail, "for another hypervisor: open-vm-tools"),
        ),
        ("OpenRC, not in a runlevel", alpine(), (Pass, "holds"), (Fail, "will not start at boot")),
        (
            "OpenRC, in a runlevel",
            alpine().link("/etc/runlevels/default/qemu-guest-agent", "/etc/init.d/qemu-guest-agent"),
            (Pass, "holds"),
            BOOTS,
        ),
    ]
}

fn vmware_states() -> Vec<Case> {
    let conf = |text: &str| open_vm_tools().file("/etc/vmware-tools/tools.conf", text);
    vec![
        ("healthy", open_vm_tools(), (Pass, "open-vm-tools runs"), BOOTS),
        (
            "masked by its own name",
            open_vm_tools().link("/etc/systemd/system/open-vm-tools.service", "/dev/null"),
            (Pass, "runs"),
            (Fail, "open-vm-tools.service is masked"),
        ),
        (
            "disabled",
            unit(vmware(), "vmtoolsd.service", "/usr/bin/vmtoolsd", ""),
            (Fail, "vmtoolsd.service is disabled"),
            (Fail, "vmtoolsd.service is disabled"),
        ),
        ("not installed", dpkg(vmware(), &[]), ABSENT, ABSENT),
        (
            "the vendor's own",
            enabled(vmware(), "vmware-tools.service", "/usr/lib/vmware-tools/sbin64/vmtoolsd", ""),
            (Fail, "does not run although"),
            BOOTS,
        ),
        ("without its plugins", core_only(), (Fail, "does nothing of what it is there for"), BOOTS),
        (
            "without one plugin",
            plugin(plugin(core_only(), "vmbackup"), "powerOps"),
            (Pass, "does not tell its addresses"),
            BOOTS,
        ),
        (
            "no addresses",
            conf("[guestinfo]\npoll-interval=0\n"),
            (Pass, "does not tell its addresses"),
            BOOTS,
        ),
        ("no freezing", conf("[vmbackup]\nenableSyncDriver=false\n"), (Pass, "does not freeze"), BOOTS),
        ("a configuration that it ignores", conf("poll-interval=0\n"), (Pass, "open-vm-tools runs"), BOOTS),
    ]
}

fn xen_states() -> Vec<Case> {
    const FRESH: &str = "Sun Nov 22 11:07:00 2026";
    const STALE: &str = "Sun Nov 22 10:57:30 2026";
    vec![
        ("healthy, by its heartbeat", xenstore(xe_running(), FRESH), (Pass, "told the hypervisor"), BOOTS),
        ("stopped to report", xenstore(xe_running(), STALE), (Fail, "stopped to report"), BOOTS),
        (
            "stopped to report, bus held",
            xenstore(xe_running().link("/proc/700/fd/4", "/dev/xen/xenbus"), STALE),
            (Fail, "stopped to report"),
            BOOTS,
        ),
        ("xenstore is root's", xe_running(), (Unknown, "only root may see in xenstore"), BOOTS),
        (
            "bus held, xenstore is root's",
            xe_running().link("/proc/700/fd/4", "/dev/xen/xenbus"),
            (Pass, "holds"),
            BOOTS,
        ),
        ("stopped", xe_daemon(), (Fail, "does not run although"), BOOTS),
        ("left behind in xenstore", xenstore(xe_daemon(), FRESH), (Fail, "does not run although"), BOOTS),
        (
            "as some packages leave it",
            unit(
                xen(),
                "xe-linux-distribution.service",
                "/usr/sbin/xe-daemon",
                "ConditionVirtualization=xen",
            ),
            (Fail, "is disabled"),
            (Fail, "is disabled"),
        ),
        ("the agent in Rust", rust_agent(), (Pass, "xen-guest-agent runs"), BOOTS),
        (
            "the agent in Rust, the other masked",
            rust_agent().link("/etc/systemd/system/xe-linux-distribution.service", "/dev/null"),
            (Pass, "xen-guest-agent runs"),
            BOOTS,
        ),
        (
            "tools of VMware",
            dpkg(enabled(xen(), "open-vm-tools.service", "/usr/bin/vmtoolsd", ""), &[]),
            (Fail, "for another hypervisor: open-vm-tools"),
            (Fail, "another hypervisor"),
        ),
        (
            "the control domain",
            xen().file("/proc/xen/capabilities", "control_d\n"),
            (NotApplicable, "control domain"),
            (NotApplicable, "control domain"),
        ),
    ]
}

fn other_states() -> Vec<Case> {
    let service = "/dev/vmbus/hv_kvp";
    let idle = "{a9a0f4e7-5a45-4d96-b827-8a841e8c03e6}\n";
    let none = |reason| ((NotApplicable, reason), (NotApplicable, reason));
    let both = |name, tree, (now, boot): (Said, Said)| (name, tree, now, boot);
    let azure =
        enabled(hyper_v(), "walinuxagent.service", "/usr/sbin/waagent", "ConditionVirtualization=microsoft");
    let vbox = machine().answer(Query::CpuidHypervisor, "VBoxVBoxVBox").file("/dev/vboxguest", "");
    let vbox = enabled(vbox, "virtualbox-guest-utils.service", "/usr/sbin/VBoxService", "");
    let vbox = process(vbox, 620, "/usr/sbin/VBoxService", "/system.slice/virtualbox-guest-utils.service");
    let parallels = machine().answer(Query::CpuidHypervisor, "prl hyperv  ");
    vec![
        both("Hyper-V, not ticked", hyper_v(), none(service)),
        ("Hyper-V, offered and missing", dpkg(hyper_v().file(service, ""), &[]), ABSENT, ABSENT),
        (
            "Hyper-V, healthy",
            kvp(hyper_v().file(service, "")).link("/proc/610/fd/3", service),
            (Pass, "holds"),
            BOOTS,
        ),
        ("Hyper-V, deaf", kvp(hyper_v().file(service, "")), (Fail, "runs without its channel"), BOOTS),
        (
            "Hyper-V, seen in /sys alone",
            dpkg(hyper_v().dir("/sys/class/misc/vmbus!hv_kvp"), &[]),
            ABSENT,
            ABSENT,
        ),
        both(
            "Hyper-V, without its driver",
            hyper_v().file("/sys/bus/vmbus/devices/x/class_id", idle),
            ((Unknown, "has no driver"), (Unknown, "has no driver")),
        ),
        (
            "Azure",
            process(azure.clone(), 600, "/usr/bin/python3.11", "/system.slice/walinuxagent.service"),
            (Pass, "the Azure Linux agent runs"),
            BOOTS,
        ),
        ("Azure, stopped", azure, (Fail, "does not run although"), BOOTS),
        (
            "VirtualBox, healthy",
            vbox.clone().link("/proc/620/fd/3", "/dev/vboxguest"),
            (Pass, "holds"),
            BOOTS,
        ),
        ("VirtualBox, deaf", vbox, (Fail, "runs without its channel"), BOOTS),
        ("Parallels, not installed", dpkg(parallels, &[]), ABSENT, ABSENT),
        both("bare metal", machine().answer(Query::CpuidHypervisor, ""), none("no hypervisor")),
        both("a container", kvm().file("/run/systemd/container", "lxc\n"), none("lxc container")),
        both(
            "an unknown hypervisor",
            machine().answer(Query::CpuidHypervisor, "ACRNACRNACRN"),
            ((Unknown, "ACRNACRNACRN"), (Unknown, "ACRNACRNACRN")),
        ),
        both(
            "signs that contradict each other",
            vmware().file("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
            ((Unknown, "contradict"), (Unknown, "contradict")),
        ),
    ]
}

fn verdict(facts: &Facts, id: &str) -> (Verdict, String) {
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let policy = Policy::default();
    let report = report::judge(facts, &policy, &detected, &[id.to_owned()]);
    (report.outcomes[0].verdict, report.outcomes[0].reason.clone())
}

#[test]
fn a_bus_that_is_not_there_is_no_silence() {
    let mut facts = facts::gather(&xe_running());
    let mut hypervisor = facts.hypervisor.known().unwrap().clone();
    hypervisor.xenstore =
        Reading::Gap(Gap::unsupported("/dev/xen/xenbus is not there to ask xenstore through"));
    facts.hypervisor = Reading::Known(hypervisor);
    let (found, reason) = verdict(&facts, "guest-tools-running");
    assert_eq!(found, Unknown, "{reason}");
    assert!(reason.starts_with("/dev/xen/xenbus is not there to ask xenstore through, so that"), "{reason}");
}

#[test]
fn every_state_is_told() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (hypervisor, states) in
        [("KVM", kvm_states()), ("VMware", vmware_states()), ("Xen", xen_states()), ("other", other_states())]
    {
        for (name, tree, now, boot) in states {
            count += 1;
            let facts = facts::gather(&tree);
            let kept: Facts = toml::from_str(&toml::to_string(&facts).unwrap()).unwrap();
            for (id, (wanted, words)) in [("guest-tools-running", now), ("guest-tools-enabled", boot)] {
                let (found, reason) = verdict(&facts, id);
                if found != wanted || !reason.contains(words) {
                    wrong.push(format!(
                        "{hypervisor}, {name}: {id} is {found:?} ({reason}), not {wanted:?} ({words})"
                    ));
                }
                assert_eq!(verdict(&kept, id), (found, reason), "{hypervisor}, {name}: from its snapshot");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 80, "{count} states");
    eprintln!("{count} states");
}
