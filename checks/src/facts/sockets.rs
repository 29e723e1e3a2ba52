//! Sockets that wait for somebody: TCP in LISTEN and unconnected UDP, from /proc/net.

use std::net::{IpAddr, SocketAddr};

use procfs_core::net::{TcpNetEntries, TcpState, UdpNetEntries, UdpState};
use procfs_core::{ExplicitSystemInfo, FromBufReadSI, ProcError};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{Host, LARGE};

/// The sockets of the network namespace that hostduty runs in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sockets {
    /// By protocol, port and address.
    pub list: Vec<Socket>,
    /// Other network namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
}

/// Another network namespace, such as a container's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Namespace {
    /// Its inode.
    pub inode: u64,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its sockets.
    pub sockets: Vec<Socket>,
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
    /// Whether it takes IPv6 alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_only: Option<bool>,
    /// Whether it has IP_TRANSPARENT.
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

impl Socket {
    /// Where the kernel lists it.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let table = match (self.protocol, self.address) {
            (Protocol::Tcp, IpAddr::V4(_)) => "/proc/net/tcp",
            (Protocol::Tcp, IpAddr::V6(_)) => "/proc/net/tcp6",
            (Protocol::Udp, IpAddr::V4(_)) => "/proc/net/udp",
            (Protocol::Udp, IpAddr::V6(_)) => "/proc/net/udp6",
        };
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

/// Reads /proc/net/{tcp,tcp6,udp,udp6}. UDP-Lite, SCTP, DCCP and raw sockets are not listed there.
pub(crate) fn read(host: &dyn Host) -> Result<Sockets, Gap> {
    let mut list = tcp(&host.read("/proc/net/tcp", LARGE)?, "/proc/net/tcp")?;
    list.extend(udp(&host.read("/proc/net/udp", LARGE)?, "/proc/net/udp")?);
    // A kernel without IPv6 has no tables for it.
    if let Some(bytes) = unless_absent(host.read("/proc/net/tcp6", LARGE))? {
        list.extend(tcp(&bytes, "/proc/net/tcp6")?);
    }
    if let Some(bytes) = unless_absent(host.read("/proc/net/udp6", LARGE))? {
        list.extend(udp(&bytes, "/proc/net/udp6")?);
    }
    list.sort();
    list.dedup();
    Ok(Sockets { list, namespaces: Vec::new() })
}

fn unless_absent(read: Result<Vec<u8>, Gap>) -> Result<Option<Vec<u8>>, Gap> {
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
    let inode = inode.min(i64::MAX.unsigned_abs());
    Socket {
        protocol,
        port: local.port(),
        address: local.ip(),
        inode,
        uid,
        ipv6_only: None,
        transparent: None,
    }
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
        let sockets = read(&host).unwrap();
        let shown: Vec<String> = sockets.list.iter().map(Socket::to_string).collect();
        assert_eq!(shown, ["tcp [::]:22", "tcp 127.0.0.1:3306", "udp 0.0.0.0:68"]);
        assert_eq!((sockets.list[1].inode, sockets.list[1].uid), (777, 112));
        assert!(sockets.list[1].is_loopback() && !sockets.list[0].is_loopback());
    }

    #[test]
    fn a_table_that_is_missing_or_broken_is_a_gap_and_missing_ipv6_is_not() {
        assert!(read(&Tree::new(Timestamp(0))).unwrap_err().is_absent());
        assert!(read(&host("", "")).unwrap().list.is_empty());
        for line in
            ["0: zz:0016 0:0 0A", "\u{0}", "1: 0100007F:FFFFF 0:0 0A 0:0 0 0 0 0 1", "é: é:é é:é é é:é"]
        {
            assert!(read(&host(line, "")).is_err(), "{line:?}");
            assert!(read(&host("", line)).is_err(), "{line:?}");
        }
        let denied = host("", "").refuse("/proc/net/tcp6", Gap::denied("/proc/net/tcp6"));
        assert!(read(&denied).is_err());
    }
}
