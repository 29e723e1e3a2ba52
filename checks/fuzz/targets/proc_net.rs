//! /proc/net, here and in a container, and sock_diag: a listening socket at the end of the table is found, or a gap says why not.

#![no_main]

use checks::facts::sockets::Protocol;
use checks::host::Query;
use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/proc/net/tcp",
    "/proc/net/udp",
    "/proc/net/tcp6",
    "/proc/net/udp6",
    "/proc/net/if_inet6",
    "/proc/net/dev",
    "/proc/7/net/tcp",
    "/proc/7/net/udp",
    "/proc/7/net/fib_trie",
    "/proc/7/net/if_inet6",
];

/// A process in another network namespace.
const CONTAINER: &str = "[[processes.known.list]]\npid = 7\n";

const LISTENING: &[u8] =
    b"\n   9: 00000000:0929 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n";

fuzz_target!(|data: &[u8]| {
    let mut tree = with_files(host(), data, FILES)
        .link("/proc/self/ns/net", "net:[4026531840]")
        .link("/proc/7/ns/net", "net:[4026532000]");
    let options =
        [(Protocol::Tcp, false), (Protocol::Tcp, true), (Protocol::Udp, false), (Protocol::Udp, true)];
    for (part, (protocol, ipv6)) in parts(data).skip(FILES.len()).zip(options) {
        tree = tree.answer(Query::SocketDiag { protocol, ipv6 }, part);
    }
    gather(&tree, CONTAINER, &["sockets", "ruleset"]);
    let Some(table) = parts(data).next() else { return };
    let host = host().file(FILES[0], [&table, LISTENING].concat()).file(FILES[1], "header\n");
    let facts = gather(&host, "", &["sockets"]);
    // The first line is a header that nobody reads.
    if !table.is_empty()
        && let Some(sockets) = facts.sockets.value()
    {
        assert!(sockets.list.iter().any(|socket| socket.port == 0x929), "a socket was lost: {sockets:?}");
    }
});
