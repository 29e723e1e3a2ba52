//! Asks the kernel for the packet filter that it enforces, without a child process and without loading a module.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;

use checks::gap::Gap;
use checks::host::NftObject;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::netlink::{self, BOUND, Question};
use crate::sys;

/// One dump of nftables objects: the messages as the kernel framed them, without the one that ends the dump.
///
/// # Errors
/// Denied without CAP_NET_ADMIN; unsupported where the question could load a module.
pub(super) fn nftables(object: NftObject) -> Result<Vec<u8>, Gap> {
    let operation = match object {
        NftObject::Tables => 1,
        NftObject::Chains => 4,
        NftObject::Rules => 7,
        NftObject::Sets => 10,
        NftObject::Objects => 19,
        NftObject::Flowtables => 23,
    };
    ask(operation, ALL_FAMILIES, &[])
}

/// The elements of one set (NFT_MSG_GETSETELEM).
///
/// # Errors
/// As [`nftables`]; absent when there is no such set.
pub(super) fn nftables_elements(family: u8, table: &str, set: &str) -> Result<Vec<u8>, Gap> {
    ask(13, family, &[(1, table), (2, set)])
}

/// NFPROTO_UNSPEC
const ALL_FAMILIES: u8 = 0;

/// `nfgenmsg` (family, version 0, resource 0) and attributes that are names.
fn ask(operation: u8, family: u8, names: &[(u16, &str)]) -> Result<Vec<u8>, Gap> {
    if !may_ask("nf_tables")? {
        return Ok(Vec::new());
    }
    let what = "the nftables ruleset";
    let mut body = vec![family, 0, 0, 0];
    for (kind, name) in names {
        netlink::text(&mut body, *kind, name);
    }
    let kind = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | u16::from(operation);
    let question = Question { protocol: SockProtocol::NetlinkNetFilter, kind, body: &body, what };
    netlink::dump(question).map_err(|failure| match failure {
        netlink::Failure::Refused(Errno::ENOENT) => Gap::absent("the set in nftables"),
        other => other.gap(what),
    })
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
    // The options sit on every socket of the family. One of TCP takes no CAP_NET_RAW, as a raw one would, and carries
    // nothing anywhere until it is connected, which the sandbox forbids.
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
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

/// Whether the kernel can be asked about a part of netfilter without loading its module. `false`: there is nothing to ask,
/// because it is a module that is not loaded.
pub(super) fn may_ask(module: &str) -> Result<bool, Gap> {
    let loaded = Path::new("/sys/module").join(module).exists();
    if loaded {
        return Ok(true);
    }
    let release = nix::sys::utsname::uname();
    let release = release.as_ref().map(|name| name.release().to_string_lossy()).unwrap_or_default();
    let builtin = fs::read_to_string(format!("/lib/modules/{release}/modules.builtin"));
    let told = decide(
        // Without /proc nothing is known about modules, so there may be some.
        Path::new("/proc/modules").exists() || !Path::new("/proc/self").exists(),
        builtin.ok().map(|list| list.lines().any(|line| line.ends_with(&format!("/{module}.ko")))),
    );
    told.ok_or_else(|| {
        Gap::unsupported(format!(
            "whether {module} is built into the kernel cannot be told without its modules.builtin, and asking could \
             load a module"
        ))
    })
}

/// `builtin`: whether the kernel's own list of what it has built in names the module, where that list can be read.
fn decide(has_modules: bool, builtin: Option<bool>) -> Option<bool> {
    match (has_modules, builtin) {
        // A kernel without modules cannot load one.
        (false, _) => Some(true),
        (true, builtin) => builtin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_question_that_could_load_a_module() {
        assert_eq!(decide(false, None), Some(true));
        assert_eq!(decide(true, Some(true)), Some(true));
        assert_eq!(decide(true, Some(false)), Some(false));
        assert_eq!(decide(true, None), None);
    }
}
