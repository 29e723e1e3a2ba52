//! Disks and network cards use the hypervisor's own drivers, not hardware that it must emulate.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::hypervisor::{Device, DeviceKind, Platform};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "guest-tools-drivers",
    title: "Disks and network cards use the hypervisor's own drivers",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "A card that the hypervisor emulates down to the registers of old hardware is slow, and the \
        code that does so has been a way out of virtual machines more than once. Several functions of the \
        platform, such as moving a running machine, count on the paravirtual drivers too. Linux has had \
        them built in for years.",
    remedy: "Ask the provider, or set in its console, the device model of the disk or card: virtio (KVM), pvscsi and vmxnet3 \
        (VMware), PV (Xen), synthetic (Hyper-V)\n\
        Before you change the model of the system disk, make sure that the initramfs has the driver: \
        update-initramfs -u (Debian, Ubuntu) or dracut -f (RHEL, SUSE)\n\
        For a device without a driver: modprobe the module of its bus, then reinstall the kernel's modules package",
    references: &["https://docs.kernel.org/driver-api/virtio/virtio.html", "https://docs.xcp-ng.org/vms/"],
    examples: Examples {
        kept: r#"
[hypervisor.known]
platform = "kvm"
devices = { known = [{ name = "eth0", kind = "network", driver = "virtio_net" }, { name = "vda", kind = "disk", driver = "virtio_blk" }] }
"#,
        broken: r#"
[hypervisor.known]
platform = "xen"
devices = { known = [{ name = "eth0", kind = "network", driver = "e1000" }, { name = "xvda", kind = "disk", driver = "vbd" }] }
"#,
    },
    judge,
};

/// Drivers of hardware that only an emulator still makes.
const EMULATED: &[&str] = &[
    "8139cp",
    "8139too",
    "BusLogic",
    "ahci",
    "ata_piix",
    "de2104x",
    "e1000",
    "e1000e",
    "mptspi",
    "ne2k-pci",
    "pcnet32",
    "sym53c8xx",
    "tulip",
];
/// Drivers of the hypervisors themselves.
const PARAVIRTUAL: &[&str] = &[
    "hv_netvsc",
    "hv_storvsc",
    "vbd",
    "vif",
    "virtio_blk",
    "virtio_net",
    "virtio_scsi",
    "vmw_pvscsi",
    "vmxnet3",
];

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    let hypervisor = facts.hypervisor.known()?;
    match hypervisor.platform {
        Platform::Kvm | Platform::Vmware | Platform::Xen | Platform::HyperV if !hypervisor.control_domain => {
        }
        Platform::Unknown => return Err(Gap::unsupported("the hypervisor is not one that hostduty knows")),
        Platform::BareMetal => return Ok(Judgement::not_applicable("no hypervisor is beneath this machine")),
        other => {
            let reason = format!("{} has no drivers of its own for disks and cards", other.name());
            return Ok(Judgement::not_applicable(reason));
        }
    }
    let mut judgement = Judgement::new();
    let devices = hypervisor.devices.known()?;
    let clause = policy
        .offer
        .guest_tools_clause
        .as_deref()
        .map_or(String::new(), |clause| format!("; {}", clause.trim_end_matches('.')));
    for device in devices {
        match device.driver.as_deref() {
            Some(driver) if EMULATED.contains(&driver) => judgement.fail(Finding::new(
                device.name.as_str(),
                format!("is emulated hardware, driven by {driver}{clause}"),
                place(device).says(driver),
            )),
            Some(driver) if PARAVIRTUAL.contains(&driver) => {
                judgement
                    .observe(format!("{} is driven by {driver}", device.name), [place(device).says(driver)]);
            }
            // A card or disk of the host that was passed through has the driver of its maker.
            Some(driver) => {
                let text = format!("{} is driven by {driver}, which no hypervisor emulates", device.name);
                judgement.observe(text, [place(device).says(driver)]);
            }
            None if device.kind == DeviceKind::Other => {}
            None if device.waits_on.is_none() => {
                judgement.unknown(format!("the kernel does not say which driver is behind {}", device.name));
            }
            None => judgement.fail(Finding::new(
                device.name.as_str(),
                format!("is a paravirtual device without a driver{clause}"),
                place(device),
            )),
        }
    }
    if judgement.findings.is_empty() && judgement.observations.is_empty() {
        judgement.unknown("the kernel shows neither a disk nor a network card of this machine");
    }
    Ok(judgement)
}

fn place(device: &Device) -> Evidence {
    Evidence::of(match (&device.waits_on, device.kind) {
        (Some(bus), _) => format!("/sys/bus/{bus}/devices/{}", device.name),
        (None, DeviceKind::Network) => format!("/sys/class/net/{}", device.name),
        (None, _) => format!("/sys/block/{}", device.name),
    })
}
