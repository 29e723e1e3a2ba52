//! The hosts behind `checks::host::Host`: this machine, a root on its disk, and a wrapper that takes notes.

mod files;
mod live;
pub(crate) mod program;
mod record;
mod root;

#[cfg(target_os = "linux")]
mod bpf;
#[cfg(target_os = "linux")]
mod diag;
#[cfg(target_os = "linux")]
mod ipset;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod netfilter;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod route;
#[cfg(target_os = "linux")]
mod xenstore;

/// Opens what can only be asked by writing to it, while that is still allowed.
#[cfg(target_os = "linux")]
pub(crate) fn open_what_takes_writing() {
    xenstore::keep_open();
}

pub(crate) use live::Live;
pub(crate) use record::{Recorder, Touch};
pub(crate) use root::Root;

/// Whether nftables can be asked about without loading its module; `false` where there is none.
#[cfg(target_os = "linux")]
pub(crate) fn may_ask_nftables() -> Result<bool, checks::gap::Gap> {
    netfilter::may_ask("nf_tables")
}
