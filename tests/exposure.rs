//! `hostduty exposure` and `hostduty reach`: what a user sees of who can reach what, on a recorded machine.

use serde_json::Value;

use crate::support::{current, hostduty, run, top};

/// A machine of a test: interfaces, a ruleset and listeners in a network namespace, written by `hostduty facts`.
const SNAPSHOT: &str = "tests/snapshots/filtered.toml";

fn exposure(arguments: &[&str]) -> String {
    let (text, code) = run(&[&["exposure", "--facts", SNAPSHOT], arguments].concat());
    assert_eq!(code, 0);
    text
}

fn reach(arguments: &[&str]) -> (String, String, i32) {
    let output = hostduty(&[&["reach", "--facts", SNAPSHOT], arguments].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

fn verdict(from: &str, to: &str) -> Value {
    let (text, errors, code) = reach(&["--proto", "tcp", "--from", from, "--to", to, "--format", "json"]);
    assert_eq!((errors.as_str(), code), ("", 0));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_table_reads_as_it_did() {
    let text = exposure(&[]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    current(&top().join("tests/snapshots/filtered.exposure.txt"), &text);
    assert!(!text.contains('\u{1b}'));
    let coloured = exposure(&["--color", "always"]);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain: String = coloured
        .split('\u{1b}')
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { part.split_once('m').map_or(part, |(_, rest)| rest) })
        .collect();
    assert_eq!(plain, text, "colour changes nothing else");
}

#[test]
fn programs_read_the_same_as_people() {
    let text = exposure(&["--format", "json"]);
    let listing: Value = serde_json::from_str(&text).unwrap();
    let of =
        |port: u64| listing["sockets"].as_array().unwrap().iter().find(|one| one["port"] == port).unwrap();
    assert_eq!((&of(22)["reach"], &of(22)["family"]), (&"anyone".into(), &"dual".into()));
    assert!(of(22)["decided_by"].as_str().unwrap().starts_with("inet filter input handle "), "{}", of(22));
    assert_eq!(of(5432)["reach"], "networks");
    assert_eq!(of(5432)["from"], serde_json::json!(["10.0.0.0/8", "192.168.0.0/16"]));
    assert_eq!((&of(6379)["reach"], &of(6379)["from"][0]), (&"anyone".into(), &"::/0".into()));
    assert_eq!((&of(443)["reach"], &of(443)["rate_limited"]), (&"anyone".into(), &true.into()));
    assert_eq!((&of(25)["reach"], &of(3306)["reach"]), (&"loopback".into(), &"loopback".into()));
    assert_eq!(of(8080)["published_to"], "172.17.0.2:80");
    let reaches: Vec<&str> =
        listing["sockets"].as_array().unwrap().iter().map(|one| one["reach"].as_str().unwrap()).collect();
    let order = ["anyone", "networks", "unknown", "loopback", "nobody"];
    assert!(reaches.is_sorted_by_key(|reach| order.iter().position(|known| known == reach)), "{reaches:?}");
}

#[test]
fn one_connection_is_followed_through_the_rules() {
    let accepted = verdict("203.0.113.9", "192.0.2.10:22");
    assert_eq!(accepted["verdict"], "accept");
    assert!(accepted["trace"].as_array().unwrap().contains(&accepted["decided_by"]), "{accepted}");
    for (from, to, wanted) in [
        ("203.0.113.9", "192.0.2.10:25", "drop"),
        ("203.0.113.9", "192.0.2.10:5432", "drop"),
        ("10.1.2.3", "192.0.2.10:5432", "accept"),
        ("203.0.113.9", "192.0.2.10:6379", "drop"),
        ("2001:db8:9::9", "[2001:db8::10]:6379", "accept"),
    ] {
        assert_eq!(verdict(from, to)["verdict"], wanted, "{from} {to}");
    }
    let limited = verdict("203.0.113.9", "192.0.2.10:443");
    assert_eq!((&limited["verdict"], &limited["rate_limited"]), (&"accept".into(), &true.into()));
    let sent_on = verdict("203.0.113.9", "192.0.2.10:8080");
    assert_eq!((&sent_on["forwarded"], &sent_on["arrives_at"]), (&true.into(), &"172.17.0.2:80".into()));
    let (text, _, _) =
        reach(&["--proto", "tcp", "--from", "203.0.113.9", "--to", "192.0.2.10:25", "--in", "eth0"]);
    let first = "drop: tcp 203.0.113.9 → 192.0.2.10:25 through eth0 is dropped without an answer\n";
    assert!(text.starts_with(first) && text.contains("\n   1. "), "{text}");
}

#[test]
fn a_question_that_makes_no_sense_is_told_so() {
    for (arguments, said) in [
        (&["--from", "203.0.113.9", "--to", "192.0.2.10"][..], "it has no port: write it like 192.0.2.10:22"),
        (&["--from", "203.0.113.9", "--to", "2001:db8::10:22"], "write it like [2001:db8::10:22]:22"),
        (&["--from", "example.org", "--to", "192.0.2.10:22"], "--from `example.org` makes no sense"),
        (&["--from", "2001:db8::9", "--to", "192.0.2.10:22"], "of different families"),
        (&["--from", "203.0.113.9", "--to", "192.0.2.10:0"], "a number from 1 to 65535"),
        (&["--from", "203.0.113.9", "--to", "192.0.2.10:22", "--in", "eht0"], "did you mean `eth0`?"),
        (&["--from", "fe80::1%eth0", "--to", "[fe80::2%lo]:22"], "name one interface"),
        (&["--from", "fe80::1\u{1b}[2J", "--to", "192.0.2.10:22"], "\\u{1b}[2J"),
    ] {
        let (text, errors, code) = reach(&[&["--proto", "tcp"], arguments].concat());
        assert!(code == 2 && text.is_empty() && errors.contains(said), "{arguments:?}: {errors}");
    }
    for verb in [
        &["exposure", "--root", "/"][..],
        &["reach", "--proto", "udp", "--from", "::1", "--to", "[::1]:53", "--root", "/"],
    ] {
        let output = hostduty(verb).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(errors.contains("does not hold the rules that a kernel enforces"), "{errors}");
    }
}

#[test]
fn rules_that_cannot_be_read_make_it_unknown_and_not_an_error() {
    let snapshot = std::fs::read_to_string(top().join(SNAPSHOT)).unwrap();
    let mut facts: toml::Table = toml::from_str(&snapshot).unwrap();
    let denied = toml::toml! { gap = { why = "denied", what = "the nftables ruleset" } };
    facts.insert("ruleset".to_owned(), toml::Value::Table(denied));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("denied.toml");
    std::fs::write(&file, toml::to_string(&facts).unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let (text, code) = run(&["exposure", "--facts", file, "--format", "json"]);
    assert_eq!(code, 0);
    let listing: Value = serde_json::from_str(&text).unwrap();
    for socket in listing["sockets"].as_array().unwrap() {
        let own = socket["address"].as_str().unwrap().starts_with("127.");
        assert_eq!(socket["reach"], if own { "loopback" } else { "unknown" }, "{socket}");
    }
    let question = ["--proto", "tcp", "--from", "203.0.113.9", "--to", "192.0.2.10:22", "--format", "json"];
    let (text, code) = run(&[&["reach", "--facts", file][..], &question].concat());
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &answer["verdict"]), (0, &"unknown".into()));
    assert!(answer["reason"].as_str().unwrap().contains("nftables"), "{answer}");
    // Without the sockets there is nothing to list.
    facts.remove("sockets");
    std::fs::write(dir.path().join("denied.toml"), toml::to_string(&facts).unwrap()).unwrap();
    assert_eq!(run(&["exposure", "--facts", file]).1, 2);
}

#[test]
fn a_namespace_that_was_not_seen_is_named_and_the_rest_is_listed() {
    let snapshot = std::fs::read_to_string(top().join(SNAPSHOT)).unwrap();
    let gap = r#"gap = { why = "denied", what = "the network namespace of process 1 (systemd)" }"#;
    let unseen = format!("namespaces.known = [{{ pid = 1, sockets.{gap}, addresses.{gap} }}]");
    assert!(snapshot.contains("\nnamespaces.known = []\n"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("unseen.toml");
    std::fs::write(&file, snapshot.replacen("namespaces.known = []", &unseen, 1)).unwrap();
    let (text, code) = run(&["exposure", "--facts", file.to_str().unwrap()]);
    assert_eq!(code, 0);
    let others = exposure(&[]);
    let more: Vec<&str> = text.lines().filter(|line| !others.contains(line)).collect();
    assert_eq!(more, ["Not known: not permitted to read the network namespace of process 1 (systemd)"]);
}
