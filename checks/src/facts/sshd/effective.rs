//! What holds for every connection, and what Match blocks change for some: the first value wins.

use std::collections::BTreeMap;

use super::keywords;
use super::parser::{Directive, Parsed};
use super::{Config, DEFAULT, MatchBlock, Setting};
use crate::evidence::Evidence;

/// Lines that lost against an earlier one and are kept to tell about.
const LOST: usize = 8;

/// Decides every recorded keyword.
///
/// sshd goes over its configuration twice. At its start it takes the lines outside of Match blocks, and those under
/// `Match all`. For each connection it then takes the lines of the blocks that match, and what they set replaces what
/// the start has found; `Match all` matches then too. Conditional blocks are listed, not evaluated.
pub(super) fn decide(parsed: Parsed) -> Config {
    let mut start = BTreeMap::new();
    let mut everyone = BTreeMap::new();
    let mut blocks: BTreeMap<usize, BTreeMap<String, Setting>> = BTreeMap::new();
    for directive in &parsed.directives {
        match directive.guard {
            Some(guard) if !parsed.unconditional(Some(guard)) => {
                add(blocks.entry(guard).or_default(), directive);
            }
            guard => {
                add(&mut start, directive);
                if guard.is_some() && directive.keyword.in_match {
                    add(&mut everyone, directive);
                }
            }
        }
    }
    for (name, mut setting) in everyone {
        if let Some(before) = start.remove(&name)
            && before.at != setting.at
        {
            setting.lost.insert(0, before.at);
            setting.lost.truncate(LOST);
        }
        start.insert(name, setting);
    }
    for (name, default) in keywords::RECORDED {
        start.entry((*name).to_owned()).or_insert_with(|| Setting {
            values: default.iter().map(|value| (*value).to_owned()).collect(),
            at: Evidence::of(DEFAULT),
            lost: Vec::new(),
        });
    }
    let matches = blocks
        .into_iter()
        .filter_map(|(index, settings)| {
            let criteria: Vec<&str> =
                parsed.guards_of(Some(index)).map(|guard| guard.criteria.as_str()).collect();
            let at = parsed.guards.get(index)?.at.clone();
            Some(MatchBlock { criteria: criteria.join(", within "), at, settings })
        })
        .collect();
    let Parsed { files, changed, mut refused, gaps, .. } = parsed;
    refused.extend(whole(&start));
    Config { files, changed, settings: start, matches, refused, gaps }
}

fn add(settings: &mut BTreeMap<String, Setting>, directive: &Directive) {
    let name = directive.keyword.name;
    let Some(setting) = settings.get_mut(name) else {
        let Directive { values, at, .. } = directive;
        let first = Setting { values: values.clone(), at: at.clone(), lost: Vec::new() };
        settings.insert(name.to_owned(), first);
        return;
    };
    if keywords::accumulates(name) {
        setting.values.extend(directive.values.iter().cloned());
    } else if setting.lost.len() < LOST {
        setting.lost.push(directive.at.clone());
    }
}

/// What sshd refuses although each line is well formed.
fn whole(settings: &BTreeMap<String, Setting>) -> Vec<Evidence> {
    let values = |name: &str| settings.get(name).map_or(&[][..], |setting| setting.values.as_slice());
    let is =
        |name: &str, value: &str| values(name).first().is_some_and(|first| first.eq_ignore_ascii_case(value));
    let mut refused = Vec::new();
    let mut refuse = |name: &str, why: &str| {
        if let Some(setting) = settings.get(name) {
            refused.push(Evidence { text: Some(why.to_owned()), ..setting.at.clone() });
        }
    };
    for command in ["authorizedkeyscommand", "authorizedprincipalscommand"] {
        let user = settings.get(&format!("{command}user"));
        if !is(command, "none") && user.is_none_or(|user| user.is_default()) {
            refuse(command, "a command without the keyword that says which user runs it");
        }
    }
    let on = |method: &str| match method.split(':').next().unwrap_or_default() {
        "publickey" => is("pubkeyauthentication", "yes"),
        "password" => is("passwordauthentication", "yes"),
        "keyboard-interactive" => is("kbdinteractiveauthentication", "yes"),
        "hostbased" => is("hostbasedauthentication", "yes"),
        "gssapi-with-mic" => is("gssapiauthentication", "yes"),
        _ => true,
    };
    let lists = values("authenticationmethods");
    if !is("authenticationmethods", "any") && !lists.iter().any(|list| list.split(',').all(on)) {
        refuse("authenticationmethods", "AuthenticationMethods that no enabled method satisfies");
    }
    refused
}
