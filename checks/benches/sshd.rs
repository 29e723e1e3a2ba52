//! How long it takes to know who can log in: 2,000 lines with 200 Match blocks, 500 accounts, every class of addresses.
//!
//!     cargo bench -p hostduty-checks --bench sshd
//!
//! The measure is one run of `sshd -T` on the same configuration, which answers for one account from one address.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads the clock, runs the peer and prints"
)]

use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use checks::date::Timestamp;
use checks::facts;
use checks::facts::sshd::{self, Build, Listening};
use checks::host::Tree;

const RUNS: usize = 15;

fn main() {
    let config = configuration();
    let tree = host(&config);
    let facts = facts::gather(&tree);
    let build = Build::named("OpenSSH_9.2p1 Debian-2").unwrap();
    let (mut effective, mut judged, mut pairs) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..RUNS {
        let start = Instant::now();
        let config = sshd::configuration(&tree, None, &build).unwrap();
        assert!(
            config.refused.is_empty() && config.gaps.is_empty(),
            "{:?} {:?}",
            config.refused,
            config.gaps
        );
        let origins = facts.ssh_origins(&config, &Listening::of(&config));
        let users = &facts.accounts.known().unwrap().users;
        let settings = facts.settings_by_origin(&config, &origins, users, "passwordauthentication").unwrap();
        effective = effective.min(start.elapsed());
        pairs = settings.len() * origins.classes.len();
        let logins = facts.logins(facts.sshd.known().unwrap(), &config, origins).unwrap();
        judged = judged.min(start.elapsed());
        assert_eq!(logins.accounts.len() * logins.origins.len(), pairs);
        let ways = logins.accounts.iter().flat_map(|account| &account.entries).flat_map(|entry| &entry.ways);
        assert!(
            ways.clone().count() > 0
                && !ways.into_iter().any(|way| matches!(way.answer, sshd::Answer::Unknown(_)))
        );
    }
    println!("{} lines, {pairs} pairs of account and class of addresses", config.lines().count());
    println!("effective configuration of all {:8.2} ms, the files read anew", millis(effective));
    println!("and who can log in by what     {:8.2} ms", millis(judged));
    if let Some(peer) = peer(&config) {
        println!("sshd -T for one pair           {:8.2} ms", millis(peer));
        let pairs = f64::from(u32::try_from(pairs).unwrap());
        println!("one pair takes 1/{:.0} of that", millis(peer) / millis(effective) * pairs);
    }
}

/// 200 blocks of every kind, nine settings in each.
fn configuration() -> String {
    let mut text = "UsePAM yes\nPasswordAuthentication no\nAllowGroups staff sshusers\n".to_owned();
    for block in 0..200 {
        let (high, low) = (block / 100, block % 100);
        let criteria = match block % 5 {
            0 => format!("User user{block}"),
            1 => format!("Address 10.{high}.{low}.0/24"),
            2 => format!("Group group{block} Address 192.168.{low}.0/24,!192.168.{low}.7"),
            3 => format!("User user{low}*,!user{block} Address 172.16.{low}.*"),
            _ => format!("LocalPort 22 Address 2001:db8:{block:x}::/48"),
        };
        let _ = writeln!(text, "Match {criteria}");
        for line in 0..9 {
            let _ = match line {
                0 => {
                    writeln!(text, "    PasswordAuthentication {}", if block % 2 == 0 { "yes" } else { "no" })
                }
                1 => writeln!(text, "    KbdInteractiveAuthentication no"),
                2 => writeln!(text, "    AuthenticationMethods publickey,password publickey"),
                3 => writeln!(text, "    AllowUsers user{block} user*"),
                4 => writeln!(text, "    PermitRootLogin {}", if block % 7 == 0 { "yes" } else { "no" }),
                _ => writeln!(text, "    X11Forwarding no # {line}"),
            };
        }
    }
    text
}

fn host(config: &str) -> Tree {
    let (mut passwd, mut shadow, mut group) = (String::new(), String::new(), "staff:x:50:\n".to_owned());
    for user in 0..500 {
        let _ = writeln!(passwd, "user{user}:x:{}:50::/home/user{user}:/bin/sh", 1000 + user);
        let _ = writeln!(shadow, "user{user}:$y$j9T$salt$hash:19000:0:99999:7:::");
        let _ = writeln!(group, "group{user}:x:{}:user{user}", 5000 + user);
    }
    Tree::new(Timestamp(0))
        .file("/usr/sbin/sshd", "\0OpenSSH_9.2p1 Debian-2\0")
        .file("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_unix.so\n")
        .file("/etc/passwd", passwd)
        .file("/etc/shadow", shadow)
        .file("/etc/group", group)
        .file("/etc/ssh/sshd_config", config)
}

/// One answer of the real server, where it is installed and a host key can be made.
fn peer(config: &str) -> Option<Duration> {
    let dir = tempfile::tempdir().ok()?;
    let (file, key) = (dir.path().join("config"), dir.path().join("key"));
    std::fs::write(&file, config).ok()?;
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().ok()?;
    let ask = || {
        let start = Instant::now();
        let spec = "user=root,addr=10.0.1.1,host=x,laddr=127.0.0.1,lport=22";
        let output = Command::new("/usr/sbin/sshd")
            .args(["-T", "-C", spec, "-h"])
            .arg(&key)
            .arg("-f")
            .arg(&file)
            .output()
            .ok()?;
        output.status.success().then(|| start.elapsed())
    };
    made.success().then(|| (0..RUNS).filter_map(|_| ask()).min())?
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
