//! The evaluation of PAM stacks gives what the real libpam returns for the same files, accounts and answers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod pam_stacks;
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
use pam_stacks::{CODES, Case};
use say::left_out;
use serde_json::{Value, json};

const PYTHON: &str = "/usr/bin/python3";
const MODULES: [&str; 4] =
    ["/lib/x86_64-linux-gnu/security", "/lib/aarch64-linux-gnu/security", "/lib64/security", "/lib/security"];
/// The hash of `right`.
const HASH: &str = "$6$rounds=1000$orc$ayKDUOXsosE05k3p9oYmK7Dlw0juhqmuugnrc1Kk/BAEqyaMDaJ./tQRXNpnHF9485ptmbhlD9yowPdipNEOc.";
/// What is typed: nothing, something wrong, and what is right for those who have a password.
const TYPED: [&str; 3] = ["", "wrong", "right"];
/// An account: name, uid, group, shell, the second field of shadow(5), those from the third on, and what that means.
type Account =
    (&'static str, u32, &'static str, &'static str, &'static str, &'static str, PasswordState, Expiry);
const ACCOUNTS: &[Account] = &[
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
    let mut cases = pam_stacks::written(ACCOUNTS.len());
    cases.extend((1..=1_000).map(|seed| pam_stacks::generated(seed, ACCOUNTS.len())));
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
    let stack = match &sshd.known().unwrap().pam["sshd"] {
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
    std::fs::write(dir.path().join("ask.py"), include_str!("pam_stacks/ask.py")).unwrap();
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

fn show(files: &BTreeMap<String, String>) -> String {
    files.iter().map(|(path, text)| format!("-- {path}\n{text}")).collect()
}

fn am_root() -> bool {
    let output = Command::new("/usr/bin/id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}
