//! passwd(5), shadow(5), group(5): whatever stands before it, an empty password and a second root are found.

#![no_main]

use checks::check::Verdict;
use hostduty_fuzz::{CANARY, gather, host, mentions, parts, verdict, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/nsswitch.conf"];

fuzz_target!(|data: &[u8]| {
    let tree = with_files(host(), data, FILES);
    let facts = gather(&tree, "", &["accounts"]);
    if !mentions(data, CANARY) {
        let mut files: Vec<Vec<u8>> = parts(data).map(|part| part.into_owned()).collect();
        files.resize(4, Vec::new());
        files[0].extend_from_slice(b"\nname-cAnArY:x:0:0::/:/bin/sh\nhash:x:1:1::/:/bin/sh\n");
        files[1].extend_from_slice(b"\nname-cAnArY::1::::::\nhash:$6$cAnArY7h1ngs$cAnArY7h1ngs:1::::::\n");
        let facts = gather(&with_files(host(), &files.join(&b"%%\n"[..]), FILES), "", &["accounts"]);
        assert_ne!(verdict(&facts, "accounts-uid-zero"), Verdict::Pass);
        if !mentions(data, "name-canary") {
            assert_ne!(verdict(&facts, "passwords-empty"), Verdict::Pass);
        }
    }
    if facts.accounts.value().is_some_and(|accounts| !accounts.unread_passwords().is_empty()) {
        assert_ne!(verdict(&facts, "passwords-empty"), Verdict::Pass);
    }
});
