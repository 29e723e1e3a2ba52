//! Matches and targets of xtables: the same kernel structures behind iptables-legacy and iptables-nft.

mod action;
mod conntrack;
mod match_words;
mod matches;
mod matching;
mod operands;
mod rate;
mod sets;
mod structure;
mod target_words;
mod targets;
mod words;

pub use action::{ConnmarkMode, CtTarget, NatRange, Target};
pub use conntrack::{Conntrack, Masked, conntrack_flag};
pub use matching::Match;
pub use operands::{
    AddressRange, HopCount, Icmp, Interface, MarkMatch, Number, Physdev, Ports, Recent, RecentAction,
    RoutingHeader, Side, Span, TcpFlags,
};
pub use rate::{HashLimit, Rate, RateUnit};
pub use sets::{SetKey, SetMatch, SetTarget};
pub(super) use structure::Structure;
pub use words::rule;

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
