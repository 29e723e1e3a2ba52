//! Host patterns of inventories: `web[01:10]`, `db-[a:c]`, `web1:2222`.

use super::super::destination::MOST;

/// A pattern without the port behind it. A colon inside brackets belongs to a range, two of them outside to IPv6.
pub(super) fn without_port(pattern: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = pattern.strip_prefix('[').and_then(|rest| rest.split_once(']'))
        && address.parse::<std::net::Ipv6Addr>().is_ok()
    {
        return (address, rest.strip_prefix(':'));
    }
    let mut depth = 0_usize;
    let mut colons = Vec::new();
    for (at, one) in pattern.char_indices() {
        match one {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => colons.push(at),
            _ => {}
        }
    }
    match colons.as_slice() {
        [at] => pattern.split_at_checked(*at).map_or((pattern, None), |(host, port)| (host, port.get(1..))),
        _ => (pattern, None),
    }
}

/// The names that a pattern means.
pub(super) fn expanded(pattern: &str) -> Result<Vec<String>, String> {
    let wrong = |why: &str| format!("`{pattern}`: {why}; a range is written web[01:10] or db[a:c]");
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, inside)) = rest.split_once('[') {
        let (range, after) = inside.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
        let parts = steps(range).map_err(|why| wrong(&why))?;
        if names.len().saturating_mul(parts.len()) > MOST {
            return Err(wrong("it means more hosts than one run asks"));
        }
        names = names
            .iter()
            .flat_map(|name| parts.iter().map(move |part| format!("{name}{before}{part}")))
            .collect();
        rest = after;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

fn steps(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (from, to, step) = match parts.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => {
            (*from, *to, step.parse().ok().filter(|step| *step > 0).ok_or("its step is no number")?)
        }
        _ => return Err("a range has a beginning and an end".to_owned()),
    };
    let letter = |text: &str| match text.as_bytes() {
        [one] if one.is_ascii_alphabetic() => Some(*one),
        _ => None,
    };
    if let (Some(from), Some(to)) = (letter(from), letter(to)) {
        // As Ansible counts them: a to z, then A to Z.
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        let place = |byte: u8| letters.iter().position(|one| *one == char::from(byte)).unwrap_or_default();
        let (from, to) = (place(from), place(to));
        let chosen = letters.get(from..=to).filter(|_| from <= to).ok_or("it ends before it begins")?;
        return Ok(chosen.iter().step_by(step).map(char::to_string).collect());
    }
    let from = if from.is_empty() { "0" } else { from };
    let width = if from.len() > 1 && from.starts_with('0') { from.len() } else { 0 };
    if width > 0 && to.len() != width {
        return Err("its ends have different lengths".to_owned());
    }
    let (Ok(first), Ok(last)) = (from.parse::<u32>(), to.parse::<u32>()) else {
        return Err("its ends are no numbers".to_owned());
    };
    if first > last {
        return Err("it ends before it begins".to_owned());
    }
    if last.abs_diff(first) as usize / step >= MOST {
        return Err("it means more hosts than one run asks".to_owned());
    }
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}
