//! The files of pam.d and what modules read: a stack that begins with an open door lets in, one with a wall does not.

#![no_main]

use checks::facts::accounts::PasswordState;
use checks::facts::sshd::pam::{Conversation, Decision, Expiry, Stack, Who};
use checks::host::Tree;
use hostduty_fuzz::{CANARY, gather, host, with_files};
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &[
    "/etc/pam.d/sshd",
    "/etc/pam.d/common-auth",
    "/etc/pam.d/other",
    "/etc/listed",
    "/etc/security/access.conf",
    "/etc/login.defs",
];

fn stack(data: &[u8]) -> Option<Stack> {
    let passwd = format!("root:x:0:0::/root:/bin/bash\nanna:{CANARY}:1000:1000::/home/anna:/bin/bash\n");
    let base: Tree = host().file("/usr/sbin/sshd", "").file("/etc/ssh/sshd_config", "UsePAM yes\n");
    let tree = with_files(base.file("/etc/passwd", passwd), data, FILES);
    let facts = gather(&tree, "", &["sshd"]);
    facts.sshd.value()?.pam.get("sshd")?.value().cloned()
}

fn people() -> impl Iterator<Item = Who> {
    let states = [Some(PasswordState::Usable), Some(PasswordState::Empty), Some(PasswordState::Locked), None];
    let ages = [Expiry::Valid, Expiry::MustChange, Expiry::AccountExpired, Expiry::Unknown];
    states.into_iter().zip(ages).map(|(password, expiry)| Who { password, expiry, ..Who::somebody() })
}

fuzz_target!(|data: &[u8]| {
    const HOWS: [Conversation; 2] = [Conversation::Password, Conversation::KeyboardInteractive];
    if let Some(stack) = stack(data) {
        for (who, how) in people().zip(HOWS.into_iter().cycle()) {
            let outcome = stack.authenticate(&who, how, who.expiry == Expiry::MustChange);
            // Whoever knows more gets no less.
            for (less, more) in [(&outcome.nothing, &outcome.typed), (&outcome.typed, &outcome.factor)] {
                assert!(!(less.is_yes() && more.is_no()), "{outcome:?}");
            }
            let account = stack.account(&who);
            assert!(stack.aborts.is_none() || (outcome.typed.is_no() && account.is_no()));
            for answer in [&outcome.typed, &account] {
                assert!(!matches!(&answer.decision, Decision::Unknown(why) if why.is_empty()));
            }
        }
    }
    let planted = format!("auth sufficient pam_permit.so {CANARY}\naccount requisite pam_deny.so\n");
    if let Some(stack) = stack(&[planted.as_bytes(), data].concat()).filter(|stack| stack.aborts.is_none()) {
        assert!(
            stack.authenticate(&Who::somebody(), Conversation::Password, false).nothing.is_yes(),
            "{stack:?}"
        );
        assert!(stack.account(&Who::somebody()).is_no());
    }
    let wall = format!("auth requisite pam_deny.so\nauth optional pam_none.so token={CANARY}\n");
    if let Some(stack) = stack(&[wall.as_bytes(), data].concat()) {
        let outcome = stack.authenticate(&Who::somebody(), Conversation::KeyboardInteractive, true);
        assert!(outcome.factor.is_no() && outcome.elsewhere.is_empty(), "{stack:?}");
    }
});
