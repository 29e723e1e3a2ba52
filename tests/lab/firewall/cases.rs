//! Rulesets as people and their front ends load them, from `cases/*.sh`.
//!
//! A case loads its ruleset and says in comments what some connections come to, by the manual pages:
//! `# open lan 192.168.77.2 tcp 192.168.77.1 22`: outcome, client, its address, protocol, destination and port.
//! `limited` is open as long as a limit is not reached. `# needs ufw` leaves it out where the program is missing. Besides those, connections are drawn.

use std::path::Path;

use checks::facts::sockets::Protocol;

use super::dice::Dice;
use super::draw::{Drawn, drawn_probe};
use super::namespaces::Client;
use super::probe::{Outcome, Probe};

/// One of them.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) drawn: Drawn,
    /// What the first connections come to.
    pub(crate) expected: Vec<Expected>,
    /// The programs that it takes.
    pub(crate) needs: Vec<String>,
}

/// What a connection comes to by the manual pages.
pub(crate) struct Expected {
    pub(crate) outcome: Outcome,
    /// Whether chance, a rate or a counter may decide otherwise.
    pub(crate) limited: bool,
}

/// Connections drawn for each case.
const DRAWN: usize = 100;

/// All of them, by name.
pub(crate) fn cases(seed: u64) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lab/firewall/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().enumerate().map(|(number, path)| case(path, seed, number)).collect()
}

fn case(path: &Path, seed: u64, number: usize) -> Case {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let load = std::fs::read_to_string(path).unwrap();
    let (mut expected, mut probes, mut needs) = (Vec::new(), Vec::new(), Vec::new());
    for line in load.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let comes_to = match words.as_slice() {
            ["#", "needs", programs @ ..] => {
                needs.extend(programs.iter().map(|program| (*program).to_owned()));
                continue;
            }
            ["#", "open", ..] => Expected { outcome: Outcome::Open, limited: false },
            ["#", "limited", ..] => Expected { outcome: Outcome::Open, limited: true },
            ["#", "refused", ..] => Expected { outcome: Outcome::Refused, limited: false },
            ["#", "dropped", ..] => Expected { outcome: Outcome::Dropped, limited: false },
            _ => continue,
        };
        let ["#", _, client, source, protocol, to, port] = words.as_slice() else {
            panic!("{name}: outcome, client, address, protocol, destination and port, not `{line}`");
        };
        expected.push(comes_to);
        probes.push(Probe {
            client: match *client {
                "lan" => Client::Lan,
                "wan" => Client::Wan,
                _ => Client::Box,
            },
            protocol: if *protocol == "tcp" { Protocol::Tcp } else { Protocol::Udp },
            source: source.parse().unwrap(),
            source_port: 40_000 + probes.len() as u16,
            to: to.parse().unwrap(),
            port: port.parse().unwrap(),
        });
    }
    let mut dice = Dice::new(seed, 100_000 + number as u64);
    probes.extend((0..DRAWN).map(|_| drawn_probe(&mut dice)));
    Case { name, drawn: Drawn { load, probes, ..Drawn::default() }, expected, needs }
}
