//! What rules stop: counted where nobody asks for the packets themselves, and taken out of many parts at once.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::state::{Flow, State};
use super::{End, Walk};
use crate::reach::program::{Action, Field, Rule, Step, Test};
use crate::reach::ranges::Ranges;
use crate::reach::sources::Sources;
use crate::reach::tables::Place;

/// Rules that are named for packets of one way.
const NAMED: usize = 4;
/// Lists up to this length join the pending ones; a longer one is taken out of every part at once.
const SHORT: usize = 64;
/// Pending ranges that are kept; inserting into a longer list would take longer than taking it out.
const PENDING: usize = 1024;

/// Where stopped packets were going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Going {
    /// Bit N for target N of the walk.
    pub(crate) targets: u128,
    /// Bit N for interface N of the context.
    pub(crate) interfaces: u128,
    /// The destination as rewritten.
    pub(crate) destination: Option<(u128, u16)>,
    /// The interfaces through which they would have left.
    pub(crate) out: Option<u128>,
}

/// How many sources were stopped on one way to each of its targets.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Those whose usual packets were.
    pub(crate) sources: u128,
    /// The rules and policies that stopped most of them, with how many.
    pub(crate) by: Vec<(u128, Place)>,
}

pub(crate) type Stopped = BTreeMap<Going, Tally>;

impl Tally {
    fn add(&mut self, sources: u128, usual: bool, place: Place) {
        if usual {
            self.sources = self.sources.saturating_add(sources);
        }
        if let Some((sum, _)) = self.by.iter_mut().find(|(_, known)| *known == place) {
            *sum = sum.saturating_add(sources);
        } else if self.by.len() < NAMED {
            self.by.push((sources, place));
        } else if let Some(least) = self.by.iter_mut().min_by_key(|(sum, _)| *sum)
            && least.0 < sources
        {
            *least = (sources, place);
        }
    }
}

/// Sources that rules of the chain in hand have stopped for all of its packets alike. They are taken out of a part of the
/// packets when that part ends or leaves the chain: a list of blocked networks costs as much for a hundred sockets as for one.
#[derive(Debug, Default)]
pub(super) struct Pending(Ranges);

impl Pending {
    /// What is left of these; `None` when nothing is.
    pub(super) fn out_of(&self, sources: Sources) -> Option<Sources> {
        let left = if self.0.is_empty() { sources } else { sources.less(&self.0) };
        (!left.is_empty()).then_some(left)
    }

    /// Takes them out of every part, and a longer list as well.
    pub(super) fn settle(&mut self, flows: &mut Vec<Flow>, more: &Ranges) {
        let pending = std::mem::take(&mut self.0);
        let gone = if more.is_empty() { pending } else { pending.or(more) };
        if gone.is_empty() {
            return;
        }
        let mut bases = Vec::new();
        flows.retain_mut(|flow| {
            flow.packets.sources.lose(&gone, &mut bases);
            !flow.packets.sources.is_empty()
        });
    }
}

impl Walk<'_> {
    /// Certain ends of packets that nobody asks for are only counted, by what stopped them.
    pub(super) fn counts(&self, flow: &Flow, end: &End) -> bool {
        !self.tracing && flow.state.is_certain() && matches!(end, End::Dropped | End::Rejected)
    }

    pub(super) fn count(&mut self, flow: &Flow, sources: u128, by: Option<Place>) {
        let Some(place) = by.filter(|_| sources > 0) else { return };
        let State { destination, out, .. } = flow.state;
        let going =
            Going { targets: flow.packets.targets, interfaces: flow.packets.interfaces, destination, out };
        let usual = flow.packets.are_usual();
        self.outcome.stopped.entry(going).or_default().add(sources, usual, place);
    }

    /// The sources that a rule stops whatever else the packets hold, where every packet of the chain still has its own.
    pub(super) fn stops<'r>(&self, rule: &'r Rule, flows: &[Flow]) -> Option<&'r Rc<Ranges>> {
        match rule.steps.as_slice() {
            [Step::Test(Test::Is(Field::Source, wanted)), Step::Then(Action::Drop | Action::Reject)] => {
                (!self.tracing && flows.iter().all(|flow| flow.state.has_its_source())).then_some(wanted)
            }
            _ => None,
        }
    }

    /// Stops these sources for all packets of the chain alike. What is not certain of them has been dealt with.
    pub(super) fn stop(&mut self, wanted: &Rc<Ranges>, place: Place, flows: &mut Vec<Flow>) {
        let fresh = match self.pending.0.is_empty() {
            true => Rc::clone(wanted),
            false => Rc::new(wanted.without(&self.pending.0)),
        };
        self.work = self.work.saturating_add(fresh.as_slice().len());
        // Parts have few bases between them.
        let mut bases: Vec<(*const Ranges, u128)> = Vec::new();
        for flow in flows.iter().filter(|flow| flow.state.is_certain()) {
            let sources = flow.packets.sources.meeting(&fresh, &mut bases);
            self.count(flow, sources, Some(place));
        }
        if fresh.as_slice().len() > SHORT {
            self.pending.settle(flows, &fresh);
            return;
        }
        for (first, last) in fresh.as_slice() {
            self.pending.0.insert(*first, *last);
        }
        if self.pending.0.as_slice().len() > PENDING {
            self.pending.settle(flows, &Ranges::none());
        }
    }
}
