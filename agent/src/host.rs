//! The hosts behind `checks::host::Host`: this machine, a root on its disk, and a wrapper that takes notes.

mod files;
mod live;
mod record;
mod root;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod netfilter;
#[cfg(target_os = "linux")]
mod xenstore;

pub(crate) use live::Live;
pub(crate) use record::{Recorder, Touch};
pub(crate) use root::Root;
