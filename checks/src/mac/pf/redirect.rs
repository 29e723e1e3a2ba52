//! Redirections of what comes in (`rdr`): of all that match the first counts.

use super::walk::known;
use super::{Packet, Pf};
use crate::facts::mac::pf::Ruleset;
use crate::facts::mac::pf_rule::{Action, Rule, Target};
use crate::gap::Gap;
use crate::reach::ranges::Ranges;

/// Anchors nested deeper than this are refused.
const DEPTH: u32 = 8;

/// What becomes of a packet before the filter rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// It goes where its sender wrote.
    Stays,
    /// It goes somewhere else.
    Moves(&'a Rule, &'a Target),
    /// That cannot be told because of this rule.
    Doubt(&'a Rule),
}

impl<'a> Pf<'a> {
    /// What becomes of a packet, by its senders.
    pub(super) fn redirected(
        &self,
        packet: Packet<'_>,
        everybody: &Ranges,
    ) -> Result<Vec<(Ranges, End<'a>)>, Gap> {
        let mut found = Vec::new();
        let mut rest = everybody.clone();
        if let Some(main) = self.filter.rulesets.iter().find(|set| set.anchor.is_empty()) {
            self.redirect(main, packet, &mut rest, &mut found, DEPTH)?;
        }
        found.push((rest, End::Stays));
        found.retain(|(senders, _)| !senders.is_empty());
        Ok(found)
    }

    /// Takes those senders out of `rest` for whom a redirection matches.
    fn redirect(
        &self,
        set: &'a Ruleset,
        packet: Packet<'_>,
        rest: &mut Ranges,
        found: &mut Vec<(Ranges, End<'a>)>,
        depth: u32,
    ) -> Result<(), Gap> {
        for rule in &set.redirections {
            self.burn(rest.as_slice().len())?;
            let (sure, possible) = self.meets(rule, set, packet)?;
            let (certain, all) = (rest.and(&sure), rest.and(&possible));
            if all.is_empty() {
                continue;
            }
            if rule.action == Action::Anchor && known(rule) && certain == all {
                let below = depth
                    .checked_sub(1)
                    .ok_or_else(|| Gap::unsupported("pf's anchors are nested too deeply"))?;
                *rest = rest.without(&all);
                let mut inside = all;
                for asked in self.below(rule, set) {
                    self.redirect(asked, packet, &mut inside, found, below)?;
                }
                *rest = rest.or(&inside);
                continue;
            }
            let end = match (rule.action, &rule.target) {
                (Action::Redirect, Some(target)) => End::Moves(rule, target),
                (Action::Pass, _) => End::Stays,
                // One that redirects nothing, whomever it is about.
                (Action::Anchor, _)
                    if known(rule) && !self.below(rule, set).any(|one| !one.redirections.is_empty()) =>
                {
                    continue;
                }
                _ => End::Doubt(rule),
            };
            *rest = rest.without(&all);
            found.push((all.without(&certain), End::Doubt(rule)));
            found.push((certain, end));
        }
        Ok(())
    }
}
