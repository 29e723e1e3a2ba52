//! Reads as much of YAML as libmodulemd writes: mappings and lists by indentation, lists in brackets, long texts.

use crate::gap::Gap;

/// One scalar of a document: where it is, and what it says. `-` is the step into a list.
pub(super) struct Scalar<'a> {
    pub(super) path: &'a [String],
    /// Which item of the outermost list on the way it belongs to.
    pub(super) item: usize,
    pub(super) text: String,
}

const DEEPEST: usize = 32;

/// Calls `each` with every scalar, and `end` after every document. Anchors, tags, tabs and mappings in braces that
/// are not empty are refused where they stand for a value.
pub(super) fn read(
    text: &str,
    path: &str,
    mut each: impl FnMut(Scalar<'_>) -> Result<(), Gap>,
    mut end: impl FnMut() -> Result<(), Gap>,
) -> Result<(), Gap> {
    let mut steps: Vec<String> = Vec::new();
    let mut indents: Vec<usize> = Vec::new();
    // Lines deeper than this belong to a text.
    let mut long: Option<usize> = None;
    let mut item = 0_usize;
    let mut open = false;
    for (line, number) in text.lines().zip(1_usize..) {
        let odd =
            |what: &str| Gap::unsupported(format!("{path}:{number}: {what}, which hostduty does not read"));
        if line == "---" || line.starts_with("--- ") || line == "..." {
            if open {
                end()?;
            }
            (steps, indents, long, item, open) = (Vec::new(), Vec::new(), None, 0, false);
            continue;
        }
        let mut rest = line.trim_start_matches(' ');
        let mut indent = line.len().saturating_sub(rest.len());
        if rest.is_empty() || (rest.starts_with('#') && long.is_none()) {
            continue;
        }
        if let Some(of) = long {
            if indent > of {
                continue;
            }
            long = None;
        }
        if rest.starts_with('\t') {
            return Err(odd("a tab"));
        }
        open = true;
        // A list may stand as deep as its key.
        let list = rest == "-" || rest.starts_with("- ");
        while indents.last().is_some_and(|last| {
            *last > indent || (*last == indent && !(list && steps.last().is_none_or(|step| step != "-")))
        }) {
            indents.pop();
            steps.pop();
        }
        while rest == "-" || rest.starts_with("- ") {
            if !steps.iter().any(|step| step == "-") {
                item = item.saturating_add(1);
            }
            steps.push("-".to_owned());
            indents.push(indent);
            let after = rest.get(1..).unwrap_or_default();
            let inner = after.trim_start_matches(' ');
            indent = indent.saturating_add(rest.len().saturating_sub(inner.len()));
            rest = inner;
        }
        if steps.len() > DEEPEST {
            return Err(odd("something nested deeply"));
        }
        if rest.is_empty() {
            continue;
        }
        let value = match key(rest) {
            Some((name, value)) => {
                steps.push(name);
                indents.push(indent);
                value
            }
            None => rest,
        };
        match value.chars().next() {
            None => {}
            Some('|' | '>') => long = Some(indents.last().copied().unwrap_or(indent)),
            Some('&' | '*' | '!') => return Err(odd("an anchor or a tag")),
            Some('{') if value == "{}" => {}
            Some('{') => return Err(odd("a mapping in braces")),
            Some('[') => {
                let Some(inside) =
                    value.strip_prefix('[').and_then(|value| value.trim_end().strip_suffix(']'))
                else {
                    return Err(odd("a list over several lines"));
                };
                steps.push("-".to_owned());
                for word in inside.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                    each(Scalar { path: &steps, item, text: scalar(word) })?;
                }
                steps.pop();
                if inside.trim().is_empty() {
                    steps.push("[]".to_owned());
                    each(Scalar { path: &steps, item, text: String::new() })?;
                    steps.pop();
                }
            }
            Some(_) => each(Scalar { path: &steps, item, text: scalar(value) })?,
        }
    }
    if open {
        end()?;
    }
    Ok(())
}

/// The key of a line and what follows it.
fn key(rest: &str) -> Option<(String, &str)> {
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inside = rest.get(1..)?;
        let (name, after) = inside.split_once(quote)?;
        let value = after.strip_prefix(':')?;
        return (value.is_empty() || value.starts_with(' ')).then(|| (name.to_owned(), value.trim()));
    }
    if let Some(name) = rest.strip_suffix(':').filter(|name| !name.contains(": ")) {
        return Some((name.to_owned(), ""));
    }
    let (name, value) = rest.split_once(": ")?;
    Some((name.to_owned(), value.trim()))
}

fn scalar(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.split(quote).next().unwrap_or_default().to_owned();
        }
    }
    text.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<String>, Gap> {
        let all = std::cell::RefCell::new(Vec::new());
        read(
            text,
            "m",
            |scalar| {
                all.borrow_mut().push(format!("{}={} {}", scalar.path.join("/"), scalar.text, scalar.item));
                Ok(())
            },
            || {
                all.borrow_mut().push("end".to_owned());
                Ok(())
            },
        )?;
        Ok(all.into_inner())
    }

    #[test]
    fn as_libmodulemd_writes() {
        let text = "---\ndocument: modulemd\ndata:\n  name: x\n  stream: \"1.0\"\n  description: >-\n    name: no\n\n    - no\n  \
                    dependencies:\n  - buildrequires:\n      platform: [el8]\n    requires:\n      perl: [5.26, '5.30']\n      \
                    platform: []\n  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n    - b-0:1-1.noarch\n...\n---\nversion: 2\n";
        assert_eq!(
            all(text).unwrap(),
            [
                "document=modulemd 0",
                "data/name=x 0",
                "data/stream=1.0 0",
                "data/dependencies/-/buildrequires/platform/-=el8 1",
                "data/dependencies/-/requires/perl/-=5.26 1",
                "data/dependencies/-/requires/perl/-=5.30 1",
                "data/dependencies/-/requires/platform/[]= 1",
                "data/artifacts/rpms/-=a-0:1-1.noarch 2",
                "data/artifacts/rpms/-=b-0:1-1.noarch 3",
                "end",
                "version=2 0",
                "end"
            ]
        );
    }

    #[test]
    fn what_it_does_not_read_is_a_gap() {
        for text in ["a: &b c", "a: {b: c}", "a: [b,\n  c]", "\ta: b", &"- ".repeat(99)] {
            assert!(all(text).is_err(), "{text:?}");
        }
    }
}
