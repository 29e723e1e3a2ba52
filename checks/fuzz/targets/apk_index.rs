//! What apk has on disk: repositories, what was asked for, and the copy of an index; then the same bytes as the copy itself.

#![no_main]

use hostduty_fuzz::archive::{gzip, tar};
use hostduty_fuzz::{gather, host, parts, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/etc/apk/repositories", "/etc/apk/world", "/etc/apk/config"];
const ALPINE: &str = "ID=alpine\nVERSION_ID=3.20.3\n";
const INSTALLED: &str = "P:planted\nV:1-r0\nA:x86_64\n\nP:busybox\nV:1.36.1-r29\ns:edge\n\n";
const PLANTED: &[u8] = b"\n\nP:planted\nV:2-r0\n\n";

fuzz_target!(|data: &[u8]| {
    let ready = || host().file("/lib/apk/db/installed", INSTALLED).file("/etc/os-release", ALPINE);
    let tree = with_files(ready(), data, FILES).file("/srv/own/x86_64/APKINDEX.tar.gz", data);
    gather(&tree, "", &["machine", "packages", "updates"]);

    let Some(index) = parts(data).last() else { return };
    let index = [index.as_ref(), PLANTED].concat();
    let copy = gzip(&tar(&[(".SIGN.RSA.k", b"s"), ("APKINDEX", &index)]));
    let tree = ready()
        .file("/etc/apk/repositories", "/srv/own\n")
        .file("/etc/apk/keys/k", "")
        .file("/srv/own/x86_64/APKINDEX.tar.gz", copy);
    let facts = gather(&tree, "", &["machine", "packages", "updates"]);
    let updates = facts.updates.known().expect("the database is whole");
    let read = updates.suites[0].index.known().expect("the copy is there");
    let waits = updates.pending.iter().any(|pending| pending.package == "planted");
    assert!(waits || !read.unread.is_empty(), "what was planted is lost");
});
