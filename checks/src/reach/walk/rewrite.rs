//! New destinations: rules that send packets on to another machine, another port or this machine.

use super::state::Flow;
use super::{ACCEPTED, End, Frame, TOO_MANY, Walk};
use crate::reach::context::redirects_to;
use crate::reach::program::Rewrite;
use crate::reach::routing::number;
use crate::reach::tables::Place;

impl Walk<'_> {
    pub(super) fn rewrite(&mut self, place: Place, choices: &[Rewrite], flow: Flow, frame: &mut Frame) {
        if frame.accepted.len() > ACCEPTED {
            self.end(flow, End::Unknown(TOO_MANY.into()), Some(place));
            return;
        }
        for flow in self.by_destination(flow) {
            let Some((address, port)) = self.destination(&flow) else { continue };
            let choices = destinations(choices, (address, port));
            if choices.is_empty() {
                self.end(
                    flow,
                    End::Unknown("a rule rewrites the destination to nothing".into()),
                    Some(place),
                );
                continue;
            }
            for destination in &choices {
                let mut flow = flow.clone();
                if choices.len() > 1 {
                    flow.state.doubt = Some("the kernel chooses one of several new destinations".into());
                }
                flow.state.destination = Some(*destination);
                flow.state.rewritten_by = Some(place);
                flow.state.accepted_by = Some(place);
                frame.accepted.push(flow);
            }
        }
    }

    /// To the first address of the interface that the packet came in through (nf_nat_redirect).
    pub(super) fn redirect(
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
                .find(|address| redirects_to(*address, self.context.family));
            let Some(own) = own else {
                rest = Some(flow);
                continue;
            };
            let (here, others) = flow.packets.split_interfaces(1 << bit);
            rest = others.map(|packets| Flow { packets, state: flow.state.clone() });
            let Some(packets) = here else { continue };
            let choice = Rewrite { addresses: Some((number(own), number(own))), ports };
            self.rewrite(place, &[choice], Flow { packets, state: flow.state }, frame);
        }
        rest
    }
}

/// New destinations of one rule that are followed, ends of ranges among them; the others are as unknown as these.
const FOLLOWED: usize = 64;

/// The destinations that the kernel may choose.
fn destinations(choices: &[Rewrite], own: (u128, u16)) -> Vec<(u128, u16)> {
    let mut found = Vec::new();
    for choice in choices {
        let (first, last) = choice.addresses.unwrap_or((own.0, own.0));
        let (low, high) = choice.ports.unwrap_or((own.1, own.1));
        let addresses = (first..last.max(first)).take(FOLLOWED).chain([last.max(first)]);
        for address in addresses {
            let ports = (low..high.max(low)).take(FOLLOWED).chain([high.max(low)]);
            found.extend(ports.map(|port| (address, port)).take(FOLLOWED.saturating_sub(found.len())));
        }
    }
    found
}
