//! Finds what dnf, yum and zypper have fetched of a repository, and as of when it is.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::configuration::{Repository, Tool};
use super::repomd::{self, File, Repomd};
use super::xml;
use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{Host, LARGE};
use crate::unpack::Packing;

const DNF: [&str; 2] = ["/var/cache/libdnf5", "/var/cache/dnf"];
const ZYPPER: &str = "/var/cache/zypp/raw";
/// dnf appends so many digits of a checksum to the name of a repository.
const DIGITS: usize = 16;

/// A repository on the disk.
pub(super) struct Cache {
    folder: String,
    pub(super) path: String,
    pub(super) repomd: Repomd,
    /// When the package manager last saw that the publisher has nothing newer.
    ///
    /// dnf counts the age of a cache from the last change of primary's file: it sets that time to now whenever the
    /// publisher's repomd.xml is still the one it has, and repomd.xml keeps the time of its download. zypper does the
    /// same with repomd.xml. Whether the mirror that was asked is itself of these days, neither of them can tell.
    pub(super) confirmed: Timestamp,
}

/// The folders of caches with the names in them, read once.
pub(super) struct Folders(Vec<(String, Vec<String>)>);

impl Folders {
    pub(super) fn read(host: &dyn Host, configured: &[String]) -> Result<Self, Gap> {
        let mut folders = Vec::new();
        for folder in configured.iter().map(String::as_str).chain(DNF) {
            if folders.iter().any(|(known, _)| known == folder) {
                continue;
            }
            match host.list(folder) {
                Ok(names) => folders.push((folder.to_owned(), names)),
                Err(gap) if gap.is_absent() => {}
                Err(gap) => return Err(gap),
            }
        }
        Ok(Self(folders))
    }

    /// When dnf last noted that a repository is due for a refresh that it did not get.
    pub(super) fn expired(&self, host: &dyn Host, repository: &Repository) -> Option<Timestamp> {
        let path = "/var/cache/dnf/expired_repos.json";
        let bytes = host.read(path, 1 << 20).ok()?;
        let names: Vec<String> = serde_json::from_slice(&bytes).ok()?;
        names.contains(&repository.id).then(|| host.stat(path).ok().map(|stat| stat.modified)).flatten()
    }

    /// The cache of a repository; of several, as of dnf 4 and of dnf 5, the one that was confirmed last.
    pub(super) fn cache(&self, host: &dyn Host, repository: &Repository) -> Result<Cache, Gap> {
        let id = &repository.id;
        if id.is_empty() || id.contains('/') {
            return Err(Gap::malformed(format!("the repository `{id}` has a name that is none")));
        }
        if repository.tool == Tool::Zypper {
            return open(host, format!("{ZYPPER}/{id}"), Tool::Zypper);
        }
        let mut found: Option<Cache> = None;
        for (folder, names) in &self.0 {
            let Some(name) = named(repository, names, folder)? else { continue };
            let cache = open(host, format!("{folder}/{name}"), Tool::Dnf)?;
            if found.as_ref().is_none_or(|other| other.confirmed < cache.confirmed) {
                found = Some(cache);
            }
        }
        found.ok_or_else(|| Gap::absent(format!("what dnf fetched of the repository {id}")))
    }
}

/// The name of a repository's folder among others: its name, and the beginning of the checksum of its address.
fn named<'a>(repository: &Repository, names: &'a [String], folder: &str) -> Result<Option<&'a String>, Gap> {
    let exact: Vec<String> = repository
        .addresses
        .iter()
        .map(|address| {
            let digest = Sha256::digest(address.as_bytes());
            let digits: String = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
            format!("{}-{digits}", repository.id)
        })
        .collect();
    let mut matching: Vec<&String> = names.iter().filter(|name| exact.contains(name)).collect();
    if matching.is_empty() && !repository.certain {
        let digits = |rest: &str| rest.len() == DIGITS && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let own = |name: &&String| {
            let rest = name.strip_prefix(repository.id.as_str()).and_then(|rest| rest.strip_prefix('-'));
            rest.is_some_and(digits)
        };
        matching = names.iter().filter(own).collect();
    }
    if matching.len() > 1 {
        return Err(Gap::unsupported(format!(
            "{folder} has {} caches of the repository {}, and which of them is used hangs on a variable of its address",
            matching.len(),
            repository.id
        )));
    }
    Ok(matching.first().copied())
}

fn open(host: &dyn Host, folder: String, tool: Tool) -> Result<Cache, Gap> {
    let folder = format!("{folder}/repodata");
    let path = format!("{folder}/repomd.xml");
    let repomd = repomd::parse(&host.read(&path, LARGE / 16)?, &path)?;
    let judged = match (tool, repomd.file("primary")) {
        (Tool::Dnf, Some(primary)) => format!("{folder}/{}", primary.name),
        _ => path.clone(),
    };
    let confirmed = match host.stat(&judged) {
        Err(gap) if gap.is_absent() && repomd.file("primary_zck").is_some() => {
            let what = format!(
                "the list of packages beside {path} is packed with zchunk, which hostduty does not read"
            );
            return Err(Gap::unsupported(what));
        }
        other => other?.modified,
    };
    Ok(Cache { folder, path, repomd, confirmed })
}

impl Cache {
    /// Where one of the files lies.
    pub(super) fn place(&self, file: &File) -> String {
        format!("{}/{}", self.folder, file.name)
    }

    /// Opens one of the files unpacked, with its path and the length that it must have.
    pub(super) fn file(&self, host: &dyn Host, file: &File) -> Result<(String, Box<dyn Read>), Gap> {
        let path = self.place(file);
        let packing =
            Packing::ALL.into_iter().rev().find(|(end, _)| !end.is_empty() && file.name.ends_with(end));
        let plain = [".xml", ".yaml"].iter().any(|end| file.name.ends_with(end));
        let packing = match packing {
            Some((_, packing)) => packing,
            None if plain => Packing::Plain,
            None => {
                let what = format!("{path} is packed in a way that hostduty does not read");
                return Err(Gap::unsupported(what));
            }
        };
        let stat = host.stat(&path)?;
        if file.size.is_some_and(|size| size != stat.size) {
            return Err(damaged(&path));
        }
        let stream = host.open(&path)?;
        Ok((path, packing.unpack(stream)))
    }

    /// Goes through one of the files as XML; its path.
    pub(super) fn walk(
        &self,
        host: &dyn Host,
        file: &File,
        visit: impl FnMut(xml::Node<'_>) -> Result<(), Gap>,
    ) -> Result<String, Gap> {
        let (path, stream) = self.file(host, file)?;
        let most = file.open_size.map_or(xml::LARGEST, |size| size.min(xml::LARGEST));
        match xml::walk(stream, &path, most, visit) {
            Ok(length) if file.open_size.is_some_and(|size| size != length) => Err(damaged(&path)),
            Ok(_) => Ok(path),
            Err(gap) => Err(gap),
        }
    }
}

fn damaged(path: &str) -> Gap {
    Gap::malformed(format!(
        "{path} has not the length that its repomd.xml gives: it is damaged, or being replaced"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(addresses: &[&str], certain: bool) -> Repository {
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        Repository { id: "base".into(), addresses, certain, ..Repository::default() }
    }

    #[test]
    fn the_folder_is_named_after_the_address() {
        let names: Vec<String> =
            ["base-d1afb2ff35ad0b5d", "base-0000000000000000", "base-x", "other"].map(str::to_owned).to_vec();
        let digest = Sha256::digest(b"file:///srv/repo");
        let own: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let with = [names.clone(), vec![format!("base-{own}")]].concat();
        let found = named(&repository(&["file:///srv/repo"], true), &with, "/c").unwrap();
        assert_eq!(found, Some(&format!("base-{own}")));
        assert_eq!(named(&repository(&["file:///srv/repo"], true), &names, "/c").unwrap(), None);
        let several = named(&repository(&["x"], false), &names, "/c").unwrap_err();
        assert!(several.to_string().contains("2 caches of the repository base"), "{several}");
        assert_eq!(named(&repository(&["x"], false), &names[..1], "/c").unwrap(), Some(&names[0]));
    }
}
