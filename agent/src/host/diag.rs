//! Asks the kernel for the options of sockets over sock_diag, without loading a module.

use checks::facts::sockets::Protocol;
use checks::gap::Gap;
use nix::sys::socket::SockProtocol;

use super::netfilter::may_ask;
use super::netlink::{self, Question};

/// The sockets that wait for somebody, as the kernel framed them.
///
/// # Errors
/// Unsupported where the question would load a module.
pub(super) fn sockets(protocol: Protocol, ipv6: bool) -> Result<Vec<u8>, Gap> {
    let (module, number, state) = match protocol {
        Protocol::Tcp => ("tcp_diag", libc::IPPROTO_TCP, LISTEN),
        Protocol::Udp => ("udp_diag", libc::IPPROTO_UDP, CLOSE),
    };
    if !may_ask(module)? {
        return Err(Gap::unsupported(format!(
            "the options of sockets are not asked for: {module} is not loaded, and asking would load it"
        )));
    }
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    // `inet_diag_req_v2`: family, protocol, no extensions, the states, and an `inet_diag_sockid` that asks for all.
    let mut body = vec![family as u8, number as u8, 0, 0];
    body.extend((1_u32 << state).to_ne_bytes());
    body.extend([0; 48]);
    let what = "the options of sockets";
    let question = Question { protocol: SockProtocol::NetlinkSockDiag, kind: BY_FAMILY, body: &body, what };
    netlink::dump(question).map_err(|failure| failure.gap(what))
}

/// SOCK_DIAG_BY_FAMILY
const BY_FAMILY: u16 = 20;
/// TCP_CLOSE, the state of an unconnected UDP socket, and TCP_LISTEN.
const CLOSE: u32 = 7;
const LISTEN: u32 = 10;
