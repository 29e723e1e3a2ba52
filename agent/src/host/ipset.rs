//! Asks the kernel for the sets of ipset, without a child process and without loading a module.

use checks::gap::Gap;
use nix::sys::socket::SockProtocol;

use super::netfilter::may_ask;
use super::netlink::{self, Question};

/// Every set of this network namespace with its elements: the messages as the kernel framed them, without the one that
/// ends the dump.
///
/// # Errors
/// Denied without CAP_NET_ADMIN; unsupported where the question could load a module, and by kernels before 4.20.
pub(super) fn sets() -> Result<Vec<u8>, Gap> {
    if !may_ask("ip_set")? {
        return Ok(Vec::new());
    }
    let what = "the sets of ipset";
    // `nfgenmsg`: family, version 0, resource 0. The family of a set stands in its answer.
    let mut body = vec![libc::AF_INET as u8, 0, 0, 0];
    netlink::attribute(&mut body, PROTOCOL, &[7]);
    let kind = (libc::NFNL_SUBSYS_IPSET as u16) << 8 | LIST;
    let question = Question { protocol: SockProtocol::NetlinkNetFilter, kind, body: &body, what };
    netlink::dump(question).map_err(|failure| failure.gap(what))
}

/// IPSET_CMD_LIST
const LIST: u16 = 7;
/// IPSET_ATTR_PROTOCOL. By protocol 6 the kernel does not send IPSET_ATTR_INDEX, by which rules name sets.
const PROTOCOL: u16 = 1;
