//! What the kernel announces over netlink: that the packet filter, or the network, is another now.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};

use super::room_set::RoomSet;

/// NFNLGRP_NFTABLES: tables, chains, rules, sets and their elements.
const NFTABLES: u32 = 1 << 6;
/// RTNLGRP_LINK, _TC, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_RULE.
const NETWORK: u32 = 1 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18;

/// The sockets on which the kernel announces changes.
#[derive(Debug, Default)]
pub(crate) struct Announcements {
    nftables: Option<OwnedFd>,
    network: Option<OwnedFd>,
    /// Why nothing is announced.
    why: Option<String>,
}

/// What was announced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    /// The packet filter is another.
    pub(crate) nftables: bool,
    /// The network is another.
    pub(crate) network: bool,
}

impl Announcements {
    /// Listens to whatever the kernel lets it and has. To be asked again now and then: nf_tables may be loaded later, and to
    /// listen before that would load it.
    pub(crate) fn listen(&mut self) {
        if self.network.is_none() {
            self.network = open(SockProtocol::NetlinkRoute, NETWORK).ok();
        }
        if self.nftables.is_none() {
            self.why = None;
            match crate::host::may_ask_nftables() {
                Ok(true) => match open(SockProtocol::NetlinkNetFilter, NFTABLES) {
                    Ok(socket) => self.nftables = Some(socket),
                    Err(errno) => {
                        self.why = Some(format!(
                            "the kernel does not announce changes of nftables: {}",
                            errno.desc()
                        ))
                    }
                },
                Ok(false) => {}
                Err(gap) => self.why = Some(gap.to_string()),
            }
        }
    }

    /// What to wait for.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &OwnedFd> {
        self.nftables.iter().chain(&self.network)
    }

    /// Takes what was announced. Announcements that were lost are announcements too.
    pub(crate) fn take(&self) -> Announced {
        Announced {
            nftables: self.nftables.as_ref().is_some_and(drain),
            network: self.network.as_ref().is_some_and(drain),
        }
    }

    /// The rooms of which changes may go unannounced, of those that asked nftables and the network.
    pub(crate) fn blind(&self, nftables: RoomSet, network: RoomSet) -> RoomSet {
        let of = |deaf: bool, rooms: RoomSet| if deaf { rooms } else { RoomSet::NONE };
        of(self.nftables.is_none(), nftables).and(of(self.network.is_none(), network))
    }

    /// Why nothing is announced, where that is a gap.
    pub(crate) fn gap(&self) -> Option<&str> {
        self.why.as_deref()
    }
}

fn open(protocol: SockProtocol, groups: u32) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    Ok(socket)
}

fn drain(socket: &OwnedFd) -> bool {
    let mut any = false;
    // What is longer is cut, and nobody reads it.
    let mut message = [0; 64];
    loop {
        match recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
            Ok(_) => any = true,
            // The kernel had more to say than the socket holds.
            Err(Errno::ENOBUFS) => any = true,
            Err(Errno::EINTR) => {}
            Err(_) => return any,
        }
    }
}
