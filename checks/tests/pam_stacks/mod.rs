//! Stacks to ask libpam about: some written by hand, the others made up.

use std::collections::BTreeMap;

/// The numbers of PAM's codes.
pub(crate) const CODES: &str = "success open_err symbol_err service_err system_err buf_err perm_denied auth_err cred_insufficient \
                     authinfo_unavail user_unknown maxtries new_authtok_reqd acct_expired session_err cred_unavail \
                     cred_expired cred_err no_module_data conv_err authtok_err authtok_recover_err authtok_lock_busy \
                     authtok_disable_aging try_again ignore abort authtok_expired module_unknown bad_item conv_again \
                     incomplete";

/// The files of a stack, whom it is asked about, and whether PermitEmptyPasswords is on.
pub(crate) struct Case {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) who: usize,
    pub(crate) empty: bool,
}

const DEBIAN: &str = "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\nauth optional pam_cap.so\n\
                      account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                      account requisite pam_deny.so\naccount required pam_permit.so\n";

/// Stacks written by hand, each for every account.
pub(crate) fn written(accounts: usize) -> Vec<Case> {
    let with_other = |main: &str, other: &str| {
        vec![("/etc/pam.d/sshd", main.to_owned()), ("/etc/pam.d/other", other.to_owned())]
    };
    let main = |main: &str| vec![("/etc/pam.d/sshd", main.to_owned())];
    let mut stacks = vec![
        vec![
            (
                "/etc/pam.d/sshd",
                "auth required pam_debug.so auth=success\nauth substack one\n\
                 account required pam_debug.so acct=user_unknown\naccount substack one\naccount required pam_permit.so\n"
                    .into(),
            ),
            (
                "/etc/pam.d/one",
                "auth [default=bad] pam_debug.so auth=perm_denied\nauth substack two\nauth [default=reset] pam_permit.so\n\
                 account required pam_permit.so\naccount [default=reset] pam_permit.so\n"
                    .into(),
            ),
            (
                "/etc/pam.d/two",
                "auth [default=die] pam_debug.so auth=auth_err\nauth required pam_deny.so\n".into(),
            ),
        ],
        main(DEBIAN),
        vec![("/etc/pam.d/sshd", "@include common\naccount required pam_nologin.so\n".into()), ("/etc/pam.d/common", DEBIAN.into())],
        vec![
            ("/etc/pam.d/sshd", "account required pam_nologin.so\naccount required pam_unix.so\n".into()),
            ("/etc/nologin", "closed\n".into()),
        ],
        vec![("/run/nologin", String::new()), ("/etc/pam.d/sshd", "auth required pam_nologin.so successok\n".into())],
        main("auth required pam_unix.so nullresetok\n"),
        main("auth required pam_unix.so nullok\naccount required pam_unix.so no_pass_expiry\n"),
        main("auth required pam_unix.so use_first_pass\n"),
        main("auth optional pam_unix.so\nauth required pam_unix.so use_first_pass\n"),
        main("auth required pam_shells.so\naccount required pam_shells.so\n"),
        main("auth required pam_usertype.so isregular\naccount required pam_usertype.so issystem\n"),
        main("auth required pam_access.so\naccount required pam_access.so\naccount required pam_time.so\n"),
        vec![
            ("/etc/denied", "anna\n\nstaff\n/bin/false\n".into()),
            ("/etc/pam.d/sshd", "auth required pam_listfile.so item=user sense=deny file=/etc/denied\n\
                                 account required pam_listfile.so item=group sense=allow file=/etc/denied onerr=succeed\n".into()),
        ],
        main("auth required pam_listfile.so item=shell sense=deny file=/etc/none onerr=succeed\n\
              account required pam_listfile.so item=shell sense=deny file=/etc/none\n"),
        main("auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\nauth [default=die] pam_faillock.so authfail\n\
              account required pam_faillock.so\n"),
        with_other("account required pam_permit.so\n", "auth required pam_unix.so\n"),
        with_other("auth required pam_permit.so\n", "account required pam_permit.so\nauth required x \\\n"),
        with_other("auth required pam_permit.so\n@include nothing\n", "account required pam_permit.so\n"),
        vec![("/etc/pam.d/other", "auth required pam_permit.so\naccount required pam_permit.so\n".into())],
        main("auth required /lib/.so\n"),
        main("session required .so\nauth required pam_permit.so\n"),
        main("auth substack nothing\nauth required pam_permit.so\naccount include nothing\naccount required pam_permit.so\n"),
        main("auth [success=reset] pam_permit.so\naccount [default=bad new_authtok_reqd=bad] pam_unix.so\n"),
        main("auth required pam_permit.so\r\naccount required pam_permit.so \r\n"),
        main("AUTH Required \\\n  pam_permit.so # x \\\naccount [success=ok \\\n default=die] pam_permit.so\n"),
        vec![("/etc/pam.conf", "sshd auth required pam_permit.so\nother account required pam_permit.so\n".into())],
        vec![
            ("/etc/pam.d/sshd", "auth include shared\naccount substack shared\naccount required pam_permit.so\n".into()),
            ("/etc/pam.d/shared", "auth sufficient pam_unix.so\nnonsense required pam_permit.so\nauth required pam_deny.so\naccount [default=done] pam_deny.so\n".into()),
        ],
    ];
    // Every module that is certain, in both groups.
    for module in [
        "permit",
        "deny",
        "warn",
        "debug",
        "env",
        "faildelay",
        "group",
        "mail",
        "limits",
        "motd",
        "umask",
        "loginuid",
        "time",
        "localuser",
        "rootok",
        "faillock",
        "mkhomedir",
        "xauth",
        "none-such",
        "tty_audit",
        "securetty",
    ] {
        let file = format!("auth [default=ok] pam_{module}.so\naccount [default=ok] pam_{module}.so\n");
        stacks.push(main(&file));
    }
    let mut cases = Vec::new();
    for files in stacks {
        let files: BTreeMap<String, String> =
            files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
        for who in 0..accounts {
            cases.push(Case { files: files.clone(), who, empty: who % 2 == 0 });
        }
    }
    cases
}

/// A stack made up from a number.
pub(crate) fn generated(seed: u64, accounts: usize) -> Case {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut files = BTreeMap::new();
    let names = ["sshd", "one", "two", "three"];
    for (depth, name) in names.iter().enumerate() {
        let mut text = String::new();
        for _ in 0..1 + dice.below(6) {
            text.push_str(&line(&mut dice, &names[depth + 1..]));
        }
        files.insert(format!("/etc/pam.d/{name}"), text);
    }
    if dice.below(4) > 0 {
        let other = line(&mut dice, &names[1..]);
        files.insert("/etc/pam.d/other".into(), other);
    }
    if dice.below(8) == 0 {
        files.insert("/etc/nologin".into(), "closed\n".into());
    }
    if dice.below(3) == 0 {
        files.insert("/etc/listed".into(), "anna\nroot\nwheel\n/bin/sh\n".into());
    }
    Case { files, who: dice.below(accounts), empty: dice.below(2) == 0 }
}

fn line(dice: &mut Dice, deeper: &[&str]) -> String {
    let kind = *dice
        .pick(&["auth", "auth", "auth", "account", "account", "-auth", "Account", "session", "password"]);
    if !deeper.is_empty() && dice.below(5) == 0 {
        let file = *dice.pick(deeper);
        let how = *dice.pick(&["include", "substack", "substack", "Include"]);
        return match dice.below(6) {
            0 => format!("@include {file}\n"),
            1 if dice.below(4) == 0 => format!("{kind} {how} missing\n"),
            _ => format!("{kind} {how} {file}\n"),
        };
    }
    match dice.below(60) {
        0 => return format!("{kind}\n"),
        1 => return format!("{kind} sufficient\n"),
        2 => return "nonsense sufficient pam_permit.so\n".into(),
        3 => return format!("{kind} [success=ok,x] pam_permit.so\n"),
        4 => return format!("# nothing\n\n{kind} \\\n required \\\n pam_permit.so\n"),
        _ => {}
    }
    let word = control(dice);
    let module = match dice.below(20) {
        0..=9 => {
            let code = |dice: &mut Dice| match dice.below(3) {
                0 => "success",
                1 => *dice.pick(&["auth_err", "perm_denied", "user_unknown", "ignore", "new_authtok_reqd"]),
                _ => *dice.pick(&CODES.split_whitespace().collect::<Vec<_>>()),
            };
            format!("pam_debug.so auth={} acct={}", code(dice), code(dice))
        }
        10 | 11 => {
            let arguments = [
                "",
                "nullok",
                "try_first_pass",
                "use_first_pass",
                "nullresetok",
                "broken_shadow nullok_secure",
            ];
            format!("pam_unix.so {}", dice.pick(&arguments))
        }
        12 | 13 => {
            let conditions = [
                "uid >= 1000",
                "user ingroup wheel quiet",
                "user = anna",
                "shell =~ /bin/*",
                "uid <",
                "user notin anna:root",
                "rhost = x",
                "gid eq 062",
                "uid ne 0 user != due",
                "quiet",
            ];
            format!("pam_succeed_if.so {}", dice.pick(&conditions))
        }
        14 => format!("pam_exec.so quiet /bin/{}", dice.pick(&["true", "false"])),
        15 => format!(
            "pam_listfile.so item={} sense={} file=/etc/listed onerr={}",
            dice.pick(&["user", "group", "shell"]),
            dice.pick(&["allow", "deny"]),
            dice.pick(&["succeed", "fail"])
        ),
        16 => (*dice.pick(&[
            "pam_nologin.so",
            "pam_nologin.so successok",
            "pam_shells.so",
            "pam_usertype.so isregular",
        ]))
        .into(),
        17 => {
            (*dice.pick(&["pam_localuser.so", "pam_rootok.so", "pam_warn.so", "pam_env.so", "pam_motd.so"]))
                .into()
        }
        18 => {
            (*dice.pick(&["pam_none.so", "/lib/x/pam_none.so", "pam_faillock.so preauth", "pam_permit.so"]))
                .into()
        }
        _ => (*dice.pick(&["pam_permit.so", "pam_deny.so"])).into(),
    };
    format!("{kind} {word} {module}\n")
}

fn control(dice: &mut Dice) -> String {
    if dice.below(3) > 0 {
        return (*dice.pick(&["required", "requisite", "sufficient", "optional", "REQUIRED"])).to_owned();
    }
    let codes: Vec<&str> =
        CODES.split_whitespace().chain(["success", "success", "default", "ignore", "auth_err"]).collect();
    let actions = ["ok", "done", "die", "bad", "ignore", "reset", "1", "2", "3"];
    let pairs: Vec<String> =
        (0..1 + dice.below(4)).map(|_| format!("{}={}", dice.pick(&codes), dice.pick(&actions))).collect();
    let default = *dice.pick(&["", " default=ignore", " default=ok", " default=die", " default=1"]);
    format!("[{}{default}]", pairs.join(" "))
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % bound as u64).unwrap()
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
