//! hostduty compares versions of rpm packages as the rpm of this machine does.

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

use checks::facts::packages::rpm_version::compare;
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

    /// A version made of few parts, so that two of them often start alike; some are none that rpmbuild would take.
    fn version(&mut self) -> String {
        let epoch = ["", "", "", "0:", "1:", "10:", "007:", ":", "a:"][self.roll(9)];
        let parts =
            ["0", "1", "2", "9", "10", "00", ".", "_", "+", "~", "^", "a", "Z", "rc", "git", "..", "é", ":"];
        let upstream = self.text(&parts, 8);
        let release = match self.roll(6) {
            0 => String::new(),
            1 => "-".to_owned(),
            _ => {
                format!(
                    "-{}",
                    self.text(&["0", "1", "~", "^", ".", "el9", "_4", "fc40", "9", "10", "b", "-"], 6)
                )
            }
        };
        format!("{epoch}{}{upstream}{release}", self.roll(3))
    }
}

#[test]
fn a_hundred_thousand_pairs_as_rpm_compares() {
    if !Command::new("rpm").arg("--version").output().is_ok_and(|output| output.status.success()) {
        left_out("there is no rpm here to compare 100,000 versions with (tests/run installs it)");
        return;
    }
    let mut dice = Dice(7);
    let mut text = String::new();
    let mut pairs = Vec::new();
    for _ in 0..120_000 {
        let left = dice.version();
        let right = match dice.roll(3) {
            0 => format!("{left}{}", dice.text(&["0", "1", "~", "^", "+", ".", "a", "-1"], 4)),
            1 => left.replacen(
                ["1", "0", "a", ".", "-"][dice.roll(5)],
                ["2", "~", "", "10", "^", "01"][dice.roll(6)],
                1,
            ),
            _ => dice.version(),
        };
        if right.is_empty() {
            continue;
        }
        text.push_str(&format!("{left} {right}\n"));
        pairs.push((left, right));
    }
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("pairs");
    std::fs::write(&list, text).unwrap();
    // One process answers all of it; a digit stands for each answer.
    let script = format!(
        "%{{lua: for line in io.lines('{}') do local left, right = line:match('^(%S+) (%S+)$') \
         print(rpm.vercmp(left, right) + 1) end}}",
        list.display()
    );
    let output = Command::new("rpm").args(["--eval", &script]).output().unwrap();
    let answers: Vec<u8> = output.stdout.into_iter().filter(u8::is_ascii_digit).collect();
    assert_eq!(answers.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
    for ((left, right), answer) in pairs.iter().zip(&answers) {
        let ours = match compare(left, right) {
            Ordering::Less => b'0',
            Ordering::Equal => b'1',
            Ordering::Greater => b'2',
        };
        assert_eq!(char::from(ours), char::from(*answer), "{left} {right}");
    }
    assert!(pairs.len() > 100_000);
    for answer in b"012" {
        assert!(answers.iter().filter(|seen| *seen == answer).count() > 1000, "few pairs are {answer}");
    }
}
