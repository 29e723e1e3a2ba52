//! A host made of a map of files: what the tests, the golden roots and the fuzz targets judge.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use super::{Command, FileKind, Host, Output, Query, Stat, System};
use crate::date::Timestamp;
use crate::gap::Gap;

/// A file of a [`Tree`] with its metadata.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: FileKind,
    /// Its bytes, or the text of the symlink.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Last change.
    pub modified: Timestamp,
    /// Its number on its file system, which is `0:0`; 0 where nobody asks.
    pub inode: u64,
    /// Whether fscrypt enciphers what lies in this folder.
    pub enciphered: bool,
    /// When set, every read answers this instead.
    pub gap: Option<Gap>,
}

/// A host whose every answer is in memory. Unlisted parents of a file are folders.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    system: System,
    now: Timestamp,
    nodes: BTreeMap<String, Node>,
    queries: BTreeMap<Query, Vec<u8>>,
    outputs: BTreeMap<Command, Output>,
}

impl Tree {
    /// An empty Linux host at an instant.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }
    /// The same host running another system.
    #[must_use]
    pub fn system(mut self, system: System) -> Self {
        self.system = system;
        self
    }
    /// Adds a regular file, mode 0644, owned by root, changed at [`Host::now`].
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.node(path, FileKind::File, content.as_ref())
    }
    /// Adds a symlink.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.node(path, FileKind::Symlink, target.as_bytes())
    }
    /// Adds an empty folder.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        self.node(path, FileKind::Dir, b"")
    }
    /// Adds something of another kind; a block device has its content.
    #[must_use]
    pub fn node(mut self, path: &str, kind: FileKind, content: &[u8]) -> Self {
        let mode = match kind {
            FileKind::Dir => 0o755,
            FileKind::Symlink => 0o777,
            _ => 0o644,
        };
        let node = Node {
            kind,
            content: content.to_vec(),
            mode,
            owner: (0, 0),
            modified: self.now,
            inode: 0,
            enciphered: false,
            gap: None,
        };
        self.nodes.insert(path.to_owned(), node);
        self
    }
    /// Changes the metadata of a path that was added before; does nothing to one that was not.
    #[must_use]
    pub fn with(mut self, path: &str, change: impl FnOnce(&mut Node)) -> Self {
        if let Some(node) = self.nodes.get_mut(path) {
            change(node);
        }
        self
    }
    /// Makes every read of a path answer with a gap.
    #[must_use]
    pub fn refuse(self, path: &str, gap: Gap) -> Self {
        let tree = if self.nodes.contains_key(path) { self } else { self.file(path, b"") };
        tree.with(path, |node| node.gap = Some(gap))
    }
    /// Gives the kernel's answer to a query; without one the answer is [`GapKind::Offline`](crate::gap::GapKind).
    #[must_use]
    pub fn answer(mut self, query: Query, answer: impl AsRef<[u8]>) -> Self {
        self.queries.insert(query, answer.as_ref().to_vec());
        self
    }
    /// Gives what a command prints.
    #[must_use]
    pub fn output(mut self, command: Command, output: Output) -> Self {
        self.outputs.insert(command, output);
        self
    }

    /// The path without symlinks, `.` and `..`; `follow` says whether the last component is resolved too.
    fn resolve(&self, path: &str, follow: bool) -> Result<String, Gap> {
        let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut done = String::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.truncate(done.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let here = format!("{done}/{part}");
            match self.nodes.get(&here) {
                Some(node) if node.kind == FileKind::Symlink && (follow || !todo.is_empty()) => {
                    links += 1;
                    if links > 40 {
                        return Err(Gap::malformed(format!("{path} is a loop of symlinks")));
                    }
                    let target = String::from_utf8_lossy(&node.content).into_owned();
                    if target.starts_with('/') {
                        done.clear();
                    }
                    todo.extend(target.split('/').rev().map(str::to_owned));
                }
                _ => done = here,
            }
        }
        Ok(if done.is_empty() { "/".to_owned() } else { done })
    }

    fn find(&self, path: &str, follow: bool) -> Result<Node, Gap> {
        let real = self.resolve(path, follow)?;
        if let Some(node) = self.nodes.get(&real) {
            return Ok(node.clone());
        }
        let below = format!("{}/", real.trim_end_matches('/'));
        if self.nodes.range(below.clone()..).next().is_some_and(|(name, _)| name.starts_with(&below)) {
            return Ok(Node {
                kind: FileKind::Dir,
                content: Vec::new(),
                mode: 0o755,
                owner: (0, 0),
                modified: self.now,
                inode: 0,
                enciphered: false,
                gap: None,
            });
        }
        Err(Gap::absent(path))
    }

    fn content(&self, path: &str, kind: FileKind) -> Result<Vec<u8>, Gap> {
        let node = self.find(path, true)?;
        if let Some(gap) = node.gap {
            return Err(gap);
        }
        if node.kind != kind {
            return Err(Gap::unsupported(format!("{path} is not a regular file")));
        }
        Ok(node.content)
    }

    fn stat_node(node: &Node) -> Stat {
        Stat {
            kind: node.kind,
            mode: node.mode,
            uid: node.owner.0,
            gid: node.owner.1,
            size: node.content.len() as u64,
            modified: node.modified,
            created: None,
            device: (0, 0),
            inode: node.inode,
            enciphered: node.enciphered,
        }
    }
}

impl Host for Tree {
    fn system(&self) -> System {
        self.system
    }
    fn now(&self) -> Timestamp {
        self.now
    }
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap> {
        let content = self.content(path, FileKind::File)?;
        if content.len() > limit { Err(Gap::too_large(path)) } else { Ok(content) }
    }
    fn read_as(&self, path: &str, uid: u32, limit: usize) -> Result<Vec<u8>, Gap> {
        let node = self.find(path, true)?;
        if uid != 0 && node.owner.0 != uid && node.mode & 0o004 == 0 {
            return Err(Gap::denied(format!("{path}, which uid {uid} may not read itself")));
        }
        self.read(path, limit)
    }
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap> {
        Ok(Box::new(Cursor::new(self.content(path, FileKind::File)?)))
    }
    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        Ok(slice(&self.content(path, FileKind::File)?, offset, len))
    }
    fn read_block_device(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap> {
        Ok(slice(&self.content(path, FileKind::BlockDevice)?, offset, len))
    }
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap> {
        let node = self.find(dir, true)?;
        if let Some(gap) = node.gap {
            return Err(gap);
        }
        if node.kind != FileKind::Dir {
            return Err(Gap::unsupported(format!("{dir} is not a folder")));
        }
        let below = format!("{}/", self.resolve(dir, true)?.trim_end_matches('/'));
        let mut names: Vec<String> = self
            .nodes
            .range(below.clone()..)
            .map_while(|(path, _)| path.strip_prefix(&below))
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
    fn stat(&self, path: &str) -> Result<Stat, Gap> {
        self.find(path, true).map(|node| Self::stat_node(&node))
    }
    fn stat_link(&self, path: &str) -> Result<Stat, Gap> {
        self.find(path, false).map(|node| Self::stat_node(&node))
    }
    fn read_link(&self, path: &str) -> Result<String, Gap> {
        let node = self.find(path, false)?;
        if let Some(gap) = node.gap {
            return Err(gap);
        }
        match node.kind {
            FileKind::Symlink => Ok(String::from_utf8_lossy(&node.content).into_owned()),
            _ => Err(Gap::unsupported(format!("{path} is not a symlink"))),
        }
    }
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap> {
        self.queries.get(query).cloned().ok_or_else(|| Gap::offline(query.subject()))
    }
    fn run(&self, command: &Command) -> Result<Output, Gap> {
        self.outputs.get(command).cloned().ok_or_else(|| Gap::offline(command.line()))
    }
}

fn slice(content: &[u8], offset: u64, len: usize) -> Vec<u8> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    content[start..content.len().min(start.saturating_add(len))].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symlinks_resolve_inside_and_loops_end() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/real", "x")
            .link("/a", "etc")
            .link("/loop", "/loop")
            .link("/etc/up", "../../etc/real");
        assert_eq!(tree.read("/a/real", 10).unwrap(), b"x");
        assert_eq!(tree.read("/etc/up", 10).unwrap(), b"x");
        assert!(tree.read("/loop", 10).is_err());
        assert_eq!(tree.list("/").unwrap(), ["a", "etc", "loop"]);
        assert_eq!(tree.read("/a/real", 0).unwrap_err().why, crate::gap::GapKind::TooLarge);
    }
}
