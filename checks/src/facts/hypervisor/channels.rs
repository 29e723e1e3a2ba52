//! What the hypervisor offers its guest tools to talk through.

use super::{Channels, VirtioPort};
use crate::gap::Gap;
use crate::host::{self, Host};

/// Device files that exist only where the hypervisor offers the service behind them.
const FILES: &[&str] = &["/dev/xen/xenbus", "/proc/xen/xenbus", "/dev/vboxguest", "/dev/prl_tg"];

/// Lists the channels.
pub(super) fn read(host: &dyn Host) -> Result<Channels, Gap> {
    if host.stat("/sys/class").is_err() {
        return Err(Gap::offline("the channels of the hypervisor"));
    }
    let mut channels = Channels::default();
    channels.files.extend(FILES.iter().filter(|path| host.stat(path).is_ok()).map(|path| (*path).to_owned()));
    channels.files.extend(list(host, "/dev/vmbus")?.into_iter().map(|name| format!("/dev/vmbus/{name}")));
    for port in list(host, "/sys/class/virtio-ports")? {
        // A port without a name is a plain console.
        if let Ok(name) = host::read_line(host, &format!("/sys/class/virtio-ports/{port}/name")) {
            channels.virtio_ports.push(VirtioPort { name, device: format!("/dev/{port}") });
        }
    }
    Ok(channels)
}

fn list(host: &dyn Host, path: &str) -> Result<Vec<String>, Gap> {
    match host.list(path) {
        Err(gap) if gap.is_absent() => Ok(Vec::new()),
        other => other.map(|names| names.into_iter().take(1_000).collect()),
    }
}
