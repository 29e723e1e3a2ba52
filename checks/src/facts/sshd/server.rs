//! Whether an SSH server answers on this host, or will after the next boot, and whether it is OpenSSH's.

use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::processes::Processes;
use crate::facts::sockets::Protocol;
use crate::facts::units::{Init, UnitState};
use crate::gap::GapKind;

/// What is known of SSH servers on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// OpenSSH's server.
    pub presence: Presence,
    /// SSH servers that have a configuration of their own, which hostduty does not read; each a sentence.
    pub others: Vec<String>,
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

/// Units of the distributions that start sshd with the files below /etc/ssh.
const UNITS: &[&str] =
    &["ssh.service", "ssh.socket", "sshd.service", "sshd.socket", "sshd@.service", "ssh@.service"];
/// Other programs that speak SSH.
const OTHERS: &[&str] = &["dropbear", "tinysshd", "lshd", "teleport"];

impl Facts {
    /// What is known of SSH servers on this host.
    #[must_use]
    pub fn ssh_server(&self) -> Server {
        let mut serving = Vec::new();
        let mut others = Vec::new();
        let mut unclear = None;
        if let Some(processes) = self.processes.value() {
            for process in &processes.list {
                let place = || Evidence::of(format!("/proc/{}", process.pid)).says(process.program());
                // Anybody may call a program sshd; the one that reads /etc/ssh and lets others in is root's.
                if process.program() == "sshd" && process.uid == 0 && serving.is_empty() {
                    serving.push(place());
                } else if OTHERS.contains(&process.program()) {
                    others.push(format!(
                        "{} runs ({}), and its settings are not sshd's",
                        process.program(),
                        place()
                    ));
                }
            }
        }
        self.ssh_units(&mut serving, &mut others);
        self.ssh_sockets(&mut serving, &mut others, &mut unclear);
        let presence = match unclear {
            _ if !serving.is_empty() => Presence::Serving(serving),
            Some(reason) => Presence::Unclear(reason),
            None => self.not_serving(),
        };
        Server { presence, others }
    }

    fn ssh_units(&self, serving: &mut Vec<Evidence>, others: &mut Vec<String>) {
        let Some(units) = self.units.value() else { return };
        for (name, unit) in &units.units {
            if !unit.state.starts_at_boot() && unit.state != UnitState::EnabledRuntime {
                continue;
            }
            let programs = || unit.programs.iter().filter_map(|program| program.rsplit('/').next());
            let stem = name.split(['.', '@']).next().unwrap_or_default();
            let link = unit.wanted_by.first().unwrap_or(&unit.path);
            if UNITS.contains(&name.as_str()) {
                serving.push(Evidence::of(link.clone()).says(format!("{name} starts at boot")));
            } else if programs().any(|program| program == "sshd") {
                others.push(format!(
                    "{name} ({link}) starts sshd too, with options that hostduty does not read"
                ));
            } else if OTHERS.contains(&stem) || programs().any(|program| OTHERS.contains(&program)) {
                others.push(format!("{name} ({link}) starts at boot, and its settings are not sshd's"));
            }
        }
    }

    fn ssh_sockets(
        &self,
        serving: &mut Vec<Evidence>,
        others: &mut Vec<String>,
        unclear: &mut Option<String>,
    ) {
        let Some(sockets) = self.sockets.value() else { return };
        let ports = self.ssh_ports();
        let holders = self.processes.value().map(Processes::holders).unwrap_or_default();
        for socket in sockets.list.iter().filter(|socket| socket.protocol == Protocol::Tcp) {
            if !ports.contains(&socket.port) {
                continue;
            }
            match holders.get(&socket.inode).map(|process| process.program()) {
                Some("sshd") => {}
                Some("systemd" | "init") => {
                    serving.push(Evidence::of(socket.to_string()).says("held by systemd for sshd"));
                }
                Some(name) if OTHERS.contains(&name) => {}
                Some(name) => others.push(format!("{name} listens on {socket}, where SSH is expected")),
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
            Ok(_) => Presence::Unclear("what starts sshd on this init system is not known".to_owned()),
            Err(gap) => Presence::Unclear(format!("whether sshd starts at boot is not known: {gap}")),
        }
    }

    /// The version of the installed OpenSSH server, from the package database.
    #[must_use]
    pub fn ssh_version(&self) -> Option<(u32, u32)> {
        let packages = self.packages.value()?;
        let version = packages.version("openssh-server").or_else(|| packages.version("openssh"))?;
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        let (major, rest) = upstream.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some((major.parse().ok()?, minor.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::packages::Packages;
    use crate::facts::processes::{Open, Process, Processes};
    use crate::facts::sockets::{Socket, Sockets};
    use crate::facts::sshd::Sshd;
    use crate::facts::units::{Unit, Units};
    use crate::gap::{Gap, Reading};

    fn facts(program: Result<&str, Gap>) -> Facts {
        let sshd = Sshd { program: program.map(str::to_owned).into(), ..Sshd::default() };
        Facts {
            sshd: Ok(sshd).into(),
            processes: Ok(Processes::default()).into(),
            units: Ok(Units::default()).into(),
            sockets: Ok(Sockets::default()).into(),
            ..Facts::default()
        }
    }

    fn run(facts: &mut Facts, name: &str, socket: Option<u16>) {
        let open = Open { sockets: vec![7], ..Open::default() };
        let process = Process { pid: 9, name: name.into(), open: Ok(open).into(), ..Process::default() };
        facts.processes = Ok(Processes { list: vec![process], ..Processes::default() }).into();
        let listen = socket.map(|port| Socket {
            protocol: Protocol::Tcp,
            port,
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
            inode: 7,
            uid: 0,
        });
        facts.sockets = Ok(Sockets { list: listen.into_iter().collect() }).into();
    }

    #[test]
    fn installed_running_enabled_or_neither() {
        let mut host = facts(Ok("/usr/sbin/sshd"));
        assert!(matches!(host.ssh_server().presence, Presence::Idle(_)));
        run(&mut host, "sshd", Some(22));
        assert!(matches!(host.ssh_server().presence, Presence::Serving(_)));
        let mut host = facts(Err(Gap::absent("sshd")));
        assert_eq!(host.ssh_server().presence, Presence::Absent);
        let unit = Unit { state: UnitState::Enabled, path: "/lib/ssh.socket".into(), ..Unit::default() };
        host.units = Ok(Units { units: [("ssh.socket".into(), unit)].into(), ..Units::default() }).into();
        assert!(matches!(host.ssh_server().presence, Presence::Serving(_)));
        run(&mut host, "systemd", Some(22));
        host.units = Reading::default();
        assert!(matches!(host.ssh_server().presence, Presence::Serving(_)));
    }

    #[test]
    fn other_servers_are_named_and_gaps_stay_gaps() {
        let mut host = facts(Err(Gap::absent("sshd")));
        run(&mut host, "dropbear", Some(22));
        assert_eq!(host.ssh_server().others.len(), 1);
        run(&mut host, "my-sshd", Some(22));
        assert_eq!(host.ssh_server().others.len(), 1);
        host.processes = Err(Gap::denied("/proc")).into();
        assert!(matches!(host.ssh_server().presence, Presence::Unclear(_)));
        host.sockets = Reading::default();
        assert!(matches!(host.ssh_server().presence, Presence::Unclear(_)));
        let mut host = facts(Ok("/usr/sbin/sshd"));
        host.units = Reading::default();
        assert!(matches!(host.ssh_server().presence, Presence::Unclear(_)));
    }

    #[test]
    fn versions_of_every_packager() {
        for (name, version, wanted) in [
            ("openssh-server", "1:9.2p1-2+deb12u10", Some((9, 2))),
            ("openssh-server", "8.0p1-19.el8", Some((8, 0))),
            ("openssh-server", "9.7_p1-r4", Some((9, 7))),
            ("openssh", "10.0p1-1", Some((10, 0))),
            ("openssh", "x", None),
        ] {
            let installed = [(name.to_owned(), version.to_owned())].into();
            let packages = Packages { installed, ..Packages::default() };
            let host = Facts { packages: Ok(packages).into(), ..Facts::default() };
            assert_eq!(host.ssh_version(), wanted, "{version}");
        }
    }
}
