//! Reads apt's configuration: the files of `/etc/apt/apt.conf.d` and the nested language of apt.conf(5).

mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::{self, Host};
pub(crate) use words::word;
use words::{append, quoted, without_comments};

/// Deeper trees and more settings than these are no configuration.
const DEEPEST: usize = 64;
const MOST: usize = 100_000;

/// A value of the configuration and where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// As it is written.
    pub value: String,
    /// The file.
    pub path: String,
    /// Line in it, from 1.
    pub line: u32,
}

/// The tree of settings that files leave behind, read in apt's order.
#[derive(Debug, Default)]
pub struct AptConf {
    /// The first is the root; children point at their place in this list, so that nothing recurses.
    items: Vec<Item>,
    /// Place of a named item by its parent and its tag in lower case.
    index: BTreeMap<(usize, String), usize>,
    /// `#include` lines, which are not followed.
    pub unread: Vec<Gap>,
}

#[derive(Debug, Default)]
struct Item {
    tag: String,
    setting: Setting,
    children: Vec<usize>,
}

/// Reads `/etc/apt/apt.conf.d` in apt's order, then `/etc/apt/apt.conf`.
pub(crate) fn read(host: &dyn Host) -> Result<AptConf, Gap> {
    let mut conf = AptConf::default();
    let mut paths: Vec<String> = parts(host, "/etc/apt/apt.conf.d", &["conf"], true)?;
    paths.push("/etc/apt/apt.conf".to_owned());
    for path in paths {
        match host.read(&path, host::SMALL) {
            Ok(bytes) => conf.parse(&path, &String::from_utf8_lossy(&bytes))?,
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Ok(conf)
}

/// The files of a folder that apt reads, in its order: names of letters, digits and `_-:.`, with one of the
/// extensions or, where `bare`, with none.
pub(crate) fn parts(host: &dyn Host, dir: &str, extensions: &[&str], bare: bool) -> Result<Vec<String>, Gap> {
    let names = match host.list(dir) {
        Err(gap) if gap.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:.".contains(&byte);
    let read = |name: &&String| {
        !name.starts_with('.')
            && name.bytes().all(allowed)
            && name.rsplit_once('.').map_or(bare, |(_, extension)| extensions.contains(&extension))
    };
    Ok(names.iter().filter(read).map(|name| format!("{dir}/{name}")).collect())
}

impl AptConf {
    /// The value of an option, by its name without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.items.get(self.find(name)?).map(|item| &item.setting).filter(|setting| setting.line > 0)
    }

    /// The values of a list: all children of an option, named or not.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<Setting> {
        let children = self.find(name).and_then(|at| self.items.get(at)).map(|item| item.children.as_slice());
        children
            .unwrap_or_default()
            .iter()
            .filter_map(|child| self.items.get(*child))
            .map(|item| item.setting.clone())
            .filter(|setting| setting.line > 0 && !setting.value.is_empty())
            .collect()
    }

    /// Every option with its value in the form and order of `apt-config dump`.
    #[must_use]
    pub fn dump(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let children =
            |at: usize| self.items.get(at).map(|item| item.children.as_slice()).unwrap_or_default();
        let mut todo: Vec<(usize, String)> =
            children(0).iter().rev().map(|at| (*at, String::new())).collect();
        while let Some((at, parent)) = todo.pop() {
            let Some(item) = self.items.get(at) else { continue };
            let name = if parent.is_empty() { item.tag.clone() } else { format!("{parent}::{}", item.tag) };
            todo.extend(children(at).iter().rev().map(|child| (*child, name.clone())));
            lines.push((name, item.setting.value.clone()));
        }
        lines
    }

    /// Takes the settings of one more file.
    ///
    /// # Errors
    /// A syntax error, with which apt itself refuses to run.
    pub fn parse(&mut self, path: &str, text: &str) -> Result<(), Gap> {
        let mut in_comment = false;
        let mut pending = String::new();
        let mut parent = String::new();
        let mut stack: Vec<String> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line_number = u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
            let fail = |why: &str| Gap::malformed(format!("{path}:{line_number} {why}"));
            let line = without_comments(line, &mut in_comment);
            let mut in_quote = false;
            let mut start = 0;
            for (at, character) in line.char_indices() {
                in_quote ^= character == '"';
                if in_quote || !matches!(character, '{' | ';' | '}') {
                    continue;
                }
                append(&mut pending, line.get(start..at).unwrap_or_default());
                start = at.saturating_add(1);
                if pending.is_empty() && character == '{' {
                    return Err(fail("opens a block without a name"));
                }
                if !pending.is_empty() {
                    let (mut tag, rest) = word(&pending).ok_or_else(|| fail("has a malformed name"))?;
                    let rest = rest.trim_start();
                    let parsed = quoted(rest).or_else(|| word(rest));
                    let mut value = parsed.as_ref().map(|(value, _)| value.clone());
                    if parsed.is_some_and(|(_, rest)| !rest.trim().is_empty()) {
                        return Err(fail("has something after the value"));
                    }
                    if value.is_none() && character != '{' {
                        value = Some(std::mem::take(&mut tag));
                    }
                    let setting = |value| Setting { value, path: path.to_owned(), line: line_number };
                    if character == '{' {
                        stack.push(parent.clone());
                        parent = join(&parent, &tag);
                        if stack.len() > DEEPEST || parent.len() > 4096 {
                            return Err(fail("nests too deeply"));
                        }
                        if let Some(value) = value {
                            self.set(&parent, setting(value))
                                .ok_or_else(|| fail("is one setting too many"))?;
                        }
                    } else if let Some(directive) = tag.strip_prefix('#') {
                        match (directive, value) {
                            ("clear", Some(name)) => self.clear(&name),
                            ("include", _) => self.unread.push(Gap::unsupported(format!(
                                "{path}:{line_number} includes a file that is not read"
                            ))),
                            _ => return Err(fail("has an unknown directive")),
                        }
                    } else if let Some(value) = value {
                        let name = if parent.is_empty() { tag } else { format!("{parent}::{tag}") };
                        self.set(&name, setting(value)).ok_or_else(|| fail("is one setting too many"))?;
                    }
                    pending.clear();
                }
                if character == '}' {
                    parent = stack.pop().unwrap_or_default();
                }
            }
            append(&mut pending, line.get(start..).unwrap_or_default());
        }
        if pending.is_empty() { Ok(()) } else { Err(Gap::malformed(format!("{path} ends inside a setting"))) }
    }

    fn find(&self, name: &str) -> Option<usize> {
        let mut at = 0;
        for tag in name.split("::") {
            at = *self.index.get(&(at, tag.to_ascii_lowercase()))?;
        }
        Some(at)
    }

    /// Sets an option, creating what leads to it; an empty tag appends to a list. `None` beyond the bounds.
    fn set(&mut self, name: &str, setting: Setting) -> Option<()> {
        if self.items.is_empty() {
            self.items.push(Item::default());
        }
        let mut at = 0;
        for (depth, tag) in name.split("::").enumerate() {
            let key = (at, tag.to_ascii_lowercase());
            at = match self.index.get(&key) {
                Some(found) => *found,
                None if depth > DEEPEST || self.items.len() > MOST => return None,
                None => {
                    let new = self.items.len();
                    self.items.push(Item { tag: tag.to_owned(), ..Item::default() });
                    self.items.get_mut(at)?.children.push(new);
                    if !tag.is_empty() {
                        self.index.insert(key, new);
                    }
                    new
                }
            };
        }
        self.items.get_mut(at)?.setting = setting;
        Some(())
    }

    /// `#clear`: forgets the value and everything below it, as if they had never been set.
    fn clear(&mut self, name: &str) {
        let Some(at) = self.find(name) else { return };
        let mut todo = vec![at];
        while let Some(next) = todo.pop() {
            let Some(item) = self.items.get_mut(next) else { continue };
            item.setting = Setting::default();
            for child in std::mem::take(&mut item.children) {
                if let Some(tag) = self.items.get(child).map(|item| item.tag.to_ascii_lowercase()) {
                    self.index.remove(&(next, tag));
                }
                todo.push(child);
            }
        }
    }
}

fn join(parent: &str, tag: &str) -> String {
    if parent.is_empty() { tag.to_owned() } else { format!("{parent}::{tag}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn conf(text: &str) -> AptConf {
        let mut conf = AptConf::default();
        conf.parse("c", text).unwrap();
        conf
    }

    fn value<'a>(conf: &'a AptConf, name: &str) -> Option<&'a str> {
        conf.get(name).map(|setting| setting.value.as_str())
    }

    #[test]
    fn blocks_lists_comments_and_clear() {
        let conf = conf(
            "// no\nAPT::Periodic { Enable \"1\"; /* x\n y */ Update-Package-Lists \"7\"; # z\n};\n\
             U { O { \"a//b\"; \"c\" ; }; };\nU::O:: \"d\";\nX::Y \"1\";\nX { Z \"2\" }\n#clear X;\nX::W 3;\n\
             apt::periodic::enable \"0\";\n",
        );
        assert_eq!(value(&conf, "APT::Periodic::Enable"), Some("0"));
        assert_eq!(value(&conf, "APT::Periodic::Update-Package-Lists"), Some("7"));
        assert_eq!(
            conf.list("U::O").iter().map(|s| s.value.as_str()).collect::<Vec<_>>(),
            ["a//b", "c", "d"]
        );
        assert_eq!(
            (value(&conf, "X::Y"), value(&conf, "X::Z"), value(&conf, "X::W")),
            (None, None, Some("3"))
        );
        assert_eq!(conf.get("APT::Periodic::Update-Package-Lists").unwrap().line, 3);
    }

    #[test]
    fn files_in_order_without_those_that_apt_ignores() {
        let host = Tree::new(Timestamp(0))
            .file("/etc/apt/apt.conf.d/20b", "A \"2\";")
            .file("/etc/apt/apt.conf.d/10a.conf", "A \"1\";")
            .file("/etc/apt/apt.conf.d/90.dpkg-dist", "A \"3\";")
            .file("/etc/apt/apt.conf.d/91 x", "A \"4\";");
        let conf = read(&host).unwrap();
        assert_eq!(
            conf.get("a").map(|s| (s.value.as_str(), s.path.as_str())),
            Some(("2", "/etc/apt/apt.conf.d/20b"))
        );
    }

    #[test]
    fn what_apt_refuses_is_malformed() {
        for text in ["A \"1\"", "{ A \"1\"; };", "A \"1\" \"2\" x;", "#clearly A;", "A \"1;\n"] {
            assert!(AptConf::default().parse("c", text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_text_ends() {
        let mut conf = AptConf::default();
        assert!(conf.parse("c", &"a{".repeat(10_000)).is_err());
        assert!(conf.parse("c", &format!("{} 1;", "a::".repeat(10_000))).is_err());
        conf.parse("c", &"}".repeat(10_000)).unwrap();
        conf.parse("c", "\0 \"\u{fffd}\";%zz%4 %;").unwrap();
        let wide: String = (0..50_000).map(|n| format!("w::n{n} 1;\n")).collect();
        AptConf::default().parse("c", &wide).unwrap();
    }
}
