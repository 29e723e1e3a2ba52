//! Keys are described as the real ssh-keygen describes them, and lines of authorized_keys are taken as the real sshd
//! takes them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use checks::date::Timestamp;
use checks::facts::ssh_keys::{AuthorizedKey, KeyFile, Protection, SshKeys};
use checks::facts::{self, Facts};
use checks::host::Tree;
use say::left_out;

const KEYGEN: &str = "/usr/bin/ssh-keygen";
const SSHD: &str = "/usr/sbin/sshd";
const SSH: &str = "/usr/bin/ssh";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n";
const AUTHORIZED: &str = "/root/.ssh/authorized_keys";

#[test]
fn keys_are_described_as_ssh_keygen_does() {
    if !Path::new(KEYGEN).exists() {
        left_out(format!("comparing with the real ssh-keygen takes {KEYGEN}"));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut made = 0;
    for kind in ["rsa 1024", "rsa 2048", "rsa 4096", "ecdsa 256", "ecdsa 384", "ecdsa 521", "ed25519", "dsa"]
    {
        for format in ["", "PEM", "PKCS8", "RFC4716"] {
            for passphrase in ["", "a passphrase"] {
                let path = dir.path().join(made.to_string());
                if !make(&path, kind, format, passphrase) {
                    // Newer releases make no DSA keys.
                    assert!(kind == "dsa", "ssh-keygen makes no {kind} in {format}");
                    continue;
                }
                compare(&path, &format!("{kind} {format} {passphrase:?}"), passphrase.is_empty());
                made += 1;
            }
        }
    }
    assert!(made >= 56, "{made} keys");
}

fn make(path: &Path, kind: &str, format: &str, passphrase: &str) -> bool {
    let mut command = Command::new(KEYGEN);
    let (kind, bits) = kind.split_once(' ').unwrap_or((kind, ""));
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "c", "-f"]).arg(path);
    if !bits.is_empty() {
        command.args(["-b", bits]);
    }
    if !format.is_empty() {
        command.args(["-m", format]);
    }
    command.stdin(Stdio::null()).output().unwrap().status.success()
}

/// The public file, the private file and the room of host keys, each against `ssh-keygen -l`.
fn compare(path: &Path, what: &str, open: bool) {
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    let private = fs::read(path).unwrap();
    let theirs = Command::new(KEYGEN).arg("-lf").arg(path.with_extension("pub")).output().unwrap();
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let mut words = theirs.split(' ');
    let (bits, fingerprint) = (words.next().unwrap(), words.next().unwrap());
    let host_key = "/etc/ssh/ssh_host_rsa_key";
    let tree = Tree::new(Timestamp(0))
        .file("/etc/passwd", PASSWD)
        .file(AUTHORIZED, &public)
        .file("/root/.ssh/id", &private)
        .file(host_key, &private)
        .with(host_key, |node| node.mode = 0o600)
        .file(&format!("{host_key}.pub"), &public);
    let facts = facts::gather(&tree);
    let ours = facts.ssh_keys.known().unwrap();
    let key = &ours.files[0].keys[0];
    assert_eq!(key.fingerprint, fingerprint, "{what}");
    assert_eq!(key.bits.map_or("256".to_owned(), |bits| bits.to_string()), bits, "{what}");
    assert_eq!(key.passed_over, "", "{what}");
    let protection = if open { Protection::None } else { Protection::Encrypted };
    assert_eq!(ours.private.first().map(|key| key.protection), Some(protection), "{what}");
    // What ssh-keygen can say of the private file alone, without its passphrase, is what we can say of it.
    let alone = path.with_extension("alone");
    fs::copy(path, &alone).unwrap();
    let theirs = Command::new(KEYGEN).arg("-lf").arg(&alone).stdin(Stdio::null()).output().unwrap();
    let theirs = String::from_utf8_lossy(&theirs.stdout).split(' ').nth(1).unwrap_or_default().to_owned();
    let inside = &ours.private[0].fingerprint;
    // PKCS #8 of a DSA key holds no public half, which ssh-keygen computes.
    if !(what.starts_with("dsa PKCS8") && inside.is_empty()) {
        assert_eq!(*inside, theirs, "{what}");
    }
    let found = facts.host_keys.known().unwrap();
    assert_eq!(found.keys[0].fingerprint, fingerprint, "{what}");
    assert_eq!(found.keys[0].passed_over.is_empty(), open, "{what}");
}

#[test]
fn lines_are_taken_as_sshd_takes_them() {
    let Some(lab) = Lab::new() else {
        left_out(format!("logging in for a comparison takes {SSHD}, {SSH} and root"));
        return;
    };
    let keys = lab.dir.join("keys");
    let mut differences = Vec::new();
    for (text, who) in lab.lines() {
        fs::write(&keys, &text).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
        let theirs = lab.lets_in("root", who);
        let tree = Tree::new(now()).file("/etc/passwd", PASSWD).file(AUTHORIZED, &text);
        let ours = opens(&tree, &lab.fingerprint(who));
        if theirs != ours {
            differences.push(format!("{:?}\nsshd: {theirs}, ours: {ours}\n", String::from_utf8_lossy(&text)));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn strict_modes_objects_as_sshd_does() {
    let Some(lab) = Lab::new() else {
        left_out(format!("logging in for a comparison takes {SSHD}, {SSH} and root"));
        return;
    };
    let folder = lab.dir.join("folder");
    let keys = folder.join("keys");
    let path = lab.dir.join("keys");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&keys, &path).unwrap();
    fs::write(&keys, lab.public("key")).unwrap();
    let mut verdicts = [0, 0];
    for user in ["root", "daemon"] {
        for (owner, mode, above, above_mode) in [
            ((0, 0), 0o600, (0, 0), 0o755),
            ((0, 0), 0o644, (0, 0), 0o755),
            ((1, 1), 0o600, (0, 0), 0o755),
            ((1, 1), 0o664, (1, 1), 0o755),
            ((1, 1), 0o664, (1, 1), 0o775),
            ((0, 1), 0o664, (0, 0), 0o755),
            ((0, 0), 0o664, (0, 0), 0o755),
            ((1, 100), 0o664, (0, 0), 0o755),
            ((1, 1), 0o646, (0, 0), 0o755),
            ((2, 2), 0o644, (0, 0), 0o755),
            ((1, 1), 0o600, (2, 2), 0o755),
            ((1, 1), 0o600, (0, 0), 0o777),
            ((1, 1), 0o600, (0, 0), 0o700),
            ((0, 1), 0o640, (0, 0), 0o755),
            ((1, 1), 0o040, (0, 0), 0o755),
        ] {
            for (path, (uid, gid), mode) in [(&keys, owner, mode), (&folder, above, above_mode)] {
                chown(path, Some(uid), Some(gid)).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
            let theirs = lab.lets_in(user, "key");
            let at = |path: &Path| path.to_str().unwrap().to_owned();
            let mut tree = Tree::new(now())
                .file("/etc/passwd", fs::read("/etc/passwd").unwrap())
                .file("/etc/group", fs::read("/etc/group").unwrap())
                .file(SSHD, fs::read(SSHD).unwrap())
                .file("/etc/ssh/sshd_config", format!("AuthorizedKeysFile {}\n", path.display()))
                .dir(&at(&folder))
                .file(&at(&keys), lab.public("key"))
                .link(&at(&path), &at(&keys));
            for (path, owner, mode) in [(&keys, owner, mode), (&folder, above, above_mode)] {
                tree = tree.with(&at(path), |node| (node.owner, node.mode) = (owner, mode));
            }
            let facts = facts::gather(&tree);
            let found = facts.ssh_keys.known().unwrap();
            let file = found.files.iter().find(|file| file.account == user).unwrap();
            let ours = file.exposed.is_empty() && file.keys_taken().count() == 1;
            assert_eq!(ours, theirs, "{user}: {owner:?} {mode:o} in {above:?} {above_mode:o}: {file:?}");
            verdicts[usize::from(theirs)] += 1;
        }
    }
    assert!(verdicts.iter().all(|count| *count > 5), "{verdicts:?}");
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_secs()).unwrap())
}

/// Whether a key opens root from the loopback address.
fn opens(tree: &Tree, fingerprint: &str) -> bool {
    let facts: Facts = facts::gather(tree);
    let found: &SshKeys = facts.ssh_keys.known().unwrap();
    let near = |key: &&AuthorizedKey| key.from.is_empty() || key.from.iter().any(|from| from == "127.0.0.1");
    let mut taken = found.files.iter().flat_map(KeyFile::keys_taken).filter(near);
    taken.any(|key| {
        key.fingerprint == fingerprint && !key.is_authority() && key.is_expired(facts.taken_at) == Some(false)
    })
}

/// An sshd on the loopback address that runs nothing but true(1), and keys to try.
struct Lab {
    dir: PathBuf,
    port: u16,
    sshd: Child,
}

impl Lab {
    fn new() -> Option<Self> {
        let is_root = Command::new("/usr/bin/id").arg("-u").output().ok()?.stdout == b"0\n";
        if !is_root || ![SSHD, SSH, KEYGEN].iter().all(|path| Path::new(path).exists()) {
            return None;
        }
        // StrictModes objects to folders that anyone may write to, as temporary ones are.
        static COUNT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/hostduty-keys-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        for (name, kind) in
            [("host", "ed25519"), ("key", "ed25519"), ("rsa", "rsa 2048"), ("ec", "ecdsa 256")]
        {
            assert!(make(&dir.join(name), kind, "", ""));
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = dir.display();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nPidFile none\nUsePAM no\nPermitRootLogin yes\n\
             AuthorizedKeysFile {at}/keys\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             ForceCommand /bin/true\nMaxStartups 100\n"
        );
        fs::write(dir.join("config"), config).unwrap();
        let log = fs::File::create(dir.join("log")).unwrap();
        let sshd = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(dir.join("config"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Some(Self { dir, port, sshd })
    }

    fn public(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(format!("{name}.pub"))).unwrap()
    }

    fn fingerprint(&self, name: &str) -> String {
        let output =
            Command::new(KEYGEN).arg("-lf").arg(self.dir.join(format!("{name}.pub"))).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// ssh(1) ends with 255 where it was not let in, and else with the status of what ran.
    fn lets_in(&self, user: &str, key: &str) -> bool {
        let port = self.port.to_string();
        let status = Command::new(SSH)
            .args(["-F", "none", "-p", &port, "-l", user, "-oBatchMode=yes", "-oIdentitiesOnly=yes"])
            .args([
                "-oStrictHostKeyChecking=no",
                "-oUserKnownHostsFile=/dev/null",
                "-oIdentityAgent=none",
                "-T",
            ])
            .arg("-i")
            .arg(self.dir.join(key))
            .args(["127.0.0.1", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        status.code() != Some(255)
    }

    /// Files, each with the key that tries them.
    fn lines(&self) -> Vec<(Vec<u8>, &'static str)> {
        let words = |name: &str| {
            let text = self.public(name);
            let mut words = text.split_whitespace().map(str::to_owned);
            (words.next().unwrap(), words.next().unwrap())
        };
        let (kind, blob) = words("key");
        let (rsa, rsa_blob) = words("rsa");
        let (ec, ec_blob) = words("ec");
        let key = format!("{kind} {blob}");
        let mut lines: Vec<(Vec<u8>, &str)> = vec![
            (format!("{key}\n").into_bytes(), "key"),
            (key.clone().into_bytes(), "key"),
            (format!("{key}\r\n").into_bytes(), "key"),
            (format!("\r{key}\n").into_bytes(), "key"),
            (format!("\t {kind}\t \t{blob} comment \"x\n").into_bytes(), "key"),
            (format!("{key}\0rubbish\n").into_bytes(), "key"),
            (format!("\0{key}\n").into_bytes(), "key"),
            (format!("# {key}\n").into_bytes(), "key"),
            (format!("rubbish\n{key}\n").into_bytes(), "key"),
            (format!("\"\n{key}\n").into_bytes(), "key"),
            (format!("{}\n{key}\n", "x".repeat(100_000)).into_bytes(), "key"),
            (format!("\u{fffd}\n{key} \u{fffd}\n").into_bytes(), "key"),
            ([b"\xff\xfe ".as_slice(), key.as_bytes()].concat(), "key"),
            ([key.as_bytes(), b" \xff\xfe"].concat(), "key"),
            (format!("{} {blob}\n", kind.to_uppercase()).into_bytes(), "key"),
            (format!("{rsa} {blob}\n").into_bytes(), "key"),
            (format!("{kind}-cert-v01@openssh.com {blob}\n").into_bytes(), "key"),
            (format!("{key}AAAA\n").into_bytes(), "key"),
            (format!("{key}=\n").into_bytes(), "key"),
            (format!("{kind} {}\n", blob.get(..blob.len() - 1).unwrap()).into_bytes(), "key"),
            (format!("{kind} \u{b}{blob}\u{c}\n").into_bytes(), "key"),
            (format!("rsa-sha2-512 {rsa_blob}\n").into_bytes(), "rsa"),
            (format!("{rsa} {rsa_blob}\n").into_bytes(), "rsa"),
            (format!("{rsa} {blob} {rsa} {rsa_blob}\n").into_bytes(), "rsa"),
            (format!("{kind} {rsa} {rsa_blob}\n").into_bytes(), "rsa"),
            (format!("{ec} {ec_blob}\n").into_bytes(), "ec"),
            (format!("ecdsa-sha2-nistp384 {ec_blob}\n").into_bytes(), "ec"),
        ];
        for options in OPTIONS {
            lines.push((format!("{options} {key}\n").into_bytes(), "key"));
        }
        lines
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What stands before a key.
const OPTIONS: &[&str] = &[
    "no-pty",
    "no-pty,",
    ",no-pty",
    ",,",
    ",",
    "No-PTY,X11-Forwarding",
    "restrict,pty",
    "restricted",
    "no-restrict",
    "no-cert-authority",
    "cert-authority",
    "cert-authority,principals=\"root\"",
    "principals=\"root\"",
    "unknown",
    "unknown=\"x\"",
    "user-rc,no-user-rc,agent-forwarding,no-port-forwarding",
    "no-touch-required,verify-required",
    "command=\"true\"",
    "command=\"a b, \\\"c\\\" d\\\\\"",
    "command=\"a \\\" b\"",
    "command=true",
    "command=\"true",
    "command=\"true\"x",
    "command=\"true\",command=\"true\"",
    "command",
    "COMMAND=\"true\"",
    "from=\"127.0.0.1\"",
    "from=\"10.0.0.1\"",
    "from=\"10.0.0.1,127.0.0.1\"",
    "from=\"\"",
    "from=\"127.0.0.1\",from=\"127.0.0.1\"",
    "from=127.0.0.1",
    "expiry-time=\"20990101\"",
    "expiry-time=\"20990101Z\"",
    "expiry-time=\"20200101\"",
    "expiry-time=\"20200101Z\"",
    "expiry-time=\"209901011200\"",
    "expiry-time=\"20990101120061\"",
    "expiry-time=\"20990101120062\"",
    "expiry-time=\"20990231\"",
    "expiry-time=\"20991301\"",
    "expiry-time=\"2099 1 1\"",
    "expiry-time=\"2099-01-01\"",
    "expiry-time=\"19600101Z\"",
    "expiry-time=\"19700101Z\"",
    "expiry-time=\"tomorrow\"",
    "expiry-time=\"20990101\",expiry-time=\"20200101\"",
    "environment=\"A=b\"",
    "environment=\"A=b\",environment=\"A=c\"",
    "environment=\"A\"",
    "environment=\"=b\"",
    "environment=\"A-B=c\"",
    "permitopen=\"localhost:80\"",
    "permitopen=\"localhost:*\"",
    "permitopen=\"localhost:0\"",
    "permitopen=\"localhost:65536\"",
    "permitopen=\"localhost: 80\"",
    "permitopen=\"localhost:+80\"",
    "permitopen=\"localhost/80\"",
    "permitopen=\"[::1]:80\"",
    "permitopen=\"[::1]80\"",
    "permitopen=\"[::1\"",
    "permitopen=\"80\"",
    "permitopen=\"\"",
    "permitlisten=\"80\"",
    "permitlisten=\"*\"",
    "permitlisten=\"localhost:80\"",
    "permitlisten=\"\"",
    "tunnel=\"0\"",
    "tunnel=\"any\"",
    "tunnel=\"Any\"",
    "tunnel=\"x\"",
    "tunnel=\"0:1\"",
    "tunnel=\"\"",
    "tunnel=\"2147483647\"",
    "tunnel=\"2147483646\"",
    "tunnel=\"2147483645\"",
];
