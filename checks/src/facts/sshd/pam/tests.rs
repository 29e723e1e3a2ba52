//! Whom real stacks let in, and what is said of those that are not understood.

use super::*;
use crate::date::Timestamp;
use crate::facts::accounts::PasswordState;
use crate::gap::GapKind;
use crate::host::Tree;

const DEBIAN: &str = "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\n-auth optional pam_cap.so\n";
const KEYBOARD: Conversation = Conversation::KeyboardInteractive;

fn host() -> Tree {
    Tree::new(Timestamp(0))
        .file("/etc/passwd", "root:x:0:0::/root:/bin/bash\nsomebody:x:1000:1000::/:/bin/bash\n")
}

fn stack(auth: &str) -> Stack {
    of(host().file("/etc/pam.d/sshd", auth))
}

fn of(tree: Tree) -> Stack {
    let stack = read(&tree, "sshd").unwrap();
    let text = toml::to_string(&stack).unwrap();
    assert_eq!(toml::from_str::<Stack>(&text).unwrap(), stack, "facts do not read back");
    stack
}

fn ask(auth: &str) -> Outcome {
    stack(auth).authenticate(&Who::somebody(), KEYBOARD, false)
}

/// Where an answer comes from.
fn lines(answer: &Answer) -> Vec<u32> {
    answer.evidence.iter().filter_map(|place| place.line).collect()
}

#[test]
fn the_stack_of_debian() {
    let tree = host()
        .file("/etc/pam.d/sshd", "# PAM\n@include common-auth\naccount required pam_nologin.so\n")
        .file("/etc/pam.d/common-auth", DEBIAN);
    let stack = of(tree);
    let names: Vec<&str> = stack.auth.iter().map(|rule| rule.module.as_str()).collect();
    assert_eq!(names, ["pam_unix", "pam_deny", "pam_permit", "pam_cap"]);
    assert_eq!(stack.auth[0].arguments, ["nullok"]);
    let outcome = stack.authenticate(&Who::somebody(), Conversation::Password, false);
    assert_eq!(outcome.typed.decision, Decision::Yes);
    assert_eq!(outcome.typed.evidence[0], Evidence::at("/etc/pam.d/common-auth", 1).says("pam_unix"));
    assert_eq!((outcome.nothing.decision, outcome.nothing.code), (Decision::No, "auth_err"));
    assert!(outcome.elsewhere.is_empty());
    let locked = Who { password: Some(PasswordState::Locked), ..Who::somebody() };
    let refused = stack.authenticate(&locked, KEYBOARD, false).typed;
    assert!(refused.is_no());
    assert_eq!(refused.evidence[0], Evidence::at("/etc/pam.d/common-auth", 2).says("pam_deny"));
    assert_eq!(stack.account(&Who::somebody()).code, "perm_denied", "pam_nologin alone has no opinion");
}

#[test]
fn the_stack_of_red_hat() {
    let tree = host()
        .file("/etc/redhat-release", "")
        .file("/etc/pam.d/sshd", "auth substack password-auth\naccount required pam_nologin.so\naccount include password-auth\n")
        .file(
            "/etc/pam.d/password-auth",
            "auth required pam_env.so\nauth required pam_faildelay.so delay=2000000\n\
             auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
             auth [default=1 ignore=ignore success=ok] pam_localuser.so\n\
             auth sufficient pam_unix.so nullok\n\
             auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
             auth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n\
             account required pam_unix.so\naccount sufficient pam_localuser.so\n\
             account sufficient pam_usertype.so issystem\n\
             account [default=bad success=ok user_unknown=ignore] pam_sss.so\naccount required pam_permit.so\n",
        );
    let stack = of(tree);
    let outcome = stack.authenticate(&Who::somebody(), Conversation::Password, false);
    assert!(outcome.typed.is_yes() && outcome.nothing.is_no());
    assert_eq!(outcome.elsewhere, [Evidence::at("/etc/pam.d/password-auth", 7).says("pam_sss")]);
    assert!(stack.account(&Who::somebody()).is_yes());
    let due = stack.account(&Who { expiry: Expiry::MustChange, ..Who::somebody() });
    assert_eq!((due.decision, due.code), (Decision::Yes, "new_authtok_reqd"));
    assert!(stack.account(&Who { expiry: Expiry::AccountExpired, ..Who::somebody() }).is_no());
    let unread = stack.account(&Who { expiry: Expiry::Unknown, ..Who::somebody() });
    assert!(matches!(unread.decision, Decision::Unknown(why) if why.contains("pam_unix")));
}

#[test]
fn a_second_factor_is_one_where_it_is_asked_for() {
    let factor = "auth required pam_google_authenticator.so\n";
    for before in [false, true] {
        let both = if before { format!("{factor}{DEBIAN}") } else { format!("{DEBIAN}{factor}") };
        let outcome = ask(&both);
        assert!(outcome.typed.is_no() && outcome.factor.is_yes(), "{outcome:?}");
        assert_eq!(lines(&outcome.typed)[0], if before { 1 } else { 5 });
        let typed = stack(&both).authenticate(&Who::somebody(), Conversation::Password, false);
        assert!(typed.typed.is_no() && typed.factor.is_no(), "one password cannot be the code as well");
    }
    let forwards = format!(
        "auth required pam_google_authenticator.so forward_pass\n{}",
        DEBIAN.replace("nullok", "use_first_pass")
    );
    let outcome = stack(&forwards).authenticate(&Who::somebody(), Conversation::Password, false);
    assert!(outcome.typed.is_no() && outcome.factor.is_yes());
    // The code alone is enough, or the password alone.
    let either = ask("auth sufficient pam_oath.so\nauth required pam_unix.so\n");
    assert!(either.typed.is_yes() && either.factor.is_yes() && either.nothing.is_no());
    // Whoever has not enrolled is not asked.
    let some = ask(&format!("{DEBIAN}auth required pam_google_authenticator.so nullok\n"));
    assert!(matches!(some.typed.decision, Decision::Unknown(why) if why.contains("some accounts")));
    assert!(some.factor.is_yes());
}

#[test]
fn nobody_needs_a_secret_where_the_stack_lets_in_everybody() {
    for open in ["auth sufficient pam_permit.so\n", "auth required pam_rootok.so\n"] {
        let outcome = ask(&format!("{open}auth required pam_unix.so\n"));
        let alone = ask(open);
        assert_eq!(outcome.nothing.is_yes(), open.contains("permit"), "{open}");
        assert!(alone.nothing.is_yes() && alone.typed.is_yes());
    }
    let blank = Who { password: Some(PasswordState::Empty), ..Who::somebody() };
    for (arguments, allowed, open) in
        [("nullok", true, true), ("nullok", false, false), ("", true, false), ("nullok_secure", true, true)]
    {
        let stack = stack(&format!("auth required pam_unix.so {arguments}\n"));
        assert_eq!(stack.authenticate(&blank, KEYBOARD, allowed).nothing.is_yes(), open, "{arguments}");
    }
    let unread = Who { password: None, ..Who::somebody() };
    let outcome = stack(DEBIAN).authenticate(&unread, KEYBOARD, false);
    assert!(matches!(outcome.typed.decision, Decision::Unknown(why) if why.contains("pam_unix")));
    assert!(outcome.nothing.is_no(), "nothing lets in whoever types nothing");
}

#[test]
fn passwords_that_are_kept_elsewhere() {
    let kerberos = "auth [success=2 default=ignore] pam_krb5.so minimum_uid=1000\n\
                    auth [success=1 default=ignore] pam_unix.so nullok try_first_pass\n\
                    auth requisite pam_deny.so\nauth required pam_permit.so\n";
    let locked = Who { password: Some(PasswordState::Locked), ..Who::somebody() };
    let outcome = stack(kerberos).authenticate(&locked, Conversation::Password, false);
    assert!(outcome.typed.is_no());
    assert_eq!(outcome.elsewhere, [Evidence::at("/etc/pam.d/sshd", 1).says("pam_krb5")]);
    assert!(ask(kerberos).typed.is_yes());
    // Both passwords are asked for: with the method `password` they can be the same.
    let both = stack("auth required pam_unix.so\nauth required pam_ldap.so use_first_pass\n");
    let outcome = both.authenticate(&Who::somebody(), Conversation::Password, false);
    assert!(outcome.typed.is_no() && outcome.elsewhere.len() == 1);
    // Behind a rule that always refuses it does not count.
    assert!(ask("auth requisite pam_deny.so\nauth sufficient pam_ldap.so\n").elsewhere.is_empty());
}

#[test]
fn an_unknown_module_matters_only_where_it_decides() {
    let needed = ask(&format!("auth required pam_duo2.so secret=hunter2\n{DEBIAN}"));
    assert!(
        matches!(&needed.typed.decision, Decision::Unknown(why) if why.contains("pam_duo2") && !why.contains("hunter"))
    );
    assert_eq!(lines(&needed.typed), [1]);
    assert!(needed.nothing.is_no(), "whatever it says, pam_deny refuses without a password");
    for idle in ["auth optional pam_duo2.so\n", "-auth [default=ignore] pam_duo2.so\n"] {
        assert!(ask(&format!("{idle}{DEBIAN}")).typed.is_yes(), "{idle}");
    }
    let stack = stack("auth required pam_exec.so /usr/bin/x --password hunter2\n");
    assert!(!toml::to_string(&stack).unwrap().contains("hunter2"));
    let installed =
        host().file("/usr/lib/security/pam_permit.so", "").file("/usr/lib/security/pam_unix.so", "").file(
            "/etc/pam.d/sshd",
            "auth required pam_unix.so\nauth [success=bad default=ignore] pam_duo2.so\n",
        );
    assert!(
        of(installed).authenticate(&Who::somebody(), KEYBOARD, false).typed.is_yes(),
        "it is not installed"
    );
}

#[test]
fn conditions_open_and_close() {
    let root = Who { name: "root".into(), uid: 0, ..Who::somebody() };
    let tree = |account: &str| host().file("/etc/pam.d/sshd", account);
    let nologin = "account required pam_nologin.so\naccount required pam_permit.so\n";
    assert!(of(tree(nologin)).account(&Who::somebody()).is_yes());
    let closed = of(tree(nologin).file("/etc/nologin", "secret message"));
    assert!(!toml::to_string(&closed).unwrap().contains("secret"));
    assert!(closed.account(&Who::somebody()).is_no() && closed.account(&root).is_yes());
    let listed = "account required pam_listfile.so item=user sense=deny file=/etc/denied onerr=succeed\n";
    assert!(of(tree(listed)).account(&Who::somebody()).is_yes());
    let denied = of(tree(listed).file("/etc/denied", "somebody\nhunter2\n"));
    assert!(denied.account(&Who::somebody()).is_no() && denied.account(&root).is_yes());
    assert!(!toml::to_string(&denied).unwrap().contains("hunter2"));
    let access = "account required pam_access.so\n";
    let rules =
        |text: &str| of(tree(access).file("/etc/security/access.conf", text)).account(&Who::somebody());
    assert!(rules("# nothing\n\n").is_yes());
    assert!(matches!(rules("-:ALL:ALL\n").decision, Decision::Unknown(_)));
    let shells = of(tree("account required pam_shells.so\n").file("/etc/shells", "# x\n/bin/bash\n"));
    assert!(shells.account(&Who::somebody()).is_yes());
    assert!(shells.account(&Who { shell: "/bin/false".into(), ..Who::somebody() }).is_no());
}

#[test]
fn what_libpam_cannot_read_refuses_everybody() {
    let other = |own: &str| {
        host().file("/etc/pam.d/sshd", own).file("/etc/pam.d/other", "auth required pam_permit.so\n")
    };
    let torn = of(other("@include common-auth\n"));
    assert_eq!(torn.aborts, Some(Evidence::at("/etc/pam.d/sshd", 1).says("@include common-auth")));
    let outcome = torn.authenticate(&Who::somebody(), KEYBOARD, true);
    assert!(outcome.typed.is_no() && outcome.nothing.is_no() && outcome.nothing.code == "abort");
    assert_eq!(
        of(other("auth required pam_unix.so\nauth required x \\\n")).aborts,
        Some(Evidence::at("/etc/pam.d/sshd", 2))
    );
    assert!(of(other("auth required /lib/.so\n")).aborts.is_some());
    // What has no rules of its own has those of `other`.
    let fallen = of(other("account required pam_permit.so\n"));
    assert!(fallen.authenticate(&Who::somebody(), KEYBOARD, false).nothing.is_yes());
    assert!(of(host().file("/etc/pam.d/sshd", "")).account(&Who::somebody()).is_no());
    let broken = of(other("auth required\nauth sufficient pam_permit.so\n"));
    assert!(broken.authenticate(&Who::somebody(), KEYBOARD, false).nothing.is_no());
    assert_eq!(broken.auth[0].sort, Sort::Broken);
}

#[test]
fn what_is_not_followed_is_a_gap() {
    let gap = |own: &str| read(&host().file("/etc/pam.d/sshd", own), "sshd").unwrap_err().why;
    assert_eq!(gap("@include sshd\n"), GapKind::TooLarge);
    assert_eq!(gap("@include sshd\n@include sshd\n"), GapKind::TooLarge);
    assert_eq!(gap(&"auth required pam_unix.so\n".repeat(300)), GapKind::TooLarge);
    assert_eq!(gap("auth include\n"), GapKind::Malformed);
    assert!(read(&host(), "sshd").unwrap_err().is_absent());
    assert!(read(&host(), "../sshd").is_err());
}

#[test]
fn a_hostile_stack_is_followed_in_bounded_time() {
    let line = "auth [success=ok new_authtok_reqd=1 default=ignore auth_err=2 perm_denied=3 user_unknown=reset ignore=ok] pam_x.so\n";
    let outcome = ask(&line.repeat(200));
    assert!(matches!(outcome.typed.decision, Decision::Unknown(_)));
    let hostile = Stack {
        auth: vec![Rule { level: 200, ..Rule::default() }; 3],
        account: vec![Rule { level: 3, sort: Sort::Substack, ..Rule::default() }; 3],
        ..Stack::default()
    };
    assert!(matches!(
        hostile.authenticate(&Who::somebody(), KEYBOARD, true).typed.decision,
        Decision::Unknown(_)
    ));
    assert!(hostile.account(&Who::somebody()).is_no());
}
