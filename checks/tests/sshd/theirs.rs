//! What the real sshd says, in the root of a Debian that `tests/run` has unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::atomic::{AtomicUsize, Ordering};

use checks::facts::sshd::Build;

use super::Pair;

/// How many names were given to what must not meet.
static DESKS: AtomicUsize = AtomicUsize::new(0);

/// The accounts of every root; sshd insists on the one of its own name.
const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
sshd:x:101:65534::/run/sshd:/usr/sbin/nologin
alice:x:1000:1000::/home/alice:/bin/sh
bob:x:1001:100::/home/bob:/bin/sh
Carol:x:1002:1002::/home/carol:/bin/sh
";

/// Their groups.
const GROUP: &str = "\
root:x:0:
users:x:100:
admins:x:200:alice,root
Staff:x:201:alice,bob
nogroup:x:65534:
alice:x:1000:
carol:x:1002:
";

/// The groups of an account as these files give them.
pub(crate) fn groups(user: &str) -> &'static [&'static str] {
    match user {
        "root" => &["root", "admins"],
        "nobody" | "sshd" => &["nogroup"],
        "alice" => &["alice", "admins", "Staff"],
        "bob" => &["users", "Staff"],
        "Carol" => &["carol"],
        _ => &[],
    }
}

/// An unpacked Debian with its sshd.
#[derive(Debug)]
pub(crate) struct Room {
    root: PathBuf,
    /// Which release it has.
    pub(crate) build: Build,
}

/// What sshd says of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The lines that it prints.
    Says(Vec<String>),
    /// It refuses the configuration, for this reason.
    Refuses(String),
    /// It wants to know more of the connection.
    Asks,
}

impl Room {
    /// Makes a root ready to ask in.
    pub(crate) fn open(root: &Path) -> Self {
        let release = release(&fs::read(root.join("usr/sbin/sshd")).unwrap());
        let build = Build::named(&release).unwrap_or_else(|| panic!("sshd calls itself {release:?}"));
        for (path, text) in [
            ("etc/passwd", PASSWD),
            ("etc/group", GROUP),
            ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n"),
            ("etc/services", "ssh 22/tcp\n"),
            ("etc/hosts", "127.0.0.1 localhost\n"),
        ] {
            // Another test may be asking in this root.
            let path = root.join(path);
            if fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes()) {
                continue;
            }
            let new = path.with_extension(format!(
                "{}-{}",
                std::process::id(),
                DESKS.fetch_add(1, Ordering::Relaxed)
            ));
            fs::write(&new, text).unwrap();
            fs::rename(&new, &path).unwrap();
        }
        fs::create_dir_all(root.join("run/sshd")).unwrap();
        fs::create_dir_all(root.join("etc/ssh")).unwrap();
        Self { root: root.to_owned(), build }
    }

    /// A folder of its own for whoever asks, in the root's /etc/ssh; it vanishes again.
    pub(crate) fn desk(&self) -> Desk<'_> {
        let folder = format!("oracle-{}-{}", std::process::id(), DESKS.fetch_add(1, Ordering::Relaxed));
        let path = self.root.join("etc/ssh").join(&folder);
        fs::create_dir_all(&path).unwrap();
        let desk = Desk { room: self, folder, path };
        let key = desk.inside("host_key");
        let made = desk.run(&["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key]);
        assert!(made.status.success(), "ssh-keygen made no host key");
        desk
    }
}

/// A folder in the root.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) room: &'a Room,
    /// Its name in /etc/ssh.
    pub(crate) folder: String,
    path: PathBuf,
}

impl Desk<'_> {
    fn inside(&self, name: &str) -> String {
        format!("/etc/ssh/{}/{name}", self.folder)
    }

    fn run(&self, command: &[&str]) -> std::process::Output {
        let mut program = Program::new("/usr/sbin/chroot");
        program.arg(&self.room.root).args(command).env_clear().output().unwrap()
    }

    /// Hands a pair to sshd.
    pub(crate) fn ask(&self, pair: &Pair) -> Answer {
        let here = self.path.join("conf");
        let _ = fs::remove_dir_all(&here);
        for (path, text) in pair.contents(&self.conf()) {
            let path = self.room.root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (key, main) = (self.inside("host_key"), self.inside("conf/main"));
        let mut command = vec!["/usr/sbin/sshd", "-T", "-h", &key, "-f", &main];
        let words = pair.client.as_ref().map(super::Client::words);
        if let Some(words) = &words {
            command.extend(["-C", words]);
        }
        let output = self.run(&command);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let complaint = said(&output.stderr);
        match output.status.success() {
            true => Answer::Says(said(&output.stdout).lines().map(str::to_owned).collect()),
            false if complaint.contains("not in connection test specification") => Answer::Asks,
            false => Answer::Refuses(complaint),
        }
    }

    /// The folder of the configuration, from /etc/ssh.
    pub(crate) fn conf(&self) -> String {
        format!("{}/conf", self.folder)
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The longest text in a program that starts as releases do.
fn release(program: &[u8]) -> String {
    let text = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
    let parts =
        program.split(|byte| !(b' '..=b'~').contains(byte)).filter(|part| part.starts_with(b"OpenSSH_"));
    parts.map(text).filter(|text| Build::named(text).is_some()).max_by_key(String::len).unwrap_or_default()
}
