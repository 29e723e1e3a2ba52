//! sshd_config(5) with an included file, and the PAM stack: a first line that lets passwords in is never lost.

#![no_main]

use checks::check::Verdict;
use checks::host::Tree;
use hostduty_fuzz::{gather, host, mentions, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/50-cloud.conf",
    "/etc/pam.d/sshd",
    "/etc/pam.d/common-auth",
    "/etc/default/ssh",
];

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
[processes.known]
list = [{ pid = 812, name = "sshd" }]
"#;

/// Words by which other lines may rightly close what the planted one opens.
const CLOSE: &[&str] = &["match", "users", "groups"];

fn base() -> Tree {
    host().file("/usr/sbin/sshd", "")
}

fuzz_target!(|data: &[u8]| {
    let tree = with_files(base(), data, FILES);
    let facts = gather(&tree, KNOWN, &["sshd"]);
    let config = facts.sshd.value().and_then(|sshd| sshd.config.value());
    if config.is_some_and(|config| !config.gaps.is_empty() || !config.refused.is_empty()) {
        assert_ne!(verdict(&facts, "ssh-key-only"), Verdict::Pass, "{config:?}");
    }
    if !CLOSE.iter().any(|word| mentions(data, word)) {
        let open = b"PasswordAuthentication yes\nPermitRootLogin yes\nAuthenticationMethods any\nUsePAM no\n";
        let facts = gather(&with_files(base(), &[open, data].concat(), FILES), KNOWN, &["sshd"]);
        assert_ne!(verdict(&facts, "ssh-key-only"), Verdict::Pass);
        assert_ne!(verdict(&facts, "ssh-root-login"), Verdict::Pass);
    }
});
