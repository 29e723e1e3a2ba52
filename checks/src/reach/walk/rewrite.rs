//! New destinations: rules that send packets on to another machine, another port or this machine.

use super::state::Flow;
use super::{Frame, Walk};
use crate::reach::context::redirects_to;
use crate::reach::program::Rewrite;
use crate::reach::routing::number;
use crate::reach::tables::Place;

impl Walk<'_> {
    pub(super) fn rewrite(&mut self, place: Place, choices: &[Rewrite], flow: Flow, frame: &mut Frame) {
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
