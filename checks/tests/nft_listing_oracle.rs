//! Rules, sets and their text as hostduty has them are the ones that nft lists (root, Linux).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]
#![cfg(target_os = "linux")]

mod nft_listing;
// The reader under test is the agent's own.
#[path = "../../agent/src/host/netfilter.rs"]
#[allow(dead_code, reason = "legacy tables have a test of their own")]
mod netfilter;
#[path = "../../agent/src/host/netlink.rs"]
mod netlink;
#[allow(dead_code, reason = "its cases have a test of their own")]
mod rulesets;
mod say;
#[path = "../../agent/src/sys.rs"]
#[allow(dead_code, reason = "the oracle asks the kernel for rulesets only")]
mod sys;

use std::path::{Path, PathBuf};
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::ruleset::Ruleset;
use checks::facts::ruleset::nft_text;
use checks::facts::ruleset::nftables::{Nftables, Rule};
use checks::host::{NftObject, Query, Tree};
use nft_listing::{
    listed_text, listed_verdict, normalised, our_elements, our_verdict, their_elements, words,
};
use rulesets::{OBJECTS, sets};
use say::left_out;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nft_listing")
}

#[test]
fn nft_lists_what_hostduty_reads() {
    if !nix::unistd::geteuid().is_root() {
        return left_out("needs root for a network namespace");
    }
    for tool in ["unshare", "nft", "ip"] {
        if !Command::new("which").arg(tool).output().is_ok_and(|found| found.status.success()) {
            return left_out(format!("{tool} not installed"));
        }
    }
    let (mut wrong, mut rules, mut equal) = (String::new(), 0, 0);
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "nft") {
            continue;
        }
        let output = Command::new("unshare")
            .args(["--net", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "inside_a_namespace", "--nocapture"])
            .env("HOSTDUTY_LISTING", &path)
            .output()
            .unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("not loaded: ")) {
            left_out(format!("{name}: {reason}"));
            continue;
        }
        let counted = said
            .lines()
            .find_map(|line| line.strip_prefix("counted: "))
            .and_then(|line| line.split_once(' '));
        match counted {
            Some((seen, same)) if output.status.success() => {
                rules += seen.parse::<usize>().unwrap();
                equal += same.parse::<usize>().unwrap();
                if std::env::var_os("HOSTDUTY_SHOW").is_some() {
                    eprintln!("{name}\n{said}");
                }
            }
            _ => wrong += &format!("{name}: {said}\n"),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    eprintln!("{equal} of {rules} rules have the text of nft");
    assert!(rules > 250, "only {rules} rules were listed");
    assert!(equal * 100 >= rules * 95, "only {equal} of {rules} rules have the text of nft");
}

#[test]
#[ignore = "the other test starts it, once for each file, in a network namespace"]
fn inside_a_namespace() {
    let Some(path) = std::env::var_os("HOSTDUTY_LISTING") else { return };
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let load = Command::new("nft").arg("-f").arg(path).output().unwrap();
    if !load.status.success() {
        let said = String::from_utf8_lossy(&load.stderr);
        // A mistake in the file is not one of the kernel's.
        assert!(said.contains("Could not process rule"), "{said}");
        println!("not loaded: {}", said.lines().next().unwrap_or_default());
        return;
    }
    let host = dump();
    let mut facts = checks::facts::begin(&host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "ruleset").unwrap();
    (room.gather)(&host, &mut facts);
    let ruleset = facts.ruleset.known().unwrap();
    let nftables = ruleset.nftables.known().unwrap();
    assert!(nftables.unlisted.is_empty(), "{:?}", nftables.unlisted);
    let json = list(&["-j", "-a", "list", "ruleset"]);
    let listing: Value = serde_json::from_str(&json).unwrap();
    let list_of = |kind: &str| -> Vec<&Value> {
        listing["nftables"].as_array().unwrap().iter().filter_map(|one| one.get(kind)).collect()
    };
    same_sets(nftables, &[list_of("set"), list_of("map")].concat());
    let (seen, equal) = same_rules(nftables, &list_of("rule"), &list(&["-a", "list", "ruleset"]));
    let objects = ["counter", "quota", "limit", "ct helper", "ct timeout", "ct expectation", "synproxy"]
        .map(|kind| list_of(kind).len());
    let ours: usize = nftables.tables.iter().map(|table| table.objects.len()).sum();
    assert_eq!(ours, objects.iter().sum::<usize>());
    let text = toml::to_string(ruleset).unwrap();
    assert_eq!(&toml::from_str::<Ruleset>(&text).unwrap(), ruleset);
    println!("counted: {seen} {equal}");
}

fn list(arguments: &[&str]) -> String {
    let output = Command::new("nft").args(arguments).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
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
    host
}

/// Sets that have a name, with every element; nft shows the others in their rules.
fn same_sets(ours: &Nftables, theirs: &[&Value]) {
    let mut seen = 0;
    for table in &ours.tables {
        for set in table.sets.iter().filter(|set| set.flags & 1 == 0) {
            let listed = theirs.iter().find(|one| {
                one["family"] == table.family.name() && one["table"] == table.name && one["name"] == set.name
            });
            let listed = listed.unwrap_or_else(|| panic!("nft does not list {}", set.name));
            seen += 1;
            assert_eq!(our_elements(set, listed), their_elements(listed), "{}", set.name);
        }
    }
    assert_eq!(seen, theirs.len());
}

/// Number, order, chain, handle and verdict of every rule, and its text.
fn same_rules(ours: &Nftables, theirs: &[&Value], listing: &str) -> (usize, usize) {
    let (mut seen, mut equal) = (0, 0);
    for table in &ours.tables {
        for chain in &table.chains {
            let listed: Vec<_> = theirs
                .iter()
                .filter(|one| {
                    one["family"] == table.family.name()
                        && one["table"] == table.name
                        && one["chain"] == chain.name
                })
                .collect();
            let handles: Vec<_> = listed.iter().map(|one| one["handle"].as_u64().unwrap()).collect();
            assert_eq!(chain.rules.iter().map(|rule| rule.handle).collect::<Vec<_>>(), handles);
            for (rule, listed) in chain.rules.iter().zip(listed) {
                assert_eq!(our_verdict(rule), listed_verdict(listed), "{rule:?}\n{listed}");
                let text = nft_text::rule(table, rule);
                assert!(text.chars().count() <= 161, "{text}");
                let theirs = listed_text(listing, table, rule.handle);
                seen += 1;
                equal += usize::from(same_text(&text, &theirs, rule));
            }
        }
    }
    assert_eq!(seen, theirs.len());
    (seen, equal)
}

fn same_text(ours: &str, theirs: &str, rule: &Rule) -> bool {
    if normalised(ours) == normalised(theirs) {
        return true;
    }
    println!("  ours {ours}\n  nft  {theirs}");
    if std::env::var_os("HOSTDUTY_STEPS").is_some() {
        println!("       {:?}", rule.expressions);
    }
    // What is shortened shows less.
    if !ours.contains('…') {
        let shown = words(ours);
        let missing: Vec<_> = words(theirs).into_iter().filter(|word| !shown.contains(word)).collect();
        println!("       without {missing:?}");
    }
    false
}
