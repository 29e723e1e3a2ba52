//! Who listens: sockets of every kind on the machine under test, and some in the container behind it.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

/// Ports on which both of TCP and UDP listen on every address of both families.
pub(crate) const PORTS: &[u16] = &[
    22, 25, 53, 80, 110, 143, 443, 993, 1194, 2049, 3000, 3001, 3002, 3003, 3306, 5432, 6379, 8000, 8080,
    8081, 8443, 9000, 9090, 9100,
];
/// Ports with one socket that takes fewer addresses.
pub(crate) const BOUND: &[&str] = &[
    "0.0.0.0:7001",
    "[::]:7002",
    "198.51.100.1:7003",
    "[2001:db8:77::1]:7003",
    "127.0.0.1:7004",
    "[::1]:7004",
];
/// Nobody listens here.
pub(crate) const CLOSED: u16 = 7009;
/// Ports of the container.
pub(crate) const BOX_PORTS: &[u16] = &[22, 53, 80, 443, 3306, 8080];

/// What is opened: on all addresses, and bound.
pub(crate) type Plan = (&'static [u16], &'static [&'static str]);
pub(crate) const HOST: Plan = (PORTS, BOUND);
pub(crate) const BOX: Plan = (BOX_PORTS, &[]);

/// Listens until the process ends; the numbers of datagrams that arrive are kept.
pub(crate) fn open((ports, bound): Plan, arrived: &Arc<Mutex<HashSet<u64>>>) {
    for port in ports {
        one(SocketAddr::new("::".parse().unwrap(), *port), arrived);
    }
    // The kernel's default for sockets on `::`, of this namespace alone.
    let default = "/proc/sys/net/ipv6/bindv6only";
    std::fs::write(default, "1").unwrap();
    for address in bound {
        one(address.parse().unwrap(), arrived);
    }
    std::fs::write(default, "0").unwrap();
}

/// Whether somebody on HOST listens for this.
pub(crate) fn answers(to: SocketAddr) -> bool {
    if PORTS.contains(&to.port()) {
        return true;
    }
    BOUND.iter().map(|address| address.parse::<SocketAddr>().unwrap()).any(|socket| {
        socket.port() == to.port()
            && socket.is_ipv4() == to.is_ipv4()
            && (socket.ip().is_unspecified() || socket.ip() == to.ip())
    })
}

fn one(address: SocketAddr, arrived: &Arc<Mutex<HashSet<u64>>>) {
    let failed = |error| panic!("{address}: {error}");
    let listener = TcpListener::bind(address).unwrap_or_else(failed);
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let (socket, arrived) =
        (UdpSocket::bind(address).unwrap_or_else(|error| panic!("{address}: {error}")), Arc::clone(arrived));
    std::thread::spawn(move || {
        let mut token = [0; 8];
        loop {
            if socket.recv(&mut token).is_ok() {
                arrived.lock().unwrap().insert(u64::from_be_bytes(token));
            }
        }
    });
}
