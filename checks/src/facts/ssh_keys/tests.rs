//! Key files of accounts as they are, as they should not be, and as nobody can read them.

use super::line::tests::ED25519;
use super::*;
use crate::facts::accounts::Group;
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
    let facts = Facts { accounts: Ok(accounts).into(), sshd: sshd::read(tree).into(), ..Facts::default() };
    read(tree, &facts).unwrap()
}

fn tree(path: &str, content: &str) -> Tree {
    Tree::new(Timestamp(5)).file("/usr/sbin/sshd", "\0OpenSSH_9.2p1\0").file(path, content).with(
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
    for (mode, owner, wanted) in [
        (0o600, (1000, 1000), 0),
        (0o664, (1000, 1000), 0),
        (0o664, (1000, 50), 1),
        (0o666, (1000, 1000), 1),
        (0o606, (7, 7), 2),
        (0o644, (0, 0), 0),
    ] {
        let host = tree(PATH, "").with(PATH, |node| {
            node.mode = mode;
            node.owner = owner;
        });
        assert_eq!(gather(&host).files[0].exposed.len(), wanted, "{mode:o} {owner:?}");
    }
    let open_home = tree(PATH, "").dir("/home/anna").with("/home/anna", |node| node.mode = 0o777);
    assert_eq!(gather(&open_home).files[0].exposed, ["/home/anna: anyone may write to it"]);
    let above = tree(PATH, "").dir("/home").with("/home", |node| node.mode = 0o777);
    assert!(gather(&above).files[0].exposed.is_empty());
}

#[test]
fn what_cannot_be_read_is_a_gap() {
    let fifo = Tree::new(Timestamp(0)).node(PATH, FileKind::Other, b"");
    assert_eq!(gather(&fifo).gaps[0].why, GapKind::Unsupported);
    let link = Tree::new(Timestamp(0))
        .link(PATH, "/etc/shadow")
        .file("/etc/shadow", "root:x")
        .with("/etc/shadow", |node| node.mode = 0o600);
    assert_eq!(gather(&link).gaps[0].why, GapKind::Denied);
    assert_eq!(
        gather(&tree(PATH, "x\n").refuse("/home/anna/.ssh/id_rsa", Gap::denied("id_rsa"))).gaps.len(),
        1
    );
    assert_eq!(gather(&tree(PATH, &"x\n".repeat(100_000))).gaps[0].why, GapKind::TooLarge);
    assert_eq!(read(&fifo, &Facts::default()).unwrap_err().why, GapKind::NotGathered);
}

#[test]
fn private_keys_are_told_by_their_head() {
    let found = gather(
        &tree("/home/anna/.ssh/id_old", "-----BEGIN RSA PRIVATE KEY-----\nMIIsecret\n")
            .file("/home/anna/.ssh/id_old.pub", "-----BEGIN RSA PRIVATE KEY-----\n")
            .file("/home/anna/.ssh/notes", "nothing")
            .node("/home/anna/.ssh/agent", FileKind::Other, b""),
    );
    assert_eq!((found.private.len(), found.private[0].protection), (1, Protection::None));
    let text = toml::to_string(&found).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(toml::from_str::<SshKeys>(&text).unwrap(), found);
}
