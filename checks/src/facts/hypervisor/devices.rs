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
    ] {
        for name in list(host, &format!("/sys/bus/{bus}/devices"))? {
            let device = format!("/sys/bus/{bus}/devices/{name}");
            // Those with a driver are above, under the name that people know.
            if driver(host, &device).is_none() {
                let kind = kind(host, &device);
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
        Ok(1) => DeviceKind::Network,
        Ok(2 | 8) => DeviceKind::Disk,
        Ok(3) => DeviceKind::Console,
        Ok(5) => DeviceKind::Balloon,
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
