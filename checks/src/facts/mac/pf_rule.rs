//! One filter rule of pf in the form in which the kernel prints it (pf.conf(5), section GRAMMAR).

use serde::{Deserialize, Serialize};

/// A filter rule, as far as hostduty understands it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// As the kernel prints it, up to 300 characters.
    pub text: String,
    /// What it does.
    pub action: Action,
    /// Which way the packets go.
    #[serde(skip_serializing_if = "is_default")]
    pub direction: Direction,
    /// Whether it ends the walk when it matches.
    #[serde(skip_serializing_if = "is_default")]
    pub quick: bool,
    /// The interface that it is about; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Whether it is about every other interface instead.
    #[serde(skip_serializing_if = "is_default")]
    pub interface_negated: bool,
    /// `inet` or `inet6`; absent for both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// `tcp`, `udp`…; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Whether it is only about some peers or some of the machine's own addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub narrowed: bool,
    /// The first and the last destination port; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<(u16, u16)>,
    /// The anchor that it evaluates, for [`Action::Anchor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Refuses it.
    Block,
    /// Lets it in.
    Pass,
    /// Asks the rules of an anchor.
    Anchor,
    /// hostduty does not understand the rule: tables, tags, users, routing…
    #[default]
    NotUnderstood,
}

/// Which way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Towards this machine.
    In,
    /// Away from it.
    Out,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Rule {
    /// Whether it is about TCP packets that come in through `interface` to `port` from a peer that no rule names.
    /// A rule that is not understood is about them unless what was understood of it says otherwise.
    #[must_use]
    pub fn concerns(&self, interface: &str, family: &str, port: u16) -> bool {
        self.direction != Direction::Out
            && self.interface.as_ref().is_none_or(|name| (name == interface) != self.interface_negated)
            && self.family.as_ref().is_none_or(|name| name == family)
            && self.protocol.as_ref().is_none_or(|name| name == "tcp")
            && self.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    }
}

/// One line of `pfctl -s rules`; nothing for lines that decide about no packet (scrub, dummynet, translation).
#[must_use]
pub fn parse(line: &str) -> Option<Rule> {
    let words = words(line);
    let mut words = words.iter().map(String::as_str).peekable();
    let action = match words.next()? {
        "block" => Action::Block,
        "pass" => Action::Pass,
        "anchor" => Action::Anchor,
        first if first.starts_with("scrub") || first.ends_with("-anchor") => return None,
        _ => Action::NotUnderstood,
    };
    let mut rule = Rule { text: line.trim().chars().take(300).collect(), action, ..Rule::default() };
    if action == Action::Anchor {
        rule.anchor = words.next().map(str::to_owned);
    }
    let understood = conditions(&mut rule, words).is_some() && !(action == Action::Anchor && rule.quick);
    if !understood {
        rule.action = Action::NotUnderstood;
    }
    Some(rule)
}

/// Fills in the conditions; nothing when a word is not understood.
fn conditions<'a>(
    rule: &mut Rule,
    mut words: std::iter::Peekable<impl Iterator<Item = &'a str>>,
) -> Option<()> {
    while let Some(word) = words.next() {
        match word {
            "drop" | "return" | "return-rst" | "return-icmp" | "return-icmp6" => {
                words.next_if(|word| word.starts_with('('));
            }
            "in" => rule.direction = Direction::In,
            "out" => rule.direction = Direction::Out,
            "log" => {
                words.next_if(|word| word.starts_with('('));
            }
            "quick" => rule.quick = true,
            "on" => {
                rule.interface_negated = words.next_if_eq(&"!").is_some();
                rule.interface = Some(words.next()?.to_owned());
            }
            "inet" | "inet6" => rule.family = Some(word.to_owned()),
            "proto" => rule.protocol = Some(words.next()?.to_owned()),
            "all" => {}
            "from" | "to" => {
                match words.next()? {
                    "any" => {}
                    // A table may hold any address, even all of them.
                    host if host.starts_with('<') => return None,
                    "!" => {
                        words.next().filter(|host| !host.starts_with('<'))?;
                        rule.narrowed = true;
                    }
                    _ => rule.narrowed = true,
                }
                if words.next_if_eq(&"port").is_some() {
                    let range = ports(words.next()?, &mut words)?;
                    if word == "to" {
                        rule.ports = Some(range);
                    } else {
                        rule.narrowed = true;
                    }
                }
            }
            "flags" | "label" => {
                words.next()?;
            }
            "keep" | "modulate" | "synproxy" | "no" => {
                words.next_if_eq(&"state")?;
                words.next_if(|word| word.starts_with('('));
            }
            _ => return None,
        }
    }
    Some(())
}

/// What follows `port`: `= 22`, `5900:5910`, `>= 1024`.
fn ports<'a>(first: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<(u16, u16)> {
    if let Some((low, high)) = first.split_once(':') {
        return Some((port(low)?, port(high)?));
    }
    match first {
        "=" => port(words.next()?).map(|port| (port, port)),
        ">=" => port(words.next()?).map(|port| (port, u16::MAX)),
        ">" => port(words.next()?)?.checked_add(1).map(|port| (port, u16::MAX)),
        "<=" => port(words.next()?).map(|port| (0, port)),
        "<" => port(words.next()?)?.checked_sub(1).map(|port| (0, port)),
        _ => None,
    }
}

/// A number, or one of the names that pfctl prints for the ports that hostduty asks about.
fn port(word: &str) -> Option<u16> {
    match word {
        "ssh" => Some(22),
        "rfb" | "vnc-server" => Some(5900),
        _ => word.parse().ok(),
    }
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
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_kernel_are_understood() {
        let rule =
            parse("block drop in log quick on ! lo0 inet6 proto tcp from any to any port = rfb").unwrap();
        assert_eq!((rule.action, rule.direction, rule.quick), (Action::Block, Direction::In, true));
        assert_eq!((rule.interface.as_deref(), rule.interface_negated), (Some("lo0"), true));
        assert_eq!((rule.ports, rule.narrowed), (Some((5900, 5900)), false));
        let rule = parse(
            "pass in on en0 inet proto tcp from 203.0.113.9 to any port 5900:5910 flags S/SA keep state (source-track rule) label \"a b\"",
        )
        .unwrap();
        assert_eq!((rule.action, rule.narrowed, rule.ports), (Action::Pass, true, Some((5900, 5910))));
        let rule = parse("anchor \"com.apple/*\" all").unwrap();
        assert_eq!((rule.action, rule.anchor.as_deref()), (Action::Anchor, Some("com.apple/*")));
        assert_eq!(parse("block return all").unwrap().action, Action::Block);
        assert_eq!(
            parse("pass in proto tcp from any to any port > 1024 no state").unwrap().ports,
            Some((1025, 65535))
        );
        assert!(parse("pass in proto tcp from any port = 20 to any").unwrap().narrowed);
        assert_eq!(parse("scrub-anchor \"com.apple/*\" all fragment reassemble"), None);
        assert_eq!(parse("scrub in all fragment reassemble"), None);
    }

    #[test]
    fn what_is_not_understood_says_so() {
        for line in [
            "pass in quick from <friends> to any",
            "pass in from ! <enemies> to any",
            "pass in all tagged X",
            "block drop in all user = 501",
            "pass in route-to (en1 10.0.0.1) all",
            "pass in proto tcp from any to any port != 22",
            "pass in proto tcp from any to any port 70000:80000",
            "pass in proto tcp from any to any port > 65535",
            "anchor \"_1\" all {",
            "}",
            "block on",
            "keep",
            "\"unfinished (",
        ] {
            assert_eq!(parse(line).unwrap().action, Action::NotUnderstood, "{line}");
        }
        assert_eq!(parse(" "), None);
        assert_eq!(parse(&"(".repeat(100_000)).unwrap().text.len(), 300);
    }

    #[test]
    fn packets_that_a_rule_is_not_about() {
        let concerns = |line: &str| parse(line).unwrap().concerns("en0", "inet", 5900);
        assert!(concerns("block drop all") && concerns("pass in on en0 all tagged X"));
        assert!(concerns("block drop in on ! lo0 all") && !concerns("block drop in on ! en0 all"));
        assert!(
            !concerns("pass out all") && !concerns("pass in on lo0 all") && !concerns("pass in inet6 all")
        );
        assert!(
            !concerns("pass in proto udp all") && !concerns("pass in proto tcp from any to any port 1:5899")
        );
    }
}
