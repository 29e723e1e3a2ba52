//! /proc/net: a listening socket at the end of the table is found, or a gap says why not.

#![no_main]

use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/proc/net/tcp",
    "/proc/net/udp",
    "/proc/net/tcp6",
    "/proc/net/udp6",
    "/proc/net/if_inet6",
    "/proc/net/dev",
];

const LISTENING: &[u8] =
    b"\n   9: 00000000:0929 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n";

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, "", &["sockets", "ruleset"]);
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
