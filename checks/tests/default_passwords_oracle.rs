//! A password of the list is recognised behind every hash that crypt(3) of this machine makes, and no other is.
//!
//! Perl's `crypt` is the oracle: it hands both its arguments to libcrypt.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test asks the real program and fails loudly"
)]

mod say;

use std::process::Command;

use checks::date::Timestamp;
use checks::facts::accounts::{Compared, compare_with_defaults};
use checks::facts::{Facts, ROOMS, begin};
use checks::host::Tree;

/// What libcrypt makes of a password, with a scheme, its cost and its salt.
fn crypt(password: &str, setting: &str) -> Option<String> {
    let output =
        Command::new("perl").args(["-e", "print crypt($ARGV[0], $ARGV[1])", password, setting]).output();
    let text = String::from_utf8(output.ok()?.stdout).unwrap();
    (text.len() > setting.len() && !text.starts_with('*')).then_some(text)
}

fn compared(name: &str, hash: &str) -> (Option<Compared>, Facts) {
    let tree = Tree::new(Timestamp(1_790_000_000))
        .file("/etc/passwd", format!("{name}:x:1000:1000::/home/{name}:/bin/sh\n"))
        .file("/etc/group", "")
        .file("/etc/shadow", format!("root:*:20000:0:99999:7:::\n{name}:{hash}:20000:0:99999:7:::\n"));
    let mut facts = begin(&tree);
    let room = ROOMS.iter().find(|room| room.name == "accounts").unwrap();
    (room.gather)(&tree, &mut facts);
    compare_with_defaults(&tree, &mut facts);
    let answer = facts.accounts.known().unwrap().find(name).unwrap().password.known().unwrap().compared;
    (answer, facts)
}

#[test]
fn what_crypt_makes_of_a_default_is_recognised() {
    if crypt("a", "$6$salt").is_none() {
        return say::left_out(
            "default passwords behind real hashes, which takes perl and a libcrypt with SHA-512",
        );
    }
    for setting in [
        "$6$saltsaltsalt",
        "$6$rounds=1000$s",
        "$6$rounds=20000$0123456789abcdef",
        "$5$saltsalt",
        "$5$rounds=1400$saltsalt",
        "$2b$05$abcdefghijklmnopqrstuu",
        "$2y$06$abcdefghijklmnopqrstuu",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1",
        "$y$j75$salt.",
        "$y$j85$0123456789abcdefghijk.",
    ] {
        // The dearest settings are guessed early in the list, so that the test stays short.
        for (password, expected) in
            [("ann", Compared::Known), ("root", Compared::Known), ("mountain-fig-42", Compared::Other)]
        {
            let Some(hash) = crypt(password, setting) else {
                say::left_out(format!("{setting}, which libcrypt here does not make"));
                break;
            };
            let (answer, facts) = compared("ann", &hash);
            assert_eq!(answer, Some(expected), "{password} behind {setting}");
            let kept = toml::to_string(&facts).unwrap();
            assert!(!kept.contains(&hash) && !kept.contains("mountain"), "a secret got into the facts");
        }
    }
    let long = crypt("changeme", "$2b$13$abcdefghijklmnopqrstuu").unwrap();
    assert_eq!(compared("ann", &long).0, Some(Compared::TooDear));
    let old = crypt("changeme", "$1$salt").unwrap();
    assert_eq!(compared("ann", &old).0, Some(Compared::Unsupported));
}
