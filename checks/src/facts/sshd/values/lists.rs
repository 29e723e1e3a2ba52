//! Keywords that take several arguments.

use super::rest::Argument;
use super::{MOST, network, numbers, words};

/// Words, each of which must fit.
pub(super) fn patterns(line: &Argument, fits: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    let words = line.list()?;
    if words.iter().any(|word| word.is_empty() || !fits(word)) {
        return Err(line.bad());
    }
    line.not_empty(words)?;
    Ok(words.to_vec())
}

/// AuthorizedKeysFile, and RevokedKeys since 10.3.
pub(super) fn home_files(line: &Argument) -> Result<Vec<String>, String> {
    let files = line.unended_list();
    if files.iter().any(String::is_empty) {
        return Err(line.bad());
    }
    alone(line, files, 10, 3)?;
    line.not_empty(files)?;
    Ok(files.to_vec())
}

/// Since a release `none` must stand alone; before that it must be the last, if that.
fn alone(line: &Argument, list: &[String], major: u32, minor: u32) -> Result<(), String> {
    let is_none = |word: &String| word.eq_ignore_ascii_case("none");
    if line.build.since(major, minor) && list.len() > 1 && list.iter().any(is_none) {
        return Err(line.bad());
    }
    Ok(())
}

/// An address, and perhaps `rdomain` with the name of one.
pub(super) fn listen(line: &Argument) -> Result<Vec<String>, String> {
    let address = network::listen(line.first()?).ok_or_else(|| line.bad())?;
    match line.arguments.get(1..).unwrap_or_default() {
        [] => Ok(vec![address]),
        [keyword, domain, ..] if keyword == "rdomain" => {
            line.end(3)?;
            Ok(vec![format!("{address} rdomain {domain}")])
        }
        _ => Err(line.bad()),
    }
}

/// SetEnv, which before 8.7 was split without regard to `=`.
pub(super) fn assignments(line: &Argument) -> Result<Vec<String>, String> {
    let split: Vec<String>;
    let words = match line.build.since(8, 7) {
        true => line.list()?,
        false => {
            split = blank_separated(line.rest);
            Argument { arguments: &split, ..*line }.list()?
        }
    };
    if words.iter().any(|word| !word.contains('=')) {
        return Err(line.bad());
    }
    line.not_empty(words)?;
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        let name = |word: &str| word.split('=').next().map(str::to_owned);
        let is_known = line.build.since(9, 1) && kept.iter().any(|known| name(known) == name(word));
        if !is_known {
            kept.push(word.clone());
        }
    }
    Ok(kept)
}

/// The words of a text; a quotation mark goes to the next one and ends a word.
fn blank_separated(text: &str) -> Vec<String> {
    let is_blank = |letter: char| matches!(letter, ' ' | '\t' | '\r' | '\n');
    let (mut words, mut rest) = (Vec::new(), Some(text));
    while let Some(text) = rest {
        let Some(end) = text.find(|letter| is_blank(letter) || letter == '"') else {
            words.push(text.to_owned());
            break;
        };
        let (word, behind) = text.split_at_checked(end).unwrap_or((text, ""));
        let behind = behind.get(1..).unwrap_or_default();
        if text.get(end..).is_some_and(|text| text.starts_with('"')) {
            let Some((quoted, behind)) = behind.split_once('"') else { break };
            words.push(format!("{word}{quoted}"));
            rest = Some(behind.trim_start_matches(is_blank));
        } else {
            words.push(word.to_owned());
            rest = Some(behind.trim_start_matches(is_blank));
        }
    }
    words
}

/// LogVerbose.
pub(super) fn places(line: &Argument) -> Result<Vec<String>, String> {
    let list = line.list()?;
    if list.iter().any(String::is_empty) {
        return Err(line.bad());
    }
    if line.build.since(8, 7) {
        // `none` in front was noticed from the start, `none` at the end since 9.7.
        none_first(line, list)?;
        alone(line, list, 9, 7)?;
    }
    line.not_empty(list)?;
    Ok(list.to_vec())
}

fn none_first(line: &Argument, list: &[String]) -> Result<(), String> {
    let before_last = list.split_last().map_or(&[][..], |(_, before)| before);
    if before_last.iter().any(|word| word.eq_ignore_ascii_case("none")) { Err(line.bad()) } else { Ok(()) }
}

/// ChannelTimeout.
pub(super) fn channels(line: &Argument) -> Result<Vec<String>, String> {
    let list = line.list()?;
    none_first(line, list)?;
    alone(line, list, 9, 7)?;
    let fits = |word: &String| {
        word.eq_ignore_ascii_case("none")
            || word.split_once('=').is_some_and(|(channel, time)| {
                // A time of 8.4 may be negative, but this keyword is younger.
                !channel.is_empty() && numbers::time(time, line.build).is_some()
            })
    };
    if !list.iter().all(fits) {
        return Err(line.bad());
    }
    line.not_empty(list)?;
    Ok(match list {
        [only] => vec![words::or_none(only)],
        list => list.to_vec(),
    })
}

/// The methods that AuthenticationMethods may name.
const METHODS: &[&str] = &[
    "none",
    "publickey",
    "gssapi-with-mic",
    "gssapi-keyex",
    "password",
    "keyboard-interactive",
    "hostbased",
];

/// The lists of methods, each of which is enough; or `any`, which stands alone.
pub(super) fn methods(line: &Argument) -> Result<Vec<String>, String> {
    let lists = line.unended_list();
    let is_known = |method: &str| METHODS.contains(&method.split(':').next().unwrap_or_default());
    match lists {
        [] => Err(line.missing()),
        [only] if only == "any" => Ok(lists.to_vec()),
        lists if lists.iter().all(|list| list.split(',').all(is_known)) => Ok(lists.to_vec()),
        _ => Err(line.bad()),
    }
}

/// PubkeyAuthOptions in the order in which `sshd -T` shows them.
pub(super) fn pubkey_options(line: &Argument) -> Result<Vec<String>, String> {
    let list = line.list()?;
    let names = ["touch-required", "verify-required"];
    let is = |word: &String, name: &str| word.eq_ignore_ascii_case(name);
    if !list.iter().all(|word| is(word, "none") || names.iter().any(|name| is(word, name))) {
        return Err(line.bad());
    }
    let set: Vec<String> = names
        .iter()
        .filter(|name| list.iter().any(|word| is(word, name)))
        .map(|name| (*name).to_owned())
        .collect();
    Ok(if set.is_empty() { vec!["none".to_owned()] } else { set })
}

/// PermitOpen and PermitListen.
pub(super) fn forwards(line: &Argument, listens: bool) -> Result<Vec<String>, String> {
    let first = line.first()?;
    let is_word = |word: &str| matches!(word, "any" | "none");
    if !line.build.since(9, 7) && is_word(first) {
        line.end(1)?;
        return Ok(vec![first.to_owned()]);
    }
    let list = match line.build.since(9, 7) {
        true => line.arguments,
        false => {
            let count = line.arguments.iter().take_while(|word| !word.is_empty()).count();
            if count < line.arguments.len() {
                line.end(count + 1)?;
            }
            line.arguments.get(..count).unwrap_or_default()
        }
    };
    let mut values = Vec::new();
    for (index, word) in list.iter().enumerate() {
        if index == 0 && is_word(word) {
            values.push(word.clone());
            continue;
        }
        let value = match listens && !word.contains(':') && !is_word(word) {
            true => format!("*:{word}"),
            false => word.clone(),
        };
        if !network::is_forward(&value) {
            return Err(line.bad());
        }
        values.push(value);
    }
    Ok(values)
}

/// One class of traffic for both kinds of session, or one for each.
pub(super) fn traffic(line: &Argument) -> Result<Vec<String>, String> {
    let class = |word: &str| words::traffic(word, line.build).ok_or_else(|| line.bad());
    let first = class(line.first()?)?;
    let second = match line.arguments.get(1) {
        Some(word) => class(word)?,
        None => first.clone(),
    };
    line.end(2)?;
    Ok(vec![first, second])
}

/// Bytes, and seconds where the line sets them.
pub(super) fn rekey(line: &Argument) -> Result<Vec<String>, String> {
    let first = line.first()?;
    let bytes = match first == "default" {
        true => Some(0),
        false => numbers::amount(first, line.build).filter(|bytes| *bytes == 0 || *bytes >= 16),
    };
    let bytes = bytes.ok_or_else(|| line.bad())?.to_string();
    let Some(second) = line.arguments.get(1) else {
        // Before 8.7 a quotation mark that is never closed leaves no word, but it leaves a rest.
        let open = line.rest.matches('"').count() % 2 == 1;
        return if open { Err(line.missing()) } else { Ok(vec![bytes]) };
    };
    // Before 8.7 sshd compared the rest of the line, quotation marks and all.
    let bare = line.rest.rsplit([' ', '\t', '=']).next() == Some("none");
    if second == "none" && (line.build.since(8, 7) || bare) {
        line.end(2)?;
        return Ok(vec![bytes]);
    }
    let seconds = numbers::time(second, line.build).ok_or_else(|| line.bad())?;
    line.end(2)?;
    Ok(vec![bytes, seconds.to_string()])
}

/// PerSourcePenalties: each with its time in seconds, or `yes`, or `no`.
pub(super) fn penalties(line: &Argument) -> Result<Vec<String>, String> {
    let list = line.list()?;
    let mut values = Vec::new();
    for (index, word) in list.iter().enumerate() {
        let lower = word.to_ascii_lowercase();
        if matches!(lower.as_str(), "yes" | "no") {
            if index + 1 < list.len() {
                return Err(line.bad());
            }
            values.push(lower);
            continue;
        }
        values.push(penalty(line, word).ok_or_else(|| line.bad())?);
    }
    line.not_empty(list)?;
    Ok(values)
}

fn penalty(line: &Argument, word: &str) -> Option<String> {
    let (name, value) = word.split_once(':')?;
    let value = match name {
        "crash" | "authfail" | "noauth" | "grace-exceeded" | "max" | "min" => seconds(line, value)?,
        "refuseconnection" if line.build.since(9, 9) => seconds(line, value)?,
        "invaliduser" if line.build.since(10, 3) => seconds(line, value)?,
        "max-sources4" | "max-sources6" => numbers::number(value, MOST)?.to_string(),
        "overflow" | "overflow6" if matches!(value, "deny-all" | "permissive") => value.to_owned(),
        _ => return None,
    };
    Some(format!("{name}:{value}"))
}

fn seconds(line: &Argument, text: &str) -> Option<String> {
    match line.build.since(10, 3) {
        true => numbers::fractional_time(text).map(|time| format!("{time:.6}")),
        false => numbers::time(text, line.build).map(|time| time.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setenv_of_old() {
        for (text, wanted) in
            [("A=b C=d", &["A=b", "C=d"][..]), ("A=\"b c\"  D=e ", &["A=b c", "D=e", ""]), ("A=\"b", &[])]
        {
            assert_eq!(blank_separated(text), wanted, "{text}");
        }
    }
}
