//! Dumps over netlink: one question, and the messages with which the kernel answers it.

use std::os::fd::{AsRawFd, OwnedFd};

use checks::gap::Gap;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// More than this is not read of one dump.
pub(super) const BOUND: usize = 64 << 20;

/// What a dump asks for.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// `NetlinkNetFilter`, `NetlinkRoute` or `NetlinkSockDiag`.
    pub(super) protocol: SockProtocol,
    /// The operation (`nlmsg_type`), of netfilter with its subsystem in the high byte.
    pub(super) kind: u16,
    /// The header of the family, such as `nfgenmsg` or `rtmsg`, and the attributes.
    pub(super) body: &'a [u8],
    /// What is asked for, in the words of a gap.
    pub(super) what: &'a str,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The kernel refused with this error.
    Refused(Errno),
    /// Anything else.
    Gap(Gap),
}

impl Failure {
    /// The gap for whom the errors of the kernel mean nothing special.
    pub(super) fn gap(self, what: &str) -> Gap {
        match self {
            Self::Refused(Errno::EPERM | Errno::EACCES) => {
                Gap::denied(format!("{what}: needs CAP_NET_ADMIN"))
            }
            Self::Refused(Errno::EAGAIN) => Gap::timed_out(what),
            Self::Refused(other) => {
                Gap::unsupported(format!("the kernel does not answer about {what}: {other}"))
            }
            Self::Gap(gap) => gap,
        }
    }
}

/// The messages of a dump as the kernel framed them, one after the other, without the one that ends it. A dump under
/// which its subject changed is asked for once more.
pub(super) fn dump(question: Question<'_>) -> Result<Vec<u8>, Failure> {
    for _ in 0..2 {
        if let Some(answer) = attempt(question)? {
            return Ok(answer);
        }
    }
    let what = question.what;
    Err(Failure::Gap(Gap::timed_out(format!("{what}, which changed while it was read, twice in a row,"))))
}

/// Adds an attribute, padded as the next one needs it.
pub(super) fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // A length that the 16 bits do not hold makes a question that the kernel refuses.
    let length = u16::try_from(value.len() + 4).unwrap_or(0);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Adds an attribute that is a text; the NUL that ends it is part of it.
pub(super) fn text(body: &mut Vec<u8>, kind: u16, value: &str) {
    attribute(body, kind, &[value.as_bytes(), &[0]].concat());
}

/// `None`: interrupted by a change.
fn attempt(question: Question<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let socket = open(question.protocol).map_err(Failure::Refused)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &request(question), &kernel, MsgFlags::empty()).map_err(Failure::Refused)?;
    let mut answer = Vec::new();
    // The kernel fills at most 32 KiB at a time (NLMSG_GOODSIZE and netlink's max_recvmsg_len).
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (length, sender) = match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(Failure::Refused(error)),
        };
        // Other programs can send to this socket too.
        if sender.is_none_or(|sender| sender.pid() != 0) {
            continue;
        }
        match take(buffer.get(..length).unwrap_or_default(), question.what, &mut answer)? {
            Part::More if answer.len() > BOUND => return Err(Failure::Gap(Gap::too_large(question.what))),
            Part::More => {}
            Part::Last => return Ok(Some(answer)),
            Part::Interrupted => return Ok(None),
        }
    }
}

fn open(protocol: SockProtocol) -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(2))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// `nlmsghdr`, then the body.
fn request(question: Question<'_>) -> Vec<u8> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let length = u32::try_from(HEADER + question.body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + question.body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(question.kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(SEQUENCE.to_ne_bytes());
    // Port 0: the kernel fills it in.
    bytes.extend([0; 4]);
    bytes.extend(question.body);
    bytes
}

/// The size of `nlmsghdr`.
const HEADER: usize = 16;
/// The number that answers carry back.
const SEQUENCE: u32 = 1;

#[derive(Debug, PartialEq, Eq)]
enum Part {
    More,
    Last,
    Interrupted,
}

/// Takes the messages of one datagram.
fn take(mut datagram: &[u8], what: &str, answer: &mut Vec<u8>) -> Result<Part, Failure> {
    let cut = || Failure::Gap(Gap::malformed(format!("the kernel's answer about {what} ends in the middle")));
    while let Some((header, _)) = datagram.split_first_chunk::<HEADER>() {
        let [a, b, c, d, kind @ .., _, _, _, _] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let [kind_low, kind_high, flags_low, flags_high, sequence @ ..] = kind;
        let kind = i32::from(u16::from_ne_bytes([kind_low, kind_high]));
        let flags = i32::from(u16::from_ne_bytes([flags_low, flags_high]));
        let message = datagram.get(..length).filter(|message| message.len() >= HEADER).ok_or_else(cut)?;
        if u32::from_ne_bytes(sequence) == SEQUENCE {
            if flags & libc::NLM_F_DUMP_INTR != 0 {
                return Ok(Part::Interrupted);
            }
            // An error and the end of a dump both start with a negative errno, or 0.
            let status = message
                .get(HEADER..)
                .and_then(|body| body.first_chunk())
                .map(|code| i32::from_ne_bytes(*code));
            match kind {
                libc::NLMSG_ERROR | libc::NLMSG_DONE => {
                    return match status {
                        Some(0..) => Ok(Part::Last),
                        Some(code) => Err(Failure::Refused(Errno::from_raw(code.saturating_neg()))),
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
    Ok(Part::More)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_an_end_and_an_interrupted_dump_are_told_apart() {
        let message = |kind: i32, flags: i32, status: i32| {
            let mut bytes = 20_u32.to_ne_bytes().to_vec();
            bytes.extend((kind as u16).to_ne_bytes());
            bytes.extend((flags as u16).to_ne_bytes());
            bytes.extend(SEQUENCE.to_ne_bytes());
            bytes.extend([0; 4]);
            bytes.extend(status.to_ne_bytes());
            bytes
        };
        let mut answer = Vec::new();
        let mut take = |datagram: &[u8]| super::take(datagram, "sets", &mut answer);
        let denied = take(&message(libc::NLMSG_ERROR, 0, -libc::EPERM));
        assert_eq!(denied, Err(Failure::Refused(Errno::EPERM)));
        let mut two = message(0x0a00, libc::NLM_F_MULTI, 0);
        two.extend(message(libc::NLMSG_DONE, libc::NLM_F_MULTI, 0));
        assert_eq!(take(&two), Ok(Part::Last));
        assert_eq!(take(&message(0x0a00, libc::NLM_F_DUMP_INTR, 0)), Ok(Part::Interrupted));
        assert!(take(&message(0x0a00, 0, 0)[..18]).is_err());
        assert_eq!(take(&[]), Ok(Part::More));
        assert_eq!(answer.len(), 20);
        assert_eq!(Failure::Refused(Errno::EPERM).gap("sets"), Gap::denied("sets: needs CAP_NET_ADMIN"));
    }

    #[test]
    fn attributes_are_padded_to_four_bytes() {
        let mut body = Vec::new();
        text(&mut body, 1, "abc");
        attribute(&mut body, 2, &[7]);
        let mut wanted = vec![8, 0, 1, 0, b'a', b'b', b'c', 0, 5, 0, 2, 0, 7, 0, 0, 0];
        if cfg!(target_endian = "big") {
            for at in [0, 2, 8, 10] {
                wanted.swap(at, at + 1);
            }
        }
        assert_eq!(body, wanted);
    }
}
