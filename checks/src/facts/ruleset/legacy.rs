//! The legacy tables that `iptables-legacy` and `ip6tables-legacy` load, from the kernel's own structures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::netlink::{array, text};
use super::xtables::{self, Interface, Masked, Match, Number};
use super::{Hook, IpFamily, Policy};
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

/// One rule; its number is its place in [`Chain::rules`], from 1. It takes the packets for which all that it tests holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `-s`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Masked>,
    /// `-d`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Masked>,
    /// `-i`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Interface>,
    /// `-o`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Interface>,
    /// `-p`, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Number>,
    /// `-f` when true, `! -f` when false: fragments but the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fragments: Option<bool>,
    /// What it tests in ways that no version of iptables writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strange: Vec<String>,
    /// `-m`, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// What it does.
    pub target: Target,
}

impl Rule {
    /// Whether it takes every packet.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        let asks_nothing = |one: &Match| matches!(one, Match::Comment(_));
        self.asks_nothing_of_the_header() && self.matches.iter().all(asks_nothing)
    }

    fn asks_nothing_of_the_header(&self) -> bool {
        let Self { source, destination, input, output, protocol, fragments, strange, .. } = self;
        source.is_none()
            && destination.is_none()
            && input.is_none()
            && output.is_none()
            && protocol.is_none()
            && fragments.is_none()
            && strange.is_empty()
    }
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
    /// An extension: `REJECT`, `LOG`, `DNAT`.
    Extension(xtables::Target),
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
    /// All but its target.
    rule: Rule,
    /// Whether a jump does not come back here.
    goto: bool,
    /// The name in an ERROR entry.
    head: Option<String>,
    kind: Kind,
}

enum Kind {
    Verdict(i32),
    Extension(xtables::Target),
}

/// Where the fields of an entry lie.
struct Layout {
    family: IpFamily,
    /// Source, destination, and their masks.
    addresses: [usize; 4],
    /// In, out, and their masks.
    interfaces: [usize; 4],
    protocol: usize,
    flags: usize,
    inverted: usize,
    target_offset: usize,
    size: usize,
}

const IPV4: Layout = Layout {
    family: IpFamily::V4,
    addresses: [0, 4, 8, 12],
    interfaces: [16, 32, 48, 64],
    protocol: 80,
    flags: 82,
    inverted: 83,
    target_offset: 88,
    size: 112,
};

const IPV6: Layout = Layout {
    family: IpFamily::V6,
    addresses: [0, 16, 32, 48],
    interfaces: [64, 80, 96, 112],
    protocol: 128,
    flags: 131,
    inverted: 132,
    target_offset: 140,
    size: 168,
};

/// IPT_F_FRAG, IPT_F_GOTO; IP6T_F_PROTO, IP6T_F_TOS, IP6T_F_GOTO.
const V4_FRAGMENT: u8 = 1;
const V4_GOTO: u8 = 2;
const V6_PROTOCOL: u8 = 1;
const V6_GOTO: u8 = 4;

/// IPT_INV_*, which IPv6 shares.
const INVERT_INPUT: u8 = 0x01;
const INVERT_OUTPUT: u8 = 0x02;
const INVERT_SOURCE: u8 = 0x08;
const INVERT_DESTINATION: u8 = 0x10;
const INVERT_FRAGMENT: u8 = 0x20;
const INVERT_PROTOCOL: u8 = 0x40;

impl Entry {
    fn decode(blob: &[u8], start: usize, layout: &Layout) -> Result<Self, Gap> {
        let rest = blob.get(start..).ok_or_else(malformed)?;
        let half = |at| Ok::<usize, Gap>(u16::from_ne_bytes(array(rest, at)?).into());
        let (target_at, length) = (half(layout.target_offset)?, half(layout.target_offset + 2)?);
        let entry = rest.get(..length).filter(|_| target_at >= layout.size).ok_or_else(malformed)?;
        let header = entry.get(..layout.size).ok_or_else(malformed)?;
        let (mut rule, goto) = layout.header(header)?;
        let mut at = layout.size;
        while at < target_at {
            let size = usize::from(u16::from_ne_bytes(array(entry, at)?));
            let end = at.saturating_add(size);
            if size < EXTENSION_HEADER || end > target_at {
                return Err(malformed());
            }
            let (name, revision) = extension(entry, at)?;
            let info = entry.get(at.saturating_add(EXTENSION_HEADER)..end).ok_or_else(malformed)?;
            rule.matches.push(Match::decode(&name, revision, info, Some(layout.family)));
            at = end;
        }
        let (name, revision) = extension(entry, target_at)?;
        let data = target_at.saturating_add(EXTENSION_HEADER);
        let info = entry.get(data..).ok_or_else(malformed)?;
        let head = (name == "ERROR").then(|| Ok::<_, Gap>(text(&array::<30>(info, 0)?))).transpose()?;
        let kind = match name.as_str() {
            "" => Kind::Verdict(i32::from_ne_bytes(array(info, 0)?)),
            _ => Kind::Extension(xtables::Target::decode(&name, revision, info, Some(layout.family))),
        };
        Ok(Self { start, end: start.saturating_add(length), rule, goto, head, kind })
    }

    fn target(&self, names: &BTreeMap<usize, &str>) -> Result<Target, Gap> {
        Ok(match &self.kind {
            Kind::Extension(target) => Target::Extension(target.clone()),
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

impl Layout {
    /// What a rule tests besides its matches, and whether its jump does not come back.
    fn header(&self, header: &[u8]) -> Result<(Rule, bool), Gap> {
        let structure = xtables::Structure::new(header, Some(self.family));
        let [[flags], [inverted]] = [array(header, self.flags)?, array(header, self.inverted)?];
        let invert = |bit: u8| inverted & bit != 0;
        let mut strange = Vec::new();
        let address = |at: usize, mask: usize, bit| {
            let [address, mask] = [at, mask].map(|at| match self.family {
                IpFamily::V4 => structure.ipv4(at),
                IpFamily::V6 => structure.address(at),
            });
            let masked = Masked { address: address?, mask: mask?, invert: invert(bit) };
            // An inverted test without a mask holds for no packet, which is a test as well; an address outside its mask
            // holds for none either.
            let takes_all = masked.mask.is_unspecified() && masked.address.is_unspecified() && !masked.invert;
            Some((!takes_all).then_some(masked))
        };
        let [source, destination, source_mask, destination_mask] = self.addresses;
        let [input, output, input_mask, output_mask] = self.interfaces;
        let mut interface = |at, mask, bit, option: &str| {
            structure.interface(at, mask, invert(bit)).unwrap_or_else(|| {
                strange.push(format!("{option} with a mask that has holes"));
                None
            })
        };
        let input = interface(input, input_mask, INVERT_INPUT, "-i");
        let output = interface(output, output_mask, INVERT_OUTPUT, "-o");
        let number = structure.short(self.protocol).ok_or_else(malformed)?;
        let asks_protocol = self.family == IpFamily::V4 || flags & V6_PROTOCOL != 0;
        // Zero stands for every protocol, inverted or not.
        let protocol = (number != 0 && asks_protocol)
            .then_some(Number { value: number, invert: invert(INVERT_PROTOCOL) });
        let (known_flags, known_inversions, goto) = match self.family {
            IpFamily::V4 => (V4_FRAGMENT | V4_GOTO, 0x7b, V4_GOTO),
            IpFamily::V6 => (V6_PROTOCOL | V6_GOTO, 0x5b, V6_GOTO),
        };
        let fragments =
            (self.family == IpFamily::V4 && flags & V4_FRAGMENT != 0).then_some(!invert(INVERT_FRAGMENT));
        if fragments.is_none() && self.family == IpFamily::V4 && invert(INVERT_FRAGMENT) {
            strange.push("an inverted test of fragments that is not asked".to_owned());
        }
        if flags & !known_flags != 0 || inverted & !known_inversions != 0 {
            strange.push(format!("flags {flags:#x} and {inverted:#x}"));
        }
        let rule = Rule {
            source: address(source, source_mask, INVERT_SOURCE).ok_or_else(malformed)?,
            destination: address(destination, destination_mask, INVERT_DESTINATION).ok_or_else(malformed)?,
            input,
            output,
            protocol,
            fragments,
            strange,
            matches: Vec::new(),
            target: Target::Continue,
        };
        Ok((rule, flags & goto != 0))
    }
}

/// Name and revision in `struct xt_entry_match` or `struct xt_entry_target`.
fn extension(entry: &[u8], at: usize) -> Result<(String, u32), Gap> {
    let name = text(&array::<29>(entry, at.saturating_add(2))?);
    let [revision] = array(entry, at.saturating_add(31))?;
    Ok((name, revision.into()))
}

/// `struct xt_entry_match` and `struct xt_entry_target`: a 16-bit size, a name of 29 bytes, a revision.
const EXTENSION_HEADER: usize = 32;

fn malformed() -> Gap {
    Gap::malformed("the kernel's answer about a legacy table is not a table of rules")
}
