//! What the machine runs on: bare metal, a hypervisor, a container; and the hypervisor's channels and drivers.

mod channels;
mod container;
mod devices;
mod platform;
mod xenstore;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{self, Host, Query};
use crate::software;
pub use xenstore::reply as xenstore_reply;

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
    /// What carries the channel of guest tools: a virtio console, the key-value service of Hyper-V.
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
    let missing =
        |path: &str| host.stat(path).is_err_and(|gap| matches!(gap.why, GapKind::Absent | GapKind::Offline));
    let image = missing("/proc/sys/kernel") && missing("/sys/class");
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
        channels: channels::read(host, platform).into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    const OVERLAY: &str = "1 0 0:40 / / rw - overlay overlay rw\n2 1 8:1 /containers/x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n";
    const DISK: &str = "22 1 254:1 / / rw - ext4 /dev/vda rw\n";

    fn linux() -> Tree {
        Tree::new(Timestamp(0))
            .file("/proc/sys/kernel/osrelease", "6.1.0\n")
            .file("/proc/self/mountinfo", DISK)
            .file("/proc/1/cgroup", "0::/\n")
            .link("/proc/self/ns/pid", "pid:[4026531836]")
            .dir("/sys/class/net")
    }

    fn container(tree: &Tree) -> Option<String> {
        read(tree).unwrap().container
    }

    #[test]
    fn a_mark_that_an_image_left_behind_makes_no_container() {
        let machine = linux().file("/.dockerenv", "").answer(Query::CpuidHypervisor, b"KVMKVMKVM\0\0\0");
        let hypervisor = read(&machine).unwrap();
        assert_eq!((hypervisor.platform, hypervisor.container), (Platform::Kvm, None));
        assert!(hypervisor.evidence.iter().any(|seen| seen.contains("left behind")));
        let docker = machine.clone().file("/proc/self/mountinfo", OVERLAY);
        assert_eq!(container(&docker).as_deref(), Some("docker"));
        let own = machine.link("/proc/self/ns/pid", "pid:[4026532201]");
        assert_eq!(container(&own).as_deref(), Some("docker"));
    }

    #[test]
    fn containers_without_a_mark() {
        for (path, text, kind) in [
            ("/run/systemd/container", "lxc\n", Some("lxc")),
            ("/run/systemd/container", "a b; rm\n", None),
            ("/run/host/container-manager", "systemd-nspawn\n", Some("systemd-nspawn")),
            ("/proc/1/environ", "A=b\0container=podman\0PASSWORD=x\0", Some("podman")),
            ("/proc/1/environ", "xcontainer=podman\0", None),
            ("/proc/1/cgroup", "5:cpu:/kubepods/burstable/pod1/x\n", Some("kubernetes")),
            ("/proc/1/cgroup", "0::/init.scope\n", None),
            ("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n", Some("wsl")),
            ("/proc/self/mountinfo", OVERLAY, Some("oci")),
            // A live system boots from layers too, without anybody's files in /etc.
            ("/proc/self/mountinfo", "1 0 0:40 / / rw - overlay overlay rw\n", None),
            ("/proc/vz/x", "", Some("openvz")),
        ] {
            let tree = linux().file(path, text);
            assert_eq!(container(&tree).as_deref(), kind, "{path}: {text}");
            assert!(!format!("{:?}", read(&tree).unwrap()).contains("PASSWORD"));
        }
    }

    #[test]
    fn platforms_by_their_signs() {
        for (cpuid, vendor, product, platform) in [
            ("KVMKVMKVM", "Scaleway", "SCW-DEV1-S", Platform::Kvm),
            ("KVMKVMKVM", "innotek GmbH", "VirtualBox", Platform::Virtualbox),
            ("KVMKVMKVM", "Nutanix", "AHV", Platform::Kvm),
            ("VMwareVMware", "VMware, Inc.", "VMware7,1", Platform::Vmware),
            ("Microsoft Hv", "Xen", "HVM domU", Platform::Xen),
            ("Microsoft Hv", "QEMU", "Standard PC (Q35 + ICH9, 2009)", Platform::Kvm),
            ("Microsoft Hv", "Microsoft Corporation", "Virtual Machine", Platform::HyperV),
            ("", "Microsoft Corporation", "Surface Laptop", Platform::BareMetal),
            ("", "Dell Inc.", "PowerEdge R640", Platform::BareMetal),
            ("", "Amazon EC2", "c5.metal", Platform::BareMetal),
            ("VMwareVMware", "Xen", "HVM domU", Platform::Unknown),
        ] {
            let tree = linux()
                .answer(Query::CpuidHypervisor, cpuid)
                .file("/sys/class/dmi/id/sys_vendor", vendor)
                .file("/sys/class/dmi/id/product_name", product);
            assert_eq!(read(&tree).unwrap().platform, platform, "{cpuid}, {vendor}, {product}");
        }
    }

    #[test]
    fn without_cpuid_nothing_is_guessed() {
        let bios = |bits: u8| {
            let mut raw = vec![0; 0x18];
            raw[0x13] = bits;
            raw
        };
        for (path, content, platform) in [
            ("/proc/device-tree/hypervisor/compatible", b"linux,kvm\0".to_vec(), Platform::Kvm),
            ("/sys/class/dmi/id/sys_vendor", b"Hetzner\n".to_vec(), Platform::Kvm),
            ("/sys/class/dmi/id/sys_vendor", b"Supermicro\n".to_vec(), Platform::Unknown),
            ("/proc/cpuinfo", b"flags : fpu vme hypervisor\n".to_vec(), Platform::Unknown),
            ("/proc/cpuinfo", b"flags : fpu vme\n".to_vec(), Platform::BareMetal),
            ("/sys/firmware/dmi/entries/0-0/raw", bios(0), Platform::BareMetal),
            ("/sys/firmware/dmi/entries/0-0/raw", bios(0x10), Platform::Unknown),
            ("/sys/firmware/dmi/entries/0-0/raw", vec![0; 4], Platform::Unknown),
        ] {
            let tree = linux().answer(Query::Architecture, "aarch64").file(path, content);
            assert_eq!(read(&tree).unwrap().platform, platform, "{path}");
        }
        assert_eq!(read(&Tree::new(Timestamp(0))).unwrap_err().why, crate::gap::GapKind::Offline);
    }
}
