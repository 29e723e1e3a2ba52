//! What the machine runs on: bare metal, a hypervisor, a container; and the hypervisor's channels and drivers.

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

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

/// Reads what the machine runs on.
pub(crate) fn read(_host: &dyn Host) -> Result<Hypervisor, Gap> {
    Err(Gap::not_gathered())
}
