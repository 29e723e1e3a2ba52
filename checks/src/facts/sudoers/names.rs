//! Lists of sudoers(5) with their aliases resolved.

use std::collections::{HashMap, HashSet};

use super::cursor::Item;
use super::grammar::AliasKind;

/// What a rule names is kept up to this many names; a longer list is a gap.
pub(super) const MOST_NAMES: usize = 1000;

/// The aliases of sudoers(5) by kind and name.
#[derive(Default)]
pub(super) struct Aliases {
    pub(super) users: HashMap<String, Vec<Item>>,
    pub(super) runas: HashMap<String, Vec<Item>>,
    pub(super) commands: HashMap<String, Vec<Item>>,
}

impl Aliases {
    pub(super) fn of(&mut self, kind: AliasKind) -> &mut HashMap<String, Vec<Item>> {
        match kind {
            AliasKind::User => &mut self.users,
            AliasKind::RunAs => &mut self.runas,
            AliasKind::Command => &mut self.commands,
        }
    }
}

impl Aliases {
    /// Leaves out what is named twice: an alias that is defined again and again would be walked whole at each use.
    pub(super) fn name_each_once(&mut self) {
        for members in
            [&mut self.users, &mut self.runas, &mut self.commands].into_iter().flat_map(HashMap::values_mut)
        {
            let mut seen = HashSet::new();
            members.retain(|item| seen.insert(item.clone()));
        }
    }
}

/// The names of a list with its aliases resolved.
#[derive(Default)]
pub(super) struct Names {
    pub(super) names: Vec<String>,
    /// Whether something was excepted, or may have been in what was cut.
    pub(super) excepts: bool,
    /// Whether the list is longer than [`MOST_NAMES`].
    pub(super) cut: bool,
}

/// Every name once, in order. An alias may lead back to itself.
pub(super) fn resolve(items: &[Item], aliases: &HashMap<String, Vec<Item>>) -> Names {
    let mut found = Names::default();
    let mut seen = HashSet::new();
    let mut todo: Vec<&Item> = items.iter().rev().collect();
    while let Some(item) = todo.pop() {
        if item.negated {
            found.excepts = true;
        } else if seen.insert(item.name.as_str()) {
            match aliases.get(&item.name) {
                Some(members) => todo.extend(members.iter().rev()),
                None if found.names.len() < MOST_NAMES => found.names.push(item.name.clone()),
                None => {
                    (found.cut, found.excepts) = (true, true);
                    break;
                }
            }
        }
    }
    found
}
