//! Asks the kernel for the options of sockets over sock_diag, without loading a module.

use std::fs;
use std::path::Path;

use checks::facts::sockets::Protocol;
use checks::gap::Gap;
use nix::sys::socket::SockProtocol;

use super::route;

/// The sockets that wait for somebody, as the kernel framed them.
///
/// # Errors
/// Unsupported where the question would load a module.
pub(super) fn sockets(protocol: Protocol, ipv6: bool) -> Result<Vec<u8>, Gap> {
    let (module, number, state) = match protocol {
        Protocol::Tcp => ("tcp_diag", libc::IPPROTO_TCP, LISTEN),
        Protocol::Udp => ("udp_diag", libc::IPPROTO_UDP, CLOSE),
    };
    may_ask(module)?;
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET };
    // `inet_diag_req_v2`: family, protocol, no extensions, the states, and an `inet_diag_sockid` that asks for all.
    let mut request = vec![family as u8, number as u8, 0, 0];
    request.extend((1_u32 << state).to_ne_bytes());
    request.extend([0; 48]);
    let what = "the options of sockets";
    route::dump(SockProtocol::NetlinkSockDiag, BY_FAMILY, &request, what).map_err(|failure| failure.gap(what))
}

/// SOCK_DIAG_BY_FAMILY
const BY_FAMILY: u16 = 20;
/// TCP_CLOSE, the state of an unconnected UDP socket, and TCP_LISTEN.
const CLOSE: u32 = 7;
const LISTEN: u32 = 10;

/// The kernel answers at once where it has no modules, the module is loaded, or it is built in; else it would load it.
fn may_ask(module: &str) -> Result<(), Gap> {
    let release = nix::sys::utsname::uname();
    let release = release.as_ref().map(|name| name.release().to_string_lossy()).unwrap_or_default();
    let builtin = fs::read_to_string(format!("/lib/modules/{release}/modules.builtin")).unwrap_or_default();
    // Without /proc nothing is known about modules, so there may be some.
    let modular = Path::new("/proc/modules").exists() || !Path::new("/proc/self").exists();
    let loaded = Path::new("/sys/module").join(module).exists();
    if answers(module, modular, loaded, &builtin) {
        return Ok(());
    }
    Err(Gap::unsupported(format!(
        "the options of sockets are not asked for: {module} is not loaded, and asking would load it"
    )))
}

fn answers(module: &str, modular: bool, loaded: bool, builtin: &str) -> bool {
    let name = format!("{module}.ko");
    !modular || loaded || builtin.lines().any(|line| line.rsplit('/').next() == Some(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_question_that_could_load_a_module() {
        assert!(answers("tcp_diag", false, false, ""));
        assert!(answers("tcp_diag", true, true, ""));
        assert!(answers(
            "tcp_diag",
            true,
            false,
            "kernel/net/ipv4/inet_diag.ko\nkernel/net/ipv4/tcp_diag.ko\n"
        ));
        assert!(!answers("tcp_diag", true, false, "kernel/net/mptcp/mptcp_tcp_diag.ko\n"));
    }
}
