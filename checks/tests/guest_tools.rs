//! What is said of guest tools beyond their state: heartbeats in every zone, the contract's clause, drivers; the states are
//! in `guest_tools_states.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod guest_host;

use checks::check::Verdict::{self, Fail, NotApplicable, Pass, Unknown};
use checks::facts::{self, Facts};
use checks::host::{Query, Tree};
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;
use guest_host::*;

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

#[test]
fn healthy_on_debian() {
    let facts = facts_of(&running(installed(kvm())));
    expect(&facts, (Pass, "holds its channel"), (Pass, "starts at boot by qemu-guest-agent.service"));
    let text = toml::to_string(&facts).unwrap();
    assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts);
}

#[test]
fn a_heartbeat_is_late_in_whatever_zone() {
    let runs =
        process(xe_daemon(), 700, "/usr/sbin/xe-daemon", "/system.slice/xe-linux-distribution.service");
    // 11:07:30 UTC is 12:07:30 in Paris, and the agent writes what the clock on the wall shows.
    for fresh in ["Sun Nov 22 11:07:00 2026", "Sun Nov 22 12:07:00 2026", "Sun Nov 22 16:37:10 2026"] {
        let facts = facts_of(&xenstore(runs.clone(), fresh));
        expect(&facts, (Pass, "told the hypervisor"), (Pass, "xe-linux-distribution.service"));
        assert_eq!(
            facts.hypervisor.known().unwrap().xenstore.known().unwrap().version.as_deref(),
            Some("8.4.0-1")
        );
    }
    for stale in ["Sun Nov 22 10:57:30 2026", "Sat Nov 21 11:07:30 2026"] {
        expect(&facts_of(&xenstore(runs.clone(), stale)), (Fail, "stopped to report"), (Pass, ""));
    }
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
    let metal = machine().answer(Query::CpuidHypervisor, "");
    assert_eq!(verdict(&facts_of(&metal), "guest-tools-drivers").0, NotApplicable);
    let idle = kvm().file("/sys/bus/virtio/devices/virtio4/device", "0x0003\n");
    assert_eq!(verdict(&facts_of(&idle), "guest-tools-drivers").0, Fail);
}
