//! The guest tools of each hypervisor, and in which state a host has them.

mod functions;
mod state;
mod talking;

pub(crate) use state::{State, examine, fitting, foreign, startup};

use super::Software;
use crate::facts::hypervisor::Platform;

/// Guest tools that one hypervisor accepts.
#[derive(Debug)]
pub(crate) struct GuestTools {
    /// Whose they are.
    pub(crate) platform: Platform,
    /// Only on machines of this SMBIOS vendor, if given.
    pub(crate) vendor: Option<&'static str>,
    /// What they are.
    pub(crate) software: Software,
    /// What they talk through.
    pub(crate) channel: Channel,
    /// Whether they write `data/updated` into xenstore every minute.
    pub(crate) heartbeat: bool,
}

/// What guest tools talk through.
#[derive(Debug)]
pub(crate) enum Channel {
    /// A named port of a virtio console, which the host adds to the machine or not.
    VirtioPort(&'static str),
    /// A device file for a service that the host offers or not.
    Offered(&'static [&'static str]),
    /// A device file that every guest has whose kernel has the driver.
    Always(&'static [&'static str]),
    /// No file: an instruction or the network.
    None,
}

const fn software(
    name: &'static str,
    packages: &'static [&'static str],
    units: &'static [&'static str],
    programs: &'static [&'static str],
) -> Software {
    Software { name, packages, units, programs }
}

const fn tools(platform: Platform, software: Software, channel: Channel) -> GuestTools {
    GuestTools { platform, vendor: None, software, channel, heartbeat: false }
}

/// Every guest tool that hostduty knows. Where a hypervisor has several, one is enough.
pub(crate) static TOOLS: &[GuestTools] = &[
    tools(
        Platform::Kvm,
        software(
            "the QEMU guest agent",
            &["qemu-guest-agent"],
            &["qemu-guest-agent.service", "qemu-ga.service"],
            &["/usr/sbin/qemu-ga", "/usr/bin/qemu-ga"],
        ),
        Channel::VirtioPort("org.qemu.guest_agent.0"),
    ),
    GuestTools {
        vendor: Some("Nutanix"),
        ..tools(
            Platform::Kvm,
            software(
                "the Nutanix guest agent",
                &["nutanix-guest-agent"],
                &["ngt_guest_agent.service"],
                &["/usr/local/nutanix/ngt/python/bin/ngt_guest_agent"],
            ),
            Channel::None,
        )
    },
    tools(
        Platform::Vmware,
        software(
            "open-vm-tools",
            &["open-vm-tools"],
            &["open-vm-tools.service", "vmtoolsd.service", "vmware-tools.service"],
            &["/usr/bin/vmtoolsd", "/usr/sbin/vmtoolsd", "/usr/lib/vmware-tools/sbin64/vmtoolsd"],
        ),
        Channel::None,
    ),
    GuestTools {
        heartbeat: true,
        ..tools(
            Platform::Xen,
            software(
                "xe-guest-utilities",
                &["xe-guest-utilities", "xe-guest-utilities-latest"],
                &["xe-linux-distribution.service", "xe-guest-utilities.service", "xe-daemon.service"],
                &["/usr/sbin/xe-daemon", "/usr/bin/xe-daemon", "/usr/share/oem/xs/xe-daemon"],
            ),
            XENBUS,
        )
    },
    tools(
        Platform::Xen,
        software(
            "xen-guest-agent",
            &["xen-guest-agent"],
            &["xen-guest-agent.service"],
            &["/usr/sbin/xen-guest-agent", "/usr/bin/xen-guest-agent"],
        ),
        XENBUS,
    ),
    tools(
        Platform::HyperV,
        software(
            "the Hyper-V KVP daemon",
            &["hyperv-daemons", "linux-cloud-tools-common", "hyper-v", "hyperv", "hvtools"],
            &["hv-kvp-daemon.service", "hypervkvpd.service", "hv_kvp_daemon.service"],
            &["/usr/sbin/hv_kvp_daemon", "/usr/bin/hv_kvp_daemon", "/usr/sbin/hypervkvpd"],
        ),
        Channel::Offered(&["/dev/vmbus/hv_kvp"]),
    ),
    tools(
        Platform::HyperV,
        software(
            "the Azure Linux agent",
            &["waagent", "walinuxagent", "WALinuxAgent", "python-azure-agent"],
            &["walinuxagent.service", "waagent.service"],
            &["/usr/sbin/waagent", "/usr/bin/waagent"],
        ),
        Channel::None,
    ),
    tools(
        Platform::Virtualbox,
        software(
            "the VirtualBox guest service",
            &["virtualbox-guest-utils", "virtualbox-guest-additions", "virtualbox-guest-utils-nox"],
            &["virtualbox-guest-utils.service", "vboxservice.service", "vboxadd-service.service"],
            &["/usr/sbin/VBoxService", "/usr/bin/VBoxService", "/opt/VBoxGuestAdditions/sbin/VBoxService"],
        ),
        Channel::Always(&["/dev/vboxguest"]),
    ),
    tools(
        Platform::Parallels,
        software(
            "the Parallels Tools daemon",
            &[],
            &["prltoolsd.service"],
            &["/usr/bin/prltoolsd", "/usr/sbin/prltoolsd"],
        ),
        Channel::None,
    ),
];

const XENBUS: Channel = Channel::Always(&["/dev/xen/xenbus", "/proc/xen/xenbus"]);
