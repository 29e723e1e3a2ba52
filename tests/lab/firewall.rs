//! What hostduty says of a new connection is what real packets experience.
//!
//! A machine with two networks and a container behind it takes on one ruleset after the other, drawn ones and those that
//! known front ends load. For each of them hostduty answers, and the same connections are tried by real senders.
//! Every run draws the same rulesets; `HOSTDUTY_SEED` draws others, `HOSTDUTY_NIGHTLY=1` 500 new ones, and
//! `HOSTDUTY_LAB_ONLY=7` takes one of them.

mod cases;
mod closing;
mod comparison;
#[path = "../../checks/tests/sshd/dice.rs"]
mod dice;
mod draw;
mod host;
mod ingredients;
mod knocking;
mod listed;
mod listeners;
mod namespaces;
mod predict;
mod probe;
mod write;

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use comparison::Findings;
use namespaces::Town;

use super::say::left_out;

/// Machines under test at the same time: most of the time goes into waiting for what is dropped.
const JOBS: usize = 3;

#[test]
fn packets_go_where_hostduty_says() {
    if !possible() {
        return;
    }
    let nightly = env::var_os("HOSTDUTY_NIGHTLY").is_some();
    // The same rules in every run but the nightly one: sixty of them may by chance use an ingredient too rarely.
    let seed: u64 = match env::var("HOSTDUTY_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed,
        None if nightly => std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
        None => 1_795_382_939,
    };
    let count = if nightly { 500 } else { 60 };
    let jobs: Vec<_> = (0..JOBS)
        .map(|job| {
            Command::new("unshare")
                .args(["--net", "--"])
                .arg(env::current_exe().unwrap())
                .args(["--ignored", "--exact", "firewall::the_machine_under_test", "--nocapture"])
                .env("HOSTDUTY_LAB_JOB", format!("{job} {seed} {count}"))
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut findings = Findings::default();
    for job in jobs {
        let output = job.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "HOSTDUTY_SEED={seed}: {said}");
        let found = said.lines().find_map(|line| line.strip_prefix(FOUND)).unwrap();
        findings.extend(serde_json::from_str(found).unwrap());
    }
    findings.judge(seed);
}

const FOUND: &str = "found: ";

#[test]
#[ignore = "the other test starts it in a network namespace"]
fn the_machine_under_test() {
    let Ok(job) = env::var("HOSTDUTY_LAB_JOB") else { return };
    let mut words = job.split(' ').map(|word| word.parse::<u64>().unwrap());
    let mut word = || words.next().unwrap();
    let (job, seed, count) = (word() as usize, word(), word() as usize);
    let only = env::var("HOSTDUTY_LAB_ONLY").ok();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let mut town = Town::new();
    let mut findings = Findings::default();
    let mine = |number: &usize| number % JOBS == job;
    for (_, case) in cases::cases(seed).iter().enumerate().filter(|(number, _)| mine(number)) {
        let missing: Vec<&String> = case.needs.iter().filter(|program| !installed(program)).collect();
        if !missing.is_empty() {
            left_out(format!("the rules of {}: {missing:?} not installed", case.name));
        } else if wanted(&case.name) {
            comparison::compare(&mut town, &case.name, &case.drawn, &case.expected, &mut findings);
        }
    }
    for number in (0..count).filter(mine).filter(|number| wanted(&number.to_string())) {
        let drawn = draw::ruleset(seed, number);
        let name = format!("ruleset {number} of HOSTDUTY_SEED={seed}");
        comparison::compare(&mut town, &name, &drawn, &[], &mut findings);
    }
    let found = format!("\n{FOUND}{}\n", serde_json::to_string(&findings).unwrap());
    std::io::stdout().write_all(found.as_bytes()).unwrap();
}

#[test]
#[ignore = "the machine under test starts it, once for each machine around"]
fn a_machine_around() {
    if env::var_os("HOSTDUTY_LAB_MACHINE").is_some() {
        namespaces::serve();
    }
}

/// Whether this machine has what the laboratory takes.
fn possible() -> bool {
    if !super::allowed("firewalls against real packets") {
        return false;
    }
    let tools = [
        "unshare",
        "nsenter",
        "ip",
        "nft",
        "ipset",
        "iptables-nft-restore",
        "ip6tables-nft-restore",
        "iptables-legacy-restore",
        "ip6tables-legacy-restore",
    ];
    let missing: Vec<&str> = tools.into_iter().filter(|tool| !installed(tool)).collect();
    if !nix::unistd::geteuid().is_root() {
        left_out("firewalls against real packets, which takes root");
    } else if !missing.is_empty() {
        left_out(format!("firewalls against real packets: {} not installed", missing.join(", ")));
    } else {
        return true;
    }
    false
}

fn installed(program: &str) -> bool {
    Command::new("which").arg(program).output().is_ok_and(|found| found.status.success())
}
