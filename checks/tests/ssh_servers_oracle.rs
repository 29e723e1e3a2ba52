//! What is known of running SSH servers is true of real ones: options, files, sockets, and when each has read its files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test starts what it looks at, fails loudly and says what it leaves out"
)]

mod host;
mod say;

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use checks::date::Timestamp;
use checks::facts::ssh_servers::{Daemon, SshServers};
use checks::facts::{self, ROOMS};
use host::Root;
use say::left_out;

const SSHD: &str = "/usr/sbin/sshd";

/// A folder with a host key and a configuration.
struct Place {
    folder: tempfile::TempDir,
    port: u16,
}

/// A server that ends with its test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Place {
    /// `None` where sshd cannot be run; says so.
    fn new() -> Option<Self> {
        let root = Command::new("/usr/bin/id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        if !Path::new(SSHD).exists() || !root {
            left_out(format!("looking at running servers takes {SSHD} and root"));
            return None;
        }
        fs::create_dir_all("/run/sshd").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let made = Command::new("/usr/bin/ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status();
        assert!(made.unwrap().success(), "ssh-keygen made no host key");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Self { folder, port })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a configuration and gives its path.
    fn config(&self, name: &str) -> String {
        let folder = self.folder.path().display();
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {folder}/key\nPidFile \"{folder}/{name}.pid\"\nStrictModes no\n",
            self.port
        );
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts a server and waits until it answers.
    fn start(&self, command: &mut Command) -> Server {
        command.stderr(Stdio::null());
        let until = Instant::now() + Duration::from_secs(5);
        let child = loop {
            match command.spawn() {
                // A program that this test has just copied is still open for writing in a child that another test began
                // in that moment, until that child executes.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < until => {
                    sleep(Duration::from_millis(10));
                }
                spawned => break spawned.unwrap(),
            }
        };
        let server = Server { child, port: self.port };
        server.wait_for_answer();
        server
    }
}

impl Server {
    fn wait_for_answer(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "nothing answers on port {}", self.port);
            sleep(Duration::from_millis(20));
        }
    }
    fn daemon(&self) -> Option<Daemon> {
        let ours = |daemon: &&Daemon| daemon.running.iter().any(|running| running.pid == self.child.id());
        servers().daemons.iter().find(ours).cloned()
    }
    fn reload(&self) {
        let sent = Command::new("/usr/bin/kill").args(["-HUP", &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        sleep(Duration::from_millis(300));
        self.wait_for_answer();
    }
}

/// What this machine runs, read by the host that ships.
fn servers() -> SshServers {
    let host = Root::new("/", now()).unwrap();
    let mut facts = facts::begin(&host);
    for name in ["units", "processes", "sockets", "ssh_servers"] {
        let room = ROOMS.iter().find(|room| room.name == name).unwrap();
        (room.gather)(&host, &mut facts);
    }
    facts.ssh_servers.known().unwrap().clone()
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_secs()).unwrap())
}

#[test]
fn options_files_and_sockets_are_those_of_the_real_daemon() {
    let Some(place) = Place::new() else { return };
    let config = place.config("a config");
    let server = place.start(Command::new(SSHD).args(["-D", "-e", "-oUsePAM=yes", "-f", &config, "-u0"]));
    // A client that says nothing keeps a second process alive, which is no daemon.
    let connection = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    sleep(Duration::from_millis(200));
    let daemon = server.daemon().unwrap();
    assert_eq!(daemon.file, config);
    assert_eq!(daemon.running.len(), 1);
    let address: SocketAddr = ([127, 0, 0, 1], place.port).into();
    assert!(daemon.listens.len() == 1 && daemon.listens[0].address == Some(address), "{:?}", daemon.listens);
    let given: Vec<(char, &str)> =
        daemon.given.iter().map(|given| (given.flag, given.value.as_str())).collect();
    assert_eq!(given, [('o', "UsePAM=yes"), ('u', "0")]);
    // The blank in the name of the file makes the title ambiguous: `-u0` could be part of it.
    assert!(daemon.certain().is_err());
    drop((connection, server));

    let config = place.config("plain");
    let last = ["-f", &config, "-p", &place.port.to_string(), "-o", "PermitRootLogin no"].map(str::to_owned);
    let server = place.start(Command::new(SSHD).arg("-D4").args(&last));
    let daemon = server.daemon().unwrap();
    assert_eq!(daemon.certain(), Ok(()));
    let keyword = daemon.given.last().unwrap().keyword().unwrap();
    assert_eq!(keyword, ("permitrootlogin".to_owned(), "no"));
    assert_eq!(daemon.given.len(), 3);
}

#[test]
fn only_the_pid_file_tells_when_files_were_read_again() {
    let Some(place) = Place::new() else { return };
    let config = place.config("config");
    let server = place.start(Command::new(SSHD).args(["-D", "-f", &config]));
    let inode = |daemon: &Daemon| daemon.listens[0].at.text.clone();
    let before = server.daemon().unwrap();
    sleep(Duration::from_millis(2_100));
    fs::write(&config, fs::read(&config).unwrap()).unwrap();
    let changed = now();
    assert!(server.daemon().unwrap().stale(changed).is_some());
    server.reload();
    let after = server.daemon().unwrap();
    assert_eq!(after.stale(changed), None, "{after:?}");
    assert_eq!(before.running[0].started, after.running[0].started, "a reload is no start");
    assert_ne!(inode(&before), inode(&after), "the sockets are new ones");
    // Another process's PidFile is none of this one's.
    fs::write(place.path("config.pid"), "1\n").unwrap();
    assert!(server.daemon().unwrap().stale(changed).is_some());
}

#[test]
fn a_title_without_room_is_no_certainty() {
    let Some(place) = Place::new() else { return };
    let config = place.config("config");
    // The title may take the room of arguments and environment, and here is hardly any of the latter.
    let server = place.start(Command::new(SSHD).env_clear().args(["-D", "-f", &config, "-oUsePAM=no"]));
    let daemon = server.daemon().unwrap();
    let title = fs::read(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    let whole = String::from_utf8_lossy(&title).contains("[listener]");
    assert_eq!(daemon.certain().is_ok(), whole, "{daemon:?}");
    assert!(!whole, "the title had room after all: {}", String::from_utf8_lossy(&title));
}

#[test]
fn a_program_that_was_replaced_is_named_and_one_from_elsewhere_tells_its_file() {
    let Some(place) = Place::new() else { return };
    let program = place.path("sshd");
    fs::copy(SSHD, &program).unwrap();
    let key = place.path("key");
    let (key, port) = (key.to_str().unwrap(), place.port.to_string());
    let options = ["-D", "-h", key, "-p", &port, "-oListenAddress=127.0.0.1", "-oPidFile=none"];
    let server = place.start(Command::new(&program).args(options));
    let daemon = server.daemon().unwrap();
    assert_eq!((daemon.file.as_str(), daemon.certain()), ("/etc/ssh/sshd_config", Ok(())));
    assert_eq!((daemon.program.as_str(), daemon.replaced()), (program.to_str().unwrap(), None));
    fs::remove_file(&program).unwrap();
    fs::copy(SSHD, &program).unwrap();
    assert!(server.daemon().unwrap().replaced().is_some());
}
