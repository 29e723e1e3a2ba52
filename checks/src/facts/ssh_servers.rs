//! SSH servers that run or will be started on this host, each with the command line that decides what it does.

mod arguments;
mod daemon;
mod dropbear;
mod others;
mod presence;
pub(super) mod running;
mod script;
mod shell;
pub(super) mod written;

pub use arguments::Given;
pub use daemon::{Daemon, Running};
pub use others::{Answer, Other};
pub use presence::{Presence, Server};
use serde::{Deserialize, Serialize};
pub use written::{Listen, Starts};

use super::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// The SSH servers of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SshServers {
    /// Each distinct way in which OpenSSH's sshd is or will be started, the distribution's own first.
    pub daemons: Vec<Daemon>,
    /// Servers that are not OpenSSH's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
    /// What could not be read, so that there may be more of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// Finds them among units, scripts and processes.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> SshServers {
    let mut servers = SshServers::default();
    servers.daemons = daemon::read(host, facts, &mut servers.gaps);
    servers.others = others::read(host, facts, &mut servers.gaps);
    servers
}

#[cfg(test)]
mod tests;
