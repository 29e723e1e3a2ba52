//! What pf decides about a connection from a peer that no rule names: the walk through rules and anchors.

use super::pf::{PacketFilter, Ruleset};
use super::pf_rule::{Action, Rule};
use crate::gap::Gap;

/// What pf decides about TCP connections to one port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// The rule that decides, if any matches; without one pf lets packets pass.
    pub by: Option<Rule>,
    /// Rules that let in some peers, or lead to some of the machine's addresses, whatever decides about the rest.
    pub exceptions: Vec<Rule>,
}

impl Decision {
    /// Whether a peer that no rule names is refused.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.by.as_ref().is_some_and(|rule| rule.action == Action::Block)
    }
}

/// Anchors nested deeper than this are refused.
const DEPTH: u32 = 8;
/// Rules looked at in one walk, so that anchors that lead to each other come to an end.
const STEPS: u32 = 20_000;

impl PacketFilter {
    /// What the rules decide about TCP connections that come in through `interface` to `port`. The last rule that
    /// matches decides, or the first that is `quick` (pf.conf(5)). Whether pf is enabled is not asked here.
    ///
    /// # Errors
    /// [`crate::gap::GapKind::Unsupported`] when a rule on the way is not understood.
    pub fn decide(&self, interface: &str, family: &str, port: u16) -> Result<Decision, Gap> {
        let mut walk = Walk {
            filter: self,
            packet: (interface, family, port),
            decision: Decision::default(),
            steps: STEPS,
        };
        let main = self.rulesets.iter().find(|set| set.anchor.is_empty());
        walk.rules(main.ok_or_else(|| Gap::absent("the main ruleset of pf"))?, DEPTH)?;
        Ok(walk.decision)
    }

    /// The interfaces about which the rules may decide differently: those that they name but for the loopback, and
    /// an empty name for any other.
    #[must_use]
    pub fn interfaces(&self) -> Vec<&str> {
        let rules = self.rulesets.iter().flat_map(|set| &set.rules);
        let mut names: Vec<&str> = rules.filter_map(|rule| rule.interface.as_deref()).collect();
        names.push("");
        names.retain(|name| *name != "lo0" && *name != "lo");
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A port that no rule names, so that what is decided about it holds for the services that nobody thought of.
    #[must_use]
    pub fn unnamed_port(&self) -> Option<u16> {
        let rules = || self.rulesets.iter().flat_map(|set| &set.rules).filter_map(|rule| rule.ports);
        // Open ranges such as `> 1023` name ports without a service in mind; they are asked about too.
        let named =
            |port: u16| rules().any(|(first, last)| last < u16::MAX && (first..=last).contains(&port));
        std::iter::once(40_000)
            .chain(rules().filter_map(|(_, last)| last.checked_add(1)))
            .take(200)
            .find(|port| !named(*port))
    }
}

struct Walk<'a> {
    filter: &'a PacketFilter,
    packet: (&'a str, &'a str, u16),
    decision: Decision,
    steps: u32,
}

impl<'a> Walk<'a> {
    /// Whether a quick rule ended the walk.
    fn rules(&mut self, set: &'a Ruleset, depth: u32) -> Result<bool, Gap> {
        let (interface, family, port) = self.packet;
        for rule in &set.rules {
            self.steps = self.steps.checked_sub(1).ok_or_else(|| Gap::too_large("the ruleset of pf"))?;
            if !rule.concerns(interface, family, port) {
                continue;
            }
            match rule.action {
                Action::NotUnderstood => {
                    return Err(Gap::unsupported(format!(
                        "hostduty does not understand pf's rule `{}`",
                        rule.text
                    )));
                }
                Action::Anchor => {
                    if rule.narrowed {
                        return Err(Gap::unsupported(format!(
                            "pf's anchor `{}` is only for some peers",
                            rule.text
                        )));
                    }
                    if self.anchor(&set.anchor, rule, depth)? {
                        return Ok(true);
                    }
                }
                Action::Block if rule.narrowed => {}
                Action::Pass if rule.narrowed => {
                    self.decision.exceptions.push(rule.clone());
                }
                Action::Block | Action::Pass => {
                    if rule.action == Action::Block {
                        // What was let in for some before is now refused for all, unless the walk ended there.
                        self.decision.exceptions.retain(|exception| exception.quick);
                    }
                    self.decision.by = Some(rule.clone());
                    if rule.quick {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn anchor(&mut self, parent: &str, rule: &Rule, depth: u32) -> Result<bool, Gap> {
        let below =
            depth.checked_sub(1).ok_or_else(|| Gap::unsupported("pf's anchors are nested too deeply"))?;
        let name = rule.anchor.as_deref().unwrap_or("");
        let path = match name.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None if parent.is_empty() => name.to_owned(),
            None => format!("{parent}/{name}"),
        };
        let children = path.strip_suffix('*');
        for set in &self.filter.rulesets {
            let asked = match children {
                Some(start) => {
                    set.anchor.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
                }
                None => set.anchor == path,
            };
            if asked && !set.anchor.is_empty() && self.rules(set, below)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pf_rule;
    use super::*;

    fn filter(sets: &[(&str, &str)]) -> PacketFilter {
        let set = |(anchor, rules): &(&str, &str)| Ruleset {
            anchor: (*anchor).to_owned(),
            rules: rules.lines().filter_map(pf_rule::parse).collect(),
        };
        PacketFilter { enabled: true, rulesets: sets.iter().map(set).collect(), ..PacketFilter::default() }
    }

    fn blocks(rules: &str) -> bool {
        filter(&[("", rules)]).decide("en0", "inet", 5900).unwrap().blocks()
    }

    #[test]
    fn the_last_match_decides_and_quick_ends() {
        assert!(!blocks("anchor \"com.apple/*\" all"), "pf without a rule lets everything pass");
        assert!(blocks("pass all\nblock drop in all"));
        assert!(!blocks("block drop in all\npass in proto tcp from any to any port = 5900"));
        assert!(blocks("block drop in quick all\npass in all"));
        assert!(!blocks("block drop in on en1 all"));
        assert!(
            !blocks("block drop in from 203.0.113.9 to any"),
            "a block for one peer is none for the rest"
        );
    }

    #[test]
    fn anchors_count_only_where_they_are_hooked() {
        let block = "block drop in quick on ! lo0 proto tcp from any to any port = 5900";
        let hooked = filter(&[("", "anchor \"desk\" all\npass all"), ("desk", block)]);
        assert!(hooked.decide("en0", "inet", 5900).unwrap().blocks());
        assert!(!hooked.decide("lo0", "inet", 5900).unwrap().blocks());
        let loose = filter(&[("", "pass all"), ("desk", block)]);
        assert!(!loose.decide("en0", "inet", 5900).unwrap().blocks());
        let children = filter(&[
            ("", "anchor \"a/*\" all"),
            ("a", "pass quick all"),
            ("a/b", block),
            ("a/b/c", "pass quick all"),
        ]);
        assert!(children.decide("en0", "inet", 5900).unwrap().blocks());
    }

    #[test]
    fn exceptions_are_kept_until_all_are_refused() {
        let some = "pass in quick proto tcp from 203.0.113.9 to any port = 5900";
        let decision =
            filter(&[("", &format!("{some}\nblock drop in quick all"))]).decide("en0", "inet", 5900).unwrap();
        assert!(decision.blocks());
        assert_eq!(decision.exceptions[0].text, some);
        let overruled =
            filter(&[("", &format!("{some}\nblock drop in all"))]).decide("en0", "inet", 5900).unwrap();
        assert_eq!(overruled.exceptions.len(), 1, "a quick pass stays whatever follows");
        let plain = some.replace(" quick", "");
        let refused =
            filter(&[("", &format!("{plain}\nblock drop in all"))]).decide("en0", "inet", 5900).unwrap();
        assert!(refused.blocks() && refused.exceptions.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_a_gap_only_on_the_way() {
        let odd = filter(&[("", "pass in on en1 from <friends> to any\nblock drop in all")]);
        assert!(odd.decide("en0", "inet", 5900).unwrap().blocks());
        assert!(odd.decide("en1", "inet", 5900).is_err());
        let cycle = filter(&[
            ("", "anchor \"a\" all"),
            ("a", "anchor \"/a\" all\nanchor \"/a\" all\nanchor \"/a\" all"),
        ]);
        assert!(cycle.decide("en0", "inet", 1).is_err());
        assert!(PacketFilter::default().decide("en0", "inet", 1).is_err());
    }

    #[test]
    fn a_port_that_nobody_named() {
        assert_eq!(filter(&[("", "block drop in all")]).unnamed_port(), Some(40_000));
        let named = "pass in proto tcp from any to any port 39000:40000\npass in proto tcp from any to any port > 1023";
        assert_eq!(filter(&[("", named)]).unnamed_port(), Some(40_001));
        assert_eq!(filter(&[("", "pass in on en0 all\nblock on lo0 all")]).interfaces(), ["", "en0"]);
    }
}
