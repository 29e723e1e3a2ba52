//! Who may write the home folders and the shells of accounts that log in, and the folders above them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::User;
use crate::gap::Reading;
use crate::host::{FileKind, Host};

/// More paths than the accounts of a machine need; those beyond are not looked at, and whoever judges misses them.
const MOST: usize = 4096;
/// A path with more parts is none of a home folder.
const DEEPEST: usize = 32;

/// What decides who may write a file or a folder, see inode(7).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Owner {
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Permission bits, with the sticky bit.
    pub mode: u32,
    /// Whether it is a folder.
    pub folder: bool,
}

/// The owners of all that the accounts rest on, by path. What is not there has the gap that says so.
pub(super) fn read(host: &dyn Host, users: &[User]) -> BTreeMap<String, Reading<Owner>> {
    let mut owners = BTreeMap::new();
    let paths: BTreeSet<&str> = users
        .iter()
        .filter(|user| user.logs_in())
        .flat_map(|user| [user.home.as_str(), user.shell_path()])
        .collect();
    for path in paths {
        for part in parts(path) {
            if owners.len() >= MOST {
                return owners;
            }
            if !owners.contains_key(part) {
                let owner = host.stat(part).map(|stat| Owner {
                    uid: stat.uid,
                    gid: stat.gid,
                    mode: stat.mode,
                    folder: stat.kind == FileKind::Dir,
                });
                owners.insert(part.to_owned(), owner.into());
            }
        }
    }
    owners
}

/// A path and the folders above it, the root folder first; nothing of what is no absolute path.
pub(crate) fn parts(path: &str) -> Vec<&str> {
    if !path.starts_with('/') {
        return Vec::new();
    }
    let path = path.trim_end_matches('/');
    let mut parts: Vec<&str> = path.match_indices('/').skip(1).filter_map(|(at, _)| path.get(..at)).collect();
    parts.retain(|part| !part.ends_with('/'));
    parts.insert(0, "/");
    if !path.is_empty() {
        parts.push(path);
    }
    parts.truncate(DEEPEST);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_from_the_root_down() {
        assert_eq!(parts("/home/ann/"), ["/", "/home", "/home/ann"]);
        assert_eq!(parts("/"), ["/"]);
        assert_eq!(parts("//home//ann"), ["/", "//home", "//home//ann"]);
        assert!(parts("").is_empty() && parts("home/ann").is_empty());
    }
}
