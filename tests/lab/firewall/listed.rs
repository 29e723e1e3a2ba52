//! Whether the listing of sockets knows of somebody who got through.

use std::net::IpAddr;

use checks::reach::{Access, Answer, Exposure, Reach};

use super::probe::Probe;

/// Whether `hostduty exposure` leaves out the sender of a connection that got through to a socket of this machine, or to
/// a port that is published here. Where it lists no such socket or port, or does not know, it leaves out nobody.
pub(crate) fn leaves_out(exposure: &Exposure, probe: &Probe, said: &Answer) -> bool {
    let (to, port) = said.arrives_at.unwrap_or((probe.to, probe.port));
    let sockets = exposure.sockets.iter().filter(|one| {
        let socket = &one.socket;
        let everywhere = socket.address.is_unspecified() && (socket.address.is_ipv6() || to.is_ipv4());
        let serves = everywhere || socket.address.to_canonical() == to;
        // By its own address: a port that is sent on to another is listed as published.
        said.arrives_at.is_none()
            && !said.forwarded
            && one.namespace.is_none()
            && (socket.protocol, socket.port) == (probe.protocol, port)
            && serves
    });
    let published = exposure.published.iter().filter(|one| {
        said.arrives_at.is_some()
            && one.protocol == probe.protocol
            && one.to == (to, port)
            && one.port == probe.port
    });
    let mut entries = sockets.map(|one| &one.access).chain(published.map(|one| &one.access)).peekable();
    entries.peek().is_some() && entries.all(|access| !names(access, probe))
}

/// Whether an entry names the sender among those who can get in.
fn names(access: &Access, probe: &Probe) -> bool {
    match if probe.to.is_ipv4() { access.ipv4 } else { access.ipv6 } {
        Reach::Unknown => true,
        Reach::Nobody | Reach::Loopback => false,
        Reach::Anyone | Reach::Networks => access.from.iter().any(|text| covers(text, probe)),
    }
}

/// Whether words such as `0.0.0.0/0 but 192.0.2.7, 198.51.100.0/24 on eth0 and eth1 when source port is 53` cover the
/// sender. Ranges that are only counted may hold anybody.
fn covers(text: &str, probe: &Probe) -> bool {
    let text = text.split(" when ").next().unwrap_or_default();
    let (networks, interfaces) = text.split_once(" on ").unwrap_or((text, probe.client.interface()));
    let (networks, but) = networks.split_once(" but ").unwrap_or((networks, ""));
    interfaces.contains(probe.client.interface())
        && within(networks, probe.source).unwrap_or(true)
        && !but.split(", ").any(|network| within(network, probe.source).unwrap_or(false))
}

/// Whether an address is in a network, a range, or is that one; nothing where the words name none.
fn within(network: &str, address: IpAddr) -> Option<bool> {
    let (first, last) = if let Some((first, last)) = network.split_once('-') {
        (first.parse().ok()?, last.parse().ok()?)
    } else if let Some((first, length)) = network.split_once('/') {
        let (first, length): (IpAddr, u32) = (first.parse().ok()?, length.parse().ok()?);
        let host = if first.is_ipv4() { 32_u32 } else { 128 }.checked_sub(length)?;
        let mask = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
        return Some(first.is_ipv4() == address.is_ipv4() && number(address) & !mask == number(first));
    } else {
        let one: IpAddr = network.parse().ok()?;
        (one, one)
    };
    let same = first.is_ipv4() == address.is_ipv4();
    Some(same && (number(first)..=number(last)).contains(&number(address)))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
