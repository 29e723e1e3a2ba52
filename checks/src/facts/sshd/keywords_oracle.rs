//! Every keyword with good, odd and bad values: sshd accepts what this crate accepts, and `sshd -T` prints what it prints.

mod candidates;
#[path = "../../../tests/say/mod.rs"]
mod say;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::build::{Build, Vendor};
use super::merge::{self, Counts};
use super::{defaults, keywords, lexer, print, values};
use candidates::{COMMON, NEEDS, own_values};
use say::left_out;

/// A real sshd: below this root, of this build.
struct Oracle {
    root: PathBuf,
    build: Build,
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "where the roots with other releases are, and how long it may take"
)]
fn every_keyword_as_sshd_reads_it() {
    let oracle = |root: PathBuf, version| Oracle {
        root,
        build: Build { version, vendor: Vendor::Debian, ..Build::default() },
    };
    let mut oracles = vec![oracle("/".into(), (9, 2))];
    match std::env::var("HOSTDUTY_SSHD_ROOTS") {
        Ok(roots) => {
            oracles.push(oracle(Path::new(&roots).join("bullseye"), (8, 4)));
            oracles.push(oracle(Path::new(&roots).join("trixie"), (10, 0)));
        }
        Err(_) => left_out("sshd of 8.4 and 10.0: HOSTDUTY_SSHD_ROOTS names no folder with their roots"),
    }
    // With everything it takes minutes.
    let share = if std::env::var("HOSTDUTY_SSHD_ALL").is_ok() { 1 } else { 20 };
    let differences: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> =
            oracles.iter().map(|oracle| scope.spawn(move || compare(oracle, share))).collect();
        running.into_iter().flat_map(|running| running.join().unwrap()).collect()
    });
    let shown: Vec<&String> = differences.iter().take(60).collect();
    assert!(differences.is_empty(), "{} differ:\n{shown:#?}", differences.len());
}

fn compare(oracle: &Oracle, share: usize) -> Vec<String> {
    let version = oracle.build.version;
    let Some(place) = Place::new(oracle) else {
        left_out(format!("sshd {version:?}: it takes root, and that release in {}", oracle.root.display()));
        return Vec::new();
    };
    let mut differences = Vec::new();
    let (mut batches, mut alone): (Vec<Vec<String>>, Vec<Vec<String>>) = (vec![Vec::new()], Vec::new());
    let mut spellings = keywords::spellings();
    spellings.sort_unstable();
    spellings.dedup();
    for (row, spelling) in spellings.into_iter().enumerate() {
        if matches!(spelling, "Match" | "Include") {
            continue;
        }
        let own = own_values(&spelling.to_ascii_lowercase());
        let common = COMMON.iter().enumerate().filter(|(column, _)| (column + row) % share == 0);
        let mut column = 0;
        for value in own.iter().chain(common.map(|(_, value)| value)) {
            let line = format!("{spelling} {value}");
            match read(std::slice::from_ref(&line), oracle) {
                Answer::Depends => {}
                Answer::Reads(_) if !NEEDS.contains(&spelling.to_ascii_lowercase().as_str()) => {
                    if batches.len() == column {
                        batches.push(Vec::new());
                    }
                    batches[column].push(line);
                    column += 1;
                }
                _ => alone.push(vec![line]),
            }
        }
        // Two lines of the same keyword, and the other way round.
        let good: Vec<String> = own
            .iter()
            .map(|value| format!("{spelling} {value}"))
            .filter(|line| matches!(read(std::slice::from_ref(line), oracle), Answer::Reads(_)))
            .collect();
        if let [first, second, ..] = &good[..] {
            alone.push(vec![first.clone(), second.clone()]);
            alone.push(vec![second.clone(), first.clone()]);
        }
    }
    let count = batches.iter().chain(&alone).map(Vec::len).sum::<usize>();
    for batch in batches {
        // One keyword once: its first spelling.
        let mut names = Vec::new();
        let (once, again): (Vec<String>, Vec<String>) = batch.into_iter().partition(|line| {
            let written = line.split(' ').next().unwrap_or_default();
            let name = keywords::find(written, &oracle.build).map(|keyword| keyword.name);
            let is_new = !names.contains(&name);
            names.push(name);
            is_new
        });
        alone.extend(again.into_iter().map(|line| vec![line]));
        if differ(&once, oracle, &place).is_some() {
            let each: Vec<String> =
                once.iter().filter_map(|line| differ(std::slice::from_ref(line), oracle, &place)).collect();
            assert!(!each.is_empty(), "together they differ: {:?}", differ(&once, oracle, &place));
            differences.extend(each);
        }
    }
    differences.extend(alone.iter().filter_map(|lines| differ(lines, oracle, &place)));
    assert!(count > 1_000, "{count} lines");
    differences
}

/// How sshd and this crate differ over a file.
fn differ(lines: &[String], oracle: &Oracle, place: &Place) -> Option<String> {
    let theirs = place.ask(lines);
    let what = match (read(lines, oracle), theirs) {
        (Answer::Depends, _) => return None,
        (Answer::Refuses(_), Err(_)) => return None,
        (Answer::Refuses(why), Ok(_)) => format!("sshd takes it: {why}"),
        (Answer::Reads(_), Err(why)) => format!("sshd refuses it: {why}"),
        (Answer::Reads(set), Ok(theirs)) => {
            let ours = print(&set, oracle, place);
            if ours == theirs {
                return None;
            }
            let only = |these: &str, others: &str| -> Vec<String> {
                these
                    .lines()
                    .filter(|line| !others.lines().any(|other| other == *line))
                    .map(str::to_owned)
                    .collect()
            };
            format!("ours {:?}, sshd {:?}", only(&ours, &theirs), only(&theirs, &ours))
        }
    };
    Some(format!("{:?} {lines:?}: {what}", oracle.build.version))
}

/// What lines set, by keyword.
type Set = BTreeMap<&'static str, Vec<String>>;

enum Answer {
    Reads(Set),
    Refuses(String),
    /// The machine decides.
    Depends,
}

fn read(lines: &[String], oracle: &Oracle) -> Answer {
    let build = &oracle.build;
    let mut set = Set::new();
    let mut depends = false;
    for line in lines {
        let line = if build.since(8, 7) { line } else { line.split('#').next().unwrap_or_default() };
        let Some(lexer::Line { keyword: written, rest, .. }) = lexer::line(line, build) else { continue };
        let Some(keyword) = keywords::find(&written, build) else {
            return Answer::Refuses("unknown".to_owned());
        };
        let Some(arguments) = arguments(&rest, build) else {
            return Answer::Refuses("quotation mark".to_owned());
        };
        if merge::passes_over(keyword.name, set.contains_key(keyword.name), true, build) {
            continue;
        }
        let values = match values::verify(keyword, &written, &arguments, &rest, build) {
            Ok(values) => values,
            Err(why) => return Answer::Refuses(why),
        };
        let missing_bits = keyword.name == "persourcenetblocksize" && !rest.contains(':');
        depends |= values::depends_on_machine(keyword, &values) || missing_bits;
        let before = set.get(keyword.name).map(Vec::as_slice);
        match merge::merge(keyword.name, before, &values, &|name| set.contains_key(name), build) {
            Ok((_, Counts::Lost)) => {}
            Ok((values, _)) => {
                set.insert(keyword.name, values);
            }
            Err(why) => return Answer::Refuses(why.to_owned()),
        }
    }
    if depends {
        return Answer::Depends;
    }
    let get = |name: &str| set.get(name).cloned().unwrap_or_else(|| defaults::of(name, build));
    match values::contradictions(&get, build).first() {
        Some((_, why)) => Answer::Refuses((*why).to_owned()),
        None => Answer::Reads(set),
    }
}

fn print(set: &Set, oracle: &Oracle, place: &Place) -> String {
    let build = &oracle.build;
    let get = |name: &str| set.get(name).cloned().unwrap_or_else(|| defaults::of(name, build));
    let settled = merge::settle(&get, build);
    let shown = |name: &str| match (name, settled) {
        ("hostkey", _) => {
            let files = set.get(name).cloned().unwrap_or_default();
            std::iter::once(place.key.clone()).chain(files).collect()
        }
        (name, Some((settled, value))) if name == settled => vec![value.to_owned()],
        _ => get(name),
    };
    print::sshd_t(&shown, build)
}

/// The arguments as the release splits them.
fn arguments(rest: &str, build: &Build) -> Option<Vec<String>> {
    match rest.is_empty() && !build.since(8, 7) {
        true => Some(Vec::new()),
        false => lexer::arguments(rest, build),
    }
}

/// Where a file is handed to sshd.
struct Place {
    root: PathBuf,
    folder: PathBuf,
    key: String,
    file: String,
}

#[expect(clippy::disallowed_methods, reason = "the oracle is a program that reads files from the disk")]
impl Place {
    fn new(oracle: &Oracle) -> Option<Self> {
        use std::process::Command;
        let inside = format!("/tmp/hostduty-keywords-{}", std::process::id());
        let folder = oracle.root.join(inside.trim_start_matches('/'));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::create_dir_all(oracle.root.join("run/sshd")).ok()?;
        let key = folder.join("key");
        if !key.exists() {
            let made = Command::new("/usr/bin/ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key)
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return None;
            }
        }
        let place = Self {
            root: oracle.root.clone(),
            folder,
            key: format!("{inside}/key"),
            file: format!("{inside}/sshd_config"),
        };
        let of_this_release = place.ask(&["RefuseConnection no".to_owned()]).is_ok()
            == oracle.build.since(9, 9)
            && place.ask(&["LogVerbose x".to_owned()]).is_ok() == oracle.build.since(8, 5);
        (of_this_release && place.ask(&[]).is_ok()).then_some(place)
    }

    /// What `sshd -T` prints of a file, or why it refuses it.
    fn ask(&self, lines: &[String]) -> Result<String, String> {
        use std::process::Command;
        std::fs::write(self.root.join(self.file.trim_start_matches('/')), lines.join("\n") + "\n").unwrap();
        let mut command = match self.root == Path::new("/") {
            true => Command::new("/usr/sbin/sshd"),
            false => {
                let mut command = Command::new("/usr/sbin/chroot");
                command.arg(&self.root).arg("/usr/sbin/sshd");
                command
            }
        };
        let output =
            command.args(["-T", "-h", &self.key, "-f", &self.file]).current_dir("/").output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
