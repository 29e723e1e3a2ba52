//! Inventories in Ansible's YAML format: groups with hosts, children and vars, as block mappings or `{a: b}` on one line.
//!
//! A value is only looked at when something asks for it, so that what variables hold besides (lists, texts of several
//! lines, vaults) is skipped by its indentation. Anchors, merges and tags in what is asked for are refused.

use super::{Complaint, Inventory, Value, Variables, key};

/// One line that says something.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    number: usize,
    indent: usize,
    text: &'a str,
}

/// One key of a mapping with what stands behind it and below it.
struct Entry<'a, 'b> {
    key: String,
    number: usize,
    inline: &'a str,
    below: &'b [Line<'a>],
}

pub(super) fn parse(text: &str) -> Result<Inventory, Complaint> {
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let text = raw.trim_start_matches(' ');
        let (number, indent) = (index + 1, raw.len() - text.len());
        match text.trim_end() {
            "" => {}
            // A comment, or a line of a text that nobody asks for.
            line if line.starts_with('#') => {}
            "---" if indent == 0 && lines.is_empty() => {}
            "---" | "..." if indent == 0 => {
                return Err((number, "an inventory is one document: give each a file".to_owned()));
            }
            line if line.starts_with('\t') => {
                return Err((number, "YAML is indented by blanks, not by tabs".to_owned()));
            }
            text => lines.push(Line { number, indent, text }),
        }
    }
    let mut inventory = Inventory::default();
    for entry in entries(&lines)? {
        if entry.key == "plugin" {
            let cure = "run `ansible-inventory --list`, and name its hosts with --hosts FILE";
            return Err((entry.number, format!("this file asks a plugin of Ansible for hosts: {cure}")));
        }
        group(&entry, &mut inventory, 0)?;
    }
    Ok(inventory)
}

fn group(entry: &Entry<'_, '_>, inventory: &mut Inventory, depth: usize) -> Result<(), Complaint> {
    if depth > 50 {
        return Err((entry.number, "groups are nested deeper than anybody nests them".to_owned()));
    }
    inventory.group(&entry.key);
    for part in mapping(entry)? {
        match part.key.as_str() {
            "hosts" => {
                for host in names(&part)? {
                    let variables = variables(&host)?;
                    inventory.add(&host.key, &entry.key, &variables, host.number)?;
                }
            }
            "children" => {
                for child in names(&part)? {
                    group(&child, inventory, depth + 1)?;
                    // Everything is below `all` anyway, and a child there may have its parents elsewhere.
                    if entry.key != "all" {
                        inventory.group(&entry.key).children.insert(child.key);
                    }
                }
            }
            "vars" => {
                let variables = variables(&part)?;
                inventory.group(&entry.key).variables.extend(variables);
            }
            other => {
                let why = format!("a group has hosts, children and vars, not `{other}`");
                return Err((part.number, why));
            }
        }
    }
    Ok(())
}

/// Those variables of a mapping that matter.
fn variables(entry: &Entry<'_, '_>) -> Result<Variables, Complaint> {
    let mut variables = Variables::new();
    for variable in mapping(entry)? {
        let Some(key) = key(&variable.key) else {
            if variable.key == "<<" {
                return Err((variable.number, "a merge is not followed: write the variables out".to_owned()));
            }
            continue;
        };
        let text = scalar(&variable)?;
        variables.insert(key, Value { text, line: variable.number });
    }
    Ok(variables)
}

/// The members of `hosts` or `children`; one alone may stand behind the colon.
fn names<'a, 'b>(entry: &Entry<'a, 'b>) -> Result<Vec<Entry<'a, 'b>>, Complaint> {
    let inline = uncommented(entry.inline);
    if !inline.is_empty() && !inline.starts_with('{') && entry.below.is_empty() && !is_null(inline) {
        let key = scalar(entry)?;
        return Ok(vec![Entry { key, number: entry.number, inline: "", below: &[] }]);
    }
    mapping(entry)
}

/// What stands behind a key, as a mapping; nothing is an empty one.
fn mapping<'a, 'b>(entry: &Entry<'a, 'b>) -> Result<Vec<Entry<'a, 'b>>, Complaint> {
    let inline = uncommented(entry.inline);
    if inline.is_empty() || is_null(inline) {
        return entries(entry.below);
    }
    let inside = inline.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match inside.filter(|inside| {
        entry.below.is_empty() && !outside_quotes(inside).any(|(_, one)| "{[&*!".contains(one))
    }) {
        Some(inside) => flow(inside, entry.number),
        None => Err((
            entry.number,
            format!("`{}` is not understood here: write a mapping, one key on a line of its own", entry.key),
        )),
    }
}

/// `a: b, c: d`
fn flow<'a, 'b>(inside: &'a str, number: usize) -> Result<Vec<Entry<'a, 'b>>, Complaint> {
    let mut list = Vec::new();
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in outside_quotes(inside).filter(|(_, one)| *one == ',') {
        parts.push(inside.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    parts.push(inside.get(from..).unwrap_or_default());
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let (key, inline) = keyed(part).ok_or_else(|| (number, format!("`{part}` is no `key: value`")))?;
        list.push(Entry { key, number, inline, below: &[] });
    }
    Ok(list)
}

/// The keys of a block, each with what is indented below it.
fn entries<'a, 'b>(lines: &'b [Line<'a>]) -> Result<Vec<Entry<'a, 'b>>, Complaint> {
    let Some(indent) = lines.first().map(|line| line.indent) else { return Ok(Vec::new()) };
    let mut list: Vec<Entry<'a, 'b>> = Vec::new();
    let mut rest = lines;
    while let Some((line, below)) = rest.split_first() {
        if line.indent != indent {
            return Err((line.number, "it is indented like nothing above it".to_owned()));
        }
        let (key, inline) = keyed(line.text).ok_or_else(|| {
            (
                line.number,
                format!("`{}` is no key: write `{}:`", line.text, line.text.trim_start_matches("- ")),
            )
        })?;
        if list.iter().any(|other| other.key == key) {
            return Err((line.number, format!("`{key}` is there twice")));
        }
        // A list may stand as far left as its key.
        let end = below.iter().position(|line| {
            line.indent < indent
                || (line.indent == indent && !line.text.starts_with("- ") && line.text != "-")
        });
        let (below, after) = below.split_at(end.unwrap_or(below.len()));
        list.push(Entry { key, number: line.number, inline, below });
        rest = after;
    }
    Ok(list)
}

/// A key, plain or in quotes, and what stands behind its colon.
fn keyed(text: &str) -> Option<(String, &str)> {
    if let Some(quote) = text.chars().next().filter(|one| matches!(one, '"' | '\'')) {
        let (key, rest) = text.get(1..)?.split_once(quote)?;
        let rest = rest.trim_start().strip_prefix(':')?;
        return (!key.contains('\\')).then(|| (key.to_owned(), rest.trim_start()));
    }
    if text.starts_with(['-', '?', '&', '*', '!', '{', '[', '|', '>', '%', '@', '`'])
        && !text.starts_with("--")
    {
        return None;
    }
    let at = text.match_indices(':').map(|(at, _)| at).find(|at| {
        // The colons of an IPv6 address and of a range are part of the key.
        text.get(at + 1..).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })?;
    let (key, rest) = text.split_at_checked(at)?;
    Some((key.trim_end().to_owned(), rest.get(1..).unwrap_or_default().trim_start()))
}

/// A value that stands on one line.
fn scalar(entry: &Entry<'_, '_>) -> Result<String, Complaint> {
    let wrong = || {
        (
            entry.number,
            format!("the value of `{}` is not understood: write it on one line, as text", entry.key),
        )
    };
    let text = entry.inline;
    if !entry.below.is_empty() {
        return Err(wrong());
    }
    if let Some(quote) = text.chars().next().filter(|one| matches!(one, '"' | '\'')) {
        let (value, rest) = text.get(1..).and_then(|text| text.split_once(quote)).ok_or_else(wrong)?;
        let is_whole = rest.trim_start().is_empty() || rest.trim_start().starts_with('#');
        return if is_whole && !value.contains('\\') { Ok(value.to_owned()) } else { Err(wrong()) };
    }
    let text = uncommented(text);
    if text.starts_with(['&', '*', '!', '{', '[', '|', '>', '%', '@', '`']) {
        return Err(wrong());
    }
    Ok(if is_null(text) { String::new() } else { text.to_owned() })
}

/// Without the comment behind it, which needs a blank before it.
fn uncommented(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    // In a plain scalar an apostrophe is one.
    let is_flow = text.starts_with('{');
    let comment = match is_flow {
        true => outside_quotes(text)
            .map(|(at, _)| at)
            .find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(" #"))),
        false => text.find(" #"),
    };
    comment.and_then(|at| text.get(..at)).unwrap_or(text).trim_end()
}

/// The characters of a mapping on one line that do not stand in quotes, each with its place.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut before) = (None, ',');
    text.char_indices().filter(move |(_, one)| {
        let opens = quote.is_none() && matches!(one, '"' | '\'') && matches!(before, '{' | ',' | ':');
        let is_outside = quote.is_none() && !opens;
        match quote {
            Some(open) if *one == open => quote = None,
            None if opens => quote = Some(*one),
            _ => {}
        }
        if !one.is_whitespace() {
            before = *one;
        }
        is_outside
    })
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
