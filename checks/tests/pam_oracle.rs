//! The evaluation of PAM stacks gives what the real libpam returns for the same files, accounts and answers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use checks::date::Timestamp;
use checks::facts;
use checks::facts::accounts::PasswordState;
use checks::facts::sshd::pam::{Answer, Conversation, Decision, Expiry, Who};
use checks::host::Tree;
use say::left_out;
use serde_json::{Value, json};

const PYTHON: &str = "/usr/bin/python3";
const MODULES: [&str; 4] =
    ["/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security", "/lib64/security", "/lib/security"];
/// The hash of `right`.
const HASH: &str = "$6$rounds=1000$orc$ayKDUOXsosE05k3p9oYmK7Dlw0juhqmuugnrc1Kk/BAEqyaMDaJ./tQRXNpnHF9485ptmbhlD9yowPdipNEOc.";
/// What is typed: nothing, something wrong, and what is right for those who have a password.
const TYPED: [&str; 3] = ["", "wrong", "right"];
/// The numbers of PAM's codes.
const CODES: &str = "success open_err symbol_err service_err system_err buf_err perm_denied auth_err cred_insufficient \
                     authinfo_unavail user_unknown maxtries new_authtok_reqd acct_expired session_err cred_unavail \
                     cred_expired cred_err no_module_data conv_err authtok_err authtok_recover_err authtok_lock_busy \
                     authtok_disable_aging try_again ignore abort authtok_expired module_unknown bad_item conv_again \
                     incomplete";

/// The accounts: name, uid, group, shell, the second field of shadow(5), those from the third on, and what that means.
const ACCOUNTS: &[(&str, u32, &str, &str, &str, &str, PasswordState, Expiry)] = &[
    ("root", 0, "root", "/bin/bash", HASH, "19000:0:99999:7:::", PasswordState::Usable, Expiry::Valid),
    ("anna", 1000, "anna", "/bin/bash", HASH, "19000:0:99999:7:::", PasswordState::Usable, Expiry::Valid),
    ("blank", 1001, "staff", "/bin/sh", "", "19000::::::", PasswordState::Empty, Expiry::Valid),
    ("locked", 1002, "staff", "/bin/bash", "!", "19000::::::", PasswordState::None, Expiry::Valid),
    (
        "gone",
        1003,
        "staff",
        "/bin/bash",
        HASH,
        "19000:0:99999:7::100:",
        PasswordState::Usable,
        Expiry::AccountExpired,
    ),
    ("due", 1004, "staff", "/bin/false", HASH, "0:0:99999:7:::", PasswordState::Usable, Expiry::MustChange),
    (
        "late",
        1005,
        "staff",
        "/bin/bash",
        HASH,
        "100:0:10:7:10::",
        PasswordState::Usable,
        Expiry::PasswordExpired,
    ),
    ("fresh", 1006, "staff", "/bin/bash", "", "0::::::", PasswordState::Empty, Expiry::MustChange),
    ("daemon", 1, "daemon", "/usr/sbin/nologin", "*", "19000::::::", PasswordState::None, Expiry::Valid),
    ("nobody", 65534, "nogroup", "/usr/sbin/nologin", "*", "19000::::::", PasswordState::None, Expiry::Valid),
];
const GROUPS: &[(&str, u32, &[&str])] = &[
    ("root", 0, &[]),
    ("daemon", 1, &[]),
    ("anna", 1000, &[]),
    ("staff", 50, &[]),
    ("wheel", 10, &["anna", "due"]),
    ("nogroup", 65534, &[]),
];

/// The files of a stack, whom it is asked about, and whether PermitEmptyPasswords is on.
struct Case {
    files: BTreeMap<String, String>,
    who: usize,
    empty: bool,
}

#[test]
fn stacks_end_as_libpam_ends_them() {
    let modules = MODULES.iter().find(|folder| Path::new(&format!("{folder}/pam_debug.so")).exists());
    let (Some(modules), true) = (modules, Path::new(PYTHON).exists() && am_root()) else {
        left_out(format!("comparing with the real libpam takes {PYTHON}, pam_debug and root"));
        return;
    };
    let base = base();
    let mut tree = Tree::new(Timestamp(0)).file("/var/lib/dpkg/status", "").link("/var/run", "/run");
    if Path::new("/usr/lib/pam.d").is_dir() {
        tree = tree.dir("/usr/lib/pam.d");
    }
    for entry in std::fs::read_dir(modules).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        tree = tree.file(&format!("/usr/lib/security/{name}"), "");
    }
    for (path, text) in &base {
        tree = tree.file(path, text);
    }
    let mut cases = written();
    cases.extend((1..=1_000).map(generated));
    let Some(theirs) = ask_libpam(&base, &cases) else {
        left_out("comparing with the real libpam takes a mount namespace");
        return;
    };
    let (mut differences, mut seen) = (Vec::new(), BTreeMap::new());
    for (case, theirs) in cases.iter().zip(theirs.as_array().unwrap()) {
        if let Err(difference) = compare(&tree, case, theirs, &mut seen) {
            differences.push(format!(
                "{difference}\n{:?} {}\n{}",
                ACCOUNTS[case.who].0,
                case.empty,
                show(&case.files)
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(12)].join("\n")
    );
    eprintln!("{seen:?}");
    for kind in ["auth: let in", "auth: refused", "account: let in", "account: refused", "auth: exact"] {
        assert!(seen[kind] > 150, "{kind}: {seen:?}");
    }
    let unknown: usize =
        seen.iter().filter(|(kind, _)| kind.contains("unknown")).map(|(_, count)| count).sum();
    assert!(unknown > 20 && unknown * 5 < cases.len(), "{seen:?}");
}

fn compare(
    tree: &Tree,
    case: &Case,
    theirs: &Value,
    seen: &mut BTreeMap<&'static str, usize>,
) -> Result<(), String> {
    let mut tree = tree.clone();
    for (path, text) in &case.files {
        tree = tree.file(path, text);
    }
    let code = |value: &Value| {
        CODES.split_whitespace().nth(usize::try_from(value.as_i64().unwrap()).unwrap()).unwrap()
    };
    let auth: Vec<&str> = theirs["auth"].as_array().unwrap().iter().map(code).collect();
    let account = code(&theirs["account"]);
    let mut count = |kind: &'static str| *seen.entry(kind).or_default() += 1;
    let sshd = facts::gather(&tree).sshd;
    let stack = match &sshd.known().unwrap().pam {
        checks::gap::Reading::Known(stack) => stack,
        checks::gap::Reading::Gap(_) => {
            count("a gap");
            return Ok(());
        }
    };
    let who = who(case.who);
    let ours = stack.authenticate(&who, Conversation::KeyboardInteractive, case.empty);
    let method = stack.authenticate(&who, Conversation::Password, case.empty);
    if (&method.nothing, &method.typed) != (&ours.nothing, &ours.typed) {
        return Err(format!("the two methods differ: {method:?} {ours:?}"));
    }
    // Where a module is not understood, the same end may be reached with different codes.
    let certain =
        !case.files.values().any(|text| ["pam_exec", "rhost"].iter().any(|word| text.contains(word)));
    let has = |codes: &[&str]| codes.contains(&"success");
    for (answer, real) in [(&ours.nothing, &auth[..2]), (&ours.typed, &auth[..])] {
        match answer.decision {
            Decision::Unknown(_) => count("auth: unknown"),
            Decision::Yes if has(real) => count("auth: let in"),
            Decision::No if !has(real) => count("auth: refused"),
            _ => return Err(format!("auth: {real:?}, ours {answer:?}")),
        }
        let same = real.iter().all(|code| *code == real[0]);
        if same && certain && !matches!(answer.decision, Decision::Unknown(_)) {
            if answer.code != real[0] {
                return Err(format!("auth: code {real:?}, ours {answer:?}"));
            }
            count("auth: exact");
        }
    }
    let answer: Answer = stack.account(&who);
    match answer.decision {
        Decision::Unknown(_) => count("account: unknown"),
        _ if (certain && answer.code != account)
            || answer.is_yes() != matches!(account, "success" | "new_authtok_reqd") =>
        {
            return Err(format!("account: {account}, ours {answer:?}"));
        }
        Decision::Yes => count("account: let in"),
        Decision::No => count("account: refused"),
    }
    Ok(())
}

fn who(index: usize) -> Who {
    let (name, uid, group, shell, _, _, password, expiry) = ACCOUNTS[index];
    let mut groups = vec![group.to_owned()];
    groups.extend(
        GROUPS.iter().filter(|(_, _, members)| members.contains(&name)).map(|(name, ..)| (*name).to_owned()),
    );
    Who {
        name: name.to_owned(),
        uid,
        gid: gid(group),
        groups,
        home: format!("/home/{name}"),
        shell: shell.to_owned(),
        foreign: false,
        password: Some(password),
        expiry,
    }
}

fn gid(group: &str) -> u32 {
    GROUPS.iter().find(|(name, ..)| *name == group).unwrap().1
}

/// The files of /etc that all cases share.
fn base() -> BTreeMap<String, String> {
    let (mut passwd, mut shadow, mut group) = (String::new(), String::new(), String::new());
    for (name, uid, own, shell, hash, rest, ..) in ACCOUNTS {
        writeln!(passwd, "{name}:x:{uid}:{}::/home/{name}:{shell}", gid(own)).unwrap();
        writeln!(shadow, "{name}:{hash}:{rest}").unwrap();
    }
    for (name, gid, members) in GROUPS {
        writeln!(group, "{name}:x:{gid}:{}", members.join(",")).unwrap();
    }
    let files = [
        ("/etc/passwd", passwd.as_str()),
        ("/etc/shadow", &shadow),
        ("/etc/group", &group),
        ("/etc/shells", "# shells\n/bin/sh\n/bin/bash\n"),
        ("/etc/login.defs", "UID_MIN\t1000\n#SYS_UID_MIN 100\n"),
        ("/etc/nsswitch.conf", "passwd: files\nshadow: files\ngroup: files\n"),
        ("/etc/security/access.conf", "# nothing\n"),
        ("/etc/security/time.conf", "# nothing\n"),
    ];
    files.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

/// Runs all cases in one process, whose /etc and /run are its own.
fn ask_libpam(base: &BTreeMap<String, String>, cases: &[Case]) -> Option<Value> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in base {
        let path = dir.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(dir.path().join("etc/made-for-the-oracle"), "").unwrap();
    std::fs::write(dir.path().join("ask.py"), include_str!("pam_oracle.py")).unwrap();
    let cases: Vec<Value> = cases
        .iter()
        .map(|case| json!({"files": case.files, "user": ACCOUNTS[case.who].0, "empty": case.empty, "typed": TYPED}))
        .collect();
    let script = r#"mount --bind "$0/etc" /etc && mount -t tmpfs tmpfs /run || exit 77
        [ ! -d /usr/lib/pam.d ] || mount -t tmpfs tmpfs /usr/lib/pam.d || exit 77
        exec "$1" "$0/ask.py""#;
    let mut child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-c", script])
        .arg(dir.path())
        .arg(PYTHON)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().unwrap();
    let text = serde_json::to_vec(&cases).unwrap();
    let writer = std::thread::spawn(move || input.write_all(&text));
    let output = child.wait_with_output().unwrap();
    let written = writer.join().unwrap();
    if output.status.code() == Some(77) || written.is_err() {
        return None;
    }
    assert!(output.status.success(), "the oracle broke off: {}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

const DEBIAN: &str = "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\nauth optional pam_cap.so\n\
                      account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                      account requisite pam_deny.so\naccount required pam_permit.so\n";

/// Stacks written by hand, each for every account.
fn written() -> Vec<Case> {
    let with_other = |main: &str, other: &str| {
        vec![("/etc/pam.d/sshd", main.to_owned()), ("/etc/pam.d/other", other.to_owned())]
    };
    let main = |main: &str| vec![("/etc/pam.d/sshd", main.to_owned())];
    let mut stacks = vec![
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
        for who in 0..ACCOUNTS.len() {
            cases.push(Case { files: files.clone(), who, empty: who % 2 == 0 });
        }
    }
    cases
}

/// A stack made up from a number.
fn generated(seed: u64) -> Case {
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
    Case { files, who: dice.below(ACCOUNTS.len()), empty: dice.below(2) == 0 }
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

fn show(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(path, text)| format!("-- {path}\n{text}")).collect()
}

fn am_root() -> bool {
    let output = Command::new("/usr/bin/id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}
