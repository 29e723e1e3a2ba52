//! The packet filter as hostduty reads it from the kernel is the one that nft and iptables show (root, Linux).

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
mod rulesets;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks the kernel for rulesets only")]
mod sys;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use checks::date::Timestamp;
use checks::facts::ruleset::nftables::{Expression, Nftables, Rule, Verdict};
use checks::facts::ruleset::{IpFamily, Policy, Ruleset, legacy};
use checks::gap::GapKind;
use checks::host::{NftObject, Query, Tree};
use checks::reach;
use rulesets::{CASES, Case, OBJECTS, machine, neighbour, sets, shown};
use say::left_out;
use serde_json::Value;

#[test]
fn the_kernel_nft_and_iptables_agree() {
    if !nix::unistd::geteuid().is_root() {
        left_out("needs root for a network namespace");
        // Without nf_tables there is nothing to refuse; anything but a refusal would be a ruleset nobody was shown.
        match netfilter::nftables(NftObject::Rules) {
            Ok(rules) => assert!(rules.is_empty()),
            Err(gap) => assert!(matches!(gap.why, GapKind::Denied | GapKind::Unsupported), "{gap:?}"),
        }
        return;
    }
    let tools = [
        "unshare",
        "nsenter",
        "ip",
        "bash",
        "timeout",
        "nft",
        "iptables-nft",
        "ip6tables-nft",
        "iptables-legacy",
        "ip6tables-legacy",
    ];
    let missing: Vec<&str> = tools
        .into_iter()
        .filter(|tool| !Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()))
        .collect();
    if !missing.is_empty() {
        left_out(format!("{} not installed", missing.join(", ")));
        return;
    }
    let mut wrong = String::new();
    for case in CASES {
        // A process of its own, because /proc/net shows the namespace of the process and not of the thread.
        let output = Command::new("unshare")
            .args(["--net", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
            .env("HOSTDUTY_RULESET", case.name)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() || !said.contains("1 passed") {
            wrong += &format!("{}: {said}\n", case.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "the other test starts it, once for each ruleset, in a network namespace"]
fn inside_a_namespace() {
    let Ok(name) = std::env::var("HOSTDUTY_RULESET") else { return };
    let case = CASES.iter().find(|case| case.name == name).unwrap();
    let peer = Peer::new();
    let load = Command::new("sh").args(["-euc", case.load]).output().unwrap();
    assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
    let host = dump();
    if std::env::var_os("HOSTDUTY_UPDATE").is_some() {
        record(case);
    }
    let ruleset = gather(&host);
    same_as_nft(ruleset.nftables.known().unwrap());
    same_as_iptables(ruleset.legacy_ipv4.known().unwrap(), "iptables-legacy-save");
    same_as_iptables(ruleset.legacy_ipv6.known().unwrap(), "ip6tables-legacy-save");
    for (family, wanted) in [IpFamily::V4, IpFamily::V6].into_iter().zip(case.outcome) {
        let answer = neighbour(&machine(ruleset.clone()), family);
        assert_eq!(shown(&answer), wanted, "{family}: {:?}", answer.trace);
        match answer.verdict {
            reach::Verdict::Drop | reach::Verdict::Reject => {
                assert!(!peer.connects(family), "{family} came through");
            }
            reach::Verdict::Accept => assert!(peer.connects(family), "{family} did not come through"),
            reach::Verdict::Unknown => {}
        }
    }
    let facts = toml::to_string(&ruleset).unwrap();
    assert_eq!(toml::from_str::<Ruleset>(&facts).unwrap(), ruleset);
}

/// Another machine: a network namespace at the other end of a cable.
struct Peer {
    holder: Child,
    /// Here: a port and addresses that no ruleset speaks about.
    _listeners: [TcpListener; 2],
}

const HERE: [&str; 2] = ["172.31.7.1:40001", "[fd57::1]:40001"];

impl Peer {
    fn new() -> Self {
        let holder = Command::new("unshare").args(["--net", "--", "sleep", "60"]).spawn().unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = format!("/proc/{}/ns/net", holder.id());
        while std::fs::read_link(&theirs).is_ok_and(|namespace| namespace == own) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let script = format!(
            "ip link add cable type veth peer name cable netns {pid}
             side() {{ for command in 'link set lo up' 'link set cable up' \"addr add 172.31.7.$1/24 dev cable\" \
                 \"addr add fd57::$1/64 dev cable nodad\"; do $2 ip $command; done; }}
             side 1 ''
             side 2 'nsenter --net --target {pid}'",
            pid = holder.id()
        );
        let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let listen = |address: &str| TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
        Self { holder, _listeners: HERE.map(listen) }
    }

    /// Whether a new connection from there arrives.
    fn connects(&self, family: IpFamily) -> bool {
        let host = if family == IpFamily::V4 { "172.31.7.1" } else { "fd57::1" };
        Command::new("nsenter")
            .args(["--net", "--target", &self.holder.id().to_string(), "timeout", "0.5", "bash", "-c"])
            .arg(format!("exec 3<>/dev/tcp/{host}/40001"))
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.holder.kill().unwrap();
        self.holder.wait().unwrap();
    }
}

fn gather(host: &Tree) -> Ruleset {
    let mut facts = checks::facts::begin(host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "ruleset").unwrap();
    (room.gather)(host, &mut facts);
    facts.ruleset.known().unwrap().clone()
}

/// The kernel's answers as a host.
fn dump() -> Tree {
    let mut host = Tree::new(Timestamp(0)).file("/proc/net/dev", "");
    for (object, _) in OBJECTS {
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
    host
}

/// Writes the answers to the folder that `ruleset_recorded.rs` reads.
fn record(case: &Case) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rulesets").join(case.name);
    std::fs::create_dir_all(&dir).unwrap();
    for (object, name) in OBJECTS {
        std::fs::write(dir.join(name), netfilter::nftables(object).unwrap()).unwrap();
    }
    for (family, table, set) in sets(&netfilter::nftables(NftObject::Sets).unwrap()) {
        let answer = netfilter::nftables_elements(family, &table, &set).unwrap();
        std::fs::write(dir.join(format!("elements-{family}-{table}-{set}")), answer).unwrap();
    }
    for (path, ipv6, prefix) in
        [("/proc/net/ip_tables_names", false, "ip-"), ("/proc/net/ip6_tables_names", true, "ip6-")]
    {
        let Ok(names) = std::fs::read_to_string(path) else { continue };
        for table in names.lines() {
            let answer = netfilter::legacy_table(ipv6, table).unwrap();
            std::fs::write(dir.join(format!("{prefix}{table}")), answer).unwrap();
        }
    }
}

fn same_as_nft(ours: &Nftables) {
    let output = Command::new("nft").args(["-j", "-a", "list", "ruleset"]).output().unwrap();
    assert!(output.status.success());
    let listing: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |kind: &str| -> Vec<Value> {
        listing["nftables"].as_array().unwrap().iter().filter_map(|one| one.get(kind)).cloned().collect()
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let tables: Vec<_> = list("table").iter().map(|one| (text(one, "family"), text(one, "name"))).collect();
    let ours_tables: Vec<_> =
        ours.tables.iter().map(|table| (table.family.name().to_owned(), table.name.clone())).collect();
    assert_eq!(ours_tables, tables);
    let (chains, rules) = (list("chain"), list("rule"));
    let (mut seen_chains, mut seen_rules) = (0, 0);
    for table in &ours.tables {
        for chain in &table.chains {
            let of = |one: &&Value, key: &str| {
                text(one, "family") == table.family.name()
                    && text(one, "table") == table.name
                    && text(one, key) == chain.name
            };
            let theirs = chains.iter().find(|one| of(one, "name")).expect("nft does not show the chain");
            seen_chains += 1;
            assert_eq!(theirs["handle"].as_u64(), Some(chain.handle));
            assert_eq!(theirs.get("hook").is_some(), chain.base.is_some());
            if let Some(base) = &chain.base {
                let hook = format!("{:?}", base.hook).to_lowercase();
                let policy = if base.policy == Policy::Drop { "drop" } else { "accept" };
                assert_eq!((text(theirs, "type"), text(theirs, "hook")), (base.kind.clone(), hook));
                assert_eq!(text(theirs, "policy"), policy);
                assert_eq!(theirs["prio"].as_i64(), Some(i64::from(base.priority)));
                // Versions of nft differ in whether they show the device as JSON.
                if let Some(device) = theirs["dev"].as_str() {
                    assert_eq!(base.devices, [device]);
                }
            }
            let theirs: Vec<&Value> = rules.iter().filter(|one| of(one, "chain")).collect();
            let handles: Vec<u64> = theirs.iter().map(|one| one["handle"].as_u64().unwrap()).collect();
            assert_eq!(chain.rules.iter().map(|rule| rule.handle).collect::<Vec<_>>(), handles);
            for (rule, theirs) in chain.rules.iter().zip(theirs) {
                seen_rules += 1;
                assert_eq!(verdict(rule), nft_verdict(theirs), "{rule:?}\n{theirs}");
            }
        }
    }
    assert_eq!((seen_chains, seen_rules), (chains.len(), rules.len()));
}

/// How a rule ends, in nft's words.
fn verdict(rule: &Rule) -> String {
    rule.expressions
        .iter()
        .find_map(|expression| match expression {
            Expression::Verdict(Verdict::Accept) => Some("accept".to_owned()),
            Expression::Verdict(Verdict::Drop) => Some("drop".to_owned()),
            Expression::Verdict(Verdict::Return) => Some("return".to_owned()),
            Expression::Verdict(Verdict::Jump(chain)) => Some(format!("jump {chain}")),
            Expression::Verdict(Verdict::Goto(chain)) => Some(format!("goto {chain}")),
            Expression::Reject { .. } => Some("reject".to_owned()),
            Expression::Lookup { destination: Some(0), .. } => Some("vmap".to_owned()),
            Expression::Nat { .. } => Some("dnat".to_owned()),
            Expression::Masquerade => Some("masquerade".to_owned()),
            _ => None,
        })
        .unwrap_or_default()
}

fn nft_verdict(rule: &Value) -> String {
    let expressions = rule["expr"].as_array().unwrap();
    expressions
        .iter()
        .find_map(|one| {
            let (key, value) = one.as_object()?.iter().next()?;
            match key.as_str() {
                "accept" | "drop" | "return" | "reject" | "vmap" | "dnat" | "masquerade" => Some(key.clone()),
                "jump" | "goto" => Some(format!("{key} {}", value["target"].as_str()?)),
                _ => None,
            }
        })
        .unwrap_or_default()
}

fn same_as_iptables(ours: &[legacy::Table], save: &str) {
    let output = Command::new(save).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    // Table, then chains with policy, then rules with whether they test something and what they do.
    let mut theirs = Vec::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split(' ');
            let (name, policy) = (words.next().unwrap(), words.next().unwrap());
            theirs.push(format!("{table} {name} {}", policy.to_lowercase()));
        } else if let Some(rule) = line.strip_prefix("-A ") {
            let words: Vec<&str> = rule.split(' ').collect();
            let target = words.iter().position(|word| matches!(*word, "-j" | "-g"));
            let tests = target.unwrap_or(words.len()) > 1;
            let target = target.map(|at| words[at..at + 2].join(" ")).unwrap_or_default();
            theirs.push(format!("{table} {} {tests} {target}", words[0]));
        }
    }
    let mut mine = Vec::new();
    for table in ours {
        for chain in &table.chains {
            let policy = match &chain.base {
                None => "-",
                Some(base) if base.policy == Policy::Drop => "drop",
                Some(_) => "accept",
            };
            mine.push(format!("{} {} {policy}", table.name, chain.name));
            for rule in &chain.rules {
                let target = match &rule.target {
                    legacy::Target::Accept => "-j ACCEPT".to_owned(),
                    legacy::Target::Drop => "-j DROP".to_owned(),
                    legacy::Target::Queue => "-j QUEUE".to_owned(),
                    legacy::Target::Return => "-j RETURN".to_owned(),
                    legacy::Target::Continue => String::new(),
                    legacy::Target::Jump(name) => format!("-j {name}"),
                    legacy::Target::Extension(target) => format!("-j {}", target.name()),
                    legacy::Target::Goto(name) => format!("-g {name}"),
                    legacy::Target::Other(verdict) => format!("verdict {verdict}"),
                };
                mine.push(format!(
                    "{} {} {} {target}",
                    table.name,
                    chain.name,
                    !rule.takes_all() || !rule.matches.is_empty()
                ));
            }
        }
    }
    // iptables-save prints other orders of tables and chains; a stable sort by those keeps the order of the rules.
    let place = |line: &String| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
    mine.sort_by_key(place);
    theirs.sort_by_key(place);
    assert_eq!(mine, theirs, "{text}");
}
