//! hostduty chooses updates as the dnf of this machine does, on hosts and repositories that are drawn by lot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod host;
mod say;
#[path = "rpm_oracle/workshop.rs"]
#[allow(dead_code, reason = "the test of databases needs more of it")]
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::updates::{Status, Updates};
use checks::facts::{self, Facts};
use host::Root;
use say::left_out;
use workshop::{Rpm, Workshop};

/// Numbers that are the same in every run: a test that fails today fails tomorrow.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn often(&mut self, in_hundred: usize) -> bool {
        self.roll(100) < in_hundred
    }
}

const NAMES: [&str; 9] =
    ["alpha", "beta", "gamma", "gamma-libs", "delta", "libx", "kernel-core", "node", "node-doc"];
const VERSIONS: [(u32, &str, &str); 6] = [
    (0, "1.0", "1"),
    (0, "1.0", "2.el9"),
    (0, "1.1~rc1", "1"),
    (0, "1.1", "1.el9_4"),
    (1, "0.9", "1"),
    (1, "1.0^git1", "3"),
];
const REPOSITORIES: [&str; 3] = ["base", "updates", "extra"];

fn architectures(name: &str) -> &'static [&'static str] {
    match name {
        "libx" => &["x86_64", "i686"],
        "kernel-core" => &["x86_64"],
        _ => &["noarch"],
    }
}

/// Every package in every version, as files by name, architecture and version.
fn pool(workshop: &Workshop) -> BTreeMap<(&'static str, &'static str, usize), String> {
    let mut pool = BTreeMap::new();
    for (number, (epoch, version, release)) in VERSIONS.into_iter().enumerate() {
        let mut spec =
            "Name: pool\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\n%description\nd\n".to_owned();
        for name in NAMES {
            let architecture = if architectures(name) == ["noarch"] { "BuildArch: noarch\n" } else { "" };
            write!(
                spec,
                "%package -n {name}\nEpoch: {epoch}\nVersion: {version}\nRelease: {release}\n{architecture}Summary: s\n\
                 %description -n {name}\nd\n%files -n {name}\n"
            )
            .unwrap();
        }
        for target in ["x86_64", "i686"] {
            for path in workshop.build(&format!("pool{number}"), target, &spec) {
                let file = path.rsplit('/').next().unwrap();
                let found =
                    NAMES.iter().find(|name| file.starts_with(&format!("{name}-{version}-"))).copied();
                let own = |architecture: &&&str| file.ends_with(&format!(".{architecture}.rpm"));
                if let Some(name) = found
                    && let Some(architecture) = architectures(name).iter().find(own)
                {
                    pool.insert((name, *architecture, number), path);
                }
            }
        }
    }
    assert_eq!(pool.len(), VERSIONS.len() * (NAMES.len() + 1));
    pool
}

fn dnf(root: &Path, arguments: &[&str]) -> String {
    let shown = root.display();
    let output = Command::new("dnf")
        .args(["-q", "--releasever", "9", "--forcearch", "x86_64"])
        .arg(format!("--installroot={shown}"))
        .arg(format!("--setopt=reposdir={shown}/etc/yum.repos.d"))
        .arg(format!("--setopt=cachedir={shown}/var/cache/dnf"))
        .arg("--setopt=module_platform_id=platform:el9")
        .arg("--config")
        .arg(root.join("etc/dnf/dnf.conf"))
        .args(arguments)
        .env("HOME", root.join("home"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let code = output.status.code();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(code, Some(0 | 100)), "dnf {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Draws one host with its repositories, and has dnf fetch them.
fn draw(
    dice: &mut Dice,
    root: &Path,
    rpm: &Rpm,
    pool: &BTreeMap<(&'static str, &'static str, usize), String>,
) {
    write(root, "home/.rpmmacros", "%_dbpath /var/lib/rpm\n");
    write(root, "etc/os-release", "ID=rocky\nVERSION_ID=\"9.4\"\nPLATFORM_ID=\"platform:el9\"\n");
    let mut main = "[main]\ngpgcheck=1\nplugins=0\n".to_owned();
    for (often, line) in [
        (20, "excludepkgs=alpha beta-1.1*"),
        (15, "exclude=gamma*"),
        (10, "excludepkgs=*-1.0^git1-3.noarch"),
        (8, "includepkgs=a*,gamma*,lib?,kernel-core"),
    ] {
        if dice.often(often) {
            writeln!(main, "{line}").unwrap();
        }
    }
    write(root, "etc/dnf/dnf.conf", &main);
    let mut files = Vec::new();
    for name in NAMES {
        if dice.often(85) {
            let version = dice.roll(3);
            for architecture in architectures(name) {
                files.push(pool[&(name, *architecture, version)].clone());
            }
            if name == "kernel-core" && dice.often(60) {
                files.push(pool[&(name, "x86_64", 3)].clone());
            }
        }
    }
    rpm.install(&root.join("var/lib/rpm"), &files);
    for name in REPOSITORIES {
        let folder = root.join("srv").join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut held = BTreeSet::new();
        for ((package, architecture, version), path) in pool {
            if dice.often(30) {
                held.insert((*package, *architecture, *version));
                fs::hard_link(path, folder.join(path.rsplit('/').next().unwrap()))
                    .or_else(|_| fs::copy(path, folder.join(path.rsplit('/').next().unwrap())).map(|_| ()))
                    .unwrap();
            }
        }
        let packing = ["gz", "xz", "zstd"][dice.roll(3)];
        let is_zstd = packing == "zstd";
        let packing: &[&str] = if is_zstd { &[] } else { &["--general-compress-type", packing] };
        let shown = folder.display().to_string();
        run("createrepo_c", &[&["-q", "--no-database"], packing, &[shown.as_str()]].concat());
        if name == "updates" || dice.often(50) {
            write(root, "updateinfo.xml", &updateinfo(dice, name, &held));
            let kind = "--mdtype=updateinfo";
            run(
                "modifyrepo_c",
                &[kind, &format!("{}/updateinfo.xml", root.display()), &format!("{shown}/repodata")],
            );
        }
        if name == "updates" && dice.often(50) {
            write(root, "modules.yaml", &modules(&held));
            let kind = "--mdtype=modules";
            run(
                "modifyrepo_c",
                &[kind, &format!("{}/modules.yaml", root.display()), &format!("{shown}/repodata")],
            );
            let state = ["", "18", "20"][dice.roll(3)];
            if !state.is_empty() {
                let text = format!("[node]\nname=node\nstream={state}\nprofiles=\nstate=enabled\n");
                write(root, "etc/dnf/modules.d/node.module", &text);
            }
        }
        if is_zstd {
            pack_with_zstd(&folder);
        }
        let mut text = format!("[{name}]\nname={name}\nbaseurl=file://{shown}\n");
        for (often, line) in [
            (12, "enabled=0"),
            (25, "priority=10"),
            (15, "priority=50"),
            (10, "excludepkgs=delta libx.i686"),
            (8, "includepkgs=gamma alpha-0:1.1*"),
            (20, "module_hotfixes=1"),
        ] {
            if dice.often(often) && !(line.contains("priority") && text.contains("priority")) {
                writeln!(text, "{line}").unwrap();
            }
        }
        write(root, &format!("etc/yum.repos.d/{name}.repo"), &text);
    }
    dnf(root, &["makecache"]);
}

/// Packs the metadata of a repository anew, as Fedora does it and Debian's createrepo_c cannot.
fn pack_with_zstd(repository: &Path) {
    let list = repository.join("repodata/repomd.xml");
    let mut text = fs::read_to_string(&list).unwrap();
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.split_once("href=\"")?.1.split_once(".gz\"")?.0.to_owned()))
        .collect();
    for name in names {
        let (old, new) = (repository.join(format!("{name}.gz")), repository.join(format!("{name}.zst")));
        let plain = repository.join(&name);
        run("gzip", &["-dk", old.to_str().unwrap()]);
        run("zstd", &["-q", "--rm", plain.to_str().unwrap()]);
        for (program, element) in [("sha256sum", "checksum type=\"sha256\""), ("stat", "size")] {
            let said = |path: &Path| {
                let format: &[&str] = if program == "stat" { &["-c", "%s"] } else { &[] };
                let output = Command::new(program).args(format).arg(path).output().unwrap().stdout;
                format!(
                    "<{element}>{}<",
                    String::from_utf8(output).unwrap().split_whitespace().next().unwrap()
                )
            };
            text = text.replace(&said(&old), &said(&new));
        }
        text = text.replace(&format!("{name}.gz"), &format!("{name}.zst"));
        fs::remove_file(old).unwrap();
    }
    fs::write(list, text).unwrap();
}

fn updateinfo(dice: &mut Dice, repository: &str, held: &BTreeSet<(&str, &str, usize)>) -> String {
    let mut text = "<?xml version=\"1.0\"?>\n<updates>".to_owned();
    for (number, (name, architecture, version)) in held.iter().enumerate() {
        if !dice.often(60) {
            continue;
        }
        let of = if dice.often(70) { "security" } else { "bugfix" };
        // Some name what no repository has.
        let version = if dice.often(10) { dice.roll(VERSIONS.len()) } else { *version };
        let (epoch, version, release) = VERSIONS[version];
        let module = if name.starts_with("node") && dice.often(60) {
            let stream = [18, 20][dice.roll(2)];
            format!(
                "<module name=\"node\" stream=\"{stream}\" version=\"1\" context=\"c{stream}\" arch=\"x86_64\"/>"
            )
        } else {
            String::new()
        };
        write!(
            text,
            "<update from=\"x@example.org\" status=\"final\" type=\"{of}\" version=\"1\"><id>{repository}-{number}</id>\
             <title>t &amp; t</title><issued date=\"2026-11-01 00:00:00\"/><severity>Important</severity>\
             <description>d</description><references/><pkglist><collection short=\"c\"><name>c</name>{module}\
             <package name=\"{name}\" version=\"{version}\" release=\"{release}\" epoch=\"{epoch}\" \
             arch=\"{architecture}\" src=\"pool-1-1.src.rpm\"><filename>f.rpm</filename></package></collection>\
             </pkglist></update>"
        )
        .unwrap();
    }
    text.push_str("</updates>\n");
    text
}

/// Two streams of one module: the older versions are of one, the newer of the other; one of them is the default.
fn modules(held: &BTreeSet<(&str, &str, usize)>) -> String {
    let mut text = String::new();
    for (stream, of) in [("18", 0..3), ("20", 3..5)] {
        write!(
            text,
            "---\ndocument: modulemd\nversion: 2\ndata:\n  name: node\n  stream: \"{stream}\"\n  version: 1\n  \
             context: c{stream}\n  arch: x86_64\n  summary: s\n  description: >-\n    name: no\n  license:\n    module:\n    \
             - MIT\n  dependencies:\n  - buildrequires:\n      platform: [el9]\n    requires:\n      platform: [el9]\n"
        )
        .unwrap();
        let rpms: Vec<String> = held
            .iter()
            .filter(|(name, _, version)| *name == "node" && of.contains(version))
            .map(|(name, architecture, version)| {
                let (epoch, version, release) = VERSIONS[*version];
                format!("    - {name}-{epoch}:{version}-{release}.{architecture}\n")
            })
            .collect();
        if !rpms.is_empty() {
            write!(text, "  artifacts:\n    rpms:\n{}", rpms.concat()).unwrap();
        }
        text.push_str("...\n");
    }
    text.push_str(
        "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: node\n  stream: \"18\"\n...\n",
    );
    text
}

/// Name, architecture, version; with the repositories that have it.
type Pending = BTreeMap<String, BTreeSet<String>>;

fn theirs(root: &Path) -> (Pending, BTreeSet<String>) {
    let mut pending = Pending::new();
    for line in dnf(root, &["-C", "check-update"]).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [package, version, repository] = words.as_slice() {
            pending.entry(format!("{package} {version}")).or_default().insert((*repository).to_owned());
        }
    }
    let mut advisories = BTreeSet::new();
    let list = dnf(root, &["-C", "--disableexcludes=all", "updateinfo", "list", "--security"]);
    for line in list.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [id, _, nevra] = words.as_slice() {
            let name = nevra.rsplitn(3, '-').nth(2).unwrap();
            advisories.insert(format!("{id} {name}"));
        }
    }
    (pending, advisories)
}

fn ours(updates: &Updates) -> (Pending, BTreeSet<String>) {
    let mut pending = Pending::new();
    let mut advisories = BTreeSet::new();
    for one in &updates.pending {
        advisories.extend(one.advisories.iter().map(|id| format!("{id} {}", one.package)));
        assert_eq!(one.status, Status::Upgradable);
        let key = format!("{}.{} {}", one.package, one.architecture, one.candidate);
        pending.entry(key).or_default().insert(one.origin.clone());
    }
    for one in &updates.withheld {
        let name = one.package.strip_suffix(".i686").unwrap_or(&one.package);
        let (_, ids) = one.origin.split_once(": ").unwrap();
        advisories.extend(ids.split(", ").map(|id| format!("{id} {name}")));
    }
    (pending, advisories)
}

fn updates(root: &Path) -> Updates {
    let host = Root::new(root.to_str().unwrap(), Timestamp(1_795_348_800)).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    facts.updates.known().unwrap().clone()
}

#[test]
fn as_dnf_lists_updates_of_drawn_hosts() {
    let there = ["dnf", "createrepo_c", "modifyrepo_c"].iter().all(|program| {
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    let Some(rpm) = Rpm::own().filter(|_| there) else {
        left_out("there is no dnf, createrepo_c or rpmbuild here (tests/run installs them)");
        return;
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = if std::env::var_os("HOSTDUTY_NIGHTLY").is_some() { 300 } else { 20 };
    let seed = number("HOSTDUTY_SEED").unwrap_or(1);
    let only = number("HOSTDUTY_LAB_ONLY");
    let workshop = Workshop::new();
    let pool = pool(&workshop);
    let (mut different, mut totals) = (Vec::new(), [0_usize; 3]);
    for case in (0..cases).filter(|case| only.is_none_or(|only| only == *case)) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        draw(&mut Dice(seed * 1_000_003 + case), root, &rpm, &pool);
        let updates = updates(root);
        assert!(updates.unread.is_empty(), "case {case}: {:?}", updates.unread);
        for suite in &updates.suites {
            assert!(suite.index.known().unwrap().unread.is_empty(), "case {case}: {suite:?}");
        }
        let (ours, theirs) = (ours(&updates), theirs(root));
        totals[0] += theirs.0.len();
        totals[1] += theirs.1.len();
        totals[2] += updates.withheld.len();
        let repositories =
            ours.0.iter().all(|(key, from)| theirs.0.get(key).is_some_and(|theirs| from.is_subset(theirs)));
        let same = ours.0.keys().eq(theirs.0.keys());
        if !(same && repositories && ours.1 == theirs.1) {
            different.push(case);
            eprintln!("case {case}\nours   {ours:?}\ntheirs {theirs:?}");
            if only.is_some() {
                eprintln!("kept in {:?}", dir.keep());
            }
        }
    }
    eprintln!("{} updates, {} advisories, {} withheld", totals[0], totals[1], totals[2]);
    assert!(different.is_empty(), "of {cases} hosts these differ: {different:?}");
    assert!(only.is_some() || totals.iter().all(|total| *total >= 10), "{totals:?}");
}
