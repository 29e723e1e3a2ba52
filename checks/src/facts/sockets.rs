//! Sockets that wait for somebody: TCP in LISTEN and unconnected UDP, from /proc/net, with their options from sock_diag.

mod diag;
mod namespaces;

use std::net::{IpAddr, SocketAddr};

use procfs_core::net::{TcpNetEntries, TcpState, UdpNetEntries, UdpState};
use procfs_core::{ExplicitSystemInfo, FromBufReadSI, ProcError};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::gap::{Gap, Reading};
use crate::host::{Host, LARGE};
pub use namespaces::Namespace;

/// The sockets of the network namespace that hostduty runs in, and those of others.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sockets {
    /// By protocol, port and address.
    pub list: Vec<Socket>,
    /// Other network namespaces in which processes run, such as containers', by inode.
    pub namespaces: Reading<Vec<Namespace>>,
}

/// One socket that waits for peers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Local port.
    pub port: u16,
    /// Local address; unspecified means every address. An IPv6 `::` may serve IPv4 too.
    pub address: IpAddr,
    /// Inode, by which [`super::processes::Processes::holders`] finds its process.
    pub inode: u64,
    /// Its owner.
    pub uid: u32,
    /// Index of the interface that it is bound to (SO_BINDTODEVICE), 0 where it is bound to none; nothing where the
    /// kernel was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// Whether a socket on `::` takes IPv6 alone (IPV6_V6ONLY); nothing for other addresses, and where the kernel was
    /// not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_only: Option<bool>,
    /// Whether it takes packets for addresses that are not this machine's (IP_TRANSPARENT); nothing where the kernel did
    /// not tell, as before 5.10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparent: Option<bool>,
}

/// The transport protocols that hostduty lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Sockets {
    /// Why there may be more sockets in other network namespaces than are known.
    pub fn unseen_namespaces(&self) -> impl Iterator<Item = &Gap> {
        let known = self.namespaces.value().into_iter().flatten();
        let parts = known.filter_map(|one| one.sockets.gap().or(one.addresses.gap()));
        self.namespaces.gap().into_iter().chain(parts)
    }
}

impl Socket {
    /// A socket of whose options nothing is known.
    #[must_use]
    pub fn new(protocol: Protocol, local: SocketAddr, inode: u64, uid: u32) -> Self {
        let (address, port) = (local.ip(), local.port());
        Self { protocol, port, address, inode, uid, device: None, ipv6_only: None, transparent: None }
    }

    /// Where the kernel lists it.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.listed_in("/proc/net")
    }

    fn listed_in(&self, folder: &str) -> Evidence {
        let table =
            format!("{folder}/{}{}", self.protocol.name(), if self.address.is_ipv6() { "6" } else { "" });
        Evidence::of(table).says(format!("{self} of uid {}, inode {}", self.uid, self.inode))
    }

    /// Whether only this machine itself can reach it, whatever the firewall says.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => {
                address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
            }
        }
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.protocol.name(), std::net::SocketAddr::new(self.address, self.port))
    }
}

/// Reads /proc/net/{tcp,tcp6,udp,udp6}, asks for the options that they do not show, and looks into the namespaces of other
/// processes. UDP-Lite, SCTP, DCCP, raw and packet sockets are not listed there, and a socket whose process went on into
/// another namespace is listed in none that has a process.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<Sockets, Gap> {
    let mut list = tables(host, "/proc/net", LARGE)?;
    diag::add_options(host, &mut list);
    Ok(Sockets { list, namespaces: namespaces::read(host, facts).into() })
}

/// The sockets in the four tables of a folder.
fn tables(host: &dyn Host, folder: &str, limit: usize) -> Result<Vec<Socket>, Gap> {
    let of = |table: &str| {
        let path = format!("{folder}/{table}");
        host.read(&path, limit).map(|bytes| (bytes, path))
    };
    let (bytes, path) = of("tcp")?;
    let mut list = tcp(&bytes, &path)?;
    let (bytes, path) = of("udp")?;
    list.extend(udp(&bytes, &path)?);
    // A kernel without IPv6 has no tables for it.
    if let Some((bytes, path)) = unless_absent(of("tcp6"))? {
        list.extend(tcp(&bytes, &path)?);
    }
    if let Some((bytes, path)) = unless_absent(of("udp6"))? {
        list.extend(udp(&bytes, &path)?);
    }
    list.sort();
    list.dedup();
    Ok(list)
}

fn unless_absent<T>(read: Result<T, Gap>) -> Result<Option<T>, Gap> {
    match read {
        Err(gap) if gap.is_absent() => Ok(None),
        other => other.map(Some),
    }
}

fn tcp(bytes: &[u8], path: &str) -> Result<Vec<Socket>, Gap> {
    let entries = TcpNetEntries::from_buf_read(bytes, &KERNEL).map_err(|error| malformed(path, &error))?.0;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.state == TcpState::Listen)
        .map(|entry| socket(Protocol::Tcp, entry.local_address, entry.inode, entry.uid))
        .collect())
}

fn udp(bytes: &[u8], path: &str) -> Result<Vec<Socket>, Gap> {
    let entries = UdpNetEntries::from_buf_read(bytes, &KERNEL).map_err(|error| malformed(path, &error))?.0;
    Ok(entries
        .into_iter()
        .filter(|entry| entry.state == UdpState::Close)
        .map(|entry| socket(Protocol::Udp, entry.local_address, entry.inode, entry.uid))
        .collect())
}

fn socket(protocol: Protocol, local: SocketAddr, inode: u64, uid: u32) -> Socket {
    // TOML holds integers up to 2^63; the kernel's inode numbers stay far below.
    Socket::new(protocol, local, inode.min(i64::MAX.unsigned_abs()), uid)
}

fn malformed(path: &str, error: &ProcError) -> Gap {
    Gap::malformed(format!("{path} is not a table of sockets: {error}"))
}

/// The kernel prints addresses as words in its own byte order, which is that of this program: /proc is only ever read
/// on the machine itself. The other figures have no part in socket tables.
const KERNEL: ExplicitSystemInfo = ExplicitSystemInfo {
    boot_time_secs: 0,
    ticks_per_second: 100,
    page_size: 4096,
    is_little_endian: cfg!(target_endian = "little"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn host(tcp: &str, udp: &str) -> Tree {
        Tree::new(Timestamp(0))
            .file("/proc/net/tcp", format!("{HEAD}{tcp}"))
            .file("/proc/net/udp", format!("{HEAD}{udp}"))
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn listeners_and_unconnected_udp_are_kept_and_connections_are_not() {
        let host = host(
            "   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   112        0 777 1 0 100 0 0 10 0\n   \
             1: 0200000A:0016 0500000A:D431 01 00000000:00000000 02:00000000 00000000     0        0 778 2 0 20 4 0 10 -1\n",
            "  10: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 900 2 0 0\n  \
             11: 0200000A:E000 08080808:0035 01 00000000:00000000 00:00000000 00000000   100        0 901 2 0 0\n",
        )
        .file(
            "/proc/net/tcp6",
            format!(
                "{HEAD}   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 779 1 0 100 0 0 10 0\n"
            ),
        );
        let sockets = read(&host, &Facts::default()).unwrap();
        let shown: Vec<String> = sockets.list.iter().map(Socket::to_string).collect();
        assert_eq!(shown, ["tcp [::]:22", "tcp 127.0.0.1:3306", "udp 0.0.0.0:68"]);
        assert_eq!((sockets.list[1].inode, sockets.list[1].uid), (777, 112));
        assert!(sockets.list[1].is_loopback() && !sockets.list[0].is_loopback());
    }

    #[test]
    fn a_table_that_is_missing_or_broken_is_a_gap_and_missing_ipv6_is_not() {
        assert!(read(&Tree::new(Timestamp(0)), &Facts::default()).unwrap_err().is_absent());
        assert!(read(&host("", ""), &Facts::default()).unwrap().list.is_empty());
        for line in
            ["0: zz:0016 0:0 0A", "\u{0}", "1: 0100007F:FFFFF 0:0 0A 0:0 0 0 0 0 1", "é: é:é é:é é é:é"]
        {
            assert!(read(&host(line, ""), &Facts::default()).is_err(), "{line:?}");
            assert!(read(&host("", line), &Facts::default()).is_err(), "{line:?}");
        }
        let denied = host("", "").refuse("/proc/net/tcp6", Gap::denied("/proc/net/tcp6"));
        assert!(read(&denied, &Facts::default()).is_err());
    }
}
