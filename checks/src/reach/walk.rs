//! Pushes a set of packets through the chains, and says where each part of it ends.

mod rewrite;
mod split;
mod state;
mod stopped;
#[cfg(test)]
mod tests;
mod tidy;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::context::Context;
use super::packets::Packets;
use super::program::{Action, Rule, Step};
use super::ranges::Ranges;
use super::tables::{Base, Place, Program};
use crate::facts::ruleset::{Hook, Policy};
use split::Union;
use state::Tracking;
pub(crate) use state::{Flow, State, Trace};
use stopped::Pending;
pub(crate) use stopped::{Going, Stopped, Tally};

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

/// Where packets end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// They are let through to a socket here, or to another machine when `state.out` says so.
    Through,
    Dropped,
    Rejected,
    Unknown(Rc<str>),
}

/// What became of packets.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) ended: Vec<Ended>,
    /// What was certainly stopped and is only counted; nothing where the rules that took the packets are kept.
    pub(crate) stopped: Stopped,
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
/// Parts of them that it may let through or send elsewhere, rule by rule.
const ACCEPTED: usize = 100_000;
/// Why packets are given up that are cut into more.
const TOO_MANY: &str = "the rules cut the sources into too many parts";
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
    pending: Pending,
    pub(crate) outcome: Outcome,
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
        Self {
            context,
            program,
            targets,
            ports,
            addresses,
            tracing,
            work: 0,
            pending: Pending::default(),
            outcome: Outcome::default(),
        }
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
        // Nothing is pending for packets that come from another chain.
        let outer = std::mem::take(&mut self.pending);
        let mut union = Union::of(&flows);
        for (at, rule) in rules.iter().enumerate() {
            if flows.is_empty() {
                break;
            }
            self.work = self.work.saturating_add(1);
            if self.passes_by_all(rule, &union) {
                continue;
            }
            self.work = self.work.saturating_add(flows.len() / 8);
            if self.work > WORK || flows.len() > PARTS || accepted.len() > ACCEPTED {
                self.pending.settle(&mut flows, &Ranges::none());
                self.give_up(std::mem::take(&mut flows), TOO_MANY);
                self.give_up(std::mem::take(&mut returned), TOO_MANY);
                break;
            }
            let place = Place { table, chain, rule: Some(at) };
            let stopped = self.stops(rule, &flows);
            let count = flows.len();
            let mut frame = Frame::default();
            for flow in self.concerned(rule, stopped.is_some(), &mut flows) {
                self.steps(place, &rule.steps, flow, depth, &mut frame);
            }
            accepted.append(&mut frame.accepted);
            returned.append(&mut frame.returned);
            if !frame.next.is_empty() {
                flows.append(&mut frame.next);
                union = Union::of(&flows);
            }
            if let Some(wanted) = stopped {
                self.stop(wanted, place, &mut flows);
            }
            if flows.len() > count {
                self.tidy(&mut flows);
            }
        }
        self.pending.settle(&mut flows, &Ranges::none());
        self.pending = outer;
        flows.append(&mut returned);
        self.tidy(&mut flows);
        flows
    }

    /// Takes those packets out of the list that a rule may take; where it stops sources of all alike, those alone of
    /// which it is not certain that they are here.
    fn concerned(&self, rule: &Rule, stops: bool, flows: &mut Vec<Flow>) -> Vec<Flow> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(flow) = flows.get(at) {
            if stops && flow.state.is_certain() || self.passes_by(rule, flow) {
                at += 1;
            } else {
                found.push(flows.swap_remove(at));
            }
        }
        found
    }

    /// Takes packets through the steps of a rule.
    fn steps(&mut self, place: Place, steps: &[Step], flow: Flow, depth: usize, frame: &mut Frame) {
        let mut flows = vec![flow];
        for (at, step) in steps.iter().enumerate() {
            let mut still = Vec::new();
            for mut flow in flows {
                if still.len() + frame.next.len() > PARTS {
                    self.give_up(vec![flow], TOO_MANY);
                    continue;
                }
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
                                if others.len() + frame.next.len() > PARTS {
                                    self.give_up(vec![flow], TOO_MANY);
                                    continue;
                                }
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
        let Some(sources) = self.pending.out_of(flow.packets.sources) else { return };
        flow.packets.sources = sources;
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
        if self.counts(&flow, &end) {
            self.count(&flow, flow.packets.sources.count(), by);
        } else {
            self.outcome.ended.push(Ended { flow, end, by });
        }
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
        for Flow { packets, state } in seen {
            let (some, whole) = parts(packets.split_interfaces(base.partly), &state);
            inside.extend(whole);
            for flow in some {
                let reason = "a chain sees what comes in through some ports of the bridge or bond only";
                let (here, past) = both(flow, |state| state.doubt = Some(reason.into()));
                inside.extend(here);
                outside.extend(past);
            }
        }
        outside.extend(unseen);
    }
    (inside, outside)
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
