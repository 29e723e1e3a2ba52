//! Rules of iptables and sets of ipset, loaded into the kernel, are read back word for word as iptables-save and
//! `ipset save` write them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]
#![cfg(target_os = "linux")]

// The readers under test are the agent's own.
#[path = "../../agent/src/host/ipset.rs"]
mod ipset;
#[path = "../../agent/src/host/netfilter.rs"]
#[allow(dead_code, reason = "the test asks for rules only")]
mod netfilter;
#[path = "../../agent/src/host/netlink.rs"]
#[allow(dead_code, reason = "the test asks for rules only")]
mod netlink;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks the kernel for rulesets only")]
mod sys;
mod xtables;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::ruleset::nftables::Expression;
use checks::facts::ruleset::{Ruleset, legacy, xtables as facts};
use checks::host::{NftObject, Query, Tree};
use say::left_out;
use xtables::{RULES, SETS, Written};

#[test]
fn rules_and_sets_read_as_their_own_tools_write_them() {
    if !nix::unistd::geteuid().is_root() {
        left_out("needs root for a network namespace");
        return;
    }
    let tools = [
        "unshare",
        "ipset",
        "iptables-legacy",
        "ip6tables-legacy",
        "iptables-nft",
        "iptables-legacy-save",
        "ip6tables-legacy-save",
    ];
    let found =
        |tool: &&str| Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success());
    let missing: Vec<&str> = tools.into_iter().filter(|tool| !found(tool)).collect();
    if !missing.is_empty() {
        left_out(format!("{} not installed", missing.join(", ")));
        return;
    }
    let output = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
        .env("HOSTDUTY_XTABLES", "1")
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    if let Some(refused) = said.lines().find_map(|line| line.strip_prefix("refused: ")) {
        left_out(format!("what this kernel has no module for: {refused}"));
    }
}

#[test]
#[ignore = "the other test starts it, in a network namespace"]
fn inside_a_namespace() {
    if std::env::var_os("HOSTDUTY_XTABLES").is_none() {
        return;
    }
    let mut refused = Vec::new();
    for line in SETS.lines().filter(|line| !line.is_empty()) {
        // Elements of a set that could not be made are refused too.
        if !run("ipset", &words(line)) {
            refused.push(line.to_owned());
        }
    }
    let recording = std::env::var_os("HOSTDUTY_UPDATE").is_some();
    for (tool, rules) in [("iptables", of(false)), ("ip6tables", of(true))] {
        let mut seen = BTreeSet::new();
        for rule in rules {
            // One rule of each kind is enough to start fuzzing from.
            if recording && kinds(rule.rule).all(|kind| !seen.insert(kind)) {
                continue;
            }
            let mut arguments =
                vec!["-t".to_owned(), rule.table.to_owned(), "-A".to_owned(), rule.chain.to_owned()];
            arguments.extend(words(rule.rule));
            if !run(&format!("{tool}-legacy"), &arguments) {
                refused.push(format!("{tool} {}", rule.rule));
            }
            run(&format!("{tool}-nft"), &arguments);
        }
    }
    eprintln!("refused: {}", refused.join("; "));
    if recording {
        record();
        return;
    }
    // Anything but a kernel with few modules loads most of them.
    assert!(refused.len() < RULES.len() / 3, "{refused:#?}");
    let ruleset = gather();
    same_rules(ruleset.legacy_ipv4.known().unwrap(), "iptables-legacy-save");
    same_rules(ruleset.legacy_ipv6.known().unwrap(), "ip6tables-legacy-save");
    same_extensions(&ruleset);
    same_sets(&ruleset);
    let text = toml::to_string(&ruleset).unwrap();
    assert_eq!(toml::from_str::<Ruleset>(&text).unwrap(), ruleset);
}

fn of(ipv6: bool) -> impl Iterator<Item = &'static Written> {
    RULES.iter().filter(move |rule| match rule.family {
        "both" => true,
        "4" => !ipv6,
        _ => ipv6,
    })
}

/// The matches and the target that a rule names.
fn kinds(rule: &str) -> impl Iterator<Item = &str> {
    rule.split(' ')
        .zip(rule.split(' ').skip(1))
        .filter(|(option, _)| matches!(*option, "-m" | "-j"))
        .map(|(_, name)| name)
}

/// Writes what the kernel answers as seeds of the fuzz target, which splits an input at `%%`.
fn record() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/xtables");
    let table = |ipv6, table| netfilter::legacy_table(ipv6, table).unwrap();
    let parts = [
        table(false, "filter"),
        table(true, "filter"),
        table(false, "mangle"),
        table(true, "nat"),
        ipset::sets().unwrap(),
        b"src=192.0.2.1 ttl: 64 last_seen: 4294900000 oldest_pkt: 1 4294900000\n".to_vec(),
    ];
    std::fs::write(seeds.join("every-kind"), parts.join(&b"%%\n"[..])).unwrap();
}

/// Words as a shell cuts them, with quotes but no escapes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

fn run(program: &str, arguments: &[String]) -> bool {
    Command::new(program).args(arguments).output().unwrap().status.success()
}

fn gather() -> Ruleset {
    let mut host = Tree::new(Timestamp(0)).file("/proc/net/dev", "");
    for object in [NftObject::Tables, NftObject::Chains, NftObject::Rules, NftObject::Sets] {
        host = host.answer(Query::Nftables(object), netfilter::nftables(object).unwrap());
    }
    for object in [NftObject::Objects, NftObject::Flowtables] {
        host = host.answer(Query::Nftables(object), netfilter::nftables(object).unwrap());
    }
    host = host.answer(Query::IpSets, ipset::sets().unwrap());
    for (path, ipv6) in [("/proc/net/ip_tables_names", false), ("/proc/net/ip6_tables_names", true)] {
        let names = std::fs::read_to_string(path).unwrap();
        for table in names.lines() {
            let answer = netfilter::legacy_table(ipv6, table).unwrap();
            host = host.answer(Query::LegacyTable { ipv6, table: table.to_owned() }, answer);
        }
        host = host.file(path, names);
    }
    if let Ok(lists) = std::fs::read_dir("/proc/net/xt_recent") {
        for list in lists {
            let path = list.unwrap().path();
            host = host.file(path.to_str().unwrap(), std::fs::read(&path).unwrap());
        }
    }
    let mut facts = checks::facts::begin(&host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "ruleset").unwrap();
    (room.gather)(&host, &mut facts);
    facts.ruleset.known().unwrap().clone()
}

fn saved(program: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn same_rules(tables: &[legacy::Table], save: &str) {
    let mut table = String::new();
    let mut theirs = Vec::new();
    for line in saved(save, &[]) {
        match line.strip_prefix('*') {
            Some(name) => table = name.to_owned(),
            None if line.starts_with("-A") => theirs.push(format!("{table}: {line}")),
            None => {}
        }
    }
    let mut ours = Vec::new();
    for table in tables {
        for chain in &table.chains {
            for rule in &chain.rules {
                ours.push(format!("{}: {}", table.name, facts::rule(&chain.name, rule)));
            }
        }
    }
    // Both list chains in another order; the order in a chain stays.
    let place = |line: &String| line.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" ");
    ours.sort_by_key(place);
    theirs.sort_by_key(place);
    let differ: Vec<String> = ours
        .iter()
        .zip(&theirs)
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("ours   {ours}\ntheirs {theirs}"))
        .collect();
    assert!(differ.is_empty(), "{save}: {} of {}\n{}", differ.len(), theirs.len(), differ.join("\n"));
    assert_eq!(ours.len(), theirs.len());
}

/// What iptables-nft puts into nftables as structures of xtables stands in its own listing in the same words.
fn same_extensions(ruleset: &Ruleset) {
    let listing = [saved("iptables-nft-save", &[]), saved("ip6tables-nft-save", &[])].concat().join("\n");
    let mut seen = 0;
    let mut differ = Vec::new();
    let nftables = ruleset.nftables.known().unwrap();
    let chains = nftables.tables.iter().flat_map(|table| &table.chains);
    for expression in chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.expressions) {
        let said = match expression {
            Expression::Match(one) => one.to_string(),
            Expression::Target(one) => one.to_string(),
            _ => continue,
        };
        seen += 1;
        if !listing.contains(&said) {
            differ.push(said);
        }
    }
    assert!(differ.is_empty(), "{}\n{listing}", differ.join("\n"));
    assert!(seen > 50, "{seen}");
}

fn same_sets(ruleset: &Ruleset) {
    // Without timeouts, counters and comments, which are not kept.
    let mut theirs: Vec<String> = saved("ipset", &["save"])
        .iter()
        .filter(|line| line.starts_with("add "))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let mut kept = vec![words[1], words[2]];
            kept.extend(words.iter().copied().filter(|word| matches!(*word, "nomatch" | "wildcard")));
            kept.join(" ")
        })
        .collect();
    let mut ours = Vec::new();
    for set in ruleset.ipsets.known().unwrap() {
        for element in set.elements.known().unwrap() {
            ours.push(format!("{} {element}", set.name));
        }
    }
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}
