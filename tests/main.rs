//! What a user sees: the built binary on trees, snapshots, hostile input and wrong command lines.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails loudly and says what it leaves out"
)]

mod cli;
mod documents;
mod exposure;
mod formats;
mod generated;
mod golden;
mod history;
mod hostile;
mod inventory;
mod macos;
mod page;
mod patches;
mod policy;
mod schema;
mod secrets;
mod sshd;
mod support;
mod watch;
