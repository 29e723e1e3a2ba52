//! Options of sockets that /proc/net does not show, from sock_diag (linux/inet_diag.h).

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Protocol, Socket};
use crate::facts::network::netlink::{Attributes, address, array, messages};
use crate::gap::Gap;
use crate::host::{Host, Query};

/// SOCK_DIAG_BY_FAMILY
const BY_FAMILY: u16 = 20;
/// `inet_diag_msg`
const HEADER: usize = 72;

/// By protocol, address and port, and the inode as far as sock_diag tells it.
type Key = (Protocol, IpAddr, u16, u32);

struct Options {
    device: u32,
    ipv6_only: Option<bool>,
    transparent: Option<bool>,
}

/// Adds to each socket what the kernel tells of it. Of a socket that came after the question nothing is known, and neither
/// is of any where the kernel may not be asked.
pub(super) fn add_options(host: &dyn Host, list: &mut [Socket]) {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for ipv6 in [false, true] {
            let answer = host.query(&Query::SocketDiag { protocol, ipv6 });
            let Ok(options) = answer.and_then(|answer| decode(&answer, protocol)) else { continue };
            for socket in list.iter_mut() {
                let key = (socket.protocol, socket.address, socket.port, low(socket.inode));
                if let Some(found) = options.get(&key) {
                    socket.device = Some(found.device);
                    let wildcard = socket.address.is_ipv6() && socket.address.is_unspecified();
                    socket.ipv6_only = found.ipv6_only.filter(|_| wildcard);
                    socket.transparent = found.transparent;
                }
            }
        }
    }
}

fn decode(answer: &[u8], protocol: Protocol) -> Result<HashMap<Key, Options>, Gap> {
    let mut sockets = HashMap::new();
    for message in messages(answer)? {
        let [family, ..] = array::<4>(message.body, 0)?;
        let ipv6 = match family {
            2 => false,
            10 => true,
            _ => return Err(Gap::malformed("the kernel's list of sockets holds another family")),
        };
        if message.kind != BY_FAMILY {
            return Err(Gap::malformed("the kernel's list of sockets holds something else"));
        }
        let port = u16::from_be_bytes(array(message.body, 4)?);
        let local = address(message.body.get(8..24).unwrap_or_default(), ipv6)?;
        let device = u32::from_ne_bytes(array(message.body, 40)?);
        let inode = u32::from_ne_bytes(array(message.body, 68)?);
        let attributes = Attributes::after(message.body, HEADER)?;
        // INET_DIAG_SKV6ONLY and INET_DIAG_SOCKOPT, whose bits a compiler lays out: `transparent` is the sixth.
        let bits = attributes
            .find(22)
            .and_then(<[u8]>::first)
            .map(|bits| if cfg!(target_endian = "big") { bits.reverse_bits() } else { *bits });
        let options = Options {
            device,
            ipv6_only: attributes.byte(11).map(|only| only != 0),
            transparent: bits.map(|bits| bits & 1 << 5 != 0),
        };
        sockets.insert((protocol, local, port, inode), options);
    }
    Ok(sockets)
}

/// sock_diag cuts inodes to 32 bits.
fn low(inode: u64) -> u32 {
    let [a, b, c, d, ..] = inode.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn message(device: u32, inode: u32, only: u8, options: u8) -> Vec<u8> {
        let mut body = vec![10, 10, 0, 0, 0x0c, 0xea, 0, 0];
        body.extend([0; 32]);
        body.extend(device.to_ne_bytes());
        body.extend([0; 24]);
        body.extend(inode.to_ne_bytes());
        body.extend([5, 0, 11, 0, only, 0, 0, 0]);
        body.extend([6, 0, 22, 0, options, 0, 0, 0]);
        let mut bytes = u32::try_from(body.len() + 16).unwrap().to_ne_bytes().to_vec();
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    fn asked(answer: &[u8]) -> Socket {
        let local = "[::]:3306".parse().unwrap();
        let mut list = [Socket::new(Protocol::Tcp, local, (9 << 32) + 777, 0)];
        let query = Query::SocketDiag { protocol: Protocol::Tcp, ipv6: true };
        add_options(&Tree::new(Timestamp(0)).answer(query, answer), &mut list);
        let [socket] = list;
        socket
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_options_of_a_socket_are_its_own() {
        let socket = asked(&[message(3, 777, 1, 1 << 5), message(0, 778, 0, 0)].concat());
        assert_eq!((socket.device, socket.ipv6_only, socket.transparent), (Some(3), Some(true), Some(true)));
        let socket = asked(&message(0, 777, 0, 0));
        assert_eq!(
            (socket.device, socket.ipv6_only, socket.transparent),
            (Some(0), Some(false), Some(false))
        );
    }

    #[test]
    fn nothing_is_known_of_a_socket_that_the_answer_does_not_hold() {
        let whole = message(3, 777, 1, 0);
        for answer in [&message(3, 778, 1, 0), &whole[..60], &[]] {
            let socket = asked(answer);
            assert_eq!((socket.device, socket.ipv6_only, socket.transparent), (None, None, None));
        }
    }
}
