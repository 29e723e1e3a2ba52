//! Every state that guest tools can be in, from the files of a host to the verdict.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::facts::packages::Packages;
use checks::facts::{self, Facts};
use checks::gap::{Gap, Reading};
use checks::host::{Query, Tree};
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;

const NOW: Timestamp = Timestamp(1_795_345_650);
const INSTALL: &str = "[Service]\nExecStart=/usr/sbin/tool\n[Install]\nWantedBy=multi-user.target\n";
const STATIC: &str = "[Service]\nExecStart=-/usr/sbin/qemu-ga\n[Install]\n";
const RULE: &str = "SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"org.qemu.guest_agent.0\", TAG+=\"systemd\", ENV{SYSTEMD_WANTS}=\"qemu-guest-agent.service\"\n";

/// A machine that boots with systemd and runs it.
fn machine() -> Tree {
    let tree = Tree::new(NOW)
        .file("/proc/stat", "btime 1795340000\n")
        .file("/proc/sys/kernel/osrelease", "6.1.0-40-amd64\n")
        .file("/proc/self/mountinfo", "22 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
        .link("/proc/self/ns/pid", "pid:[4026531836]")
        .dir("/run/systemd/system")
        .dir("/sys/class/net");
    process(tree, 1, "/usr/lib/systemd/systemd", "/init.scope")
}

fn process(tree: Tree, pid: u32, exe: &str, cgroup: &str) -> Tree {
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

fn kvm() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0")
        .file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
        .file("/sys/class/virtio-ports/vport2p1/name", "org.qemu.guest_agent.0\n")
        .link("/sys/bus/virtio/devices/virtio2/driver", "../../../bus/virtio/drivers/virtio_console")
}

/// Debian's package: a static unit that a udev rule starts.
fn installed(tree: Tree) -> Tree {
    tree.file("/usr/sbin/qemu-ga", "")
        .file("/usr/lib/systemd/system/qemu-guest-agent.service", STATIC)
        .file("/usr/lib/udev/rules.d/60-qemu-guest-agent.rules", RULE)
}

fn running(tree: Tree) -> Tree {
    process(tree, 812, "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service")
        .link("/proc/812/fd/3", "/dev/vport2p1")
}

fn xen() -> Tree {
    machine()
        .answer(Query::CpuidHypervisor, "Microsoft Hv")
        .file("/sys/class/dmi/id/sys_vendor", "Xen\n")
        .file("/sys/class/dmi/id/product_name", "HVM domU\n")
        .file("/sys/hypervisor/type", "xen\n")
        .file("/dev/xen/xenbus", "")
}

fn facts_of(tree: &Tree) -> Facts {
    facts::gather(tree)
}

fn verdict(facts: &Facts, id: &str) -> (Verdict, String) {
    verdict_with(facts, id, &Policy::default())
}

fn verdict_with(facts: &Facts, id: &str, policy: &Policy) -> (Verdict, String) {
    let detected = Detected { offer: "generic".into(), how: String::new() };
    let report = report::judge(facts, policy, &detected, &[id.to_owned()]);
    (report.outcomes[0].verdict, report.outcomes[0].reason.clone())
}

#[track_caller]
fn expect(facts: &Facts, running: (Verdict, &str), enabled: (Verdict, &str)) {
    for (id, (wanted, words)) in [("guest-tools-running", running), ("guest-tools-enabled", enabled)] {
        let (verdict, reason) = verdict(facts, id);
        assert_eq!(verdict, wanted, "{id}: {reason}");
        assert!(reason.contains(words), "{id}: {reason}");
    }
}

use Verdict::{Fail, NotApplicable, Pass, Unknown};

#[test]
fn healthy_on_debian() {
    let facts = facts_of(&running(installed(kvm())));
    expect(&facts, (Pass, "holds its channel"), (Pass, "starts at boot by qemu-guest-agent.service"));
    let text = toml::to_string(&facts).unwrap();
    assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts);
}

#[test]
fn masked() {
    let tree = installed(kvm()).link("/etc/systemd/system/qemu-guest-agent.service", "/dev/null");
    expect(&facts_of(&tree), (Fail, "is masked"), (Fail, "is masked"));
    // It runs until the next boot.
    expect(&facts_of(&running(tree)), (Pass, "holds"), (Fail, "is masked"));
    let gone = kvm().link("/etc/systemd/system/qemu-guest-agent.service", "/dev/null");
    expect(&facts_of(&gone), (Fail, "not installed either"), (Fail, "not installed either"));
    let other_name = installed(kvm()).link("/etc/systemd/system/qemu-ga.service", "/dev/null");
    expect(&facts_of(&running(other_name)), (Pass, "holds"), (Pass, "starts at boot"));
    let runtime = installed(kvm()).link("/run/systemd/system/qemu-guest-agent.service", "/dev/null");
    expect(&facts_of(&runtime), (Fail, "until the next boot"), (Fail, "until the next boot"));
}

#[test]
fn stopped() {
    expect(&facts_of(&installed(kvm())), (Fail, "does not run although"), (Pass, "starts at boot"));
}

#[test]
fn disabled_and_started_by_hand() {
    let tree =
        kvm().file("/usr/sbin/qemu-ga", "").file("/usr/lib/systemd/system/qemu-guest-agent.service", INSTALL);
    expect(&facts_of(&tree), (Fail, "is disabled"), (Fail, "will not start at boot"));
    expect(&facts_of(&running(tree)), (Pass, "holds"), (Fail, "will not start at boot"));
}

#[test]
fn a_static_unit_without_its_rule_is_unknown_at_boot() {
    let tree =
        kvm().file("/usr/sbin/qemu-ga", "").file("/usr/lib/systemd/system/qemu-guest-agent.service", STATIC);
    expect(&facts_of(&running(tree.clone())), (Pass, "holds"), (Unknown, "neither a link nor a udev rule"));
    expect(
        &facts_of(&tree),
        (Fail, "installed and does not run"),
        (Unknown, "neither a link nor a udev rule"),
    );
    let device = tree.link(
        "/etc/systemd/system/dev-virtio\\x2dports-org.qemu.guest_agent.0.device.wants/qemu-guest-agent.service",
        "/usr/lib/systemd/system/qemu-guest-agent.service",
    );
    expect(&facts_of(&device), (Fail, "does not run"), (Pass, "starts at boot"));
}

#[test]
fn never_installed_and_removed_with_residue() {
    expect(&facts_of(&kvm()), (Fail, "is not installed"), (Fail, "is not installed"));
    let mut facts = facts_of(&kvm());
    let mut packages = Packages::default();
    packages.residual.insert("qemu-guest-agent".to_owned());
    facts.packages = Reading::Known(packages.clone());
    expect(&facts, (Fail, "only its configuration is left"), (Fail, "only its configuration is left"));
    // A unit file whose program is gone does not make it installed; without the package database nobody knows.
    let tree =
        kvm().file("/usr/lib/systemd/system/qemu-guest-agent.service", INSTALL.replace("tool", "qemu-ga"));
    let mut facts = facts_of(&tree);
    facts.packages = Reading::Known(packages);
    expect(&facts, (Fail, "left without its program"), (Fail, "left without its program"));
    facts.packages = Reading::Gap(Gap::denied("/var/lib/dpkg/status"));
    expect(&facts, (Unknown, "/var/lib/dpkg/status"), (Unknown, "/var/lib/dpkg/status"));
}

#[test]
fn without_the_channel() {
    let silent =
        process(installed(kvm()), 812, "/usr/sbin/qemu-ga", "/system.slice/qemu-guest-agent.service");
    expect(&facts_of(&silent), (Fail, "runs without its channel /dev/vport2p1"), (Pass, ""));
    let unseen = silent.refuse("/proc/812/fd", Gap::denied("/proc/812/fd"));
    expect(&facts_of(&unseen), (Unknown, "/proc/812/fd"), (Pass, ""));
    let not_offered = machine()
        .answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0")
        .file("/sys/class/virtio-ports/vport1p1/name", "com.redhat.spice.0\n");
    for tree in [not_offered.clone(), installed(not_offered.clone())] {
        expect(&facts_of(&tree), (NotApplicable, "does not offer"), (NotApplicable, "does not offer"));
    }
    // A console without a driver may hide the port.
    let hidden = not_offered.file("/sys/bus/virtio/devices/virtio4/device", "0x0003\n");
    expect(&facts_of(&hidden), (Unknown, "has no driver"), (Unknown, "has no driver"));
    assert_eq!(verdict(&facts_of(&hidden), "guest-tools-drivers").0, Fail);
}

#[test]
fn a_name_is_not_enough() {
    let impostor = process(kvm(), 900, "/tmp/qemu-ga", "/user.slice/user-1000.slice/session-1.scope");
    expect(&facts_of(&impostor), (Fail, "process 900 has the name"), (Fail, ""));
    let contained = process(kvm(), 901, "/usr/sbin/qemu-ga", "/system.slice/docker-1.scope")
        .file("/proc/901/status", "Uid:\t0\t0\t0\t0\nNSpid:\t901\t7\n");
    expect(&facts_of(&contained), (Fail, "is not installed"), (Fail, ""));
    let user = running(kvm()).file("/proc/812/status", "Uid:\t1000\t1000\t1000\t1000\n");
    expect(&facts_of(&user), (Fail, "process 812 has the name"), (Fail, ""));
    let unseen = running(installed(kvm())).refuse("/proc/812/exe", Gap::denied("/proc/812/exe"));
    expect(&facts_of(&unseen), (Unknown, "only root may see"), (Pass, ""));
    let replaced = running(installed(kvm())).link("/proc/812/exe", "/usr/sbin/qemu-ga (deleted)");
    expect(&facts_of(&replaced), (Pass, ""), (Pass, ""));
}

#[test]
fn xen_with_an_init_script_and_a_heartbeat() {
    let script = xen()
        .file("/usr/sbin/xe-daemon", "")
        .file("/etc/init.d/xe-linux-distribution", "#!/bin/sh\n")
        .with("/etc/init.d/xe-linux-distribution", |node| node.mode = 0o755)
        .link("/etc/rc3.d/S02xe-linux-distribution", "../init.d/xe-linux-distribution");
    let store = |tree: Tree, updated: &str| {
        tree.answer(Query::Xenstore("attr/PVAddons/Installed".into()), "1")
            .answer(Query::Xenstore("attr/PVAddons/MajorVersion".into()), "8")
            .answer(Query::Xenstore("attr/PVAddons/MinorVersion".into()), "4")
            .answer(Query::Xenstore("attr/PVAddons/MicroVersion".into()), "0")
            .answer(Query::Xenstore("attr/PVAddons/BuildVersion".into()), "1")
            .answer(Query::Xenstore("data/updated".into()), updated)
    };
    let runs = process(script, 700, "/usr/sbin/xe-daemon", "/system.slice/xe-linux-distribution.service");
    // 11:07:30 UTC is 12:07:30 in Paris, and the agent writes what the clock on the wall shows.
    for fresh in ["Sun Nov 22 11:07:00 2026", "Sun Nov 22 12:07:00 2026", "Sun Nov 22 16:37:10 2026"] {
        let facts = facts_of(&store(runs.clone(), fresh));
        expect(&facts, (Pass, "told the hypervisor"), (Pass, "xe-linux-distribution.service"));
        assert_eq!(
            facts.hypervisor.known().unwrap().xenstore.known().unwrap().version.as_deref(),
            Some("8.4.0-1")
        );
    }
    for stale in ["Sun Nov 22 10:57:30 2026", "Sat Nov 21 11:07:30 2026"] {
        expect(&facts_of(&store(runs.clone(), stale)), (Fail, "stopped to report"), (Pass, ""));
    }
    let held = runs.clone().link("/proc/700/fd/4", "/dev/xen/xenbus");
    expect(&facts_of(&held), (Pass, "holds its channel"), (Pass, ""));
    expect(&facts_of(&runs), (Unknown, "only root may see in xenstore"), (Pass, ""));
}

#[test]
fn either_agent_of_xen_is_enough() {
    let tree = xen()
        .link("/etc/systemd/system/xe-linux-distribution.service", "/dev/null")
        .file("/usr/sbin/xen-guest-agent", "")
        .file("/usr/lib/systemd/system/xen-guest-agent.service", INSTALL)
        .link(
            "/etc/systemd/system/multi-user.target.wants/xen-guest-agent.service",
            "/usr/lib/systemd/system/xen-guest-agent.service",
        );
    let tree = process(tree, 701, "/usr/sbin/xen-guest-agent", "/system.slice/xen-guest-agent.service")
        .link("/proc/701/fd/4", "/dev/xen/xenbus");
    expect(&facts_of(&tree), (Pass, "xen-guest-agent runs"), (Pass, "xen-guest-agent"));
}

#[test]
fn tools_of_another_hypervisor_are_named_and_the_clause_is_quoted() {
    let tree = xen()
        .file("/usr/bin/vmtoolsd", "")
        .file("/usr/lib/systemd/system/open-vm-tools.service", "[Unit]\nConditionVirtualization=vmware\n[Service]\nExecStart=/usr/bin/vmtoolsd\n[Install]\nWantedBy=multi-user.target\n")
        .link("/etc/systemd/system/multi-user.target.wants/open-vm-tools.service", "/usr/lib/systemd/system/open-vm-tools.service");
    let facts = facts_of(&tree);
    expect(&facts, (Fail, "for another hypervisor: open-vm-tools"), (Fail, "another hypervisor"));
    let mut policy = Policy::default();
    policy.offer.guest_tools_clause = Some("the service level is suspended meanwhile (RACI 3).".to_owned());
    let (_, reason) = verdict_with(&facts, "guest-tools-running", &policy);
    assert!(reason.ends_with("suspended meanwhile (RACI 3)"), "{reason}");
}

#[test]
fn vmware_by_either_name_of_its_unit() {
    let tree = machine()
        .answer(Query::CpuidHypervisor, "VMwareVMware")
        .file("/usr/bin/vmtoolsd", "")
        .file("/usr/lib/systemd/system/open-vm-tools.service", format!("{INSTALL}Alias=vmtoolsd.service\n"))
        .link("/etc/systemd/system/vmtoolsd.service", "/usr/lib/systemd/system/open-vm-tools.service")
        .link(
            "/etc/systemd/system/multi-user.target.wants/open-vm-tools.service",
            "/usr/lib/systemd/system/open-vm-tools.service",
        );
    let tree = process(tree, 500, "/usr/bin/vmtoolsd", "/system.slice/open-vm-tools.service");
    expect(&facts_of(&tree), (Pass, "open-vm-tools runs"), (Pass, "open-vm-tools.service"));
}

#[test]
fn hyper_v_needs_a_daemon_only_where_the_host_offers_it() {
    let host = machine()
        .answer(Query::CpuidHypervisor, "Microsoft Hv")
        .file("/sys/bus/vmbus/devices/x/class_id", "");
    expect(&facts_of(&host), (NotApplicable, "/dev/vmbus/hv_kvp"), (NotApplicable, ""));
    let offered = host.clone().file("/dev/vmbus/hv_kvp", "");
    expect(&facts_of(&offered), (Fail, "the Hyper-V KVP daemon is not installed"), (Fail, ""));
    // On Azure the agent is a script.
    let azure = host
        .file("/usr/sbin/waagent", "")
        .file("/usr/lib/systemd/system/walinuxagent.service", INSTALL)
        .link(
            "/etc/systemd/system/multi-user.target.wants/walinuxagent.service",
            "/usr/lib/systemd/system/walinuxagent.service",
        );
    let azure = process(azure, 600, "/usr/bin/python3.11", "/system.slice/walinuxagent.service");
    expect(&facts_of(&azure), (Pass, "Azure"), (Pass, "walinuxagent.service"));
}

#[test]
fn where_no_tools_are_asked_for() {
    let metal =
        machine().answer(Query::CpuidHypervisor, "").file("/sys/class/dmi/id/sys_vendor", "ASRockRack\n");
    expect(&facts_of(&metal), (NotApplicable, "no hypervisor"), (NotApplicable, "no hypervisor"));
    assert_eq!(verdict(&facts_of(&metal), "guest-tools-drivers").0, NotApplicable);
    let container = kvm().file("/run/systemd/container", "lxc\n");
    expect(&facts_of(&container), (NotApplicable, "lxc container"), (NotApplicable, "lxc container"));
    let control = xen().file("/proc/xen/capabilities", "control_d\n");
    expect(&facts_of(&control), (NotApplicable, "control domain"), (NotApplicable, "control domain"));
    let strange = machine().answer(Query::CpuidHypervisor, "ACRNACRNACRN");
    expect(&facts_of(&strange), (Unknown, "ACRNACRNACRN"), (Unknown, ""));
    let liar = machine()
        .answer(Query::CpuidHypervisor, "VMwareVMware")
        .file("/sys/class/dmi/id/sys_vendor", "QEMU\n");
    expect(&facts_of(&liar), (Unknown, "contradict"), (Unknown, ""));
}

#[test]
fn emulated_hardware_is_a_finding_and_passed_through_hardware_is_not() {
    let net = |tree: Tree, name: &str, driver: &str| {
        tree.dir(&format!("/sys/class/net/{name}/device"))
            .link(&format!("/sys/class/net/{name}/device/driver"), &format!("../../bus/pci/drivers/{driver}"))
    };
    let good = net(net(kvm(), "eth0", "virtio_net"), "eth1", "mlx5_core")
        .dir("/sys/class/net/lo")
        .link("/sys/block/vda", "../devices/pci0000:00/0000:00:02.0/virtio2/block/vda")
        .link("/sys/block/loop0", "../devices/virtual/block/loop0")
        .link("/sys/block/nvme0n1", "../devices/pci0000:00/0000:00:05.0/nvme/nvme0/nvme0n1")
        .link("/sys/bus/pci/devices/0000:00:05.0/driver", "../../../../bus/pci/drivers/nvme")
        .link("/sys/bus/virtio/devices/virtio2/driver", "../../../../bus/virtio/drivers/virtio_blk");
    let facts = facts_of(&good);
    assert_eq!(verdict(&facts, "guest-tools-drivers").0, Pass);
    assert_eq!(facts.hypervisor.known().unwrap().devices.known().unwrap().len(), 4);
    let slow = net(good.clone(), "eth2", "e1000");
    assert_eq!(
        verdict(&facts_of(&slow), "guest-tools-drivers"),
        (Fail, "eth2 is emulated hardware, driven by e1000".to_owned())
    );
    let ide = good
        .link("/sys/block/sda", "../devices/pci0000:00/0000:00:01.1/ata1/host0/target0:0:0/0:0:0:0/block/sda")
        .link("/sys/bus/pci/devices/0000:00:01.1/driver", "../../../../bus/pci/drivers/ata_piix");
    assert_eq!(verdict(&facts_of(&ide), "guest-tools-drivers").0, Fail);
    assert_eq!(verdict(&facts_of(&kvm()), "guest-tools-drivers").0, Unknown);
}
