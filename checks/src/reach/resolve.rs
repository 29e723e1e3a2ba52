//! Puts together what became of packets, where chance or ignorance took them more than one way.

use std::rc::Rc;

use super::packets::Packets;
use super::tables::Place;
use super::walk::{End, Ended, Outcome, State, Stopped};

/// Packets with the one thing that happens to them.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) packets: Packets,
    pub(crate) end: End,
    /// What lets some through and stops others at another time.
    pub(crate) chance: Option<Rc<str>>,
    pub(crate) by: Option<Place>,
    /// What the rules did to the packets.
    pub(crate) state: State,
}

/// Overlaps that are taken apart, and comparisons that it may take; more are unknown.
const CELLS: usize = 2000;
const COMPARISONS: usize = 1 << 20;

/// What happens to packets.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Each packet once.
    pub(crate) parts: Vec<Part>,
    /// What is only counted.
    pub(crate) stopped: Stopped,
}

/// Takes apart what chance or ignorance let overlap.
pub(crate) fn resolve(outcome: Outcome) -> Resolved {
    Resolved { parts: apart(outcome.ended), stopped: outcome.stopped }
}

fn apart(ended: Vec<Ended>) -> Vec<Part> {
    let (certain, open): (Vec<Ended>, Vec<Ended>) =
        ended.into_iter().partition(|one| one.flow.state.chance.is_none() && one.flow.state.doubt.is_none());
    let mut parts: Vec<Part> =
        certain.into_iter().map(|one| part(one.flow.packets.clone(), &one, None)).collect();
    // What lies in the same place, by the ends that it may come to.
    let mut cells: Vec<(Packets, Vec<usize>)> = Vec::new();
    let mut compared = 0_usize;
    for (at, one) in open.iter().enumerate() {
        compared = compared.saturating_add(cells.len());
        let mut rest = vec![one.flow.packets.clone()];
        let mut grown = Vec::new();
        for (packets, ends) in std::mem::take(&mut cells) {
            let mut outside = Vec::new();
            let mut untouched = vec![packets];
            for piece in &rest {
                let mut left = Vec::new();
                for packets in untouched {
                    match packets.and(piece) {
                        Some(common) => {
                            let mut both = ends.clone();
                            both.push(at);
                            left.extend(packets.without(&common));
                            grown.push((common, both));
                        }
                        None => left.push(packets),
                    }
                }
                untouched = left;
            }
            for piece in rest {
                let mut pieces = vec![piece];
                for (common, _) in grown.iter().filter(|(_, both)| both.last() == Some(&at)) {
                    pieces = pieces.into_iter().flat_map(|piece| piece.without(common)).collect();
                }
                outside.extend(pieces);
            }
            rest = outside;
            grown.extend(untouched.into_iter().map(|packets| (packets, ends.clone())));
        }
        cells = grown;
        cells.extend(rest.into_iter().map(|packets| (packets, vec![at])));
        if cells.len() > CELLS || compared > COMPARISONS {
            let reason: Rc<str> =
                "chance and what is not understood cut the sources into too many parts".into();
            return parts
                .into_iter()
                .chain(open.into_iter().map(|one| {
                    let end = End::Unknown(Rc::clone(&reason));
                    Part { end, ..part(one.flow.packets.clone(), &one, None) }
                }))
                .collect();
        }
    }
    parts.extend(cells.into_iter().flat_map(|(packets, ends)| {
        let ends: Vec<&Ended> = ends.iter().filter_map(|at| open.get(*at)).collect();
        settle(&packets, &ends)
    }));
    parts
}

fn part(packets: Packets, one: &Ended, chance: Option<Rc<str>>) -> Part {
    Part { packets, end: one.end.clone(), chance, by: one.by, state: one.flow.state.clone() }
}

/// What packets that may come to several ends come to: once for each destination that they may have by then.
fn settle(packets: &Packets, ends: &[&Ended]) -> Vec<Part> {
    let Some(first) = ends.first() else { return Vec::new() };
    let place = |one: &Ended| (one.flow.state.destination, one.flow.state.out);
    if ends.iter().all(|one| one.end == first.end && place(one) == place(first)) {
        return vec![part(packets.clone(), first, None)];
    }
    let understood = ends.iter().find_map(|one| match &one.end {
        End::Unknown(reason) => Some(Rc::clone(reason)),
        _ => None,
    });
    let doubt = understood.or_else(|| ends.iter().find_map(|one| one.flow.state.doubt.clone()));
    let chance = ends.iter().find_map(|one| one.flow.state.chance.clone());
    let open = ends.iter().any(|one| one.end == End::Through);
    let mut found: Vec<Part> = Vec::new();
    for one in ends {
        if found.iter().any(|known| (known.state.destination, known.state.out) == place(one)) {
            continue;
        }
        match &doubt {
            Some(reason) => {
                let end = End::Unknown(Rc::clone(reason));
                found.push(Part { end, ..part(packets.clone(), one, None) });
            }
            None if !open => return vec![part(packets.clone(), first, None)],
            None if one.end == End::Through => found.push(part(packets.clone(), one, chance.clone())),
            None => {}
        }
    }
    found
}
