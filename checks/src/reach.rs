//! Who can reach what: the packet filter evaluated for new inbound connections, with the sources left open.

pub(crate) mod context;
pub(crate) mod packets;
pub(crate) mod program;
pub mod ranges;
pub(crate) mod routing;
