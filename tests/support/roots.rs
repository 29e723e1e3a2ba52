//! Hosts made of folders: `tests/roots/<host>/root` is the file system, `kernel` the kernel's answers, `host.toml` what
//! git cannot keep (owners, modes, times).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use checks::check::Verdict;
use checks::date::Timestamp;
use checks::facts::{self, Facts};
use checks::host::{BpfObject, FileKind, NftObject, Query, RouteObject, Tree};
use serde::Deserialize;

use super::top;

/// One folder below tests/roots, or one snapshot below tests/snapshots.
pub(crate) struct Golden {
    /// Its name.
    pub(crate) name: String,
    /// What is known of the host that it describes.
    pub(crate) facts: Facts,
    /// Its configuration, if it has one.
    pub(crate) config: Option<PathBuf>,
    /// The verdicts that a person expects, by check; written before the code gave its own.
    pub(crate) expected: BTreeMap<String, Verdict>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// What the host is, for the reader.
    #[allow(dead_code, reason = "read by people")]
    about: String,
    /// The instant of the report.
    now: Timestamp,
    /// The change time of every file that `files` does not name.
    modified: Timestamp,
    /// Metadata by path.
    #[serde(default)]
    files: BTreeMap<String, Meta>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    /// Permission bits in octal, such as "0640".
    mode: Option<String>,
    /// Owner and group.
    owner: Option<(u32, u32)>,
    /// Change time.
    modified: Option<Timestamp>,
    /// `char` or `block`: the file stands for a device.
    device: Option<String>,
}

/// Every host below tests/roots that has a file system, and every snapshot that somebody wrote expectations for.
pub(crate) fn goldens() -> Vec<Golden> {
    let paths = |folder: &str| {
        let entries = fs::read_dir(top().join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let trees = paths("tests/roots").into_iter().filter(|folder| folder.join("root").is_dir());
    let snapshots = paths("tests/snapshots").into_iter().filter(|path| beside(path, "expected").is_file());
    trees.map(|folder| golden(&folder)).chain(snapshots.map(|path| snapshot(&path))).collect()
}

/// `mac-mini-m2.expected.toml` beside `mac-mini-m2.toml`.
fn beside(snapshot: &Path, what: &str) -> PathBuf {
    snapshot.with_extension(format!("{what}.toml"))
}

/// Facts that were recorded once, as `hostduty facts` prints them.
fn snapshot(path: &Path) -> Golden {
    let config = beside(path, "hostduty");
    Golden {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        facts: toml::from_str(&fs::read_to_string(path).unwrap()).unwrap(),
        config: config.is_file().then_some(config),
        expected: expected(&beside(path, "expected")),
    }
}

fn expected(path: &Path) -> BTreeMap<String, Verdict> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden(folder: &Path) -> Golden {
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let manifest: Manifest =
        toml::from_str(&text("host.toml")).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut tree = grow(Tree::new(manifest.now), &folder.join("root"), "", manifest.modified);
    for (path, meta) in &manifest.files {
        tree = tree.with(path, |node| {
            if let Some(mode) = &meta.mode {
                node.mode = u32::from_str_radix(mode, 8).unwrap();
            }
            node.owner = meta.owner.unwrap_or(node.owner);
            node.modified = meta.modified.unwrap_or(node.modified);
            match meta.device.as_deref() {
                Some("char") => node.kind = FileKind::CharDevice,
                Some("block") => node.kind = FileKind::BlockDevice,
                _ => {}
            }
        });
    }
    if folder.join("kernel").is_dir() {
        tree = kernel(tree, &folder.join("kernel"), "");
    }
    let config = folder.join("hostduty.toml");
    Golden {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        facts: facts::gather(&tree),
        config: config.is_file().then_some(config),
        expected: expected(&folder.join("expected.toml")),
    }
}

fn grow(mut tree: Tree, folder: &Path, below: &str, modified: Timestamp) -> Tree {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}/{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        tree = if kind.is_symlink() {
            tree.link(&path, fs::read_link(entry.path()).unwrap().to_str().unwrap())
        } else if kind.is_dir() {
            grow(tree.dir(&path), &entry.path(), &path, modified)
        // Git keeps no empty folder: a file of this name stands for one.
        } else if entry.file_name() == ".empty" {
            tree
        } else {
            let executable = entry.metadata().unwrap().permissions().mode() & 0o100 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            tree.file(&path, fs::read(entry.path()).unwrap()).with(&path, |node| node.mode = mode)
        }
        .with(&path, |node| node.modified = modified);
    }
    tree
}

/// The kernel's answers: a file named as below holds each, bytes as the kernel gave them.
fn kernel(mut tree: Tree, folder: &Path, below: &str) -> Tree {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            tree = kernel(tree, &entry.path(), &format!("{name}/"));
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        let line = || String::from_utf8(bytes.clone()).unwrap().trim_end().to_owned().into_bytes();
        tree = match name.as_str() {
            "nftables-tables" => tree.answer(Query::Nftables(NftObject::Tables), bytes),
            "nftables-chains" => tree.answer(Query::Nftables(NftObject::Chains), bytes),
            "nftables-rules" => tree.answer(Query::Nftables(NftObject::Rules), bytes),
            "nftables-sets" => tree.answer(Query::Nftables(NftObject::Sets), bytes),
            "nftables-objects" => tree.answer(Query::Nftables(NftObject::Objects), bytes),
            "nftables-flowtables" => tree.answer(Query::Nftables(NftObject::Flowtables), bytes),
            "network-links" => tree.answer(Query::Route(RouteObject::Links), bytes),
            "network-addresses" => tree.answer(Query::Route(RouteObject::Addresses), bytes),
            "network-routes" => tree.answer(Query::Route(RouteObject::Routes), bytes),
            "network-rules" => tree.answer(Query::Route(RouteObject::Rules), bytes),
            "network-qdiscs" => tree.answer(Query::Route(RouteObject::Qdiscs), bytes),
            "bpf-namespace" => tree.answer(Query::Bpf(BpfObject::Namespace), bytes),
            "bpf-control-groups" => tree.answer(Query::Bpf(BpfObject::ControlGroups), bytes),
            "bpf-netfilter" => tree.answer(Query::Bpf(BpfObject::Netfilter), bytes),
            "clock-state" => tree.answer(Query::ClockState, line()),
            "boot-time" => tree.answer(Query::BootTime, line()),
            "host-name" => tree.answer(Query::HostName, line()),
            "architecture" => tree.answer(Query::Architecture, line()),
            "effective-user" => tree.answer(Query::EffectiveUser, line()),
            "cpuid-hypervisor" => {
                let mut signature = line();
                if !signature.is_empty() {
                    signature.resize(12, 0);
                }
                tree.answer(Query::CpuidHypervisor, signature)
            }
            other => {
                if let Some(index) = other.strip_prefix("bpf-interface-") {
                    tree.answer(Query::Bpf(BpfObject::Interface(index.parse().unwrap())), bytes)
                } else if let Some(key) = other.strip_prefix("xenstore/") {
                    tree.answer(Query::Xenstore(key.to_owned()), line())
                } else if let Some(set) = other.strip_prefix("nftables-elements/") {
                    let mut words = set.splitn(3, '/').map(str::to_owned);
                    let mut word = || words.next().unwrap();
                    let (family, table, set) = (word().parse().unwrap(), word(), word());
                    tree.answer(Query::NftElements { family, table, set }, bytes)
                } else if let Some(index) = other.strip_prefix("bpf-interface-") {
                    tree.answer(Query::Bpf(BpfObject::Interface(index.parse().unwrap())), bytes)
                } else if let Some(table) = other.strip_prefix("ip6tables-") {
                    tree.answer(Query::LegacyTable { ipv6: true, table: table.to_owned() }, bytes)
                } else if let Some(table) = other.strip_prefix("iptables-") {
                    tree.answer(Query::LegacyTable { ipv6: false, table: table.to_owned() }, bytes)
                } else {
                    panic!("{}: the kernel answers no such question", entry.path().display())
                }
            }
        };
    }
    tree
}
