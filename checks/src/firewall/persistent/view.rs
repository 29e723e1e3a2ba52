//! A table in the kernel and a table in a file, each as chains of rules in the same words.

use std::collections::{BTreeMap, BTreeSet};

use super::tools;
use crate::evidence::Evidence;
use crate::facts::firewall_boot::form::{self, kernel, options};
use crate::facts::firewall_boot::iptables;
use crate::facts::firewall_boot::nft::keys_of_number;
use crate::facts::firewall_boot::tables::{SavedTable, drops, is_inbound, targets};
use crate::facts::ruleset::nftables::{Base, Family, Table};
use crate::facts::ruleset::{Hook, Policy, legacy, nft_text};

/// A table as far as packets meet it on their way in or through.
#[derive(Debug, Default)]
pub(super) struct View {
    /// As a person calls it: `inet filter`, `iptables filter`.
    pub(super) name: String,
    pub(super) chains: BTreeMap<String, Chain>,
    pub(super) sets: BTreeMap<String, Result<Elements, String>>,
    /// Other programs that have chains in it.
    pub(super) tools: BTreeSet<&'static str>,
}

/// The elements of a set; none where they come and go.
pub(super) type Elements = Option<BTreeSet<String>>;

#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) words: Result<Vec<String>, String>,
    pub(super) at: Evidence,
}

/// What a rule does to packets that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    Admits,
    Blocks,
    Other,
}

impl View {
    /// A table of nftables; `iptables` asks for the words of that.
    pub(super) fn kernel(table: &Table, iptables: bool, interfaces: &BTreeMap<u32, String>) -> Self {
        let name = format!("{} {}", table.family.name(), table.name);
        let mut view = Self { name, ..Self::default() };
        for chain in &table.chains {
            let place = |handle: u64| format!("{} {} handle {handle}", view.name, chain.name);
            let rules = chain.rules.iter().map(|rule| {
                let words = match iptables {
                    true => options::native(table, rule, interfaces),
                    false => kernel::rule(table, rule, interfaces),
                };
                let place = place(rule.handle);
                if iptables {
                    return Rule::new(words, place);
                }
                Rule { words, at: Evidence::of(place).says(nft_text::rule(table, rule)) }
            });
            let chain_of = Chain { base: chain.base.clone(), rules: rules.collect() };
            view.chains.insert(chain.name.clone(), chain_of);
        }
        for set in table.sets.iter().filter(|set| !set.name.starts_with("__")) {
            let changes = set.flags & (TIMEOUT | EVAL) != 0;
            let elements = || {
                let keys = keys_of_number(set.key_type)
                    .ok_or("its keys are of a kind that hostduty does not compare")?;
                let elements = kernel::elements(set, &keys, set.flags & INTERVAL == 0)?;
                Ok(Some(elements.iter().map(|element| form::shown(&keys, element)).collect()))
            };
            view.sets.insert(set.name.clone(), if changes { Ok(None) } else { elements() });
        }
        view.cut();
        view
    }

    /// A legacy table.
    pub(super) fn legacy(table: &legacy::Table, ipv6: bool) -> Self {
        let name = format!("{} {}", if ipv6 { "ip6tables" } else { "iptables" }, table.name);
        let mut view = Self { name, ..Self::default() };
        for chain in &table.chains {
            let base = chain.base.as_ref();
            let base = base.and_then(|base| iptables::base(&table.name, &chain.name, base.policy));
            let rules = chain.rules.iter().zip(1_u32..).map(|(rule, number)| {
                Rule::new(options::legacy(rule, ipv6), format!("{} {} rule {number}", view.name, chain.name))
            });
            let chain_of = Chain { base, rules: rules.collect() };
            view.chains.insert(chain.name.clone(), chain_of);
        }
        view.cut();
        view
    }

    /// A table in a file.
    pub(super) fn saved(table: &SavedTable) -> Self {
        let tool = match (table.iptables, table.family) {
            (true, Family::Ip6) => "ip6tables",
            (true, _) => "iptables",
            (false, family) => family.name(),
        };
        let mut view = Self { name: format!("{tool} {}", table.name), ..Self::default() };
        for chain in &table.chains {
            let rules = chain.rules.iter().map(|rule| Rule {
                words: match &rule.unclear {
                    Some(reason) => Err(reason.clone()),
                    None => Ok(rule.words.clone()),
                },
                at: rule.at.clone(),
            });
            let chain_of = Chain { base: chain.base.clone(), rules: rules.collect() };
            view.chains.insert(chain.name.clone(), chain_of);
        }
        for set in &table.sets {
            let elements = match &set.unclear {
                _ if set.changes => Ok(None),
                Some(reason) => Err(reason.clone()),
                None => Ok(Some(set.elements.iter().cloned().collect())),
            };
            view.sets.insert(set.name.clone(), elements);
        }
        view.cut();
        view
    }

    /// Leaves out what packets do not meet on their way in or through, and what other programs put there.
    fn cut(&mut self) {
        let tools = &mut self.tools;
        let chains = &mut self.chains;
        let names: BTreeSet<String> = chains.keys().cloned().collect();
        // A table that is a program's own is put back as a whole.
        let whole = self.name.split(' ').nth(1).and_then(tools::of_table).is_some();
        chains.retain(|name, _| {
            let tool = tools::of_chain(name).filter(|_| !whole);
            tools.extend(tool.map(|tool| tool.name));
            tool.is_none()
        });
        let docker = tools.contains("Docker");
        for chain in chains.values_mut() {
            let forwards = chain.base.as_ref().is_some_and(|base| base.hook == Hook::Forward);
            chain.rules.retain(|rule| {
                let Ok(words) = &rule.words else { return true };
                let of_tool = words
                    .iter()
                    .flat_map(|word| targets(word))
                    .any(|target| !whole && tools::of_chain(target).is_some());
                !(of_tool || docker && forwards && words.iter().any(|word| tools::is_docker_bridge(word)))
            });
        }
        let is_entered = |chain: &Chain| {
            chain.base.as_ref().is_some_and(|base| is_inbound(base.hook) || base.hook == Hook::Forward)
        };
        let mut open: Vec<String> =
            chains.iter().filter(|(_, chain)| is_entered(chain)).map(|(name, _)| name.clone()).collect();
        let mut kept: BTreeSet<String> = open.iter().cloned().collect();
        let mut all = false;
        while let Some(name) = open.pop() {
            for rule in chains.get(&name).map(|chain| chain.rules.as_slice()).unwrap_or_default() {
                let Ok(words) = &rule.words else {
                    all = true;
                    continue;
                };
                all |= words.iter().any(|word| word.contains("vmap @"));
                for target in
                    words.iter().flat_map(|word| targets(word)).filter(|target| names.contains(*target))
                {
                    if kept.insert(target.to_owned()) {
                        open.push(target.to_owned());
                    }
                }
            }
        }
        chains.retain(|name, chain| kept.contains(name) || all && chain.base.is_none());
    }

    /// Whether something in it drops or rejects packets that come in.
    pub(super) fn filters(&self) -> bool {
        self.chains.values().any(|chain| {
            chain.base.as_ref().is_some_and(|base| base.policy == Policy::Drop && base.hook != Hook::Forward)
                || chain.rules.iter().any(|rule| match &rule.words {
                    Ok(words) => words.iter().any(|word| drops(word)),
                    Err(_) => true,
                })
        }) || self.sets.values().flatten().flatten().flatten().any(|element| element.ends_with(": drop"))
    }

    /// What a rule of this table does; a jump does what all rules of its chain do.
    pub(super) fn effect(&self, words: &[String]) -> Effect {
        let own = words.iter().find_map(|word| match word.as_str() {
            "accept" | "-j ACCEPT" => Some(Effect::Admits),
            word if drops(word) && !word.contains("vmap") => Some(Effect::Blocks),
            _ => None,
        });
        if let Some(own) = own {
            return own;
        }
        let mut reached = words.iter().flat_map(|word| targets(word));
        let (Some(target), None) = (reached.next(), reached.next()) else { return Effect::Other };
        let Some(chain) = self.chains.get(target) else { return Effect::Other };
        let mut effects = chain.rules.iter().filter_map(|rule| {
            let words = rule.words.as_ref().ok()?;
            match words.iter().find(|word| drops(word) || *word == "accept" || *word == "-j ACCEPT") {
                Some(word) if drops(word) => Some(Effect::Blocks),
                Some(_) => Some(Effect::Admits),
                None => None,
            }
        });
        match effects.next() {
            Some(first) if effects.all(|other| other == first) => first,
            _ => Effect::Other,
        }
    }
}

/// NFT_SET_INTERVAL, _TIMEOUT, _EVAL
const INTERVAL: u32 = 4;
const TIMEOUT: u32 = 16;
const EVAL: u32 = 32;

impl Rule {
    fn new(words: Result<Vec<String>, String>, place: String) -> Self {
        let at = Evidence::of(place);
        let at = match &words {
            Ok(words) => at.says(words.join(" ")),
            Err(_) => at,
        };
        Self { words, at }
    }
}
