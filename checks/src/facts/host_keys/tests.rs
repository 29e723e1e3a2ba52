//! Host keys as ssh-keygen makes them, as images ship them, and as nobody can read them.

use super::*;
use crate::facts::accounts::{Accounts, Group};
use crate::facts::sshd::{Build, Sshd};
use crate::gap::GapKind;
use crate::host::Tree;

const PATH: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A key that nobody uses: its secret half is cut off.
const HEAD: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n\
    b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
    QyNTUxOQAAACCYT52yj1a3ZuJYBhN4o5DDAGRw7NipQOwAZI1xaBrzyw==\n\
    -----END OPENSSH PRIVATE KEY-----\n";
const PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhPnbKPVrdm4lgGE3ijkMMAZHDs2KlA7ABkjXFoGvPL root@host\n";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f x\n";

fn tree(mode: u32, owner: (u32, u32)) -> Tree {
    Tree::new(Timestamp(9)).file(PATH, HEAD).with(PATH, |node| (node.mode, node.owner) = (mode, owner))
}

fn only(tree: &Tree, facts: &Facts) -> HostKey {
    let found = read(tree, facts, &[]).unwrap();
    assert!(found.gaps.is_empty() && found.missing.is_empty(), "{found:?}");
    let text = toml::to_string(&found).unwrap();
    assert_eq!(toml::from_str::<HostKeys>(&text).unwrap(), found);
    found.keys.into_iter().next().unwrap()
}

#[test]
fn the_public_half_is_read_out_of_the_private_file() {
    let key = only(&tree(0o600, (0, 0)).file(&format!("{PATH}.pub"), PUBLIC), &Facts::default());
    assert_eq!((key.kind.as_str(), key.passed_over.as_str(), key.public), ("ssh-ed25519", "", Beside::Same));
    assert_eq!(key.fingerprint, "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY");
    let key = only(&tree(0o600, (0, 0)).file(&format!("{PATH}.pub"), OTHER), &Facts::default());
    assert_eq!(key.public, Beside::Other);
    assert_eq!(only(&tree(0o600, (0, 0)), &Facts::default()).public, Beside::Unknown);
}

#[test]
fn sshd_refuses_what_others_may_read() {
    let accounts = Accounts {
        groups: vec![Group { name: READERS.to_owned(), gid: 998, members: vec![] }],
        ..Accounts::default()
    };
    let build = |vendor| Sshd { build: Ok(Build { vendor, ..Build::default() }).into(), ..Sshd::default() };
    let facts = |vendor| Facts {
        accounts: Ok(accounts.clone()).into(),
        sshd: Ok(build(vendor)).into(),
        ..Facts::default()
    };
    for (vendor, mode, owner, wanted) in [
        (Vendor::Debian, 0o600, (0, 0), true),
        (Vendor::Debian, 0o640, (0, 998), false),
        (Vendor::RedHat, 0o640, (0, 998), true),
        (Vendor::RedHat, 0o640, (0, 0), false),
        (Vendor::RedHat, 0o660, (0, 998), false),
        (Vendor::Debian, 0o644, (0, 0), false),
        (Vendor::Debian, 0o644, (7, 7), true),
    ] {
        let key = only(&tree(mode, owner), &facts(vendor));
        assert_eq!(key.passed_over.is_empty(), wanted, "{vendor:?} {mode:o} {owner:?}");
    }
}

#[test]
fn hostile_and_missing_files() {
    let fifo = Tree::new(Timestamp(0)).node(PATH, FileKind::Other, b"");
    assert_eq!(only(&fifo, &Facts::default()).passed_over, "it is not a regular file");
    let large = tree(0o600, (0, 0)).file(PATH, "x".repeat(1 << 20)).with(PATH, |node| node.mode = 0o600);
    assert_eq!(read(&large, &Facts::default(), &[]).unwrap().gaps[0].why, GapKind::TooLarge);
    for junk in [&b"\0\xff"[..], b"", b"-----BEGIN", &b"A".repeat(60_000)] {
        let junk = tree(0o600, (0, 0)).file(PATH, junk).with(PATH, |node| node.mode = 0o600);
        assert_eq!(only(&junk, &Facts::default()).passed_over, "it is no private key");
    }
    let looped = Tree::new(Timestamp(0)).link(PATH, PATH);
    assert_eq!(read(&looped, &Facts::default(), &[]).unwrap().gaps.len(), 1);
    let empty = Tree::new(Timestamp(0));
    assert_eq!(read(&empty, &Facts::default(), &[]).unwrap(), HostKeys::default());
    assert_eq!(read(&empty, &Facts::default(), &["/k".to_owned()]).unwrap().missing, ["/k"]);
}
