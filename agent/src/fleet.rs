//! `report --host`: many machines are asked over SSH, each for its own report, and nothing stays on any of them.
//!
//! One ssh for each host: a short command asks for the system, a script and the binary that fits go in over standard
//! input, one JSON report comes back. What the other side prints is bounded in bytes and time and is parsed before any of
//! it is shown. A host that fails is a result with a name, never the end of the run.

mod answer;
mod binaries;
mod conversation;
mod destination;
mod failure;
mod inventory;
mod progress;
mod saved;
mod script;
mod session;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

#[cfg(test)]
pub(crate) use answer::parse;
pub(crate) use answer::{code, severity, verdict};
pub(crate) use destination::Destination;
pub(crate) use failure::Failure;
#[cfg(test)]
pub(crate) use failure::Reason;
pub(crate) use saved::saved;

use crate::cli;
use crate::render::json_v1;

/// What is said of a line is no longer than this, in characters.
const MOST_SAID: usize = 300;

/// A list of hosts larger than this is none.
const LARGEST_LIST: u64 = 8 << 20;

/// Why nobody could be asked.
#[derive(Debug)]
pub(crate) enum Error {
    /// There is no ssh.
    NoSsh,
    /// `--host` names what cannot be reached by ssh.
    Host(String, String),
    /// A list of hosts or an inventory cannot be read.
    Unreadable(String, std::io::Error),
    /// It is not one.
    Inventory(String, String),
    /// One of its lines is not understood.
    Line(String, usize, String),
    /// It is no report that was saved.
    Saved(String, String),
    /// The files name nobody.
    Nobody,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSsh => {
                write!(f, "{} is not there\ninstall the OpenSSH client", session::SSH)
            }
            Self::Host(host, why) => write!(f, "--host {host}: {why}"),
            Self::Unreadable(file, error) => {
                write!(
                    f,
                    "{file} cannot be read: {error}\nname a list of hosts or an inventory that you may read"
                )
            }
            Self::Inventory(file, why) => write!(f, "{file}: {why}"),
            // Of a line without end, what it begins with is enough.
            Self::Line(file, line, why) if why.chars().count() > MOST_SAID => {
                write!(f, "{file}:{line}: {}…", why.chars().take(MOST_SAID).collect::<String>())
            }
            Self::Line(file, line, why) => write!(f, "{file}:{line}: {why}"),
            Self::Saved(file, why) => write!(
                f,
                "{file} is not a report that this version understands: {why}\nmake one with `hostduty report --format json`"
            ),
            Self::Nobody => f.write_str("no host is named there\nname one with --host user@server"),
        }
    }
}

/// Those who are to be asked, and what was said about them that is not followed.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) list: Vec<Destination>,
    pub(crate) notes: Vec<String>,
}

/// What one host came to.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) host: Destination,
    pub(crate) answer: Result<json_v1::Report, Failure>,
    pub(crate) milliseconds: u64,
}

/// Everybody whom the command line names, in its order, each once.
pub(crate) fn hosts(arguments: &cli::Remote) -> Result<Hosts, Error> {
    let mut hosts = Hosts::default();
    for host in &arguments.hosts {
        hosts.list.push(Destination::typed(host).map_err(|why| Error::Host(host.clone(), why))?);
    }
    for file in &arguments.lists {
        hosts.list.extend(destination::listed(file)?);
    }
    for file in &arguments.inventories {
        let listed = inventory::read(file)?;
        hosts.list.extend(listed.hosts);
        hosts.notes.extend(listed.notes);
    }
    let mut seen = BTreeSet::new();
    hosts.list.retain(|host| seen.insert((host.name.clone(), host.target.clone(), host.port)));
    if hosts.list.is_empty() { Err(Error::Nobody) } else { Ok(hosts) }
}

/// Asks everybody, some at a time. `words` are those of `report` on the other side.
pub(crate) fn ask(
    hosts: Vec<Destination>,
    words: Vec<String>,
    config: Option<&str>,
    report: &cli::Report,
) -> Result<Vec<Asked>, Error> {
    if !Path::new(session::SSH).exists() {
        return Err(Error::NoSsh);
    }
    let remote = &report.remote;
    let order = session::Order {
        arguments: words,
        config,
        sudo: remote.sudo,
        timeout: remote.timeout,
        // Two that ask at once would be read as one.
        may_ask: hosts.len() == 1 && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        binaries: binaries::Binaries::new(remote.remote_binaries.as_deref()),
    };
    let progress = progress::Progress::new(hosts.len());
    let next = AtomicUsize::new(0);
    let asked = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..remote.jobs.min(hosts.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(host) = hosts.get(number) else { break };
                    let begun = Instant::now();
                    progress.begin(&host.name);
                    let mut answer = session::ask(&order, host);
                    if let (Ok(answer), Some(path)) = (&mut answer, &report.against.config) {
                        name_configuration(answer, path);
                    }
                    progress.end(&host.name, answer.is_ok());
                    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                    // The list is whole even if another thread panicked while it held the lock.
                    let mut asked = asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    asked.push((number, Asked { host: host.clone(), answer, milliseconds }));
                }
            });
        }
    });
    progress.finish();
    let mut asked = asked.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    asked.sort_by_key(|(number, _)| *number);
    Ok(asked.into_iter().map(|(_, asked)| asked).collect())
}

/// The other side read the operator's configuration from standard input; here it has a name.
fn name_configuration(report: &mut json_v1::Report, path: &Path) {
    let there = format!("configured in {}", crate::config::STANDARD_INPUT);
    if let Some(rest) = report.offer.how.strip_prefix(&there) {
        report.offer.how = format!("configured in {}{rest}", path.display());
    }
}

/// A list of hosts or an inventory.
fn read(path: &Path) -> Result<String, Error> {
    crate::named::read(path, LARGEST_LIST)
        .map_err(|error| Error::Unreadable(path.display().to_string(), error))
}
