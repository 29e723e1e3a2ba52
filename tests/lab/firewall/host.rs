//! The agent's own readers of the running machine: what they gather here is what `hostduty` gathers.
#![allow(dead_code, reason = "the laboratory gathers the rooms that firewalls take")]

#[path = "../../../agent/src/host/bpf.rs"]
mod bpf;
#[path = "../../../agent/src/host/diag.rs"]
mod diag;
#[path = "../../../agent/src/host/files.rs"]
mod files;
#[path = "../../../agent/src/host/ipset.rs"]
mod ipset;
#[path = "../../../agent/src/host/linux.rs"]
mod linux;
#[path = "../../../agent/src/host/live.rs"]
mod live;
#[path = "../../../agent/src/host/netfilter.rs"]
mod netfilter;
#[path = "../../../agent/src/host/netlink.rs"]
mod netlink;
#[path = "../../../agent/src/host/route.rs"]
mod route;
#[path = "../../../agent/src/host/xenstore.rs"]
mod xenstore;

pub(crate) use live::Live;
