//! The lines of sudoers(5) in the order in which sudo reads them, through all includes.

use std::rc::Rc;

use super::cursor::Cursor;
use crate::gap::Gap;
use crate::host::{FileKind, Host, SMALL};

/// sudo gives up at this depth.
const DEEPEST: usize = 128;
/// Together with the depth this bounds files that include each other many times.
const MOST_FILES: usize = 1000;

/// All files together stay under this many bytes.
const MOST_BYTES: usize = 4 << 20;

/// A line with its continuations joined and its comment cut off.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) path: Rc<str>,
    pub(super) line: u32,
    pub(super) text: String,
}

pub(super) struct Reader<'a> {
    host: &'a dyn Host,
    open: Vec<String>,
    bytes: usize,
    pub(super) lines: Vec<Placed>,
    pub(super) files: Vec<String>,
    pub(super) gaps: Vec<Gap>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(host: &'a dyn Host) -> Self {
        Self { host, open: Vec::new(), bytes: 0, lines: Vec::new(), files: Vec::new(), gaps: Vec::new() }
    }

    /// Reads a file and what it includes. `Err` when the file itself cannot be read or when sudo would refuse it.
    pub(super) fn main(&mut self, path: &str) -> Result<(), Gap> {
        let stat = self.host.stat(path)?;
        if stat.kind == FileKind::File {
            let foreign_group = stat.mode & 0o020 != 0 && stat.gid != 0;
            if stat.uid != 0 || foreign_group || stat.mode & 0o002 != 0 {
                return Err(Gap::unsupported(format!(
                    "{path} belongs to or is writable by somebody other than root: sudo refuses it"
                )));
            }
        }
        let content = self.host.read(path, SMALL.min(MOST_BYTES.saturating_sub(self.bytes)))?;
        self.bytes = self.bytes.saturating_add(content.len());
        self.files.push(path.to_owned());
        self.open.push(path.to_owned());
        let name: Rc<str> = path.into();
        for (line, text) in logical(&String::from_utf8_lossy(&content)) {
            match directive(&text) {
                Some((true, target)) => self.folder(path, line, target),
                Some((false, target)) => self.include(path, line, target),
                None => self.lines.push(Placed { path: Rc::clone(&name), line, text }),
            }
        }
        self.open.pop();
        Ok(())
    }

    fn include(&mut self, from: &str, line: u32, target: &str) {
        let Some(path) = resolve(from, target) else {
            return self.gap(from, line, "a path to include that hostduty does not resolve");
        };
        if self.open.contains(&path) {
            return self.gap(from, line, "it includes a file that includes it");
        }
        if self.open.len() >= DEEPEST || self.files.len() >= MOST_FILES {
            return self.gap(from, line, "more includes than hostduty reads");
        }
        if let Err(gap) = self.main(&path) {
            self.gaps.push(gap);
        }
    }

    /// sudo skips names with a dot, names that end in a tilde and what is not a regular file.
    fn folder(&mut self, from: &str, line: u32, target: &str) {
        let Some(folder) = resolve(from, target) else {
            return self.gap(from, line, "a folder to include that hostduty does not resolve");
        };
        let names = match self.host.list(&folder) {
            Ok(names) => names,
            Err(gap) if gap.is_absent() => return,
            Err(gap) => return self.gaps.push(gap),
        };
        for name in names.iter().filter(|name| !name.contains('.') && !name.ends_with('~')) {
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            match self.host.stat(&path) {
                Ok(stat) if stat.kind != FileKind::File => {}
                _ if self.files.len() >= MOST_FILES => {
                    return self.gap(from, line, "more includes than hostduty reads");
                }
                _ => self.include(from, line, &format!("\"{path}\"")),
            }
        }
    }

    fn gap(&mut self, path: &str, line: u32, why: &str) {
        self.gaps.push(Gap::unsupported(format!("{path}:{line}: {why}")));
    }
}

/// Whether a line includes a folder (`true`) or a file, and the rest of the line.
fn directive(text: &str) -> Option<(bool, &str)> {
    let rest = text.strip_prefix(['@', '#'])?;
    let (word, path) = rest.split_once([' ', '\t'])?;
    match word {
        "includedir" => Some((true, path)),
        "include" => Some((false, path)),
        _ => None,
    }
}

/// The path after a directive: in quotes or with escaped blanks, and relative to the file that includes it. `%h`
/// stands for the host's name, which the files do not tell.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = Cursor::new(target).word(|_, _| false)?;
    if path.is_empty() || path.contains("%h") {
        return None;
    }
    match from.rsplit_once('/') {
        _ if path.starts_with('/') => Some(path),
        Some((folder, _)) => Some(format!("{folder}/{path}")),
        None => None,
    }
}

/// Joins continued lines and cuts comments off, with the number of the first line of each. A comment ends with its
/// line, whatever its last character. `#` before a digit is a user id, and after a backslash or in quotes a character.
fn logical(content: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut first = None;
    for (line, number) in content.lines().zip(1_u32..) {
        let start = *first.get_or_insert(number);
        let blank = text.trim().is_empty();
        let (kept, comment) = uncommented(line, blank);
        match kept.strip_suffix('\\').filter(|_| !comment) {
            Some(kept) => {
                text.push_str(kept);
                text.push(' ');
            }
            None => {
                text.push_str(kept);
                if !text.trim().is_empty() {
                    found.push((start, text.trim().to_owned()));
                }
                text.clear();
                first = None;
            }
        }
    }
    if let Some(start) = first.filter(|_| !text.trim().is_empty()) {
        found.push((start, text.trim().to_owned()));
    }
    found
}

fn uncommented(line: &str, at_start: bool) -> (&str, bool) {
    let include = line.trim_start().strip_prefix("#include");
    if at_start && include.is_some_and(|rest| rest.trim_start_matches("dir").starts_with([' ', '\t'])) {
        return (line, false);
    }
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' if !quoted => {
                let rest = line.get(at.saturating_add(1)..).unwrap_or("");
                let id = rest.strip_prefix('-').unwrap_or(rest);
                if !id.starts_with(|next: char| next.is_ascii_digit()) {
                    return (line.get(..at).unwrap_or(line), true);
                }
            }
            _ => {}
        }
    }
    (line, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continued_lines_are_one_and_comments_are_none() {
        let seen = logical(
            "a ALL = \\\n  ALL # x \\\nb\n# c \\\nd\n#1000 ALL=ALL\n#include /x\n  #includedir /y\n\"q#\" \\# e\nlast \\",
        );
        let texts: Vec<_> = seen.iter().map(|(line, text)| format!("{line} {text}")).collect();
        assert_eq!(
            texts,
            [
                "1 a ALL =    ALL",
                "3 b",
                "5 d",
                "6 #1000 ALL=ALL",
                "7 #include /x",
                "8 #includedir /y",
                "9 \"q#\" \\# e",
                "10 last"
            ]
        );
    }

    #[test]
    fn paths_are_quoted_escaped_or_relative() {
        assert_eq!(resolve("/etc/sudoers", "local").as_deref(), Some("/etc/local"));
        assert_eq!(resolve("/etc/sudoers", "\"/a b\"").as_deref(), Some("/a b"));
        assert_eq!(resolve("/etc/sudoers", "/a\\ b ").as_deref(), Some("/a b"));
        assert_eq!(resolve("/etc/sudoers", "/etc/sudoers.%h"), None);
        assert_eq!(directive("@includes /x"), None);
    }
}
