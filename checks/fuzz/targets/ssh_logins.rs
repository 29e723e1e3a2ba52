//! Random configurations that make sense: what single connections may do is what some class of connections may.

#![no_main]

use std::fmt::Write;

use hostduty_fuzz::{host, origins, room, verdict};
use libfuzzer_sys::fuzz_target;

/// Patterns for the criteria that take a list, which have something to say to each other.
const ADDRESSES: &[&str] = &[
    "10.0.0.0/8",
    "10.9.0.0/16",
    "10.9.8.7",
    "192.168.*",
    "192.168.1.?",
    "192.168.1.1?",
    "*",
    "127.0.0.1",
    "::1",
    "::/0",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8:1:*",
    "fe80::/10",
    "fe80:*",
    "1*",
    "10.9.*",
    "2?.1.1.1",
    "2001:db8::7",
    "127.0.0.0/8",
    "255.255.255.255",
    "0.0.0.0",
    "::",
    "ffff:*",
    "010.0.0.1",
    "127.1",
    "10.*.1",
];
const NAMES: &[&str] = &[
    "*.example.org",
    "web.*",
    "a.example.org",
    "*",
    "*.b.example.org",
    "web.example.org",
    "10.9.8.7",
    "192.168.*",
    "10.0.0.0/8",
    "?.example.org",
    "WEB.*",
    "any.example.org",
    "any",
];
const USERS: &[&str] = &["root", "anna", "b-rt", "*", "a*", "?nna", "nobody", "b?rt"];
const GROUPS: &[&str] = &["sudo", "users", "*", "s*", "wheel"];
const PORTS: &[&str] = &["22", "2222", "2200"];
const DOMAINS: &[&str] = &["red", "*", "r*", "blue", "re?", "*d"];

/// Keywords with values that decide who gets in.
const SETTINGS: &[&str] = &[
    "PasswordAuthentication yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication yes",
    "KbdInteractiveAuthentication no",
    "UsePAM yes",
    "UsePAM no",
    "PermitRootLogin yes",
    "PermitRootLogin no",
    "PermitRootLogin prohibit-password",
    "AuthenticationMethods publickey,password",
    "AuthenticationMethods any",
    "AuthenticationMethods publickey password",
    "AuthenticationMethods publickey",
    "PermitEmptyPasswords yes",
    "PubkeyAuthentication no",
    "GSSAPIAuthentication yes",
    "HostbasedAuthentication yes",
    "KerberosAuthentication yes",
    "RefuseConnection yes",
    "ChrootDirectory /srv",
    "ChallengeResponseAuthentication no",
    "UseDNS yes",
    "AuthorizedKeysFile none",
    "ListenAddress 192.0.2.1",
    "ListenAddress 127.0.0.1:2200",
    "ListenAddress [::1]:22",
    "Port 22",
    "Port 2222",
    "Match all",
    "Match invalid-user",
    "Match Version OpenSSH_10*",
    "Include more",
];

/// Takes one of some texts.
fn one<'a>(bytes: &mut impl Iterator<Item = u8>, texts: &[&'a str]) -> &'a str {
    texts[usize::from(bytes.next().unwrap_or_default()) % texts.len()]
}

/// A list of one to four patterns, some behind `!`.
fn list(bytes: &mut impl Iterator<Item = u8>, texts: &[&str]) -> String {
    let shape = bytes.next().unwrap_or_default();
    let patterns = (0..=shape & 3).map(|number| {
        let mark = if shape >> (4 + number) & 1 == 1 { "!" } else { "" };
        format!("{mark}{}", one(bytes, texts))
    });
    patterns.collect::<Vec<_>>().join(",")
}

/// One line.
fn line(bytes: &mut impl Iterator<Item = u8>, text: &mut String) {
    let criterion = |kind: u8, bytes: &mut _| match kind {
        0 | 1 => format!("Address {}", list(bytes, ADDRESSES)),
        2 => format!("Host {}", list(bytes, NAMES)),
        3 => format!("User {}", list(bytes, USERS)),
        4 => format!("Group {}", list(bytes, GROUPS)),
        5 => format!("LocalAddress {}", list(bytes, ADDRESSES)),
        6 => format!("LocalPort {}", one(bytes, PORTS)),
        _ => format!("RDomain {}", list(bytes, DOMAINS)),
    };
    let Some(kind) = bytes.next() else { return };
    let _ = match kind % 24 {
        kind @ 0..8 => writeln!(text, "Match {}", criterion(kind, bytes)),
        8 | 9 => {
            let (first, second) = (bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default());
            let first = criterion(first % 8, bytes);
            writeln!(text, "Match {first} {}", criterion(second % 8, bytes))
        }
        kind @ 10..14 => {
            let keyword = ["AllowUsers", "DenyUsers", "AllowGroups", "DenyGroups"][usize::from(kind) - 10];
            let name = one(bytes, if kind < 12 { USERS } else { GROUPS });
            match bytes.next().unwrap_or_default() {
                shape @ 0..128 if kind < 12 => {
                    let from = list(bytes, if shape < 64 { ADDRESSES } else { NAMES });
                    writeln!(text, "{keyword} {name}@{from}")
                }
                _ => writeln!(text, "{keyword} {name}"),
            }
        }
        _ => writeln!(text, "{}", one(bytes, SETTINGS)),
    };
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.iter().copied();
    let choice = usize::from(bytes.next().unwrap_or_default());
    let (mut main, mut more) = (String::new(), String::new());
    let lines = usize::from(bytes.next().unwrap_or_default() % 16);
    for number in 0..40 {
        line(&mut bytes, if number < lines { &mut more } else { &mut main });
    }
    let tree = origins::base(host(), choice)
        .file("/etc/ssh/sshd_config", &main)
        .file("/etc/ssh/more", &more)
        .file("/etc/pam.d/sshd", "auth required pam_unix.so nullok\naccount required pam_unix.so\n");
    let facts = room(&tree, &origins::known(choice), &["sshd"]);
    let answer = verdict(&facts, "ssh-key-only");
    let served = facts.served().expect("servers and accounts are known");
    for served in &served {
        if let Ok(config) = served.config {
            let words = format!("{main}\n{more}");
            origins::alike(words.as_bytes(), &facts, config, &served.listening(), answer);
        }
    }
});
