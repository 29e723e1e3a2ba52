//! A new connection that somebody tries, and what comes of it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use checks::facts::sockets::Protocol;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, bind, connect, recv,
    setsockopt, socket, sockopt,
};
use serde::{Deserialize, Serialize};

use super::namespaces::Client;

/// A new connection that somebody tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) client: Client,
    pub(crate) protocol: Protocol,
    pub(crate) source: IpAddr,
    pub(crate) source_port: u16,
    pub(crate) to: IpAddr,
    pub(crate) port: u16,
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (source, to) =
            (SocketAddr::new(self.source, self.source_port), SocketAddr::new(self.to, self.port));
        write!(f, "{} from {source} in {} to {to}", self.protocol.name(), self.client.interface())
    }
}

/// What comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It got through to somebody who listens.
    Open,
    /// The sender was told that it is not wanted: by a rule, or because nobody listens.
    Refused,
    /// Nothing came back.
    Dropped,
}

/// How long an answer may take that has to cross two cables of this machine.
const PATIENCE: Duration = Duration::from_millis(160);

/// Tries all at once. A datagram carries its number in `tokens`; whether it got through, only the receiver knows.
pub(crate) fn attempt(probes: &[(u64, Probe)]) -> Vec<Outcome> {
    let mut attempts: Vec<Attempt> =
        probes.iter().map(|(token, probe)| Attempt::begin(*token, probe)).collect();
    let deadline = Instant::now() + PATIENCE;
    while attempts.iter().any(|attempt| attempt.outcome.is_none()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(3));
        for attempt in attempts.iter_mut().filter(|attempt| attempt.outcome.is_none()) {
            attempt.look();
        }
    }
    attempts.iter().map(|attempt| attempt.outcome.unwrap_or(Outcome::Dropped)).collect()
}

struct Attempt {
    way: Way,
    outcome: Option<Outcome>,
}

enum Way {
    Stream(OwnedFd, Box<dyn SockaddrLike>),
    Datagram(UdpSocket),
}

impl Attempt {
    fn begin(token: u64, probe: &Probe) -> Self {
        let from = address(SocketAddr::new(probe.source, probe.source_port));
        let to = address(SocketAddr::new(probe.to, probe.port));
        let family = if probe.to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let kind = match probe.protocol {
            Protocol::Tcp => SockType::Stream,
            Protocol::Udp => SockType::Datagram,
        };
        let socket = socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&socket, sockopt::ReuseAddr, &true).unwrap();
        if probe.to.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true).unwrap();
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true).unwrap();
        }
        bind(socket.as_raw_fd(), &*from).unwrap_or_else(|error| panic!("{probe}: {error}"));
        let connecting = connect(socket.as_raw_fd(), &*to);
        match probe.protocol {
            Protocol::Tcp => {
                // Ends with a reset, so that nothing of it is left on either side.
                let linger = libc::linger { l_onoff: 1, l_linger: 0 };
                setsockopt(&socket, sockopt::Linger, &linger).unwrap();
                let outcome = match connecting {
                    Ok(()) => Some(Outcome::Open),
                    Err(Errno::EINPROGRESS) => None,
                    Err(error) => panic!("{probe}: {error}"),
                };
                Self { way: Way::Stream(socket, to), outcome }
            }
            Protocol::Udp => {
                connecting.unwrap_or_else(|error| panic!("{probe}: {error}"));
                let socket = UdpSocket::from(socket);
                socket.send(&token.to_be_bytes()).unwrap_or_else(|error| panic!("{probe}: {error}"));
                Self { way: Way::Datagram(socket), outcome: None }
            }
        }
    }

    fn look(&mut self) {
        self.outcome = match &self.way {
            // On a cable within one machine the refusal comes while connect(2) holds the socket, and then only this
            // queue gets it.
            Way::Stream(socket, _)
                if recv(
                    socket.as_raw_fd(),
                    &mut [0; 64],
                    MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT,
                )
                .is_ok() =>
            {
                Some(Outcome::Refused)
            }
            Way::Stream(socket, to) => match connect(socket.as_raw_fd(), &**to) {
                // What was reset after the handshake had got through.
                Ok(()) | Err(Errno::EISCONN | Errno::ECONNRESET | Errno::EPIPE) => Some(Outcome::Open),
                Err(Errno::EALREADY | Errno::EINPROGRESS) => None,
                Err(_) => Some(Outcome::Refused),
            },
            Way::Datagram(socket) => match socket.recv(&mut [0; 8]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                Ok(_) => None,
                Err(_) => Some(Outcome::Refused),
            },
        };
    }
}

fn address(of: SocketAddr) -> Box<dyn SockaddrLike> {
    match of {
        SocketAddr::V4(of) => Box::new(SockaddrIn::from(of)),
        SocketAddr::V6(of) => Box::new(SockaddrIn6::from(of)),
    }
}
