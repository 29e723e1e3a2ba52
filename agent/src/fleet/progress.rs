//! How far the run is, on a terminal only: one line that is written over and gone in the end.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use crate::output::clean;

/// Names that fit beside the numbers.
const SHOWN: usize = 3;

/// The line on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    all: usize,
    shown: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: usize,
    failed: usize,
    asked: BTreeSet<String>,
}

impl Progress {
    /// Silent for one host, which may want to ask for a passphrase on the same terminal.
    pub(super) fn new(all: usize) -> Self {
        Self { all, shown: all > 1 && std::io::stderr().is_terminal(), state: Mutex::default() }
    }

    pub(super) fn begin(&self, host: &str) {
        self.change(|state| {
            state.asked.insert(host.to_owned());
        });
    }

    pub(super) fn end(&self, host: &str, answered: bool) {
        self.change(|state| {
            state.asked.remove(host);
            state.done += 1;
            state.failed += usize::from(!answered);
        });
    }

    pub(super) fn finish(&self) {
        if self.shown {
            write("");
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if !self.shown {
            return;
        }
        // Numbers are whole whatever happened to the thread that wrote them.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state);
        write(&line(self.all, &state));
    }
}

fn line(all: usize, state: &State) -> String {
    let mut line = format!("{} of {all} hosts", state.done);
    if state.failed > 0 {
        line += &format!(", {} without a report", state.failed);
    }
    let names: Vec<String> = state.asked.iter().take(SHOWN).map(|name| clean(name)).collect();
    if !names.is_empty() {
        line += &format!(", waiting for {}", names.join(", "));
    }
    if state.asked.len() > SHOWN {
        line += " …";
    }
    // A line that wraps could not be written over.
    line.chars().take(79).collect()
}

fn write(line: &str) {
    // Who closed standard error does not want to know.
    let _ = write!(std::io::stderr(), "\r\u{1b}[K{line}").and_then(|()| std::io::stderr().flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_and_drives_no_terminal() {
        let mut state = State { done: 7, failed: 1, ..State::default() };
        assert_eq!(line(50, &state), "7 of 50 hosts, 1 without a report");
        state.asked.extend(["web\u{1b}[2J", "db1", "db2", "db3"].map(str::to_owned));
        let text = line(50, &state);
        assert!(text.chars().count() <= 79 && !text.contains('\u{1b}'), "{text}");
    }
}
