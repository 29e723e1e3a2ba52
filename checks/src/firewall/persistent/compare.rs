//! What is loaded now against what a file would load.

use std::collections::{BTreeMap, BTreeSet};

use super::view::{Chain, Effect, Rule, View};
use crate::evidence::Evidence;
use crate::facts::ruleset::{Hook, Policy};

/// What the file would leave, compared with what is there now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same, rule by rule.
    Same,
    /// Something else.
    Different(Difference),
    /// That cannot be told, for this reason.
    Unclear(String),
}

/// In what they differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// What lets more in after a boot than now: a rule that drops is gone, or one that accepts is there.
    pub(super) opens: Vec<Line>,
    /// What lets less in.
    pub(super) closes: Vec<Line>,
    /// What may do either.
    pub(super) unsure: Vec<Line>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// What differs.
    pub(super) what: String,
    /// Where.
    pub(super) at: Evidence,
}

impl Difference {
    fn add(&mut self, effect: Effect, missing: bool, what: String, at: Evidence) {
        let list = match (effect, missing) {
            (Effect::Blocks, true) | (Effect::Admits, false) => &mut self.opens,
            (Effect::Admits, true) | (Effect::Blocks, false) => &mut self.closes,
            (Effect::Other, _) => &mut self.unsure,
        };
        list.push(Line { what, at });
    }
}

/// Compares a table of the kernel with one of a file.
pub(super) fn compare(now: &View, saved: &View, path: &str) -> Comparison {
    let mut difference = Difference::default();
    let empty = Chain::default();
    let names: BTreeSet<&String> = now.chains.keys().chain(saved.chains.keys()).collect();
    for name in names {
        let (ours, theirs) = (now.chains.get(name), saved.chains.get(name));
        let place = || Evidence::of(path);
        match (ours.and_then(|chain| chain.base.as_ref()), theirs.and_then(|chain| chain.base.as_ref())) {
            (Some(ours), Some(theirs)) => {
                if (ours.hook, ours.priority, &ours.kind, &ours.devices)
                    != (theirs.hook, theirs.priority, &theirs.kind, &theirs.devices)
                {
                    let what = format!("chain {name} is hooked somewhere else or with another priority");
                    difference.add(Effect::Other, true, what, place());
                }
                // Docker closes what is forwarded, and closes it again when it starts.
                let is_docker = ours.hook == Hook::Forward && now.tools.contains("Docker");
                if ours.policy != theirs.policy && !is_docker {
                    let says = |policy| if policy == Policy::Drop { "drop" } else { "accept" };
                    let (ours, theirs) = (says(ours.policy), says(theirs.policy));
                    let what = format!("chain {name} has policy {ours} now and policy {theirs} in the file");
                    difference.add(Effect::Blocks, ours == "drop", what, place());
                }
            }
            (Some(ours), None) if ours.policy == Policy::Drop => {
                let what = format!("chain {name} has policy drop now and is not in the file");
                difference.add(Effect::Blocks, true, what, place());
            }
            (None, Some(theirs)) if theirs.policy == Policy::Drop => {
                let what = format!("chain {name} is in the file with policy drop and not loaded now");
                difference.add(Effect::Blocks, false, what, place());
            }
            _ => {}
        }
        let chains = (ours.unwrap_or(&empty), theirs.unwrap_or(&empty));
        if let Err(reason) = rules(name, chains, (now, saved), &mut difference) {
            return Comparison::Unclear(reason);
        }
    }
    if let Err(reason) = sets(now, saved, path, &mut difference) {
        return Comparison::Unclear(reason);
    }
    if difference == Difference::default() { Comparison::Same } else { Comparison::Different(difference) }
}

fn rules(
    name: &str,
    (ours, theirs): (&Chain, &Chain),
    (now, saved): (&View, &View),
    difference: &mut Difference,
) -> Result<(), String> {
    for rule in ours.rules.iter().chain(&theirs.rules) {
        if let Err(reason) = &rule.words {
            return Err(format!("{}: {reason}", rule.at));
        }
    }
    fn words(rule: &Rule) -> &[String] {
        rule.words.as_deref().unwrap_or_default()
    }
    let mut count: BTreeMap<&[String], (usize, usize)> = BTreeMap::new();
    for rule in &ours.rules {
        let entry = count.entry(words(rule)).or_default();
        entry.0 = entry.0.saturating_add(1);
    }
    for rule in &theirs.rules {
        let entry = count.entry(words(rule)).or_default();
        entry.1 = entry.1.saturating_add(1);
    }
    let mut same = true;
    for (rules, missing, view) in [(&ours.rules, true, now), (&theirs.rules, false, saved)] {
        for rule in rules {
            let Some((one, other)) = count.get_mut(words(rule)) else { continue };
            let (here, there) = if missing { (*one, *other) } else { (*other, *one) };
            if here <= there {
                continue;
            }
            // One of them is told; the next finds one less.
            if missing {
                *one = one.saturating_sub(1)
            } else {
                *other = other.saturating_sub(1)
            }
            same = false;
            let what = match missing {
                true => format!("a rule of chain {name} is loaded now and not in the file"),
                false => format!("a rule of chain {name} is in the file and not loaded now"),
            };
            difference.add(view.effect(words(rule)), missing, what, rule.at.clone());
        }
    }
    let order = |rules: &[Rule], view: &View| {
        let mut groups: Vec<(Effect, Vec<Vec<String>>)> = Vec::new();
        for rule in rules {
            let effect = view.effect(words(rule));
            match groups.last_mut().filter(|group| group.0 == effect && effect != Effect::Other) {
                Some(group) => group.1.push(words(rule).to_vec()),
                None => groups.push((effect, vec![words(rule).to_vec()])),
            }
        }
        groups.iter_mut().for_each(|group| group.1.sort());
        groups
    };
    if same && order(&ours.rules, now) != order(&theirs.rules, saved) {
        let at = theirs.rules.first().map_or_else(|| Evidence::of(name), |rule| rule.at.clone());
        let what = format!("the rules of chain {name} are in another order in the file");
        difference.add(Effect::Other, true, what, at);
    }
    Ok(())
}

/// Compares the sets that rules of either side use.
fn sets(now: &View, saved: &View, path: &str, difference: &mut Difference) -> Result<(), String> {
    let mut used: BTreeMap<&str, BTreeSet<Effect>> = BTreeMap::new();
    for view in [now, saved] {
        for words in
            view.chains.values().flat_map(|chain| &chain.rules).filter_map(|rule| rule.words.as_ref().ok())
        {
            for word in words {
                let Some((before, name)) = word.split_once('@').filter(|(before, _)| before.ends_with(' '))
                else {
                    continue;
                };
                let plain = !before.ends_with("!= ") && !before.ends_with("vmap ");
                let effect = if plain { view.effect(words) } else { Effect::Other };
                used.entry(name).or_default().insert(effect);
            }
        }
    }
    for (name, effects) in used {
        let (Some(ours), Some(theirs)) = (now.sets.get(name), saved.sets.get(name)) else {
            // The rules that use it differ then, or a set is missing that its rules need.
            if now.sets.contains_key(name) != saved.sets.contains_key(name) {
                difference.add(
                    Effect::Other,
                    true,
                    format!("set {name} is only on one side"),
                    Evidence::of(path),
                );
            }
            continue;
        };
        let wrong = |reason: &String| format!("set {name}: {reason}");
        let (Some(ours), Some(theirs)) = (ours.as_ref().map_err(wrong)?, theirs.as_ref().map_err(wrong)?)
        else {
            continue;
        };
        let effect = match effects.iter().collect::<Vec<_>>().as_slice() {
            [one] => **one,
            _ => Effect::Other,
        };
        for (list, other, missing) in [(ours, theirs, true), (theirs, ours, false)] {
            for element in list.difference(other) {
                let what = match missing {
                    true => format!("set {name} has {element} now and not in the file"),
                    false => format!("set {name} has {element} in the file and not now"),
                };
                difference.add(effect, missing, what, Evidence::of(path));
            }
        }
    }
    Ok(())
}
