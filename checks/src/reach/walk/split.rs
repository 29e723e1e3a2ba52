//! The packets for which a test holds, and the others.

use std::rc::Rc;

use super::state::Flow;
use super::{FEW, HOLES, Walk, both, one, parts};
use crate::reach::program::{Field, Free, Rule, Socket, Step, Test};
use crate::reach::ranges::Ranges;

/// What a list of packets may hold between them.
pub(super) struct Union {
    targets: u128,
    interfaces: u128,
    /// Whether each still has the destination that its sender wrote.
    untouched: bool,
}

impl Union {
    pub(super) fn of(flows: &[Flow]) -> Self {
        let mut union = Self { targets: 0, interfaces: 0, untouched: true };
        for Flow { packets, state } in flows {
            union.targets |= packets.targets;
            union.interfaces |= packets.interfaces;
            union.untouched &= state.destination.is_none() && state.forgotten.is_none();
        }
        union
    }
}

impl Walk<'_> {
    /// Whether a rule certainly takes none of many packets, found at its first tests.
    pub(super) fn passes_by_all(&self, rule: &Rule, union: &Union) -> bool {
        let fails = |step: Option<&Step>| match step {
            Some(Step::Test(Test::In(interfaces))) => interfaces & union.interfaces == 0,
            Some(Step::Test(Test::Is(Field::DestinationPort | Field::OriginalDestinationPort, ports))) => {
                union.untouched && self.with_port(ports) & union.targets == 0
            }
            Some(Step::Test(Test::Is(Field::Destination | Field::OriginalDestination, addresses))) => {
                union.untouched && self.with_address(addresses) & union.targets == 0
            }
            _ => false,
        };
        let certain = matches!(rule.steps.first(), Some(Step::Test(test)) if test.is_certain());
        rule.steps.is_empty() || fails(rule.steps.first()) || certain && fails(rule.steps.get(1))
    }

    /// Whether a rule certainly does not take any of these packets: its first test fails for all.
    pub(super) fn passes_by(&self, rule: &Rule, flow: &Flow) -> bool {
        match rule.steps.first() {
            None => true,
            Some(Step::Test(test)) => {
                self.fails(test, flow)
                    || matches!(rule.steps.get(1), Some(Step::Test(second)) if test.is_certain() && self.fails(second, flow))
            }
            Some(_) => false,
        }
    }

    /// Whether a test certainly holds for none of the packets; `false` when that takes more than a look.
    fn fails(&self, test: &Test, flow: &Flow) -> bool {
        match test {
            Test::Never => true,
            Test::Is(field, values) => match field {
                Field::Source if flow.state.forgotten.is_none() && !flow.state.source_rewritten => {
                    !flow.packets.sources.may_meet(values)
                }
                Field::DestinationPort | Field::OriginalDestinationPort
                    if flow.state.destination.is_none() && flow.state.forgotten.is_none() =>
                {
                    self.with_port(values) & flow.packets.targets == 0
                }
                Field::Destination | Field::OriginalDestination
                    if flow.state.destination.is_none() && flow.state.forgotten.is_none() =>
                {
                    self.with_address(values) & flow.packets.targets == 0
                }
                _ => false,
            },
            Test::In(interfaces) => flow.packets.interfaces & interfaces == 0,
            Test::State(bits) => flow.state.tracked() & bits == 0,
            Test::All(tests) => tests.iter().any(|test| self.fails(test, flow)),
            Test::Any(tests) => tests.iter().all(|test| self.fails(test, flow)),
            _ => false,
        }
    }

    fn with_port(&self, ports: &Ranges) -> u128 {
        if ports.as_slice().len() > self.ports.len() {
            let found = self.ports.iter().filter(|(port, _)| ports.contains(u128::from(**port)));
            return found.fold(0, |set, (_, bits)| set | bits);
        }
        let clamp = |port: u128| u16::try_from(port).unwrap_or(u16::MAX);
        let ranges = ports.as_slice().iter().filter(|(first, _)| *first <= 0xffff);
        ranges
            .flat_map(|(first, last)| self.ports.range(clamp(*first)..=clamp(*last)))
            .fold(0, |set, (_, bits)| set | bits)
    }

    fn with_address(&self, addresses: &Ranges) -> u128 {
        let found = self.addresses.iter().filter(|(address, _)| addresses.contains(**address));
        found.fold(0, |set, (_, bits)| set | bits)
    }

    /// The packets for which a test holds, and the others.
    pub(super) fn split(&mut self, test: &Test, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        self.work = self.work.saturating_add(1);
        if let Some(reason) = flow.state.forgotten.clone().filter(|_| asks_the_packet(test)) {
            return both(flow, |state| state.doubt = Some(reason.clone()));
        }
        match test {
            Test::Always => (vec![flow], Vec::new()),
            Test::Never => (Vec::new(), vec![flow]),
            Test::Is(field, values) => self.is(*field, values, flow),
            Test::Masked { field, value, mask } => self.masked(*field, *value, *mask, flow),
            Test::In(interfaces) => {
                let Flow { packets, state } = flow;
                parts(packets.split_interfaces(*interfaces), &state)
            }
            Test::Out(interfaces) => match flow.state.out {
                Some(out) if out & interfaces == out => (vec![flow], Vec::new()),
                Some(out) if out & interfaces != 0 => {
                    both(flow, |state| state.doubt = Some("a route leads over several interfaces".into()))
                }
                _ => (Vec::new(), vec![flow]),
            },
            Test::State(bits) => one(flow.state.tracked() & bits != 0, flow),
            Test::DestinationRewritten => one(flow.state.destination.is_some(), flow),
            Test::SourceRewritten => one(flow.state.source_rewritten, flow),
            Test::Added(set) => one(flow.state.added.contains(set), flow),
            Test::Socket(wanted) => self.socket(*wanted, flow),
            Test::All(tests) => {
                let (mut holds, mut fails) = (vec![flow], Vec::new());
                for test in tests {
                    let mut still = Vec::new();
                    for flow in holds {
                        let (inside, outside) = self.split(test, flow);
                        still.extend(inside);
                        fails.extend(outside);
                    }
                    holds = still;
                    if holds.is_empty() {
                        break;
                    }
                }
                (holds, fails)
            }
            Test::Any(tests) => {
                let (mut holds, mut fails) = (Vec::new(), vec![flow]);
                for test in tests {
                    if fails.iter().all(|flow| self.fails(test, flow)) {
                        continue;
                    }
                    let mut still = Vec::new();
                    for flow in fails {
                        let (inside, outside) = self.split(test, flow);
                        holds.extend(inside);
                        still.extend(outside);
                    }
                    fails = still;
                    if fails.is_empty() {
                        break;
                    }
                }
                (holds, fails)
            }
            Test::Not(test) => {
                let (holds, fails) = self.split(test, flow);
                (fails, holds)
            }
            Test::Chance(what) => both(flow, |state| state.chance = Some(Rc::clone(what))),
            Test::Unknown(reason) => both(flow, |state| state.doubt = Some(Rc::clone(reason))),
        }
    }

    fn is(&mut self, field: Field, values: &Rc<Ranges>, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        if flow.state.source_rewritten && matches!(field, Field::Source | Field::Free(Free::SourcePort)) {
            return both(flow, |state| state.doubt = Some("the source was rewritten before".into()));
        }
        let rewritten = match field {
            Field::Destination => flow.state.destination.map(|(address, _)| address),
            Field::DestinationPort => flow.state.destination.map(|(_, port)| port.into()),
            _ => None,
        };
        if let Some(value) = rewritten {
            return one(values.contains(value), flow);
        }
        let Flow { packets, state } = flow;
        match field {
            Field::Source => {
                self.work = self.work.saturating_add(packets.sources.length().min(values.as_slice().len()));
                parts(packets.split_sources(values), &state)
            }
            Field::Destination | Field::OriginalDestination => {
                parts(packets.split_targets(self.with_address(values)), &state)
            }
            Field::DestinationPort | Field::OriginalDestinationPort => {
                parts(packets.split_targets(self.with_port(values)), &state)
            }
            Field::Mark => state.mark.among("mark", values).split(Flow { packets, state }),
            Field::ConnectionMark => {
                state.connection_mark.among("mark of the connection", values).split(Flow { packets, state })
            }
            Field::Free(property) => parts(packets.split_free(property, values), &state),
        }
    }

    /// Splits by single bits: a mark and a destination are known; sources are tried one by one where they are few.
    fn masked(&mut self, field: Field, value: u128, mask: u128, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        let matching = |ranges: &[(u128, u128)]| -> Ranges {
            let numbers = ranges.iter().flat_map(|(first, last)| *first..=*last);
            numbers.filter(|number| number & mask == value).map(|number| (number, number)).collect()
        };
        let bits = self.context.family.bits();
        let found = match field {
            Field::Mark => return flow.state.mark.masked("mark", value, mask).split(flow),
            Field::ConnectionMark => {
                return flow.state.connection_mark.masked("mark of the connection", value, mask).split(flow);
            }
            Field::Destination | Field::OriginalDestination => {
                let rewritten = flow.state.destination.map(|(address, _)| (address, address));
                let own = self.addresses.keys().map(|address| (*address, *address));
                Some(matching(&own.chain(rewritten).collect::<Vec<_>>()))
            }
            Field::Source if flow.packets.sources.count() <= FEW => {
                self.work = self.work.saturating_add(FEW as usize);
                Some(matching(flow.packets.sources.ranges().as_slice()))
            }
            Field::Source => {
                self.work = self.work.saturating_add(HOLES);
                Ranges::masked(value, mask, bits, HOLES)
            }
            Field::DestinationPort | Field::OriginalDestinationPort => Ranges::masked(value, mask, 16, HOLES),
            Field::Free(property) => Ranges::masked(value, mask, property.bits(), HOLES),
        };
        match found {
            Some(ranges) => self.is(field, &Rc::new(ranges), flow),
            None => both(flow, |state| {
                state.doubt = Some("a mask with many holes cuts the packets too finely".into())
            }),
        }
    }

    fn socket(&mut self, wanted: Socket, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        let (mut holds, mut fails) = (Vec::new(), Vec::new());
        for flow in self.by_destination(flow) {
            if flow.state.destination.is_some() {
                let (inside, outside) = both(flow, |state| {
                    state.doubt = Some("the socket behind a rewritten destination".into())
                });
                holds.extend(inside);
                fails.extend(outside);
                continue;
            }
            let at = flow.packets.targets.trailing_zeros() as usize;
            let waiting = self.targets.get(at).and_then(|target| target.socket);
            let answer = match (wanted, waiting) {
                (_, None) => Some(false),
                (Socket::Exists, Some(_)) => Some(true),
                (Socket::Wildcard, Some(socket)) => Some(socket.wildcard),
                (Socket::Transparent, Some(socket)) => socket.transparent,
            };
            match answer {
                Some(true) => holds.push(flow),
                Some(false) => fails.push(flow),
                None => {
                    let reason: Rc<str> = "whether the socket has IP_TRANSPARENT is not known".into();
                    let (inside, outside) = both(flow, |state| state.doubt = Some(Rc::clone(&reason)));
                    holds.extend(inside);
                    fails.extend(outside);
                }
            }
        }
        (holds, fails)
    }
}

/// Whether a test looks at the packet itself.
fn asks_the_packet(test: &Test) -> bool {
    match test {
        Test::Is(field, _) => !matches!(
            field,
            Field::Mark | Field::ConnectionMark | Field::OriginalDestination | Field::OriginalDestinationPort
        ),
        Test::Masked { field, .. } => asks_the_packet(&Test::Is(*field, Rc::default())),
        Test::Socket(_) => true,
        Test::All(tests) | Test::Any(tests) => tests.iter().any(asks_the_packet),
        Test::Not(test) => asks_the_packet(test),
        _ => false,
    }
}
