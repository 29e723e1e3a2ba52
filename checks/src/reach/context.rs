//! What the rules are compiled for: one family of addresses, one protocol, this machine's interfaces and routes.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;

use super::program::Test;
use super::ranges::Ranges;
use super::routing::Routing;
use crate::facts::network::{Interface, Network};
use crate::facts::ruleset::nftables::Expression;
use crate::facts::ruleset::xtables::{Match, Recent, RecentAction, Target};
use crate::facts::ruleset::{IpFamily, Ruleset, legacy};
use crate::facts::sockets::Protocol;
use crate::gap::Reading;

/// A set of ipset by its index, for each dimension whether it is the source's, and whether exceptions are asked for.
pub(crate) type AskedSet = (u16, Vec<bool>, bool);

pub(crate) struct Context<'a> {
    pub(crate) family: IpFamily,
    pub(crate) protocol: Protocol,
    pub(crate) network: &'a Network,
    pub(crate) ruleset: &'a Ruleset,
    pub(crate) routing: Routing,
    /// Bit N of a set of interfaces is the N-th of these.
    pub(crate) interfaces: Vec<&'a Interface>,
    /// Whether the question is who can ever get through, not who does at this moment: a source that is not yet in a list
    /// that rules fill can get there, by knocking at another port.
    pub(crate) lasting: bool,
    /// Tests of sets of ipset that were asked before.
    pub(crate) ipsets: RefCell<BTreeMap<AskedSet, Test>>,
    filled_ipsets: OnceCell<BTreeSet<u16>>,
    filled_recents: OnceCell<BTreeSet<String>>,
    written: OnceCell<Written>,
    /// Whether any rule asks for the hops that a packet has left, and for its class: many rules may write either.
    pub(crate) asks_hops: OnceCell<bool>,
    pub(crate) asks_class: OnceCell<bool>,
}

/// What rules write about a packet or its connection, beside marks, by the keys of nftables.
#[derive(Default)]
pub(crate) struct Written {
    /// NFT_META_*
    pub(crate) meta: BTreeSet<u32>,
    /// NFT_CT_*
    pub(crate) connection: BTreeSet<u32>,
}

/// NFT_CT_HELPER, _ZONE
const HELPER: u32 = 6;
const ZONE: u32 = 17;

impl<'a> Context<'a> {
    pub(crate) fn new(
        family: IpFamily,
        protocol: Protocol,
        network: &'a Network,
        ruleset: &'a Ruleset,
    ) -> Self {
        // What a bridge or a bond takes in comes through the bridge, not through its ports.
        let of_its_own = |interface: &&Interface| {
            let master = network.interfaces.iter().find(|other| Some(other.index) == interface.master);
            interface.up && master.is_none_or(|master| master.kind == "vrf")
        };
        let interfaces = network.interfaces.iter().filter(of_its_own).collect();
        let routing = Routing::new(network, family);
        Self {
            family,
            protocol,
            network,
            ruleset,
            routing,
            interfaces,
            lasting: false,
            ipsets: RefCell::default(),
            filled_ipsets: OnceCell::new(),
            filled_recents: OnceCell::new(),
            written: OnceCell::new(),
            asks_hops: OnceCell::new(),
            asks_class: OnceCell::new(),
        }
    }

    /// The same for the question who can ever get through.
    pub(crate) fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    /// A test that holds for what is in a list now, and by and by for what rules add to it.
    pub(crate) fn filled_by_rules(&self, test: Test, list: &str) -> Test {
        match self.lasting {
            true => Test::Any(vec![test, Test::Chance(format!("what rules add to {list}").into())]),
            false => test,
        }
    }

    /// The sets of ipset that rules add to, by their index.
    pub(crate) fn filled_ipsets(&self) -> &BTreeSet<u16> {
        self.filled_ipsets.get_or_init(|| {
            let added = |target: &Target| match target {
                Target::Set(set) => set.add.as_ref().map(|key| key.index),
                _ => None,
            };
            self.targets().filter_map(added).collect()
        })
    }

    /// The lists of `-m recent` that rules add to, by their name.
    pub(crate) fn filled_recents(&self) -> &BTreeSet<String> {
        self.filled_recents.get_or_init(|| {
            let added = |one: &Match| match one {
                Match::Recent(Recent { name, action: RecentAction::Set, .. }) => Some(name.clone()),
                _ => None,
            };
            self.matches().filter_map(added).collect()
        })
    }

    /// What rules write and others may ask: its value is not known then.
    pub(crate) fn written(&self) -> &Written {
        self.written.get_or_init(|| {
            let mut written = Written::default();
            for expression in self.expressions() {
                match expression {
                    Expression::MetaSet { key, .. } => drop(written.meta.insert(*key)),
                    Expression::CtSet { key, .. } => drop(written.connection.insert(*key)),
                    // NFT_OBJECT_CT_HELPER
                    Expression::Object { kind: 3, .. } => drop(written.connection.insert(HELPER)),
                    _ => {}
                }
            }
            for target in self.targets() {
                if let Target::Ct(ct) = target {
                    let zone = (ct.zone != 0 || ct.zone_flags & 4 != 0).then_some(ZONE);
                    let helper = (!ct.helper.is_empty()).then_some(HELPER);
                    written.connection.extend(zone.into_iter().chain(helper));
                }
            }
            written
        })
    }

    /// The expressions of every rule of nftables.
    fn expressions(&self) -> impl Iterator<Item = &'a Expression> {
        let tables = self.ruleset.nftables.value().into_iter().flat_map(|nftables| &nftables.tables);
        let rules = tables.flat_map(|table| &table.chains).flat_map(|chain| &chain.rules);
        rules.flat_map(|rule| &rule.expressions)
    }

    /// The rules of the legacy tables.
    fn legacy(&self) -> impl Iterator<Item = &'a legacy::Rule> {
        let tables = [&self.ruleset.legacy_ipv4, &self.ruleset.legacy_ipv6];
        let chains = tables.into_iter().filter_map(Reading::value).flatten().flat_map(|table| &table.chains);
        chains.flat_map(|chain| &chain.rules)
    }

    /// The matches of every rule of xtables, in either backend.
    fn matches(&self) -> impl Iterator<Item = &'a Match> {
        let nft = self.expressions().filter_map(|expression| match expression {
            Expression::Match(one) => Some(one),
            _ => None,
        });
        self.legacy().flat_map(|rule| &rule.matches).chain(nft)
    }

    /// The targets of every rule of xtables, in either backend.
    fn targets(&self) -> impl Iterator<Item = &'a Target> {
        let legacy = self.legacy().filter_map(|rule| match &rule.target {
            legacy::Target::Extension(target) => Some(target),
            _ => None,
        });
        let nft = self.expressions().filter_map(|expression| match expression {
            Expression::Target(target) => Some(target),
            _ => None,
        });
        legacy.chain(nft)
    }

    /// The interfaces of which this holds.
    pub(crate) fn those(&self, holds: impl Fn(&Interface) -> bool) -> u128 {
        let bits = self.interfaces.iter().take(128).enumerate();
        bits.filter(|(_, interface)| holds(interface)).fold(0, |set, (bit, _)| set | 1 << bit)
    }

    /// The interfaces with this name; a `+` at the end stands for anything (iptables), as does a `*` (nft).
    pub(crate) fn named(&self, pattern: &str) -> u128 {
        match pattern.strip_suffix(['+', '*']) {
            Some(start) => self.those(|interface| interface.name.starts_with(start)),
            None => self.those(|interface| interface.name == pattern),
        }
    }

    /// The interface with this index, as a set.
    pub(crate) fn indexed(&self, index: u32) -> u128 {
        self.those(|interface| interface.index == index)
    }

    /// The interfaces whose packets a device sees: its own, or those of the bridge or bond that it is a part of.
    pub(crate) fn seen_through(&self, device: &str) -> u128 {
        let masters = self.network.interfaces.iter().filter(|interface| interface.name == device);
        masters
            .filter_map(|interface| interface.master)
            .fold(self.named(device), |set, master| set | self.indexed(master))
    }

    /// The interfaces that a default route leads through.
    pub(crate) fn default_routes(&self) -> u128 {
        let routes = self.network.routes.value().into_iter().flatten();
        let default =
            routes.filter(|route| route.to.length == 0 && IpFamily::of(route.to.address) == self.family);
        default.flat_map(|route| &route.through).fold(0, |set, index| set | self.indexed(*index))
    }

    /// The addresses of a kind, RTN_*.
    pub(crate) fn kind(&self, kind: u8) -> Result<Rc<Ranges>, Rc<str>> {
        self.routing.kind(kind)
    }

    /// A test that is not understood.
    pub(crate) fn unknown(reason: impl AsRef<str>) -> Test {
        Test::Unknown(reason.as_ref().into())
    }
}

/// Whether REDIRECT may choose an address of the inbound interface: for IPv6 one that is not link-local.
pub(crate) fn redirects_to(address: IpAddr, family: IpFamily) -> bool {
    match (address, family) {
        (IpAddr::V4(_), IpFamily::V4) => true,
        (IpAddr::V6(address), IpFamily::V6) => !address.is_unicast_link_local(),
        _ => false,
    }
}
