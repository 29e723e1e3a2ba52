//! A plain walk through rules for one packet, written from pf.conf(5) alone, and the rules that it walks through.

/// A host condition.
#[derive(Debug, Clone)]
pub(super) enum Host {
    Any,
    Net { not: bool, net: &'static str },
    Table { not: bool, name: &'static str },
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Ports {
    Any,
    Is(u16),
    Not(u16),
    From(u16, u16),
    Outside(u16, u16),
    Between(u16, u16),
    Above(u16),
    Below(u16),
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) does: Does,
    pub(super) way: &'static str,
    pub(super) quick: bool,
    pub(super) on: Option<(bool, &'static str)>,
    pub(super) family: Option<&'static str>,
    pub(super) protocol: Option<&'static str>,
    pub(super) from: Host,
    pub(super) from_port: Ports,
    pub(super) to: Host,
    pub(super) port: Ports,
    /// With `flags A/A`.
    pub(super) later: bool,
    /// With a user, which a packet has not.
    pub(super) unclear: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Does {
    Block,
    Pass,
    Anchor(&'static str),
    /// To an address and a port, past the rules or not.
    Redirect(&'static str, u16, bool),
    RedirectAnchor(&'static str),
    NoRedirect,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'p> {
    pub(super) on: &'p str,
    pub(super) family: &'p str,
    pub(super) from: &'p str,
    pub(super) from_port: u16,
    pub(super) to: &'p str,
    pub(super) port: u16,
}

/// Anchors with their filter rules and redirections; the main ones have no name.
pub(super) type Rules = Vec<(&'static str, Vec<Line>, Vec<Line>)>;

fn bits(address: &str) -> (bool, u128) {
    match address.parse().unwrap() {
        std::net::IpAddr::V4(address) => (true, u128::from(u32::from(address)) << 96),
        std::net::IpAddr::V6(address) => (false, u128::from(address)),
    }
}

fn inside(address: &str, net: &str) -> bool {
    let (own, number) = bits(address);
    let (base, length) = net.split_once('/').unwrap_or((net, if own { "32" } else { "128" }));
    let (family, first) = bits(base);
    let length: u32 = length.parse().unwrap();
    family == own && (length == 0 || (number ^ first) >> (128 - length) == 0)
}

/// `<t>` of the main rules, `<t>` of anchor `a`, `<u>` of the main rules.
pub(super) const TABLES: [(&str, &str, &[&str], &[&str]); 3] = [
    ("", "t", &["203.0.113.0/24", "2001:db8:1::/48", "203.0.113.8"], &["203.0.113.8/29"]),
    ("a", "t", &["198.51.100.7"], &[]),
    ("", "u", &[], &[]),
];

fn in_table(address: &str, anchor: &str, name: &str) -> bool {
    let find = |anchor: &str| TABLES.iter().find(|(own, table, ..)| *own == anchor && *table == name);
    let Some((.., holds, without)) = find(anchor).or_else(|| find("")) else { return false };
    let longest = |list: &[&str]| {
        let lengths = list
            .iter()
            .filter(|net| inside(address, net))
            .map(|net| net.split_once('/').map_or(128, |(_, length)| length.parse::<u32>().unwrap()));
        lengths.max()
    };
    // An address alone is longer than any network of its family.
    match (longest(holds), longest(without)) {
        (Some(held), Some(left_out)) => held > left_out,
        (held, None) => held.is_some(),
        (None, Some(_)) => false,
    }
}

impl Host {
    fn meets(&self, address: &str, anchor: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Net { not, net } => {
                let same = net.contains(':') == address.contains(':');
                same && inside(address, net) != *not
            }
            Self::Table { not, name } => in_table(address, anchor, name) != *not,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Net { not, net } => format!("{}{net}", if *not { "! " } else { "" }),
            Self::Table { not, name } => format!("{}<{name}>", if *not { "! " } else { "" }),
        }
    }
}

impl Ports {
    fn meets(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Is(one) => port == one,
            Self::Not(one) => port != one,
            Self::From(first, last) => port >= first && port <= last,
            Self::Outside(first, last) => port < first || port > last,
            Self::Between(first, last) => port > first && port < last,
            Self::Above(one) => port > one,
            Self::Below(one) => port < one,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Is(one) => format!(" port = {one}"),
            Self::Not(one) => format!(" port != {one}"),
            Self::From(first, last) => format!(" port {first}:{last}"),
            Self::Outside(first, last) => format!(" port {first} <> {last}"),
            Self::Between(first, last) => format!(" port {first} >< {last}"),
            Self::Above(one) => format!(" port > {one}"),
            Self::Below(one) => format!(" port < {one}"),
        }
    }
}

impl Line {
    fn meets(&self, sent: Sent<'_>, anchor: &str, clear: &[bool]) -> bool {
        self.way != " out"
            && self.on.is_none_or(|(not, name)| (sent.on == name) != not)
            && self.family.is_none_or(|family| family == sent.family)
            && self.protocol.is_none_or(|protocol| protocol == "tcp")
            && self.from.meets(sent.from, anchor)
            && self.from_port.meets(sent.from_port)
            && self.to.meets(sent.to, anchor)
            && self.port.meets(sent.port)
            && !self.later
            && self.unclear.is_none_or(|at| clear[at])
    }

    /// As pfctl prints it.
    pub(super) fn text(&self) -> String {
        let word = match &self.does {
            Does::Block => "block drop".to_owned(),
            Does::Pass => "pass".to_owned(),
            Does::Anchor(name) => format!("anchor \"{name}\""),
            Does::RedirectAnchor(name) => format!("rdr-anchor \"{name}\""),
            Does::Redirect(.., past) => format!("rdr{}", if *past { " pass" } else { "" }),
            Does::NoRedirect => "no rdr".to_owned(),
        };
        let quick = if self.quick { " quick" } else { "" };
        let on =
            self.on.map_or(String::new(), |(not, name)| format!(" on {}{name}", if not { "! " } else { "" }));
        let family = self.family.map_or(String::new(), |family| format!(" {family}"));
        let protocol = self.protocol.map_or(String::new(), |protocol| format!(" proto {protocol}"));
        let (from, from_port) = (self.from.text(), self.from_port.text());
        let (to, port) = (self.to.text(), self.port.text());
        let hosts = match format!(" from {from}{from_port} to {to}{port}") {
            all if all == " from any to any" => " all".to_owned(),
            hosts => hosts,
        };
        let end = match &self.does {
            Does::Redirect(to, port, _) => format!(" -> {to} port {port}"),
            Does::Pass => " flags S/SA keep state".to_owned(),
            _ => String::new(),
        };
        let end = if self.later { " flags A/A".to_owned() } else { end };
        let user = if self.unclear.is_some() { " user = 501" } else { "" };
        format!("{word}{}{quick}{on}{family}{protocol}{hosts}{end}{user}", self.way)
    }
}

/// Whether the filter rules let a packet in; each unclear line is met or not as `clear` says.
pub(super) fn lets_in(rules: &Rules, sent: Sent<'_>, clear: &[bool]) -> bool {
    let mut last = None;
    filter(rules, "", sent, clear, &mut last);
    last.unwrap_or(true)
}

/// Whether the walk is over; and whether a rule matched in here, by `last` being set anew.
fn filter(rules: &Rules, anchor: &str, sent: Sent<'_>, clear: &[bool], last: &mut Option<bool>) -> bool {
    let Some((_, lines, _)) = rules.iter().find(|(name, ..)| *name == anchor) else { return false };
    for line in lines.iter().filter(|line| line.meets(sent, anchor, clear)) {
        match &line.does {
            Does::Anchor(name) => {
                let before = last.take();
                for (child, ..) in rules.iter().filter(|(child, ..)| stands_for(name, child)) {
                    if filter(rules, child, sent, clear, last) {
                        return true;
                    }
                }
                if last.is_some() && line.quick {
                    return true;
                }
                *last = last.or(before);
            }
            does => {
                *last = Some(matches!(does, Does::Pass));
                if line.quick {
                    return true;
                }
            }
        }
    }
    false
}

fn stands_for(name: &str, anchor: &str) -> bool {
    match name.strip_suffix("/*") {
        Some(parent) => anchor.rsplit_once('/').is_some_and(|(above, _)| above == parent),
        None => name == anchor,
    }
}

/// The destination in the end, and whether the filter rules are still asked.
pub(super) fn redirect(rules: &Rules, anchor: &str, sent: Sent<'_>) -> Option<(&'static str, u16, bool)> {
    match translate(rules, anchor, sent) {
        Some(Does::Redirect(to, port, past)) => Some((to, port, !past)),
        _ => None,
    }
}

fn translate(rules: &Rules, anchor: &str, sent: Sent<'_>) -> Option<Does> {
    let (.., lines) = rules.iter().find(|(name, ..)| *name == anchor)?;
    for line in lines.iter().filter(|line| line.meets(sent, anchor, &[])) {
        match &line.does {
            Does::RedirectAnchor(name) => {
                for (child, ..) in rules.iter().filter(|(child, ..)| stands_for(name, child)) {
                    if let Some(found) = translate(rules, child, sent) {
                        return Some(found);
                    }
                }
            }
            does => return Some(does.clone()),
        }
    }
    None
}
