//! sudoers(5), its folder, sudo.conf(5) and doas.conf(5): a rule at the end that asks for no password is never lost.

#![no_main]

use checks::check::Verdict;
use hostduty_fuzz::{PEOPLE, gather, host, parts, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] =
    &["/etc/sudoers", "/etc/sudoers.d/90-cloud", "/etc/sudo.conf", "/etc/doas.conf", "/etc/nsswitch.conf"];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, PEOPLE, &["sudoers"]);
    let mut files: Vec<Vec<u8>> = parts(data).map(|part| part.into_owned()).collect();
    files[0].extend_from_slice(b"\n\nALL ALL=(ALL:ALL) NOPASSWD: ALL\n");
    files.truncate(1);
    let facts = gather(&with_files(host(), &files.join(&b"%%\n"[..]), FILES), PEOPLE, &["sudoers"]);
    assert_ne!(verdict(&facts, "accounts-sudo-nopasswd"), Verdict::Pass);
});
