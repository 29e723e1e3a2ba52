//! VNC servers that run or will be started, and how each lets somebody in. Passwords are never read.
//!
//! The command line of a running server decides; `vncconfig -set` can change it afterwards, which leaves no trace.

mod perl;
mod programs;
mod qemu;
mod sessions;
mod tiger;
mod wayvnc;
mod x11vnc;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::accounts::User;
use crate::facts::ssh_servers::written::base;
use crate::facts::ssh_servers::{Listen, Starts, running, written};
use crate::gap::{Gap, Reading};
use crate::host::{Host, System};
pub use tiger::Scheme;

/// More servers than any host has; every account may start some.
const MOST: usize = 256;
/// Homes that are looked into for a password.
const MOST_HOMES: usize = 1000;
/// A file of settings stays under this many bytes.
const LONGEST: usize = 64 << 10;
/// Where the VNC password of an account lies.
const IN_HOMES: [&str; 2] = [".vnc/passwd", ".config/tigervnc/passwd"];
/// Where the machine's lies by custom.
const OF_MACHINE: [&str; 3] = ["/etc/x11vnc.pass", "/etc/x11vnc.passwd", "/etc/vnc/passwd"];

/// The VNC servers of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VncServers {
    /// Those that run, then those that something would start and that ask for something else.
    pub servers: Vec<VncServer>,
    /// Files with a VNC password: scrambled with a key that everybody knows, eight characters at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub password_files: Vec<String>,
    /// What could not be read, so that there may be more of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A VNC server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VncServer {
    /// The name of its program, or of the unit that starts a session with one.
    pub program: String,
    /// The account that it runs as, where that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// How it lets somebody in; whoever connects chooses one.
    pub takes: Reading<Vec<Scheme>>,
    /// Whether it runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// When it is started.
    pub starts: Starts,
    /// Its process, the lines that start it, and those that say how it lets somebody in.
    pub at: Vec<Evidence>,
    /// Where it listens, while it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<Listen>,
    /// The unit that its process belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What a command line comes to.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    takes: Result<Vec<Scheme>, Gap>,
    /// Whether it serves nobody over TCP.
    local: bool,
    at: Vec<Evidence>,
}

impl Asked {
    fn of(takes: Result<Vec<Scheme>, Gap>) -> Self {
        Self { takes, local: false, at: Vec::new() }
    }
}

/// Finds them among processes and units.
pub(crate) fn read(host: &dyn Host, facts: &Facts) -> Result<VncServers, Gap> {
    if facts.system != System::Linux {
        return Err(Gap::not_gathered());
    }
    let mut found = VncServers::default();
    match facts.processes.known() {
        Ok(processes) => found.gaps.extend(processes.gaps.iter().cloned()),
        Err(gap) => found.gaps.push(gap),
    }
    running_ones(host, facts, &mut found);
    match facts.units.known() {
        Ok(units) => {
            let started = written::read(host, units, &[], programs::is_started, &mut found.gaps);
            for written in started {
                found.add_written(host, facts, written);
            }
        }
        Err(gap) => found.gaps.push(gap),
    }
    if found.servers.len() > MOST {
        found.servers.truncate(MOST);
        found.gaps.push(Gap::too_large("the list of VNC servers"));
    }
    password_files(host, facts, &mut found);
    Ok(found)
}

fn running_ones(host: &dyn Host, facts: &Facts, found: &mut VncServers) {
    let sockets = running::sockets(facts);
    let accounts = facts.accounts.value();
    for server in running::plain(host, facts, &sockets, programs::is_server) {
        let process = server.process;
        let user = accounts.and_then(|all| all.users.iter().find(|user| user.uid == process.uid));
        let name = base(process.program()).to_owned();
        // A server that is an X server too has the ports of X11 besides.
        let of_x11 = |listen: &Listen| listen.address.is_some_and(|one| (6000..=6063).contains(&one.port()));
        let mut listens = server.listens;
        listens.retain(|listen| !(name.starts_with('X') && of_x11(listen)));
        let asked = match server.gaps.first() {
            Some(gap) => Asked::of(Err(gap.clone())),
            None => programs::asked(host, &name, &server.arguments, user, &listens),
        };
        let contained =
            process.contained.then(|| Gap::unsupported("it is a container's, with files of its own"));
        if asked.local && listens.is_empty() {
            continue;
        }
        found.servers.push(VncServer {
            program: name,
            account: user.map_or_else(String::new, |user| user.name.clone()),
            takes: contained.filter(|_| asked.takes.is_err()).map_or(asked.takes, Err).into(),
            running: true,
            starts: Starts::ByHand,
            at: std::iter::once(server.at).chain(asked.at).collect(),
            listens,
            unit: process.unit.clone(),
        });
        if found.servers.len() > MOST {
            return;
        }
    }
}

impl VncServers {
    /// What would be started is of interest where nothing that runs asks for the same already.
    fn add_written(&mut self, host: &dyn Host, facts: &Facts, written: written::Written) {
        let name = base(&written.program).to_owned();
        let asked = match written.gaps.first() {
            Some(gap) => Asked::of(Err(gap.clone())),
            None => sessions::asked(host, facts, &name, &written.arguments)
                .unwrap_or_else(|| programs::asked(host, &name, &written.arguments, None, &written.listens)),
        };
        if asked.local || self.servers.len() > MOST {
            return;
        }
        let takes: Reading<Vec<Scheme>> = asked.takes.into();
        let at = [written.at.says(format!("of {}", written.unit))];
        let at: Vec<Evidence> = at.into_iter().chain(written.started_by).chain(asked.at).collect();
        // A unit may leave open what its own process shows.
        let same = |server: &&mut VncServer| match takes.value() {
            Some(_) => server.takes == takes,
            None => server.unit.as_deref() == Some(&written.unit) && server.program == name,
        };
        if let Some(server) = self.servers.iter_mut().find(same) {
            server.starts = written.starts;
            server.at.extend(at.into_iter().take(MOST.saturating_sub(server.at.len())));
            return;
        }
        self.servers.push(VncServer {
            program: written.unit,
            takes,
            starts: written.starts,
            at,
            ..VncServer::default()
        });
    }
}

/// Only whether they are there is asked.
fn password_files(host: &dyn Host, facts: &Facts, found: &mut VncServers) {
    let is_there = |path: &String| host.stat(path).is_ok_and(|stat| stat.size > 0);
    let users = facts.accounts.value().map_or(&[][..], |accounts| &accounts.users);
    let mut homes: Vec<&str> = users.iter().filter_map(home).take(MOST_HOMES).collect();
    homes.sort_unstable();
    homes.dedup();
    let own = homes.iter().flat_map(|home| IN_HOMES.iter().map(move |name| format!("{home}/{name}")));
    let all = OF_MACHINE.iter().map(|path| (*path).to_owned()).chain(own);
    found.password_files = all.filter(is_there).collect();
}

/// The home folder of an account, where it has one.
fn home(user: &User) -> Option<&str> {
    let home = user.home.trim_end_matches('/');
    let sound = home.starts_with('/') && !home.split('/').any(|part| part == "..");
    sound.then_some(home)
}

#[cfg(test)]
mod tests;
