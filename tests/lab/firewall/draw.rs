//! Draws rulesets, each with the connections that are tried against it.
//!
//! A rule is about one connection: its tests are written so that they mostly hold for it. That connection is tried, and
//! so are its neighbours, which differ in one property.

use std::collections::BTreeMap;
use std::net::IpAddr;

use checks::facts::sockets::Protocol;

use super::dice::Dice;
use super::ingredients::nft::NFT;
use super::ingredients::xtables::XTABLES;
use super::ingredients::{Ingredient, to_container};
use super::listeners::{BOUND, BOX_PORTS, CLOSED, PORTS};
use super::namespaces::{BOX, Client, HOST, Replies, SOURCES};
use super::probe::Probe;
use super::write;

/// A ruleset with what is tried against it.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// What loads it, for sh(1).
    pub(crate) load: String,
    /// Its rules in order, by chain.
    pub(crate) chains: BTreeMap<Chain, Vec<Line>>,
    pub(crate) probes: Vec<Probe>,
}

/// Which chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    pub(crate) front: Front,
    /// `inet`, `ip` or `ip6`.
    pub(crate) family: &'static str,
    pub(crate) table: String,
    pub(crate) name: String,
}

/// By what rules are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Front {
    Nft,
    IptablesNft,
    IptablesLegacy,
}

/// One rule as it is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// What it is made of.
    pub(crate) ingredients: Vec<&'static str>,
    /// Whether it ends the way of a packet; else it takes part in what another rule decides.
    pub(crate) decides: bool,
}

/// Where on its way a packet meets a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Raw,
    Mangle,
    Nat,
}

/// A rule that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The connection that it is about.
    pub(crate) probe: Probe,
    /// Whether what it lets through goes to the container.
    pub(crate) forwards: bool,
    pub(super) native: bool,
    pub(super) ingredients: Vec<&'static str>,
    pub(super) tests: Vec<String>,
    pub(super) scope: Option<String>,
    pub(super) ending: Option<String>,
    pub(super) firsts: Vec<(Stage, String)>,
    /// Sets and maps: their kind, name, properties and elements.
    pub(super) objects: Vec<(&'static str, String, String, Vec<String>)>,
    asked: Vec<Probe>,
    /// Unique in its ruleset.
    number: usize,
    aliases: u16,
}

impl Rule {
    /// Adds a test.
    pub(crate) fn test(&mut self, test: impl Into<String>) {
        self.tests.push(test.into());
    }
    /// The test that picks the connection's protocol and port.
    pub(crate) fn scope(&self) -> String {
        match self.native {
            true => format!("{} dport {}", self.protocol(), self.probe.port),
            false => format!("-p {} --dport {}", self.protocol(), self.probe.port),
        }
    }
    /// Picks the connection by another test.
    pub(crate) fn instead_of_scope(&mut self, test: String) {
        self.scope = Some(test);
    }
    /// Adds a rule that packets meet before.
    pub(crate) fn first(&mut self, stage: Stage, rule: String) {
        self.firsts.push((stage, rule));
    }
    /// Tries this variant of the connection too.
    pub(crate) fn ask(&mut self, change: impl FnOnce(&mut Probe)) {
        let mut probe = self.probe.clone();
        change(&mut probe);
        self.asked.push(probe);
    }
    /// A set of nftables with its elements; gives its name.
    pub(crate) fn set(&mut self, properties: &str, elements: &[String]) -> String {
        self.object("set", properties, elements)
    }
    /// A map of nftables with its elements; gives its name.
    pub(crate) fn map(&mut self, properties: &str, elements: &[String]) -> String {
        self.object("map", properties, elements)
    }
    /// A set of ipset(8) with its elements; gives its name.
    pub(crate) fn ipset(&mut self, properties: &str, elements: &[String]) -> String {
        self.object("ipset", properties, elements)
    }
    fn object(&mut self, kind: &'static str, properties: &str, elements: &[String]) -> String {
        let name = format!("s{}_{}", self.number, self.objects.len());
        let mut elements = elements.to_vec();
        elements.sort();
        elements.dedup();
        self.objects.push((kind, name.clone(), properties.to_owned(), elements));
        name
    }
    /// A port that nobody listens on and no other rule speaks about.
    pub(crate) fn alias(&mut self) -> u16 {
        self.aliases += 1;
        20_000 + self.number as u16 * 4 + self.aliases
    }
    /// Its tests say what happens: no verdict follows.
    pub(crate) fn done(&mut self) {
        self.ending = Some(String::new());
    }
    /// What happens, instead of a drawn verdict.
    pub(crate) fn end(&mut self, ending: &str) {
        self.ending = Some(ending.to_owned());
    }
}

/// Ingredients that fill sets while connections are tried: with a test besides, what one connection leaves would decide
/// another.
const FILLS: &[&str] = &["dynset", "xt SET"];

/// Rules drawn for one ruleset; chains that rules jump to come on top.
const RULES: usize = 18;

/// The ruleset with a number: it follows from the seed.
pub(crate) fn ruleset(seed: u64, number: usize) -> Drawn {
    let mut dice = Dice::new(seed, number as u64);
    let fronts: &[Front] = match number % 8 {
        0 | 2 | 4 | 6 => &[Front::Nft],
        1 => &[Front::IptablesNft],
        3 => &[Front::IptablesLegacy],
        5 => &[Front::Nft, Front::IptablesLegacy],
        _ => &[[Front::IptablesNft, Front::IptablesLegacy][number / 8 % 2]],
    };
    let mut sheet = write::Sheet::new(number, &mut dice);
    let mut probes = Vec::new();
    for at in 0..RULES {
        let front = fronts[dice.below(fronts.len())];
        // Every entry takes its turn.
        let list = if front == Front::Nft { NFT } else { XTABLES };
        let turn = &list[(number * RULES + at) % list.len()];
        let rule = drawn_rule(&mut dice, sheet.next_number(), front, turn, None);
        probes.extend(asked(&rule, &mut dice));
        sheet.add(front, rule, &mut dice, &mut |dice, number, about| {
            let list = if front == Front::Nft { NFT } else { XTABLES };
            let turn = &list[dice.below(list.len())];
            drawn_rule(dice, number, front, turn, Some(about))
        });
    }
    probes.extend((0..6).map(|_| drawn_probe(&mut dice)));
    // One tuple is tried once.
    let mut seen = std::collections::BTreeSet::new();
    probes.retain(|probe| possible(probe) && seen.insert(probe.to_string()));
    let (load, chains) = sheet.finish();
    Drawn { load, chains, probes }
}

fn drawn_rule(
    dice: &mut Dice,
    number: usize,
    front: Front,
    turn: &'static Ingredient,
    about: Option<&Probe>,
) -> Rule {
    let list = if front == Front::Nft { NFT } else { XTABLES };
    // Within a chain that was jumped to, the connection is given; what does not fit it is left away.
    let probe = about.cloned().unwrap_or_else(|| {
        loop {
            let probe = drawn_probe(dice);
            if (turn.fits)(&probe) {
                return probe;
            }
        }
    });
    let mut chosen: Vec<&Ingredient> = vec![turn];
    while dice.percent(35) {
        chosen.push(&list[dice.below(list.len())]);
    }
    let forwards = to_container(&probe);
    let mut rule = Rule {
        probe,
        forwards,
        native: front == Front::Nft,
        ingredients: Vec::new(),
        tests: Vec::new(),
        scope: None,
        ending: None,
        firsts: Vec::new(),
        objects: Vec::new(),
        asked: Vec::new(),
        number,
        aliases: 0,
    };
    for one in chosen {
        let alone = FILLS.contains(&one.name) || rule.ingredients.iter().any(|name| FILLS.contains(name));
        // Whatever ends a rule comes last; an expression twice in a rule of iptables is refused.
        let ended = rule.ending.is_some() || rule.scope.is_some() && !rule.native;
        let fits = (one.fits)(&rule.probe) && !ended && !rule.ingredients.contains(&one.name);
        if !fits || alone && !rule.ingredients.is_empty() {
            continue;
        }
        let before = rule.clone();
        (one.add)(&mut rule, dice);
        rule.ingredients.push(one.name);
        if rule.scope.is_some() && !rule.native && !before.ingredients.is_empty() {
            rule = before;
        }
    }
    rule
}

/// The connections that are tried on account of a rule.
fn asked(rule: &Rule, dice: &mut Dice) -> Vec<Probe> {
    let mut probes = vec![rule.probe.clone()];
    probes.extend(rule.asked.iter().cloned());
    for _ in 0..2 {
        let other = drawn_probe(dice);
        let mut probe = probes[dice.below(probes.len())].clone();
        let same_family = other.to.is_ipv4() == probe.to.is_ipv4();
        match dice.below(4) {
            0 | 1 if same_family => (probe.client, probe.source) = (other.client, other.source),
            2 if same_family => probe.to = other.to,
            3 => probe.port = other.port,
            _ => probe.protocol = other.protocol,
        }
        probe.source_port = other.source_port;
        probes.push(probe);
    }
    // The container does not reach itself through HOST.
    probes.retain(|probe| !(rule.forwards && probe.client == Client::Box));
    probes
}

/// Any connection.
pub(crate) fn drawn_probe(dice: &mut Dice) -> Probe {
    loop {
        let (client, source, _) = SOURCES[dice.below(SOURCES.len())];
        let source: IpAddr = source.parse().unwrap();
        let to = if client != Client::Box && dice.percent(25) { BOX } else { HOST };
        let to: IpAddr = to[dice.below(to.len())].parse().unwrap();
        let protocol = if dice.percent(60) { Protocol::Tcp } else { Protocol::Udp };
        let mut probe =
            Probe { client, protocol, source, source_port: 1024 + dice.below(60_000) as u16, to, port: 0 };
        probe.port = match () {
            () if to_container(&probe) => BOX_PORTS[dice.below(BOX_PORTS.len())],
            () => drawn_port(dice),
        };
        if possible(&probe) {
            return probe;
        }
    }
}

/// A port of HOST.
pub(crate) fn drawn_port(dice: &mut Dice) -> u16 {
    if dice.percent(92) {
        return PORTS[dice.below(PORTS.len())];
    }
    match dice.below(BOUND.len() + 1) {
        at if at < BOUND.len() => BOUND[at].parse::<std::net::SocketAddr>().unwrap().port(),
        _ => CLOSED,
    }
}

/// Whether somebody can try it.
fn possible(probe: &Probe) -> bool {
    let known = SOURCES
        .iter()
        .find(|(client, source, _)| *client == probe.client && source.parse() == Ok(probe.source));
    let Some((_, _, replies)) = known else { return false };
    probe.source.is_ipv4() == probe.to.is_ipv4()
        // Without a reply there is no handshake.
        && (*replies == Replies::Back || probe.protocol == Protocol::Udp)
        && !(probe.client == Client::Box && to_container(probe))
}
