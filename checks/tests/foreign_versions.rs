//! hostduty compares versions as pacman of this machine does, and as apk does where there is one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

use checks::facts::packages::{apk_version, pacman_version};
use say::left_out;
use sha2::{Digest, Sha256};

/// Numbers that are the same in every run: a test that fails today fails tomorrow.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn text(&mut self, alphabet: &[&str], most: usize) -> String {
        (0..self.roll(most)).map(|_| alphabet[self.roll(alphabet.len())]).collect()
    }

    /// A version of apk's by its grammar: numbers, a letter, suffixes, a commit, a release.
    fn apk(&mut self) -> String {
        const NUMBERS: [&str; 9] = ["0", "1", "2", "9", "10", "00", "01", "010", "20260101"];
        const SUFFIXES: [&str; 9] = ["_alpha", "_beta", "_pre", "_rc", "_cvs", "_svn", "_git", "_hg", "_p"];
        let mut text = NUMBERS[self.roll(9)].to_owned();
        for _ in 0..self.roll(4) {
            text = format!("{text}.{}", NUMBERS[self.roll(9)]);
        }
        text.push_str(["", "", "a", "b", "z"][self.roll(5)]);
        for _ in 0..self.roll(3) {
            text.push_str(SUFFIXES[self.roll(9)]);
            text.push_str(["", "1", "2", "10", "20260101"][self.roll(5)]);
        }
        text.push_str(["", "", "", "~a", "~ab12"][self.roll(5)]);
        text.push_str(["", "-r0", "-r1", "-r10"][self.roll(4)]);
        text
    }

    /// A version of pacman's, whole or not, made of few parts so that two of them often start alike.
    fn pacman(&mut self) -> String {
        let epoch = ["", "", "", "0:", "1:", "10:", "007:", ":"][self.roll(8)];
        let parts = ["0", "1", "2", "9", "10", "00", ".", "+", "_", "a", "Z", "rc", "r12", "..", "~", ":"];
        let release = ["", "-1", "-2", "-10", "-1.1", "-"][self.roll(6)];
        format!("{epoch}{}{}{release}", self.roll(3), self.text(&parts, 7))
    }
}

/// What Python prints of a program and its standard input.
fn piped(arguments: &[&str], text: String) -> String {
    let mut child = Command::new("/usr/bin/python3")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let written = writer.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    written.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

/// Asks libalpm itself, as vercmp takes one pair and a process each time.
const MANY: &str = "import ctypes, glob, sys\n\
    library = ctypes.CDLL(sorted(glob.glob('/usr/lib/*/libalpm.so.*') + glob.glob('/usr/lib/libalpm.so.*'))[0])\n\
    for line in sys.stdin.buffer:\n\
    \x20   left, right = line.rstrip(b'\\n').split(b' ')\n\
    \x20   order = library.alpm_pkg_vercmp(left, right)\n\
    \x20   print('<' if order < 0 else '>' if order > 0 else '=')\n";

#[test]
fn a_hundred_thousand_pairs_as_pacman_compares() {
    let vercmp = |left: &str, right: &str| Command::new("/usr/bin/vercmp").args([left, right]).output();
    if vercmp("1", "1").is_err() {
        left_out("there is no pacman here to compare 100,000 pairs of versions with (tests/run installs it)");
        return;
    }
    let mut dice = Dice(11);
    let mut pairs = Vec::new();
    for _ in 0..100_000 {
        let left = dice.pacman();
        let right = match dice.roll(3) {
            0 => format!("{left}{}", dice.text(&["0", "1", ".", "+", "-1", "a"], 4)),
            1 => left.replacen(["1", "0", "a", "."][dice.roll(4)], ["2", "_", "", "10"][dice.roll(4)], 1),
            _ => dice.pacman(),
        };
        pairs.push(if dice.roll(2) == 0 { (left, right) } else { (right, left) });
    }
    // The program and its library are of one mind.
    for (left, right) in pairs.iter().take(200) {
        let output = vercmp(left, right).unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        let ours = match pacman_version::compare(left, right) {
            Ordering::Less => "-1",
            Ordering::Equal => "0",
            Ordering::Greater => "1",
        };
        assert_eq!(ours, answer.trim(), "{left} {right}");
    }
    let text: String = pairs.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
    let answers = piped(&["-c", MANY], text);
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    for ((left, right), answer) in pairs.iter().zip(&answers) {
        assert_eq!(sign(pacman_version::compare(left, right)), *answer, "{left} {right}");
    }
    for answer in ["<", "=", ">"] {
        assert!(answers.iter().filter(|seen| **seen == answer).count() > 1000, "few pairs are {answer}");
    }
}

/// Asks libapk itself: two lengths with their texts, and the flags that its header gives.
const LIBAPK: &str = "import ctypes, sys\n\
    class Blob(ctypes.Structure):\n\
    \x20   _fields_ = [('length', ctypes.c_long), ('text', ctypes.c_char_p)]\n\
    compare = ctypes.CDLL(sys.argv[1]).apk_version_compare\n\
    compare.argtypes = [Blob, Blob]\n\
    for line in sys.stdin.buffer:\n\
    \x20   left, right = line.split()\n\
    \x20   print({1: '=', 2: '<', 4: '>'}[compare(Blob(len(left), left), Blob(len(right), right))])\n";

/// What libapk of apk-tools 3.0.6 said of the hundred thousand pairs: SHA-256 of a line `left right sign` for each.
const SAID: &str = "298a9b7595afd3db9eb17a94082b9adacfd2668c9ee19cf1bee02c0f589979e0";

#[test]
fn a_hundred_thousand_pairs_as_apk_compared() {
    let mut dice = Dice(17);
    let (mut pairs, mut count) = (String::new(), 0);
    while count < 100_000 {
        let left = dice.apk();
        let right = match dice.roll(3) {
            0 => format!("{}-r{}", left.split("-r").next().unwrap_or_default(), dice.roll(12)),
            1 => {
                left.replacen(["1", "0", "_rc", "."][dice.roll(4)], ["2", "10", "_p", ".0"][dice.roll(4)], 1)
            }
            _ => dice.apk(),
        };
        if apk_version::is_version(&left) && apk_version::is_version(&right) {
            writeln!(pairs, "{left} {right}").unwrap();
            count += 1;
        }
    }
    let (mut ours, mut digest) = (Vec::new(), Sha256::new());
    for pair in pairs.lines() {
        let (left, right) = pair.split_once(' ').unwrap();
        let sign = sign(apk_version::compare(left, right));
        digest.update(format!("{pair} {sign}\n"));
        ours.push(sign);
    }
    if let Ok(library) = std::env::var("HOSTDUTY_LIBAPK") {
        let theirs = piped(&["-c", LIBAPK, &library], pairs.clone());
        for ((pair, ours), theirs) in pairs.lines().zip(&ours).zip(theirs.lines()) {
            assert_eq!(*ours, theirs, "{pair}");
        }
        assert_eq!(theirs.lines().count(), ours.len());
    } else {
        left_out("asking libapk itself: HOSTDUTY_LIBAPK names none; what it once said is compared");
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, SAID, "HOSTDUTY_LIBAPK tells which pair it is");
}

/// The apk of this machine, where it has one: Alpine's, or the one that the environment names.
fn apk() -> Option<String> {
    let named = std::env::var("HOSTDUTY_APK").ok();
    named.or_else(|| std::path::Path::new("/sbin/apk").exists().then(|| "/sbin/apk".to_owned()))
}

#[test]
fn as_apk_compares() {
    let recorded = include_str!("versions/apk.txt");
    let lines = recorded.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(' ').collect()).collect();
    assert!(rows.len() >= 2000);
    for row in &rows {
        let [left, right, answer, left_is, right_is] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(sign(apk_version::compare(left, right)), *answer, "{left} {right}");
        for (text, is) in [(left, left_is), (right, right_is)] {
            assert_eq!(apk_version::is_version(text), *is == "1", "{text}");
        }
    }
    let Some(apk) = apk() else {
        left_out(format!("there is no apk here; {} answers that it once gave are compared", rows.len()));
        return;
    };
    for row in rows.iter().filter(|row| row[3] == "1" && row[4] == "1") {
        let output = Command::new(&apk).args(["version", "--test", row[0], row[1]]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), row[2], "{row:?}");
    }
}
