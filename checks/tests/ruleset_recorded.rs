//! Recorded answers of the kernel decode to the outcomes written by hand, and no damage to them makes the decoder
//! panic. `ruleset_oracle.rs` records them, as root with HOSTDUTY_UPDATE set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]
#![cfg(target_endian = "little")]

mod rulesets;

use std::path::PathBuf;

use checks::date::Timestamp;
use checks::facts::ruleset::{IpFamily, Ruleset};
use checks::host::{Query, Tree};
use rulesets::{CASES, OBJECTS, machine, neighbour, shown};

/// The recorded answers of one case.
fn answers(name: &str) -> Vec<(Query, Vec<u8>)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rulesets").join(name);
    let mut answers = Vec::new();
    for entry in std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let query = match OBJECTS.iter().find(|(_, name)| *name == file) {
            Some((object, _)) => Query::Nftables(*object),
            None => match file.splitn(4, '-').collect::<Vec<_>>().as_slice() {
                ["elements", family, table, set] => Query::NftElements {
                    family: family.parse().unwrap(),
                    table: (*table).to_owned(),
                    set: (*set).to_owned(),
                },
                [prefix, table] => Query::LegacyTable { ipv6: *prefix == "ip6", table: (*table).to_owned() },
                _ => panic!("{file}: the kernel answers no such question"),
            },
        };
        answers.push((query, std::fs::read(&path).unwrap()));
    }
    answers.sort();
    answers
}

fn gather(answers: &[(Query, Vec<u8>)]) -> Ruleset {
    let mut names = [String::new(), String::new()];
    let mut host = Tree::new(Timestamp(0)).file("/proc/net/dev", "");
    for (query, bytes) in answers {
        if let Query::LegacyTable { ipv6, table } = query {
            names[usize::from(*ipv6)] += &format!("{table}\n");
        }
        host = host.answer(query.clone(), bytes);
    }
    let [ipv4, ipv6] = names;
    host = host.file("/proc/net/ip_tables_names", ipv4).file("/proc/net/ip6_tables_names", ipv6);
    let mut facts = checks::facts::begin(&host);
    let room = checks::facts::ROOMS.iter().find(|room| room.name == "ruleset").unwrap();
    (room.gather)(&host, &mut facts);
    facts.ruleset.known().unwrap().clone()
}

#[test]
fn recorded_rulesets_have_the_outcome_written_by_hand() {
    let mut wrong = String::new();
    for case in CASES {
        let ruleset = gather(&answers(case.name));
        for (family, wanted) in [IpFamily::V4, IpFamily::V6].into_iter().zip(case.outcome) {
            let answer = neighbour(&machine(ruleset.clone()), family);
            if shown(&answer) != wanted {
                wrong += &format!("{} {family}: {}, not {wanted}\n", case.name, shown(&answer));
            }
        }
        let facts = toml::to_string(&ruleset).unwrap();
        assert_eq!(toml::from_str::<Ruleset>(&facts).unwrap(), ruleset, "{}", case.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_truncated_answer_is_a_gap() {
    for case in CASES {
        let recorded = answers(case.name);
        for (at, (query, bytes)) in recorded.iter().enumerate() {
            for length in (1..bytes.len()).filter(|length| !between_messages(query, bytes, *length)) {
                let mut cut = recorded.clone();
                cut[at].1.truncate(length);
                let ruleset = gather(&cut);
                let known = match query {
                    Query::LegacyTable { ipv6: false, .. } => ruleset.legacy_ipv4.known().is_ok(),
                    Query::LegacyTable { .. } => ruleset.legacy_ipv6.known().is_ok(),
                    // One set is a gap of its own.
                    Query::NftElements { set, .. } => {
                        let mut sets =
                            ruleset.nftables.known().unwrap().tables.iter().flat_map(|one| &one.sets);
                        sets.find(|one| one.name == *set).unwrap().elements.known().is_ok()
                    }
                    _ => ruleset.nftables.known().is_ok(),
                };
                assert!(!known, "{}: {query:?} cut to {length} bytes", case.name);
            }
        }
    }
}

/// Whether a dump that ends here ends with a whole message: the one who reads it from the kernel knows better.
fn between_messages(query: &Query, bytes: &[u8], length: usize) -> bool {
    let mut at = 0;
    while at < length && !matches!(query, Query::LegacyTable { .. }) {
        at += u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()).next_multiple_of(4) as usize;
    }
    at == length
}

#[test]
fn damaged_answers_never_panic() {
    // A linear congruential generator (Knuth's MMIX): the same damage on every run.
    let mut state = 42_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below.max(1)
    };
    for case in CASES {
        let recorded = answers(case.name);
        for _ in 0..300 {
            let mut damaged = recorded.clone();
            for _ in 0..=random(4) {
                let count = damaged.len();
                let bytes = &mut damaged[random(count)].1;
                let at = random(bytes.len());
                match random(5) {
                    _ if bytes.is_empty() => {}
                    0 => bytes.truncate(at),
                    1 => bytes[at] = 0,
                    2 => bytes[at] = 0xff,
                    3 => bytes[at] ^= 1 << random(8),
                    _ => bytes[at] = random(256) as u8,
                }
            }
            judge(&gather(&damaged));
        }
    }
}

fn judge(ruleset: &Ruleset) {
    for family in [IpFamily::V4, IpFamily::V6] {
        neighbour(&machine(ruleset.clone()), family);
    }
    toml::to_string(ruleset).unwrap();
}
