//! Hosts whose copies of repositories are made by hand.

use super::*;
use crate::evidence::Evidence;
use crate::facts::packages;
use crate::gap::GapKind;
use crate::host::Tree;

const CONF: &str = "[options]\nIgnorePkg = held\nSigLevel = Required DatabaseOptional\n[core]\nServer = https://m.example.org/$repo\n\
                    [own]\nSigLevel = Never\nServer = http://own.example.org/x\n";

fn desc(name: &str, version: &str, more: &str) -> String {
    format!("%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%ARCH%\nx86_64\n\n{more}")
}

fn copy(packages: &[(&str, &str, &str)]) -> Vec<u8> {
    let files: Vec<(String, String)> = packages
        .iter()
        .map(|(name, version, more)| (format!("{name}-{version}/desc"), desc(name, version, more)))
        .collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
    tar::pack(&files)
}

fn host(core: &[u8], own: &[u8]) -> Tree {
    let installed = ["bash", "held", "old", "gone", "both"].map(|name| (name, desc(name, "2-1", "")));
    let tree = Tree::new(Timestamp(1_795_300_000)).file("/etc/pacman.conf", CONF);
    let tree = installed
        .iter()
        .fold(tree, |tree, (name, text)| tree.file(&format!("/var/lib/pacman/local/{name}-2-1/desc"), text));
    tree.file("/var/lib/pacman/sync/core.db", core).file("/var/lib/pacman/sync/own.db", own)
}

fn gather(host: &Tree) -> Updates {
    let mut facts = Facts { packages: packages::read(host).into(), ..Facts::default() };
    let release = crate::facts::machine::Release { id: "arch".into(), ..Default::default() };
    let machine = crate::facts::machine::Machine { release: Reading::Known(release), ..Default::default() };
    facts.machine = Reading::Known(machine);
    let updates = super::super::read(host, &facts).unwrap();
    facts.updates = Reading::Known(updates.clone());
    assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
    updates
}

#[test]
fn the_first_repository_that_knows_a_package_decides() {
    let core = copy(&[
        ("bash", "2-1", ""),
        ("held", "3-1", ""),
        ("new", "1-1", "%REPLACES%\nold<3\nunheard\n\n"),
        ("both", "2-2", "%BASE%\nboth-source\n\n"),
    ]);
    let own = copy(&[("bash", "9-1", ""), ("old", "9-1", ""), ("both", "9-1", "")]);
    let updates = gather(&host(&core, &own));
    let said = |pending: &Pending| {
        format!("{} {} {} {:?}", pending.package, pending.candidate, pending.origin, pending.status)
    };
    let all: Vec<String> = updates.pending.iter().map(said).collect();
    assert_eq!(
        all,
        ["both 2-2 core Upgradable", "held 3-1 core Held", "old 1-1 core, replaced by new Upgradable"]
    );
    assert_eq!(updates.pending[0].source, "both-source");
    assert!(updates.classification == Classification::Nothing && updates.unread.is_empty());
    assert_eq!(updates.unlisted.iter().collect::<Vec<_>>(), ["gone"]);
    let [core, own] = updates.suites.as_slice() else { panic!("{:?}", updates.suites) };
    assert_eq!(core.place, Evidence::at("/etc/pacman.conf", 4));
    assert_eq!((core.scheme.as_str(), core.name().as_str()), ("https", "m.example.org core"));
    assert!(core.careless.is_empty());
    assert_eq!(own.careless, ["SigLevel PackageNever"]);
    let index = own.index.value().unwrap();
    assert!(index.signature == Signature::Missing && index.third_party);
    assert_eq!(index.dated, Some(Timestamp(1_795_000_000)));
}

#[test]
fn torn_missing_foreign_and_foolish_copies_are_gaps() {
    let whole = copy(&[("bash", "2-1", "")]);
    let unread = |core: &[u8]| {
        let updates = gather(&host(core, &whole));
        let index = &updates.suites[0].index;
        index.value().map_or_else(|| index.gap().cloned().unwrap(), |index| index.unread[0].clone())
    };
    assert!(unread(&whole[..700]).what.contains("core.db ends too early"));
    assert!(unread(b"BZh9").what.contains("core.db is packed"));
    assert!(unread(&[0x1f, 0x8b, 8, 0]).what.contains("core.db cannot be read"));
    let other = tar::pack(&[("x-1-1/desc", desc("bash", "9-1", "").as_bytes())]);
    assert!(unread(&other).what.contains("x-1-1 describes another package"));
    let large = tar::pack(&[("x-1-1/desc", &vec![b'x'; 2 << 20])]);
    assert_eq!(unread(&large).why, GapKind::TooLarge);
    let missing = gather(
        &host(&whole, &whole)
            .refuse("/var/lib/pacman/sync/core.db", Gap::absent("/var/lib/pacman/sync/core.db")),
    );
    assert!(missing.suites[0].index.gap().unwrap().is_absent());
}

#[test]
fn a_bomb_is_bounded() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![0; 1 << 20];
    (0..300).for_each(|_| packed.write_all(&block).unwrap());
    let bomb = packed.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let updates = gather(&host(&bomb, &copy(&[])));
    let index = updates.suites[0].index.value().unwrap();
    assert_eq!(index.unread, [Gap::too_large("/var/lib/pacman/sync/core.db")]);
    assert!(index.lists.is_empty());
}
