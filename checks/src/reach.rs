//! Who can reach what: the packet filter evaluated for new inbound connections, with the sources left open.
//!
//! What the kernel enforces ([`crate::facts::ruleset`]) and where packets go ([`crate::facts::network`]) are facts. Here
//! a set of packets is pushed through the base chains in the kernel's order. Its sources, the interfaces that it comes in
//! through, and whatever else of it a rule tests stay open; each test cuts the set. What chance decides is followed
//! both ways and called limited; what is not understood is followed both ways and called unknown, for exactly the
//! packets that it concerns and only where the ways end differently.

mod connect;
mod context;
mod exposure;
mod hooks;
mod nft;
mod packets;
mod program;
pub mod ranges;
mod resolve;
mod routing;
mod sources;
mod tables;
mod walk;
mod words;
mod xtables;

pub use connect::{Answer, Question, Verdict, connect};
pub use exposure::{
    Access, Exposed, Exposure, Filtered, Published, Reach, Unnamed, exposure, filters, unnamed,
    without_rewriting,
};
pub(crate) use words::{is_most, networks};
