//! A dump of sock_diag: whatever it says, no listening socket goes, and of two descriptions of one socket the last counts.

#![no_main]

use checks::facts::sockets::{Protocol, Socket};
use checks::host::Query;
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

/// `[::]:2345`
const LISTENING: &str = "header\n   0: 00000000000000000000000000000000:0929 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";

fuzz_target!(|data: &[u8]| {
    let Some(dump) = parts(data).next() else { return };
    let socket = described(&dump);
    // What was described came in whole messages; then one more is found behind them.
    if socket.device.is_some() && dump.len().is_multiple_of(4) {
        let socket = described(&[&dump, &last()[..]].concat());
        assert_eq!((socket.device, socket.ipv6_only), (Some(77), Some(true)), "{socket:?}");
    }
});

fn described(dump: &[u8]) -> Socket {
    let tree = host()
        .file("/proc/net/tcp", "header\n")
        .file("/proc/net/tcp6", LISTENING)
        .file("/proc/net/udp", "header\n")
        .file("/proc/net/udp6", "header\n")
        .answer(Query::SocketDiag { protocol: Protocol::Tcp, ipv6: true }, dump);
    let facts = gather(&tree, "", &["sockets"]);
    let sockets = facts.sockets.value().expect("the tables are whole");
    let [socket] = sockets.list.as_slice() else { panic!("one socket listens: {sockets:?}") };
    socket.clone()
}

/// `nlmsghdr`, `inet_diag_msg` of that socket bound to the interface 77, INET_DIAG_SKV6ONLY.
fn last() -> Vec<u8> {
    let mut body = vec![10, 10, 0, 0, 9, 0x29, 0, 0];
    body.resize(40, 0);
    body.extend(77_u32.to_ne_bytes());
    body.resize(68, 0);
    body.extend(4712_u32.to_ne_bytes());
    body.extend([5, 0, 11, 0, 1, 0, 0, 0]);
    let length = u32::try_from(body.len() + 16).expect("a short message");
    [&length.to_ne_bytes()[..], &20_u16.to_ne_bytes(), &[0; 10], &body].concat()
}
