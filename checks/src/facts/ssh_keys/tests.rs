//! Key files of accounts as they are, as they should not be, and as nobody can read them.

use super::line::tests::ED25519;
use super::*;
use crate::facts::accounts::{Accounts, Group, User};
use crate::facts::sshd;
use crate::gap::GapKind;
use crate::host::Tree;

fn anna() -> User {
    User { name: "anna".into(), uid: 1000, gid: 1000, home: "/home/anna".into(), ..User::default() }
}

fn gather(tree: &Tree) -> SshKeys {
    let daemon = User {
        name: "daemon".into(),
        uid: 1,
        home: "/d".into(),
        shell: "/usr/sbin/nologin".into(),
        ..User::default()
    };
    let groups = vec![Group { name: "anna".into(), gid: 1000, members: vec![] }];
    let accounts = Accounts { users: vec![daemon, anna()], groups, ..Accounts::default() };
    let facts = Facts {
        accounts: Ok(accounts).into(),
        sshd: sshd::read(tree, &Facts::default()).into(),
        ..Facts::default()
    };
    read(tree, &facts).unwrap()
}

fn tree(path: &str, content: &str) -> Tree {
    Tree::new(Timestamp(5)).file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0").file(path, content).with(
        path,
        |node| {
            node.owner = (1000, 1000);
            node.mode = 0o600;
        },
    )
}

const PATH: &str = "/home/anna/.ssh/authorized_keys";

#[test]
fn keys_with_their_lines() {
    let found = gather(&tree(PATH, &format!("# mine\n\nno-pty ssh-ed25519 {ED25519} anna\nrubbish\n")));
    assert_eq!(found.accounts, ["daemon", "anna"]);
    let file = &found.files[0];
    assert_eq!((file.account.as_str(), file.mode, file.malformed.as_slice()), ("anna", 0o600, &[4][..]));
    assert_eq!((file.keys[0].line, file.keys[0].options.as_slice()), (3, &["no-pty".to_owned()][..]));
    assert!(file.exposed.is_empty() && found.gaps.is_empty(), "{found:?}");
}

#[test]
fn an_account_without_a_shell_has_keys_that_open_it_too() {
    let path = "/d/.ssh/authorized_keys";
    let keys = tree(path, &format!("ssh-ed25519 {ED25519}\n")).with(path, |node| node.owner = (1, 1));
    let found = gather(&keys);
    assert_eq!((found.files[0].account.as_str(), found.files[0].keys.len()), ("daemon", 1));
}

#[test]
fn files_where_the_configuration_puts_them() {
    let found = gather(
        &tree("/keys/anna%", "")
            .file(
                "/etc/ssh/sshd_config",
                "AuthorizedKeysFile /keys/%u%% %h/k\nMatch User x\nAuthorizedKeysFile keys2\n",
            )
            .file("/home/anna/k", "")
            .file("/home/anna/keys2", ""),
    );
    let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/home/anna/k", "/keys/anna%", "/home/anna/keys2"]);
    let odd = tree(PATH, "").file("/etc/ssh/sshd_config", "AuthorizedKeysFile %z ~/x\n");
    assert_eq!(gather(&odd).gaps.len(), 2);
}

#[test]
fn what_strict_modes_objects_to() {
    let open_home = tree(PATH, "").dir("/home/anna").with("/home/anna", |node| node.mode = 0o777);
    assert_eq!(gather(&open_home).files[0].exposed, ["/home/anna: anyone may write to it"]);
    let above = tree(PATH, "").dir("/home").with("/home", |node| node.mode = 0o777);
    assert!(gather(&above).files[0].exposed.is_empty());
}

#[test]
fn a_symlink_is_judged_where_it_leads() {
    let key = format!("ssh-ed25519 {ED25519}\n");
    let target = "/srv/keys/anna";
    let linked = |mode: u32| {
        let tree = tree(target, &key).link(PATH, target).dir("/srv/keys").dir("/srv");
        gather(&tree.with("/srv", |node| node.mode = mode)).files.remove(0)
    };
    let file = linked(0o755);
    assert_eq!((file.path.as_str(), file.target.as_str(), file.keys.len()), (PATH, target, 1));
    assert!(file.exposed.is_empty(), "{file:?}");
    assert_eq!(linked(0o777).exposed, ["/srv: anyone may write to it"], "beyond the home, up to the root");
}

#[test]
fn sshd_reads_as_the_account_what_is_a_file() {
    let passed_over = |tree: &Tree| gather(tree).files.remove(0).passed_over;
    let fifo = Tree::new(Timestamp(0)).node(PATH, FileKind::Other, b"");
    assert_eq!(passed_over(&fifo), "it is not a regular file");
    let shadow = Tree::new(Timestamp(0))
        .link(PATH, "/etc/shadow")
        .file("/etc/shadow", "root:x")
        .with("/etc/shadow", |node| node.mode = 0o600);
    assert!(passed_over(&shadow).contains("who may not"));
}

#[test]
fn an_account_has_the_files_of_its_patterns() {
    let config = "AuthorizedKeysFile .ssh/authorized_keys %h/.ssh/authorized_keys\nMatch User x\nAuthorizedKeysFile /k\n";
    let found = gather(&tree(PATH, "").file("/etc/ssh/sshd_config", config).file("/k", ""));
    let files = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        found.files_of("anna", &patterns).map(|file| file.path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(files(&[".ssh/authorized_keys"]), [PATH]);
    assert_eq!(files(&["%h/.ssh/authorized_keys", "none"]), [PATH]);
    assert_eq!(files(&["/k"]), ["/k"]);
    assert!(files(&["%h/x"]).is_empty());
}

#[test]
fn keys_from_elsewhere_are_named() {
    let config = "TrustedUserCAKeys /etc/ssh/ca\nAuthorizedKeysCommand /usr/bin/ask %u\nAuthorizedKeysCommandUser nobody\n";
    let found =
        gather(&tree("/etc/ssh/sshd_config", config).file("/etc/ssh/ca", format!("ssh-ed25519 {ED25519}\n")));
    assert_eq!((found.authorities[0].keys.len(), found.elsewhere.len()), (1, 1), "{found:?}");
    assert_eq!(found.elsewhere[0].text.as_deref(), Some("authorizedkeyscommand"));
}

#[test]
fn values_that_are_judged_are_kept_and_no_others() {
    let line = "restrict,pty,from=\"10.0.0.0/8,!10.1.*\",command=\"hunter2\",environment=\"A=hunter2\",expiry-time=\"20270101\"";
    let host = tree(PATH, &format!("{line} ssh-ed25519 {ED25519} hunter2\n"));
    let found = gather(&host);
    let key = &found.files[0].keys[0];
    assert_eq!(key.from, ["10.0.0.0/8", "!10.1.*"]);
    assert!(
        key.permits("pty") && !key.permits("agent-forwarding") && key.has("command") && !key.is_authority()
    );
    let expires = Some(Expiry { at: "2027-01-01".parse().unwrap(), local: false });
    assert_eq!(key.expires, expires, "without /etc/localtime the clock is that of UTC");
    assert_eq!(
        (key.is_expired("2026-12-31".parse().unwrap()), key.is_expired(Timestamp(i64::MAX))),
        (Some(false), Some(true))
    );
    let text = toml::to_string(&found).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(toml::from_str::<SshKeys>(&text).unwrap(), found);
    let paris = gather(&host.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Paris"));
    assert!(paris.files[0].keys[0].expires.as_ref().unwrap().local);
}

#[test]
fn what_cannot_be_read_is_a_gap() {
    let gap = |tree: &Tree| gather(tree).files.remove(0).gap.unwrap().why;
    assert_eq!(gap(&tree(PATH, &"x\n".repeat(100_000))), GapKind::TooLarge);
    assert_eq!(gap(&tree(PATH, &"x".repeat(2 << 20))), GapKind::TooLarge);
    assert_eq!(gap(&Tree::new(Timestamp(0)).link(PATH, PATH)), GapKind::Malformed);
    assert_eq!(gap(&tree(PATH, "").refuse(PATH, Gap::denied(PATH))), GapKind::Denied);
    let private = tree(PATH, "").refuse("/home/anna/.ssh/id_rsa", Gap::denied("id_rsa"));
    assert_eq!(gather(&private).private_gaps.len(), 1);
    assert_eq!(read(&private, &Facts::default()).unwrap_err().why, GapKind::NotGathered);
}

#[test]
fn bytes_that_are_no_text_end_no_file() {
    let junk = format!("\0\n\u{b}\n{}\n\u{1}\u{fffd}\nssh-ed25519 {ED25519} \0\n", "\\\"".repeat(10_000));
    let bytes: Vec<u8> = junk.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let host =
        tree(PATH, "").file(PATH, &bytes).with(PATH, |node| (node.owner, node.mode) = ((1000, 1000), 0o600));
    let file = gather(&host).files.remove(0);
    assert_eq!((file.malformed.as_slice(), file.keys.len()), (&[2, 3, 4][..], 1));
}

const BARE: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIsecret\n";

#[test]
fn private_keys_are_told_by_their_head() {
    let found = gather(
        &tree("/home/anna/.ssh/id_old", BARE)
            .file("/home/anna/.ssh/id_old.pub", BARE)
            .file("/home/anna/.ssh/notes", "nothing")
            .node("/home/anna/.ssh/agent", FileKind::Other, b""),
    );
    assert_eq!((found.private.len(), found.private[0].protection), (1, Protection::None));
    let text = toml::to_string(&found).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(toml::from_str::<SshKeys>(&text).unwrap(), found);
}

#[test]
fn private_keys_are_looked_for_where_people_keep_them() {
    let mut host = tree("/etc/ssh/sshd_config", "");
    for path in [
        "/home/anna/.ssh/work/client/id_a",
        "/home/anna/aws.pem",
        "/home/anna/id_b",
        "/home/anna/id_b.pub",
        "/home/anna/notes",
        "/home/anna/deep/er/id_c",
        "/home/left/.ssh/id_d",
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/ssh/deploy",
    ] {
        host = host.file(path, BARE);
    }
    let found = gather(&host);
    let paths: Vec<_> = found.private.iter().map(|key| (key.path.as_str(), key.account.as_str())).collect();
    assert_eq!(
        paths,
        [
            ("/home/anna/.ssh/work/client/id_a", "anna"),
            ("/home/anna/aws.pem", "anna"),
            ("/home/anna/id_b", "anna"),
            ("/home/left/.ssh/id_d", ""),
            ("/etc/ssh/deploy", ""),
        ]
    );
    assert!(found.private_gaps.is_empty(), "{:?}", found.private_gaps);
}

#[test]
fn a_folder_without_end_is_a_gap() {
    let deep = format!("/home/anna/.ssh{}/id", "/a".repeat(9));
    assert_eq!(gather(&tree(&deep, BARE)).private_gaps.len(), 1);
    let mut wide = tree(PATH, "");
    for number in 0..150 {
        wide = wide.file(&format!("/home/anna/.ssh/{number}/id"), BARE);
    }
    let found = gather(&wide);
    assert!(found.private.len() < 150 && !found.private_gaps.is_empty());
    let looped = tree(PATH, "").link("/home/anna/.ssh/up", "..").link("/home/anna/.ssh/self", "self");
    assert!(gather(&looped).private_gaps.is_empty());
}
