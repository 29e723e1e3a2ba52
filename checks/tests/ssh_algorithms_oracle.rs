//! What is called offered is what a real client of that one algorithm gets in with at a real sshd, and nothing else is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use checks::date::Timestamp;
use checks::facts::processes::{Process, Processes};
use checks::facts::units::Units;
use checks::facts::{self, ROOMS};
use checks::host::Tree;
use checks::policy::Policy;
use checks::providers::Detected;
use checks::report;
use say::left_out;

const SSHD: &str = "/usr/sbin/sshd";
const SSH: &str = "/usr/bin/ssh";
const KEYGEN: &str = "/usr/bin/ssh-keygen";

/// Lines of a configuration, the one algorithm that is tried, and the options of a client that knows no other.
const TRIED: &[(&str, &str, &[&str])] = &[
    ("", "aes128-cbc", &["-oCiphers=aes128-cbc"]),
    ("Ciphers +aes128-cbc", "aes128-cbc", &["-oCiphers=aes128-cbc"]),
    ("Ciphers aes128-ctr,3des-cbc", "3des-cbc", &["-oCiphers=3des-cbc"]),
    ("Ciphers -*-cbc\nCiphers +aes128-cbc", "aes128-cbc", &["-oCiphers=aes128-cbc"]),
    ("", "hmac-md5", &["-oMACs=hmac-md5", "-oCiphers=aes128-ctr"]),
    ("MACs ^hmac-md5", "hmac-md5", &["-oMACs=hmac-md5", "-oCiphers=aes128-ctr"]),
    ("MACs +hmac-sha1-96", "hmac-sha1-96", &["-oMACs=hmac-sha1-96", "-oCiphers=aes128-ctr"]),
    ("", "diffie-hellman-group1-sha1", &["-oKexAlgorithms=diffie-hellman-group1-sha1"]),
    (
        "KexAlgorithms +diffie-hellman-group1-sha1",
        "diffie-hellman-group1-sha1",
        &["-oKexAlgorithms=diffie-hellman-group1-sha1"],
    ),
    ("", "ssh-rsa", &["-oHostKeyAlgorithms=ssh-rsa"]),
    ("HostKeyAlgorithms +ssh-rsa", "ssh-rsa", &["-oHostKeyAlgorithms=ssh-rsa"]),
    // There is no such host key.
    ("HostKeyAlgorithms +ssh-dss", "ssh-dss", &["-oHostKeyAlgorithms=ssh-dss"]),
    ("", "ssh-rsa", &["-oPubkeyAcceptedAlgorithms=ssh-rsa"]),
    ("PubkeyAcceptedAlgorithms +ssh-rsa", "ssh-rsa", &["-oPubkeyAcceptedAlgorithms=ssh-rsa"]),
    (
        "Match User root\nPubkeyAcceptedAlgorithms +ssh-rsa",
        "ssh-rsa",
        &["-oPubkeyAcceptedAlgorithms=ssh-rsa"],
    ),
    (
        "PubkeyAcceptedAlgorithms +ssh-rsa\nMatch all\nPubkeyAcceptedAlgorithms -ssh-rsa",
        "ssh-rsa",
        &["-oPubkeyAcceptedAlgorithms=ssh-rsa"],
    ),
    (
        "Match User root\nPubkeyAcceptedAlgorithms rsa-sha2-512\nPubkeyAcceptedAlgorithms +ssh-rsa",
        "ssh-rsa",
        &["-oPubkeyAcceptedAlgorithms=ssh-rsa"],
    ),
];

#[test]
fn a_client_gets_in_with_what_is_called_offered_and_with_nothing_else() {
    let Some(lab) = Lab::new() else {
        left_out(format!("logging in with weak algorithms takes {SSHD}, {SSH} and root"));
        return;
    };
    let mut counts = [0, 0];
    for (lines, algorithm, options) in TRIED {
        let config = lab.config(lines);
        let Some(sshd) = Running::start(&lab, &config) else {
            left_out(format!("{SSHD} does not start with `{lines}`"));
            continue;
        };
        assert!(lab.lets_in(sshd.port, &[]), "a client as installed is let in: {lines}");
        let theirs = lab.lets_in(sshd.port, options);
        let ours = lab.offered(&config).iter().any(|name| name == algorithm);
        assert_eq!(ours, theirs, "{algorithm} with `{lines}`");
        counts[usize::from(theirs)] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 6), "{counts:?} refused and accepted");
}

/// A folder with host keys and a user's key.
struct Lab {
    dir: PathBuf,
}

impl Lab {
    fn new() -> Option<Self> {
        let is_root = Command::new("/usr/bin/id").arg("-u").output().ok()?.stdout == b"0\n";
        if !is_root || ![SSHD, SSH, KEYGEN].iter().all(|path| Path::new(path).exists()) {
            return None;
        }
        // StrictModes objects to folders that anyone may write to, as temporary ones are.
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/hostduty-algorithms-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        for (name, kind) in [("rsa", "rsa"), ("ed25519", "ed25519"), ("user", "rsa")] {
            let mut command = Command::new(KEYGEN);
            command.args(["-q", "-t", kind, "-N", "", "-f"]).arg(dir.join(name));
            assert!(command.stdin(Stdio::null()).status().unwrap().success());
        }
        fs::copy(dir.join("user.pub"), dir.join("authorized")).unwrap();
        Some(Self { dir })
    }

    /// What is tried comes first, but for Match blocks, which reach to the end.
    fn config(&self, lines: &str) -> String {
        let at = self.dir.display();
        let (before, after) = lines.find("Match").map_or((lines, ""), |start| lines.split_at(start));
        format!(
            "{before}\nHostKey {at}/rsa\nHostKey {at}/ed25519\nPidFile none\nUsePAM no\nPermitRootLogin yes\n\
             AuthorizedKeysFile {at}/authorized\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             ForceCommand /bin/true\n{after}\n"
        )
    }

    /// The algorithms that the check names.
    fn offered(&self, config: &str) -> Vec<String> {
        let mut tree = Tree::new(Timestamp(0))
            .file(SSHD, fs::read(SSHD).unwrap())
            .file("/etc/ssh/sshd_config", config)
            .file("/proc/0/cmdline", "/usr/sbin/sshd\0-D");
        for name in ["rsa", "ed25519"] {
            let path = self.dir.join(name);
            tree = tree.file(path.to_str().unwrap(), fs::read(&path).unwrap());
        }
        let mut facts = facts::begin(&tree);
        let process = Process { name: "sshd".into(), ..Process::default() };
        facts.processes = Ok(Processes { list: vec![process], ..Processes::default() }).into();
        facts.units = Ok(Units::default()).into();
        for name in ["ssh_servers", "sshd", "host_keys"] {
            let room = ROOMS.iter().find(|room| room.name == name).unwrap();
            (room.gather)(&tree, &mut facts);
        }
        let detected = Detected { offer: "generic".into(), how: String::new() };
        let policy = Policy::default();
        let report = report::judge(&facts, &policy, &detected, &["ssh-algorithms".to_owned()]);
        let outcome = &report.outcomes[0];
        assert!(outcome.unknowns.is_empty(), "{:?}", outcome.unknowns);
        outcome.findings.iter().map(|finding| finding.subject.clone()).collect()
    }

    /// ssh(1) ends with 255 where it was not let in, and else with the status of what ran.
    fn lets_in(&self, port: u16, options: &[&str]) -> bool {
        let status = Command::new(SSH)
            .args(["-F", "none", "-p", &port.to_string(), "-l", "root", "-T", "-i"])
            .arg(self.dir.join("user"))
            .args(["-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oIdentityAgent=none"])
            .args(["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"])
            .args(options)
            .args(["127.0.0.1", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        status.code() == Some(0)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A server on the loopback address that ends with its test.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn start(lab: &Lab, config: &str) -> Option<Self> {
        let path = lab.dir.join("config");
        fs::write(&path, config).unwrap();
        if !Command::new(SSHD).arg("-tf").arg(&path).stderr(Stdio::null()).status().unwrap().success() {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(SSHD)
            .args(["-D", "-oListenAddress=127.0.0.1", "-p", &port.to_string(), "-f"])
            .arg(&path)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self { child, port };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        Some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
