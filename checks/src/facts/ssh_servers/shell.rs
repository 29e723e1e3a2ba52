//! Assignments of a shell script that sets options, as far as they can be read without running it.

use std::collections::BTreeMap;

/// Longer values are left to a shell: a few lines can make one of any length.
const LONGEST: usize = 64 << 10;

/// A value, or nothing where only a shell knows it.
pub(super) type Values = BTreeMap<String, Option<String>>;

/// Adds the assignments of a file to what files before it have set.
pub(super) fn read(text: &str, values: &mut Values) {
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let Some((name, rest)) = line.split_once('=') else { continue };
        let name_is_one =
            !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if name_is_one {
            let value = value(rest, values);
            values.insert(name.to_owned(), value);
        }
    }
}

/// The first word of a text without its quotes and with its variables; `None` where it takes a shell.
pub(super) fn value(text: &str, values: &Values) -> Option<String> {
    let mut value = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if value.len() > LONGEST {
            return None;
        }
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            (letter, Some('\'')) => value.push(letter),
            ('\\', _) => value.push(letters.next()?),
            ('`', _) => return None,
            ('$', _) => {
                let (name, rest) = variable(letters.as_str())?;
                // What nobody has set is empty.
                value.push_str(values.get(name).map_or(Some(""), |value| value.as_deref())?);
                letters = rest.chars();
            }
            ('"' | '\'', None) => quote = Some(letter),
            (' ' | '\t' | ';' | '&' | '|', None) => return Some(value),
            (letter, _) => value.push(letter),
        }
    }
    // A value that goes on in the next line is left to a shell.
    quote.is_none().then_some(value)
}

/// A name behind a dollar sign, in braces or not, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let is_name = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
    match text.strip_prefix('{') {
        Some(braced) => {
            let (name, rest) = braced.split_once('}')?;
            let name = name.strip_suffix(":-").or_else(|| name.strip_suffix('-')).unwrap_or(name);
            (!name.is_empty() && name.chars().all(is_name)).then_some((name, rest))
        }
        None => {
            let end = text.find(|letter: char| !is_name(letter)).unwrap_or(text.len());
            (end > 0).then(|| text.split_at_checked(end)).flatten()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_variables_are_read_and_programs_are_not() {
        let mut values = Values::new();
        read(
            "# A=0\nA=\"-4 -o x\"\nexport B='$A'\nC=$A\" ${B}\" # why\nD=$(date)\nE=`id`\nF=\"open\nG=${A:-x}\nH=$C$NONE${A:-}\nif [ a = b ]; then\n  I=1;fi\n",
            &mut values,
        );
        let value = |name: &str| values.get(name).cloned().flatten();
        for (name, wanted) in [
            ("A", Some("-4 -o x")),
            ("B", Some("$A")),
            ("C", Some("-4 -o x $A")),
            ("D", None),
            ("E", None),
            ("F", None),
            ("G", None),
            ("H", Some("-4 -o x $A-4 -o x")),
            ("I", Some("1")),
        ] {
            assert_eq!(value(name).as_deref(), wanted, "{name}");
        }
        let mut doubled = Values::new();
        read(&format!("A=x\n{}", "A=$A$A\n".repeat(100)), &mut doubled);
        assert_eq!(doubled.get("A"), Some(&None));
        assert!(values.contains_key("D") && !values.contains_key("if [ a "));
    }
}
