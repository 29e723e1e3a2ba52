//! A cheap look at what nobody announces: which processes there are, which sockets wait, and what small files of the
//! kernel say. It tells which rooms are worth gathering again.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use checks::facts::sockets::Protocol;
use checks::gap::Gap;
use checks::host::{Host, Query, SMALL};

use super::room_set::RoomSet;

/// What the last look saw.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// Processes, and whether each is a thread of the kernel.
    processes: HashMap<u32, bool>,
    sockets: u64,
    tales: BTreeMap<String, u64>,
    /// Files that say something else all the time without any room being the wiser.
    babblers: BTreeSet<String>,
}

/// What a look found to be different.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Rooms to gather again.
    pub(crate) rooms: RoomSet,
    /// Whether something was mounted or unmounted: a folder may be another without any word about it.
    pub(crate) mounts: bool,
    /// The files that told so.
    told: BTreeMap<String, RoomSet>,
}

impl Glance {
    /// Looks, and says what is different from the last time.
    pub(crate) fn look(
        &mut self,
        host: &dyn Host,
        glanced: RoomSet,
        tales: &BTreeMap<String, RoomSet>,
    ) -> Found {
        let mut found = Found::default();
        // Both, whatever the first says: each keeps what it saw.
        let (processes, sockets) = (self.processes(host), self.sockets(host));
        if processes || sockets {
            found.rooms.add(glanced);
        }
        self.tales.retain(|tale, _| tales.contains_key(tale));
        for (tale, rooms) in tales {
            if self.babblers.contains(tale) {
                continue;
            }
            let now = digest(&host.read(tale, SMALL).map_err(|gap| gap.why as u8));
            if self.tales.insert(tale.clone(), now).is_some_and(|before| before != now) {
                found.rooms.add(*rooms);
                found.mounts |= tale.ends_with("/mountinfo");
                found.told.insert(tale.clone(), *rooms);
            }
        }
        found
    }

    /// What was gathered again made a difference to these rooms only: a file whose word made none is not asked again.
    pub(crate) fn learn(&mut self, found: Found, changed: RoomSet) {
        self.babblers
            .extend(found.told.into_iter().filter(|(_, rooms)| !rooms.meets(changed)).map(|(tale, _)| tale));
    }

    /// Whether processes came or went. Threads of the kernel do so all the time.
    fn processes(&mut self, host: &dyn Host) -> bool {
        let Ok(names) = host.list("/proc") else { return true };
        let before = std::mem::take(&mut self.processes);
        let mut different = false;
        for process in names.iter().filter_map(|name| name.parse::<u32>().ok()) {
            let is_thread = match before.get(&process) {
                Some(&is_thread) => is_thread,
                None => {
                    let is_thread = is_kernel_thread(host, process);
                    different |= !is_thread;
                    is_thread
                }
            };
            self.processes.insert(process, is_thread);
        }
        different
            || before.iter().any(|(process, is_thread)| !is_thread && !self.processes.contains_key(process))
    }

    /// Whether other sockets wait for somebody.
    fn sockets(&mut self, host: &dyn Host) -> bool {
        let mut seen = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for ipv6 in [false, true] {
                match waiting(host, protocol, ipv6) {
                    Ok(mut sockets) => seen.append(&mut sockets),
                    Err(_) => return true,
                }
            }
        }
        // The kernel lists them in no order that lasts.
        seen.sort_unstable();
        let now = digest(&seen);
        std::mem::replace(&mut self.sockets, now) != now
    }
}

/// PF_KTHREAD of the ninth field of /proc/PID/stat, which stands after a name in brackets that may hold anything.
fn is_kernel_thread(host: &dyn Host, process: u32) -> bool {
    let Ok(stat) = host.read(&format!("/proc/{process}/stat"), SMALL) else { return false };
    let stat = String::from_utf8_lossy(&stat);
    let flags = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & 0x0020_0000 != 0)
}

/// What does not change about each socket of a dump: `inet_diag_msg` without its counters.
fn waiting(host: &dyn Host, protocol: Protocol, ipv6: bool) -> Result<Vec<[u8; 56]>, Gap> {
    const HEADER: usize = 16;
    let dump = host.query(&Query::SocketDiag { protocol, ipv6 })?;
    let mut sockets = Vec::new();
    let mut rest = dump.as_slice();
    while let Some(length) = rest.first_chunk().map(|length| u32::from_ne_bytes(*length) as usize) {
        let step = length.max(HEADER).next_multiple_of(4);
        if let Some(message) = rest.get(HEADER..length)
            && let (Some(identity), Some(owner)) = (message.get(4..52), message.get(64..72))
        {
            let mut socket = [0; 56];
            socket[..48].copy_from_slice(identity);
            socket[48..].copy_from_slice(owner);
            sockets.push(socket);
        }
        rest = rest.get(step..).unwrap_or_default();
    }
    Ok(sockets)
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use checks::date::Timestamp;
    use checks::host::Tree;

    const BOTH: [&str; 2] = ["processes", "sockets"];

    fn stat(flags: u64) -> String {
        format!("7 (a) b (x) S 2 0 0 0 -1 {flags} 0 0\n")
    }

    fn host(processes: &[(u32, u64)], swaps: &str) -> Tree {
        let mut tree = Tree::new(Timestamp(0)).file("/proc/swaps", swaps);
        for (process, flags) in processes {
            tree = tree.file(&format!("/proc/{process}/stat"), stat(*flags));
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for ipv6 in [false, true] {
                tree = tree.answer(Query::SocketDiag { protocol, ipv6 }, []);
            }
        }
        tree
    }

    fn looked(glance: &mut Glance, host: &Tree) -> Found {
        let rooms = RoomSet::named("processes").and(RoomSet::named("sockets"));
        glance.look(host, rooms, &BTreeMap::from([("/proc/swaps".to_owned(), RoomSet::named("block"))]))
    }

    #[test]
    fn processes_count_and_threads_of_the_kernel_do_not() {
        let mut glance = Glance::default();
        let thread = 0x0420_8040;
        assert_eq!(looked(&mut glance, &host(&[(1, 0x0040_0100), (9, thread)], "")).rooms.names(), BOTH);
        assert_eq!(looked(&mut glance, &host(&[(1, 0x0040_0100), (9, thread)], "")), Found::default());
        assert_eq!(looked(&mut glance, &host(&[(1, 0x0040_0100), (8, thread)], "")), Found::default());
        assert_eq!(looked(&mut glance, &host(&[(1, 0), (8, thread), (77, 0)], "")).rooms.names(), BOTH);
        assert_eq!(looked(&mut glance, &host(&[(1, 0), (8, thread)], "")).rooms.names(), BOTH);
    }

    #[test]
    fn a_file_that_says_something_else_in_vain_is_not_asked_again() {
        let mut glance = Glance::default();
        looked(&mut glance, &host(&[(1, 0)], "a"));
        let found = looked(&mut glance, &host(&[(1, 0)], "b"));
        assert_eq!(found.rooms.names(), ["block"]);
        glance.learn(found, RoomSet::named("block"));
        let found = looked(&mut glance, &host(&[(1, 0)], "c"));
        assert_eq!(found.rooms.names(), ["block"]);
        glance.learn(found, RoomSet::NONE);
        assert_eq!(looked(&mut glance, &host(&[(1, 0)], "d")), Found::default());
    }

    #[test]
    fn counters_of_a_socket_are_no_change() {
        let socket = |queue: u8, port: u8| {
            let mut bytes = vec![0; 88];
            bytes[..4].copy_from_slice(&88_u32.to_ne_bytes());
            (bytes[16 + 5], bytes[16 + 56]) = (port, queue);
            bytes
        };
        let with = |bytes: Vec<u8>| {
            host(&[], "").answer(Query::SocketDiag { protocol: Protocol::Tcp, ipv6: false }, bytes)
        };
        let mut glance = Glance::default();
        looked(&mut glance, &with(socket(0, 22)));
        assert_eq!(looked(&mut glance, &with(socket(9, 22))), Found::default());
        assert_eq!(looked(&mut glance, &with(socket(9, 80))).rooms.names(), BOTH);
        assert_eq!(looked(&mut glance, &with(socket(9, 80)[..50].to_vec())).rooms.names(), BOTH);
    }
}
