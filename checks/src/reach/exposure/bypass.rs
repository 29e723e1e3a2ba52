//! Who would reach a published port if no rule sent it on: whether publishing it went around the input chains.

use super::gathered::{Gathered, Outlook};
use super::senders::{Near, every, neighbours};
use super::targets::representatives;
use super::{Access, Published, Reach};
use crate::facts::Facts;
use crate::facts::ruleset::{Hook, IpFamily};
use crate::gap::Gap;
use crate::reach::context::Context;
use crate::reach::hooks;
use crate::reach::resolve::resolve;
use crate::reach::routing::{address, number};
use crate::reach::tables::Program;
use crate::reach::walk::Target;

/// Asks about a socket of this machine in the place of a published port, as if no rule rewrote destinations.
///
/// # Errors
/// The gap of the network or the ruleset.
pub fn without_rewriting(facts: &Facts, published: &Published) -> Result<Access, Gap> {
    let (network, ruleset) = (facts.network.known()?, facts.ruleset.known()?);
    let family = IpFamily::of(published.address);
    let context = Context::new(family, published.protocol, network, ruleset).lasting();
    let mut program = Program::new(&context);
    program.bases.retain(|base| !(base.nat && base.hook == Hook::Prerouting));
    let outside = hooks::outside(&context, 0).map_err(|reason| Gap::unsupported(&*reason))?;
    let domains = outside.iter().map(|one| (one.interfaces, one.sources.ranges().as_ref().clone())).collect();
    let outlook = Outlook::new(&context, program.origins(), domains);
    let targets: Vec<Target> = representatives(&context, &program)
        .into_iter()
        .map(|own| Target { address: number(own), port: published.port, socket: None })
        .collect();
    let is_link_local = |target: &Target| match address(target.address, family) {
        std::net::IpAddr::V6(own) => own.is_unicast_link_local(),
        std::net::IpAddr::V4(_) => false,
    };
    let (link_local, plain): (Vec<Target>, Vec<Target>) = targets.into_iter().partition(is_link_local);
    let mut gathered = Gathered::default();
    for targets in plain.chunks(128) {
        let every = every(targets.len());
        let from = outside.iter().map(|packets| packets.to(every)).collect();
        gathered.add_all(&resolve(hooks::run(&context, &program, targets, from, false)), &outlook);
    }
    for target in &link_local {
        let from = neighbours(&context, target, 1, Near::Numbered).into_iter().collect();
        let target = std::slice::from_ref(target);
        gathered.add_all(&resolve(hooks::run(&context, &program, target, from, false)), &outlook);
    }
    Ok(gathered.access(&[&outlook], Reach::Nobody))
}
