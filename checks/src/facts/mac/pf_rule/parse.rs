//! From a line of `pfctl -s rules` or `pfctl -s nat` to a rule.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::net::IpAddr;

use super::{Action, Direction, HostSet, Hosts, Rule, Target};
use crate::facts::network::Prefix;

/// The ports that services(5) names, since pfctl may print a name for a number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(BTreeMap<String, u16>);

impl Names {
    /// Those of TCP in the text of /etc/services.
    #[must_use]
    pub fn new(services: &str) -> Self {
        let mut names = BTreeMap::new();
        for line in services.lines().take(50_000) {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
            let Some(Ok(port)) = port.strip_suffix("/tcp").map(str::parse) else { continue };
            for name in std::iter::once(name).chain(words) {
                names.entry(name.to_owned()).or_insert(port);
            }
        }
        Self(names)
    }

    fn port(&self, word: &str) -> Option<u16> {
        word.parse().ok().or_else(|| self.0.get(word).copied()).or(match word {
            "ssh" => Some(22),
            "rfb" | "vnc-server" => Some(5900),
            _ => None,
        })
    }
}

/// One line of `pfctl -s rules`; nothing for lines that decide about no packet (scrub, dummynet).
#[must_use]
pub fn parse(line: &str, names: &Names) -> Option<Rule> {
    let all = words(line);
    let mut words = all.iter().map(String::as_str).peekable();
    let action = match words.next()? {
        "block" => Action::Block,
        "pass" => Action::Pass,
        "anchor" => Action::Anchor,
        first if first.starts_with("scrub") || first.ends_with("-anchor") => return None,
        // Apple's own shape traffic; they neither refuse nor let in.
        first if first.starts_with("dummynet") => return None,
        _ => Action::NotUnderstood,
    };
    let mut rule = started(line, action);
    if action == Action::Anchor {
        rule.anchor = name(&mut words);
    }
    rule.narrowed = conditions(&mut rule, &mut words, names).is_none();
    Some(rule)
}

/// One line of `pfctl -s nat`; nothing for lines that leave the destination of what comes in as it is.
#[must_use]
pub fn redirection(line: &str, names: &Names) -> Option<Rule> {
    let all = words(line);
    let mut words = all.iter().map(String::as_str).peekable();
    let mut negated = false;
    let mut first = words.next()?;
    if first == "no" {
        negated = true;
        first = words.next()?;
    }
    let action = match (first, negated) {
        ("rdr", false) => Action::Redirect,
        ("rdr", true) => Action::Pass,
        ("rdr-anchor", _) => Action::Anchor,
        ("nat" | "nat-anchor", _) => return None,
        // The other way round it is a redirection too, of every port of an address.
        ("binat", true) => return None,
        _ => Action::NotUnderstood,
    };
    let mut rule = started(line, action);
    if action == Action::Anchor {
        rule.anchor = name(&mut words);
    }
    let past_rules = words.next_if_eq(&"pass").is_some();
    let known = conditions(&mut rule, &mut words, names).is_some();
    if action == Action::Redirect {
        let mut target = Target { address: None, port: None, past_rules };
        let known = known && where_to(&mut target, &mut words, names).is_some();
        rule.narrowed = !known;
        rule.target = Some(target);
    } else {
        rule.narrowed = !known;
    }
    Some(rule)
}

fn started(line: &str, action: Action) -> Rule {
    Rule { text: line.trim().chars().take(300).collect(), action, ..Rule::default() }
}

/// The name of an anchor, which one without a name of its own has not.
fn name<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<String> {
    const CONDITIONS: [&str; 9] = ["all", "from", "in", "inet", "inet6", "on", "out", "proto", "{"];
    words.next_if(|word| !CONDITIONS.contains(word)).map(str::to_owned)
}

/// Fills in the conditions up to `->`; nothing when a word is not understood, after which the rest may mean anything.
fn conditions<'a>(
    rule: &mut Rule,
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    names: &Names,
) -> Option<()> {
    while let Some(word) = words.next_if(|word| *word != "->") {
        match word.split('(').next().unwrap_or_default() {
            "drop" | "return" | "return-rst" | "return-icmp" | "return-icmp6" | "log" => {
                words.next_if(|word| word.starts_with('('));
            }
            "in" => rule.direction = Direction::In,
            "out" => rule.direction = Direction::Out,
            "quick" => rule.quick = true,
            "on" => {
                rule.interface_negated = words.next_if_eq(&"!").is_some();
                rule.interface = Some(words.next()?.to_owned());
            }
            "inet" | "inet6" => rule.family = Some(word.to_owned()),
            "proto" => {
                rule.protocol = Some(match words.next()? {
                    "6" => "tcp".to_owned(),
                    "17" => "udp".to_owned(),
                    name => name.to_owned(),
                });
            }
            "all" => {}
            "from" => {
                rule.from = hosts(words)?;
                if words.next_if_eq(&"port").is_some() {
                    let (range, negated) = ports(words, names)?;
                    (rule.source_ports, rule.source_ports_negated) = (Some(range), negated);
                }
            }
            "to" => {
                rule.to = hosts(words)?;
                if words.next_if_eq(&"port").is_some() {
                    let (range, negated) = ports(words, names)?;
                    (rule.ports, rule.ports_negated) = (Some(range), negated);
                }
            }
            "flags" => rule.later_segments = !starts_a_connection(words.next()?)?,
            "label" => {
                words.next()?;
            }
            "keep" | "modulate" | "synproxy" | "no" => {
                words.next_if_eq(&"state")?;
                words.next_if(|word| word.starts_with('('));
            }
            // The rules of an anchor without a name follow, up to a line with a brace.
            "{" if rule.action == Action::Anchor => {}
            _ => return None,
        }
    }
    Some(())
}

/// What follows `from` and `to`; nothing where all hosts are meant.
fn hosts<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<Option<Hosts>> {
    let negated = words.next_if_eq(&"!").is_some();
    let word = words.next()?;
    let of = match word {
        "any" if !negated => return Some(None),
        "no-route" | "urpf-failed" => HostSet::Nowhere,
        _ => match (word.strip_prefix('<'), word.strip_prefix('(')) {
            (Some(rest), _) => HostSet::Table(rest.strip_suffix('>')?.to_owned()),
            (_, Some(rest)) => dynamic(rest.strip_suffix(')')?)?,
            _ => HostSet::Network(network(word)?),
        },
    };
    // A range of addresses, `10.0.0.1 - 10.0.0.9`.
    if words.peek() == Some(&"-") {
        return None;
    }
    Some(Some(Hosts { negated, of }))
}

/// `en0`, `en0:network`: with other modifiers, or with a mask behind the parenthesis, it is another set.
fn dynamic(inside: &str) -> Option<HostSet> {
    match inside.split_once(':') {
        None => Some(HostSet::Interface(inside.to_owned())),
        Some((name, "network")) => Some(HostSet::InterfaceNetwork(name.to_owned())),
        Some(_) => None,
    }
}

/// An address or a network as pfctl prints it.
pub(in crate::facts::mac) fn network(word: &str) -> Option<Prefix> {
    let (address, length) = word.split_once('/').map_or((word, None), |(one, two)| (one, Some(two)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok().filter(|length| *length <= most))?;
    Some(Prefix { address, length })
}

/// What follows `port`: `= 22`, `5900:5910`, `>= 1024`, `1 >< 9`; with whether the others are meant.
fn ports<'a>(words: &mut impl Iterator<Item = &'a str>, names: &Names) -> Option<((u16, u16), bool)> {
    let port = |word: &str| names.port(word);
    let first = words.next()?;
    if let Some((low, high)) = first.split_once(':') {
        return Some(((port(low)?, port(high)?), false));
    }
    // pf compares with the number itself: nothing is below 0 and nothing above 65535.
    let none = (1, 0);
    let above = |port: u16| port.checked_add(1).map_or(none, |port| (port, u16::MAX));
    let below = |port: u16| port.checked_sub(1).map_or(none, |port| (0, port));
    Some(match first {
        "=" => port(words.next()?).map(|port| ((port, port), false))?,
        "!=" => port(words.next()?).map(|port| ((port, port), true))?,
        ">=" => ((port(words.next()?)?, u16::MAX), false),
        ">" => (above(port(words.next()?)?), false),
        "<=" => ((0, port(words.next()?)?), false),
        "<" => (below(port(words.next()?)?), false),
        low => {
            let low = port(low)?;
            match (words.next()?, port(words.next()?)?) {
                ("><", high) => match (low.checked_add(1), high.checked_sub(1)) {
                    (Some(first), Some(last)) => ((first, last), false),
                    _ => (none, false),
                },
                ("<>", high) => ((low, high), true),
                _ => return None,
            }
        }
    })
}

/// `S/SA`, `any`: whether a segment with SYN alone meets it (TCP's flags F, S, R, P, A, U, E, W).
fn starts_a_connection(word: &str) -> Option<bool> {
    if word == "any" {
        return Some(true);
    }
    let (set, of) = word.split_once('/')?;
    let known = |flags: &str| flags.bytes().all(|flag| b"FSRPAUEW".contains(&flag));
    if !known(set) || !known(of) {
        return None;
    }
    // An empty mask looks at nothing.
    let of = if of.is_empty() { "FSRPAUEW" } else { of };
    Some(of.bytes().all(|flag| set.as_bytes().contains(&flag) == (flag == b'S')))
}

/// What follows `->`: an address and a port, each of which may be one of several.
fn where_to<'a>(
    target: &mut Target,
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    names: &Names,
) -> Option<()> {
    words.next_if_eq(&"->")?;
    target.address = words.next()?.parse().ok();
    target.address?;
    if words.next_if_eq(&"port").is_some() {
        target.port = Some(names.port(words.next()?)?);
    }
    words.next().is_none().then_some(())
}

/// Splits at white space, keeps what is in quotes or parentheses together, and removes the quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut end) = (Vec::new(), String::new(), None);
    for char in line.chars() {
        match (end, char) {
            (None, '"') => end = Some('"'),
            (None, '(') => {
                end = Some(')');
                word.push('(');
            }
            (Some(last), _) if char == last => {
                end = None;
                if char == ')' {
                    word.push(')');
                }
            }
            (None, _) if char.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(char),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests;
