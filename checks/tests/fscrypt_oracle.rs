//! The agent sees the folders that a real ext4 enciphers, as lsattr does.
//!
//! The kernel's own test policy makes them (`test_dummy_encryption`), on a loop device in a mount namespace that ends with the
//! test. Takes root, mkfs.ext4 and a kernel with fscrypt.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod host;
mod say;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use checks::date::Timestamp;
use checks::host::Host;
use host::Root;
use say::left_out;

const MAKE: &str = "set -e
truncate -s 16M image
mkfs.ext4 -q -O encrypt image
mkdir mount
mount -o loop image mount
mkdir mount/clear
umount mount
mount -o loop,test_dummy_encryption image mount
mkdir mount/secret mount/secret/inside
lsattr -d mount/clear mount/secret mount/secret/inside
echo done
read end";

#[test]
fn enciphered_folders_are_those_of_lsattr() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Command::new("/usr/bin/unshare")
        .args(["--mount", "sh", "-c", MAKE])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines: Vec<String> = BufReader::new(holder.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .take_while(|line| line != "done")
        .collect();
    if lines.len() == 3 {
        let place = format!("/proc/{}/root{}", holder.id(), folder.path().display());
        let root = Root::new(&place, Timestamp(0)).unwrap();
        for line in &lines {
            let (attributes, path) = line.split_once(' ').unwrap();
            let seen = root.stat_link(&format!("/{path}")).unwrap().enciphered;
            assert_eq!(seen, attributes.contains('E'), "{line}");
        }
        assert!(lines[1].contains('E') && !lines[0].contains('E'), "{lines:?}");
    } else {
        left_out("folders that fscrypt enciphers, which take root, mkfs.ext4 and a kernel with fscrypt");
    }
    drop(holder.stdin.take());
    let _ = holder.wait();
}
