//! Remote desktops are reached through a tunnel, never over the open network.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::processes::{Process, Processes};
use crate::facts::sockets::{Protocol, Socket};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::reach::{self, Access, Reach};

pub(crate) static CHECK: Check = Check {
    id: "remote-desktop-tunnelled",
    title: "No remote desktop of this host listens where other machines can reach it",
    severity: Severity::High,
    systems: &[System::Linux, System::MacOs],
    unmeasured_on: &[],
    machine: false,
    rationale: "VNC sends the screen and the keys in the clear and takes passwords of at most eight characters; X11 over \
                TCP gives whoever connects the whole session; RDP servers are guessed at all day long. A remote \
                desktop belongs on the loopback, behind an SSH or VPN tunnel that authenticates by key.",
    remedy: "ss -tlpn   # which server listens where\n\
             Let the server listen on the loopback alone: `-localhost` for Xvnc and x11vnc, `address=127.0.0.1` for \
             wayvnc, `port=tcp://.:3389` in xrdp.ini, `-nolisten tcp` for X servers.\n\
             Reach it through SSH: ssh -L 5901:127.0.0.1:5901 you@host",
    references: &["Xvnc(1)", "x11vnc(1)", "xrdp.ini(5)", "Xserver(1)", "RFC 6143 section 7.2.2"],
    examples: Examples {
        kept: r#"
[sockets.known]
list = [{ protocol = "tcp", port = 5901, address = "127.0.0.1", inode = 1300, uid = 1000 }]
"#,
        broken: r#"
[sockets.known]
list = [{ protocol = "tcp", port = 5901, address = "0.0.0.0", inode = 1300, uid = 1000 }]
[ruleset.known]
ipv6.known = "absent"
legacy_ipv4.known = []
legacy_ipv6.known = []
nftables.known.tables = []
[network.known]
routes.known = [{ to = "192.0.2.1/32", table = 255, kind = 2, through = [2] }]
rules.known = []
bpf.known = []
bpf_netfilter.known = []
forwards_ipv4.known = false
forwards_ipv6.known = false
[[network.known.interfaces]]
index = 2
name = "eth0"
up = true
hardware = 1
addresses = ["192.0.2.1/24"]
reverse_path_filter.known = 0
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    if facts.system == System::MacOs {
        return crate::mac::remote_desktop::tunnelled(facts);
    }
    let sockets = facts.sockets.known()?;
    let filter = Filter::new(facts);
    let holders = facts.processes.value().map(Processes::holders).unwrap_or_default();
    let mut judgement = Judgement::new();
    let mut by_port_alone = 0_usize;
    let mut hidden: Vec<String> = Vec::new();
    // The kernel's own sockets have no process, so a socket without one is in doubt only where processes are hidden.
    let sees_all = facts.processes.value().is_some_and(|processes| {
        processes.gaps.is_empty() && processes.list.iter().all(|process| process.open.value().is_some())
    });
    for socket in sockets.list.iter().filter(|socket| socket.protocol == Protocol::Tcp) {
        let program = holders.get(&socket.inode).map(|process| named(process));
        by_port_alone += usize::from(program.is_none() && !socket.is_loopback());
        let Some(what) = remote_desktop(socket, program) else {
            let closed = || socket.is_loopback() || filter.closes(socket);
            match program {
                Some(program) => {
                    if let Some(protocol) = display_port(socket.port).filter(|_| !closed()) {
                        judgement.unknown(format!(
                            "{socket} is a port of {protocol}, and whether {program} passes a desktop on there is not known"
                        ));
                    }
                }
                // Below 1024 only root opens ports, and no remote desktop has its place there.
                None if !sees_all && socket.port >= 1024 && !closed() => hidden.push(socket.to_string()),
                None => {}
            }
            continue;
        };
        if socket.is_loopback() {
            judgement.observe(format!("{socket} {what}, on the loopback alone"), [socket.evidence()]);
            continue;
        }
        let access = match filter.access(socket) {
            Ok(access) => access,
            Err(reason) => {
                judgement.unknown(format!("{socket} {what}, and who reaches it is not known: {reason}"));
                continue;
            }
        };
        match access.reach {
            // A password of eight characters in the clear is no better for coming from a network that is known.
            Reach::Anyone | Reach::Networks => {
                let whom = match access.reach {
                    Reach::Anyone => "open to anyone who reaches this machine".to_owned(),
                    _ => format!(
                        "restricted to {}: that is no tunnel",
                        crate::packet_filter::names(&access.from)
                    ),
                };
                judgement.fail(Finding {
                    subject: socket.to_string(),
                    message: format!("{what}, {whom}"),
                    evidence: crate::packet_filter::seen(socket.evidence(), access),
                });
            }
            Reach::Loopback | Reach::Nobody => judgement.observe(
                format!("{socket} {what}, and the packet filter lets nobody in"),
                access.decided_by.iter().cloned(),
            ),
            Reach::Unknown => {
                let reason = access.reason.as_deref().unwrap_or("no reason is known");
                judgement.unknown(format!("{socket} {what}, and who reaches it is not known: {reason}"));
            }
        }
    }
    if let Some(first) = hidden.first() {
        let more = match hidden.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        judgement.unknown(format!(
            "whether {first}{more} is a remote desktop is not known: seeing which program holds it takes root"
        ));
    }
    if judgement == Judgement::new() {
        judgement.observe("no remote desktop listens", ["/proc/net/tcp", "/proc/net/tcp6"].map(Evidence::of));
    }
    if by_port_alone > 0 && judgement.unknowns.is_empty() {
        judgement.observe(
            format!(
                "{by_port_alone} sockets were told by their port alone: naming their processes takes root"
            ),
            ["/proc/net/tcp", "/proc/net/tcp6"].map(Evidence::of),
        );
    }
    Ok(judgement)
}

/// Who reaches each socket, as far as that is known.
struct Filter(Result<Vec<(Socket, Access)>, Gap>);

impl Filter {
    fn new(facts: &Facts) -> Self {
        let own = |found: reach::Exposure| {
            let own = found.sockets.into_iter().filter(|exposed| exposed.namespace.is_none());
            own.map(|exposed| (exposed.socket, exposed.access)).collect()
        };
        Self(reach::exposure(facts).map(own))
    }

    fn access(&self, socket: &Socket) -> Result<&Access, String> {
        let found = self.0.as_ref().map_err(ToString::to_string)?;
        let own = found.iter().find(|(one, _)| one == socket);
        own.map(|(_, access)| access).ok_or_else(|| "it was not asked about".to_owned())
    }

    fn closes(&self, socket: &Socket) -> bool {
        self.access(socket).is_ok_and(|access| matches!(access.reach, Reach::Loopback | Reach::Nobody))
    }
}

/// What remote desktop a socket belongs to: certainly by its program, probably by its port.
fn remote_desktop(socket: &Socket, program: Option<&str>) -> Option<String> {
    let by_port = match socket.port {
        6000..=6063 => Some("X11"),
        port => display_port(port),
    };
    match program {
        // An X server is no script; web applications like this range.
        Some(program) if INTERPRETERS.iter().any(|name| program.starts_with(name)) => {
            display_port(socket.port).map(|protocol| format!("looks like {protocol} through {program}"))
        }
        Some(program) if PROGRAMS.iter().any(|name| is(program, name)) => Some(format!("is {program}")),
        Some(program) if CARRIERS.iter().any(|name| program.starts_with(name)) => {
            by_port.map(|protocol| format!("looks like {protocol} through {program}"))
        }
        Some(_) => None,
        None => by_port.map(|protocol| format!("looks like {protocol} by its port")),
    }
}

/// What listens on a port by custom; displays count from 5900, and the ports from 5984 on belong to CouchDB and WinRM.
fn display_port(port: u16) -> Option<&'static str> {
    match port {
        5900..=5963 => Some("VNC or SPICE"),
        3389 => Some("RDP"),
        _ => None,
    }
}

/// What a process is called: a script by its own name where that is one of [`PROGRAMS`], such as `websockify` and `xpra`,
/// and not by that of its interpreter.
fn named(process: &Process) -> &str {
    let program = process.program();
    let is_script = INTERPRETERS.iter().any(|name| program.starts_with(name));
    if is_script && PROGRAMS.iter().any(|name| is(&process.name, name)) { &process.name } else { program }
}

/// `comm` holds 15 bytes, so a longer name may be cut there.
fn is(program: &str, name: &str) -> bool {
    program == name || (program.len() == 15 && name.starts_with(program))
}

/// Servers of VNC, RDP, X11, NoMachine and their like.
const PROGRAMS: &[&str] = &[
    "AnyDesk",
    "X",
    "X0tigervnc",
    "Xephyr",
    "Xkasmvnc",
    "Xnest",
    "Xorg",
    "Xspice",
    "Xtigervnc",
    "Xtightvnc",
    "Xvfb",
    "Xvnc",
    "Xvnc4",
    "Xwayland",
    "anydesk",
    "dcvserver",
    "freerdp-shadow-cli",
    "gnome-remote-desktop-daemon",
    "krdpserver",
    "krfb",
    "krfb-virtualmonitor",
    "nxagent",
    "nxd",
    "nxserver.bin",
    "rustdesk",
    "sunshine",
    "teamviewerd",
    "tigervncserver",
    "vino-server",
    "vncserver",
    "vncserver-virtuald",
    "vncserver-x11",
    "vncserver-x11-core",
    "w0vncserver",
    "wayvnc",
    "websockify",
    "weston",
    "x0tigervncserver",
    "x0vncserver",
    "x11vnc",
    "x2goagent",
    "xpra",
    "xrdp",
    "xrdp-sesman",
];

/// Programs that run scripts, some of which are remote desktops.
const INTERPRETERS: [&str; 4] = ["java", "node", "perl", "python"];

/// Programs that hold a socket for something else: containers, virtual machines, forwarders.
const CARRIERS: [&str; 10] = [
    "conmon",
    "docker-proxy",
    "haproxy",
    "qemu",
    "rootlessport",
    "slirp4netns",
    "socat",
    "ssh",
    "systemd",
    "xinetd",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::facts::processes::Open;
    use crate::gap::Reading;

    /// The broken example with another port, address and holder of the socket.
    fn facts(port: u16, address: &str, holder: Option<&str>) -> Facts {
        let mut facts: Facts = toml::from_str(CHECK.examples.broken).unwrap();
        let Reading::Known(sockets) = &mut facts.sockets else { panic!() };
        sockets.list[0].port = port;
        sockets.list[0].address = address.parse().unwrap();
        let process = |name: &str| Process {
            name: name.to_owned(),
            open: Reading::Known(Open { sockets: vec![1300], devices: Vec::new() }),
            ..Process::default()
        };
        facts.processes = Reading::Known(Processes {
            list: holder.map(process).into_iter().collect(),
            ..Processes::default()
        });
        facts
    }

    fn verdict(facts: &Facts) -> Verdict {
        judge(facts, &Policy::default()).unwrap().verdict()
    }

    #[test]
    fn the_program_decides_and_the_port_where_it_is_unknown() {
        for (port, address, holder, wanted) in [
            (5901, "0.0.0.0", None, Verdict::Fail),
            (5901, "0.0.0.0", Some("nginx"), Verdict::Unknown),
            (5901, "127.0.0.1", Some("nginx"), Verdict::Pass),
            (3389, "0.0.0.0", Some("postgres"), Verdict::Unknown),
            (13_389, "0.0.0.0", Some("weston"), Verdict::Fail),
            (6099, "0.0.0.0", Some("Xvfb"), Verdict::Fail),
            (6099, "0.0.0.0", Some("httpd"), Verdict::Pass),
            (5901, "0.0.0.0", Some("python3.13"), Verdict::Fail),
            (6000, "0.0.0.0", Some("python3.13"), Verdict::Pass),
            (5984, "0.0.0.0", Some("docker-proxy"), Verdict::Pass),
            (5901, "0.0.0.0", Some("qemu-system-x86"), Verdict::Fail),
            (5901, "127.0.0.1", Some("Xvnc"), Verdict::Pass),
            (40000, "192.0.2.1", Some("Xvnc"), Verdict::Fail),
            (3389, "0.0.0.0", Some("gnome-remote-de"), Verdict::Fail),
            (6001, "0.0.0.0", None, Verdict::Fail),
            (80, "0.0.0.0", None, Verdict::Pass),
            (22, "0.0.0.0", Some("sshd"), Verdict::Pass),
        ] {
            assert_eq!(verdict(&facts(port, address, holder)), wanted, "{port} on {address} by {holder:?}");
        }
    }

    #[test]
    fn a_script_is_told_by_its_own_name() {
        let script = |name: &str| {
            let mut facts = facts(6080, "0.0.0.0", Some(name));
            let Reading::Known(processes) = &mut facts.processes else { panic!() };
            processes.list[0].exe = Reading::Known("/usr/bin/python3.11".into());
            verdict(&facts)
        };
        assert_eq!(
            (script("websockify"), script("xpra"), script("flask")),
            (Verdict::Fail, Verdict::Fail, Verdict::Pass)
        );
    }

    #[test]
    fn a_program_that_may_not_be_seen_may_be_anything() {
        let hidden = |port| {
            let mut facts = facts(port, "0.0.0.0", Some("x11vnc"));
            let Reading::Known(processes) = &mut facts.processes else { panic!() };
            processes.list[0].open = Reading::Gap(Gap::denied("/proc/9/fd"));
            facts
        };
        assert_eq!(verdict(&hidden(7000)), Verdict::Unknown);
        assert_eq!(verdict(&hidden(22)), Verdict::Pass);
        assert_eq!(verdict(&facts(2049, "0.0.0.0", None)), Verdict::Pass, "a socket of the kernel");
    }

    #[test]
    fn behind_a_filter_that_is_not_read_it_is_unknown() {
        let mut facts = facts(5900, "0.0.0.0", Some("x11vnc"));
        facts.ruleset = Reading::Gap(Gap::denied("the nftables ruleset"));
        assert_eq!(verdict(&facts), Verdict::Unknown);
    }

    #[test]
    fn a_verdict_by_port_alone_says_so() {
        let judgement = judge(&facts(80, "0.0.0.0", None), &Policy::default()).unwrap();
        assert!(judgement.observations.iter().any(|seen| seen.message.contains("by their port alone")));
    }
}
