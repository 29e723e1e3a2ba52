//! Programs of BPF and filters of tc that are really attached are seen, and nothing else is (root, Linux).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads what it guards, fails loudly and asks the real programs"
)]
#![cfg(target_os = "linux")]

// The readers under test are the agent's own.
#[path = "../../agent/src/host/bpf.rs"]
mod bpf;
#[path = "../../agent/src/host/netlink.rs"]
#[allow(dead_code, reason = "the oracle asks for less than the agent")]
mod netlink;
#[path = "../../agent/src/host/route.rs"]
mod route;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks the kernel for programs only")]
mod sys;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use checks::date::Timestamp;
use checks::facts::network::{Bpf, BpfHook};
use checks::gap::{Gap, GapKind};
use checks::host::{BpfObject, Query, RouteObject, Tree};
use say::left_out;

#[test]
fn what_is_attached_is_seen() {
    if !nix::unistd::geteuid().is_root() {
        left_out("needs root for a network namespace");
        // Only a kernel without BPF has no programs that an ordinary user could overlook.
        if std::path::Path::new("/proc/sys/kernel/unprivileged_bpf_disabled").exists() {
            let refused = bpf::programs(BpfObject::Netfilter).unwrap_err();
            assert!(matches!(refused.why, GapKind::Denied | GapKind::Unsupported), "{refused:?}");
        }
        return;
    }
    let missing: Vec<&str> = ["unshare", "setpriv", "ip", "tc", "python3"]
        .into_iter()
        .filter(|tool| !Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()))
        .collect();
    if !missing.is_empty() {
        return left_out(format!("{} not installed", missing.join(", ")));
    }
    let namespace: &[&str] = &["unshare", "--net", "--"];
    let unit = ["setpriv", "--bounding-set=-sys_admin,-bpf,-perfmon"];
    let nobody = ["setpriv", "--bounding-set=-sys_admin,-bpf,-perfmon,-net_admin"];
    for (name, before, privilege) in [
        ("inside_a_namespace", namespace, "all"),
        ("with_less_privilege", &unit, "network"),
        ("with_less_privilege", &nobody, "none"),
    ] {
        let output = Command::new(before[0])
            .args(&before[1..])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", name, "--nocapture"])
            .env("HOSTDUTY_BPF", privilege)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        said.lines().filter_map(|line| line.strip_prefix("left out: ")).for_each(left_out);
        assert!(output.status.success() && said.contains("1 passed"), "{privilege}: {said}");
    }
}

#[test]
#[ignore = "the other test starts it in a network namespace"]
fn inside_a_namespace() {
    if std::env::var_os("HOSTDUTY_BPF").is_none() {
        return;
    }
    assert_eq!(ours(&read().unwrap()), Vec::<(BpfHook, &str, &str)>::new());
    sh("ip link add first type veth peer name second; ip link set first up; ip link set second up
        tc qdisc add dev second clsact");
    assert_eq!(ours(&read().unwrap()), Vec::<(BpfHook, &str, &str)>::new(), "a qdisc alone filters nothing");
    let mut wanted = vec![(BpfHook::Tc, "first", "u32"), (BpfHook::TcEgress, "second", "u32")];
    sh("tc qdisc add dev first ingress
        tc filter add dev first parent ffff: protocol ip u32 match u32 0 0 classid 1:1
        tc filter add dev second egress protocol ip u32 match u32 0 0 classid 1:1");
    let group = cgroup2().map(|mount| format!("{mount}/hostduty-oracle {}", std::process::id()));
    let index =
        String::from_utf8(Command::new("ip").args(["-o", "link", "show", "first"]).output().unwrap().stdout);
    let index = index.unwrap().split(':').next().unwrap().to_owned();
    let mut holder = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bpf_programs/attach.py"))
        .args([group.as_deref().unwrap_or_default(), &index])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let name = group.as_deref().map(|group| group.rsplit('/').next().unwrap()).unwrap_or_default();
    let place = format!("/{name}");
    for line in BufReader::new(holder.stdout.take().unwrap()).lines() {
        match line.unwrap().as_str() {
            "xdp" => wanted.push((BpfHook::Xdp, "first", "")),
            "tc" => wanted.push((BpfHook::Tc, "first", "on_tcx")),
            "tc-egress" => wanted.push((BpfHook::TcEgress, "first", "on_tcx_out")),
            "socket-lookup" => wanted.push((BpfHook::SocketLookup, "", "on_lookup")),
            "netfilter" => wanted.push((BpfHook::Netfilter, "ip input", "on_netfilter")),
            "control-group" => wanted.push((BpfHook::ControlGroup, &place, "on_ingress")),
            "ready" => break,
            other => println!("{}", other.replacen("left out", "left out:", 1)),
        }
    }
    assert!(wanted.len() > 3, "no program could be attached: {wanted:?}");
    wanted.sort();
    let found = read();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(ours(&found.unwrap()), wanted);
    assert_eq!(ours(&read().unwrap()), [(BpfHook::Tc, "first", "u32"), (BpfHook::TcEgress, "second", "u32")]);
}

#[test]
#[ignore = "the other test starts it with less privilege each time"]
fn with_less_privilege() {
    let Ok(privilege) = std::env::var("HOSTDUTY_BPF") else { return };
    let whole = [BpfObject::Interface(1), BpfObject::Namespace, BpfObject::ControlGroups];
    for object in whole {
        let asked = bpf::programs(object);
        match privilege.as_str() {
            "network" => assert!(asked.is_ok(), "{object:?}: {asked:?}"),
            _ => assert_eq!(asked.unwrap_err().why, GapKind::Denied, "{object:?}"),
        }
    }
    // The kernel lists links to nobody else; one that has no links of netfilter says so in its types.
    match bpf::programs(BpfObject::Netfilter) {
        Ok(none) => {
            assert!(none.is_empty());
            let types = std::fs::read("/sys/kernel/btf/vmlinux").unwrap();
            assert!(!types.windows(11).any(|window| window == b"bpf_nf_link"));
        }
        Err(gap) => assert_eq!(gap.why, GapKind::Denied),
    }
    if privilege == "none" {
        assert_eq!(read().unwrap_err().why, GapKind::Offline, "what was refused is no answer");
    }
}

/// The programs that this test attached: others on the machine are none of its business.
fn ours(found: &[Bpf]) -> Vec<(BpfHook, &str, &str)> {
    found
        .iter()
        .filter(|one| one.hook != BpfHook::ControlGroup || one.place.contains("hostduty-oracle"))
        .map(|one| (one.hook, one.place.as_str(), one.name.as_str()))
        .collect()
}

fn sh(script: &str) {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn cgroup2() -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points: Vec<&str> = mounts
        .lines()
        .filter(|line| line.contains(" - cgroup2 "))
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    points
        .iter()
        .find(|point| point.starts_with("/sys/fs/cgroup"))
        .or(points.first())
        .map(|&point| point.to_owned())
}

fn read() -> Result<Vec<Bpf>, Gap> {
    let mut host = Tree::new(Timestamp(0)).file("/proc/sys/net/ipv4/ip_forward", "0\n");
    let interfaces: Vec<u32> = (1..=9).collect();
    let mut objects = vec![
        RouteObject::Links,
        RouteObject::Addresses,
        RouteObject::Routes,
        RouteObject::Rules,
        RouteObject::Qdiscs,
    ];
    for interface in &interfaces {
        objects.extend([false, true].map(|egress| RouteObject::Filters { interface: *interface, egress }));
    }
    for object in objects {
        if let Ok(answer) = route::dump_of(object) {
            host = host.answer(Query::Route(object), answer);
        }
    }
    let places = interfaces.into_iter().map(BpfObject::Interface);
    for object in places.chain([BpfObject::Namespace, BpfObject::ControlGroups, BpfObject::Netfilter]) {
        if let Ok(answer) = bpf::programs(object) {
            host = host.answer(Query::Bpf(object), answer);
        }
    }
    let mut facts = checks::facts::begin(&host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "network").unwrap();
    (room.gather)(&host, &mut facts);
    let network = facts.network.known().unwrap();
    let mut found = network.bpf.known()?.clone();
    found.extend(network.bpf_netfilter.known()?.iter().cloned());
    Ok(found)
}
