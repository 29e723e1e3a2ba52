//! authorized_keys and private keys: a good key below anything is still found.

#![no_main]

use hostduty_fuzz::{CANARY, gather, host, mentions, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] =
    &["/home/anna/.ssh/authorized_keys", "/home/anna/.ssh/id_key", "/home/anna/.ssh/id_putty"];

/// Root and a person, each with a password.
const KNOWN: &str = r#"
[[accounts.known.users]]
name = "root"
home = "/root"
shell = "/bin/bash"
line = 1
password.known = { state = "usable", source = "/etc/shadow", line = 1 }
[[accounts.known.users]]
name = "anna"
uid = 1000
gid = 1000
home = "/home/anna"
shell = "/bin/bash"
line = 2
password.known = { state = "usable", source = "/etc/shadow", line = 2 }
"#;

/// A public key that nobody has the private one of.
const KEY: &[u8] =
    b"\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f cAnArY7h1ngs\n";

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, KNOWN, &["ssh_keys"]);
    let keys = parts(data).next().unwrap_or_default();
    let facts = gather(&host().file(FILES[0], [&keys, KEY].concat()), KNOWN, &["ssh_keys"]);
    if !mentions(data, CANARY) && keys.len() < 1_000_000 {
        let found = facts.ssh_keys.value().expect("the accounts are known");
        let last = found.files.first().and_then(|file| file.keys.last());
        let line = keys.iter().filter(|byte| **byte == b'\n').count() + 2;
        let seen = last.is_some_and(|key| key.line as usize == line);
        assert!(seen || !found.gaps.is_empty(), "the last key was lost: {found:?}");
    }
});
