//! The processes of SSH servers: what was handed to each, and on which sockets it listens.

use std::collections::BTreeMap;

use super::arguments;
use super::written::{Listen, base};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Process;
use crate::facts::sockets::{Protocol, Socket};
use crate::gap::{Gap, GapKind};
use crate::host::{self, Host};

/// A process that waits for connections.
pub(in crate::facts) struct Server<'a> {
    pub(in crate::facts) process: &'a Process,
    pub(in crate::facts) arguments: Vec<String>,
    /// The whole of them joined by blanks, where a title is all that is known.
    pub(in crate::facts) title: Option<String>,
    pub(in crate::facts) at: Evidence,
    pub(in crate::facts) listens: Vec<Listen>,
    pub(in crate::facts) gaps: Vec<Gap>,
}

/// The sockets of TCP that wait for connections, by inode.
pub(in crate::facts) fn sockets(facts: &Facts) -> BTreeMap<u64, &Socket> {
    let sockets = facts.sockets.value().map_or(&[][..], |sockets| &sockets.list);
    sockets
        .iter()
        .filter(|socket| socket.protocol == Protocol::Tcp)
        .map(|socket| (socket.inode, socket))
        .collect()
}

/// Where a process waits for connections.
pub(super) fn listens(process: &Process, sockets: &BTreeMap<u64, &Socket>) -> Vec<Listen> {
    let held = process.open.value().map_or(&[][..], |open| &open.sockets);
    held.iter()
        .filter_map(|inode| sockets.get(inode))
        .map(|socket| Listen {
            address: Some((socket.address, socket.port).into()),
            interface: None,
            at: socket.evidence(),
        })
        .collect()
}

/// Whether a program is OpenSSH's server; Alpine has `sshd.pam` and `sshd.krb5`, and administrators copies of it.
pub(super) fn is_sshd(name: &str) -> bool {
    let helper = ["sshd-session", "sshd-auth", "sshd-keygen"].iter().any(|helper| name.starts_with(helper));
    let is_copy =
        |rest: &str| rest.starts_with(|first: char| first == '.' || first == '-' || first.is_ascii_digit());
    name == "sshd" || (!helper && name.strip_prefix("sshd").is_some_and(is_copy))
}

/// The daemons of sshd, without the processes that serve a connection. What is neither root's nor known to be the
/// host's is left to [`super::others`].
pub(super) fn daemons<'a>(
    host: &dyn Host,
    facts: &'a Facts,
    sockets: &BTreeMap<u64, &Socket>,
) -> Vec<Server<'a>> {
    let processes = facts.processes.value().map_or(&[][..], |processes| &processes.list);
    let roots = processes.iter().filter(|process| is_sshd(process.program()));
    roots
        .filter(|process| process.uid == 0 && !process.contained)
        .filter_map(|process| daemon(host, process, sockets))
        .collect()
}

fn daemon<'a>(host: &dyn Host, process: &'a Process, sockets: &BTreeMap<u64, &Socket>) -> Option<Server<'a>> {
    let folder = format!("/proc/{}", process.pid);
    let at = Evidence::of(folder.clone());
    let listens = listens(process, sockets);
    let mut server = Server { process, arguments: Vec::new(), title: None, at, listens, gaps: Vec::new() };
    match host.read(&format!("{folder}/cmdline"), host::SMALL) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
            if let Some(joined) = arguments::titled(&text) {
                let (words, certain) = arguments::split(joined);
                server.arguments = words;
                if !certain {
                    server.gaps.push(Gap::unsupported(format!(
                        "its title does not show where one of its arguments ends ({folder}/cmdline)"
                    )));
                }
                server.title = Some(joined.to_owned());
            } else if text.starts_with("sshd:") {
                // A session, which listens too where it forwards a port; the name of its user has no slash. Another title
                // had no room for its end.
                let is_session = !text.contains('/') || text.contains("@pts/");
                if server.listens.is_empty() || is_session {
                    return None;
                }
                server.gaps.push(Gap::unsupported(format!("its title is cut off ({folder}/cmdline)")));
            } else {
                server.arguments = text.split('\0').skip(1).map(str::to_owned).collect();
            }
        }
        // It ended meanwhile.
        Err(gap) if gap.is_absent() => return None,
        Err(gap) => server.gaps.push(gap),
    }
    match host.read_link(&format!("{folder}/root")) {
        Ok(root) if root != "/" => {
            server
                .gaps
                .push(Gap::unsupported(format!("it runs in a root of its own ({folder}/root: {root})")));
        }
        _ => {}
    }
    Some(server)
}

/// Servers that keep their command line as it was given.
pub(in crate::facts) fn plain<'a>(
    host: &dyn Host,
    facts: &'a Facts,
    sockets: &BTreeMap<u64, &Socket>,
    wanted: fn(&str) -> bool,
) -> Vec<Server<'a>> {
    let processes = facts.processes.value().map_or(&[][..], |processes| &processes.list);
    let mut found = Vec::new();
    for process in processes.iter().filter(|process| wanted(process.program())) {
        let listens = listens(process, sockets);
        // A container has files and accounts of its own, unless it shares the host's addresses.
        if process.contained && listens.is_empty() {
            continue;
        }
        let path = format!("/proc/{}/cmdline", process.pid);
        let (mut arguments, mut gaps) = (Vec::new(), Vec::new());
        match host.read(&path, host::SMALL) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let words = text.trim_end_matches('\0').split('\0');
                // busybox and the like are called `busybox dropbear …`.
                let named = words.clone().position(|word| wanted(base(word))).unwrap_or(0);
                arguments = words.skip(named.saturating_add(1)).map(str::to_owned).collect();
            }
            // A process that ended has no folder; a snapshot of files without this one says nothing of it.
            Err(gap)
                if gap.why == GapKind::Absent && host.stat(&format!("/proc/{}", process.pid)).is_err() =>
            {
                continue;
            }
            Err(gap) => gaps.push(gap),
        }
        let at = Evidence::of(format!("/proc/{}", process.pid)).says(process.program().to_owned());
        found.push(Server { process, arguments, title: None, at, listens, gaps });
    }
    found
}
