//! Asks the kernel for interfaces, addresses, routes and tc filters over rtnetlink, without a child process or privilege.

use std::os::fd::{AsRawFd, OwnedFd};

use checks::gap::Gap;
use checks::host::RouteObject;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// One dump: the messages as the kernel framed them, without the one that ends the dump.
///
/// # Errors
/// Timed out where the network changed each time that it was read.
pub(super) fn dump_of(object: RouteObject) -> Result<Vec<u8>, Gap> {
    let (kind, header) = request(object);
    match dump(SockProtocol::NetlinkRoute, kind, &header, WHAT) {
        Ok(answer) => Ok(answer),
        // A kernel without policy routing or without traffic control.
        Err(Failure::Errno(Errno::EOPNOTSUPP))
            if matches!(object, RouteObject::Rules | RouteObject::Qdiscs) =>
        {
            Ok(Vec::new())
        }
        Err(failure) => Err(failure.gap(WHAT)),
    }
}

const WHAT: &str = "the state of the network";

/// The message's type, and the object's own header with attributes.
fn request(object: RouteObject) -> (u16, Vec<u8>) {
    match object {
        RouteObject::Links => {
            // `ifinfomsg`, then IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: counters are half of the answer.
            let mut header = vec![0; 16];
            header.extend(8_u16.to_ne_bytes());
            header.extend(libc::IFLA_EXT_MASK.to_ne_bytes());
            header.extend(8_u32.to_ne_bytes());
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

/// Why a dump has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The kernel says so.
    Errno(Errno),
    /// The answer is none.
    Gap(Gap),
}

impl Failure {
    /// The gap in what is known of `what`.
    pub(super) fn gap(self, what: &str) -> Gap {
        match self {
            Self::Errno(Errno::EPERM | Errno::EACCES) => Gap::denied(format!("{what} over netlink")),
            Self::Errno(Errno::EAGAIN) => Gap::timed_out(what),
            Self::Errno(Errno::ENODEV) => Gap::absent(format!("the interface in {what}")),
            Self::Errno(errno) => {
                Gap::unsupported(format!("the kernel does not answer about {what}: {errno}"))
            }
            Self::Gap(gap) => gap,
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// More than this is not read.
const BOUND: usize = 32 << 20;

/// One dump over a protocol of netlink, asked again when it changed meanwhile. `header` is what follows `nlmsghdr`.
pub(super) fn dump(protocol: SockProtocol, kind: u16, header: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
    for _ in 0..4 {
        if let Some(answer) = once(protocol, kind, header, what)? {
            return Ok(answer);
        }
    }
    Err(Failure::Gap(Gap::timed_out(format!("{what}, which changed each time it was read,"))))
}

/// Nothing for a dump that was interrupted by a change.
fn once(protocol: SockProtocol, kind: u16, header: &[u8], what: &str) -> Result<Option<Vec<u8>>, Failure> {
    let socket = open(protocol)?;
    let length = u32::try_from(header.len().saturating_add(16)).map_err(|_| Errno::EMSGSIZE)?;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut question = length.to_ne_bytes().to_vec();
    question.extend(kind.to_ne_bytes());
    question.extend(flags.to_ne_bytes());
    question.extend(SEQUENCE.to_ne_bytes());
    // Port 0, which the kernel fills in.
    question.extend([0; 4]);
    question.extend(header);
    sendto(socket.as_raw_fd(), &question, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = Vec::new();
    let mut interrupted = false;
    // The kernel fills at most 32 KiB at a time, or what one message takes.
    let mut buffer = vec![0; 256 << 10];
    loop {
        let (length, sender) = match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        // Other programs can send to this socket too.
        if sender.is_none_or(|sender| sender.pid() != 0) {
            continue;
        }
        let datagram = buffer.get(..length).unwrap_or_default();
        if take(datagram, &mut answer, &mut interrupted, what)? {
            return Ok((!interrupted).then_some(answer));
        }
        if answer.len() > BOUND {
            return Err(Failure::Gap(Gap::too_large(what)));
        }
    }
}

fn open(protocol: SockProtocol) -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(2))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// The number that answers carry back.
const SEQUENCE: u32 = 1;

/// Takes the messages of one datagram; true at the end of the dump.
fn take(
    mut datagram: &[u8],
    answer: &mut Vec<u8>,
    interrupted: &mut bool,
    what: &str,
) -> Result<bool, Failure> {
    let cut = || Failure::Gap(Gap::malformed(format!("the kernel's answer about {what} ends in the middle")));
    while let Some((header, _)) = datagram.split_first_chunk::<16>() {
        let [a, b, c, d, kind_low, kind_high, flags_low, flags_high, s, e, q, n, ..] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let kind = i32::from(u16::from_ne_bytes([kind_low, kind_high]));
        let flags = i32::from(u16::from_ne_bytes([flags_low, flags_high]));
        let message = datagram.get(..length).filter(|message| message.len() >= 16).ok_or_else(cut)?;
        if u32::from_ne_bytes([s, e, q, n]) == SEQUENCE {
            *interrupted |= flags & libc::NLM_F_DUMP_INTR != 0;
            match kind {
                // An error and the end of a dump both start with a negative errno, or 0.
                libc::NLMSG_ERROR | libc::NLMSG_DONE => {
                    let status = message.get(16..).and_then(|body| body.first_chunk());
                    return match status.map(|code| i32::from_ne_bytes(*code)) {
                        Some(0..) => Ok(true),
                        Some(code) => Err(Errno::from_raw(code.saturating_neg()).into()),
                        None => Err(cut()),
                    };
                }
                libc::NLMSG_NOOP => {}
                _ => {
                    answer.extend_from_slice(message);
                    answer.resize(answer.len().next_multiple_of(4), 0);
                }
            }
        }
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: i32, flags: i32, status: i32) -> Vec<u8> {
        let mut bytes = 20_u32.to_ne_bytes().to_vec();
        bytes.extend((kind as u16).to_ne_bytes());
        bytes.extend((flags as u16).to_ne_bytes());
        bytes.extend(SEQUENCE.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(status.to_ne_bytes());
        bytes
    }

    #[test]
    fn an_error_an_end_and_an_interrupted_dump_are_told_apart() {
        let (mut answer, mut interrupted) = (Vec::new(), false);
        let denied = take(&message(libc::NLMSG_ERROR, 0, -libc::EPERM), &mut answer, &mut interrupted, WHAT);
        assert_eq!(denied.unwrap_err().gap(WHAT).why, checks::gap::GapKind::Denied);
        let mut two = message(16, libc::NLM_F_MULTI, 0);
        two.extend(message(libc::NLMSG_DONE, libc::NLM_F_MULTI, 0));
        assert!(take(&two, &mut answer, &mut interrupted, WHAT).unwrap());
        assert!(answer.len() == 20 && !interrupted);
        let changed = message(16, libc::NLM_F_DUMP_INTR, 0);
        assert!(!take(&changed, &mut answer, &mut interrupted, WHAT).unwrap());
        assert!(interrupted);
        assert!(take(&message(16, 0, 0)[..18], &mut answer, &mut interrupted, WHAT).is_err());
    }

    #[test]
    fn this_machine_has_a_loopback_interface() {
        let links = dump_of(RouteObject::Links).unwrap();
        assert!(links.windows(3).any(|name| name == b"lo\0"));
        for object in [RouteObject::Addresses, RouteObject::Routes, RouteObject::Rules, RouteObject::Qdiscs] {
            dump_of(object).unwrap();
        }
    }
}
