//! Disks, network cards and paravirtual devices, each with the driver of the card or controller behind it.

use super::{Device, DeviceKind};
use crate::gap::Gap;
use crate::host::{self, Host};

/// Devices of one class that are looked at.
const MOST: usize = 4_096;

/// Lists the devices.
pub(super) fn read(host: &dyn Host) -> Result<Vec<Device>, Gap> {
    if host.stat("/sys/class").is_err() {
        return Err(Gap::offline("the devices of the machine"));
    }
    let mut devices = Vec::new();
    for name in list(host, "/sys/class/net")? {
        let device = format!("/sys/class/net/{name}/device");
        // Bridges, tunnels and the loopback have no device beneath.
        if host.stat(&device).is_ok() {
            let driver = driver(host, &device);
            devices.push(Device { name, kind: DeviceKind::Network, driver, waits_on: None });
        }
    }
    for name in list(host, "/sys/block")? {
        let Ok(target) = host.read_link(&format!("/sys/block/{name}")) else { continue };
        if target.contains("/virtual/") || ["sr", "fd", "ram"].iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let driver = controller(&target).and_then(|device| driver(host, &device));
        devices.push(Device { name, kind: DeviceKind::Disk, driver, waits_on: None });
    }
    for (bus, kind) in [
        ("virtio", virtio_kind as fn(&dyn Host, &str) -> DeviceKind),
        ("xen", xen_kind),
        ("vmbus", vmbus_kind),
        ("pci", pci_kind),
    ] {
        for name in list(host, &format!("/sys/bus/{bus}/devices"))? {
            let device = format!("/sys/bus/{bus}/devices/{name}");
            // Those with a driver are above, under the name that people know.
            if driver(host, &device).is_none() {
                let kind = kind(host, &device);
                // Most functions of a PCI bus are bridges and other hardware.
                if bus == "pci" && kind == DeviceKind::Other {
                    continue;
                }
                devices.push(Device { name, kind, driver: None, waits_on: Some(bus.to_owned()) });
            }
        }
    }
    Ok(devices)
}

/// The device on its bus in the path of a disk: the paravirtual one if there is one, else the last PCI function.
fn controller(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').take(64).collect();
    let named = |start: &str| parts.iter().rev().find(|part| part.starts_with(start));
    if let Some(part) = named("virtio") {
        return Some(format!("/sys/bus/virtio/devices/{part}"));
    }
    if let Some(part) = named("vbd-") {
        return Some(format!("/sys/bus/xen/devices/{part}"));
    }
    let guid = |part: &&&str| part.len() == 36 && part.bytes().filter(|byte| *byte == b'-').count() == 4;
    if let Some(part) = parts.iter().rev().find(guid) {
        return Some(format!("/sys/bus/vmbus/devices/{part}"));
    }
    let pci = |part: &&&str| {
        part.len() >= 12 && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
    };
    parts.iter().rev().find(pci).map(|part| format!("/sys/bus/pci/devices/{part}"))
}

fn driver(host: &dyn Host, device: &str) -> Option<String> {
    let target = host.read_link(&format!("{device}/driver")).ok()?;
    target.rsplit('/').next().map(str::to_owned)
}

/// By the device ids of the virtio specification, section 5.
fn virtio_kind(host: &dyn Host, device: &str) -> DeviceKind {
    let id = host::read_line(host, &format!("{device}/device")).unwrap_or_default();
    match u32::from_str_radix(id.trim_start_matches("0x"), 16) {
        Ok(number) => virtio_number(number),
        Err(_) => DeviceKind::Other,
    }
}

fn virtio_number(number: u32) -> DeviceKind {
    match number {
        1 => DeviceKind::Network,
        2 | 8 => DeviceKind::Disk,
        3 => DeviceKind::Console,
        5 => DeviceKind::Balloon,
        _ => DeviceKind::Other,
    }
}

/// A virtio device whose own bus is not there, for want of virtio_pci: vendor and device as the same specification gives
/// them in 4.1.2, the old numbers too.
fn pci_kind(host: &dyn Host, device: &str) -> DeviceKind {
    let number = |file: &str| {
        let text = host::read_line(host, &format!("{device}/{file}")).ok()?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    };
    if number("vendor") != Some(0x1af4) {
        return DeviceKind::Other;
    }
    match number("device") {
        Some(0x1000) => DeviceKind::Network,
        Some(0x1001 | 0x1004) => DeviceKind::Disk,
        Some(0x1002) => DeviceKind::Balloon,
        Some(0x1003) => DeviceKind::Console,
        Some(modern @ 0x1040..=0x107f) => virtio_number(modern - 0x1040),
        _ => DeviceKind::Other,
    }
}

fn xen_kind(_host: &dyn Host, device: &str) -> DeviceKind {
    match device.rsplit('/').next().and_then(|name| name.split('-').next()) {
        Some("vif") => DeviceKind::Network,
        Some("vbd") => DeviceKind::Disk,
        _ => DeviceKind::Other,
    }
}

/// By the class GUIDs of linux/hyperv.h.
fn vmbus_kind(host: &dyn Host, device: &str) -> DeviceKind {
    let class = host::read_line(host, &format!("{device}/class_id")).unwrap_or_default();
    match class.trim_matches(['{', '}']) {
        "f8615163-df3e-46c5-913f-f2d2f965ed0e" => DeviceKind::Network,
        "ba6163d9-04a1-4d29-b605-72e2ffb1dc7f" => DeviceKind::Disk,
        "a9a0f4e7-5a45-4d96-b827-8a841e8c03e6" => DeviceKind::Console,
        _ => DeviceKind::Other,
    }
}

fn list(host: &dyn Host, path: &str) -> Result<Vec<String>, Gap> {
    match host.list(path) {
        Err(gap) if gap.is_absent() => Ok(Vec::new()),
        Ok(names) if names.len() > MOST => Err(Gap::too_large(path)),
        other => other,
    }
}
