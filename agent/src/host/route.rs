//! Asks the kernel for interfaces, addresses, routes and tc filters over rtnetlink, without a child process or privilege.

use checks::gap::Gap;
use checks::host::RouteObject;
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::netlink::{self, Failure, Question};

/// One dump: the messages as the kernel framed them, without the one that ends the dump.
///
/// # Errors
/// Timed out where the network changed each time that it was read.
pub(super) fn dump_of(object: RouteObject) -> Result<Vec<u8>, Gap> {
    let (kind, body) = request(object);
    match netlink::dump(Question { protocol: SockProtocol::NetlinkRoute, kind, body: &body, what: WHAT }) {
        // A kernel without policy routing or without traffic control.
        Err(Failure::Refused(Errno::EOPNOTSUPP))
            if matches!(object, RouteObject::Rules | RouteObject::Qdiscs) =>
        {
            Ok(Vec::new())
        }
        // It went while the others were asked about.
        Err(Failure::Refused(Errno::ENODEV)) => Err(Gap::absent("the interface")),
        answer => answer.map_err(|failure| failure.gap(WHAT)),
    }
}

const WHAT: &str = "the state of the network";

/// The message's type, and the object's own header with attributes.
fn request(object: RouteObject) -> (u16, Vec<u8>) {
    match object {
        RouteObject::Links => {
            // `ifinfomsg`, then IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: counters are half of the answer.
            let mut header = vec![0; 16];
            netlink::attribute(&mut header, libc::IFLA_EXT_MASK, &8_u32.to_ne_bytes());
            (libc::RTM_GETLINK, header)
        }
        RouteObject::Addresses => (libc::RTM_GETADDR, vec![0; 8]),
        RouteObject::Routes => (libc::RTM_GETROUTE, vec![0; 12]),
        RouteObject::Rules => (libc::RTM_GETRULE, vec![0; 12]),
        RouteObject::Qdiscs => (libc::RTM_GETQDISC, vec![0; 20]),
        RouteObject::Filters { interface, egress } => {
            // `tcmsg` with the index, and TC_H_CLSACT with TC_H_MIN_INGRESS or TC_H_MIN_EGRESS as the parent.
            let parent: u32 = if egress { 0xffff_fff3 } else { 0xffff_fff2 };
            let mut header = vec![0; 4];
            header.extend(interface.to_ne_bytes());
            header.extend(0_u32.to_ne_bytes());
            header.extend(parent.to_ne_bytes());
            header.extend(0_u32.to_ne_bytes());
            (libc::RTM_GETTFILTER, header)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback_interface() {
        let links = dump_of(RouteObject::Links).unwrap();
        assert!(links.windows(3).any(|name| name == b"lo\0"));
        for object in [RouteObject::Addresses, RouteObject::Routes, RouteObject::Rules, RouteObject::Qdiscs] {
            dump_of(object).unwrap();
        }
    }
}
