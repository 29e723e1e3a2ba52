//! Holds what hostduty says of connections against what they experienced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;

use checks::reach::{Answer, Verdict};
use serde::{Deserialize, Serialize};

use super::cases::Expected;
use super::draw::{Chain, Drawn, Front, Line};
use super::ingredients::nft::NFT;
use super::ingredients::to_container;
use super::ingredients::xtables::XTABLES;
use super::listed;
use super::listeners;
use super::namespaces::{Client, Replies, SOURCES, Town, sh};
use super::predict;
use super::probe::{Outcome, Probe};

/// What was found, and how much was looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    rulesets: usize,
    /// How often each came of a connection.
    outcomes: BTreeMap<String, usize>,
    /// How many connections each ingredient decided.
    coverage: BTreeMap<String, usize>,
    /// How many a program decides (NFQUEUE).
    queued: usize,
    unknown: Vec<String>,
    differences: Vec<String>,
}

impl Findings {
    pub(crate) fn extend(&mut self, other: Self) {
        self.rulesets += other.rulesets;
        for (of, other) in [(&mut self.outcomes, other.outcomes), (&mut self.coverage, other.coverage)] {
            for (name, count) in other {
                *of.entry(name).or_default() += count;
            }
        }
        self.queued += other.queued;
        self.unknown.extend(other.unknown);
        self.differences.extend(other.differences);
    }

    /// Prints the coverage and fails where something is amiss.
    pub(crate) fn judge(&self, seed: u64) {
        let probes: usize = self.outcomes.values().sum();
        let mut table = String::new();
        for (name, count) in &self.coverage {
            let _ = writeln!(table, "{count:6} {name}");
        }
        let names: BTreeSet<&str> = NFT.iter().chain(XTABLES).map(|one| one.name).collect();
        let few: Vec<&str> = names
            .into_iter()
            .filter(|name| self.coverage.get(*name).is_none_or(|count| *count < FEW))
            .collect();
        eprintln!(
            "{} rulesets, {probes} connections {:?}, {} queued, {} unknown, {} differ: HOSTDUTY_SEED={seed}\n\
             connections that each decided:\n{table}{}",
            self.rulesets,
            self.outcomes,
            self.queued,
            self.unknown.len(),
            self.differences.len(),
            self.unknown.join("\n")
        );
        assert!(self.differences.is_empty(), "{}", self.differences.join("\n"));
        assert!(self.unknown.len() * 100 < probes, "{} of {probes} are unknown", self.unknown.len());
        assert!(
            few.is_empty() || self.rulesets < 60,
            "these decided fewer than {FEW} connections: {few:?}; give them more turns in tests/lab/firewall/ingredients"
        );
    }
}

/// Each ingredient decides at least so many connections.
const FEW: usize = 10;

/// Loads a ruleset, tries its connections and asks hostduty about them.
pub(crate) fn compare(
    town: &mut Town,
    name: &str,
    drawn: &Drawn,
    expected: &[Expected],
    findings: &mut Findings,
) {
    flush();
    if let Err(error) = sh(&drawn.load) {
        findings.differences.push(format!("{name} is not loaded: {error}\n{}", numbered(&drawn.load)));
        return;
    }
    let facts = predict::gather();
    let exposure = checks::reach::exposure(&facts).unwrap();
    let places = places(drawn);
    let legacy = |chain: &Chain| chain.front == Front::IptablesLegacy;
    let both = drawn.chains.keys().any(legacy) && !drawn.chains.keys().all(legacy);
    let outcomes = town.attempt(&drawn.probes);
    // Rules that fill a list for one connection decide another by it: that one may have met the list as it is now.
    let remembers = ["--add-set", "add @", "update @", "recent"].iter().any(|word| drawn.load.contains(word));
    let afterwards = predict::gather();
    let exposure_afterwards = checks::reach::exposure(&afterwards).unwrap();
    findings.rulesets += 1;
    let mut wrong = String::new();
    for (at, (probe, outcome)) in drawn.probes.iter().zip(outcomes).enumerate() {
        *findings.outcomes.entry(format!("{outcome:?}")).or_default() += 1;
        let said = predict::predict(&facts, probe);
        if let Some(expected) = expected.get(at) {
            if expected.outcome != outcome {
                let _ = writeln!(wrong, "  {probe} is {outcome:?}, and by the manual {:?}", expected.outcome);
            }
            if expected.limited != said.rate_limited {
                let _ = writeln!(
                    wrong,
                    "  {probe} should be limited: {}; {}",
                    expected.limited,
                    predict::shown(&said)
                );
            }
        }
        if outcome == Outcome::Open
            && said.verdict == Verdict::Accept
            && listed::leaves_out(&exposure, probe, &said)
            && (!remembers || listed::leaves_out(&exposure_afterwards, probe, &said))
        {
            let _ = writeln!(wrong, "  {probe} is {outcome:?}; hostduty exposure leaves its source out");
        }
        for name in credited(&places, &said) {
            *findings.coverage.entry(name.to_owned()).or_default() += 1;
        }
        if said.verdict == Verdict::Unknown {
            match said.reason.as_deref() {
                // It may come and go without the kernel's rules saying so.
                Some(reason) if reason.starts_with("a program decides") => findings.queued += 1,
                _ => findings
                    .unknown
                    .push(format!("{name}: {probe} is {outcome:?}: {}", predict::shown(&said))),
            }
        } else if !(agree(probe, &said, outcome)
            || both && blocked(said.verdict, outcome)
            || remembers && agree(probe, &predict::predict(&afterwards, probe), outcome))
        {
            let _ = writeln!(wrong, "  {probe} is {outcome:?}; hostduty says {}", predict::shown(&said));
        }
    }
    if !wrong.is_empty() {
        let _ = write!(wrong, "\n{}", listing(drawn));
        findings.differences.push(format!("{name}:\n{wrong}"));
    }
}

/// Whether a verdict is what a connection experienced.
fn agree(probe: &Probe, said: &Answer, outcome: Outcome) -> bool {
    // Replies to a borrowed source go to its owner: who sent it sees neither answer nor refusal.
    let blind = SOURCES.iter().any(|(client, source, replies)| {
        *client == probe.client && source.parse() == Ok(probe.source) && *replies == Replies::Elsewhere
    });
    let listens = match to_container(probe) {
        true => listeners::BOX_PORTS.contains(&probe.port),
        false => listeners::answers(SocketAddr::new(probe.to, probe.port)),
    };
    match (said.verdict, outcome) {
        (Verdict::Accept, Outcome::Open)
        | (Verdict::Reject, Outcome::Refused)
        | (Verdict::Drop, Outcome::Dropped) => true,
        // It got through to where nobody listens.
        (Verdict::Accept, Outcome::Refused) => !listens,
        (Verdict::Accept, Outcome::Dropped) => blind && !listens,
        // On a bridge whose packets iptables sees, a refusal leaves without passing NAT: nobody knows its address.
        (Verdict::Reject, Outcome::Dropped) => {
            blind || probe.client == Client::Box && said.arrives_at.is_some()
        }
        _ => false,
    }
}

/// Whether it does not get through, be it with a word or without. Where a chain of nftables and one of the legacy tables
/// have one priority, the kernel does not say which of them comes first.
fn blocked(said: Verdict, outcome: Outcome) -> bool {
    matches!(said, Verdict::Drop | Verdict::Reject) && outcome != Outcome::Open
}

/// Empties both packet filters, the sets of ipset and the table of connections.
fn flush() {
    let script = "nft flush ruleset
        for six in '' 6; do
            for table in $(cat /proc/net/ip${six}_tables_names 2>/dev/null); do
                ip${six}tables-legacy-save -t $table | sed -n 's/^:\\([A-Z]*\\) [A-Z].*/-P \\1 ACCEPT/p' |
                    while read -r policy; do ip${six}tables-legacy -t $table $policy; done
                ip${six}tables-legacy -t $table -F; ip${six}tables-legacy -t $table -X
            done
        done
        # What was in use a moment ago goes the next time.
        ipset destroy 2>/dev/null || true";
    sh(script).unwrap();
    super::namespaces::forget_connections();
}

/// The rule at each place that hostduty may name.
type Places<'a> = BTreeMap<String, &'a Line>;

fn places(drawn: &Drawn) -> Places<'_> {
    let mut places = BTreeMap::new();
    for (chain, lines) in &drawn.chains {
        if chain.front == Front::IptablesLegacy {
            for (at, line) in lines.iter().enumerate() {
                places.insert(predict::legacy_place(chain, at), line);
            }
        } else {
            for (handle, line) in handles(chain).into_iter().zip(lines) {
                places.insert(predict::nft_place(chain, handle), line);
            }
        }
    }
    places
}

/// The handles of a chain's rules, in order.
fn handles(chain: &Chain) -> Vec<u64> {
    let list = format!("nft -j list chain {} {} {}", chain.family, chain.table, chain.name);
    let list: serde_json::Value = serde_json::from_str(&sh(&list).unwrap()).unwrap();
    let rules = list["nftables"].as_array().unwrap().iter().filter_map(|one| one.get("rule"));
    rules.map(|rule| rule["handle"].as_u64().unwrap()).collect()
}

/// The ingredients that decided a connection: those of the deciding rule, and those of the rules on the way that decide
/// nothing alone.
fn credited(places: &Places<'_>, said: &Answer) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    match &said.decided_by {
        Some(by) => match places.get(predict::place(by)) {
            Some(line) => names.extend(line.ingredients.iter().copied()),
            None => {
                names.insert("(a policy)");
            }
        },
        None => {
            names.insert("(no rule)");
        }
    }
    // Of those that let a connection through each takes part: one chain comes after the other.
    for step in &said.trace {
        if let Some(line) =
            places.get(predict::place(step)).filter(|line| said.verdict == Verdict::Accept || !line.decides)
        {
            names.extend(line.ingredients.iter().copied());
        }
    }
    names
}

/// What the tools show of a ruleset.
fn listing(drawn: &Drawn) -> String {
    let show = "nft -a list ruleset 2>&1; ipset save
        for six in '' 6; do
            [ ! -e /proc/net/ip${six}_tables_names ] || ip${six}tables-legacy-save
        done";
    sh(show).unwrap_or_else(|error| format!("{error}\n{}", drawn.load))
}

fn numbered(text: &str) -> String {
    text.lines().enumerate().map(|(at, line)| format!("{:4} {line}\n", at)).collect()
}
