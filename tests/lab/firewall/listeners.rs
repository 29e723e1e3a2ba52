//! Who listens: sockets of every kind on the machine under test, and some in the container behind it.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

use checks::facts::sockets::Protocol;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};

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
        one(SocketAddr::new("::".parse().unwrap(), *port), false, arrived);
    }
    for address in bound {
        one(address.parse().unwrap(), true, arrived);
    }
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

fn one(address: SocketAddr, one_family: bool, arrived: &Arc<Mutex<HashSet<u64>>>) {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let kind = if protocol == Protocol::Tcp { SockType::Stream } else { SockType::Datagram };
        let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&socket, sockopt::ReuseAddr, &true).unwrap();
        if address.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &one_family).unwrap();
        }
        bind(socket.as_raw_fd(), &SockaddrStorage::from(address))
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        match protocol {
            Protocol::Tcp => {
                listen(&socket, Backlog::new(4096).unwrap()).unwrap();
                let listener = TcpListener::from(socket);
                std::thread::spawn(move || listener.incoming().for_each(drop));
            }
            Protocol::Udp => {
                let (socket, arrived) = (UdpSocket::from(socket), Arc::clone(arrived));
                std::thread::spawn(move || {
                    let mut token = [0; 8];
                    loop {
                        if socket.recv(&mut token).is_ok() {
                            arrived.lock().unwrap().insert(u64::from_be_bytes(token));
                        }
                    }
                });
            }
        }
    }
}
