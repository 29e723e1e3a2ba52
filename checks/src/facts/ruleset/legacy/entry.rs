//! One entry of a legacy table: `struct ipt_entry` or `struct ip6t_entry`, its matches and its target.

use std::collections::BTreeMap;

use super::{Rule, Target, malformed};
use crate::facts::ruleset::IpFamily;
use crate::facts::ruleset::netlink::{array, text};
use crate::facts::ruleset::xtables::{self, Masked, Match, Number};
use crate::gap::Gap;

/// `-NF_DROP - 1` and its siblings; `XT_RETURN` is `-NF_REPEAT - 1`.
pub(super) const DROP: i32 = -1;
pub(super) const ACCEPT: i32 = -2;
const QUEUE: i32 = -4;
const RETURN: i32 = -5;

/// One `ipt_entry` or `ip6t_entry`.
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) end: usize,
    /// All but its target.
    pub(super) rule: Rule,
    /// Whether a jump does not come back here.
    goto: bool,
    /// The name in an ERROR entry.
    pub(super) head: Option<String>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Verdict(i32),
    Extension(xtables::Target),
}

/// Where the fields of an entry lie.
pub(super) struct Layout {
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

pub(super) const IPV4: Layout = Layout {
    family: IpFamily::V4,
    addresses: [0, 4, 8, 12],
    interfaces: [16, 32, 48, 64],
    protocol: 80,
    flags: 82,
    inverted: 83,
    target_offset: 88,
    size: 112,
};

pub(super) const IPV6: Layout = Layout {
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
    pub(super) fn decode(blob: &[u8], start: usize, layout: &Layout) -> Result<Self, Gap> {
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

    pub(super) fn target(&self, names: &BTreeMap<usize, &str>) -> Result<Target, Gap> {
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
