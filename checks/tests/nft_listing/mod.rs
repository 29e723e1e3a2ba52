//! What nft lists, read so that it can be compared: texts of rules, verdicts, elements of sets.

use std::net::{Ipv4Addr, Ipv6Addr};

use checks::facts::ruleset::nftables::{Data, Expression, Rule, Set, Table, Verdict};
use serde_json::Value;

/// The text of the rule with this handle.
pub(crate) fn listed_text(listing: &str, table: &Table, handle: u64) -> String {
    let start = format!("table {} {} {{", table.family.name(), table.name);
    let ending = format!(" # handle {handle}");
    // A handle is of one table: sets, chains and rules share its numbers.
    let lines = listing.lines().skip_while(|line| !line.starts_with(&start));
    let mut text = String::new();
    for line in lines {
        text = if text.is_empty() { line.trim().to_owned() } else { format!("{text} {}", line.trim()) };
        // Tables and chains have handles too.
        if let Some(rule) = text.strip_suffix(&ending).filter(|rule| !rule.ends_with('{')) {
            return rule.to_owned();
        }
        // A rule with a long set goes on in the next line.
        if !line.trim_end().ends_with(',') {
            text.clear();
        }
    }
    panic!("nft does not list handle {handle}")
}

/// Without what differs between two listings of one rule.
pub(crate) fn normalised(text: &str) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    while at < words.len() {
        // How many packets a counter has seen, and what a quota has used.
        if matches!(words[at], "packets" | "used")
            && words.get(at + 1).is_some_and(|word| word.parse::<u64>().is_ok())
        {
            let length = if words[at] == "packets" { 4 } else { 3 };
            words.drain(at..(at + length).min(words.len()));
        } else {
            at += 1;
        }
    }
    words.join(" ").replace('"', "")
}

/// Addresses, ports, numbers, names of sets and chains, verdicts.
pub(crate) fn words(text: &str) -> Vec<String> {
    let text = normalised(text);
    let words = text.split([' ', ',', '{', '}', '(', ')']).filter(|word| {
        word.chars().next().is_some_and(|first| first.is_ascii_digit() || first == '@')
            || word.contains(':')
            || ["accept", "drop", "jump", "goto", "return", "reject", "dnat", "snat"].contains(word)
    });
    words.map(str::to_owned).collect()
}

/// How a rule ends.
pub(crate) fn our_verdict(rule: &Rule) -> String {
    let mut found = rule.expressions.iter().filter_map(|expression| {
        Some(match expression {
            Expression::Verdict(verdict) => of(verdict),
            Expression::Reject { .. } => "reject".to_owned(),
            Expression::Lookup { destination: Some(0), .. } => "vmap".to_owned(),
            Expression::Nat { kind: 0, .. } => "snat".to_owned(),
            Expression::Nat { .. } => "dnat".to_owned(),
            Expression::Masquerade => "masquerade".to_owned(),
            Expression::Redirect { .. } => "redirect".to_owned(),
            Expression::Tproxy { .. } => "tproxy".to_owned(),
            Expression::Queue { .. } => "queue".to_owned(),
            Expression::Synproxy | Expression::Object { kind: 10, .. } => "synproxy".to_owned(),
            Expression::FlowOffload(_) => "flow".to_owned(),
            Expression::Notrack => "notrack".to_owned(),
            _ => return None,
        })
    });
    found.next().unwrap_or_default()
}

fn of(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

pub(crate) fn listed_verdict(rule: &Value) -> String {
    let found = rule["expr"].as_array().unwrap().iter().find_map(|one| {
        // A statement without an argument may stand as a mere word.
        let (key, value) = match one.as_object() {
            Some(object) => object.iter().next().map(|(key, value)| (key.as_str(), value.clone()))?,
            None => (one.as_str()?, Value::Null),
        };
        match key {
            "accept" | "drop" | "return" | "continue" | "reject" | "vmap" | "dnat" | "snat"
            | "masquerade" | "redirect" | "tproxy" | "queue" | "synproxy" | "flow" | "notrack" => {
                Some(key.to_owned())
            }
            "jump" | "goto" => Some(format!("{key} {}", value["target"].as_str()?)),
            // An object of this kind is used in the same words.
            _ => None,
        }
    });
    found.unwrap_or_default()
}

/// First key, last key, what it maps to; intervals that touch each other are one.
pub(crate) type Interval = (Vec<u8>, Vec<u8>, String);

pub(crate) fn our_elements(set: &Set, listed: &Value) -> Vec<Interval> {
    let types = types(listed);
    let elements = set.elements.known().unwrap().iter().map(|element| {
        let last = element.last.as_ref().unwrap_or(&element.key);
        let data = match &element.data {
            None => String::new(),
            Some(Data::Verdict(verdict)) => of(verdict),
            Some(Data::Object(name)) => name.clone(),
            Some(Data::Value(bytes)) => format!("{bytes}"),
        };
        (element.key.to_vec(), last.to_vec(), data)
    });
    merged(elements.collect(), types.len())
}

pub(crate) fn their_elements(listed: &Value) -> Vec<Interval> {
    let types = types(listed);
    let intervals =
        listed["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "interval"));
    let elements = listed["elem"].as_array().into_iter().flatten().map(|one| {
        let (key, data) = match one.as_array().map(Vec::as_slice) {
            Some([key, data]) => (key, Some(data)),
            _ => (one, None),
        };
        let key = key.get("elem").map_or(key, |elem| &elem["val"]);
        let data = match data {
            None => String::new(),
            Some(data) => mapped(data, listed),
        };
        if key == "*" {
            return (Vec::new(), Vec::new(), data);
        }
        let parts = match key.get("concat").and_then(Value::as_array) {
            Some(parts) => parts.iter().collect(),
            None => vec![key],
        };
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (at, (part, kind)) in parts.iter().zip(&types).enumerate() {
            // In a set of intervals numbers are compared as they are in packets.
            let (from, to) = ends(part, kind, intervals);
            first.extend(from);
            last.extend(to);
            if at + 1 < types.len() || types.len() > 1 {
                first.resize(first.len().next_multiple_of(4), 0);
                last.resize(last.len().next_multiple_of(4), 0);
            }
        }
        (first, last, data)
    });
    merged(elements.collect(), types.len())
}

fn types(listed: &Value) -> Vec<String> {
    match &listed["type"] {
        Value::Array(types) => types.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        Value::String(one) => vec![one.clone()],
        _ => vec!["ipv4_addr".to_owned()],
    }
}

fn mapped(data: &Value, listed: &Value) -> String {
    if let Some(parts) = data["concat"].as_array() {
        let kinds = listed["map"].as_str().unwrap().split(" . ");
        let parts = parts.iter().zip(kinds).flat_map(|(part, kind)| {
            let mut part = bytes(part, kind, false);
            part.resize(part.len().next_multiple_of(4), 0);
            part
        });
        return parts.map(|byte| format!("{byte:02x}")).collect();
    }
    if let Some((word, value)) = data.as_object().and_then(|object| object.iter().next()) {
        return match (word.as_str(), value["target"].as_str()) {
            ("jump" | "goto", Some(chain)) => format!("{word} {chain}"),
            (word, _) => word.to_owned(),
        };
    }
    match listed["map"].as_str() {
        Some(kind @ ("ipv4_addr" | "inet_service" | "mark")) => {
            bytes(data, kind, false).iter().map(|byte| format!("{byte:02x}")).collect()
        }
        _ => data.as_str().unwrap().to_owned(),
    }
}

fn ends(value: &Value, kind: &str, intervals: bool) -> (Vec<u8>, Vec<u8>) {
    if let Some([from, to]) = value["range"].as_array().map(Vec::as_slice) {
        return (bytes(from, kind, intervals), bytes(to, kind, intervals));
    }
    if let Some(width) = value["prefix"]["len"].as_u64() {
        let first = bytes(&value["prefix"]["addr"], kind, intervals);
        let mut last = first.clone();
        for (at, byte) in last.iter_mut().enumerate() {
            let kept = usize::try_from(width).unwrap().saturating_sub(at * 8).min(8);
            *byte |= 0xff_u16.checked_shr(kept as u32).unwrap() as u8;
        }
        return (first, last);
    }
    if let Some(start) = value.as_str().and_then(|name| name.strip_suffix('*')).filter(|_| kind == "ifname") {
        let first = bytes(&start.into(), kind, intervals);
        let mut last = first.clone();
        last[start.len()..].fill(0xff);
        return (first, last);
    }
    let one = bytes(value, kind, intervals);
    (one.clone(), one)
}

fn bytes(value: &Value, kind: &str, intervals: bool) -> Vec<u8> {
    let number = || value.as_u64().unwrap_or_else(|| panic!("{value} is no number"));
    match kind {
        "ipv4_addr" => value.as_str().unwrap().parse::<Ipv4Addr>().unwrap().octets().to_vec(),
        "ipv6_addr" => value.as_str().unwrap().parse::<Ipv6Addr>().unwrap().octets().to_vec(),
        "inet_service" => (number() as u16).to_be_bytes().to_vec(),
        "inet_proto" => match value.as_str() {
            Some("tcp") => vec![6],
            Some("udp") => vec![17],
            _ => vec![number() as u8],
        },
        "mark" if intervals => (number() as u32).to_be_bytes().to_vec(),
        "mark" => (number() as u32).to_ne_bytes().to_vec(),
        "ether_addr" => {
            value.as_str().unwrap().split(':').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
        }
        "ifname" => {
            let mut name = value.as_str().unwrap().as_bytes().to_vec();
            name.resize(16, 0);
            name
        }
        other => panic!("the test knows no type {other}"),
    }
}

fn merged(mut elements: Vec<Interval>, parts: usize) -> Vec<Interval> {
    elements.sort();
    let mut found: Vec<Interval> = Vec::new();
    for element in elements {
        match found.last_mut() {
            Some(before)
                if parts == 1
                    && before.2 == element.2
                    && !before.0.is_empty()
                    && follows(&before.1, &element.0) =>
            {
                before.1 = element.1;
            }
            _ => found.push(element),
        }
    }
    found
}

/// Whether one number comes right after the other.
fn follows(before: &[u8], after: &[u8]) -> bool {
    let mut next = before.to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return next == after;
        }
    }
    false
}
