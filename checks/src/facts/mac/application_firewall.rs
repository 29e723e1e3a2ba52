//! The application firewall of macOS, which lets programs in or not: socketfilterfw.

use serde::{Deserialize, Serialize};

use super::{both, refusal};
use crate::gap::Gap;
use crate::host::Output;

/// What socketfilterfw says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApplicationFirewall {
    /// Whether it filters at all.
    pub state: State,
    /// Whether probes of closed ports stay without an answer, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stealth: Option<bool>,
}

/// The three states, as socketfilterfw numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// 0
    #[default]
    Off,
    /// 1: programs signed by Apple, screen sharing among them, are let in without a question.
    PerProgram,
    /// 2: only what the network itself needs is let in.
    BlockAll,
}

/// `socketfilterfw --getglobalstate --getblockall --getstealthmode`. The sentences differ between releases; the number
/// does not.
pub fn parse(output: &Output) -> Result<ApplicationFirewall, Gap> {
    let text = both(output);
    let number = text.split("(State = ").nth(1).and_then(|rest| rest.split(')').next());
    let mut state = match number.map(str::trim) {
        Some("0") => State::Off,
        Some("1") => State::PerProgram,
        Some("2") => State::BlockAll,
        _ => return Err(refusal("socketfilterfw --getglobalstate", output)),
    };
    let line = |words: &[&str]| {
        let lower = text.to_ascii_lowercase();
        lower.lines().find(|line| words.iter().any(|word| line.contains(word))).and_then(switch)
    };
    if state == State::PerProgram && line(&["block all"]) == Some(true) {
        state = State::BlockAll;
    }
    Ok(ApplicationFirewall { state, stealth: line(&["stealth mode"]) })
}

/// The last word of a sentence about a switch.
fn switch(line: &str) -> Option<bool> {
    match line.trim_end_matches(['.', '!', ' ']).rsplit(' ').next()? {
        "on" | "enabled" => Some(true),
        "off" | "disabled" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{err, exit, out};
    use super::*;

    #[test]
    fn the_number_decides_and_the_sentences_add() {
        let parse = |text: &str| super::parse(&out(text)).map(|alf| (alf.state, alf.stealth));
        assert_eq!(parse("Firewall is disabled. (State = 0)\n"), Ok((State::Off, None)));
        assert_eq!(
            parse("Firewall is enabled. (State = 1)\nBlock all DISABLED!\nStealth mode enabled\n"),
            Ok((State::PerProgram, Some(true)))
        );
        assert_eq!(
            parse(
                "Firewall is enabled. (State = 1)\nFirewall has block all state set to enabled.\nFirewall stealth mode is off\n"
            ),
            Ok((State::BlockAll, Some(false)))
        );
        assert_eq!(
            parse("Firewall is blocking all non-essential incoming connections. (State = 2)\n"),
            Ok((State::BlockAll, None))
        );
    }

    #[test]
    fn no_number_is_no_answer() {
        for output in [out(""), out("Firewall is enabled.\n"), err("(State = 9)\n"), exit(1, "killed\n")] {
            assert!(parse(&output).is_err(), "{output:?}");
        }
    }
}
