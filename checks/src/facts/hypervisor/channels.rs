//! What the hypervisor offers its guest tools to talk through.

use super::{Channels, Platform, VirtioPort};
use crate::gap::Gap;
use crate::host::{self, Host};

/// Device files that exist only where the hypervisor offers the service behind them.
const FILES: &[&str] = &["/dev/xen/xenbus", "/proc/xen/xenbus", "/dev/vboxguest", "/dev/prl_tg"];
/// More ports or services than a machine has.
const MOST: usize = 1_000;
const PORTS: &str = "/sys/class/virtio-ports";
const MISC: &str = "/sys/class/misc";

/// Lists the channels. What of this platform could not be seen is a gap: it is not for want of it that it is missing.
pub(super) fn read(host: &dyn Host, platform: Platform) -> Result<Channels, Gap> {
    if host.stat("/sys/class").is_err() {
        return Err(Gap::offline("the channels of the hypervisor"));
    }
    let mut channels = Channels::default();
    channels.files.extend(FILES.iter().filter(|path| host.stat(path).is_ok()).map(|path| (*path).to_owned()));
    channels.files.extend(services(host, platform)?);
    // The folder comes with the driver of the console. Without it the bus tells whether there is a console at all; a
    // copy of files that has neither tells nothing.
    let ports = list(host, PORTS)?;
    if ports.is_none() && platform == Platform::Kvm && host.stat("/sys/bus").is_err() {
        return Err(Gap::offline("whether the machine has the virtio port of the guest agent"));
    }
    for port in ports.unwrap_or_default() {
        match host::read_line(host, &format!("{PORTS}/{port}/name")) {
            Ok(name) => channels.virtio_ports.push(VirtioPort { name, device: format!("/dev/{port}") }),
            // A port without a name is a plain console.
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Ok(channels)
}

/// What Hyper-V offers over its bus: `/dev/vmbus/hv_kvp`. A service with devices of its own sees them in /sys alone, where
/// the slash of the name is an exclamation mark.
fn services(host: &dyn Host, platform: Platform) -> Result<Vec<String>, Gap> {
    let nodes = list(host, "/dev/vmbus")?;
    let classes = list(host, MISC)?;
    if platform == Platform::HyperV && nodes.is_none() && classes.is_none() {
        return Err(Gap::offline("which services Hyper-V offers the machine"));
    }
    let known = classes.unwrap_or_default();
    let known = known.iter().filter_map(|name| name.strip_prefix("vmbus!")).map(str::to_owned);
    let mut names: Vec<String> = nodes.unwrap_or_default().into_iter().chain(known).collect();
    names.sort();
    names.dedup();
    Ok(names.into_iter().map(|name| format!("/dev/vmbus/{name}")).collect())
}

/// The names in a folder; nothing where there is no such folder.
fn list(host: &dyn Host, path: &str) -> Result<Option<Vec<String>>, Gap> {
    match host.list(path) {
        Err(gap) if gap.is_absent() => Ok(None),
        Ok(names) if names.len() > MOST => Err(Gap::too_large(path)),
        other => other.map(Some),
    }
}
