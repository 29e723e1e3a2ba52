//! Hosts whose copies of repositories are made by hand.

use std::io::Write;

use super::*;
use crate::facts::packages;
use crate::host::Tree;

const MAIN: &str = "/var/cache/apk/APKINDEX.e0297a25.tar.gz";
const REPOSITORIES: &str = "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\n@edge https://m.example.org/alpine/edge/main\n/srv/own\n";
const INSTALLED: &str = "P:musl\nV:1.2.5-r0\nA:x86_64\n\nP:busybox\nV:1.36.1-r29\n\nP:pinned\nV:1.2-r0\n\nP:tagged\nV:1-r0\ns:edge\n\n\
                         P:asked\nV:1-r0\n\nP:lower\nV:2-r0\n\nP:stays\nV:2-r0\ns:edge\n\nP:gone\nV:1-r0\n\nP:.build-deps\nV:20261122.120000\n\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// An index as abuild-sign leaves it: a signature in an archive without an end, and the archive that it signs.
fn signed(index: &str) -> Vec<u8> {
    let mut signature = tar::pack(&[(".SIGN.RSA.alpine@example.org.rsa.pub", b"signature")]);
    signature.truncate(1024);
    let content = tar::pack(&[("DESCRIPTION", b"v3.20.3"), ("APKINDEX", index.as_bytes())]);
    [gzip(&signature), gzip(&content)].concat()
}

fn stanzas(packages: &[(&str, &str)]) -> String {
    packages
        .iter()
        .map(|(name, version)| format!("C:Q1=\nP:{name}\nV:{version}\nA:x86_64\no:{name}-src\n\n"))
        .collect()
}

fn host(main: &[u8]) -> Tree {
    without_key(main).file("/etc/apk/keys/alpine@example.org.rsa.pub", "key")
}

fn without_key(main: &[u8]) -> Tree {
    without_main().file(MAIN, main)
}

fn without_main() -> Tree {
    let edge =
        repositories::read(&Tree::new(Timestamp(0)).file("/etc/apk/repositories", REPOSITORIES), "x86_64").0;
    let everything =
        signed(&stanzas(&[("musl", "9-r0"), ("tagged", "3-r0"), ("asked", "4-r0"), ("lower", "3-r0")]));
    Tree::new(Timestamp(1_795_300_000))
        .file("/lib/apk/db/installed", INSTALLED)
        .file("/etc/apk/repositories", REPOSITORIES)
        .file("/etc/apk/world", "musl\npinned~1.2\nasked@edge\nlower@edge\nstays@edge\n")
        .file(&edge[1].copies("/var/cache/apk")[0], everything)
        .file("/srv/own/x86_64/APKINDEX.tar.gz", gzip(&tar::pack(&[("APKINDEX", b"")])))
}

fn gather(host: &Tree) -> Updates {
    let mut facts = Facts { packages: packages::read(host).into(), ..Facts::default() };
    let release = crate::facts::machine::Release { id: "alpine".into(), ..Default::default() };
    let machine = crate::facts::machine::Machine { release: Reading::Known(release), ..Default::default() };
    facts.machine = Reading::Known(machine);
    let updates = super::super::read(host, &facts).unwrap();
    facts.updates = Reading::Known(updates.clone());
    assert_eq!(toml::from_str::<Facts>(&toml::to_string(&facts).unwrap()).unwrap(), facts);
    updates
}

fn main() -> String {
    stanzas(&[
        ("musl", "1.2.5-r1"),
        ("musl", "1.2.5-r0"),
        ("busybox", "1.36.1-r29"),
        ("pinned", "1.3-r0"),
        ("tagged", "2-r0"),
        ("asked", "1-r0"),
        ("lower", "5-r0"),
        ("stays", "5-r0"),
        ("new", "1-r0"),
    ])
}

#[test]
fn newest_versions_under_tags_and_pins() {
    let updates = gather(&host(&signed(&main())));
    assert!(
        updates.classification == Classification::Nothing && updates.unread.is_empty(),
        "{:?}",
        updates.unread
    );
    let said = |pending: &Pending| {
        format!("{} {} {} {:?}", pending.package, pending.candidate, pending.origin, pending.status)
    };
    let all: Vec<String> = updates.pending.iter().map(said).collect();
    assert_eq!(
        all,
        [
            "asked 4-r0 edge/main Upgradable",
            "lower 3-r0 edge/main Upgradable",
            "musl 1.2.5-r1 v3.20/main Upgradable",
            "pinned 1.3-r0 v3.20/main Held",
            "stays 5-r0 v3.20/main Held",
            "tagged 3-r0 edge/main Upgradable",
        ]
    );
    assert_eq!(updates.pending[2].source, "musl-src");
    assert_eq!(updates.unlisted.iter().collect::<Vec<_>>(), ["gone"]);
    let [main, edge, own] = updates.suites.as_slice() else { panic!("{:?}", updates.suites) };
    assert_eq!(main.name(), "dl-cdn.alpinelinux.org/alpine v3.20/main");
    assert_eq!(edge.components, ["@edge"]);
    let (main, own) = (main.index.value().unwrap(), own.index.value().unwrap());
    assert_eq!((main.signature, main.third_party, main.path.as_str()), (Signature::Present, false, MAIN));
    assert_eq!((own.signature, own.third_party), (Signature::Missing, true));
    assert_eq!(main.dated, Some(Timestamp(1_795_000_000)));
}

#[test]
fn torn_unsigned_foreign_and_foolish_indexes_are_gaps() {
    let first = |bytes: &[u8]| {
        let updates = gather(&host(bytes));
        let index = &updates.suites[0].index;
        index.value().map_or_else(|| index.gap().cloned().unwrap(), |index| index.unread[0].clone()).what
    };
    let whole = signed(&main());
    for end in [0, 1, 40, whole.len() / 2, whole.len() - 1] {
        let what = first(&whole[..end]);
        assert!(what.contains(MAIN), "{end}: {what}");
    }
    assert!(first(b"ADBd").contains("third format"));
    assert!(first(&gzip(&tar::pack(&[("x", b"")]))).contains("no APKINDEX"));
    let keyless = without_key(&whole);
    let index = gather(&keyless).suites[0].index.value().unwrap().clone();
    assert!(index.unread[0].what.contains("a key that this host does not have"));
    let missing = gather(&without_main());
    assert!(missing.suites[0].index.gap().unwrap().to_string().contains("v3.20/main (/var/cache"));
    let line = format!("P:{}\n", "x".repeat(2 << 20));
    assert!(first(&gzip(&tar::pack(&[("APKINDEX", line.as_bytes())]))).contains("a line of more than"));
    assert!(first(&gzip(&vec![0; 260 << 20])).contains(MAIN), "a bomb");
}

#[test]
fn options_that_change_everything_are_said() {
    let config = "# apk\n--allow-untrusted\nrepositories-file=/srv/r\ninteractive\n";
    let updates = gather(&host(&signed(&main())).file("/etc/apk/config", config));
    assert_eq!(updates.careless.len(), 1);
    assert_eq!(updates.careless[0].place.to_string(), "/etc/apk/config:2");
    assert!(updates.unread[0].what.contains("repositories-file"));
}
