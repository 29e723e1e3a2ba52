//! authorized_keys, private keys and host keys: a good key below anything is still found.

#![no_main]

use hostduty_fuzz::{CANARY, PEOPLE, gather, host, mentions, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/home/anna/.ssh/authorized_keys",
    "/home/anna/.ssh/id_key",
    "/home/anna/.ssh/id_putty",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_rsa_key.pub",
];

/// A public key that nobody has the private one of.
const KEY: &[u8] =
    b"\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f cAnArY7h1ngs\n";

fuzz_target!(|data: &[u8]| {
    // Addresses and names in the options of a key are kept, and may then be any word.
    if mentions(data, CANARY) {
        return;
    }
    let tree = with_files(host(), data, FILES);
    gather(&tree, PEOPLE, &["ssh_keys", "host_keys"]);
    let keys = parts(data).next().unwrap_or_default();
    let facts = gather(&host().file(FILES[0], [&keys, KEY].concat()), PEOPLE, &["ssh_keys"]);
    if keys.len() < 1_000_000 {
        let found = facts.ssh_keys.value().expect("the accounts are known");
        let file = found.files.first().expect("the file is there");
        let line = keys.iter().filter(|byte| **byte == b'\n').count() + 2;
        let seen =
            file.keys.last().is_some_and(|key| key.line as usize == line && key.passed_over.is_empty());
        assert!(seen || file.gap.is_some(), "the last key was lost: {found:?}");
    }
});
