//! GLib's key files, as far as guest agents use them: groups, keys, values, comments.

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) group: String,
    pub(super) key: String,
    pub(super) value: String,
    /// From 1.
    pub(super) line: u32,
}

/// More entries than such a file has.
const ENTRIES: usize = 4096;

/// The entries in their order; the number of the first line that GLib would refuse the file for.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, u32> {
    let text = String::from_utf8_lossy(bytes);
    let mut entries = Vec::new();
    let mut group: Option<&str> = None;
    for (number, line) in (1_u32..).zip(text.split('\n')) {
        let line = line
            .strip_suffix('\r')
            .unwrap_or(line)
            .trim_start_matches(|char: char| char.is_ascii_whitespace());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            group = Some(name.trim_end().strip_suffix(']').ok_or(number)?);
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(number)?;
        let key = key.trim_end();
        if key.is_empty() || entries.len() >= ENTRIES {
            return Err(number);
        }
        let value = value.trim_start_matches(|char: char| char.is_ascii_whitespace());
        entries.push(Entry {
            group: group.ok_or(number)?.to_owned(),
            key: key.to_owned(),
            value: plain(value).ok_or(number)?,
            line: number,
        });
    }
    Ok(entries)
}

/// Undoes the escapes of a value; nothing for one that GLib does not know.
fn plain(value: &str) -> Option<String> {
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => match chars.next()? {
                's' => ' ',
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            char => char,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_keys() {
        let entries = parse(b"# c\n\n[a]\n k = v w \r\n[b] \nx=\\s1\n").unwrap();
        let shown: Vec<String> = entries
            .iter()
            .map(|entry| format!("{}:{}.{}={}", entry.line, entry.group, entry.key, entry.value))
            .collect();
        assert_eq!(shown, ["4:a.k=v w ", "6:b.x= 1"]);
    }

    #[test]
    fn what_glib_refuses() {
        for (text, line) in
            [("nonsense", 1), ("a=b\n[a]", 1), ("[a]\n;x", 2), ("[a]x", 1), ("[a]\n=x", 2), ("[a]\nk=\\-", 2)]
        {
            assert_eq!(parse(text.as_bytes()), Err(line), "{text}");
        }
    }
}
