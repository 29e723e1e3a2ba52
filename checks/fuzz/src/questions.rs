//! What the engine is asked about a fuzzed packet filter: connections to a machine with one network, and who reaches its sockets.

use std::net::{IpAddr, SocketAddr};

use checks::facts::Facts;
use checks::facts::network::{Interface, Network, Prefix, Route};
use checks::facts::sockets::{Protocol, Socket, Sockets};
use checks::gap::Reading;
use checks::reach::{Question, connect, exposure};

/// Asks about one connection of each family, which take turns over TCP and UDP, and who reaches the sockets. What holds
/// of the answers is asked of the facts by every target; here they come at all.
pub fn ask(facts: &mut Facts) {
    facts.network = Reading::Known(network());
    let listening = |protocol, local: &str| {
        let local: SocketAddr = local.parse().expect("an address");
        Socket::new(protocol, local, u64::from(local.port()), 0)
    };
    facts.sockets = Reading::Known(Sockets {
        list: vec![
            listening(Protocol::Tcp, "0.0.0.0:22"),
            listening(Protocol::Tcp, "[::]:22"),
            listening(Protocol::Udp, "192.0.2.1:53"),
        ],
        namespaces: Reading::Known(Vec::new()),
    });
    for (protocol, from, to, port) in [
        (Protocol::Tcp, "198.51.100.7", "192.0.2.1", 22),
        (Protocol::Udp, "198.51.100.7", "192.0.2.1", 53),
        (Protocol::Tcp, "2001:db8:7::7", "2001:db8::1", 22),
    ] {
        let question = Question {
            protocol,
            from: address(from),
            from_port: None,
            to: address(to),
            port,
            interface: Some("eth0".to_owned()),
            source_mac: None,
        };
        let answer = connect(facts, &question);
        assert!(answer.reason.is_some() || answer.decided_by.is_some(), "{answer:?} has no reason");
    }
    let exposure = exposure(facts).expect("the facts are known");
    assert_eq!(exposure.sockets.len(), 3, "a socket was lost");
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn network() -> Network {
    let prefix = |text: &str, length| Prefix { address: address(text), length };
    let route = |to, table, kind, through| Route {
        to,
        from: None,
        table,
        kind,
        tos: 0,
        metric: 0,
        through: vec![through],
        alive: true,
    };
    let interface = |index, name: &str, addresses| Interface {
        index,
        name: name.to_owned(),
        up: true,
        loopback: name == "lo",
        hardware: if name == "lo" { 772 } else { 1 },
        addresses,
        reverse_path_filter: Reading::Known(1),
        route_localnet: Reading::Known(false),
        forwards_ipv4: Reading::Known(true),
        ipv6_disabled: Reading::Known(false),
        ..Interface::default()
    };
    Network {
        interfaces: vec![
            interface(1, "lo", vec![prefix("127.0.0.1", 8), prefix("::1", 128)]),
            interface(2, "eth0", vec![prefix("192.0.2.1", 24), prefix("2001:db8::1", 64)]),
        ],
        routes: Reading::Known(vec![
            route(prefix("127.0.0.0", 8), 255, 2, 1),
            route(prefix("192.0.2.1", 32), 255, 2, 2),
            route(prefix("::1", 128), 255, 2, 1),
            route(prefix("2001:db8::1", 128), 255, 2, 2),
            route(prefix("192.0.2.0", 24), 254, 1, 2),
            route(prefix("2001:db8::", 64), 254, 1, 2),
            route(prefix("0.0.0.0", 0), 254, 1, 2),
            route(prefix("::", 0), 254, 1, 2),
        ]),
        rules: Reading::Known(Vec::new()),
        forwards_ipv4: Reading::Known(true),
        forwards_ipv6: Reading::Known(true),
        bind_ipv6_only: Reading::Known(false),
        bpf: Reading::Known(Vec::new()),
        bpf_netfilter: Reading::Known(Vec::new()),
    }
}
