//! hostduty reads package lists as apt itself fetched and left them, in every packing and shape of archive.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

mod host;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use checks::date::Timestamp;
use checks::facts::updates::{Pending, Signature, Updates};
use checks::facts::{self, Facts};
use host::Root;
use say::left_out;

const NOW: Timestamp = Timestamp(1_795_348_800); // 2026-11-22T12:00:00Z

fn apt(root: &Path, arguments: &[&str]) -> String {
    let output = Command::new("/usr/bin/apt-get")
        .args(arguments)
        .env("APT_CONFIG", root.join("first.conf"))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}\n{stdout}{}", String::from_utf8_lossy(&output.stderr));
    stdout
}

fn pack(program: &str, arguments: &[&str], text: &[u8]) -> Option<Vec<u8>> {
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&text).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.status.success().then_some(output.stdout)
}

fn write(root: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A package list of some megabytes, in which `bash` and `zz-last` are newer than what is installed.
fn list(architecture: &str) -> String {
    let mut text = String::new();
    for number in 0..6000 {
        let name = match number {
            3000 => "bash".to_owned(),
            5999 => "zz-last".to_owned(),
            number => format!("package-{number:05}"),
        };
        text.push_str(&format!(
            "Package: {name}\nArchitecture: {architecture}\nVersion: 2.{}\nMaintainer: x\nDescription: {}\n y\n\
             Filename: pool/{name}.deb\nSize: {number}\nSHA256: {:064x}\n\n",
            number % 7,
            "words and words ".repeat(number % 30),
            number * 7919
        ));
    }
    text
}

/// A root whose only source is a folder of it, in suites or flat; apt itself fetches from there.
fn fetched(root: &Path, packing: &str, bytes: &[u8], plain: &str, flat: bool, conf: &str) -> Updates {
    let root_text = root.display();
    write(
        root,
        "first.conf",
        format!(
            "Dir \"{root_text}/\";\nDir::State::status \"{root_text}/var/lib/dpkg/status\";\n\
             Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\nDir::Bin::methods \"/usr/lib/apt/methods\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n{conf}"
        ),
    );
    let status = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nMaintainer: x\n\n\
                  Package: zz-last\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nMaintainer: x\n\n";
    write(root, "var/lib/dpkg/status", status);
    for folder in [
        "var/lib/apt/lists/partial",
        "var/cache/apt/archives/partial",
        "etc/apt/preferences.d",
        "etc/apt/apt.conf.d",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let (base, index) = match flat {
        true => ("srv/repo/", "Packages".to_owned()),
        false => ("srv/repo/dists/stable/", "main/binary-amd64/Packages".to_owned()),
    };
    let sum = |bytes: &[u8]| {
        let text = pack("/usr/bin/sha256sum", &[], bytes).unwrap();
        String::from_utf8(text).unwrap().split(' ').next().unwrap().to_owned()
    };
    let plain_sum = sum(plain.as_bytes());
    let mut sums = format!(" {plain_sum} {} {index}\n", plain.len());
    sums.push_str(&format!(" {} {} {index}{packing}\n", sum(bytes), bytes.len()));
    write(root, &format!("{base}{index}{packing}"), bytes);
    let by_hash = format!("{base}{}by-hash/SHA256/{}", index.trim_end_matches("Packages"), sum(bytes));
    write(root, &by_hash, bytes);
    write(
        root,
        &format!("{base}Release"),
        format!(
            "Origin: Local\nLabel: Local\nSuite: stable\nCodename: stable\nAcquire-By-Hash: yes\n\
             Date: Sun, 22 Nov 2026 06:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n{sums}"
        ),
    );
    let rest = if flat { "Suites: ./" } else { "Suites: stable\nComponents: main" };
    write(
        root,
        "etc/apt/sources.list.d/local.sources",
        format!("Types: deb\nURIs: copy:{root_text}/srv/repo\n{rest}\nTrusted: yes\n"),
    );
    apt(root, &["update", "-qq"]);
    read(root)
}

/// What hostduty reads there, after apt said that it would upgrade both packages.
fn read(root: &Path) -> Updates {
    let simulated = apt(root, &["-s", "upgrade"]);
    for name in ["bash", "zz-last"] {
        assert!(simulated.contains(&format!("Inst {name} [1]")), "{simulated}");
    }
    let host = Root::new(root.to_str().unwrap(), NOW).unwrap();
    let mut facts: Facts = facts::begin(&host);
    for room in facts::ROOMS.iter().filter(|room| ["packages", "updates"].contains(&room.name)) {
        (room.gather)(&host, &mut facts);
    }
    facts.updates.known().unwrap().clone()
}

/// Holds what was read against what the archive offers; returns how the list that was read is packed.
fn hold(updates: &Updates, what: &str) -> String {
    let index = updates.suites[0].index.known().unwrap_or_else(|gap| panic!("{what}: {gap}"));
    assert!(index.unread.is_empty(), "{what}: {:?}", index.unread);
    let line = |pending: &Pending| format!("{} {} {}", pending.package, pending.candidate, pending.origin);
    let pending: Vec<String> = updates.pending.iter().map(line).collect();
    assert_eq!(pending, ["bash 2.4 Local/stable", "zz-last 2.0 Local/stable"], "{what} {index:?}");
    assert!(index.third_party && index.signature == Signature::Missing, "{what}");
    assert_eq!(updates.suites[0].careless, ["trusted"]);
    index.lists[0].rsplit_once("Packages").unwrap().1.to_owned()
}

#[test]
fn lists_that_apt_fetched_in_every_packing() {
    if !Path::new("/usr/bin/apt-get").exists() {
        left_out("there is no apt here to fetch package lists with");
        return;
    }
    let plain = list("amd64");
    let mut seen = Vec::new();
    for (packing, program, arguments) in [
        ("", "/bin/cat", &[][..]),
        (".gz", "/usr/bin/gzip", &["-9n"]),
        (".xz", "/usr/bin/xz", &["-9"]),
        (".xz", "/usr/bin/xz", &["--block-size=65536", "--check=sha256"]),
        (".zst", "/usr/bin/zstd", &["-19", "-q"]),
        (".lz4", "/usr/bin/lz4", &["-9", "-q"]),
    ] {
        let Some(bytes) = pack(program, arguments, plain.as_bytes()) else {
            left_out(format!("package lists packed by {program} (tests/run installs it)"));
            continue;
        };
        for (flat, conf) in [
            (false, ""),
            (false, "Acquire::GzipIndexes \"true\";\n"),
            (false, "Acquire::GzipIndexes \"true\";\nAcquire::CompressionTypes::Order \"xz\";\n"),
            (true, "Acquire::GzipIndexes \"true\";\n"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let updates = fetched(dir.path(), packing, &bytes, &plain, flat, conf);
            let what = format!("{packing} flat {flat} {conf}");
            let mut ends = vec![hold(&updates, &what)];
            // Other versions of apt leave the list as the archive packed it.
            let left = &updates.suites[0].index.known().unwrap().lists[0];
            let (list, _) = left.rsplit_once("Packages").unwrap();
            fs::remove_file(dir.path().join(left.trim_start_matches('/'))).unwrap();
            write(dir.path(), &format!("{}Packages{packing}", list.trim_start_matches('/')), &bytes);
            ends.push(hold(&read(dir.path()), &what));
            assert_eq!(ends[1], packing);
            for end in ends {
                if !seen.contains(&end) {
                    seen.push(end);
                }
            }
        }
    }
    eprintln!("lists ending in {seen:?}");
}

#[test]
fn a_torn_or_damaged_list_is_a_gap_that_names_it() {
    let plain = list("amd64");
    let Some(packed) = pack("/usr/bin/lz4", &["-9", "-q"], plain.as_bytes()) else {
        left_out("damaged package lists (tests/run installs lz4)");
        return;
    };
    if !Path::new("/usr/bin/apt-get").exists() {
        left_out("there is no apt here to fetch package lists with");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let conf = "Acquire::GzipIndexes \"true\";\n";
    let updates = fetched(root, ".lz4", &packed, &plain, false, conf);
    let list = updates.suites[0].index.known().unwrap().lists[0].clone();
    let file = root.join(list.trim_start_matches('/'));
    let whole = fs::read(&file).unwrap();
    let gap = || {
        let host = Root::new(root.to_str().unwrap(), NOW).unwrap();
        let mut facts: Facts = facts::begin(&host);
        for room in facts::ROOMS.iter().filter(|room| ["packages", "updates"].contains(&room.name)) {
            (room.gather)(&host, &mut facts);
        }
        let updates = facts.updates.known().unwrap();
        updates.suites[0].index.known().unwrap().unread.first().map(ToString::to_string)
    };
    assert_eq!(gap(), None);
    for cut in [0, 1, 7, 20, whole.len() / 2, whole.len() - 50] {
        fs::write(&file, &whole[..cut]).unwrap();
        assert!(gap().is_some_and(|gap| gap.contains(&list)), "cut at {cut}: {:?}", gap());
    }
    // A list that unpacks to far more than its Release file says.
    let bomb = pack("/usr/bin/lz4", &["-9", "-q"], &vec![b'\n'; 200 << 20]).unwrap();
    fs::write(&file, bomb).unwrap();
    assert!(gap().is_some_and(|gap| gap.contains("has not the length that its Release file gives")));
    let extra = pack("/usr/bin/lz4", &["-9", "-q"], format!("{plain}Package: more\n").as_bytes()).unwrap();
    fs::write(&file, extra).unwrap();
    assert!(gap().is_some_and(|gap| gap.contains("has not the length that its Release file gives")));
    // Five gigabytes without a blank line; on the disk they take none.
    let plain = file.with_extension("");
    fs::File::create(&plain).unwrap().set_len(5 << 30).unwrap();
    assert!(gap().is_some_and(|gap| gap.contains(list.trim_end_matches(".lz4"))), "{:?}", gap());
}
