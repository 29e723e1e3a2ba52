//! Sockets that wait for somebody: TCP in LISTEN and unconnected UDP, from /proc/net.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

/// The sockets of the network namespace that hostduty runs in.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sockets {
    /// By protocol, port and address.
    pub list: Vec<Socket>,
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
    /// Inode, by which [`super::processes::Processes::holder`] finds its process.
    pub inode: u64,
    /// Its owner.
    pub uid: u32,
}

/// The transport protocols that hostduty lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

/// Reads /proc/net/{tcp,tcp6,udp,udp6}.
pub(crate) fn read(_host: &dyn Host) -> Result<Sockets, Gap> {
    Err(Gap::not_gathered())
}
