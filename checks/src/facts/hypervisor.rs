//! What the machine runs on: bare metal, a hypervisor, a container; and the hypervisor's channels and drivers.

mod channels;
mod container;
mod devices;
mod platform;
mod xenstore;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host, Query};
use crate::software;

/// What the machine runs on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hypervisor {
    /// The platform beneath the kernel.
    pub platform: Platform,
    /// The kind of container that hostduty runs in (`docker`, `lxc`), if any: then the machine belongs to its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What gave the platform away, as `path: text`.
    pub evidence: Vec<String>,
    /// SMBIOS system vendor, `/sys/class/dmi/id/sys_vendor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// SMBIOS product, `/sys/class/dmi/id/product_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Whether this is Xen's control domain, which is the host of the guests and no guest.
    pub control_domain: bool,
    /// What the hypervisor offers to talk through.
    pub channels: Reading<Channels>,
    /// Disks, network cards and paravirtual devices with their drivers.
    pub devices: Reading<Vec<Device>>,
    /// What the guest tools wrote into xenstore; root only.
    pub xenstore: Reading<Xenstore>,
    /// Programs of guest tools that lie on the disk, of whichever hypervisor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_files: Vec<String>,
}

/// What the hypervisor offers its guest tools to talk through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Channels {
    /// Device files such as `/dev/xen/xenbus` and `/dev/vmbus/hv_kvp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Ports of virtio consoles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtio_ports: Vec<VirtioPort>,
}

/// A named port of a virtio console, from /sys/class/virtio-ports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtioPort {
    /// `org.qemu.guest_agent.0`
    pub name: String,
    /// `/dev/vport2p1`
    pub device: String,
}

/// A device that a hypervisor may emulate or hand through its own drivers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// `eth0`, `vda`; the name on its bus (`virtio3`) for one without a driver.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The driver of the card or controller behind it: `virtio_net`, `vbd`, `ahci`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The paravirtual bus (`virtio`) on which it waits for a driver, when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_on: Option<String>,
}

/// The devices that hostduty tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A network card.
    Network,
    /// A disk or its controller.
    Disk,
    /// A virtio console, which carries the channel of the QEMU guest agent.
    Console,
    /// The device through which the hypervisor takes memory back.
    Balloon,
    /// Another paravirtual device.
    #[default]
    Other,
}

/// What the guest tools of Xen wrote about themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xenstore {
    /// `attr/PVAddons/Installed` is 1.
    pub installed: bool,
    /// `attr/PVAddons/{Major,Minor,Micro}Version` and `BuildVersion`: `8.4.0-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `data/updated`, written every minute by xe-daemon only: the local time of the guest, taken as if it were UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// The platforms that hostduty tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// A hypervisor that hostduty does not know, or signs that contradict each other.
    #[default]
    Unknown,
    /// No hypervisor.
    BareMetal,
    /// KVM or QEMU.
    Kvm,
    /// VMware ESXi and its relatives.
    Vmware,
    /// A Xen or XCP-ng guest.
    Xen,
    /// Hyper-V or Azure.
    HyperV,
    /// VirtualBox.
    Virtualbox,
    /// Parallels.
    Parallels,
    /// Apple's Virtualization framework.
    Apple,
}

impl Platform {
    /// The name that people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "an unknown platform",
            Self::BareMetal => "bare metal",
            Self::Kvm => "KVM",
            Self::Vmware => "VMware",
            Self::Xen => "Xen",
            Self::HyperV => "Hyper-V",
            Self::Virtualbox => "VirtualBox",
            Self::Parallels => "Parallels",
            Self::Apple => "Apple Virtualization",
        }
    }
}

/// Reads what the machine runs on.
pub(crate) fn read(host: &dyn Host) -> Result<Hypervisor, Gap> {
    let absent = |path: &str| host.stat(path).is_err_and(|gap| gap.is_absent());
    let image = absent("/proc/sys/kernel") && absent("/sys/class");
    if image && host.query(&Query::CpuidHypervisor).is_err() {
        return Err(Gap::offline("what the machine runs on"));
    }
    let mut evidence = Vec::new();
    let container = container::read(host, &mut evidence);
    let (platform, control_domain) = platform::read(host, &mut evidence);
    let dmi = |name: &str| host::read_line(host, &format!("/sys/class/dmi/id/{name}")).ok();
    Ok(Hypervisor {
        platform,
        container,
        evidence,
        vendor: dmi("sys_vendor"),
        product: dmi("product_name"),
        control_domain,
        channels: channels::read(host).into(),
        devices: devices::read(host).into(),
        xenstore: match platform {
            Platform::Xen => xenstore::read(host).into(),
            _ => Reading::Gap(Gap::absent("xenstore")),
        },
        tool_files: software::guest_tools::TOOLS
            .iter()
            .flat_map(|tools| tools.software.programs)
            .filter(|path| host.stat(path).is_ok())
            .map(|path| (*path).to_owned())
            .collect(),
    })
}
