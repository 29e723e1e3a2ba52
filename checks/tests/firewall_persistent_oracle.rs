//! What nft, iptables and ufw have loaded from a file is what hostduty reads in that file; what was changed since is
//! told (root, Linux).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]
#![cfg(target_os = "linux")]

// The reader under test is the agent's own.
#[path = "../../agent/src/host/netfilter.rs"]
mod netfilter;
#[path = "../../agent/src/host/netlink.rs"]
mod netlink;
mod saved_rules;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks the kernel for rulesets only")]
mod sys;

use std::io::Write;
use std::process::{Command, Stdio};

use checks::check::{Judgement, Verdict};
use checks::date::Timestamp;
use checks::facts::Facts;
use checks::gap::Reading;
use checks::host::{NftObject, Query, Tree};
use checks::policy::Policy;
use saved_rules::{CHANGES, Change, IPTABLES, IPTABLES_CHANGES, RULES};
use say::left_out;

#[test]
fn what_is_loaded_from_a_file_is_the_file() {
    if !nix::unistd::geteuid().is_root() {
        left_out("needs root for a network namespace");
        return;
    }
    let tools = ["unshare", "nft", "iptables-nft-restore", "iptables-legacy-restore"];
    let has =
        |tool: &&str| Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success());
    if let Some(missing) = tools.iter().find(|tool| !has(tool)) {
        left_out(format!("{missing} not installed"));
        return;
    }
    let mut wrong = String::new();
    for part in ["nft", "examples", "iptables-nft", "iptables-legacy", "ufw"] {
        let output = Command::new("unshare")
            .args(["--net", "--mount", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
            .env("HOSTDUTY_PART", part)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || !said.contains("1 passed") {
            wrong += &format!("{part}: {said}\n");
        }
        for line in said.lines().filter(|line| line.starts_with("left out")) {
            eprintln!("{line}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "the other test starts it in a network namespace"]
fn inside_a_namespace() {
    let Ok(part) = std::env::var("HOSTDUTY_PART") else { return };
    match part.as_str() {
        "nft" => nft(),
        "examples" => examples(),
        "ufw" => ufw(),
        tool => iptables(tool),
    }
}

/// Runs a program with this on its standard input.
fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

const OBJECTS: [NftObject; 6] = [
    NftObject::Tables,
    NftObject::Chains,
    NftObject::Rules,
    NftObject::Sets,
    NftObject::Objects,
    NftObject::Flowtables,
];

/// Family, table and name of each set in a dump of them: its first two attributes.
fn sets(mut dump: &[u8]) -> Vec<(u8, String, String)> {
    let mut found = Vec::new();
    while let Some(length) = dump.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) {
        let mut name = {
            let mut at = 20;
            move || {
                let length = usize::from(u16::from_ne_bytes([dump[at], dump[at + 1]]));
                let name = String::from_utf8(dump[at + 4..at + length - 1].to_vec()).unwrap();
                at += length.next_multiple_of(4);
                name
            }
        };
        found.push((dump[16], name(), name()));
        dump = &dump[length.next_multiple_of(4)..];
    }
    found
}

/// The kernel's answers as a host, with these files.
fn judge(unit: &str, files: &[(&str, &str)]) -> Judgement {
    let mut host = Tree::new(Timestamp(0)).file("/proc/net/dev", "").file("/proc/net/if_inet6", "");
    for object in OBJECTS {
        host = host.answer(Query::Nftables(object), netfilter::nftables(object).unwrap());
    }
    for (family, table, set) in sets(&netfilter::nftables(NftObject::Sets).unwrap()) {
        let answer = netfilter::nftables_elements(family, &table, &set).unwrap();
        host = host.answer(Query::NftElements { family, table, set }, answer);
    }
    for (path, ipv6) in [("/proc/net/ip_tables_names", false), ("/proc/net/ip6_tables_names", true)] {
        let Ok(names) = std::fs::read_to_string(path) else { continue };
        for table in names.lines() {
            let answer = netfilter::legacy_table(ipv6, table).unwrap();
            host = host.answer(Query::LegacyTable { ipv6, table: table.to_owned() }, answer);
        }
        host = host.file(path, names);
    }
    for (path, text) in files {
        host = host.file(path, text);
    }
    let mut facts = checks::facts::begin(&host);
    let known = format!(
        "init = \"systemd\"\n[units.\"{unit}\"]\nstate = \"enabled\"\npath = \"/lib/systemd/system/{unit}\"\n"
    );
    facts.units = Reading::Known(toml::from_str(&known).unwrap());
    for name in ["ruleset", "firewall_boot"] {
        let room = checks::facts::ROOMS.iter().find(|room| room.name == name).unwrap();
        (room.gather)(&host, &mut facts);
    }
    let text = toml::to_string(&facts).unwrap();
    assert_eq!(toml::from_str::<Facts>(&text).unwrap(), facts);
    let check = checks::registry::CHECKS.iter().find(|check| check.id == "firewall-persistent").unwrap();
    (check.judge)(&facts, &Policy::default()).unwrap()
}

fn check(judgement: &Judgement, change: &Change) {
    let said = format!("{judgement:?}");
    assert_eq!(judgement.verdict(), change.verdict, "{}: {said}", change.name);
    assert!(said.contains(change.says), "{}: {said}", change.name);
}

const CONF: &str = "/etc/nftables.conf";

fn nft() {
    // Rule by rule, so that what fails has a name.
    let mut wrong = String::new();
    for rule in RULES {
        let file = format!(
            "flush ruleset\ntable inet f {{\n set blocked {{ type ipv4_addr; flags interval; elements = {{ 192.0.2.0/24, \
             198.51.100.7 }}; }}\n map where {{ type inet_service : verdict; elements = {{ 22 : accept, 23 : drop }}; }}\n \
             chain other {{ }}\n chain input {{ type filter hook input priority filter; policy drop;\n {rule}\n }}\n}}\n"
        );
        run("nft", &["-f", "-"], &file).unwrap_or_else(|error| panic!("{rule}: {error}"));
        for text in [file, run("nft", &["list", "ruleset"], "").unwrap()] {
            let judgement = judge("nftables.service", &[(CONF, &text)]);
            if judgement.verdict() != Verdict::Pass {
                wrong += &format!("{rule}: {:?} {:?}\n", judgement.findings, judgement.unknowns);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for change in CHANGES {
        run("nft", &["-f", "-"], saved_rules::FILE).unwrap();
        run("nft", &["-f", "-"], change.with).unwrap_or_else(|error| panic!("{}: {error}", change.name));
        check(&judge("nftables.service", &[(CONF, saved_rules::FILE)]), change);
    }
}

fn examples() {
    let folder = "/usr/share/doc/nftables/examples";
    let Ok(names) = std::fs::read_dir(folder) else { return left_out(format!("{folder} is not there")) };
    let mut compared = 0;
    for entry in names {
        let path = entry.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        run("nft", &["flush", "ruleset"], "").unwrap();
        let Ok(_) = run("nft", &["-f", "-"], &text) else { continue };
        let judgement = judge("nftables.service", &[(CONF, &text)]);
        let strange =
            judgement.findings.iter().find(|finding| !finding.message.starts_with("does not exist now"));
        assert_eq!(strange, None, "{}", path.display());
        assert!(!format!("{judgement:?}").contains("lets less in"), "{}: {judgement:?}", path.display());
        let told =
            judgement.observations.iter().any(|one| one.message.contains("is what nftables.service loads"));
        let shown = if told { "same".to_owned() } else { format!("{:?}", judgement.unknowns) };
        eprintln!("{}: {shown}", path.display());
        compared += usize::from(told);
    }
    assert!(compared >= 1, "no example was compared to its end");
}

fn iptables(tool: &str) {
    let restore = format!("{tool}-restore");
    let restore6 = restore.replace("iptables", "ip6tables");
    let v6 = "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -s fe80::/10 -p udp --dport 546 -j ACCEPT\nCOMMIT\n";
    let paths = ["/etc/iptables/rules.v4", "/etc/iptables/rules.v6"];
    let unit = "netfilter-persistent.service";
    run(&restore6, &[], v6).unwrap();
    let mut wrong = String::new();
    for rule in IPTABLES {
        let text = format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:user - [0:0]\n-A INPUT {rule}\nCOMMIT\n"
        );
        if let Err(error) = run(&restore, &[], &text) {
            panic!("{rule}: {error}");
        }
        let saved = run(&format!("{tool}-save"), &[], "").unwrap();
        for text in [text, saved] {
            let judgement = judge(unit, &[(paths[0], &text), (paths[1], v6)]);
            if judgement.verdict() != Verdict::Pass {
                wrong += &format!("{tool} {rule}: {:?} {:?}\n", judgement.findings, judgement.unknowns);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for change in IPTABLES_CHANGES {
        run(&restore, &[], saved_rules::IPTABLES_FILE).unwrap();
        run("sh", &["-euc", &change.with.replace("iptables", tool)], "").unwrap();
        check(&judge(unit, &[(paths[0], saved_rules::IPTABLES_FILE), (paths[1], v6)]), change);
    }
}

/// Loads what ufw keeps as its own script does, into this namespace alone.
fn ufw() {
    let script = "/lib/ufw/ufw-init";
    if !std::path::Path::new(script).exists() {
        return left_out("ufw is not installed");
    }
    // Its folder, seen by this process and its children alone.
    let folder = std::env::temp_dir().join(format!("hostduty-ufw-{}", std::process::id()));
    let user = saved_rules::UFW_USER;
    let mount = format!(
        "mount --make-rprivate / && mkdir -p {0} && cp -a /etc/ufw {0}/ufw && cp /etc/default/ufw {0}/default && \
         mount --bind {0}/ufw /etc/ufw && mount --bind {0}/default /etc/default/ufw && echo ENABLED=yes >/etc/ufw/ufw.conf \
         && cat >/etc/ufw/user.rules && sed s/IPT_SYSCTL=.*/IPT_SYSCTL=/ {0}/default >{0}/new && cat {0}/new >/etc/default/ufw",
        folder.display()
    );
    run("sh", &["-euc", &mount], user).unwrap();
    let started = run(script, &["start"], "");
    let judged = || {
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        let files: Vec<(&str, String)> = [
            "/etc/ufw/ufw.conf",
            "/etc/default/ufw",
            "/etc/ufw/before.rules",
            "/etc/ufw/after.rules",
            "/etc/ufw/user.rules",
            "/etc/ufw/before6.rules",
            "/etc/ufw/after6.rules",
            "/etc/ufw/user6.rules",
        ]
        .map(|path| (path, read(path)))
        .to_vec();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        judge("ufw.service", &files)
    };
    let fresh = started.is_ok().then(judged);
    let reject = run("iptables", &["-I", "ufw-user-input", "-p", "tcp", "--dport", "3306", "-j", "DROP"], "");
    let changed = reject.is_ok().then(judged);
    std::fs::remove_dir_all(&folder).ok();
    started.unwrap();
    let fresh = fresh.unwrap();
    assert_eq!(fresh.verdict(), Verdict::Pass, "{fresh:?}");
    let changed = changed.unwrap();
    assert_eq!(changed.verdict(), Verdict::Fail, "{changed:?}");
    assert!(format!("{changed:?}").contains("--dport 3306"), "{changed:?}");
}
