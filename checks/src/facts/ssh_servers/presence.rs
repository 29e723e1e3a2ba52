//! Whether an SSH server answers on this host, or will after the next boot, and whether it is OpenSSH's.

use super::others::is_other;
use super::running::is_sshd;
use super::written::{Starts, base};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Processes;
use crate::facts::sockets::Protocol;
use crate::facts::units::Init;
use crate::gap::{Gap, GapKind};

/// What is known of SSH servers on a host, besides [`super::SshServers::others`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// OpenSSH's server.
    pub presence: Presence,
    /// Why there may be more servers than are known; each a sentence.
    pub doubts: Vec<String>,
}

/// Whether OpenSSH's server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It runs, or something starts it at boot or for a connection.
    Serving(Vec<Evidence>),
    /// It is installed, does not run, and nothing starts it.
    Idle(Vec<Evidence>),
    /// It is not installed and does not run.
    Absent,
    /// Not known; the reason.
    Unclear(String),
}

impl Facts {
    /// What is known of SSH servers on this host.
    ///
    /// # Errors
    /// The gap of the room, where nobody looked for them.
    pub fn ssh_server(&self) -> Result<Server, Gap> {
        let servers = self.ssh_servers.known()?;
        let mut doubts: Vec<String> = servers.gaps.iter().map(ToString::to_string).collect();
        doubts.sort();
        doubts.dedup();
        let mut unclear = None;
        self.ssh_sockets(&mut doubts, &mut unclear);
        let serving: Vec<Evidence> =
            servers.daemons.iter().filter_map(|daemon| daemon.at.first().cloned()).collect();
        let presence = match unclear {
            _ if !serving.is_empty() => Presence::Serving(serving),
            Some(reason) => Presence::Unclear(reason),
            None => self.not_serving(),
        };
        Ok(Server { presence, doubts })
    }

    /// Who listens where SSH is expected.
    fn ssh_sockets(&self, doubts: &mut Vec<String>, unclear: &mut Option<String>) {
        let Some(sockets) = self.sockets.value() else { return };
        let Some(servers) = self.ssh_servers.value() else { return };
        let ports = self.ssh_ports();
        let listens = servers.daemons.iter().flat_map(|daemon| &daemon.listens);
        let listens = listens.chain(servers.others.iter().flat_map(|other| &other.listens));
        let known: Vec<u16> = listens.filter_map(|listen| Some(listen.address?.port())).collect();
        let waits = servers
            .daemons
            .iter()
            .any(|daemon| matches!(daemon.starts, Starts::FirstConnection | Starts::EachConnection));
        let holders = self.processes.value().map(Processes::holders).unwrap_or_default();
        for socket in sockets.list.iter().filter(|socket| socket.protocol == Protocol::Tcp) {
            if !ports.contains(&socket.port) {
                continue;
            }
            match holders.get(&socket.inode).map(|process| process.program()) {
                Some(name) if is_sshd(name) || is_other(name) => {}
                Some("systemd" | "init" | "inetd" | "xinetd") if waits || known.contains(&socket.port) => {}
                Some(name) => doubts.push(format!("{name} listens on {socket}, where SSH is expected")),
                None if known.contains(&socket.port) => {}
                None => {
                    *unclear = Some(format!(
                        "something listens on {socket}, and which program it is takes root to see"
                    ));
                }
            }
        }
    }

    /// The ports that sshd is told to listen on; 22 where that is not known.
    fn ssh_ports(&self) -> Vec<u16> {
        let config = self.sshd.value().and_then(|sshd| sshd.config.value());
        let ports = config.and_then(|config| config.global("port").ok()).unwrap_or_default().values;
        let mut ports: Vec<u16> = ports.iter().filter_map(|port| port.parse().ok()).collect();
        ports.push(22);
        ports
    }

    fn not_serving(&self) -> Presence {
        let program = match self.sshd.known().and_then(|sshd| sshd.program.known()) {
            Ok(program) => Some(program),
            Err(gap) if gap.is_absent() => None,
            Err(gap) => return Presence::Unclear(format!("whether sshd is installed is not known: {gap}")),
        };
        // In an image nothing runs, and what its units start is the whole answer.
        if let Err(gap) = self.processes.known()
            && gap.why != GapKind::Offline
        {
            return Presence::Unclear(format!("whether sshd runs is not known: {gap}"));
        }
        let Some(program) = program else { return Presence::Absent };
        match self.units.known() {
            Ok(units) if units.init != Init::Other => Presence::Idle(vec![Evidence::of(program.clone())]),
            Ok(_) => {
                Presence::Unclear(format!("what starts {} on this init system is not known", base(program)))
            }
            Err(gap) => Presence::Unclear(format!("whether sshd starts at boot is not known: {gap}")),
        }
    }
}
