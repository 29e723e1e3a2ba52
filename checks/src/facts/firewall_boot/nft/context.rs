//! The fields that words name, and what nft(8) tests before it looks at one.

use super::lexer::Token;
use crate::facts::firewall_boot::form::key::{IIFTYPE, KEYS, Kind, L4PROTO, NFPROTO, PROTOCOL};
use crate::facts::firewall_boot::form::{Element, Key, Place, Step, Test, Values};
use crate::facts::ruleset::nftables::Family;

/// What the tests so far say about the packet.
pub(super) struct Context {
    family: Family,
    /// NFPROTO_IPV4 or _IPV6, once it is certain.
    network: Option<u8>,
    /// The protocol above, once it is certain.
    transport: Option<u8>,
}

/// Words of `meta` that need no `meta` before them.
const PLAIN: &[&str] = &[
    "mark", "iif", "iifname", "iiftype", "oif", "oifname", "oiftype", "skuid", "skgid", "pkttype", "cpu",
    "iifgroup", "oifgroup",
];

/// The field at the beginning of the words, how they name it, and how many words that takes.
pub(super) fn key(words: &[Token]) -> Option<(Key, &'static str, usize)> {
    let plain = words.first().is_some_and(|word| PLAIN.iter().any(|name| word.is(name)));
    let mut best: Option<(Key, &'static str, usize)> = None;
    for (name, place, bytes, _) in KEYS {
        let wanted = if plain { name.strip_prefix("meta ") } else { Some(*name) };
        let Some(wanted) = wanted else { continue };
        let count = wanted.split(' ').count();
        let same = words.len() >= count && wanted.split(' ').zip(words).all(|(wanted, word)| word.is(wanted));
        if same && best.is_none_or(|(_, _, most)| count > most) {
            best = Some((Key::new(*place, *bytes), name, count));
        }
    }
    best
}

impl Context {
    pub(super) fn new(family: Family) -> Self {
        let network = match family {
            Family::Ip => Some(2),
            Family::Ip6 => Some(10),
            _ => None,
        };
        Self { family, network, transport: None }
    }

    /// What has to be tested before a field makes sense.
    pub(super) fn before(&mut self, name: &str) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        match name.split(' ').next().unwrap_or_default() {
            "ip" => self.network(2, &mut steps)?,
            "ip6" => self.network(10, &mut steps)?,
            "tcp" => self.transport(6, &mut steps),
            "udp" => self.transport(17, &mut steps),
            "udplite" => self.transport(136, &mut steps),
            "sctp" => self.transport(132, &mut steps),
            "dccp" => self.transport(33, &mut steps),
            // Who names the protocol need not name the version.
            "icmp" if self.transport == Some(1) => {}
            "icmpv6" if self.transport == Some(58) => {}
            "ether" if matches!(self.family, Family::Inet | Family::Ip | Family::Ip6) => {
                // ARPHRD_ETHER
                steps.push(test(Place::Meta(IIFTYPE), vec![0, 1]));
            }
            "icmp" => {
                self.network(2, &mut steps)?;
                self.transport(1, &mut steps);
            }
            "icmpv6" => {
                self.network(10, &mut steps)?;
                self.transport(58, &mut steps);
            }
            _ => {}
        }
        Ok(steps)
    }

    pub(super) fn network(&mut self, wanted: u8, steps: &mut Vec<Step>) -> Result<(), String> {
        match (self.network, self.family) {
            (Some(known), _) if known == wanted => {}
            (Some(_), _) => return Err("it asks for IPv4 and IPv6 at once".to_owned()),
            (None, Family::Inet) => steps.push(test(Place::Meta(NFPROTO), vec![wanted])),
            (None, Family::Bridge | Family::Netdev) => {
                let number = if wanted == 2 { vec![0x08, 0x00] } else { vec![0x86, 0xdd] };
                steps.push(test(Place::Meta(PROTOCOL), number));
            }
            (None, _) => return Err("it looks at addresses that its table does not see".to_owned()),
        }
        self.network = Some(wanted);
        Ok(())
    }

    pub(super) fn transport(&mut self, wanted: u8, steps: &mut Vec<Step>) {
        if self.transport != Some(wanted) {
            steps.push(test(Place::Meta(L4PROTO), vec![wanted]));
            self.transport = Some(wanted);
        }
    }

    /// Takes note of a test for one value.
    pub(super) fn learn(&mut self, name: &str, kind: Kind, value: &[u8]) {
        match (name, kind, value) {
            ("meta nfproto", _, [value]) => self.network = Some(*value),
            ("meta protocol" | "ether type", _, [0x08, 0x00]) => self.network = Some(2),
            ("meta protocol" | "ether type", _, [0x86, 0xdd]) => self.network = Some(10),
            ("meta l4proto" | "ip protocol" | "ip6 nexthdr", _, [value]) => self.transport = Some(*value),
            _ => {}
        }
    }

    /// NFPROTO_IPV4 or _IPV6, once it is certain.
    pub(super) fn is_network(&self) -> Option<u8> {
        self.network
    }

    pub(super) fn family(&self) -> Family {
        self.family
    }
}

fn test(place: Place, value: Vec<u8>) -> Step {
    let bytes = u32::try_from(value.len()).unwrap_or(0);
    let values = Values::Here(vec![Element::range(value.clone(), value)]);
    Step::Test(Test { keys: vec![Key::new(place, bytes)], mask: None, invert: false, values })
}
