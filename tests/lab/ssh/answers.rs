//! What hostduty answers inside a machine, and which of its answers is about an attempt.

use std::net::IpAddr;

use serde_json::Value;

use super::super::machines::Machine;
use super::table::Attempt;

/// One answer of `hostduty sshd --logins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// `opens`, `closed`, `paused` or `unknown`; of a check, its verdict.
    pub(super) word: String,
    /// Where it is of, and why it is so.
    pub(super) about: String,
}

impl Answer {
    /// hostduty failed.
    pub(super) fn none(why: &str) -> Self {
        Self { word: "nothing".to_owned(), about: why.to_owned() }
    }

    /// Whether it is what is wanted. What is refused for as long as /etc/nologin stands is refused.
    pub(super) fn agrees(&self, wanted: &str) -> bool {
        self.word == wanted || (wanted == "closed" && self.word == "paused")
    }
}

/// Host names that the server finds for addresses, see `prepare`.
const NAMES: &[(&str, &str)] = &[
    ("192.0.2.1", "server.example.org"),
    ("192.0.2.7", "client.example.org"),
    ("203.0.113.9", "stranger.example.net"),
];

/// The connection of an attempt in the words of `sshd -C`.
pub(super) fn connection(attempt: &Attempt, looks_up: bool) -> String {
    let from = attempt.from.to_string();
    let name = NAMES.iter().find(|(address, _)| looks_up && *address == from);
    let host = name.map_or(from.as_str(), |(_, name)| name);
    format!("addr={from},host={host},laddr={},lport={}", attempt.to, attempt.port)
}

/// The table of one connection.
pub(super) fn one(machine: &Machine, connection: &str) -> Result<Value, String> {
    run(machine, &["hostduty", "sshd", "--logins", "-C", connection, "--format", "json"])
}

/// The answer of a table of one connection.
pub(super) fn exact(table: &Value, attempt: &Attempt) -> Answer {
    let mut answers = ways(table, attempt, |_| true);
    match answers.len() {
        1 => answers.remove(0),
        count => Answer::none(&format!("{count} answers for one connection")),
    }
}

/// The answers for the classes of connections that the attempt may be one of.
pub(super) fn of_classes(table: &Value, attempt: &Attempt) -> Vec<Answer> {
    let labels: Vec<&str> =
        table[0]["origins"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let best = labels.iter().map(|label| likeness(label, attempt)).max().unwrap_or_default();
    ways(table, attempt, |label| best > 0 && likeness(label, attempt) == best)
}

/// The table of all classes.
pub(super) fn all(machine: &Machine) -> Result<Value, String> {
    run(machine, &["hostduty", "sshd", "--logins", "--format", "json"])
}

/// The verdict of a check.
pub(super) fn verdict(machine: &Machine, id: &str) -> Result<Answer, String> {
    let report = run(machine, &["hostduty", "report", "--check", id, "--format", "json"])?;
    let check = &report["checks"][0];
    let verdict = check["verdict"].as_str().ok_or("hostduty gives no verdict")?;
    let why = if verdict == "fail" { &check["findings"] } else { check };
    let why = why.to_string();
    Ok(Answer { word: verdict.to_owned(), about: why.chars().take(1_500).collect() })
}

fn run(machine: &Machine, words: &[&str]) -> Result<Value, String> {
    let output = machine.run(words);
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{}: {error}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)))
}

/// What a table says of an attempt's account and methods, by classes.
fn ways(table: &Value, attempt: &Attempt, class: impl Fn(&str) -> bool) -> Vec<Answer> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let Some(account) =
        list(&table[0]["accounts"]).into_iter().find(|account| account["account"] == *attempt.user)
    else {
        return vec![Answer { word: "closed".to_owned(), about: "there is no such account".to_owned() }];
    };
    let entries = list(&account["entries"]).into_iter();
    let entries =
        entries.filter(|entry| list(&entry["from"]).iter().any(|label| class(label.as_str().unwrap())));
    entries
        .map(|entry| {
            let from = entry["from"].to_string();
            let asked = |way: &&Value| way["methods"] == serde_json::json!(attempt.methods);
            match list(&entry["ways"]).iter().find(asked) {
                Some(way) => Answer {
                    word: way["answer"].as_str().unwrap().to_owned(),
                    about: format!("{from} {} {}", way["why"], way["lines"]),
                },
                None => Answer { word: "closed".to_owned(), about: format!("{from}: not offered") },
            }
        })
        .collect()
}

/// How closely the label of a class describes the connection of an attempt; 0 where it does not.
fn likeness(label: &str, attempt: &Attempt) -> u32 {
    let (rest, port) = label.split_once(" to port ").unwrap_or((label, ""));
    let (rest, server) = rest.split_once(" to ").unwrap_or((rest, "anywhere"));
    // Which name stands for which pattern of names is not told by the label.
    let (client, _) = rest.split_once(" with the host name ").unwrap_or((rest, ""));
    if !port.is_empty() && port != attempt.port.to_string() {
        return 0;
    }
    match (addresses(client, attempt.from), addresses(server, attempt.to)) {
        (0, _) | (_, 0) => 0,
        (client, server) => client * 10 + server,
    }
}

/// How closely words describe an address: by naming its network, or by naming none. `and others` are networks of which
/// the label leaves open which ones.
fn addresses(words: &str, address: IpAddr) -> u32 {
    match words {
        "anywhere" | "anywhere else" => return 1,
        "this host itself" => return u32::from(address.is_loopback()) * 2,
        _ => {}
    }
    let (named, others) = words.strip_suffix(" and others").map_or((words, 0), |named| (named, 1));
    if named.split(", ").any(|network| contains(network, address)) { 2 } else { others }
}

fn contains(network: &str, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (text, length) =
        network.split_once('/').map_or((network, None), |(text, length)| (text, Some(length)));
    let base: IpAddr = text.parse().unwrap_or_else(|_| panic!("{network} is no network"));
    let length: u32 = length.map_or(bits(base).1, |length| length.parse().unwrap());
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    base.is_ipv4() == address.is_ipv4() && bits(base).0 & mask == bits(address).0 & mask
}
