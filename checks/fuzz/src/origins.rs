//! One connection, described as `sshd -C` does, is treated as some class of connections is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use checks::check::Verdict;
use checks::facts::Facts;
use checks::facts::sshd::{self, Config, Connection, Listening, Logins, Origins, Way};
use checks::host::Tree;

/// What a program says of itself, and whether Red Hat has built it.
const RELEASES: &[(&str, bool)] = &[
    ("OpenSSH_9.2p1 Debian-2", false),
    ("OpenSSH_8.4p1 Debian-5", false),
    ("OpenSSH_10.0p2 Debian-7", false),
    ("OpenSSH_10.5p1", false),
    ("OpenSSH_8.7p1", true),
    ("OpenSSH_9.9p1", true),
    ("OpenSSH_9.6p1 Ubuntu-3ubuntu13", false),
    ("OpenSSH_8.4p1", false),
];

/// Root and two people, each with a password, and the daemon that runs.
const KNOWN: &str = r#"
[accounts.known]
users = [
  { name = "root", home = "/root", shell = "/bin/bash", line = 1, password.known = { state = "usable", source = "/etc/shadow", line = 1 } },
  { name = "anna", uid = 1000, gid = 1000, home = "/home/anna", shell = "/bin/bash", line = 2, password.known = { state = "usable", source = "/etc/shadow", line = 2 } },
  { name = "b-rt", uid = 1001, gid = 1000, home = "/home/b-rt", shell = "/bin/bash", line = 3, password.known = { state = "empty", source = "/etc/shadow", line = 3 } },
]
groups = [
  { name = "users", gid = 1000 },
  { name = "sudo", gid = 27, members = ["anna"] },
]
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
"#;

/// Connections of each kind that are tried.
const TRIED: usize = 8;

/// A host with the program of the server that a number chooses.
pub fn base(host: Tree, choice: usize) -> Tree {
    let (release, red_hat) = RELEASES[choice % RELEASES.len()];
    let tree = host.file("/usr/sbin/sshd", format!("\0{release}\0libpam.so\0"));
    if red_hat { tree.file("/etc/redhat-release", "") } else { tree }
}

/// What is known of that host beforehand: for half of the numbers there are accounts in another source.
pub fn known(choice: usize) -> String {
    match choice / RELEASES.len() % 2 {
        0 => KNOWN.to_owned(),
        _ => KNOWN.replace("[accounts.known]\n", "[accounts.known]\nother_sources = [\"sss\"]\n"),
    }
}

/// For every account what each class may do, next to what single connections may do: addresses and names that the input
/// mentions, and those beside them.
pub fn alike(data: &[u8], facts: &Facts, config: &Config, listening: &Listening, answer: Verdict) {
    let sshd = facts.sshd.known().expect("sshd is known");
    let evaluator = config.evaluator();
    let classes = sshd::origins(&evaluator, listening, &BTreeSet::new());
    let logins = |origins: Origins| facts.logins(sshd, config, origins).expect("the accounts are known");
    let all = logins(classes.clone());
    let typed = |logins: &Logins<'_>| {
        let entries = logins.accounts.iter().flat_map(|account| &account.entries);
        entries.flat_map(|entry| &entry.ways).any(|way| way.is_typed() && way.answer.opens())
    };
    if typed(&all) {
        assert_ne!(answer, Verdict::Pass, "somebody gets in by typing");
    }
    if !classes.doubts.is_empty() {
        return;
    }
    let known: Vec<Vec<&[Way]>> = (0..classes.classes.len()).map(|class| ways(&all, class)).collect();
    let words = words(data);
    let clients = addresses(&words);
    let unspecified = listening.addresses.iter().any(IpAddr::is_unspecified);
    let only_itself = !listening.addresses.is_empty() && listening.addresses.iter().all(IpAddr::is_loopback);
    let mut servers: Vec<IpAddr> = listening.addresses.iter().copied().take(TRIED).collect();
    if unspecified {
        servers = clients.clone();
    }
    let ports: Vec<u16> = listening.ports.iter().copied().take(TRIED).collect();
    let looks_up = config.global("usedns").is_ok_and(|setting| setting.is("yes"));
    let names = names(&words);
    for (number, client) in clients.iter().filter(|client| !only_itself || client.is_loopback()).enumerate() {
        let pick = |count: usize| number.checked_rem(count).unwrap_or(0);
        let server = servers.get(pick(servers.len())).map(ToString::to_string);
        let client = client.to_string();
        let name = names.get(pick(names.len())).filter(|_| looks_up && number % 2 == 0);
        let domain = names.get(pick(names.len() + 1)).map_or("", String::as_str);
        let connection = Connection {
            address: Some(&client),
            host: Some(name.unwrap_or(&client)),
            local_address: server.as_deref(),
            local_port: ports.get(pick(ports.len())).copied(),
            rdomain: Some(domain),
            ..Connection::default()
        };
        let one = logins(Origins::exactly(&evaluator, &connection));
        let found = ways(&one, 0);
        assert!(known.contains(&found), "{connection:?} is in no class: {:?}", classes.classes);
    }
}

/// What each account may do from one class.
fn ways<'a>(logins: &'a Logins<'_>, class: usize) -> Vec<&'a [Way]> {
    let accounts = logins.accounts.iter();
    let entry = accounts.map(|account| account.entries.iter().find(|entry| entry.origins.contains(&class)));
    entry.map(|entry| entry.expect("each class has an entry").ways.as_slice()).collect()
}

/// What stands between blanks, commas and signs.
fn words(data: &[u8]) -> Vec<String> {
    let split = |byte: &u8| !byte.is_ascii_alphanumeric() && !b".:*?-_/".contains(byte);
    let words: BTreeSet<&[u8]> =
        data.split(split).filter(|word| !word.is_empty() && word.len() < 60).collect();
    words.into_iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Addresses at the borders of the networks that the words name, and inside of patterns.
fn addresses(words: &[String]) -> Vec<IpAddr> {
    let mut all: BTreeSet<IpAddr> = ["127.0.0.1", "::1", "192.0.2.9", "2001:db8::9"]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    for word in words {
        let plain = word.replace(['*', '?'], "1");
        let (text, length) = plain.split_once('/').unwrap_or((&plain, ""));
        match text.parse() {
            Ok(IpAddr::V4(address)) => {
                let size = 32_u32.saturating_sub(length.parse().unwrap_or(32));
                let size = 1_u32.checked_shl(size).unwrap_or(0);
                let first = u32::from(address);
                let near = [first, first.wrapping_add(1), first.wrapping_sub(1), first.wrapping_add(size)];
                all.extend(near.map(|bits| IpAddr::V4(bits.into())));
                all.insert(IpAddr::V4(first.wrapping_add(size).wrapping_sub(1).into()));
            }
            Ok(IpAddr::V6(address)) => {
                let size = 128_u32.saturating_sub(length.parse().unwrap_or(128));
                let size = 1_u128.checked_shl(size).unwrap_or(0);
                let first = u128::from(address);
                let near = [first, first.wrapping_add(1), first.wrapping_sub(1), first.wrapping_add(size)];
                all.extend(near.map(|bits| IpAddr::V6(bits.into())));
            }
            Err(_) => {}
        }
    }
    all.into_iter().filter(|address| !is_mapped(address)).take(4 * TRIED).collect()
}

/// sshd turns these into addresses of IPv4 before it looks at them.
fn is_mapped(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some())
}

/// Names that patterns among the words match, alone and two at once.
fn names(words: &[String]) -> Vec<String> {
    let plain = |text: &str| text.replace('?', "x");
    let mut all: Vec<String> = Vec::new();
    for word in words.iter().filter(|word| word.contains(['.', '*', '?']) && !word.contains('/')) {
        all.push(plain(word).replace('*', "web"));
        if let Some(behind) = word.strip_prefix('*') {
            let begins = words.iter().filter_map(|other| other.strip_suffix('*'));
            all.extend(begins.take(2).map(|begin| plain(&format!("{begin}{behind}")).replace('*', "")));
        }
    }
    all.retain(|name| name.parse::<IpAddr>().is_err());
    all.truncate(4 * TRIED);
    all
}
