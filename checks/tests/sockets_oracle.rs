//! Sockets that wait for somebody are those that ss shows, with their options, in every network namespace (root, Linux).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads what it guards, fails loudly and asks the real programs"
)]
#![cfg(target_os = "linux")]

// The readers under test are the agent's own.
#[path = "../../agent/src/host/diag.rs"]
mod diag;
#[path = "../../agent/src/host/netfilter.rs"]
#[allow(dead_code, reason = "the oracle asks for sockets only")]
mod netfilter;
#[path = "../../agent/src/host/netlink.rs"]
#[allow(dead_code, reason = "the oracle asks for sockets only")]
mod netlink;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks for sockets only")]
mod sys;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use checks::date::Timestamp;
use checks::facts::processes::{Process, Processes};
use checks::facts::sockets::{Protocol, Socket, Sockets};
use checks::host::{Query, Tree};
use say::left_out;

const OPEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/waiting_sockets/open.py");

#[test]
fn ss_shows_the_same_sockets() {
    if !nix::unistd::geteuid().is_root() {
        return left_out("needs root for a network namespace");
    }
    let missing: Vec<&str> = ["unshare", "nsenter", "ip", "ss", "python3"]
        .into_iter()
        .filter(|tool| !Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()))
        .collect();
    if !missing.is_empty() {
        return left_out(format!("{} not installed", missing.join(", ")));
    }
    // A process of its own, because /proc/net shows the namespace of the process.
    let output = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
        .env("HOSTDUTY_SOCKETS", "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.lines().filter_map(|line| line.strip_prefix("left out: ")).for_each(left_out);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "the other test starts it in a network namespace"]
fn inside_a_namespace() {
    if std::env::var_os("HOSTDUTY_SOCKETS").is_none() {
        return;
    }
    sh("ip link set lo up");
    let here = Holder::start("exec");
    let container = Holder::start(
        "exec unshare --net sh -euc 'ip link set lo up; ip addr add 192.0.2.77/32 dev lo; \
         ip addr add 2001:db8::77/128 dev lo; exec \"$@\"' sh",
    );
    let sockets = read();
    assert_eq!(shown(&sockets.list), ss(&[]));
    assert_eq!(sockets.list.len(), 18);

    let pid = container.0.id();
    let namespaces = sockets.namespaces.known().unwrap();
    let theirs = namespaces.iter().find(|namespace| namespace.pid == pid).expect("the container is seen");
    let inode = fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(format!("net:[{}]", theirs.inode), inode.to_str().unwrap());
    assert!(namespaces.iter().all(|namespace| namespace.pid != here.0.id()));
    let listed = theirs.sockets.known().unwrap();
    assert!(listed.iter().all(|socket| socket.device.is_none() && socket.ipv6_only.is_none()));
    let plain = |sockets: &BTreeSet<String>| -> BTreeSet<String> {
        sockets.iter().map(|one| one.split(" device").next().unwrap().to_owned()).collect()
    };
    let target = pid.to_string();
    assert_eq!(plain(&shown(listed)), plain(&ss(&["nsenter", "--net", "--target", &target])));
    let addresses: Vec<String> = theirs.addresses.known().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.0.2.77", "2001:db8::77"]);
    let facts = toml::to_string(&sockets).unwrap();
    assert_eq!(toml::from_str::<Sockets>(&facts).unwrap(), sockets);
}

/// A process that holds sockets until it is dropped.
struct Holder(Child);

impl Holder {
    fn start(how: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-euc", &format!("{how} \"$@\""), "sh", "python3", OPEN])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the sockets could not be opened");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn sh(script: &str) {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The facts from what the kernel shows.
fn read() -> Sockets {
    let mut host = Tree::new(Timestamp(0));
    let mut list = Vec::new();
    let pids =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    for pid in pids.filter(|name| name.parse::<u32>().is_ok()).chain(["self".to_owned()]) {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/net")) else { continue };
        host = host.link(&format!("/proc/{pid}/ns/net"), namespace.to_str().unwrap());
        for table in ["tcp", "tcp6", "udp", "udp6", "fib_trie", "if_inet6"] {
            let Ok(bytes) = fs::read(format!("/proc/{pid}/net/{table}")) else { continue };
            // /proc/net is a symlink to self/net.
            let folder = if pid == "self" { "/proc/net".to_owned() } else { format!("/proc/{pid}/net") };
            host = host.file(&format!("{folder}/{table}"), bytes);
        }
        list.extend(pid.parse().ok().map(|pid| Process { pid, ..Process::default() }));
    }
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for ipv6 in [false, true] {
            match diag::sockets(protocol, ipv6) {
                Ok(answer) => host = host.answer(Query::SocketDiag { protocol, ipv6 }, answer),
                Err(gap) => left_out(gap),
            }
        }
    }
    list.sort_by_key(|process| process.pid);
    let mut facts = checks::facts::begin(&host);
    facts.processes = Ok(Processes { list, ..Processes::default() }).into();
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "sockets").unwrap();
    (room.gather)(&host, &mut facts);
    facts.sockets.known().unwrap().clone()
}

fn shown(sockets: &[Socket]) -> BTreeSet<String> {
    let name = |index: Option<u32>| match index {
        Some(1) => "lo".to_owned(),
        Some(0) => String::new(),
        other => format!("{other:?}"),
    };
    sockets
        .iter()
        .map(|one| {
            let only = one.ipv6_only.unwrap_or(false);
            let transparent = one.transparent.map_or("unknown".to_owned(), |known| known.to_string());
            format!("{one} {} device {} only {only} transparent {transparent}", one.inode, name(one.device))
        })
        .collect()
}

/// What ss tells, in the same words.
fn ss(before: &[&str]) -> BTreeSet<String> {
    let words = [before, &["ss", "-H", "-l", "-n", "-t", "-u", "-e", "-O", "--inet-sockopt"]].concat();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (local, port) = words[4].rsplit_once(':').unwrap();
            let (address, device) = local.split_once('%').unwrap_or((local, ""));
            let address = if address == "*" { "[::]" } else { address };
            let of = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)).unwrap_or_default();
            // ss shows it for every socket of IPv6; it means something for `::` alone.
            let only = address == "[::]" && of("v6only:") == "1";
            let transparent = line.contains("transparent");
            format!(
                "{} {address}:{port} {} device {device} only {only} transparent {transparent}",
                words[0],
                of("ino:")
            )
        })
        .collect()
}
