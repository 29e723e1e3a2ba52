//! Which rules of sudoers(5) take no password in the end.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::cursor::Item;
use super::grammar::{self, Line, Permission, Rule, RunAs, Scope, Setting};
use super::names::{Aliases, MOST_NAMES, resolve};
use super::reader::Placed;
use super::{By, Grant};
use crate::facts::accounts::Accounts;
use crate::gap::Gap;

/// Adds the grants of all lines, in their order. `gaps` gets the lines that are not understood, without their text.
pub(super) fn evaluate(lines: &[Placed], accounts: &Accounts, grants: &mut Vec<Grant>, gaps: &mut Vec<Gap>) {
    let mut rules = Rules::new(accounts);
    let mut permissions = 0_usize;
    for placed in lines {
        match grammar::line(&placed.text) {
            None => gaps.push(unclear(placed)),
            Some(Some(Line::Rule(rule))) => {
                let first = permissions;
                permissions = permissions.saturating_add(rule.permissions.len());
                rules.rules.push((rule, placed, first));
            }
            Some(Some(Line::Defaults(scope, settings))) => rules.defaults.push((scope, settings, placed)),
            // A second definition of an alias is an error to sudo; together they miss nobody.
            Some(Some(Line::Aliases(kind, aliases))) => {
                for (name, members) in aliases {
                    rules.aliases.of(kind).entry(name).or_default().extend(members);
                }
            }
            Some(None) => {}
        }
    }
    rules.aliases.name_each_once();
    rules.add_by_defaults(grants, gaps);
    rules.add_by_tags(grants, gaps);
}

fn unclear(placed: &Placed) -> Gap {
    Gap::malformed(format!("{}:{}: a rule that hostduty does not understand", placed.path, placed.line))
}

struct Rules<'a> {
    root: HashSet<&'a str>,
    groups: HashMap<&'a str, BTreeSet<&'a str>>,
    /// With the number of the first permission of each, counted through all rules.
    rules: Vec<(Rule, &'a Placed, usize)>,
    defaults: Vec<(Scope, Vec<Setting>, &'a Placed)>,
    aliases: Aliases,
}

impl<'a> Rules<'a> {
    fn new(accounts: &'a Accounts) -> Self {
        let mut groups: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let by_id: HashMap<u32, &str> =
            accounts.groups.iter().rev().map(|group| (group.gid, group.name.as_str())).collect();
        for group in &accounts.groups {
            for member in &group.members {
                groups.entry(member).or_default().insert(&group.name);
            }
        }
        for user in &accounts.users {
            groups.entry(&user.name).or_default().extend(by_id.get(&user.gid));
        }
        let root = accounts.users.iter().filter(|user| user.uid == 0).map(|user| user.name.as_str());
        let root = root.chain(["root", "#0", "ALL"]).collect();
        Self { root, groups, rules: Vec::new(), defaults: Vec::new(), aliases: Aliases::default() }
    }

    fn add_by_defaults(&self, grants: &mut Vec<Grant>, gaps: &mut Vec<Gap>) {
        let (mut everyone, mut exempt) = (None, None);
        for (scope, settings, placed) in &self.defaults {
            for setting in settings {
                let grant = |by| Grant {
                    who: vec!["ALL".to_owned()],
                    all_commands: true,
                    as_root: true,
                    by,
                    path: placed.path.to_string(),
                    line: placed.line,
                    ..Grant::default()
                };
                if setting.name == "exempt_group" {
                    let group = setting.value.clone().filter(|group| !setting.negated && !group.is_empty());
                    exempt =
                        group.map(|group| Grant { who: vec![format!("%{group}")], ..grant(By::ExemptGroup) });
                }
                if setting.name != "authenticate" {
                    continue;
                }
                let grant = grant(By::NotAuthenticate);
                match scope {
                    // The last word counts.
                    Scope::Global => everyone = setting.negated.then_some(grant),
                    _ if !setting.negated => {}
                    Scope::Users(users) => {
                        let who = self.names(users, &self.aliases.users, placed, gaps);
                        grants.push(Grant { who, ..grant });
                    }
                    Scope::RunAs(users) => {
                        let (as_root, as_users) = self.run_as(Some(users), placed, gaps);
                        grants.push(Grant { as_root, as_users, ..grant });
                    }
                    Scope::Commands(commands) => {
                        let commands = self.names(commands, &self.aliases.commands, placed, gaps);
                        grants.push(Grant { all_commands: false, commands, ..grant });
                    }
                }
            }
        }
        grants.extend(everyone.into_iter().chain(exempt));
    }

    fn add_by_tags(&self, grants: &mut Vec<Grant>, gaps: &mut Vec<Gap>) {
        let asked = self.asked();
        for (rule, placed, first) in &self.rules {
            // One grant for what runs as root, one for what runs as somebody else.
            let mut found: [Option<(Grant, usize, bool)>; 2] = [None, None];
            for (permission, number) in rule.permissions.iter().zip(*first..) {
                if permission.authenticate != Some(false) || permission.command.negated {
                    continue;
                }
                let users = permission.runas.as_deref();
                let (as_root, as_users) = match users {
                    Some(RunAs { users, groups }) if users.is_empty() => {
                        (false, groups.iter().map(|group| format!(":{}", group.name)).collect())
                    }
                    Some(runas) => self.run_as(Some(&runas.users), placed, gaps),
                    None => self.run_as(None, placed, gaps),
                };
                let Some(slot) = found.get_mut(usize::from(!as_root)) else { continue };
                let (grant, last, anyone) = slot.get_or_insert_with(|| {
                    let grant = Grant {
                        who: self.names(&rule.users, &self.aliases.users, placed, gaps),
                        as_root,
                        path: placed.path.to_string(),
                        line: placed.line,
                        ..Grant::default()
                    };
                    (grant, number, false)
                });
                *last = number;
                *anyone |= users.is_some();
                let named = std::slice::from_ref(&permission.command);
                for command in resolve(named, &self.aliases.commands).names {
                    grant.all_commands |= command == "ALL";
                    if command != "ALL" && grant.commands.len() < MOST_NAMES {
                        grant.commands.push(command);
                    }
                }
                for user in as_users {
                    if !grant.as_users.contains(&user) && grant.as_users.len() < 100 {
                        grant.as_users.push(user);
                    }
                }
            }
            for (mut grant, last, anyone) in found.into_iter().flatten() {
                grant.commands.dedup();
                grant.overridden = grant
                    .who
                    .iter()
                    .filter(|who| self.is_asked(&asked, who, last, anyone))
                    .cloned()
                    .collect();
                grants.push(grant);
            }
        }
    }

    /// The last permission that asks somebody for the password before any command, by name. `true` in the key stands
    /// for one that holds as whomever the command runs.
    fn asked(&self) -> HashMap<(String, bool), usize> {
        let mut asked = HashMap::new();
        let switched_off = self.defaults.iter().flat_map(|(_, settings, _)| settings);
        if switched_off.into_iter().any(|setting| setting.negated && setting.name == "authenticate") {
            return asked;
        }
        for (rule, _, first) in &self.rules {
            // Only the last permission of each kind matters, so the list of users is walked at most twice.
            let mut last: [Option<usize>; 2] = [None, None];
            for (permission, number) in rule.permissions.iter().zip(*first..) {
                if let Some(slot) = asks(permission).and_then(|anyone| last.get_mut(usize::from(anyone))) {
                    *slot = Some(number);
                }
            }
            let names = resolve(&rule.users, &self.aliases.users);
            if names.excepts {
                continue;
            }
            for (number, anyone) in last.into_iter().zip([false, true]) {
                if let Some(number) = number {
                    asked.extend(names.names.iter().map(|name| ((name.clone(), anyone), number)));
                }
            }
        }
        asked
    }

    fn is_asked(
        &self,
        asked: &HashMap<(String, bool), usize>,
        who: &str,
        after: usize,
        anyone: bool,
    ) -> bool {
        let later = |name: &str| {
            let found = |key| asked.get(&(name.to_owned(), key)).is_some_and(|number| *number > after);
            found(true) || (!anyone && found(false))
        };
        if later(who) || later("ALL") {
            return true;
        }
        let Some(groups) = self.groups.get(who) else { return false };
        // Somebody in twenty thousand groups must not cost as many searches for every rule.
        if groups.len() <= asked.len() {
            return groups.iter().any(|group| later(&format!("%{group}")));
        }
        asked.iter().any(|((name, key), number)| {
            let group = name.strip_prefix('%').is_some_and(|group| groups.contains(group));
            group && *number > after && (*key || !anyone)
        })
    }

    /// Whether a list of users as whom commands may run has root in it, else who is in it.
    fn run_as(&self, users: Option<&[Item]>, placed: &Placed, gaps: &mut Vec<Gap>) -> (bool, Vec<String>) {
        let Some(users) = users else { return (true, Vec::new()) };
        let names = self.names(users, &self.aliases.runas, placed, gaps);
        // A group, a netgroup or an alias that nobody defined may hold root.
        let root = |name: &String| {
            let capital = name.starts_with(|first: char| first.is_ascii_uppercase());
            capital || name.starts_with(['%', '+']) || self.root.contains(name.as_str())
        };
        if names.is_empty() || names.iter().any(root) { (true, Vec::new()) } else { (false, names) }
    }

    fn names(
        &self,
        items: &[Item],
        aliases: &HashMap<String, Vec<Item>>,
        placed: &Placed,
        gaps: &mut Vec<Gap>,
    ) -> Vec<String> {
        let found = resolve(items, aliases);
        if found.cut {
            gaps.push(Gap::too_large(format!("the list in {}:{}", placed.path, placed.line)));
        }
        found.names
    }
}

/// Whether a permission asks for the password before any command on any host, and, if so, as whomever it runs.
fn asks(permission: &Permission) -> Option<bool> {
    let any_command = permission.command == Item { negated: false, name: "ALL".to_owned() };
    if permission.authenticate == Some(false)
        || !permission.every_host
        || permission.conditional
        || !any_command
    {
        return None;
    }
    let Some(runas) = &permission.runas else { return Some(false) };
    let all = runas.users.iter().any(|user| !user.negated && user.name == "ALL");
    (all && !runas.users.iter().any(|user| user.negated)).then_some(true)
}

#[cfg(test)]
mod tests;
