//! sudoers(5), its folder, sudo.conf(5) and doas.conf(5): a rule at the end that asks for no password is never lost.

#![no_main]

use checks::check::Verdict;
use hostduty_fuzz::{gather, host, parts, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] =
    &["/etc/sudoers", "/etc/sudoers.d/90-cloud", "/etc/sudo.conf", "/etc/doas.conf", "/etc/nsswitch.conf"];

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

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    gather(&tree, KNOWN, &["sudoers"]);
    let mut files: Vec<Vec<u8>> = parts(data).map(|part| part.into_owned()).collect();
    files[0].extend_from_slice(b"\n\nALL ALL=(ALL:ALL) NOPASSWD: ALL\n");
    files.truncate(1);
    let facts = gather(&with_files(host(), &files.join(&b"%%\n"[..]), FILES), KNOWN, &["sudoers"]);
    assert_ne!(verdict(&facts, "accounts-sudo-nopasswd"), Verdict::Pass);
});
