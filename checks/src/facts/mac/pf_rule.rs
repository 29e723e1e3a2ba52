//! One rule of pf in the form in which the kernel prints it (pf.conf(5), section GRAMMAR).

mod parse;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::facts::network::Prefix;
pub(super) use parse::network;
pub use parse::{Names, parse, redirection};

/// A rule that decides about packets or redirects them, as far as hostduty understands it. A packet has to meet every
/// condition; an absent one is met by all.
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
    /// The interface that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Whether it is about every other interface instead.
    #[serde(skip_serializing_if = "is_default")]
    pub interface_negated: bool,
    /// `inet` or `inet6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// `tcp`, `udp`…
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Hosts>,
    /// The addresses that they write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Hosts>,
    /// The peers' ports, first and last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ports: Option<(u16, u16)>,
    /// Whether it is about every other port of theirs instead.
    #[serde(skip_serializing_if = "is_default")]
    pub source_ports_negated: bool,
    /// The first and the last destination port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<(u16, u16)>,
    /// Whether it is about every other destination port instead.
    #[serde(skip_serializing_if = "is_default")]
    pub ports_negated: bool,
    /// Whether the first segment of a connection never meets its `flags`.
    #[serde(skip_serializing_if = "is_default")]
    pub later_segments: bool,
    /// Whether it is about some of these packets only, in a way that hostduty does not follow: users, tags, chance.
    #[serde(skip_serializing_if = "is_default")]
    pub narrowed: bool,
    /// The anchor that it evaluates, for [`Action::Anchor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// Where it sends packets, for [`Action::Redirect`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Refuses it.
    Block,
    /// Lets it in; of redirections, leaves it as it is.
    Pass,
    /// Asks the rules of an anchor.
    Anchor,
    /// Sends it somewhere else (`rdr`), before the filter rules are asked.
    Redirect,
    /// hostduty does not understand what the rule does.
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

/// The hosts that a condition names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// Whether all others are meant instead.
    #[serde(default, skip_serializing_if = "is_default")]
    pub negated: bool,
    /// Which.
    pub of: HostSet,
}

/// How pf names hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostSet {
    /// An address or a network.
    Network(Prefix),
    /// `<friends>`: what a table holds.
    Table(String),
    /// `(en0)`: the addresses that an interface has at that moment.
    Interface(String),
    /// `(en0:network)`: the networks that it is in.
    InterfaceNetwork(String),
    /// `no-route`, `urpf-failed`: senders that no answer would reach, with whom no connection comes about.
    Nowhere,
}

/// Where packets are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The new destination; absent where it is one of several or the address of an interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The new port; absent where it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether the filter rules are not asked any more (`rdr pass`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub past_rules: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether a condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// It is not.
    No,
    /// That cannot be told.
    Perhaps,
    /// It is.
    Yes,
}

impl From<bool> for Met {
    fn from(met: bool) -> Self {
        if met { Self::Yes } else { Self::No }
    }
}

impl Met {
    /// The same of the opposite condition, where it is asked for.
    #[must_use]
    pub fn unless(self, negated: bool) -> Self {
        match (self, negated) {
            (Self::No, true) => Self::Yes,
            (Self::Yes, true) => Self::No,
            (met, _) => met,
        }
    }
}

impl Rule {
    /// Whether it is about the first segments of TCP connections that come in through `interface` to `port`, whoever
    /// sends them and to whichever address. An empty name stands for an interface that no rule names.
    #[must_use]
    pub fn concerns(&self, interface: &str, family: &str, port: u16) -> Met {
        let holds = |range: Option<(u16, u16)>, negated: bool| {
            range.is_none_or(|(first, last)| (first..=last).contains(&port) != negated)
        };
        let certain = self.direction != Direction::Out
            && !self.later_segments
            && self.family.as_ref().is_none_or(|name| name == family)
            && self.protocol.as_ref().is_none_or(|name| name == "tcp")
            && holds(self.ports, self.ports_negated);
        let interface = self.interface.as_ref().map_or(Met::Yes, |name| on(name, interface));
        let met =
            Met::from(certain).min(interface.unless(self.interface.is_some() && self.interface_negated));
        if self.narrowed { met.min(Met::Perhaps) } else { met }
    }
}

/// Whether a name of a rule is about an interface: its own, or that of its group, such as `en` for `en0`.
fn on(name: &str, interface: &str) -> Met {
    if name == interface || matches!(name, "any" | "all") {
        return Met::Yes;
    }
    let is_group = !name.ends_with(|last: char| last.is_ascii_digit());
    let loopback = matches!(name, "lo");
    match interface.strip_prefix(name) {
        Some(rest) if is_group && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            if loopback {
                Met::Yes
            } else {
                Met::Perhaps
            }
        }
        None if is_group && !loopback && interface.is_empty() => Met::Perhaps,
        _ => Met::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_a_rule_is_not_about() {
        let concerns = |line: &str| parse(line, &Names::default()).unwrap().concerns("en0", "inet", 5900);
        assert_eq!(concerns("block drop all"), Met::Yes);
        assert_eq!(concerns("pass in on en0 all tagged X"), Met::Perhaps);
        assert_eq!(concerns("block drop in on ! lo0 all"), Met::Yes);
        for line in [
            "block drop in on ! en0 all",
            "pass out all",
            "pass in on lo0 all",
            "pass in inet6 all",
            "pass in proto udp all",
            "pass in proto tcp from any to any port 1:5899",
            "pass in proto tcp from any to any port 5899 <> 5901",
            "pass in proto tcp all flags A/A",
            "pass in on en10 all",
        ] {
            let inside = line.contains("<>");
            assert_eq!(concerns(line), Met::No, "{line} {inside}");
        }
        assert_eq!(concerns("pass in on en all"), Met::Perhaps, "a group, which not every release knows");
        assert_eq!(concerns("pass in on utun all"), Met::No);
        let other = |line: &str| parse(line, &Names::default()).unwrap().concerns("", "inet", 5900);
        assert_eq!(other("block drop in on en0 all"), Met::No);
        assert_eq!(other("block drop in on ! en0 all"), Met::Yes);
        assert_eq!(other("block drop in on en all"), Met::Perhaps);
        assert_eq!(other("block drop in on ! lo all"), Met::Yes);
    }
}
