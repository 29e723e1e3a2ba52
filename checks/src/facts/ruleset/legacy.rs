//! The legacy tables that `iptables-legacy` and `ip6tables-legacy` load, from the kernel's own structures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::netlink::{array, text};
use super::{Hook, Policy};
use crate::gap::Gap;
use crate::host::{Host, LARGE, Query, read_text};

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `filter`, `nat`, `mangle`, `raw` or `security`.
    pub name: String,
    /// Built-in chains first.
    pub chains: Vec<Chain>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets enter a built-in chain, and what happens to those that no rule decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// In the order in which packets meet them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// What a built-in chain has and others have not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Where on the way of a packet.
    pub hook: Hook,
    /// What happens at its end.
    pub policy: Policy,
}

/// One rule; its number is its place in [`Chain::rules`], from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it tests, as iptables writes the option: `-s`, `-p`, `-m tcp`. Empty when it takes every packet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What it does.
    pub target: Target,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Ends this table's chain; other tables still see the packet.
    Accept,
    /// Ends the packet.
    Drop,
    /// Hands the packet to a program.
    Queue,
    /// Goes back to the chain that jumped here, or to the policy.
    Return,
    /// The rule has no target: it counts.
    Continue,
    /// Goes to a chain and comes back.
    Jump(String),
    /// Goes to a chain and comes back to where this chain was called from.
    Goto(String),
    /// An extension by name: `REJECT`, `LOG`, `DNAT`.
    Extension(String),
    /// A verdict that is none of these.
    Other(i32),
}

/// The tables that exist; a kernel knows no others.
const TABLES: [&str; 5] = ["raw", "mangle", "nat", "filter", "security"];

/// Asks for the tables that the kernel lists in this network namespace. No list means that none was ever used.
pub(super) fn read(host: &dyn Host, ipv6: bool) -> Result<Vec<Table>, Gap> {
    let (path, what) = match ipv6 {
        false => ("/proc/net/ip_tables_names", "the iptables rules: needs root"),
        true => ("/proc/net/ip6_tables_names", "the ip6tables rules: needs root"),
    };
    let names = match read_text(host, path, LARGE) {
        Ok(names) => names,
        Err(gap) if gap.is_absent() => {
            host.stat("/proc/net/dev")?;
            return Ok(Vec::new());
        }
        Err(gap) if gap.why == crate::gap::GapKind::Denied => return Err(Gap::denied(what)),
        Err(gap) => return Err(gap),
    };
    let listed: Vec<&str> = names.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if let Some(strange) = listed.iter().find(|name| !TABLES.contains(name)) {
        return Err(Gap::unsupported(format!(
            "{path} lists the table {strange:?}, which hostduty does not know"
        )));
    }
    TABLES
        .iter()
        .filter(|name| listed.contains(name))
        .map(|name| {
            let table = (*name).to_owned();
            decode(&host.query(&Query::LegacyTable { ipv6, table })?, ipv6)
        })
        .collect()
}

/// Decodes `ipt_getinfo` followed by `ipt_get_entries` (linux/netfilter_ipv4/ip_tables.h), or their ip6t twins.
fn decode(bytes: &[u8], ipv6: bool) -> Result<Table, Gap> {
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
            chain.rules.push(Rule { conditions: entry.conditions.clone(), target: entry.target(&names)? });
        }
    }
    // The last entry is an ERROR that ends the table, and each user's chain ends with a RETURN that nobody wrote.
    if chains.pop().is_none_or(|end| end.base.is_some() || !end.rules.is_empty()) || policy_at.is_some() {
        return Err(malformed());
    }
    for chain in chains.iter_mut().filter(|chain| chain.base.is_none()) {
        let end = chain.rules.pop();
        if end.is_none_or(|rule| rule.target != Target::Return || !rule.conditions.is_empty()) {
            return Err(malformed());
        }
    }
    Ok(Table { name: info.name, chains })
}

/// `-NF_DROP - 1` and its siblings; `XT_RETURN` is `-NF_REPEAT - 1`.
const DROP: i32 = -1;
const ACCEPT: i32 = -2;
const QUEUE: i32 = -4;
const RETURN: i32 = -5;

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

/// One `ipt_entry` or `ip6t_entry`.
struct Entry {
    start: usize,
    end: usize,
    conditions: Vec<String>,
    /// Whether a jump does not come back here.
    goto: bool,
    /// The name in an ERROR entry.
    head: Option<String>,
    kind: Kind,
}

enum Kind {
    Verdict(i32),
    Extension(String),
}

/// Where the fields of an entry lie.
struct Layout {
    /// Options with the place and length of their mask: any bit set there means that the option was given.
    masks: &'static [(&'static str, usize, usize)],
    protocol: usize,
    flags: usize,
    inverted: usize,
    /// Bits of `flags` that are conditions, and the one that makes a jump a goto.
    tests: u8,
    goto: u8,
    target_offset: usize,
    size: usize,
}

const IPV4: Layout = Layout {
    masks: &[("-s", 8, 4), ("-d", 12, 4), ("-i", 48, 16), ("-o", 64, 16)],
    protocol: 80,
    flags: 82,
    inverted: 83,
    tests: 0x01,
    goto: 0x02,
    target_offset: 88,
    size: 112,
};

const IPV6: Layout = Layout {
    masks: &[("-s", 32, 16), ("-d", 48, 16), ("-i", 96, 16), ("-o", 112, 16)],
    protocol: 128,
    flags: 131,
    inverted: 132,
    // IP6T_F_PROTO only says that the protocol field counts, which is read for itself; IP6T_F_TOS is a test.
    tests: 0x02,
    goto: 0x04,
    target_offset: 140,
    size: 168,
};

impl Entry {
    fn decode(blob: &[u8], start: usize, layout: &Layout) -> Result<Self, Gap> {
        let rest = blob.get(start..).ok_or_else(malformed)?;
        let half = |at| Ok::<usize, Gap>(u16::from_ne_bytes(array(rest, at)?).into());
        let (target_at, length) = (half(layout.target_offset)?, half(layout.target_offset + 2)?);
        let entry = rest.get(..length).filter(|_| target_at >= layout.size).ok_or_else(malformed)?;
        let header = entry.get(..layout.size).ok_or_else(malformed)?;
        let set = |at: usize, length: usize| header.iter().skip(at).take(length).any(|byte| *byte != 0);
        let mut conditions: Vec<String> = layout
            .masks
            .iter()
            .filter(|(_, at, length)| set(*at, *length))
            .map(|(option, ..)| (*option).to_owned())
            .collect();
        if set(layout.protocol, 2) {
            conditions.push("-p".to_owned());
        }
        let [flags] = array(header, layout.flags)?;
        // An inverted test without a mask holds for no packet, which is a condition as well.
        if flags & layout.tests != 0 || set(layout.inverted, 1) {
            conditions.push("!".to_owned());
        }
        let mut at = layout.size;
        while at < target_at {
            let size = usize::from(u16::from_ne_bytes(array(entry, at)?));
            if size < EXTENSION_HEADER {
                return Err(malformed());
            }
            conditions.push(format!("-m {}", text(&array::<29>(entry, at + 2)?)));
            at = at.saturating_add(size);
        }
        let name = text(&array::<29>(entry, target_at.saturating_add(2))?);
        let data = target_at.saturating_add(EXTENSION_HEADER);
        let kind = match name.as_str() {
            "" => Kind::Verdict(i32::from_ne_bytes(array(entry, data)?)),
            _ => Kind::Extension(name),
        };
        let head = match &kind {
            Kind::Extension(name) if name == "ERROR" => Some(text(&array::<30>(entry, data)?)),
            _ => None,
        };
        let goto = flags & layout.goto != 0;
        Ok(Self { start, end: start.saturating_add(length), conditions, goto, head, kind })
    }

    fn target(&self, names: &BTreeMap<usize, &str>) -> Result<Target, Gap> {
        Ok(match &self.kind {
            Kind::Extension(name) => Target::Extension(name.clone()),
            Kind::Verdict(ACCEPT) => Target::Accept,
            Kind::Verdict(DROP) => Target::Drop,
            Kind::Verdict(QUEUE) => Target::Queue,
            Kind::Verdict(RETURN) => Target::Return,
            Kind::Verdict(verdict) => match usize::try_from(*verdict) {
                Err(_) => Target::Other(*verdict),
                Ok(offset) if offset == self.end && !self.goto => Target::Continue,
                Ok(offset) => {
                    let name = (*names.get(&offset).ok_or_else(malformed)?).to_owned();
                    if self.goto { Target::Goto(name) } else { Target::Jump(name) }
                }
            },
        })
    }
}

/// `struct xt_entry_match` and `struct xt_entry_target`: a 16-bit size, a name of 29 bytes, a revision.
const EXTENSION_HEADER: usize = 32;

fn malformed() -> Gap {
    Gap::malformed("the kernel's answer about a legacy table is not a table of rules")
}
