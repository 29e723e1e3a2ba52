//! hostduty finds the same pending updates as the pacman of this machine, from the same files: hosts are drawn, their
//! repositories made with repo-add, and their packages installed by pacman in a root of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod host;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use checks::date::Timestamp;
use checks::facts::updates::{Pending, Status, Updates};
use checks::facts::{self, Facts};
use host::Root;
use say::left_out;

const HOSTS: u64 = 10;
const REPOSITORIES: [(&str, &str); 3] = [("core", "gz"), ("extra", "xz"), ("own", "zst")];

/// Numbers that are the same in every run: a test that fails today fails tomorrow.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn version(&mut self) -> String {
        let epoch = self.pick(&["", "", "", "1:"]);
        format!(
            "{epoch}{}-{}",
            self.pick(&["1.0", "1.1", "1.10", "1.0rc1", "1.0a", "2", "1..0"]),
            self.roll(2) + 1
        )
    }
}

/// Runs a tool; only what it says on its standard output counts.
fn run(program: &str, arguments: &[&str], within: &Path) -> String {
    let output =
        Command::new(program).args(arguments).current_dir(within).env("LC_ALL", "C").output().unwrap();
    // `-Qu` and `-Qm` without an answer end with 1.
    let quiet = output.stdout.is_empty() && output.stderr.is_empty();
    assert!(
        output.status.success() || quiet || arguments.contains(&"-Qu"),
        "{program} {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn pacman(root: &Path, arguments: &[&str]) -> String {
    let root_option = root.to_str().unwrap();
    let all = [&["--sysroot", root_option, "--noconfirm"], arguments].concat();
    run("/usr/bin/pacman", &all, root)
}

/// Makes a package that holds nothing.
fn package(folder: &Path, name: &str, version: &str, more: &str) {
    let text = format!(
        "pkgname = {name}\npkgbase = {name}-base\npkgver = {version}\narch = any\nbuilddate = 1795000000\n{more}"
    );
    fs::write(folder.join(".PKGINFO"), text).unwrap();
    let file = format!("{name}-{version}-any.pkg.tar");
    run("/usr/bin/tar", &["--force-local", "-cf", &file, ".PKGINFO"], folder);
    fs::remove_file(folder.join(".PKGINFO")).unwrap();
}

/// Draws a host; says whether every repository may upgrade and nothing takes another's place.
fn draw(dice: &mut Dice, root: &Path, plain: bool) {
    for folder in [
        "etc/pacman.d",
        "var/lib/pacman/local",
        "var/lib/pacman/sync",
        "var/cache/pacman/pkg",
        "tmp",
        "installed",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/os-release"), "ID=arch\n").unwrap();
    fs::write(root.join("etc/pacman.d/mirrorlist"), "Server = file:///repo/$repo\n").unwrap();
    let mut conf = "[options]\nArchitecture = auto\nSigLevel = Never\n".to_owned();
    for (key, values) in [
        ("IgnorePkg", ["p3", "p[45]", "p1*", "r?", "p0 p7"]),
        ("IgnoreGroup", ["g1", "g2", "none", "g*", "g3"]),
    ] {
        if dice.roll(2) == 0 {
            let _ = writeln!(conf, "{key} = {}", dice.pick(&values));
        }
    }
    for (repository, packing) in REPOSITORIES {
        let folder = root.join("repo").join(repository);
        fs::create_dir_all(&folder).unwrap();
        for number in (0..14).filter(|_| dice.roll(3) > 0).collect::<Vec<_>>() {
            let group =
                if dice.roll(3) == 0 { format!("group = g{}\n", dice.roll(3) + 1) } else { String::new() };
            package(&folder, &format!("p{number}"), &dice.version(), &group);
        }
        for number in (0..4).filter(|_| !plain && dice.roll(2) == 0).collect::<Vec<_>>() {
            let condition = dice.pick(&["", "<1.1", ">=1.1", "=1.0", ">1.0-1"]);
            let replaces = format!("replaces = p{}{condition}\nreplaces = unheard\n", number * 3);
            package(&folder, &format!("r{number}"), &dice.version(), &replaces);
        }
        let names: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let database = format!("{repository}.db.tar.{packing}");
        let mut arguments = vec!["-q", &database];
        arguments.extend(names.iter().map(String::as_str));
        run("/usr/bin/repo-add", &arguments, &folder);
        let usage =
            if plain { "All" } else { dice.pick(&["All", "Sync Search", "Sync Upgrade", "Sync Install"]) };
        let _ = writeln!(conf, "[{repository}]\nUsage = {usage}\nInclude = /etc/pacman.d/mirror*");
    }
    fs::write(root.join("etc/pacman.conf"), conf).unwrap();
    let mut files = Vec::new();
    for number in (0..16).filter(|_| dice.roll(5) > 0).collect::<Vec<_>>() {
        let version = dice.version();
        let group = if dice.roll(4) == 0 { "group = g2\n" } else { "" };
        package(&root.join("installed"), &format!("p{number}"), &version, group);
        files.push(format!("/installed/p{number}-{version}-any.pkg.tar"));
    }
    pacman(root, &["-Sy"]);
    let mut arguments = vec!["-U", "--dbonly", "--noprogressbar"];
    arguments.extend(files.iter().map(String::as_str));
    pacman(root, &arguments);
}

fn gather(root: &Path) -> Updates {
    let host = Root::new(root.to_str().unwrap(), Timestamp(1_795_348_800)).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["machine", "packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    facts.updates.known().unwrap().clone()
}

#[test]
fn as_pacman_would_upgrade() {
    let there = ["/usr/bin/pacman", "/usr/bin/repo-add"].iter().all(|path| Path::new(path).exists());
    if !there || !nix::unistd::geteuid().is_root() {
        left_out("pacman's own answers take pacman, repo-add and root (tests/run installs them)");
        return;
    }
    let (mut waiting, mut held, mut replaced) = (0, 0, 0);
    for seed in 0..HOSTS {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let plain = seed % 2 == 0;
        draw(&mut Dice(seed + 100), root, plain);
        let updates = gather(root);
        assert!(updates.unread.is_empty(), "{:?}", updates.unread);
        for suite in &updates.suites {
            let index = suite.index.known().unwrap();
            assert!(index.unread.is_empty() && index.dated.is_some(), "{seed}: {index:?}");
        }

        let ours: BTreeSet<String> = updates
            .pending
            .iter()
            .filter(|pending| pending.status == Status::Upgradable)
            .map(|pending| match pending.origin.split_once(", replaced by ") {
                Some((from, by)) => format!("{from} {by} {}", pending.candidate),
                None => format!("{} {} {}", pending.origin, pending.package, pending.candidate),
            })
            .collect();
        let text = pacman(root, &["-Su", "--print", "--print-format", "%r %n %v"]);
        let theirs: BTreeSet<String> = text
            .lines()
            .filter(|line| line.split(' ').count() == 3 && !line.starts_with("::") && !line.starts_with(' '))
            .map(str::to_owned)
            .collect();
        assert_eq!(ours, theirs, "host {seed}");

        let names = |text: String| {
            text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(updates.unlisted, names(pacman(root, &["-Qm"])), "host {seed}");
        if plain {
            let said = |pending: &Pending| {
                format!("{} {} -> {}", pending.package, pending.installed, pending.candidate)
            };
            let ours: BTreeSet<String> = updates.pending.iter().map(said).collect();
            let text = pacman(root, &["-Qu"]);
            let theirs = text.lines().map(|line| line.trim_end_matches(" [ignored]").to_owned()).collect();
            assert_eq!(ours, theirs, "host {seed}");
            // It says so of the installed package's groups alone, while an upgrade asks for those of both.
            for line in text.lines().filter_map(|line| line.strip_suffix(" [ignored]")) {
                let held = updates.pending.iter().find(|pending| said(pending) == line).unwrap().status;
                assert_eq!(held, Status::Held, "host {seed}: {line}");
            }
        }
        waiting += ours.len();
        held += updates.pending.iter().filter(|pending| pending.status == Status::Held).count();
        replaced += ours.iter().filter(|line| line.contains(" r")).count();
    }
    eprintln!("{HOSTS} hosts: {waiting} updates wait, {replaced} of them another package; {held} are held");
    assert!(waiting > 40 && held > 5 && replaced > 3, "too little is drawn");
}
