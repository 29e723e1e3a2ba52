//! What units, scripts and inetd would start of a program: its command lines with what leads to each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::script;
use crate::evidence::Evidence;
use crate::facts::units::{Init, UnitState, Units, start};
use crate::gap::Gap;
use crate::host::Host;

/// Programs that only lead to the one that is named behind them.
const WRAPPERS: &[&str] = &[
    "ash",
    "bash",
    "busybox",
    "chroot",
    "chrt",
    "dash",
    "env",
    "ionice",
    "ip",
    "nice",
    "nohup",
    "nsenter",
    "numactl",
    "runuser",
    "setpriv",
    "setsid",
    "sh",
    "start-stop-daemon",
    "stdbuf",
    "su",
    "systemd-cat",
    "systemd-nspawn",
    "taskset",
    "timeout",
    "unshare",
];

/// Command lines that are kept.
const MOST: usize = 1_024;

/// When a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starts {
    /// At boot.
    Boot,
    /// When the first connection comes, and it stays.
    FirstConnection,
    /// For each connection anew, so that it always has read the files as they are.
    EachConnection,
    /// Somebody started it; nothing would do so again.
    #[default]
    ByHand,
}

impl Starts {
    /// Of two, the one that says more of the future.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::ByHand { other } else { self }
    }
}

/// Where a server waits for connections.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port; absent for a socket of this machine alone: in the file system, or between a virtual machine and
    /// its host. `::` may serve IPv4 too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The interface that it is bound to, where a unit says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Where that was seen.
    pub at: Evidence,
}

/// One command line that something would run.
#[derive(Debug, Clone)]
pub(in crate::facts) struct Written {
    pub(in crate::facts) program: String,
    pub(in crate::facts) arguments: Vec<String>,
    /// The line that has it.
    pub(in crate::facts) at: Evidence,
    /// The unit or script that it is part of.
    pub(in crate::facts) unit: String,
    /// What starts that.
    pub(in crate::facts) started_by: Option<Evidence>,
    pub(in crate::facts) starts: Starts,
    pub(in crate::facts) listens: Vec<Listen>,
    pub(in crate::facts) gaps: Vec<Gap>,
}

/// A service that would be started.
struct Candidate {
    starts: Starts,
    started_by: Option<Evidence>,
    listens: Vec<Listen>,
}

/// The command lines of programs that `wanted` knows by base name. Units in `also` count although nothing starts them.
pub(in crate::facts) fn read(
    host: &dyn Host,
    units: &Units,
    also: &[&str],
    wanted: fn(&str) -> bool,
    gaps: &mut Vec<Gap>,
) -> Vec<Written> {
    let mut found = Vec::new();
    for (name, candidates) in candidates(host, units, also, gaps) {
        let Some(unit) = units.units.get(name) else { continue };
        let scripted = units.init != Init::Systemd || unit.path.starts_with("/etc/init.d/");
        let programs = || unit.programs.iter().map(|program| base(program));
        if !scripted && !programs().any(|name| wanted(name) || WRAPPERS.contains(&name)) {
            continue;
        }
        let commands = if scripted {
            script::read(host, name, unit, wanted)
        } else {
            start::starts(host, name, unit)
                .map(|starts| starts.into_iter().filter_map(|start| unwrap(start, wanted)).collect())
        };
        let commands = match commands {
            Ok(commands) => commands,
            Err(gap) => {
                gaps.push(gap);
                continue;
            }
        };
        if found.len() > MOST {
            gaps.push(Gap::too_large("the list of units that start SSH servers"));
            break;
        }
        for candidate in candidates.iter().take(MOST) {
            found.extend(commands.iter().map(|start| Written {
                program: start.program.clone(),
                arguments: start.arguments.clone(),
                at: start.at.clone(),
                unit: name.to_owned(),
                started_by: candidate.started_by.clone(),
                starts: candidate.starts,
                listens: candidate.listens.clone(),
                gaps: start.gaps.clone(),
            }));
        }
    }
    found.extend(script::inetd(host, units, wanted));
    found
}

/// The services that something starts, by name, each with all that does.
fn candidates<'a>(
    host: &dyn Host,
    units: &'a Units,
    also: &[&str],
    gaps: &mut Vec<Gap>,
) -> BTreeMap<&'a str, Vec<Candidate>> {
    let mut found: BTreeMap<&str, Vec<Candidate>> = BTreeMap::new();
    for (name, unit) in &units.units {
        let by_link = unit.starts_at_boot() || unit.state == UnitState::EnabledRuntime;
        if unit.alias_of.is_some() || unit.state.is_masked() || !by_link {
            continue;
        }
        let link = unit.wanted_by.first().unwrap_or(&unit.path);
        let started_by = Some(Evidence::of(link.clone()).says(format!("starts {name} at boot")));
        if name.ends_with(".socket") {
            let socket = match start::socket(host, unit) {
                Ok(socket) => socket,
                Err(gap) => {
                    // Without the socket's own lines its name still says which service it starts.
                    gaps.push(gap);
                    start::SocketUnit::default()
                }
            };
            let stem = name.trim_end_matches(".socket");
            let service = socket.service.clone().unwrap_or_else(|| match socket.accept {
                true => format!("{stem}@.service"),
                false => format!("{stem}.service"),
            });
            let Some((service, _)) = units.find(&service).or_else(|| units.find(&template(&service)?)) else {
                continue;
            };
            let starts = if socket.accept { Starts::EachConnection } else { Starts::FirstConnection };
            let interface = || socket.interface.clone();
            let listens = socket.streams.iter().map(|(stream, at)| Listen {
                address: address(stream),
                interface: interface(),
                at: at.clone().says(stream.clone()),
            });
            let listens = listens.collect();
            found.entry(service).or_default().push(Candidate { starts, started_by, listens });
        } else if name.ends_with(".service") && !name.contains("@.") {
            let candidate = Candidate { starts: Starts::Boot, started_by, listens: Vec::new() };
            found.entry(name).or_default().push(candidate);
        }
    }
    for name in also {
        let known = units.find(name).or_else(|| units.find(&template(name)?));
        if let Some((name, _)) = known.filter(|(name, _)| !found.contains_key(name)) {
            let candidate = Candidate { starts: Starts::ByHand, started_by: None, listens: Vec::new() };
            found.insert(name, vec![candidate]);
        }
    }
    found
}

/// The command of the program that is looked for, where a wrapper leads to it too.
fn unwrap(mut start: start::Start, wanted: fn(&str) -> bool) -> Option<start::Start> {
    let name = base(&start.program);
    if wanted(name) {
        return Some(start);
    }
    if !WRAPPERS.contains(&name) {
        return None;
    }
    let (at, program) = start.arguments.iter().enumerate().find_map(|(at, word)| {
        let mut parts = word.split([' ', '\t', ';', '&', '"', '\'']);
        Some((at, parts.find(|part| wanted(base(part)))?.to_owned()))
    })?;
    let whole = start.arguments.get(at) == Some(&program);
    start.gaps.push(Gap::unsupported(format!("{program} is started through {name} ({})", start.at)));
    start.arguments = if whole { start.arguments.split_off(at.saturating_add(1)) } else { Vec::new() };
    start.program = program;
    Some(start)
}

/// The address of a `ListenStream=`; nothing for paths, names and other families.
fn address(stream: &str) -> Option<SocketAddr> {
    if let Ok(port) = stream.parse::<u16>() {
        return Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port));
    }
    let (address, port) = stream.rsplit_once(':')?;
    // `[fe80::1]:22%eth0` and `[fe80::1%eth0]:22` name an interface.
    let port = port.split('%').next()?.parse().ok()?;
    let address = address.trim_start_matches('[').trim_end_matches(']').split('%').next()?;
    Some(SocketAddr::new(address.parse().ok()?, port))
}

/// `ssh@.service` for `ssh@1.service`.
fn template(name: &str) -> Option<String> {
    let (prefix, rest) = name.split_once('@')?;
    let (_, suffix) = rest.rsplit_once('.')?;
    Some(format!("{prefix}@.{suffix}"))
}

/// The last part of a path.
pub(in crate::facts) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
