//! The account files and sudoers mean here what they mean to glibc, passwd(1), visudo(8) and sudo(8) themselves.
//!
//! Each case lays its files over those in /etc inside a mount namespace of its own. That takes root, unshare(1) and
//! sudo; what is missing is said and skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::accounts::PasswordState;
use checks::facts::{Facts, ROOMS, begin};
use checks::host::Tree;
use say::left_out;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nada:x:4001:4001::/:/bin/sh\nbob:x:4002:4027::/:/bin/sh\n";
const SHADOW: &str = "root:*:20000:0:99999:7:::\nada:*:20000:0:99999:7:::\nbob:*:20000:0:99999:7:::\n";
const GROUP: &str = "root:x:0:\nada:x:4001:\nops:x:4027:\nteam:x:4028:ada\n";

/// Whether the oracles can run, said once per test.
fn can_run(test: &str, program: &str) -> bool {
    let works = |name: &str, arguments: &[&str]| {
        Command::new(name).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    let able =
        works("unshare", &["--mount", "mount", "--bind", "/etc", "/etc"]) && works("which", &[program]);
    if !able {
        left_out(format!("{test}, which takes root, unshare and {program}"));
    }
    able
}

/// What a shell line prints and whether it succeeds, with these files in /etc.
fn with_files(name: &str, files: &[(&str, &str)], line: &str) -> (bool, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut script = "set -e\n".to_owned();
    for (path, content) in files {
        let copy = folder.join(path.replace('/', "_"));
        fs::write(&copy, content).unwrap();
        script += &format!(
            "chmod 0440 {copy}\n[ {path} != /etc/passwd ] && [ {path} != /etc/group ] || chmod 0644 {copy}\n[ -e {path} ] || touch {path}\nmount --bind {copy} {path}\n",
            copy = copy.display()
        );
    }
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &(script + line)]).output().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn facts(files: &[(&str, &str)]) -> Facts {
    let tree =
        files.iter().fold(Tree::new(Timestamp(1_790_000_000)), |tree, (path, text)| tree.file(path, text));
    let mut facts = begin(&tree);
    for room in ROOMS.iter().filter(|room| ["accounts", "sudoers"].contains(&room.name)) {
        (room.gather)(&tree, &mut facts);
    }
    facts
}

/// Whether our facts say that somebody runs /usr/bin/id as root without a password.
fn without_password(facts: &Facts, user: &str, groups: &[&str], uid: &str) -> bool {
    let names = |who: &str| {
        who == user
            || who == "ALL"
            || who == uid
            || who.strip_prefix('%').is_some_and(|group| groups.contains(&group))
    };
    facts.sudoers.known().unwrap().grants.iter().any(|grant| {
        let command = grant.all_commands || grant.commands.iter().any(|command| command == "/usr/bin/id");
        let who = grant.who.iter().any(|who| names(who) && !grant.overridden.contains(who));
        grant.as_root && command && who
    })
}

#[test]
fn sudo_asks_for_the_password_where_the_facts_say_so() {
    if !can_run("sudo", "sudo") {
        return;
    }
    for text in [
        "ada ALL=NOPASSWD: ALL",
        "ada ALL=(ALL) NOPASSWD:ALL\n%team ALL=(ALL:ALL) ALL",
        "%team ALL=(ALL:ALL) ALL\nada ALL=(ALL) NOPASSWD:ALL",
        "%ops,ada ALL=(ALL) NOPASSWD:ALL\nada ALL=(ALL) ALL",
        "ada ALL=(ALL) NOPASSWD:ALL\nALL ALL=(ALL) PASSWD:ALL",
        "ada ALL=NOPASSWD:ALL\nada ALL=ALL",
        "ada ALL=NOPASSWD:ALL, PASSWD:ALL",
        "ada ALL=PASSWD:ALL, NOPASSWD:ALL",
        "ada ALL=NOPASSWD:/usr/bin/true, /usr/bin/id, PASSWD:/usr/bin/ls",
        "ada ALL=NOPASSWD:/usr/bin/true,PASSWD: /usr/bin/id",
        "ada ALL=(bob) NOPASSWD: ALL",
        "ada ALL=(:team) NOPASSWD: ALL",
        "ada ALL=(#0) NOPASSWD: ALL",
        "ada ALL=() NOPASSWD: ALL",
        "#4001 ALL=NOPASSWD: ALL",
        "User_Alias A = B : B = ada, %ops\nCmnd_Alias C = /usr/bin/true, D\nCmnd_Alias D = /usr/bin/id\nRunas_Alias R = root\nA ALL = (R) NOPASSWD: C",
        "ada,bob ALL=ALL\nDefaults !authenticate",
        "ada ALL=ALL\nDefaults !authenticate\nDefaults authenticate",
        "ada,bob ALL=ALL\nDefaults:ada !authenticate",
        "ada,bob ALL=ALL\nDefaults exempt_group = ops",
        "ada,bob ALL=ALL\nDefaults>root !authenticate",
        "ada,bob ALL=ALL\nDefaults!/usr/bin/id !authenticate",
        "ada \\\n  ALL = \\\n NOPASSWD: ALL # all \\\nbob ALL=NOPASSWD: ALL",
        "# ada \\\nada ALL=NOPASSWD: ALL",
        "ALL,!bob ALL=NOPASSWD: ALL\nada ALL=(ALL) NOTAFTER=19990101000000Z ALL",
        "\"ada\" ALL = NOPASSWD : SETENV : ALL : otherhost = PASSWD: ALL",
    ] {
        let sudoers = format!("root ALL=(ALL:ALL) ALL\n{text}\n");
        let files = [
            ("/etc/passwd", PASSWD),
            ("/etc/shadow", SHADOW),
            ("/etc/group", GROUP),
            ("/etc/sudoers", sudoers.as_str()),
        ];
        let facts = facts(&files);
        assert!(facts.sudoers.known().unwrap().gaps.is_empty(), "{text}: {:?}", facts.sudoers);
        for (user, ids, groups, uid) in [
            ("ada", "--reuid=4001 --regid=4001 --groups=4028", &["ada", "team"][..], "#4001"),
            ("bob", "--reuid=4002 --regid=4027 --clear-groups", &["ops"], "#4002"),
        ] {
            let (runs, _) =
                with_files("sudo", &files, &format!("test $(setpriv {ids} sudo -n /usr/bin/id -u) = 0"));
            let said = without_password(&facts, user, groups, uid);
            // An exception to ALL is left out of the facts on purpose: they may say more than sudo, never less.
            let excepted = text.contains('!') && user == "bob" && !text.contains("authenticate");
            assert!(said == runs || (said && excepted), "{user}: facts {said}, sudo {runs}\n{text}");
        }
    }
}

#[test]
fn what_visudo_accepts_is_understood() {
    if !can_run("visudo", "visudo") {
        return;
    }
    let mut accepted = 0;
    for text in [
        "a ALL=/bin/x --a=b",
        "a ALL=/bin/x (b)",
        "a ALL=()ALL",
        "a ALL=(:adm)ALL",
        "\"a b\",%domain\\ users ALL=ALL",
        "a ALL= ! /bin/x, /bin/y \"\"",
        "a ALL=/bin/x\\, y",
        "a ALL=/bin/x ^a, b$",
        "a ALL=^/bin/(x|y,z)$",
        "a h1=ALL : h2 = ALL",
        "a fe80::1,10.0.0.0/8,!h=ALL",
        "a ALL=sudoedit /etc/motd",
        "a ALL=list",
        "a ALL=NOPASSWD: ALL, (b) /bin/y",
        "a ALL=(b,c : d) TIMEOUT=5m CWD=* NOEXEC:NOPASSWD: /bin/y",
        "a ALL=sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= /bin/y",
        "+netgroup,%:nonunix,%#12 ALL=ALL",
        "User_Alias A=b:C=d,!e",
        "Host_Alias H=10.0.0.1 : I=h",
        "Cmnd_Alias P = /bin/a x\\:y, /bin/dir/, !/bin/b",
        "Defaults secure_path=/bin:/sbin, !lecture, env_keep += \"A B\"",
        "Defaults badpass_message=foo\\ bar",
        "Defaults!/bin/x,/bin/y noexec",
        "Defaults:a,%b !requiretty",
        "Defaults>b env_keep-=X",
        "Defaults@h insults",
    ] {
        let line = "visudo -cf /etc/sudoers";
        let (ok, _) = with_files("visudo", &[("/etc/sudoers", &format!("{text}\n"))], line);
        let seen = facts(&[("/etc/passwd", PASSWD), ("/etc/sudoers", text)]);
        let gaps = &seen.sudoers.known().unwrap().gaps;
        assert!(!ok || gaps.is_empty(), "visudo accepts {text}, and we do not: {gaps:?}");
        accepted += usize::from(ok);
    }
    assert!(accepted > 20, "visudo accepted only {accepted}: the oracle is broken");
}

#[test]
fn glibc_and_passwd_see_the_same_accounts() {
    if !can_run("getent", "passwd") {
        return;
    }
    const SHA512: &str = "$6$.gRax3tA8ABYDz/3$Px0sPelyqIK5boi85AwmWasYrGSDZ8TmJPCCaHv/dgcobSWI5eLwNwFSIb2SJQflZDCiYdAdiSOBfx8XwJKnh0";
    let passwd = "# one\n\nroot:x:0:0::/root:/bin/sh\n  toor:x:0:0::/root:/bin/sh\nada:x:4001:4001::/:/bin/sh\nearly::4003:4003\n\
                  nogid:x:4004\nbig:x:99999999999:1::/:\nempty:x:4005:4005::/:/bin/sh\nlock:x:4006:4006::/:/bin/sh\n+nis::::::\n";
    let shadow = format!(
        "root:{SHA512}:20000:0:99999:7:::\ntoor:!:20000::::::\nada:*:20000::::::\nempty::20000::::::\nlock:!{SHA512}:20000::::::\n"
    );
    let files = [("/etc/passwd", passwd), ("/etc/shadow", shadow.as_str()), ("/etc/group", GROUP)];
    let (_, listed) = with_files("getent", &files, "getent -s files passwd");
    let glibc: Vec<(String, String)> = listed
        .lines()
        .filter(|line| !line.starts_with('+'))
        .map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields[0].to_owned(), fields[2].to_owned())
        })
        .collect();
    let facts = facts(&files);
    let accounts = facts.accounts.known().unwrap();
    let ours: Vec<_> = accounts.users.iter().map(|user| (user.name.clone(), user.uid.to_string())).collect();
    assert_eq!(ours, glibc);
    for (user, password) in accounts.passwords().filter(|(user, _)| user.name != "early") {
        let (_, status) = with_files("passwd", &files, &format!("passwd -S {}", user.name));
        let expected = match password.state {
            PasswordState::Usable => "P",
            PasswordState::Empty => "NP",
            PasswordState::Locked | PasswordState::None => "L",
        };
        assert_eq!(status.split_whitespace().nth(1), Some(expected), "{}: {status}", user.name);
    }
}
