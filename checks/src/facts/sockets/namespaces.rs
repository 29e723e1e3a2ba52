//! Sockets of other network namespaces, such as those of containers, through a process in each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::{Socket, tables, unless_absent};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Process;
use crate::gap::{Gap, GapKind, Reading};
use crate::host::{Host, read_text};

/// More namespaces than this are not looked at; any user may make some.
const NAMESPACES: usize = 256;
/// Processes whose namespace may be denied, as some sandboxes deny that of process 1, without giving up on all.
const DENIED: usize = 8;
/// More sockets than this, in all other namespaces together, are not kept.
const SOCKETS: usize = 20_000;
/// A table of another namespace stays under this many bytes: about 25,000 sockets.
const TABLE: usize = 4 << 20;

/// A network namespace that is not hostduty's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Namespace {
    /// Inode of the namespace; 0 where that was denied.
    pub inode: u64,
    /// The lowest process id in it, through which it was read.
    pub pid: u32,
    /// Name of that process, which it chooses itself.
    pub name: String,
    /// The systemd unit of that process; container engines name it by the container's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The addresses that are local there, without those of the loopback interface.
    pub addresses: Reading<Vec<IpAddr>>,
    /// By protocol, port and address. Their options are not known.
    pub sockets: Reading<Vec<Socket>>,
}

impl Namespace {
    /// Where the kernel lists one of its sockets.
    #[must_use]
    pub fn evidence(&self, socket: &Socket) -> Evidence {
        socket.listed_in(&format!("/proc/{}/net", self.pid))
    }
}

/// Every namespace but hostduty's own in which a process runs.
pub(super) fn read(host: &dyn Host, facts: &Facts) -> Result<Vec<Namespace>, Gap> {
    let processes = facts.processes.known()?;
    let own = inode(host, "self")?;
    let mut others: BTreeMap<u64, Vec<&Process>> = BTreeMap::new();
    let mut denied: Vec<&Process> = Vec::new();
    for process in &processes.list {
        match inode(host, &process.pid.to_string()) {
            Ok(inode) if inode != own => others.entry(inode).or_default().push(process),
            Ok(_) => {}
            // It ended meanwhile.
            Err(gap) if gap.is_absent() => {}
            Err(gap) if gap.why == GapKind::Denied => denied.push(process),
            Err(gap) => return Err(gap),
        }
    }
    // Without any privilege most are denied, and what is left says little.
    if denied.len() > DENIED {
        return Err(Gap::denied("the network namespaces of other users' processes"));
    }
    if others.len() > NAMESPACES {
        return Err(Gap::too_large("the list of network namespaces"));
    }
    let mut namespaces = Vec::new();
    let mut kept = 0_usize;
    for (inode, processes) in others {
        // The next process answers for one that ended meanwhile; where all did, the namespace is gone too.
        let Some(namespace) = processes.iter().find_map(|process| namespace(host, inode, process)) else {
            continue;
        };
        kept = kept.saturating_add(namespace.sockets.value().map_or(0, Vec::len));
        if kept > SOCKETS {
            return Err(Gap::too_large("the list of sockets in other network namespaces"));
        }
        namespaces.push(namespace);
    }
    namespaces.extend(denied.into_iter().map(unseen));
    Ok(namespaces)
}

/// What stands for the namespace of a process that cannot be told: it may be one of its own.
fn unseen(process: &Process) -> Namespace {
    let gap = || Gap::denied(format!("the network namespace of process {} ({})", process.pid, process.name));
    Namespace {
        inode: 0,
        pid: process.pid,
        name: process.name.clone(),
        unit: process.unit.clone(),
        addresses: Reading::Gap(gap()),
        sockets: Reading::Gap(gap()),
    }
}

/// The inode of the network namespace of a process.
fn inode(host: &dyn Host, pid: &str) -> Result<u64, Gap> {
    let path = format!("/proc/{pid}/ns/net");
    let link = host.read_link(&path)?;
    link.strip_prefix("net:[")
        .and_then(|rest| rest.strip_suffix(']'))
        .and_then(|number| number.parse::<u64>().ok())
        .filter(|number| *number <= i64::MAX.unsigned_abs())
        .ok_or_else(|| Gap::malformed(format!("{path} names no network namespace")))
}

/// Nothing where the process is no longer in it.
fn namespace(host: &dyn Host, inode: u64, process: &Process) -> Option<Namespace> {
    let folder = format!("/proc/{}/net", process.pid);
    let sockets = tables(host, &folder, TABLE);
    let addresses = addresses(host, &folder);
    // A process that ended has no tables, and one that moved on has another namespace's.
    if self::inode(host, &process.pid.to_string()).ok()? != inode {
        return None;
    }
    Some(Namespace {
        inode,
        pid: process.pid,
        name: process.name.clone(),
        unit: process.unit.clone(),
        addresses: addresses.into(),
        sockets: sockets.into(),
    })
}

fn addresses(host: &dyn Host, folder: &str) -> Result<Vec<IpAddr>, Gap> {
    let mut found = ipv4(&read_text(host, &format!("{folder}/fib_trie"), TABLE)?);
    let path = format!("{folder}/if_inet6");
    for line in unless_absent(read_text(host, &path, TABLE))?.unwrap_or_default().lines() {
        let digits = line.split(' ').next().unwrap_or_default();
        let address = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32);
        let address =
            address.ok_or_else(|| Gap::malformed(format!("{path} is not as the kernel writes it")))?;
        found.insert(Ipv6Addr::from(address).into());
    }
    Ok(found.into_iter().filter(|address| !address.is_loopback()).collect())
}

/// The local addresses in the kernel's drawing of its tables: `|-- ADDRESS`, then a line such as `/32 host LOCAL`.
fn ipv4(drawing: &str) -> BTreeSet<IpAddr> {
    let mut found = BTreeSet::new();
    let mut last = None;
    for line in drawing.lines() {
        let line = line.trim_start();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<IpAddr>().ok();
        } else if line.starts_with("/32 ") && line.ends_with(" LOCAL") {
            found.extend(last);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::facts::processes::Processes;
    use crate::host::Tree;

    const HEAD: &str = "  sl  local_address\n";
    const LISTENING: &str = "   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  33  0 4711 1 0 100 0 0 10 0\n";
    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                        Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 172.17.0.2\n        /32 host LOCAL\n\
                        \u{20}    |-- 172.17.255.255\n        /32 link BROADCAST\n";

    fn facts(pids: &[u32]) -> Facts {
        let process = |pid: &u32| Process { pid: *pid, name: format!("p{pid}"), ..Process::default() };
        let list = pids.iter().map(process).collect();
        Facts { processes: Ok(Processes { list, ..Processes::default() }).into(), ..Facts::default() }
    }

    fn host() -> Tree {
        Tree::new(Timestamp(0))
            .link("/proc/self/ns/net", "net:[1]")
            .link("/proc/1/ns/net", "net:[1]")
            .link("/proc/8/ns/net", "net:[2]")
            .link("/proc/9/ns/net", "net:[2]")
            .file("/proc/8/net/tcp", format!("{HEAD}{LISTENING}"))
            .file("/proc/8/net/udp", HEAD)
            .file("/proc/8/net/fib_trie", TRIE)
            .file("/proc/8/net/if_inet6", "20010db8000000000000000000000002 02 40 20 80     eth0\n")
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn a_container_is_seen_through_its_first_process() {
        let found = read(&host(), &facts(&[1, 7, 8, 9])).unwrap();
        let [container] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((container.inode, container.pid, container.name.as_str()), (2, 8, "p8"));
        let addresses = ["172.17.0.2", "2001:db8::2"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(container.addresses.value().unwrap(), &addresses);
        let sockets = container.sockets.value().unwrap();
        assert_eq!((sockets.len(), sockets[0].port, sockets[0].uid), (1, 80, 33));
        assert_eq!(container.evidence(&sockets[0]).source, "/proc/8/net/tcp");
    }

    #[test]
    fn what_cannot_be_looked_into_is_a_gap() {
        let why = |host: &Tree, facts: &Facts| read(host, facts).unwrap_err().why;
        assert_eq!(why(&host(), &Facts::default()), GapKind::NotGathered);
        assert_eq!(why(&Tree::new(Timestamp(0)), &facts(&[1])), GapKind::Absent);
        let deny = |host: Tree, pid: u32| {
            let path = format!("/proc/{pid}/ns/net");
            host.refuse(&path, Gap::denied(&path))
        };
        let one = read(&deny(host(), 9), &facts(&[1, 8, 9])).unwrap();
        let [seen, unseen] = one.as_slice() else { panic!("{one:?}") };
        assert!(seen.inode == 2 && seen.sockets.known().is_ok());
        assert_eq!((unseen.inode, unseen.pid, unseen.sockets.gap().unwrap().why), (0, 9, GapKind::Denied));
        let pids: Vec<u32> = (100..120).collect();
        let denied = pids.iter().fold(host(), |host, pid| deny(host, *pid));
        assert_eq!(why(&denied, &facts(&pids)), GapKind::Denied);
        let broken = host().file("/proc/8/net/tcp", "x\ny").file("/proc/8/net/if_inet6", "x\n");
        let found = read(&broken, &facts(&[8])).unwrap();
        assert!(found[0].sockets.known().is_err() && found[0].addresses.known().is_err());
        let many: Vec<u32> = (1000..1300).collect();
        let host = many
            .iter()
            .fold(host(), |host, pid| host.link(&format!("/proc/{pid}/ns/net"), &format!("net:[{pid}]")));
        assert_eq!(why(&host, &facts(&many)), GapKind::TooLarge);
    }
}
