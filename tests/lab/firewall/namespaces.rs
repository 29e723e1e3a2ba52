//! The machine under test and those around it, each in a network namespace of its own.
//!
//! ```text
//!   LAN ── lan0 ┐        ┌ docker0 ── BOX (a container)
//!               ├─ HOST ─┤
//!   WAN ── wan0 ┘        └ lo
//! ```

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use checks::facts::sockets::Protocol;
use serde::{Deserialize, Serialize};

use super::listeners;
use super::probe::{Outcome, Probe};

/// Who tries to reach the machine under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Client {
    Lan,
    Wan,
    Box,
}

/// Whether replies come back to a source; if not, only datagrams can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replies {
    Back,
    Elsewhere,
}

/// Sources that each client can take.
pub(crate) const SOURCES: &[(Client, &str, Replies)] = &[
    (Client::Lan, "192.168.77.2", Replies::Back),
    (Client::Lan, "192.168.77.130", Replies::Back),
    (Client::Lan, "10.20.30.40", Replies::Back),
    (Client::Lan, "10.20.31.5", Replies::Back),
    (Client::Lan, "172.16.5.5", Replies::Back),
    // HOST routes this one through wan0.
    (Client::Lan, "203.0.113.66", Replies::Elsewhere),
    (Client::Lan, "2001:db8:77::2", Replies::Back),
    (Client::Lan, "fd77::2", Replies::Back),
    (Client::Lan, "fd00:1234::5", Replies::Back),
    (Client::Lan, "2001:db8:200::66", Replies::Elsewhere),
    (Client::Wan, "198.51.100.2", Replies::Back),
    (Client::Wan, "198.51.100.77", Replies::Back),
    (Client::Wan, "203.0.113.5", Replies::Back),
    (Client::Wan, "203.0.113.77", Replies::Back),
    (Client::Wan, "203.0.113.200", Replies::Back),
    (Client::Wan, "192.0.2.33", Replies::Back),
    (Client::Wan, "2001:db8:100::2", Replies::Back),
    (Client::Wan, "2001:db8:200::7", Replies::Back),
    (Client::Wan, "2001:db8:2ff::99", Replies::Back),
    (Client::Box, "172.17.0.2", Replies::Back),
    (Client::Box, "fd17::2", Replies::Back),
];

/// Addresses of the machine under test.
pub(crate) const HOST: &[&str] = &[
    "192.168.77.1",
    "198.51.100.1",
    "198.51.100.9",
    "172.17.0.1",
    "2001:db8:77::1",
    "fd77::1",
    "2001:db8:100::1",
    "fd17::1",
];
/// Addresses of the container behind it.
pub(crate) const BOX: &[&str] = &["172.17.0.2", "fd17::2"];

impl Client {
    /// The interface of HOST that it is connected to.
    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Lan => "lan0",
            Self::Wan => "wan0",
            Self::Box => "docker0",
        }
    }

    /// The source address of its frames.
    pub(crate) fn mac(self) -> [u8; 6] {
        match self {
            Self::Lan => [2, 0, 0, 0, 0x77, 2],
            Self::Wan => [2, 0, 0, 0, 0x64, 2],
            Self::Box => [2, 0x42, 0xac, 0x11, 0, 2],
        }
    }
}

/// A MAC address as it is written.
pub(crate) fn written(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A process in a namespace of its own: it tries what it is told to.
struct Machine {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Everything that a ruleset is tried in. The calling process is HOST.
pub(crate) struct Town {
    machines: Vec<(Client, Machine)>,
    arrived: Arc<Mutex<HashSet<u64>>>,
    next: u64,
}

impl Town {
    /// Builds it around this process, which must be in a network namespace that is new.
    pub(crate) fn new() -> Self {
        let arrived = Arc::new(Mutex::new(HashSet::new()));
        let machines: Vec<(Client, Machine)> = [Client::Lan, Client::Wan, Client::Box]
            .into_iter()
            .map(|client| (client, Machine::start(client)))
            .collect();
        let pid = |client| machines.iter().find(|(one, _)| *one == client).unwrap().1.child.id();
        let script = format!(
            "{}lan={} wan={} box={}\n{}",
            routes(&[Client::Lan, Client::Wan, Client::Box]),
            pid(Client::Lan),
            pid(Client::Wan),
            pid(Client::Box),
            include_str!("town.sh")
        );
        sh(&script).unwrap_or_else(|error| panic!("{error}\n{script}"));
        listeners::open(listeners::HOST, &arrived);
        let mut town = Self { machines, arrived, next: 0 };
        for (client, machine) in &mut town.machines {
            let tell = (*client == Client::Box).then(|| Arc::clone(&town.arrived));
            machine.tell(&format!("listen {}", tell.is_some()));
        }
        town
    }

    /// Tries connections; what was dropped is tried a second time, for the sake of busy machines.
    pub(crate) fn attempt(&mut self, probes: &[Probe]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Dropped; probes.len()];
        for _ in 0..2 {
            let again: Vec<usize> =
                (0..probes.len()).filter(|at| outcomes[*at] == Outcome::Dropped).collect();
            self.once(probes, &again, &mut outcomes);
        }
        outcomes
    }

    fn once(&mut self, probes: &[Probe], which: &[usize], outcomes: &mut [Outcome]) {
        let mut asked: Vec<(Client, Vec<usize>)> = Vec::new();
        let first = self.next;
        self.next += probes.len() as u64;
        for (client, machine) in &mut self.machines {
            let mine: Vec<usize> = which.iter().copied().filter(|at| probes[*at].client == *client).collect();
            let order: Vec<(u64, &Probe)> =
                mine.iter().map(|at| (first + *at as u64, &probes[*at])).collect();
            machine.tell(&format!("try {}", serde_json::to_string(&order).unwrap()));
            asked.push((*client, mine));
        }
        for ((_, machine), (_, mine)) in self.machines.iter_mut().zip(asked) {
            let answer: Vec<Outcome> = serde_json::from_str(&machine.hear()).unwrap();
            for (at, outcome) in mine.into_iter().zip(answer) {
                outcomes[at] = outcome;
            }
        }
        // Only now has everything arrived that does.
        for (_, machine) in &mut self.machines {
            machine.tell("arrived");
            let tokens: Vec<u64> = serde_json::from_str(&machine.hear()).unwrap();
            self.arrived.lock().unwrap().extend(tokens);
        }
        let arrived = self.arrived.lock().unwrap();
        for at in which {
            if probes[*at].protocol == Protocol::Udp && arrived.contains(&(first + *at as u64)) {
                outcomes[*at] = Outcome::Open;
            }
        }
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for (_, machine) in &mut self.machines {
            let _ = machine.child.kill();
            let _ = machine.child.wait();
        }
    }
}

impl Machine {
    fn start(client: Client) -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "firewall::a_machine_around", "--nocapture"])
            .env("HOSTDUTY_LAB_MACHINE", serde_json::to_string(&client).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut machine = Self { child, input, output };
        assert_eq!(machine.hear(), "ready");
        machine
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next line that is meant for us: the test harness speaks too.
    fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "a machine of the laboratory ended");
            if let Some(line) = line.trim_end().strip_prefix(MARK) {
                return line.to_owned();
            }
        }
    }
}

const MARK: &str = "@ ";

/// The other side: a process that tries what it is told to, until nobody tells it anything.
pub(crate) fn serve() {
    let say = |line: &str| std::io::stdout().write_all(format!("\n{MARK}{line}\n").as_bytes()).unwrap();
    let arrived = Arc::new(Mutex::new(HashSet::new()));
    say("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if let Some(order) = line.strip_prefix("try ") {
            let order: Vec<(u64, Probe)> = serde_json::from_str(order).unwrap();
            say(&serde_json::to_string(&super::probe::attempt(&order)).unwrap());
        } else if line == "arrived" {
            let tokens: Vec<u64> = arrived.lock().unwrap().drain().collect();
            say(&serde_json::to_string(&tokens).unwrap());
        } else if line == "listen true" {
            listeners::open(listeners::BOX, &arrived);
        }
    }
}

/// Sources of each client as lines of shell.
fn routes(clients: &[Client]) -> String {
    let mut text = String::new();
    for client in clients {
        for family in [true, false] {
            let mine = SOURCES
                .iter()
                .filter(|(one, source, _)| {
                    one == client && source.parse::<IpAddr>().unwrap().is_ipv4() == family
                })
                .map(|(_, source, _)| *source)
                .collect::<Vec<_>>()
                .join(" ");
            let name = format!("{client:?}").to_lowercase();
            text += &format!("{name}{}='{mine}'\n", if family { 4 } else { 6 });
        }
    }
    text
}

/// Runs a script of sh(1); its standard error when it fails.
pub(crate) fn sh(script: &str) -> Result<String, String> {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Empties the table of connections of this namespace (IPCTNL_MSG_CT_DELETE of all).
pub(crate) fn forget_connections() {
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
    };
    use std::os::fd::AsRawFd;
    let socket =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)
            .unwrap();
    let mut message = Vec::new();
    message.extend(20_u32.to_ne_bytes());
    // NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK.
    message.extend(0x0102_u16.to_ne_bytes());
    message.extend(5_u16.to_ne_bytes());
    message.extend([0; 12]);
    sendto(socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty()).unwrap();
    let mut answer = [0; 64];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).unwrap();
    assert_eq!(answer[16..20], [0; 4], "the table of connections stays");
}
