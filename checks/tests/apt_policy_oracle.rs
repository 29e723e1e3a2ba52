//! hostduty chooses updates as the apt of this machine does, on hosts and archives that are drawn by lot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod host;

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

const NOW: Timestamp = Timestamp(1_795_348_800); // 2026-11-22T12:00:00Z

/// Numbers that are the same in every run: a test that fails today fails tomorrow.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn often(&mut self, in_hundred: usize) -> bool {
        self.roll(100) < in_hundred
    }
}

/// An archive's suite: where it is fetched from and what its Release file says.
struct Suite {
    site: &'static str,
    name: &'static str,
    release: &'static str,
}

const SUITES: [Suite; 5] = [
    Suite {
        site: "deb.example.org",
        name: "bookworm",
        release: "Origin: Debian\nLabel: Debian\nSuite: oldstable\nVersion: 12.9\nCodename: bookworm\n",
    },
    Suite {
        site: "security.example.org",
        name: "bookworm-security",
        release: "Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\nVersion: 12\nCodename: bookworm-security\n",
    },
    Suite {
        site: "deb.example.org",
        name: "bookworm-backports",
        release: "Origin: Debian Backports\nLabel: Debian Backports\nSuite: oldstable-backports\n\
                  Codename: bookworm-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
    },
    Suite {
        site: "deb.example.org",
        name: "experimental",
        release: "Origin: Debian\nLabel: Debian\nSuite: experimental\nCodename: rc-buggy\nNotAutomatic: yes\n",
    },
    Suite {
        site: "tool.example.org",
        name: "stable",
        release: "Origin: Tool\nLabel: Tool Ltd\nSuite: stable\n",
    },
];

const NAMES: [&str; 16] = [
    "apache2",
    "bash",
    "curl",
    "dash",
    "exim4",
    "libc6",
    "libcurl4",
    "libfoo-dev",
    "libfoo1",
    "linux-doc",
    "nginx",
    "openssl",
    "perl",
    "perl-base",
    "python3",
    "zlib1g",
];
const VERSIONS: [&str; 8] =
    ["1.0-1", "1.0-1+deb12u1", "1.0-1+deb12u2", "1.2~rc1-1", "1.2-1", "1:0.9-1", "2.0-1~bpo12+1", "2.0-1"];

/// One host with its archives, drawn by lot.
struct Case {
    /// Stanzas by name, architecture and version, the same wherever they appear.
    stanzas: BTreeMap<(String, String, usize), String>,
    installed: BTreeMap<(String, String), usize>,
}

impl Case {
    fn draw(dice: &mut Dice, root: &Path) -> Self {
        let mut installed = BTreeMap::new();
        for name in NAMES {
            if dice.often(80) {
                let version = dice.roll(4);
                installed.insert((name.to_owned(), "amd64".to_owned()), version);
                if name.starts_with("lib") && dice.often(40) {
                    installed.insert((name.to_owned(), "i386".to_owned()), version);
                }
            }
        }
        let mut case = Self { stanzas: BTreeMap::new(), installed };
        let mut status = String::new();
        for ((name, architecture), version) in case.installed.clone() {
            let want = if dice.often(12) { "hold" } else { "install" };
            let stanza = case.stanza(dice, &name, &architecture, version);
            write!(status, "{}Status: {want} ok installed\n\n", stanza.replace("\n\n", "\n")).unwrap();
        }
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("var/lib/dpkg/status", &status);
        write("etc/machine-id", "4d5e6f708192a3b4c5d6e7f8091a2b3c\n");
        let mut sources = String::new();
        for suite in &SUITES {
            if dice.often(12) {
                continue;
            }
            writeln!(sources, "deb http://{}/debian {} main", suite.site, suite.name).unwrap();
            let prefix = format!("var/lib/apt/lists/{}_debian_dists_{}_", suite.site, suite.name);
            let mut sums = String::new();
            for architecture in ["amd64", "i386"] {
                let mut list = String::new();
                for name in NAMES.iter().chain(["new1", "new2"].iter()) {
                    if !(name.starts_with("lib") || architecture == "amd64") {
                        continue;
                    }
                    for _ in 0..dice.roll(3) {
                        let version = dice.roll(VERSIONS.len());
                        let stanza = case.stanza(dice, name, architecture, version);
                        // apt takes what follows for a second package of the same version.
                        if !list.contains(&format!(
                            "Package: {name}\nArchitecture: {architecture}\nVersion: {}\n",
                            VERSIONS[version]
                        )) {
                            list.push_str(&stanza);
                        }
                    }
                }
                let path = format!("main_binary-{architecture}_Packages");
                writeln!(sums, " {:064} {} {}", 0, list.len(), path.replace('_', "/")).unwrap();
                write(&format!("{prefix}{path}"), &list);
            }
            let release = format!("{}Date: Sun, 22 Nov 2026 06:00:00 UTC\nSHA256:\n{sums}", suite.release);
            write(&format!("{prefix}Release"), &release);
            write(&format!("{prefix}Release.gpg"), "");
        }
        write("etc/apt/sources.list", &sources);
        fs::create_dir_all(root.join("var/lib/apt/lists/partial")).unwrap();
        let mut preferences = ["preferences", "preferences.d/50more.pref"].map(|_| String::new());
        for number in 0..dice.roll(5) {
            preferences[number % 2].push_str(&stanza_of_preferences(dice));
        }
        write("etc/apt/preferences", &preferences[0]);
        write("etc/apt/preferences.d/50more.pref", &preferences[1]);
        let mut conf = String::new();
        if dice.often(15) {
            writeln!(conf, "APT::Install-Recommends \"false\";").unwrap();
        }
        if dice.often(10) {
            writeln!(conf, "APT::Get::Never-Include-Phased-Updates \"true\";").unwrap();
        }
        if dice.often(8) {
            writeln!(conf, "APT::Get::Phase-Policy \"true\";").unwrap();
        }
        if dice.often(10) && sources.contains(" bookworm ") {
            let release = dice.one(&["bookworm", "oldstable", "/^book/", "12*", "o=Debian"]);
            writeln!(conf, "APT::Default-Release \"{release}\";").unwrap();
        }
        write("etc/apt/apt.conf.d/50drawn", &conf);
        case
    }

    /// What an archive says of a version. What is installed asks only for what is there.
    fn stanza(&mut self, dice: &mut Dice, name: &str, architecture: &str, version: usize) -> String {
        let key = (name.to_owned(), architecture.to_owned(), version);
        if let Some(stanza) = self.stanzas.get(&key) {
            return stanza.clone();
        }
        let is_installed = self.installed.get(&(name.to_owned(), architecture.to_owned())) == Some(&version);
        let mut text = format!(
            "Package: {name}\nArchitecture: {architecture}\nVersion: {}\nMaintainer: x\n",
            VERSIONS[version]
        );
        if dice.often(40) {
            let of = ["", " (1.0-1)", " (3)"][dice.roll(3)];
            writeln!(text, "Source: {}{of}", dice.one(&["src1", "src2", "openssl"])).unwrap();
        }
        if name.starts_with("lib") {
            text.push_str("Multi-Arch: same\n");
        } else if dice.often(20) {
            text.push_str("Multi-Arch: foreign\n");
        }
        // dpkg notes no percentage; apt before 2.7 took one of the installed version for that of the update.
        if !is_installed && dice.often(15) {
            writeln!(text, "Phased-Update-Percentage: {}", [0, 10, 50, 72, 73, 90][dice.roll(6)]).unwrap();
        }
        for (field, often) in [("Depends", 45), ("Recommends", 10), ("Breaks", 12)] {
            if !dice.often(often) {
                continue;
            }
            let target = dice.one(&NAMES);
            let there = self.installed.get(&(target.to_owned(), architecture.to_owned())).copied();
            let relation = match (is_installed, field, there) {
                (true, "Depends", Some(version)) => {
                    [format!("{target} (= {})", VERSIONS[version]), format!("{target} (>= {})", VERSIONS[0])]
                        [dice.roll(2)]
                    .clone()
                }
                (true, "Recommends", _) => target.to_owned(),
                (true, ..) => continue,
                (_, "Breaks", _) => format!("{target} (<< {})", dice.one(&VERSIONS)),
                _ => [
                    format!("{target} (>= {})", dice.one(&VERSIONS)),
                    format!("{target} (= {})", dice.one(&VERSIONS)),
                    "new1".to_owned(),
                    format!("new2 | {target}"),
                    target.to_owned(),
                ][dice.roll(5)]
                .clone(),
            };
            if target != name {
                writeln!(text, "{field}: {relation}").unwrap();
            }
        }
        text.push_str("Filename: x.deb\nSize: 1\nDescription: x\n");
        let stanza = format!("{text}\n");
        self.stanzas.insert(key, stanza.clone());
        stanza
    }
}

fn stanza_of_preferences(dice: &mut Dice) -> String {
    let whom = match dice.roll(8) {
        0 | 1 => "*".to_owned(),
        2 => "lib*".to_owned(),
        3 => "/^(perl|python)/".to_owned(),
        4 => "src:openssl".to_owned(),
        5 => format!("{}:i386 libfoo1:any", dice.one(&NAMES)),
        6 => "src:src[12]:any".to_owned(),
        _ => format!("{} {}", dice.one(&NAMES), dice.one(&NAMES)),
    };
    let pins = [
        "release a=oldstable",
        "release n=bookworm*",
        "release o=Debian, l=Debian-Security",
        "release l=Debian Backports",
        "release a=/-backports$/",
        "release c=main,b=i386",
        "release v=12*",
        "release v=12.9",
        "origin deb.example.org",
        "origin \"tool.example.org\"",
        "origin *.example.org",
        "release *",
        "release a=now",
        "release experimental",
        "release o=Tool",
        "version 1.0-1+deb12*",
        "version 1.2*",
        "version /^2/",
        "version 1:0.9-1",
        "release n=*",
        "origin \"\"",
        "RELEASE A=OLDSTABLE",
    ];
    let mut pin = dice.one(&pins);
    if whom == "*" && pin.starts_with("version") {
        pin = "release a=oldstable-security";
    }
    let priority =
        dice.one(&["-1", "-10", "1", "50", "99", "100", "101", "400", "500", "501", "990", "1000", "1001"]);
    let priority = if whom == "*" && dice.often(5) { "never" } else { priority };
    format!("Explanation: by lot\nPackage: {whom}\n# note\nPin: {pin}\nPin-Priority: {priority}\n\n")
}

/// What apt says: installed with its version, kept back, held for its phase.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    upgraded: BTreeSet<String>,
    kept_back: BTreeSet<String>,
    phased: BTreeSet<String>,
    upgradable: BTreeSet<String>,
}

fn apt(root: &Path, program: &str, arguments: &[&str]) -> String {
    let first = root.join("first.conf");
    let text = format!(
        "Dir \"{}/\";\nDir::State::status \"{0}/var/lib/dpkg/status\";\nDir::Bin::ischroot \"/bin/false\";\n\
         Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\nDir::Bin::methods \"/usr/lib/apt/methods\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; \"i386\"; }};\nDebug::NoLocking \"true\";\n\
         APT::Sandbox::User \"root\";\nDir::Etc::trusted \"/dev/null\";\nAPT::Cmd::Disable-Script-Warning \"true\";\n",
        root.display()
    );
    fs::write(&first, text).unwrap();
    let output =
        Command::new(program).args(arguments).env("APT_CONFIG", &first).env("LC_ALL", "C").output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

fn theirs(root: &Path) -> Answer {
    let mut answer = Answer::default();
    let text = apt(root, "/usr/bin/apt-get", &["-s", "upgrade"]);
    let mut section = "";
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line;
        } else if section.contains("kept back") {
            answer.kept_back.extend(line.split_whitespace().map(str::to_owned));
        } else if section.contains("deferred due to phasing") {
            answer.phased.extend(line.split_whitespace().map(str::to_owned));
        }
        // Inst name [installed] (candidate …
        if let Some(rest) = line.strip_prefix("Inst ") {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let architecture = if rest.contains(" [i386]") && !words[0].contains(':') { ":i386" } else { "" };
            answer.upgraded.insert(format!(
                "{}{architecture} {}",
                words[0],
                words[2].trim_start_matches('(')
            ));
        }
    }
    for line in apt(root, "/usr/bin/apt", &["list", "--upgradable"]).lines().filter(|line| line.contains('/'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let foreign = if words[2] == "i386" { ":i386" } else { "" };
        answer.upgradable.insert(format!("{}{foreign} {}", line.split('/').next().unwrap(), words[1]));
    }
    // What a pin of 1000 turns back is no update.
    let upgradable = &answer.upgradable;
    answer.upgraded.retain(|line| upgradable.contains(line));
    answer
}

fn ours(updates: &Updates) -> Answer {
    let mut answer = Answer::default();
    for pending in &updates.pending {
        let foreign = if pending.architecture == "amd64" {
            String::new()
        } else {
            format!(":{}", pending.architecture)
        };
        let name = format!("{}{foreign}", pending.package);
        let line = format!("{name} {}", pending.candidate);
        answer.upgradable.insert(line.clone());
        match pending.status {
            Status::Upgradable => answer.upgraded.insert(line),
            Status::Held | Status::KeptBack => answer.kept_back.insert(name),
            Status::Phased => answer.phased.insert(name),
        };
    }
    answer
}

fn updates(root: &Path) -> Updates {
    let host = Root::new(root.to_str().unwrap(), NOW).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    // A host without any package of its own architecture would be taken for one of another.
    facts.updates.known().unwrap().clone()
}

#[test]
fn as_apt_upgrades_drawn_hosts() {
    if !Path::new("/usr/bin/apt-get").exists() {
        left_out("there is no apt here to compare drawn hosts with");
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = if std::env::var_os("HOSTDUTY_NIGHTLY").is_some() { 3000 } else { 250 };
    let seed = number("HOSTDUTY_SEED").unwrap_or(1);
    let only = number("HOSTDUTY_LAB_ONLY");
    let (mut different, mut totals, mut phased) = (Vec::new(), [0_usize; 3], 0);
    for case in (0..cases).filter(|case| only.is_none_or(|only| only == *case)) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        Case::draw(&mut Dice(seed * 1_000_003 + case), root);
        let updates = updates(root);
        assert!(updates.unread.is_empty(), "case {case}: {:?}", updates.unread);
        let (mut ours, theirs) = (ours(&updates), theirs(root));
        phased += ours.phased.len();
        // Before 3.0 apt says of both that they are kept back.
        if theirs.phased.is_empty() {
            ours.kept_back.append(&mut ours.phased);
        }
        for (total, set) in totals.iter_mut().zip([&theirs.upgraded, &theirs.kept_back, &theirs.upgradable]) {
            *total += set.len();
        }
        if ours != theirs {
            let mut text = format!("case {case}:");
            for (what, ours, theirs) in [
                ("upgraded", &ours.upgraded, &theirs.upgraded),
                ("kept back", &ours.kept_back, &theirs.kept_back),
                ("phased", &ours.phased, &theirs.phased),
                ("upgradable", &ours.upgradable, &theirs.upgradable),
            ] {
                let only =
                    |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>();
                if ours != theirs {
                    write!(
                        text,
                        "\n  {what}: ours alone {:?}, theirs {:?}",
                        only(ours, theirs),
                        only(theirs, ours)
                    )
                    .unwrap();
                }
            }
            different.push(text);
            if only.is_some() {
                let kept = std::env::temp_dir().join("hostduty-apt-case");
                let _ = fs::remove_dir_all(&kept);
                Command::new("/bin/cp").arg("-a").arg(root).arg(&kept).status().unwrap();
                eprintln!("kept in {}", kept.display());
            }
        }
    }
    eprintln!("{cases} hosts: [upgraded, kept back, upgradable] = {totals:?}, of which {phased} are phased");
    let text = different.iter().take(25).cloned().collect::<Vec<_>>().join("\n");
    // What is kept back hangs on an order among equals, which in apt is that of its hash table: the same host in
    // another folder may come out otherwise. What is chosen hangs on nothing.
    assert!(!text.contains("upgradable: "), "{text}");
    eprintln!("{} of {cases} differ in what is kept back\n{text}", different.len());
    assert!(
        different.len() * 50 <= usize::try_from(cases).unwrap(),
        "{} of {cases} differ\n{text}",
        different.len()
    );
    assert!(
        only.is_some() || (phased > 50 && totals.iter().all(|total| *total > 50)),
        "{totals:?} proves little"
    );
}
