//! Who can reach what, as a table for people and as JSON.

use std::fmt::Write;

use checks::check::Verdict;
use checks::facts::sockets::{Socket, Sockets};
use checks::gap::Gap;
use checks::reach::{Access, Exposed, Exposure, Published, Reach};
use serde::Serialize;

use super::human::{Paint, wrapped};
use crate::output::clean;

/// What is listed, as JSON has it: packaging/schema/exposure-v1.schema.json.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    schema_version: u32,
    /// Sockets, and ports that are sent on to a container or to another machine; the most exposed first.
    pub(super) sockets: Vec<Entry>,
    /// What could not be looked at and limits what is said.
    pub(super) gaps: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    protocol: &'static str,
    address: String,
    port: u16,
    /// `ipv4`, `ipv6`, `dual`; `null` where the kernel did not say whether a socket of IPv6 takes IPv4 as well.
    family: Option<&'static str>,
    process: Option<String>,
    unit: Option<String>,
    user: Option<String>,
    /// The inode of the network namespace, when it is not this machine's own.
    netns: Option<u64>,
    /// Where a published port leads; `null` for a socket.
    published_to: Option<String>,
    pub(super) reach: Reach,
    pub(super) from: Vec<String>,
    pub(super) decided_by: Option<String>,
    /// Further rules that decide.
    pub(super) also: Vec<String>,
    pub(super) rate_limited: bool,
    pub(super) reason: Option<String>,
}

impl Listing {
    pub(crate) fn new(found: &Exposure) -> Self {
        let sockets = found.sockets.iter().map(Entry::socket);
        let published = found.published.iter().map(Entry::published);
        let gaps = found.gaps.iter().map(ToString::to_string).collect();
        Self::of(sockets.chain(published).collect(), gaps)
    }

    /// The sockets alone, where nothing is known of what filters them.
    pub(crate) fn without_rules(sockets: &Sockets, gap: &Gap) -> Self {
        let entry = |socket: &Socket| {
            let reach = if socket.is_loopback() { Reach::Loopback } else { Reach::Unknown };
            let access = Access {
                reach,
                ipv4: reach,
                ipv6: reach,
                from: Vec::new(),
                decided_by: Vec::new(),
                rate_limited: false,
                reason: (reach == Reach::Unknown).then(|| gap.to_string()),
            };
            Entry { user: Some(socket.uid.to_string()), ..Entry::of_socket(socket, &access) }
        };
        Self::of(sockets.list.iter().map(entry).collect(), vec![gap.to_string()])
    }

    fn of(mut sockets: Vec<Entry>, gaps: Vec<String>) -> Self {
        sockets.sort_by_key(|entry| {
            (entry.reach, entry.netns, entry.protocol, entry.port, entry.published_to.clone())
        });
        Self { schema_version: 1, sockets, gaps }
    }
}

impl Entry {
    fn socket(exposed: &Exposed) -> Self {
        Self {
            process: exposed.process.clone(),
            unit: exposed.unit.clone(),
            user: Some(exposed.user.clone()),
            netns: exposed.namespace,
            ..Self::of_socket(&exposed.socket, &exposed.access)
        }
    }

    fn of_socket(socket: &Socket, access: &Access) -> Self {
        let family = match socket.address.to_canonical() {
            std::net::IpAddr::V4(_) => Some("ipv4"),
            std::net::IpAddr::V6(address) if !address.is_unspecified() => Some("ipv6"),
            std::net::IpAddr::V6(_) => {
                socket.ipv6_only.map(|ipv6_only| if ipv6_only { "ipv6" } else { "dual" })
            }
        };
        let entry = Self::with_access(access);
        Self {
            protocol: socket.protocol.name(),
            address: socket.address.to_string(),
            port: socket.port,
            family,
            ..entry
        }
    }

    fn published(published: &Published) -> Self {
        let (to, port) = published.to;
        Self {
            protocol: published.protocol.name(),
            address: published.address.to_string(),
            port: published.port,
            family: Some(if published.address.is_ipv4() { "ipv4" } else { "ipv6" }),
            published_to: Some(std::net::SocketAddr::new(to, port).to_string()),
            ..Self::with_access(&published.access)
        }
    }

    fn with_access(access: &Access) -> Self {
        let mut rules = access.decided_by.iter().map(ToString::to_string);
        Self {
            protocol: "",
            address: String::new(),
            port: 0,
            family: None,
            process: None,
            unit: None,
            user: None,
            netns: None,
            published_to: None,
            reach: access.reach,
            from: access.from.clone(),
            decided_by: rules.next(),
            also: rules.collect(),
            rate_limited: access.rate_limited,
            reason: access.reason.clone(),
        }
    }

    /// `tcp [::]:22`
    pub(super) fn name(&self) -> String {
        let address = match self.address.contains(':') {
            true => format!("[{}]", self.address),
            false => self.address.clone(),
        };
        // Zero stands for every port that nothing else takes.
        let port = if self.port == 0 { "any".to_owned() } else { self.port.to_string() };
        format!("{} {address}:{port}", self.protocol)
    }

    /// Who holds it, or where it leads.
    pub(super) fn holder(&self) -> String {
        let mut text = match (&self.published_to, &self.process) {
            (Some(to), _) => format!("sent on to {to}"),
            (None, Some(process)) => process.clone(),
            (None, None) => "a program that only root sees".to_owned(),
        };
        let unit = self.unit.iter().filter(|unit| **unit != format!("{}.service", text));
        let user = self.user.iter().map(|user| match user.parse::<u32>() {
            Ok(uid) => format!("uid {uid}"),
            Err(_) => user.clone(),
        });
        let beside: Vec<String> = unit.cloned().chain(user).collect();
        if !beside.is_empty() {
            let _ = write!(text, " ({})", beside.join(", "));
        }
        if let Some(inode) = self.netns {
            let _ = write!(text, " in network namespace {inode}");
        }
        text
    }
}

/// In the order of the list: what it is called at the top of a group and in the sum, and what it is worth.
const GROUPS: [(Reach, &str, &str, Verdict); 5] = [
    (Reach::Anyone, "Open to anyone", "to anyone", Verdict::Fail),
    (Reach::Networks, "Open to some networks", "to some networks", Verdict::Waived),
    (Reach::Unknown, "Not known", "not known", Verdict::Unknown),
    (Reach::Loopback, "Open to this machine alone", "to this machine alone", Verdict::Pass),
    (Reach::Nobody, "Open to nobody", "to nobody", Verdict::NotApplicable),
];

/// A table of 80 columns, the most exposed first.
pub(crate) fn human(listing: &Listing, seen_by: Option<u32>, paint: Paint) -> String {
    let mut out = String::new();
    let column = listing.sockets.iter().map(|entry| entry.name().chars().count()).max().unwrap_or(0).min(32);
    let mut sums = Vec::new();
    for (reach, heading, word, verdict) in GROUPS {
        let entries: Vec<&Entry> = listing.sockets.iter().filter(|entry| entry.reach == reach).collect();
        if entries.is_empty() {
            continue;
        }
        sums.push(paint.verdict(verdict, &format!("{} {word}", entries.len())));
        let _ = writeln!(out, "{}", paint.verdict(verdict, heading));
        for entry in entries {
            one(&mut out, entry, column, paint);
        }
        out.push('\n');
    }
    match sums.is_empty() {
        true => out.push_str("Nothing listens and nothing is published\n"),
        false => {
            let _ = writeln!(out, "{} in all: {}", listing.sockets.len(), sums.join(", "));
        }
    }
    for gap in &listing.gaps {
        wrapped(&mut out, "Not known: ", 4, gap);
    }
    if let Some(uid) = seen_by {
        wrapped(
            &mut out,
            "",
            4,
            &format!("Seen as uid {uid}: run it as root to see the rules and the programs"),
        );
    }
    out
}

fn one(out: &mut String, entry: &Entry, column: usize, paint: Paint) {
    const INDENT: usize = 6;
    let name = clean(&entry.name());
    let padding = " ".repeat(column.saturating_sub(name.chars().count()));
    let mut line = String::new();
    wrapped(&mut line, &format!("  {name}{padding}  "), INDENT, &entry.holder());
    // Painted after it was broken into lines, so that the colour takes no room.
    out.push_str(&line.replacen(&name, &paint.bold(&name), 1));
    let limited = if entry.rate_limited { ", as far as a rate or chance lets it" } else { "" };
    if !entry.from.is_empty() {
        wrapped(out, "      from ", INDENT + 2, &format!("{}{limited}", entry.from.join(", ")));
    }
    for rule in entry.decided_by.iter().chain(&entry.also) {
        wrapped(out, "      by ", INDENT + 2, rule);
    }
    if let Some(reason) = &entry.reason {
        wrapped(out, "      ", INDENT + 2, reason);
    }
}
