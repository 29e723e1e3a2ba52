//! What pacman has on disk: its configuration, an installed package, the copy of a repository; then the same bytes as a copy.

#![no_main]

use hostduty_fuzz::archive::tar;
use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/etc/pacman.conf", "/var/lib/pacman/local/bash-5.2-1/desc"];
const ARCH: &str = "ID=arch\n";
const INSTALLED: &str = "%NAME%\nplanted\n\n%VERSION%\n1-1\n\n";
const CONF: &str = "[core]\nServer = https://m.example.org/$repo\n";
const PLANTED: &[u8] = b"%NAME%\nplanted\n\n%VERSION%\n2-1\n\n";

fuzz_target!(|data: &[u8]| {
    let ready =
        || host().file("/var/lib/pacman/local/planted-1-1/desc", INSTALLED).file("/etc/os-release", ARCH);
    let tree = with_files(ready(), data, FILES).file("/var/lib/pacman/sync/core.db", data);
    gather(&tree, "", &["machine", "packages", "updates"]);

    let Some(desc) = parts(data).last() else { return };
    let copy = tar(&[("planted-2-1/desc", PLANTED), ("bash-5.2-2/desc", &desc)]);
    let tree = ready()
        .file("/etc/pacman.conf", CONF)
        .file("/var/lib/pacman/local/bash-5.2-1/desc", "%NAME%\nbash\n\n%VERSION%\n5.2-1\n\n")
        .file("/var/lib/pacman/sync/core.db", copy);
    let facts = gather(&tree, "", &["machine", "packages", "updates"]);
    let updates = facts.updates.known().expect("the database is whole");
    assert!(updates.pending.iter().any(|pending| pending.package == "planted"), "what was planted is lost");
});
