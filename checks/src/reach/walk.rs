//! Pushes a set of packets through the chains, and says where each part of it ends.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::context::Context;
use super::packets::Packets;
use super::program::{
    Action, Field, Free, Rewrite, Rule, STATE_INVALID, STATE_NEW, STATE_UNTRACKED, Socket, Step, Test,
};
use super::ranges::Ranges;
use super::tables::{Base, Place, Program};
use crate::facts::ruleset::{Hook, Policy};

/// A destination that is asked about. At most 128 are walked at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) address: u128,
    pub(crate) port: u16,
    /// What waits there; `None` when nothing does, as far as is known.
    pub(crate) socket: Option<Waiting>,
}

/// What a rule may ask of the socket that waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Waiting {
    pub(crate) wildcard: bool,
    pub(crate) transparent: Option<bool>,
}

/// Packets that the rules treat alike, with what the rules have done to them.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) packets: Packets,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    mark: Word,
    connection_mark: Word,
    tracking: Tracking,
    /// The destination as rewritten.
    pub(crate) destination: Option<(u128, u16)>,
    source_rewritten: bool,
    /// The interfaces through which it may leave, once it is routed and does not stay.
    pub(crate) out: Option<u128>,
    added: Vec<Rc<str>>,
    /// Why what the packet holds is not known any more.
    forgotten: Option<Rc<str>>,
    /// What left it to chance whether the packets are here.
    pub(crate) chance: Option<Rc<str>>,
    /// Why it is not known whether the packets are here.
    pub(crate) doubt: Option<Rc<str>>,
    /// Which rule or policy of this hook let them through.
    pub(crate) accepted_by: Option<Place>,
    pub(crate) rewritten_by: Option<Place>,
    /// The rules that took them, the last first.
    pub(crate) trace: Option<Rc<Trace>>,
}

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) place: Place,
    pub(crate) before: Option<Rc<Trace>>,
}

/// Nested deeply enough, dropping a list of the usual kind would recurse as often as it is long.
impl Drop for Trace {
    fn drop(&mut self) {
        let mut before = self.before.take();
        while let Some(mut trace) = before.and_then(Rc::into_inner) {
            before = trace.before.take();
        }
    }
}

/// A word of 32 bits of which some may not be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    value: u32,
    known: u32,
}

impl Default for Word {
    /// Marks are zero on a packet that comes from outside.
    fn default() -> Self {
        Self { value: 0, known: u32::MAX }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tracking {
    /// Connection tracking has not seen it.
    #[default]
    Before,
    New,
    Never,
}

/// Where packets end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// They are let through to a socket here, or to another machine when `state.out` says so.
    Through,
    Dropped,
    Rejected,
    Unknown(Rc<str>),
}

/// Packets that have come to an end.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) flow: Flow,
    pub(crate) end: End,
    pub(crate) by: Option<Place>,
}

/// Steps that a walk may take; a ruleset that needs more is answered with unknown. Some ten seconds.
const WORK: usize = 200_000_000;
/// Parts that one chain may cut the packets into.
const PARTS: usize = 20_000;
/// Sources that are tried one by one, and ranges that a mask with holes may cut them into.
const FEW: u128 = 4096;
const HOLES: usize = 1 << 16;
/// Chains below each other; the kernel follows 16 (NFT_JUMP_STACK_SIZE), legacy tables as many as there are chains.
const DEPTH: usize = 512;

pub(crate) struct Walk<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) program: &'a Program,
    pub(crate) targets: &'a [Target],
    ports: BTreeMap<u16, u128>,
    addresses: BTreeMap<u128, u128>,
    /// Whether the rules that took the packets are kept.
    tracing: bool,
    work: usize,
    pub(crate) ended: Vec<Ended>,
}

/// What became of the packets that entered a chain.
#[derive(Default)]
struct Frame {
    next: Vec<Flow>,
    returned: Vec<Flow>,
    accepted: Vec<Flow>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        program: &'a Program,
        targets: &'a [Target],
        tracing: bool,
    ) -> Self {
        let (mut ports, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        for (bit, target) in targets.iter().take(128).enumerate() {
            *ports.entry(target.port).or_default() |= 1_u128 << bit;
            *addresses.entry(target.address).or_default() |= 1_u128 << bit;
        }
        Self { context, program, targets, ports, addresses, tracing, work: 0, ended: Vec::new() }
    }

    /// Packets enter connection tracking.
    pub(crate) fn track(flows: &mut [Flow]) {
        for flow in flows {
            if flow.state.tracking == Tracking::Before {
                flow.state.tracking = Tracking::New;
            }
        }
    }

    /// One base chain; the packets that it lets through.
    pub(crate) fn base(&mut self, base: &Base, flows: Vec<Flow>) -> Vec<Flow> {
        let (inside, mut outside) = seen_by(base, flows);
        let mut accepted = Vec::new();
        let returned = self.chain(base.table, base.chain, inside, 0, &mut accepted);
        let policy = Place { table: base.table, chain: base.chain, rule: None };
        for mut flow in returned {
            self.trace(&mut flow, policy);
            match base.policy {
                Policy::Drop => self.end(flow, End::Dropped, Some(policy)),
                Policy::Accept => {
                    if flow.state.accepted_by.is_none_or(|place| place.rule.is_none()) {
                        flow.state.accepted_by = Some(policy);
                    }
                    accepted.push(flow);
                }
            }
        }
        accepted.append(&mut outside);
        self.tidy(&mut accepted);
        accepted
    }

    /// The chains that rewrite addresses at one hook: a packet is rewritten once, and only when it is tracked.
    pub(crate) fn nat(&mut self, bases: &[&Base], flows: Vec<Flow>, hook: Hook) -> Vec<Flow> {
        let (mut open, mut done): (Vec<Flow>, Vec<Flow>) =
            flows.into_iter().partition(|flow| flow.state.tracking == Tracking::New);
        for base in bases {
            let before: Vec<_> = open.into_iter().map(without_decision).collect();
            let passed = self.base(base, before);
            let rewritten = |flow: &Flow| match hook {
                Hook::Prerouting => flow.state.destination.is_some(),
                _ => flow.state.source_rewritten,
            };
            let (finished, rest): (Vec<Flow>, Vec<Flow>) = passed.into_iter().partition(rewritten);
            done.extend(finished);
            open = rest;
        }
        done.append(&mut open);
        done
    }

    /// Follows a chain; returns the packets that come back from it.
    fn chain(
        &mut self,
        table: usize,
        chain: usize,
        mut flows: Vec<Flow>,
        depth: usize,
        accepted: &mut Vec<Flow>,
    ) -> Vec<Flow> {
        let program = self.program;
        let rules = program.tables.get(table).and_then(|table| table.chains.get(chain));
        let Some(rules) = rules.filter(|_| depth < DEPTH) else {
            self.give_up(flows, "the chains call each other too deeply");
            return Vec::new();
        };
        let mut returned = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if flows.is_empty() {
                break;
            }
            self.work = self.work.saturating_add(1 + flows.len() / 8);
            if flows.iter().all(|flow| self.passes_by(rule, flow)) {
                continue;
            }
            if self.work > WORK || flows.len() > PARTS {
                self.give_up(std::mem::take(&mut flows), "the rules cut the sources into too many parts");
                self.give_up(std::mem::take(&mut returned), "the rules cut the sources into too many parts");
                break;
            }
            let place = Place { table, chain, rule: Some(at) };
            let count = flows.len();
            let mut frame = Frame { next: Vec::with_capacity(count), ..Frame::default() };
            for flow in flows {
                if self.passes_by(rule, &flow) {
                    frame.next.push(flow);
                } else {
                    self.steps(place, &rule.steps, flow, depth, &mut frame);
                }
            }
            accepted.append(&mut frame.accepted);
            returned.append(&mut frame.returned);
            flows = frame.next;
            if flows.len() > count {
                self.tidy(&mut flows);
            }
        }
        flows.append(&mut returned);
        self.tidy(&mut flows);
        flows
    }

    /// Takes packets through the steps of a rule.
    fn steps(&mut self, place: Place, steps: &[Step], flow: Flow, depth: usize, frame: &mut Frame) {
        let mut flows = vec![flow];
        for (at, step) in steps.iter().enumerate() {
            let mut still = Vec::new();
            for mut flow in flows {
                match step {
                    Step::Test(test) => {
                        let (holds, fails) = self.split(test, flow);
                        still.extend(holds);
                        frame.next.extend(fails);
                        continue;
                    }
                    Step::Branch(ways) => {
                        // What follows a branch is in the branch.
                        let mut rest = vec![flow];
                        for (test, steps) in ways {
                            let mut others = Vec::new();
                            for flow in rest {
                                let (holds, fails) = self.split(test, flow);
                                others.extend(fails);
                                for flow in holds {
                                    self.steps(place, steps, flow, depth, frame);
                                }
                            }
                            rest = others;
                            if rest.is_empty() {
                                break;
                            }
                        }
                        frame.next.extend(rest);
                        continue;
                    }
                    Step::Then(action) => {
                        self.trace(&mut flow, place);
                        self.act(place, action, flow, depth, frame);
                        continue;
                    }
                    other => flow.state.change(other),
                }
                still.push(flow);
            }
            flows = still;
            if flows.is_empty() {
                return;
            }
            if at + 1 == steps.len() {
                // A rule without a verdict changes or counts, and goes on.
                for flow in &mut flows {
                    self.trace(flow, place);
                }
            }
        }
        frame.next.append(&mut flows);
    }

    fn act(&mut self, place: Place, action: &Action, mut flow: Flow, depth: usize, frame: &mut Frame) {
        match action {
            Action::Accept => {
                flow.state.accepted_by = Some(place);
                frame.accepted.push(flow);
            }
            Action::Drop => self.end(flow, End::Dropped, Some(place)),
            Action::Reject => self.end(flow, End::Rejected, Some(place)),
            Action::Return => frame.returned.push(flow),
            Action::Jump(chain) => {
                let back = self.chain(place.table, *chain, vec![flow], depth + 1, &mut frame.accepted);
                frame.next.extend(back);
            }
            Action::Goto(chain) => {
                let back = self.chain(place.table, *chain, vec![flow], depth + 1, &mut frame.accepted);
                frame.returned.extend(back);
            }
            Action::Destination(choices) => self.rewrite(place, choices, flow, frame),
            Action::Redirect(ports) => {
                let rest = self.redirect(place, *ports, flow, frame);
                if let Some(flow) = rest {
                    self.end(
                        flow,
                        End::Unknown("the interface has no address to redirect to".into()),
                        Some(place),
                    );
                }
            }
            Action::Source => {
                flow.state.source_rewritten = true;
                flow.state.accepted_by = Some(place);
                frame.accepted.push(flow);
            }
            Action::Unknown(reason) => self.end(flow, End::Unknown(Rc::clone(reason)), Some(place)),
        }
    }

    fn rewrite(&mut self, place: Place, choices: &[Rewrite], flow: Flow, frame: &mut Frame) {
        for flow in self.by_destination(flow) {
            let Some((address, port)) = self.destination(&flow) else { continue };
            for choice in choices {
                let (first, last) = choice.addresses.unwrap_or((address, address));
                let (low, high) = choice.ports.unwrap_or((port, port));
                let mut flow = flow.clone();
                // The kernel chooses one of a range; the first stands for all where there is only one.
                if first != last || low != high || choices.len() > 1 {
                    flow.state.doubt = Some("the kernel chooses one of several new destinations".into());
                }
                flow.state.destination = Some((first, low));
                flow.state.rewritten_by = Some(place);
                flow.state.accepted_by = Some(place);
                frame.accepted.push(flow);
            }
        }
    }

    /// To the first address of the interface that the packet came in through (nf_nat_redirect).
    fn redirect(
        &mut self,
        place: Place,
        ports: Option<(u16, u16)>,
        flow: Flow,
        frame: &mut Frame,
    ) -> Option<Flow> {
        let mut rest = Some(flow);
        for (bit, interface) in self.context.interfaces.iter().take(128).enumerate() {
            let Some(flow) = rest.take() else { break };
            let own = interface
                .addresses
                .iter()
                .map(|prefix| prefix.address)
                .find(|address| super::context::redirects_to(*address, self.context.family));
            let Some(own) = own else {
                rest = Some(flow);
                continue;
            };
            let (here, others) = flow.packets.split_interfaces(1 << bit);
            rest = others.map(|packets| Flow { packets, state: flow.state.clone() });
            let Some(packets) = here else { continue };
            let choice = Rewrite {
                addresses: Some((super::routing::number(own), super::routing::number(own))),
                ports,
            };
            self.rewrite(place, &[choice], Flow { packets, state: flow.state }, frame);
        }
        rest
    }

    /// The packets apart by their destination, where it was not rewritten.
    pub(crate) fn by_destination(&self, flow: Flow) -> Vec<Flow> {
        if flow.state.destination.is_some() || flow.packets.targets.count_ones() <= 1 {
            return vec![flow];
        }
        let bits = (0..128).filter(|bit| flow.packets.targets >> bit & 1 != 0);
        bits.map(|bit| {
            let packets = flow.packets.to(1 << bit);
            Flow { packets, state: flow.state.clone() }
        })
        .collect()
    }

    /// Where packets of one target go.
    pub(crate) fn destination(&self, flow: &Flow) -> Option<(u128, u16)> {
        let at = flow.packets.targets.trailing_zeros() as usize;
        flow.state.destination.or_else(|| self.targets.get(at).map(|target| (target.address, target.port)))
    }

    pub(crate) fn end(&mut self, flow: Flow, end: End, by: Option<Place>) {
        let mut ended = Ended { flow, end, by };
        // One rule stops many parts; those that differ in one respect only are kept as one, and that one may fit another.
        while let Some(joined) = self.ended.last().and_then(|last| last.join(&ended)) {
            self.ended.pop();
            ended = joined;
        }
        self.ended.push(ended);
    }

    pub(crate) fn give_up(&mut self, flows: Vec<Flow>, reason: &str) {
        let reason: Rc<str> = reason.into();
        for flow in flows {
            self.end(flow, End::Unknown(Rc::clone(&reason)), None);
        }
    }

    fn trace(&self, flow: &mut Flow, place: Place) {
        if self.tracing {
            flow.state.trace = Some(Rc::new(Trace { place, before: flow.state.trace.take() }));
        }
    }

    /// Whether a rule certainly does not take any of these packets: its first test fails for all.
    fn passes_by(&self, rule: &Rule, flow: &Flow) -> bool {
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
    fn split(&mut self, test: &Test, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
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

    /// Makes one of parts that differ in one respect only, so that their number does not grow with the rules.
    pub(crate) fn tidy(&mut self, flows: &mut Vec<Flow>) {
        if flows.len() < 2 || flows.len() > 64 {
            return;
        }
        let mut at = 0;
        while at < flows.len() {
            let mut other = at + 1;
            let mut joined = false;
            while other < flows.len() {
                self.work = self.work.saturating_add(4);
                let (Some(left), Some(right)) = (flows.get(at), flows.get(other)) else { break };
                match left.join(right) {
                    Some(flow) => {
                        flows.swap_remove(other);
                        if let Some(place) = flows.get_mut(at) {
                            *place = flow;
                        }
                        joined = true;
                    }
                    None => other += 1,
                }
            }
            // What grew may now fit one that it did not fit before.
            if !joined {
                at += 1;
            }
        }
    }
}

/// Packets that entered a hook anew: what an earlier one decided is not said of this one.
pub(crate) fn without_decision(mut flow: Flow) -> Flow {
    flow.state.accepted_by = None;
    flow
}

/// The packets that a base chain sees, and the others.
fn seen_by(base: &Base, flows: Vec<Flow>) -> (Vec<Flow>, Vec<Flow>) {
    let Some(interfaces) = base.interfaces else { return (flows, Vec::new()) };
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for flow in flows {
        let Flow { packets, state } = flow;
        let (seen, unseen) = parts(packets.split_interfaces(interfaces), &state);
        inside.extend(seen);
        outside.extend(unseen);
    }
    (inside, outside)
}

impl Ended {
    /// Both as one, where the same rule stopped them.
    fn join(&self, other: &Self) -> Option<Self> {
        let stopped = matches!(self.end, End::Dropped | End::Rejected);
        if !stopped || self.end != other.end || self.by != other.by || self.flow.state.trace.is_some() {
            return None;
        }
        let flow = self.flow.join(&other.flow)?;
        Some(Self { flow, end: self.end.clone(), by: self.by })
    }
}

impl Flow {
    fn join(&self, other: &Self) -> Option<Self> {
        if !self.state.alike(&other.state) {
            return None;
        }
        let certain = |state: &State| state.doubt.is_none() && state.chance.is_none();
        // Parts that are certain lie apart from all others. Others may overlap, and only the same packets are made one.
        let packets = match (certain(&self.state), certain(&other.state)) {
            (true, true) => self.packets.join(&other.packets)?,
            (false, false) if self.packets.same(&other.packets) => self.packets.clone(),
            _ => return None,
        };
        let mut state = self.state.clone();
        state.doubt = state.doubt.or_else(|| other.state.doubt.clone());
        state.chance = state.chance.or_else(|| other.state.chance.clone());
        Some(Self { packets, state })
    }
}

impl State {
    /// Whether later rules cannot tell the two apart.
    fn alike(&self, other: &Self) -> bool {
        self.mark == other.mark
            && self.connection_mark == other.connection_mark
            && self.tracking == other.tracking
            && self.destination == other.destination
            && self.source_rewritten == other.source_rewritten
            && self.out == other.out
            && self.added == other.added
            && self.forgotten == other.forgotten
            && self.accepted_by == other.accepted_by
    }

    /// The bit of `ct state`.
    fn tracked(&self) -> u32 {
        match self.tracking {
            // nft_ct_get_eval and xt_conntrack say invalid where there is no connection.
            Tracking::Before => STATE_INVALID,
            Tracking::New => STATE_NEW,
            Tracking::Never => STATE_UNTRACKED,
        }
    }

    /// What a step without a test does.
    fn change(&mut self, step: &Step) {
        let mix = |word: Word, and: u32, xor: u32| Word {
            value: (word.value & and) ^ xor,
            known: word.known | !and,
        };
        match step {
            Step::SetMark { and, xor } => self.mark = mix(self.mark, *and, *xor),
            Step::SetConnectionMark { .. } | Step::SaveMark { .. } | Step::ForgetConnectionMark
                if self.tracking != Tracking::New => {}
            Step::SetConnectionMark { and, xor } => {
                self.connection_mark = mix(self.connection_mark, *and, *xor)
            }
            Step::SaveMark { mask } => self.connection_mark = self.connection_mark.takes(self.mark, *mask),
            Step::RestoreMark { mask } if self.tracking == Tracking::New => {
                self.mark = self.mark.takes(self.connection_mark, *mask);
            }
            Step::ForgetMark => self.mark.known = 0,
            Step::ForgetConnectionMark => self.connection_mark.known = 0,
            Step::ForgetPacket(reason) => self.forgotten = Some(Rc::clone(reason)),
            Step::Untrack if self.tracking == Tracking::Before => self.tracking = Tracking::Never,
            Step::Adds(set) if !self.added.contains(set) => self.added.push(Rc::clone(set)),
            Step::Test(_)
            | Step::Branch(_)
            | Step::Then(_)
            | Step::RestoreMark { .. }
            | Step::Untrack
            | Step::Adds(_) => {}
        }
    }
}

impl Word {
    /// The bits of the mask from another word.
    fn takes(self, other: Self, mask: u32) -> Self {
        Self {
            value: (self.value & !mask) | (other.value & mask),
            known: (self.known & !mask) | (other.known & mask),
        }
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

fn one(holds: bool, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
    if holds { (vec![flow], Vec::new()) } else { (Vec::new(), vec![flow]) }
}

/// The same packets on both ways, marked.
fn both(flow: Flow, mark: impl Fn(&mut State)) -> (Vec<Flow>, Vec<Flow>) {
    let (mut holds, mut fails) = (flow.clone(), flow);
    mark(&mut holds.state);
    mark(&mut fails.state);
    (vec![holds], vec![fails])
}

fn parts((holds, fails): (Option<Packets>, Option<Packets>), state: &State) -> (Vec<Flow>, Vec<Flow>) {
    let flow = |packets: Option<Packets>| {
        packets.into_iter().map(|packets| Flow { packets, state: state.clone() }).collect()
    };
    (flow(holds), flow(fails))
}

/// Whether a test of a word holds.
enum Held {
    Known(bool),
    Unknown(Rc<str>),
}

impl Held {
    fn split(self, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        match self {
            Self::Known(holds) => one(holds, flow),
            Self::Unknown(reason) => both(flow, |state| state.doubt = Some(Rc::clone(&reason))),
        }
    }
}

impl Word {
    /// Whether it is one of these values.
    fn among(self, name: &str, values: &Ranges) -> Held {
        if self.known == u32::MAX {
            return Held::Known(values.contains(self.value.into()));
        }
        match Ranges::masked((self.value & self.known).into(), self.known.into(), 32, 1 << 12) {
            Some(possible) if !possible.meets(values) => Held::Known(false),
            Some(possible) if possible.without(values).is_empty() => Held::Known(true),
            _ => Held::Unknown(format!("the {name} is not known").into()),
        }
    }

    /// Whether it has this value where the mask has ones.
    fn masked(self, name: &str, value: u128, mask: u128) -> Held {
        let (value, mask) = (u32::try_from(value).unwrap_or(0), u32::try_from(mask).unwrap_or(u32::MAX));
        if (self.value ^ value) & mask & self.known != 0 {
            Held::Known(false)
        } else if mask & !self.known == 0 {
            Held::Known(true)
        } else {
            Held::Unknown(format!("the {name} is not known").into())
        }
    }
}
