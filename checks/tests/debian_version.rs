//! hostduty compares Debian versions as the dpkg of this machine does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

mod say;

use std::cmp::Ordering;
use std::process::Command;

use checks::facts::packages::debian_version::compare;
use say::left_out;

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

    /// A version in the form of deb-version(7), made of few parts so that two of them often start alike.
    fn version(&mut self) -> String {
        let epoch = ["", "", "", "0:", "1:", "10:", "007:"][self.roll(7)];
        let upstream = self.text(&["0", "1", "2", "9", "10", "00", ".", "+", "~", "a", "Z", "rc", "dfsg"], 7);
        let hyphen = ["", "", "-1", "-rc"][self.roll(4)];
        let revision = self.text(&["0", "1", "~", "+", ".", "deb12u", "9", "10", "b"], 6);
        let revision =
            if hyphen.is_empty() && revision.is_empty() { String::new() } else { format!("-0{revision}") };
        format!("{epoch}{}{upstream}{hyphen}{revision}", self.roll(3))
    }
}

/// Asks libdpkg's Perl module, which holds the same rules, about many pairs at once.
const MANY: &str = "use Dpkg::Version; while (<STDIN>) { chomp; my ($left, $right) = map { Dpkg::Version->new($_) } split / /; \
                    if (!$left->is_valid() || !$right->is_valid()) { print qq(malformed\\n); next; } \
                    my $order = $left <=> $right; print $order < 0 ? 'lt' : $order > 0 ? 'gt' : 'eq', qq(\\n); }";

#[test]
fn a_hundred_thousand_pairs_as_dpkg_compares() {
    let there = Command::new("/usr/bin/perl").args(["-MDpkg::Version", "-e", "1"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        left_out("there is no Dpkg::Version here to compare 100,000 pairs with (tests/run installs it)");
        return;
    }
    let mut dice = Dice(7);
    let mut text = String::new();
    let mut pairs = Vec::new();
    for _ in 0..125_000 {
        let left = dice.version();
        let right = match dice.roll(3) {
            0 => format!("{left}{}", dice.text(&["0", "1", "~", "+", ".", "a"], 4)),
            1 => left.replacen(["1", "0", "a", "."][dice.roll(4)], ["2", "~", "", "10"][dice.roll(4)], 1),
            _ => dice.version(),
        };
        // What the replacement made of an epoch may be none.
        let upstream = right.split_once(':').map_or(right.as_str(), |(_, rest)| rest);
        let whole = upstream.starts_with(|first: char| first.is_ascii_digit()) && !right.ends_with('-');
        let right = if whole { right } else { dice.version() };
        text.push_str(&format!("{left} {right}\n"));
        pairs.push((left, right));
    }
    let mut child = Command::new("/usr/bin/perl")
        .args(["-e", MANY])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
    // What was torn apart above may be no version any more, and no archive offers that.
    let valid: Vec<_> = pairs.iter().zip(&answers).filter(|(_, answer)| *answer != "malformed").collect();
    assert!(valid.len() > 100_000, "only {} pairs are versions", valid.len());
    for ((left, right), answer) in valid {
        let ours = match compare(left, right) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        assert_eq!(ours, answer, "{left} {right}");
    }
    for answer in ["lt", "eq", "gt"] {
        assert!(answers.iter().filter(|seen| *seen == answer).count() > 1000, "few pairs are {answer}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the oracle is the dpkg of the machine that runs the tests")]
fn as_dpkg_compares() {
    let mut dice = Dice(42);
    let mut pairs = Vec::new();
    for _ in 0..400 {
        let left = dice.version();
        // Every second pair differs only in its tail, which is where the rules are.
        let right = if dice.roll(2) == 0 {
            format!("{left}{}", dice.text(&["0", "1", "~", "+", ".", "a"], 4))
        } else {
            dice.version()
        };
        pairs.push((left, right));
    }
    if !std::path::Path::new("/usr/bin/dpkg").exists() {
        left_out(format!("there is no dpkg here to compare {} pairs with", pairs.len()));
        return;
    }
    let script = "while [ $# -gt 0 ]; do if dpkg --compare-versions \"$1\" lt \"$2\"; then echo lt; \
                  elif dpkg --compare-versions \"$1\" gt \"$2\"; then echo gt; else echo eq; fi; shift 2; done";
    let words = pairs.iter().flat_map(|(left, right)| [left, right]);
    let output = Command::new("/bin/sh").args(["-c", script, "sh"]).args(words).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "dpkg finds a generated version malformed");
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), pairs.len());
    for ((left, right), answer) in pairs.iter().zip(&answers) {
        let ours = match compare(left, right) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        assert_eq!(ours, answer, "{left} {right}");
    }
    for answer in ["lt", "eq", "gt"] {
        assert!(answers.iter().filter(|seen| *seen == answer).count() > 10, "few pairs are {answer}");
    }
}
