//! Files that may hold the key of a cloud: that there is one is said, and nothing of it is kept.

#![no_main]

use hostduty_fuzz::{PEOPLE, gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/home/anna/.config/scw/config.yaml",
    "/home/anna/.aws/credentials",
    "/root/openrc.sh",
    "/etc/ovh.conf",
    "/home/anna/.docker/config.json",
    "/home/anna/.config/rclone/rclone.conf",
];

const KEY: &[u8] = b"\nsecret_key: cAnArY7h1ngs\n";

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, PEOPLE, &["cloud_keys"]);
    let first = parts(data).next().unwrap_or_default();
    let facts = gather(&host().file(FILES[0], [&first, KEY].concat()), PEOPLE, &["cloud_keys"]);
    if first.len() < 1_000_000 {
        let found = facts.cloud_keys.value().expect("the accounts are known");
        assert!(found.files.iter().any(|file| file.path == FILES[0]), "a key was lost: {found:?}");
    }
});
