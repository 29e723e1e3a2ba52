//! Packets pushed through drawn chains all at once and one by one have to end in the same way.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{End, Flow, Outcome, State, Target, Walk};
use crate::facts::network::{Interface, Network};
use crate::facts::ruleset::{Hook, IpFamily, Policy, Ruleset};
use crate::facts::sockets::Protocol;
use crate::reach::context::Context;
use crate::reach::packets::Packets;
use crate::reach::program::{Action, Field, Free, Rule, Step, Test};
use crate::reach::ranges::Ranges;
use crate::reach::resolve::resolve;
use crate::reach::tables::{Base, Layer, Place, Program, Table};

const SOURCES: u128 = 200;
const TARGETS: usize = 4;
const INTERFACES: usize = 2;

/// A linear congruential generator: the same rules in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// Few ranges, or more than are kept pending.
    fn sources(&mut self) -> Rc<Ranges> {
        let count = if self.below(8) == 0 { 70 } else { 1 + self.below(3) };
        let range = |draw: &mut Self| {
            let first = u128::from(draw.below(200));
            (first, first + u128::from(draw.below(if count > 3 { 2 } else { 60 })))
        };
        Rc::new((0..count).map(|_| range(self)).collect())
    }

    fn test(&mut self) -> Test {
        match self.below(12) {
            0..5 => Test::Is(Field::Source, self.sources()),
            5..7 => Test::Is(
                Field::DestinationPort,
                Rc::new(Ranges::one(u128::from(80 + self.below(TARGETS as u64)))),
            ),
            7 => Test::In(1 << self.below(INTERFACES as u64)),
            8 => Test::Is(
                Field::Free(Free::SourcePort),
                Rc::new(Ranges::range(1, 1 + u128::from(self.below(9)))),
            ),
            9 => Test::Not(Box::new(Test::Is(Field::Source, self.sources()))),
            10 => Test::Chance("a rate".into()),
            _ => Test::Unknown("a riddle".into()),
        }
    }

    fn rule(&mut self, chains: usize) -> Rule {
        let tests = [0, 1, 1, 1, 2, 2][self.below(6) as usize];
        let mut steps: Vec<Step> = (0..tests).map(|_| Step::Test(self.test())).collect();
        match self.below(12) {
            0..5 => steps.push(Step::Then(Action::Drop)),
            5 => steps.push(Step::Then(Action::Reject)),
            6 | 7 => steps.push(Step::Then(Action::Accept)),
            8 => steps.push(Step::Then(Action::Return)),
            9 => steps.push(Step::Then(Action::Jump(1 + self.below(chains as u64 - 1) as usize))),
            10 => steps.push(Step::Then(Action::Goto(1 + self.below(chains as u64 - 1) as usize))),
            _ if self.below(2) == 0 => steps.push(Step::ForgetPacket("it was rewritten".into())),
            _ => steps.push(Step::SetMark { and: 0, xor: 1 }),
        }
        // A chain that ends at once tells little.
        if tests == 0
            && matches!(steps.first(), Some(Step::Then(Action::Drop | Action::Reject | Action::Accept)))
        {
            steps.insert(0, Step::Test(self.test()));
        }
        Rule { steps }.arranged()
    }

    /// A chain that others are called from, and some that call only later ones.
    fn program(&mut self) -> Program {
        let count = 3;
        let chains = (0..count).map(|at| {
            let rules = 3 + self.below(12);
            let later = |rule: &Rule| match rule.steps.last() {
                Some(Step::Then(Action::Jump(to) | Action::Goto(to))) => *to > at,
                _ => true,
            };
            (0..rules).map(|_| self.rule(count)).filter(later).collect()
        });
        let chains = chains.collect();
        let policy = if self.below(2) == 0 { Policy::Drop } else { Policy::Accept };
        let base = Base {
            table: 0,
            chain: 0,
            hook: Hook::Input,
            priority: 0,
            policy,
            nat: false,
            layer: Layer::Ip,
            interfaces: None,
            partly: 0,
        };
        Program { tables: vec![Table::drawn(chains)], bases: vec![base], gaps: Vec::new() }
    }
}

fn walk(
    context: &Context<'_>,
    program: &Program,
    targets: &[Target],
    packets: Packets,
    tracing: bool,
) -> Outcome {
    let mut walk = Walk::new(context, program, targets, tracing);
    let passed = walk.base(&program.bases[0], vec![Flow { packets, state: State::default() }]);
    for flow in passed {
        let by = flow.state.accepted_by;
        walk.end(flow, End::Through, by);
    }
    walk.outcome
}

/// How packets end, without the words.
fn kind(end: &End) -> u8 {
    match end {
        End::Through => 0,
        End::Dropped => 1,
        End::Rejected => 2,
        End::Unknown(_) => 3,
    }
}

#[test]
fn many_packets_end_as_each_of_them_does() {
    let interface =
        |index| Interface { name: format!("eth{index}"), index, up: true, ..Interface::default() };
    let network = Network { interfaces: vec![interface(1), interface(2)], ..Network::default() };
    let ruleset = Ruleset::default();
    let context = Context::new(IpFamily::V4, Protocol::Tcp, &network, &ruleset);
    let targets: Vec<Target> =
        (0..TARGETS).map(|at| Target { address: 1, port: 80 + at as u16, socket: None }).collect();
    let (mut counted, mut exact) = (0, 0);
    for seed in 0..200 {
        let program = Draw(seed).program();
        let rules = program.tables.iter().flat_map(|table| table.chains.iter().flatten());
        let asks = |step: &Step| matches!(step, Step::Test(Test::Is(Field::Free(_), _)));
        let free = rules.flat_map(|rule| &rule.steps).any(asks);
        let all = Packets::new((1 << TARGETS) - 1, (1 << INTERFACES) - 1, Rc::new(Ranges::range(0, SOURCES)));
        let together = resolve(walk(&context, &program, &targets, all, false));
        for target in 0..TARGETS {
            for interface in 0..INTERFACES {
                let mut stopped: BTreeMap<Option<Place>, u128> = BTreeMap::new();
                for source in 0..=SOURCES {
                    let one = Packets::new(1 << target, 1 << interface, Rc::new(Ranges::one(source)));
                    let alone = resolve(walk(&context, &program, &targets, one.clone(), true));
                    let ends = |parts: &[crate::reach::resolve::Part]| {
                        let mut ends: Vec<(u8, bool, Option<Place>)> = parts
                            .iter()
                            .filter(|part| part.packets.and(&one).is_some())
                            // Where chance or ignorance had a part, more than one rule may be named.
                            .map(|part| {
                                let certain = part.chance.is_none() && part.state.is_certain();
                                (kind(&part.end), part.chance.is_some(), part.by.filter(|_| certain))
                            })
                            .collect();
                        ends.sort();
                        ends.dedup();
                        ends
                    };
                    let certain = |end: &(u8, bool, Option<Place>)| matches!(end.0, 1 | 2);
                    let (own, shared) = (ends(&alone.parts), ends(&together.parts));
                    // What is certainly stopped is only counted when many are asked about.
                    let (own_open, shared_open): (Vec<_>, Vec<_>) = (
                        own.iter().filter(|end| !certain(end)).collect(),
                        shared.iter().filter(|end| !certain(end)).collect(),
                    );
                    assert_eq!(
                        own_open, shared_open,
                        "seed {seed} target {target} in {interface} from {source}"
                    );
                    if let [(1 | 2, _, by)] = own.as_slice()
                        && shared.is_empty()
                    {
                        *stopped.entry(*by).or_default() += 1;
                    }
                }
                let tallies = together.stopped.iter().filter(|(going, _)| {
                    going.targets >> target & 1 == 1 && going.interfaces >> interface & 1 == 1
                });
                let sum: u128 = tallies.clone().map(|(_, tally)| tally.sources).sum();
                let expected: u128 = stopped.values().sum();
                counted += expected;
                // Packets from one source count once for each set of source ports that is stopped.
                if free {
                    assert!(
                        sum >= expected,
                        "seed {seed} target {target} in {interface}: {sum} of {expected}"
                    );
                    continue;
                }
                assert_eq!(sum, expected, "seed {seed} target {target} in {interface}");
                exact += 1;
                for (sources, place) in tallies.flat_map(|(_, tally)| &tally.by) {
                    assert!(Some(sources) <= stopped.get(&Some(*place)), "seed {seed}: {place:?}");
                }
            }
        }
    }
    assert!(exact > 150, "{exact} chains leave source ports alone: too few");
    assert!(counted > 10_000, "{counted} were stopped: the drawn chains decide too little");
}
