//! Where connections may come from, as far as a configuration tells them apart.
//!
//! Every network and pattern of addresses that the configuration names cuts the address space into ranges; within one
//! range every address is treated alike, so that one address stands for all of it. Ranges that nothing tells apart
//! are one class.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::connection::Connection;
use super::criteria::Attribute;
use super::effective::Evaluator;
use super::patterns::{self, AddressList, Network, Parsed};
use super::ranges::{self, Range};
use super::truths::Truths;
use super::{Config, Line};

/// Classes that are told apart; a configuration with more is a gap.
const CLASSES: usize = 4_096;
/// Networks that are compared with addresses to tell the classes apart; a configuration with more is a gap.
const WORK: usize = 10_000_000;
/// Doubts that are told; one alone keeps a configuration from being judged.
const DOUBTS: usize = 8;
/// Networks that a label names.
const NAMED: usize = 3;

/// Connections that a configuration treats alike, by what it knows of the client and of the way to the server.
#[derive(Debug, Clone)]
pub struct Origin {
    /// In words, such as `anywhere` or `10.0.0.0/8`.
    pub label: String,
    /// An address of the class.
    pub address: String,
    /// The client's host name, where sshd looks it up and the class is told apart by it; else the address.
    pub host: String,
    local_address: Option<String>,
    local_port: Option<u16>,
    rdomain: String,
    /// For each Match line, whether the criteria that look at no account hold.
    pub(super) holds: Truths,
    /// For each pattern behind an `@` of AllowUsers and DenyUsers, whether it matches.
    pub(super) listed: Vec<bool>,
}

/// All classes of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The classes; together they are every connection that can be.
    pub classes: Vec<Origin>,
    /// Why the classes may not tell apart all that the configuration does.
    pub doubts: Vec<String>,
}

impl Origin {
    /// A connection of the class, by nobody in particular.
    #[must_use]
    pub fn connection(&self) -> Connection<'_> {
        Connection {
            host: Some(&self.host),
            address: Some(&self.address),
            local_address: self.local_address.as_deref(),
            local_port: self.local_port,
            rdomain: Some(&self.rdomain),
            ..Connection::default()
        }
    }
}

impl Origins {
    /// A single connection, as `sshd -C` describes one, instead of every class.
    #[must_use]
    pub fn exactly(evaluator: &Evaluator<'_>, connection: &Connection<'_>) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let label = connection.address.or(connection.host).unwrap_or("nowhere in particular");
        let origin = Origin {
            label: label.to_owned(),
            address: text(connection.address),
            host: text(connection.host),
            local_address: connection.local_address.map(str::to_owned),
            local_port: connection.local_port,
            rdomain: text(connection.rdomain),
            holds: evaluator.holds(connection, |of| !of.is_of_account()),
            listed: listed(&lists(evaluator.config()), connection),
        };
        Self { classes: vec![origin], doubts: Vec::new() }
    }
}

/// What is known of the server's own end.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// The addresses on which it listens; an unspecified one is every address of its family.
    pub addresses: Vec<IpAddr>,
    /// The ports on which it listens.
    pub ports: BTreeSet<u16>,
}

impl Listening {
    /// What a configuration says of it. A host name in ListenAddress counts as every address.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let values = |name: &str| config.global(name).unwrap_or_default().values;
        let mut listening = Self::default();
        let ports: Vec<u16> = values("port").iter().filter_map(|port| port.parse().ok()).collect();
        let addresses = values("listenaddress");
        for value in &addresses {
            let (address, port) = match value.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((address, port)) => (address, port.strip_prefix(':')),
                None if value.matches(':').count() == 1 => value
                    .split_once(':')
                    .map_or((value.as_str(), None), |(address, port)| (address, Some(port))),
                None => (value.as_str(), None),
            };
            listening.addresses.push(patterns::address(address).unwrap_or(Ipv6Addr::UNSPECIFIED.into()));
            match port.and_then(|port| port.parse::<u16>().ok()) {
                Some(port) => listening.ports.extend([port]),
                None => listening.ports.extend(&ports),
            }
        }
        if addresses.is_empty() {
            listening.addresses = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            listening.ports.extend(ports);
        }
        listening
    }
}

/// The classes of connections that a configuration tells apart.
#[must_use]
pub fn origins(evaluator: &Evaluator<'_>, listening: &Listening) -> Origins {
    let mut survey = Survey::of(evaluator.config());
    let loopback_only =
        !listening.addresses.is_empty() && listening.addresses.iter().all(IpAddr::is_loopback);
    let clients: Vec<Range> =
        survey.clients.ranges().into_iter().filter(|range| !loopback_only || range.is_loopback()).collect();
    let servers = survey.servers(listening);
    let ports = survey.ports(listening);
    let names: Vec<Option<String>> =
        std::iter::once(None).chain(survey.names.iter().cloned().map(Some)).collect();
    let domains: Vec<String> = std::iter::once(String::new()).chain(survey.domains.iter().cloned()).collect();
    let mut groups: HashMap<(Truths, Vec<bool>), (usize, Vec<Range>)> = HashMap::new();
    let mut classes: Vec<Origin> = Vec::new();
    let sizes = [clients.len(), servers.len(), ports.len(), names.len(), domains.len()];
    let combinations = sizes.into_iter().fold(1_usize, usize::saturating_mul);
    let lists = lists(evaluator.config());
    let cost =
        evaluator.cost() + lists.iter().map(|(patterns, list)| patterns.len() + list.cost()).sum::<usize>();
    let mut left = (WORK / cost.max(1)).clamp(1, CLASSES * 4);
    if combinations > left {
        // However many doubts there are already, this one is said.
        survey.doubts.insert(
            0,
            "the configuration of sshd tells apart more kinds of connections than hostduty compares"
                .to_owned(),
        );
    }
    'all: for (server, port) in servers.iter().flat_map(|server| ports.iter().map(move |port| (server, port)))
    {
        for (name, domain) in names.iter().flat_map(|name| domains.iter().map(move |domain| (name, domain))) {
            if left == 0 {
                break 'all;
            }
            // Ranges are merged within one combination of the other things only, so that a label stays readable.
            groups.clear();
            for client in clients.iter().take(left) {
                left -= 1;
                let address = client.address().to_string();
                let mut origin = Origin {
                    label: String::new(),
                    host: name.clone().unwrap_or_else(|| address.clone()),
                    address,
                    local_address: server.as_ref().map(|range| range.address().to_string()),
                    local_port: *port,
                    rdomain: domain.clone(),
                    holds: Truths::default(),
                    listed: Vec::new(),
                };
                origin.holds = evaluator.holds(&origin.connection(), |of| !of.is_of_account());
                origin.listed = listed(&lists, &origin.connection());
                let key = (origin.holds.clone(), origin.listed.clone());
                let at = classes.len();
                let (_, ranges) = groups.entry(key).or_insert_with(|| {
                    classes.push(origin);
                    (at, Vec::new())
                });
                ranges.push(*client);
            }
            for (at, ranges) in groups.values() {
                let mut label = describe(ranges, &clients);
                if let Some(name) = name {
                    label += &format!(" with the host name {name}");
                }
                if let Some(server) = server {
                    label += &format!(" to {}", ranges::describe(&[*server], 1));
                }
                if let Some(port) = port
                    && ports.len() > 1
                {
                    label += &format!(" to port {port}");
                }
                if !domain.is_empty() {
                    label += &format!(" in the routing domain {domain}");
                }
                if let Some(class) = classes.get_mut(*at) {
                    class.label = label;
                }
            }
        }
    }
    survey.doubts.sort();
    survey.doubts.dedup();
    Origins { classes, doubts: survey.doubts }
}

/// The ranges of a class in words.
fn describe(ranges: &[Range], all: &[Range]) -> String {
    if ranges.len() == all.len() {
        return if all.iter().all(Range::is_loopback) {
            "this host itself".to_owned()
        } else {
            "anywhere".to_owned()
        };
    }
    match ranges.iter().any(Range::is_vast) {
        true => "anywhere else".to_owned(),
        false => ranges::describe(ranges, NAMED),
    }
}

/// What a configuration asks of connections.
#[derive(Default)]
struct Survey {
    /// Ranges of the clients' addresses.
    clients: ranges::Cuts,
    /// Ranges of the server's own addresses; empty where nothing asks for them.
    local: Option<ranges::Cuts>,
    /// Whether something asks for the server's port.
    local_port: bool,
    /// Host names that stand for the patterns of names.
    names: BTreeSet<String>,
    domains: BTreeSet<String>,
    doubts: Vec<String>,
}

impl Survey {
    fn of(config: &Config) -> Self {
        let mut survey = Self::default();
        for network in ["127.0.0.0/8", "::1"] {
            survey.clients.cut(network);
        }
        let looks_up = config
            .lines
            .iter()
            .any(|line| line.keyword == "usedns" && line.values.iter().any(|value| value == "yes"));
        for criterion in config.matches.iter().flat_map(|block| &block.criteria) {
            let entries = criterion.patterns.split(',').map(|entry| entry.strip_prefix('!').unwrap_or(entry));
            for entry in entries {
                match criterion.of {
                    Attribute::Address => survey.address(entry),
                    Attribute::Host => {
                        survey.text(entry);
                        survey.name(entry, looks_up);
                    }
                    Attribute::LocalAddress => {
                        let local = survey.local.get_or_insert_default();
                        if !local.cut(entry) {
                            survey.doubt(format!(
                                "which addresses of this host the pattern {entry} means is not known"
                            ));
                        }
                    }
                    Attribute::LocalPort => survey.local_port = true,
                    Attribute::Rdomain => {
                        survey.domains.extend(instance(entry).filter(|domain| !domain.is_empty()));
                    }
                    _ => {}
                }
            }
        }
        for (patterns, _) in lists(config) {
            for entry in patterns.split(',').map(|entry| entry.strip_prefix('!').unwrap_or(entry)) {
                survey.address(entry);
                survey.name(entry, looks_up);
            }
        }
        survey
    }

    fn address(&mut self, entry: &str) {
        match Network::parse(entry) {
            Parsed::Network(_) => {
                self.clients.cut(entry);
            }
            Parsed::Inconsistent => {}
            Parsed::Text => self.text(entry),
        }
    }

    /// A pattern that is compared with an address as text. One with letters that no address has matches none.
    fn text(&mut self, entry: &str) {
        let possible = entry.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:*?".contains(&byte));
        if possible && !self.clients.cut(entry) {
            self.doubt(format!("the addresses that the pattern {entry} means are too many to tell apart"));
        }
    }

    fn doubt(&mut self, doubt: String) {
        if self.doubts.len() < DOUBTS {
            self.doubts.push(doubt);
        }
    }

    fn name(&mut self, entry: &str, looks_up: bool) {
        if looks_up {
            self.names.extend(
                instance(&entry.to_ascii_lowercase()).filter(|name| patterns::address(name).is_none()),
            );
        }
    }

    /// The ranges of the server's addresses that connections may reach.
    fn servers(&mut self, listening: &Listening) -> Vec<Option<Range>> {
        let Some(local) = &mut self.local else { return vec![None] };
        let known: Vec<Range> = listening.addresses.iter().map(|address| Range::single(*address)).collect();
        match !known.is_empty() && listening.addresses.iter().all(|address| !address.is_unspecified()) {
            true => known.into_iter().map(Some).collect(),
            false => local.ranges().into_iter().map(Some).collect(),
        }
    }

    fn ports(&mut self, listening: &Listening) -> Vec<Option<u16>> {
        match self.local_port {
            true if listening.ports.is_empty() => {
                self.doubt("the ports on which sshd listens are not known".to_owned());
                vec![None]
            }
            true => listening.ports.iter().copied().map(Some).collect(),
            false => vec![listening.ports.first().copied()],
        }
    }
}

/// Each list behind an `@` of AllowUsers and DenyUsers, as it is and taken apart.
fn lists(config: &Config) -> Vec<(&str, AddressList<'_>)> {
    let users = |line: &&Line| matches!(line.keyword.as_str(), "allowusers" | "denyusers");
    let values = config.lines.iter().filter(users).flat_map(|line| &line.values);
    let lists = values.filter_map(|value| value.rsplit_once('@'));
    lists.map(|(_, patterns)| (patterns, AddressList::new(patterns))).collect()
}

/// For each pattern behind an `@`, whether it matches.
fn listed(lists: &[(&str, AddressList<'_>)], connection: &Connection<'_>) -> Vec<bool> {
    let hit = |(patterns, list): &(&str, AddressList<'_>)| {
        patterns::host_or_listed(patterns, list, connection.host, connection.address).unwrap_or(false)
    };
    lists.iter().map(hit).collect()
}

/// A text that a pattern matches.
fn instance(pattern: &str) -> Option<String> {
    let text: String = pattern.replace('*', "any").replace('?', "x");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sshd::testing;

    fn labels(text: &str) -> Vec<String> {
        let config = testing::config(text);
        let evaluator = config.evaluator();
        let listening = Listening { addresses: vec![Ipv6Addr::UNSPECIFIED.into()], ports: [22].into() };
        let mut labels: Vec<String> =
            origins(&evaluator, &listening).classes.into_iter().map(|class| class.label).collect();
        labels.sort();
        labels
    }

    #[test]
    fn what_nothing_tells_apart_is_one_class() {
        assert_eq!(labels(""), ["anywhere"]);
        assert_eq!(labels("Match user anna\nPasswordAuthentication no"), ["anywhere"]);
        assert_eq!(
            labels("Match address 10.0.0.0/8,192.168.*\nX11Forwarding no"),
            ["10.0.0.0/8, 192.168.0.0/16", "anywhere else"]
        );
        assert_eq!(
            labels("Match address *,!127.0.0.1,!::1\nX11Forwarding no"),
            ["127.0.0.1, ::1", "anywhere else"]
        );
        assert_eq!(labels("AllowUsers anna@10.1.2.3"), ["10.1.2.3", "anywhere else"]);
        assert_eq!(
            labels(
                "Match address 10.0.0.0/8,!10.9.0.0/16\nX11Forwarding no\nMatch address 10.9.1.0/24\nX11Forwarding no"
            ),
            ["10.0.0.0/13, 10.8.0.0/16, 10.10.0.0/15 and others", "10.9.1.0/24", "anywhere else"]
        );
    }

    #[test]
    fn without_a_port_there_is_a_doubt_and_a_class() {
        let config = testing::config("Match localport 22\nPasswordAuthentication no");
        let origins = origins(&config.evaluator(), &Listening::default());
        assert_eq!((origins.classes.len(), origins.doubts.len()), (1, 1));
    }

    #[test]
    fn more_networks_than_can_be_compared_are_a_doubt() {
        let networks: Vec<String> =
            (0..4_000).map(|number| format!("10.{}.{}.0/24", number / 250, number % 250)).collect();
        let text = format!("Match address {}\nPasswordAuthentication yes", networks.join(","));
        let config = testing::config(&format!("{text}\n").repeat(3));
        let origins = origins(&config.evaluator(), &Listening::default());
        assert!(!origins.classes.is_empty());
        assert!(
            origins.doubts.iter().any(|doubt| doubt.contains("more kinds of connections")),
            "{:?}",
            origins.doubts
        );
    }

    #[test]
    fn names_count_where_they_are_looked_up() {
        assert_eq!(labels("Match host *.example.org\nX11Forwarding no"), ["anywhere"]);
        assert_eq!(
            labels("UseDNS yes\nMatch host *.example.org\nX11Forwarding no"),
            ["anywhere", "anywhere with the host name any.example.org"]
        );
    }
}
