//! The tables of both packet filters, compiled, and the base chains in the order in which packets meet them.

use std::rc::Rc;

use super::context::Context;
use super::program::Rule;
use super::{nft, xtables};
use crate::evidence::Evidence;
use crate::facts::ruleset::nftables::{Family, Nftables};
use crate::facts::ruleset::{Hook, IpFamily, Policy, Ruleset, legacy, nft_text, xtables as words};

/// What the kernel would do, for one family and one protocol.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) tables: Vec<Table>,
    pub(crate) bases: Vec<Base>,
    /// Parts of the packet filter that could not be read.
    pub(crate) gaps: Vec<Rc<str>>,
}

/// One table.
pub(crate) struct Table {
    /// Where it is in the facts.
    source: Source,
    /// In the order of the facts.
    pub(crate) chains: Vec<Vec<Rule>>,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Nftables(usize),
    Legacy(usize),
}

/// One base chain.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) table: usize,
    pub(crate) chain: usize,
    pub(crate) hook: Hook,
    pub(crate) priority: i32,
    pub(crate) policy: Policy,
    /// Whether it rewrites addresses.
    pub(crate) nat: bool,
    /// Whether it sees frames of bridges, or of one device, before IP does.
    pub(crate) layer: Layer,
    /// The interfaces whose packets it sees; all without.
    pub(crate) interfaces: Option<u128>,
    /// Those of them of which it sees some: bridges and bonds of which it is at some ports only.
    pub(crate) partly: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Ip,
    Bridge,
    Device,
}

#[cfg(test)]
impl Table {
    /// Chains that belong to no facts.
    pub(crate) fn drawn(chains: Vec<Vec<Rule>>) -> Self {
        Self { source: Source::Nftables(usize::MAX), chains }
    }
}

/// A rule, or without one the policy of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: usize,
    pub(crate) chain: usize,
    pub(crate) rule: Option<usize>,
}

impl Program {
    pub(crate) fn new(context: &Context<'_>) -> Self {
        let mut program = Self::default();
        match context.ruleset.nftables.known() {
            Ok(nftables) => program.add_nftables(nftables, context),
            Err(gap) => program.gaps.push(gap.to_string().into()),
        }
        match legacy_tables(context.ruleset, context.family) {
            Ok(tables) => program.add_legacy(tables, context),
            Err(gap) => program.gaps.push(gap.to_string().into()),
        }
        program.bases.sort_by_key(|base| base.priority);
        program
    }

    fn add_nftables(&mut self, nftables: &Nftables, context: &Context<'_>) {
        for (at, table) in nftables.tables.iter().enumerate().filter(|(_, table)| !table.dormant) {
            let layer = match (table.family, context.family) {
                (Family::Inet, _) | (Family::Ip, IpFamily::V4) | (Family::Ip6, IpFamily::V6) => Layer::Ip,
                (Family::Bridge, _) => Layer::Bridge,
                (Family::Netdev, _) => Layer::Device,
                (Family::Other, _) => {
                    self.gaps.push("a table of nftables is of a family that hostduty does not know".into());
                    continue;
                }
                _ => continue,
            };
            for (chain, base) in table.chains.iter().enumerate() {
                let Some(base) = &base.base else { continue };
                let layer = if base.hook == Hook::Ingress { Layer::Device } else { layer };
                let (seen, partly) = devices(&base.devices, context);
                self.bases.push(Base {
                    table: self.tables.len(),
                    chain,
                    hook: base.hook,
                    priority: base.priority,
                    policy: base.policy,
                    nat: base.kind == "nat",
                    layer,
                    interfaces: (layer == Layer::Device).then_some(seen),
                    partly,
                });
            }
            self.tables.push(Table { source: Source::Nftables(at), chains: nft::table(table, context) });
        }
    }

    fn add_legacy(&mut self, tables: &[legacy::Table], context: &Context<'_>) {
        for (at, table) in tables.iter().enumerate() {
            // enum nf_ip_hook_priorities in linux/netfilter_ipv4.h
            let priority = match table.name.as_str() {
                "raw" => -300,
                "mangle" => -150,
                "nat" => -100,
                "security" => 50,
                _ => 0,
            };
            for (chain, base) in table.chains.iter().enumerate() {
                let Some(base) = &base.base else { continue };
                self.bases.push(Base {
                    table: self.tables.len(),
                    chain,
                    hook: base.hook,
                    priority,
                    policy: base.policy,
                    nat: table.name == "nat",
                    layer: Layer::Ip,
                    interfaces: None,
                    partly: 0,
                });
            }
            let chains = table.chains.iter().map(|chain| {
                chain
                    .rules
                    .iter()
                    .map(|rule| xtables::entry(rule, &table.chains, context).arranged())
                    .collect()
            });
            let chains = chains.collect();
            self.tables.push(Table { source: Source::Legacy(at), chains });
        }
    }

    /// Where its tables are in the facts.
    pub(crate) fn origins(&self) -> Origins {
        Origins(self.tables.iter().map(|table| table.source).collect())
    }
}

/// What is left to say of a program when it is not needed any more: where its rules are in the facts.
pub(crate) struct Origins(Vec<Source>);

impl Origins {
    /// A rule or a policy as a person finds it again: its table, chain, handle and position, and what it says.
    pub(crate) fn evidence(&self, place: Place, context: &Context<'_>) -> Evidence {
        let found = match self.0.get(place.table) {
            Some(Source::Nftables(at)) => nft_evidence(*at, place, context.ruleset),
            Some(Source::Legacy(at)) => legacy_evidence(*at, place, context),
            None => None,
        };
        found.unwrap_or_else(|| Evidence::of("the packet filter"))
    }
}

/// The interfaces whose packets pass these devices, and those of them of which some come another way.
fn devices(names: &[String], context: &Context<'_>) -> (u128, u128) {
    let seen = names.iter().fold(0, |set, name| set | context.seen_through(name));
    let whole = names.iter().fold(0, |set, name| set | context.named(name));
    let partly = context.those(|interface| {
        let mut ports = context.network.interfaces.iter().filter(|port| port.master == Some(interface.index));
        ports.any(|port| !names.contains(&port.name))
    });
    (seen, seen & !whole & partly)
}

fn nft_evidence(at: usize, place: Place, ruleset: &Ruleset) -> Option<Evidence> {
    let table = ruleset.nftables.value()?.tables.get(at)?;
    let chain = table.chains.get(place.chain)?;
    let name = format!("{} {} {}", table.family.name(), table.name, chain.name);
    let Some(position) = place.rule else { return Some(by_policy(name, chain.base.as_ref()?.policy)) };
    let rule = chain.rules.get(position)?;
    let name = format!("{name} handle {} (rule {})", rule.handle, position + 1);
    Some(Evidence::of(name).says(nft_text::rule(table, rule)))
}

fn legacy_evidence(at: usize, place: Place, context: &Context<'_>) -> Option<Evidence> {
    let table = legacy_tables(context.ruleset, context.family).ok()?.get(at)?;
    let chain = table.chains.get(place.chain)?;
    let name = format!("{} {} {}", tool(context.family), table.name, chain.name);
    let Some(position) = place.rule else { return Some(by_policy(name, chain.base.as_ref()?.policy)) };
    let rule = chain.rules.get(position)?;
    Some(Evidence::of(format!("{name} rule {}", position + 1)).says(words::rule(&chain.name, rule)))
}

fn by_policy(name: String, policy: Policy) -> Evidence {
    Evidence::of(name).says(match policy {
        Policy::Accept => "policy accept",
        Policy::Drop => "policy drop",
    })
}

fn tool(family: IpFamily) -> &'static str {
    match family {
        IpFamily::V4 => "iptables",
        IpFamily::V6 => "ip6tables",
    }
}

fn legacy_tables(ruleset: &Ruleset, family: IpFamily) -> Result<&[legacy::Table], crate::gap::Gap> {
    match family {
        IpFamily::V4 => ruleset.legacy_ipv4.known().map(Vec::as_slice),
        IpFamily::V6 => ruleset.legacy_ipv6.known().map(Vec::as_slice),
    }
}
