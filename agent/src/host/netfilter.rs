//! Asks the kernel for the packet filter that it enforces, without a child process and without loading a module.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use checks::gap::Gap;
use checks::host::NftObject;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::sys;

/// One dump of nftables objects: the messages as the kernel framed them, without the one that ends the dump.
///
/// # Errors
/// Denied without CAP_NET_ADMIN; unsupported where the question could load a module.
pub(super) fn nftables(object: NftObject) -> Result<Vec<u8>, Gap> {
    if !may_ask()? {
        return Ok(Vec::new());
    }
    match dump(object)? {
        Dump::Whole(messages) => Ok(messages),
        // The ruleset changed under the dump: once more.
        Dump::Interrupted => match dump(object)? {
            Dump::Whole(messages) => Ok(messages),
            Dump::Interrupted => {
                Err(Gap::timed_out("the nftables ruleset, which changed while it was read, twice in a row,"))
            }
        },
    }
}

/// The rules of a legacy table: `ipt_getinfo`, then `ipt_get_entries`, or their ip6t twins.
///
/// # Errors
/// Denied without CAP_NET_ADMIN; absent for a table that the kernel does not list, because asking would load it.
pub(super) fn legacy_table(ipv6: bool, table: &str) -> Result<Vec<u8>, Gap> {
    let (list, tool, family, level) = match ipv6 {
        false => ("/proc/net/ip_tables_names", "iptables", AddressFamily::Inet, libc::SOL_IP),
        true => ("/proc/net/ip6_tables_names", "ip6tables", AddressFamily::Inet6, libc::SOL_IPV6),
    };
    let what = format!("the {tool} table {table}");
    let names = fs::read_to_string(list).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Gap::absent(&what),
        ErrorKind::PermissionDenied => Gap::denied(format!("{what}: needs root")),
        _ => Gap::unsupported(format!("{list}: {error}")),
    })?;
    if !names.lines().any(|name| name == table) {
        return Err(Gap::absent(&what));
    }
    let failed = |error: Errno| match error {
        Errno::EPERM | Errno::EACCES => Gap::denied(format!("{what}: needs CAP_NET_ADMIN")),
        other => Gap::unsupported(format!("the kernel does not answer about {what}: {other}")),
    };
    // The options sit on every socket of the family. A datagram socket takes no CAP_NET_RAW, which a raw one would.
    let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
    for _ in 0..3 {
        let mut info = [0; INFO];
        name(&mut info, table)?;
        sys::socket_option(socket.as_fd(), level, GET_INFO, &mut info).map_err(failed)?;
        let size = info.last_chunk().map_or(0, |size| u32::from_ne_bytes(*size));
        if size as usize > BOUND {
            return Err(Gap::too_large(&what));
        }
        let mut entries = vec![0; ENTRIES_HEADER + size as usize];
        name(&mut entries, table)?;
        if let Some(place) = entries.get_mut(32..36) {
            place.copy_from_slice(&size.to_ne_bytes());
        }
        match sys::socket_option(socket.as_fd(), level, GET_ENTRIES, &mut entries) {
            Ok(length) => {
                entries.truncate(length);
                return Ok([info.as_slice(), entries.as_slice()].concat());
            }
            // The table changed between the two questions.
            Err(Errno::EAGAIN) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(Gap::timed_out(format!("{what}, which changed each time it was read,")))
}

/// More than this is not read.
const BOUND: usize = 64 << 20;

/// linux/netfilter_ipv4/ip_tables.h and netfilter_ipv6/ip6_tables.h agree on these.
const GET_INFO: i32 = 64;
const GET_ENTRIES: i32 = 65;
const INFO: usize = 84;
/// A name of 32 bytes and a size of 4; then the entries, which hold 64-bit counters and are aligned like them.
const ENTRIES_HEADER: usize = 36_usize.next_multiple_of(align_of::<libc::c_ulonglong>());

fn name(buffer: &mut [u8], table: &str) -> Result<(), Gap> {
    // One byte stays for the NUL that ends the name.
    match buffer.get_mut(..table.len()) {
        Some(place) if table.len() < 32 => {
            place.copy_from_slice(table.as_bytes());
            Ok(())
        }
        _ => Err(Gap::absent(format!("the table {table}"))),
    }
}

/// Whether the kernel can be asked about nftables without loading a module. `false`: there is nothing to ask, because
/// nf_tables is a module that is not loaded.
fn may_ask() -> Result<bool, Gap> {
    let release = nix::sys::utsname::uname();
    let release = release.as_ref().map(|name| name.release().to_string_lossy()).unwrap_or_default();
    let builtin = fs::read_to_string(format!("/lib/modules/{release}/modules.builtin"));
    decide(
        // Without /proc nothing is known about modules, so there may be some.
        Path::new("/proc/modules").exists() || !Path::new("/proc/self").exists(),
        Path::new("/sys/module/nf_tables").exists(),
        builtin.ok().map(|list| list.lines().any(|line| line.ends_with("/nf_tables.ko"))),
    )
}

/// `builtin`: whether the kernel's own list of what it has built in names nf_tables, where that list can be read.
fn decide(has_modules: bool, loaded: bool, builtin: Option<bool>) -> Result<bool, Gap> {
    match (has_modules, loaded, builtin) {
        // A kernel without modules cannot load one.
        (false, ..) | (_, true, _) | (.., Some(true)) => Ok(true),
        (true, false, Some(false)) => Ok(false),
        (true, false, None) => Err(Gap::unsupported(
            "whether nf_tables is built into the kernel cannot be told without its modules.builtin, and asking could \
             load a module",
        )),
    }
}

enum Dump {
    Whole(Vec<u8>),
    Interrupted,
}

fn dump(object: NftObject) -> Result<Dump, Gap> {
    let socket = open().map_err(failed)?;
    let kernel = NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &request(object), &kernel, MsgFlags::empty()).map_err(failed)?;
    let mut answer = Vec::new();
    // The kernel fills at most 32 KiB at a time (NLMSG_GOODSIZE and netlink's max_recvmsg_len).
    let mut buffer = vec![0; 256 << 10];
    loop {
        let (length, sender) = match recvfrom::<NetlinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(failed(error)),
        };
        // Other programs can send to this socket too.
        if sender.is_none_or(|sender| sender.pid() != 0) {
            continue;
        }
        match take(buffer.get(..length).unwrap_or_default(), &mut answer)? {
            Part::More if answer.len() > BOUND => return Err(Gap::too_large("the nftables ruleset")),
            Part::More => {}
            Part::Last => return Ok(Dump::Whole(answer)),
            Part::Interrupted => return Ok(Dump::Interrupted),
        }
    }
}

fn open() -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(2))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

fn failed(error: Errno) -> Gap {
    match error {
        Errno::EPERM | Errno::EACCES => Gap::denied("the nftables ruleset: needs CAP_NET_ADMIN"),
        Errno::EAGAIN => Gap::timed_out("the nftables ruleset"),
        other => Gap::unsupported(format!("the kernel does not answer about nftables: {other}")),
    }
}

/// `nlmsghdr` and `nfgenmsg` of a dump over all families.
fn request(object: NftObject) -> Vec<u8> {
    let operation: u16 = match object {
        NftObject::Tables => 1,
        NftObject::Chains => 4,
        NftObject::Rules => 7,
        NftObject::Sets => 10,
    };
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | operation;
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut bytes = Vec::with_capacity(20);
    bytes.extend(20_u32.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(SEQUENCE.to_ne_bytes());
    // Port 0 (filled in by the kernel), family 0 (all of them), version 0, resource 0.
    bytes.extend([0; 8]);
    bytes
}

/// The number that answers carry back.
const SEQUENCE: u32 = 1;

enum Part {
    More,
    Last,
    Interrupted,
}

/// Takes the messages of one datagram.
fn take(mut datagram: &[u8], answer: &mut Vec<u8>) -> Result<Part, Gap> {
    let cut = || Gap::malformed("the kernel's answer about nftables ends in the middle");
    while let Some((header, _)) = datagram.split_first_chunk::<16>() {
        let [a, b, c, d, kind @ .., _, _, _, _] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let [kind_low, kind_high, flags_low, flags_high, sequence @ ..] = kind;
        let kind = i32::from(u16::from_ne_bytes([kind_low, kind_high]));
        let flags = i32::from(u16::from_ne_bytes([flags_low, flags_high]));
        let message = datagram.get(..length).filter(|message| message.len() >= 16).ok_or_else(cut)?;
        if u32::from_ne_bytes(sequence) == SEQUENCE {
            if flags & libc::NLM_F_DUMP_INTR != 0 {
                return Ok(Part::Interrupted);
            }
            // An error and the end of a dump both start with a negative errno, or 0.
            let status =
                message.get(16..).and_then(|body| body.first_chunk()).map(|code| i32::from_ne_bytes(*code));
            match kind {
                libc::NLMSG_ERROR | libc::NLMSG_DONE => {
                    return match status {
                        Some(0..) => Ok(Part::Last),
                        Some(code) => Err(failed(Errno::from_raw(code.saturating_neg()))),
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
    fn no_question_that_could_load_a_module() {
        assert!(decide(false, false, None).unwrap());
        assert!(decide(true, true, None).unwrap());
        assert!(decide(true, false, Some(true)).unwrap());
        assert!(!decide(true, false, Some(false)).unwrap());
        assert!(decide(true, false, None).is_err());
    }

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
        let denied = take(&message(libc::NLMSG_ERROR, 0, -libc::EPERM), &mut answer);
        assert_eq!(denied.err(), Some(Gap::denied("the nftables ruleset: needs CAP_NET_ADMIN")));
        let mut two = message(0x0a00, libc::NLM_F_MULTI, 0);
        two.extend(message(libc::NLMSG_DONE, libc::NLM_F_MULTI, 0));
        assert!(matches!(take(&two, &mut answer), Ok(Part::Last)));
        assert_eq!(answer.len(), 20);
        assert!(matches!(
            take(&message(0x0a00, libc::NLM_F_DUMP_INTR, 0), &mut answer),
            Ok(Part::Interrupted)
        ));
        assert!(take(&message(0x0a00, 0, 0)[..18], &mut answer).is_err());
        assert!(matches!(take(&[], &mut answer), Ok(Part::More)));
    }
}
