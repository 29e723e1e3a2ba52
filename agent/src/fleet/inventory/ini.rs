//! Inventories in Ansible's INI format: `[group]`, `[group:children]`, `[group:vars]` and lines of hosts.

use std::collections::BTreeSet;

use super::{Complaint, Inventory, Value, Variables, key};

enum Section {
    Hosts,
    Children,
    Variables,
}

pub(super) fn parse(text: &str) -> Result<Inventory, Complaint> {
    let mut inventory = Inventory::default();
    let (mut group, mut section) = ("ungrouped".to_owned(), Section::Hosts);
    // Groups that something is said of, perhaps before they are declared.
    let mut mentioned = Vec::new();
    let mut declared = BTreeSet::from(["all".to_owned(), group.clone()]);
    for (index, raw) in text.lines().enumerate() {
        let (number, line) = (index + 1, raw.trim());
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(heading) = heading(line) {
            let (name, kind) = heading.rsplit_once(':').unwrap_or((heading, "hosts"));
            section = match kind {
                "hosts" => Section::Hosts,
                "children" => Section::Children,
                "vars" => Section::Variables,
                _ => {
                    return Err((number, format!("`[{heading}]`: write :children or :vars after the group")));
                }
            };
            group = name.to_owned();
            if matches!(section, Section::Variables) {
                mentioned.push((group.clone(), number));
            } else {
                inventory.group(&group);
                declared.insert(group.clone());
            }
            continue;
        }
        match section {
            Section::Hosts => {
                let mut words = words(line).map_err(|why| (number, why))?.into_iter();
                let Some(pattern) = words.next() else { continue };
                let mut variables = Variables::new();
                for word in words {
                    let (name, value) = word
                        .split_once('=')
                        .ok_or_else(|| (number, format!("`{word}` is no variable: write name=value")))?;
                    remember(&mut variables, name, value, number);
                }
                inventory.add(&pattern, &group, &variables, number)?;
            }
            Section::Children => {
                let child = line.split(['#', ' ', '\t']).next().unwrap_or_default().to_owned();
                mentioned.push((child.clone(), number));
                inventory.group(&group).children.insert(child);
            }
            Section::Variables => {
                let (name, value) = line
                    .split_once('=')
                    .ok_or_else(|| (number, format!("`{line}` is no variable: write name=value")))?;
                let mut variables = Variables::new();
                remember(&mut variables, name.trim(), value.trim(), number);
                inventory.group(&group).variables.extend(variables);
            }
        }
    }
    match mentioned.into_iter().find(|(name, _)| !declared.contains(name)) {
        Some((name, line)) => Err((line, format!("there is no group [{name}]"))),
        None => Ok(inventory),
    }
}

/// What stands in the brackets of a heading, with a comment behind it or not.
fn heading(line: &str) -> Option<&str> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(name)
}

fn remember(variables: &mut Variables, name: &str, value: &str, line: usize) {
    if let Some(key) = key(name) {
        // Ansible reads values as Python does: quotes are not part of them, and a comment may follow.
        let unquoted = ['"', '\''].into_iter().find_map(|quote| {
            let (inside, rest) = value.strip_prefix(quote)?.split_once(quote)?;
            let rest = rest.trim_start();
            (rest.is_empty() || rest.starts_with('#')).then_some(inside)
        });
        variables.insert(key, Value { text: unquoted.unwrap_or(value).to_owned(), line });
    }
}

/// The words of a line by the rules of Python's shlex: quotes keep blanks together, `#` ends the line.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(one) = characters.next() {
        match (quote, one) {
            (Some(open), one) if one == open => quote = None,
            (Some('"') | None, '\\') => {
                let next = characters.next().ok_or("it ends with a backslash")?;
                let word = word.get_or_insert_default();
                if quote.is_some() && next != '"' && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), one) => word.get_or_insert_default().push(one),
            (None, '"' | '\'') => {
                quote = Some(one);
                word.get_or_insert_default();
            }
            (None, '#') => break,
            (None, one) if one.is_whitespace() => words.extend(word.take()),
            (None, one) => word.get_or_insert_default().push(one),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}
