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

/// Overlaps that are taken apart, and pieces that may be looked at for it; more are unknown.
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
    if let Some(cells) = cells(&open) {
        parts.extend(cells.into_iter().flat_map(|(packets, ends)| {
            let ends: Vec<&Ended> = ends.iter().filter_map(|at| open.get(*at)).collect();
            settle(&packets, &ends)
        }));
    } else {
        let reason: Rc<str> = "chance and what is not understood cut the sources into too many parts".into();
        parts.extend(open.iter().map(|one| {
            let end = End::Unknown(Rc::clone(&reason));
            Part { end, ..part(one.flow.packets.clone(), one, None) }
        }));
    }
    parts
}

/// The packets of `open` in pieces that do not overlap, each with the indexes of those that hold it; nothing where the
/// pieces are too many.
fn cells(open: &[Ended]) -> Option<Vec<(Packets, Rc<[usize]>)>> {
    let mut cells: Vec<(Packets, Rc<[usize]>)> = Vec::new();
    let mut compared = 0_usize;
    for (at, one) in open.iter().enumerate() {
        // What of this one lies in no cell so far.
        let mut rest = vec![one.flow.packets.clone()];
        let mut grown = Vec::new();
        for (packets, ends) in cells {
            compared = compared.saturating_add(1 + ends.len() / 16);
            let mut untouched = vec![packets];
            let mut beside = Vec::new();
            for piece in rest {
                let (mut left, mut common) = (Vec::new(), Vec::new());
                for packets in untouched {
                    match packets.and(&piece) {
                        Some(both) => {
                            left.extend(packets.without(&both));
                            common.push(both);
                        }
                        None => left.push(packets),
                    }
                }
                untouched = left;
                let outside = |pieces: Vec<Packets>, both: &Packets| {
                    pieces.iter().flat_map(|piece| piece.without(both)).collect()
                };
                beside.extend(common.iter().fold(vec![piece], outside));
                grown.extend(
                    common.into_iter().map(|both| (both, ends.iter().copied().chain([at]).collect())),
                );
                compared = compared.saturating_add(untouched.len() + beside.len());
            }
            if compared > COMPARISONS || grown.len() > CELLS {
                return None;
            }
            rest = beside;
            grown.extend(untouched.into_iter().map(|packets| (packets, Rc::clone(&ends))));
        }
        cells = grown;
        cells.extend(rest.into_iter().map(|packets| (packets, Rc::from([at]))));
    }
    Some(cells)
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
