//! The agent's own `--root` host, so that an oracle compares what ships and not a second reader of folders.

#[allow(dead_code, reason = "the running machine needs parts that a root does not")]
#[path = "../../../agent/src/host/files.rs"]
mod files;
#[path = "../../../agent/src/host/root.rs"]
mod root;

pub(crate) use root::Root;
