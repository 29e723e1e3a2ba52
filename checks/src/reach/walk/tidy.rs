//! Parts of packets made one again where later rules cannot tell them apart.

use super::Walk;
use super::state::Flow;

impl Walk<'_> {
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

impl Flow {
    fn join(&self, other: &Self) -> Option<Self> {
        if !self.state.alike(&other.state) {
            return None;
        }
        // Parts that are certain lie apart from all others. Others may overlap, and only the same packets are made one.
        let packets = match (self.state.is_certain(), other.state.is_certain()) {
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
