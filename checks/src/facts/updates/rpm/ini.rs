//! Reads the files of sections and keys in which yum, dnf and zypper are configured.

/// A section and its keys, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) keys: Vec<(String, String, u32)>,
}

impl Section {
    /// The last value of a key, with its line.
    pub(super) fn get(&self, key: &str) -> Option<(&str, u32)> {
        let found = self.keys.iter().rev().find(|(name, ..)| name == key);
        found.map(|(_, value, line)| (value.as_str(), *line))
    }

    /// The words of a list, which commas, blanks and line ends separate.
    pub(super) fn words(&self, key: &str) -> Vec<String> {
        let value = self.get(key).map(|(value, _)| value).unwrap_or_default();
        let words = value.split(|c: char| c == ',' || c.is_whitespace());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

/// The sections; a line that starts with a blank goes on with the value before it.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (line, number) in text.lines().zip(1_u32..) {
        let trimmed = line.trim();
        if trimmed.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let last = sections.last_mut().and_then(|section| section.keys.last_mut());
            if let Some((_, value, _)) = last.filter(|_| !trimmed.starts_with(['#', ';'])) {
                value.push('\n');
                value.push_str(trimmed);
            }
        } else if let Some(rest) = trimmed.strip_prefix('[') {
            let name = rest.split(']').next().unwrap_or_default().to_owned();
            sections.push(Section { name, line: number, keys: Vec::new() });
        } else if let Some((key, value)) = trimmed.split_once('=') {
            let entry = (key.trim().to_ascii_lowercase(), value.trim().to_owned(), number);
            match sections.last_mut() {
                Some(section) => section.keys.push(entry),
                None => {
                    sections.push(Section { name: String::new(), line: number, keys: vec![entry] });
                }
            }
        }
    }
    sections
}

/// What libdnf and zypp take for yes and for no.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_over_lines() {
        let all = sections("# x\n[a]\nbaseurl = one\n  two\nExclude=b, c d\nexclude=e,f\n[b]\n");
        assert_eq!(all[0].get("baseurl"), Some(("one\ntwo", 3)));
        assert_eq!(all[0].words("exclude"), ["e", "f"]);
        assert_eq!((all[1].name.as_str(), all[1].line), ("b", 7));
        assert_eq!(sections("a=1")[0].get("a"), Some(("1", 1)));
    }
}
