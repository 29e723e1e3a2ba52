//! Which hypervisor the kernel runs on: SMBIOS, CPUID, Xen's own files and the device tree, weighed against each other.

use super::Platform;
use crate::host::{self, Host, Query};

/// Fields of SMBIOS in which hypervisors name themselves.
const FIELDS: &[&str] =
    &["product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version", "chassis_asset_tag"];
/// What hypervisors write there; the start of the field.
const NAMES: &[(&str, Platform)] = &[
    ("VirtualBox", Platform::Virtualbox),
    ("innotek GmbH", Platform::Virtualbox),
    ("Xen", Platform::Xen),
    ("HVM domU", Platform::Xen),
    ("Parallels", Platform::Parallels),
    ("VMware", Platform::Vmware),
    ("VMW", Platform::Vmware),
    ("Apple Virtualization", Platform::Apple),
    ("Hyper-V", Platform::HyperV),
    ("KVM", Platform::Kvm),
    ("KubeVirt", Platform::Kvm),
    ("QEMU", Platform::Kvm),
    ("Bochs", Platform::Kvm),
    ("AHV", Platform::Kvm),
];
/// Clouds on KVM that write their own name. Some sell whole computers under it too, so that CPUID goes before.
const CLOUDS: &[&str] = &[
    "OpenStack",
    "Scaleway",
    "Google Compute Engine",
    "Amazon EC2",
    "DigitalOcean",
    "Hetzner",
    "Alibaba Cloud ECS",
    "3DS Outscale",
];
/// Signatures of CPUID leaf 0x40000000.
const SIGNATURES: &[(&str, Platform)] = &[
    ("KVMKVMKVM", Platform::Kvm),
    ("Linux KVM Hv", Platform::Kvm),
    ("TCGTCGTCGTCG", Platform::Kvm),
    ("VMwareVMware", Platform::Vmware),
    ("XenVMMXenVMM", Platform::Xen),
    ("Microsoft Hv", Platform::HyperV),
    ("VBoxVBoxVBox", Platform::Virtualbox),
    ("prl hyperv", Platform::Parallels),
    ("lrpepyh vr", Platform::Parallels),
    ("Apple VZ", Platform::Apple),
];

/// What CPUID says.
enum Cpuid {
    /// There is no hypervisor.
    None,
    /// Its signature; not always one that we know.
    Signature(Option<Platform>),
    /// The processor has no such leaf, or nobody could ask.
    Unasked,
}

/// The platform, and whether the machine is Xen's control domain; adds the evidence.
pub(super) fn read(host: &dyn Host, evidence: &mut Vec<String>) -> (Platform, bool) {
    if control_domain(host, evidence) {
        return (Platform::BareMetal, true);
    }
    let dmi = dmi(host, evidence);
    let cpuid = cpuid(host, evidence);
    // Xen may show its guests the signature of Hyper-V first, so that its own files come before.
    for path in ["/sys/hypervisor/type", "/proc/xen"] {
        let kind = host::read_line(host, path);
        if kind.as_deref() == Ok("xen") || (path == "/proc/xen" && host.stat(path).is_ok()) {
            evidence.push(path.to_owned() + if kind.is_ok() { ": xen" } else { "" });
            return (Platform::Xen, false);
        }
    }
    let platform = match (cpuid, dmi) {
        // VirtualBox shows the interface of KVM to Linux, and QEMU can show that of Hyper-V; SMBIOS tells them apart.
        (Cpuid::Signature(Some(Platform::Kvm)), Some(Platform::Virtualbox)) => Platform::Virtualbox,
        (Cpuid::Signature(Some(Platform::HyperV)), Some(platform)) => platform,
        (Cpuid::Signature(Some(Platform::HyperV)), None) => hyper_v(host, evidence),
        (Cpuid::Signature(Some(one)), Some(other)) if one != other => {
            evidence.push(format!("{} and {} contradict each other", one.name(), other.name()));
            Platform::Unknown
        }
        (Cpuid::Signature(Some(platform)), _) | (_, Some(platform)) => platform,
        (Cpuid::Signature(None), None) => Platform::Unknown,
        (Cpuid::None, None) => Platform::BareMetal,
        (Cpuid::Unasked, None) => without_cpuid(host, evidence),
    };
    (platform, false)
}

fn control_domain(host: &dyn Host, evidence: &mut Vec<String>) -> bool {
    let capabilities = host::read_line(host, "/proc/xen/capabilities").unwrap_or_default();
    // XENFEAT_dom0 is bit 11 of the features, which /sys shows in hexadecimal.
    let features = host::read_line(host, "/sys/hypervisor/properties/features").unwrap_or_default();
    let bit = u64::from_str_radix(features.trim(), 16).is_ok_and(|bits| bits & (1 << 11) != 0);
    if capabilities.contains("control_d") {
        evidence.push(format!("/proc/xen/capabilities: {capabilities}"));
    } else if bit {
        evidence.push(format!("/sys/hypervisor/properties/features: {features}"));
    }
    bit || capabilities.contains("control_d")
}

fn dmi(host: &dyn Host, evidence: &mut Vec<String>) -> Option<Platform> {
    let mut found = None;
    for field in FIELDS {
        let path = format!("/sys/class/dmi/id/{field}");
        let Ok(text) = host::read_line(host, &path) else { continue };
        let named = NAMES.iter().find(|(name, _)| text.starts_with(name)).map(|(_, platform)| *platform);
        // Microsoft sells computers too.
        let microsoft = (*field == "product_name" && text == "Virtual Machine")
            .then(|| host::read_line(host, "/sys/class/dmi/id/sys_vendor").ok())
            .flatten()
            .filter(|vendor| vendor == "Microsoft Corporation")
            .map(|_| Platform::HyperV);
        if let Some(platform) = named.or(microsoft)
            && found.is_none()
        {
            evidence.push(format!("{path}: {text}"));
            found = Some(platform);
        }
    }
    found
}

fn cpuid(host: &dyn Host, evidence: &mut Vec<String>) -> Cpuid {
    let architecture = host.query(&Query::Architecture).unwrap_or_default();
    if !architecture.is_empty() && !architecture.starts_with(b"x86") && !architecture.starts_with(b"i") {
        return Cpuid::Unasked;
    }
    let Ok(signature) = host.query(&Query::CpuidHypervisor) else { return Cpuid::Unasked };
    let signature = String::from_utf8_lossy(&signature);
    let signature = signature.trim_matches(['\0', ' ']);
    if signature.is_empty() {
        evidence.push("CPUID: no hypervisor".to_owned());
        return Cpuid::None;
    }
    evidence.push(format!("CPUID leaf 0x40000000: {signature}"));
    let known = SIGNATURES.iter().find(|(name, _)| signature.starts_with(name));
    Cpuid::Signature(known.map(|(_, platform)| *platform))
}

/// The signature of Hyper-V on a machine whose SMBIOS names no hypervisor: its buses tell.
fn hyper_v(host: &dyn Host, evidence: &mut Vec<String>) -> Platform {
    let some = |path: &str| host.list(path).is_ok_and(|names| !names.is_empty());
    for (path, platform) in
        [("/sys/bus/vmbus/devices", Platform::HyperV), ("/sys/bus/virtio/devices", Platform::Kvm)]
    {
        if some(path) {
            evidence.push(path.to_owned());
            return platform;
        }
    }
    Platform::Unknown
}

/// Where CPUID says nothing: the device tree, the name of a cloud, the flags of the processor, the bit of SMBIOS.
fn without_cpuid(host: &dyn Host, evidence: &mut Vec<String>) -> Platform {
    for (path, word, platform) in [
        ("/proc/device-tree/hypervisor/compatible", "linux,kvm", Platform::Kvm),
        ("/proc/device-tree/hypervisor/compatible", "xen", Platform::Xen),
        ("/proc/device-tree/hypervisor/compatible", "vmware", Platform::Vmware),
        ("/proc/device-tree/compatible", "linux,dummy-virt", Platform::Kvm),
    ] {
        if host.read(path, host::SMALL).is_ok_and(|text| String::from_utf8_lossy(&text).contains(word)) {
            evidence.push(format!("{path}: {word}"));
            return platform;
        }
    }
    for field in ["sys_vendor", "product_name"] {
        let path = format!("/sys/class/dmi/id/{field}");
        let text = host::read_line(host, &path).unwrap_or_default();
        let metal =
            host::read_line(host, "/sys/class/dmi/id/product_name").is_ok_and(|name| name.contains(".metal"));
        if !metal && CLOUDS.iter().any(|cloud| text.starts_with(cloud)) {
            evidence.push(format!("{path}: {text}"));
            return Platform::Kvm;
        }
    }
    let cpuinfo = host.read("/proc/cpuinfo", host::LARGE).unwrap_or_default();
    let cpuinfo = String::from_utf8_lossy(&cpuinfo);
    if let Some(flags) = cpuinfo.lines().find(|line| line.starts_with("flags")) {
        if flags.split_whitespace().any(|flag| flag == "hypervisor") {
            evidence.push("/proc/cpuinfo: hypervisor".to_owned());
            return Platform::Unknown;
        }
        evidence.push("/proc/cpuinfo: no flag `hypervisor`".to_owned());
        return Platform::BareMetal;
    }
    // SMBIOS 2.3 and later: structure 0, second byte of the extension, bit 4 is set on virtual machines.
    let raw = "/sys/firmware/dmi/entries/0-0/raw";
    match host.read(raw, host::SMALL).ok().and_then(|bytes| bytes.get(0x13).copied()) {
        Some(byte) if byte & 0x10 == 0 => {
            evidence.push(format!("{raw}: not a virtual machine"));
            Platform::BareMetal
        }
        _ => Platform::Unknown,
    }
}
