//! The walk of a packet through filter rules and anchors, its senders left open.

use super::{Decision, Packet, Pf};
use crate::facts::mac::pf::Ruleset;
use crate::facts::mac::pf_rule::{Action, Met, Rule};
use crate::gap::Gap;
use crate::reach::ranges::Ranges;

/// Anchors nested deeper than this are refused.
const DEPTH: u32 = 8;

/// Ways in which the walk may end.
#[derive(Clone, Default)]
struct Ends<'a> {
    pass: bool,
    block: bool,
    /// The rule that decides last.
    by: Option<&'a Rule>,
    /// A rule because of which there are several.
    doubt: Option<&'a Rule>,
}

impl<'a> Ends<'a> {
    fn of(rule: &'a Rule) -> Self {
        let (pass, block) = (rule.action == Action::Pass, rule.action == Action::Block);
        Self { pass, block, by: Some(rule), doubt: None }
    }

    fn or(self, other: Self, doubt: Option<&'a Rule>) -> Self {
        let differ = (self.pass, self.block) != (other.pass, other.block);
        Self {
            pass: self.pass || other.pass,
            block: self.block || other.block,
            by: other.by.or(self.by),
            doubt: self.doubt.or(other.doubt).or(doubt.filter(|_| differ)),
        }
    }
}

/// Senders with whom the walk has gone the same way so far.
#[derive(Clone)]
struct Part<'a> {
    senders: Ranges,
    /// Ways in which it may have ended before.
    before: Ends<'a>,
    /// How it ends when no rule matches any more.
    now: Ends<'a>,
    /// Whether a rule of the anchor matched.
    matched: Met,
    ended: bool,
}

impl<'a> Pf<'a> {
    /// What the filter rules decide about a packet.
    pub(super) fn filtered(&self, packet: Packet<'_>, senders: Ranges) -> Result<Decision<'a>, Gap> {
        let main = self.filter.rulesets.iter().find(|set| set.anchor.is_empty());
        let main = main.ok_or_else(|| Gap::absent("the main ruleset of pf"))?;
        let now = Ends { pass: true, ..Ends::default() };
        let start = Part { senders, before: Ends::default(), now, matched: Met::No, ended: false };
        let mut found = Decision::default();
        for part in self.ask(main, packet, vec![start], DEPTH)? {
            let ends = part.before.or(part.now, None);
            let rules: Vec<&Rule> = ends.by.into_iter().collect();
            let mut one = Decision::default();
            match (ends.pass, ends.block) {
                (true, true) => (one.unknown, one.doubts) = (part.senders, ends.doubt.into_iter().collect()),
                (true, false) => {
                    one.by_default = rules.is_empty();
                    (one.open, one.opened_by) = (part.senders, rules);
                }
                _ => one.refused_by = rules,
            }
            found.join(one);
        }
        Ok(found)
    }

    fn ask(
        &self,
        set: &'a Ruleset,
        packet: Packet<'_>,
        mut parts: Vec<Part<'a>>,
        depth: u32,
    ) -> Result<Vec<Part<'a>>, Gap> {
        for rule in &set.rules {
            let (sure, possible) = self.meets(rule, set, packet)?;
            if possible.is_empty() {
                continue;
            }
            let mut next = Vec::new();
            for part in parts {
                self.burn(part.senders.as_slice().len() + possible.as_slice().len())?;
                if part.ended {
                    next.push(part);
                    continue;
                }
                let cut = |senders: Ranges| Part { senders, ..part.clone() };
                let (certain, all) = (part.senders.and(&sure), part.senders.and(&possible));
                let perhaps = all.without(&certain);
                let rest = part.senders.without(&all);
                if !rest.is_empty() {
                    next.push(cut(rest));
                }
                if !certain.is_empty() {
                    self.matched(rule, set, packet, cut(certain), depth, &mut next)?;
                }
                if !perhaps.is_empty() {
                    self.perhaps_matched(rule, set, packet, cut(perhaps), depth, &mut next)?;
                }
            }
            parts = next;
        }
        Ok(parts)
    }

    fn matched(
        &self,
        rule: &'a Rule,
        set: &'a Ruleset,
        packet: Packet<'_>,
        part: Part<'a>,
        depth: u32,
        next: &mut Vec<Part<'a>>,
    ) -> Result<(), Gap> {
        match rule.action {
            Action::Block | Action::Pass => {
                next.push(Part { now: Ends::of(rule), matched: Met::Yes, ended: rule.quick, ..part })
            }
            Action::Anchor if known(rule) => {
                let outside = part.matched;
                for mut inner in self.anchor(rule, set, packet, part, depth)? {
                    if rule.quick && !inner.ended {
                        match inner.matched {
                            Met::Yes => inner.ended = true,
                            Met::Perhaps => inner.before = inner.before.or(inner.now.clone(), Some(rule)),
                            Met::No => {}
                        }
                    }
                    inner.matched = inner.matched.max(outside);
                    next.push(inner);
                }
            }
            Action::Anchor | Action::Redirect | Action::NotUnderstood => next.push(anything(rule, part)),
        }
        Ok(())
    }

    fn perhaps_matched(
        &self,
        rule: &'a Rule,
        set: &'a Ruleset,
        packet: Packet<'_>,
        part: Part<'a>,
        depth: u32,
        next: &mut Vec<Part<'a>>,
    ) -> Result<(), Gap> {
        match rule.action {
            Action::Block | Action::Pass => {
                let mut before = part.before.clone();
                // Behind a word that is not understood the rest of the rule is not known, `quick` included.
                if rule.quick || (rule.narrowed && rule.text.contains(" quick")) {
                    before = after(before, Ends::of(rule), rule);
                }
                let now = part.now.clone().or(Ends::of(rule), Some(rule));
                next.push(Part { before, now, matched: part.matched.max(Met::Perhaps), ..part });
            }
            Action::Anchor if known(rule) => {
                for inner in self.anchor(rule, set, packet, part.clone(), depth)? {
                    let mut before = after(part.before.clone(), inner.before, rule);
                    let mut now = part.now.clone();
                    if inner.ended || (rule.quick && inner.matched != Met::No) {
                        before = after(before, inner.now.clone(), rule);
                    }
                    if !inner.ended {
                        now = now.or(inner.now, Some(rule));
                    }
                    let matched = part.matched.max(inner.matched.min(Met::Perhaps));
                    next.push(Part { senders: inner.senders, before, now, matched, ended: false });
                }
            }
            Action::Anchor | Action::Redirect | Action::NotUnderstood => next.push(anything(rule, part)),
        }
        Ok(())
    }

    /// The rules of an anchor, or of all anchors below it.
    fn anchor(
        &self,
        rule: &Rule,
        set: &Ruleset,
        packet: Packet<'_>,
        part: Part<'a>,
        depth: u32,
    ) -> Result<Vec<Part<'a>>, Gap> {
        let below =
            depth.checked_sub(1).ok_or_else(|| Gap::unsupported("pf's anchors are nested too deeply"))?;
        self.burn(self.filter.rulesets.len())?;
        let mut parts = vec![Part { matched: Met::No, ..part }];
        for asked in self.below(rule, set) {
            parts = self.ask(asked, packet, parts, below)?;
        }
        Ok(parts)
    }

    /// The rulesets that an anchor stands for, in their order.
    pub(super) fn below(&self, rule: &Rule, set: &Ruleset) -> impl Iterator<Item = &'a Ruleset> {
        let name = rule.anchor.as_deref().unwrap_or("");
        let path = match name.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None if set.anchor.is_empty() => name.to_owned(),
            None => format!("{}/{name}", set.anchor),
        };
        self.filter.rulesets.iter().filter(move |one| {
            let asked = match path.strip_suffix('*') {
                Some(start) => {
                    one.anchor.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
                }
                None => one.anchor == path,
            };
            asked && !one.anchor.is_empty()
        })
    }

    /// The senders whose packets meet a rule's conditions for sure, and those whose packets may. Each rule that is asked
    /// costs as much as the hosts that it names, whether it is met or not.
    pub(super) fn meets(
        &self,
        rule: &Rule,
        set: &Ruleset,
        packet: Packet<'_>,
    ) -> Result<(Ranges, Ranges), Gap> {
        self.burn(0)?;
        let family = packet.way.family;
        let hosts = |hosts| {
            let named = self.tables.hosts(hosts, &set.anchor, family, self.interfaces);
            self.burn(named.as_ref().map_or(0, |named| named.as_slice().len()))?;
            Ok::<_, Gap>(named)
        };
        let mut met = rule.concerns(packet.way.interface, family, packet.port);
        let from_port = rule.source_ports.is_none_or(|(first, last)| {
            (first..=last).contains(&packet.from_port) != rule.source_ports_negated
        });
        met = met.min(Met::from(from_port));
        if let Some(to) = rule.to.as_ref().filter(|_| met != Met::No) {
            met = met.min(match (hosts(to)?, packet.to) {
                (Some(named), Some(to)) => Met::from(named.contains(super::number(to))),
                (Some(named), None) if named.is_empty() => Met::No,
                _ => Met::Perhaps,
            });
        }
        if met == Met::No {
            return Ok((Ranges::none(), Ranges::none()));
        }
        let all = Ranges::all(super::tables::bits(family));
        let (sure, possible) = match rule.from.as_ref().map(hosts).transpose()? {
            None => (all.clone(), all),
            Some(Some(named)) => (named.clone(), named),
            Some(None) => (Ranges::none(), all),
        };
        Ok(if met == Met::Yes { (sure, possible) } else { (Ranges::none(), possible) })
    }
}

/// Whether the name of an anchor leads to it; `../name` is not followed.
pub(super) fn known(rule: &Rule) -> bool {
    rule.anchor.as_deref().is_some_and(|name| !name.contains("..") && !name.is_empty())
}

/// A rule of which nothing is known may end the walk in any way.
fn anything<'a>(rule: &'a Rule, part: Part<'a>) -> Part<'a> {
    let before = Ends { pass: true, block: true, by: Some(rule), doubt: Some(rule) };
    Part { before, matched: part.matched.max(Met::Perhaps), ..part }
}

/// Ends that may have come before, with one more.
fn after<'a>(before: Ends<'a>, more: Ends<'a>, rule: &'a Rule) -> Ends<'a> {
    let doubt = before.doubt.or(more.doubt).or(Some(rule));
    Ends {
        pass: before.pass || more.pass,
        block: before.block || more.block,
        by: more.by.or(before.by),
        doubt: if more.pass || more.block { doubt } else { before.doubt },
    }
}
