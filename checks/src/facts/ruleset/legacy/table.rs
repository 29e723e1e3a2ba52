//! One legacy table out of the kernel's answer: its entries sorted into chains, with their policies.

use std::collections::BTreeMap;

use super::entry::{ACCEPT, DROP, Entry, IPV4, IPV6, Kind};
use super::{Base, Chain, Rule, Table, Target, malformed};
use crate::facts::ruleset::netlink::{array, text};
use crate::facts::ruleset::{Hook, Policy};
use crate::gap::Gap;

/// Decodes `ipt_getinfo` followed by `ipt_get_entries` (linux/netfilter_ipv4/ip_tables.h), or their ip6t twins.
pub(super) fn decode(bytes: &[u8], ipv6: bool) -> Result<Table, Gap> {
    let info = Info::decode(bytes)?;
    // The header before the entries (a name, the size again) ends at a multiple of eight or of four, as the processor
    // aligns 64-bit numbers; counting from the end does not depend on that.
    let start = bytes.len().checked_sub(info.size).ok_or_else(malformed)?;
    let again = u32::from_ne_bytes(array(bytes, Info::SIZE + 32)?);
    if again as usize != info.size || ![Info::SIZE + 36, Info::SIZE + 40].contains(&start) {
        return Err(malformed());
    }
    let blob = bytes.get(start..).ok_or_else(malformed)?;
    let layout = if ipv6 { &IPV6 } else { &IPV4 };
    let mut entries = Vec::new();
    let mut at = 0;
    while at < blob.len() {
        let entry = Entry::decode(blob, at, layout)?;
        at = entry.end;
        entries.push(entry);
    }
    // A user's chain starts with an ERROR entry that carries its name; jumps lead to the entry after it.
    let names: BTreeMap<usize, &str> =
        entries.iter().filter_map(|entry| Some((entry.end, entry.head.as_deref()?))).collect();
    let mut chains: Vec<Chain> = Vec::new();
    // Until which offset the entries belong to the last chain; the user's chains end with the next head.
    let mut policy_at = None;
    for entry in &entries {
        if let Some(hook) = info.entered_at(entry.start) {
            let (name, hook, underflow) = hook;
            let base = Some(Base { hook, policy: Policy::Accept });
            chains.push(Chain { name: name.to_owned(), base, rules: Vec::new() });
            policy_at = Some(underflow);
        } else if let Some(name) = &entry.head {
            chains.push(Chain { name: name.clone(), base: None, rules: Vec::new() });
            policy_at = None;
            continue;
        }
        let chain = chains.last_mut().ok_or_else(malformed)?;
        if policy_at == Some(entry.start) {
            let base = chain.base.as_mut().ok_or_else(malformed)?;
            base.policy = match entry.kind {
                Kind::Verdict(ACCEPT) => Policy::Accept,
                Kind::Verdict(DROP) => Policy::Drop,
                _ => return Err(malformed()),
            };
            policy_at = None;
        } else {
            let target = entry.target(&names)?;
            chain.rules.push(Rule { target, ..entry.rule.clone() });
        }
    }
    // The last entry is an ERROR that ends the table, and each user's chain ends with a RETURN that nobody wrote.
    if chains.pop().is_none_or(|end| end.base.is_some() || !end.rules.is_empty()) || policy_at.is_some() {
        return Err(malformed());
    }
    for chain in chains.iter_mut().filter(|chain| chain.base.is_none()) {
        let end = chain.rules.pop();
        if end.is_none_or(|rule| rule.target != Target::Return || !rule.takes_all()) {
            return Err(malformed());
        }
    }
    Ok(Table { name: info.name, chains })
}

/// `struct ipt_getinfo`
struct Info {
    name: String,
    /// Hook, offset of its first entry, offset of its policy.
    hooks: Vec<(u32, usize, usize)>,
    size: usize,
}

impl Info {
    const SIZE: usize = 84;

    fn decode(bytes: &[u8]) -> Result<Self, Gap> {
        let word = |at| Ok::<u32, Gap>(u32::from_ne_bytes(array(bytes, at)?));
        let valid = word(32)?;
        let mut hooks = Vec::new();
        for number in (0..5).filter(|number| valid >> number & 1 != 0) {
            let at = number as usize * 4;
            hooks.push((number, word(36 + at)? as usize, word(56 + at)? as usize));
        }
        Ok(Self { name: text(&array::<32>(bytes, 0)?), hooks, size: word(80)? as usize })
    }

    fn entered_at(&self, offset: usize) -> Option<(&'static str, Hook, usize)> {
        let (number, _, underflow) = self.hooks.iter().find(|(_, entry, _)| *entry == offset)?;
        let name = match number {
            0 => "PREROUTING",
            1 => "INPUT",
            2 => "FORWARD",
            3 => "OUTPUT",
            _ => "POSTROUTING",
        };
        Some((name, Hook::from_number(*number), *underflow))
    }
}
