//! Which ports of a Mac lead to its screen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::mac::Mac;
use crate::facts::mac::listeners::Listener;
use crate::facts::mac::services::Override;
use crate::gap::Gap;

/// The port of RFB 3.8, unless /etc/services says another.
const SCREEN_SHARING: u16 = 5900;
/// The port of Apple Remote Desktop.
const REMOTE_MANAGEMENT: u16 = 3283;

/// What launchd holds for services of macOS that share no screen: ftp, ssh, telnet, finger, Kerberos, rpcbind, SMB, LDAP,
/// AFP, CUPS, Remote Apple Events.
const OTHER_SERVICES: [u16; 13] = [21, 22, 23, 79, 88, 111, 139, 389, 445, 464, 548, 631, 3031];

/// A port that leads to the screen.
#[derive(Debug, Clone, Default)]
pub(super) struct Desktop {
    pub(super) port: u16,
    /// What waits there.
    pub(super) what: String,
    /// Whether it is macOS's own, which the application firewall lets in.
    pub(super) apple: bool,
    /// Whether it listens beyond the loopback.
    pub(super) beyond_loopback: bool,
    /// The families that it serves; none where that is not known.
    families: BTreeSet<&'static str>,
    /// Why it may be no remote desktop.
    pub(super) doubt: Option<String>,
}

impl Desktop {
    pub(super) fn serves(&self, family: &str) -> bool {
        self.families.is_empty() || self.families.contains(family)
    }

    /// Whether it is a VNC server, or may be one, that is not macOS's own.
    pub(super) fn is_foreign_vnc(&self) -> bool {
        let lower = self.what.to_ascii_lowercase();
        !self.apple && self.doubt.is_none() && (lower.contains("vnc") || lower.starts_with("vine server"))
    }

    /// The beginning of a sentence about it.
    pub(super) fn shares(&self) -> String {
        match (self.apple, &self.doubt) {
            (_, Some(_)) => "can be reached".to_owned(),
            (true, None) => "shares the screen".to_owned(),
            (false, None) => format!("shares the screen by {}", self.what),
        }
    }
}

/// Every port that leads to the screen.
#[derive(Debug, Default)]
pub(super) struct Desktops {
    /// Whether screen sharing or Remote Management is on.
    pub(super) on: bool,
    pub(super) all: Vec<Desktop>,
}

/// Those at which something listens, and those that launchd would open.
pub(super) fn desktops(mac: &Mac) -> Result<Desktops, Gap> {
    let at_boot = mac.overrides.known()?.screen_sharing == Override::Enabled;
    let managed = *mac.remote_management.known()?;
    let on = mac.screen_sharing.known()?.loaded || at_boot || managed;
    let listeners = mac.listeners.known()?;
    let named: BTreeSet<u16> =
        if on { mac.screen_sharing_ports.known()?.iter().copied().collect() } else { [].into() };
    let mut found: BTreeMap<u16, Desktop> = BTreeMap::new();
    for listener in listeners {
        if let Some(desktop) = known(listener, &named) {
            add(&mut found, desktop);
        }
    }
    if managed {
        let what = "Remote Management".to_owned();
        let desktop = Desktop {
            port: REMOTE_MANAGEMENT,
            what,
            apple: true,
            beyond_loopback: true,
            ..Desktop::default()
        };
        found.entry(REMOTE_MANAGEMENT).or_insert(desktop);
    }
    // launchd opens the socket at the next start at the latest, and never on the loopback alone.
    let listens =
        |desktop: &Desktop| desktop.apple && desktop.beyond_loopback && desktop.port != REMOTE_MANAGEMENT;
    if on && !found.values().any(listens) {
        // It may be open already, on a port that somebody chose: only launchd knows which of its sockets it is.
        let held =
            |one: &&Listener| is_launchd(one) && !one.is_loopback() && !OTHER_SERVICES.contains(&one.port);
        for listener in listeners.iter().filter(held) {
            let doubt = "launchd holds it: whether for screen sharing is not known".to_owned();
            add(&mut found, Desktop { apple: true, doubt: Some(doubt), ..of(listener, "launchd") });
        }
        let ports = if named.is_empty() { [SCREEN_SHARING].into() } else { named };
        for port in ports {
            let what = "screen sharing".to_owned();
            let desktop = Desktop { port, what, apple: true, beyond_loopback: true, ..Desktop::default() };
            found.insert(port, desktop);
        }
    }
    let nameless = |one: &&Listener| one.process.is_none() && !one.is_loopback() && one.port >= 1024;
    for listener in listeners.iter().filter(nameless) {
        let doubt = "which program waits there is not known".to_owned();
        let desktop = Desktop { doubt: Some(doubt), ..of(listener, "a program") };
        found.entry(listener.port).or_insert(desktop);
    }
    Ok(Desktops { on, all: found.into_values().collect() })
}

/// One port may have a socket for each family.
fn add(found: &mut BTreeMap<u16, Desktop>, desktop: Desktop) {
    match found.get_mut(&desktop.port) {
        Some(known) if known.beyond_loopback == desktop.beyond_loopback => {
            if desktop.families.is_empty() {
                known.families.clear();
            } else if !known.families.is_empty() {
                known.families.extend(desktop.families);
            }
        }
        Some(known) if known.beyond_loopback => {}
        _ => {
            found.insert(desktop.port, desktop);
        }
    }
}

fn of(listener: &Listener, what: &str) -> Desktop {
    let address = listener.address.split('%').next().and_then(|text| text.parse::<IpAddr>().ok());
    let families: &[&'static str] = match (address, listener.family.as_str()) {
        (Some(IpAddr::V4(_)), _) | (None, "tcp4") => &["inet"],
        (Some(IpAddr::V6(_)), _) | (None, "tcp6") => &["inet6"],
        _ => &[],
    };
    Desktop {
        port: listener.port,
        what: what.to_owned(),
        beyond_loopback: !listener.is_loopback(),
        families: families.iter().copied().collect(),
        ..Desktop::default()
    }
}

/// The desktop that a socket belongs to: certainly by its program or by the name of its port, probably by its number.
fn known(listener: &Listener, named: &BTreeSet<u16>) -> Option<Desktop> {
    let program = listener.process.as_deref();
    let lower = program.unwrap_or_default().to_ascii_lowercase();
    let starts = |names: &[&str]| names.iter().any(|name| lower.starts_with(name));
    let apple = |what: &str| Some(Desktop { apple: true, ..of(listener, what) });
    if starts(&["screensharing", "applevncserver"]) || named.contains(&listener.port) {
        return apple("screen sharing");
    }
    if lower == "ardagent" || listener.port == REMOTE_MANAGEMENT {
        return apple("Remote Management");
    }
    if starts(&PROGRAMS) {
        return Some(of(listener, program.unwrap_or_default()));
    }
    let by_port = match listener.port {
        SCREEN_SHARING if program.is_none() || is_launchd(listener) => return apple("screen sharing"),
        5900..=5963 => "VNC",
        3389 => "RDP",
        _ => return None,
    };
    // The local end of somebody's SSH tunnel looks like that too.
    if program == Some("ssh") && listener.is_loopback() {
        return None;
    }
    Some(of(listener, &program.map_or(by_port.to_owned(), |name| format!("{by_port} through {name}"))))
}

fn is_launchd(listener: &Listener) -> bool {
    listener.process.as_deref() == Some("launchd") || listener.pid == Some(1)
}

/// Servers of other makers, in lower case; netstat cuts names off.
const PROGRAMS: [&str; 22] = [
    "anydesk",
    "jumpconnect",
    "logmein",
    "nomachine",
    "nxd",
    "nxserver",
    "osxvnc",
    "parsecd",
    "rustdesk",
    "splashtop",
    "srstreamerdaemo",
    "sunshine",
    "teamviewer",
    "vine server",
    "vncserver",
    "websockify",
    "wayvnc",
    "x11.bin",
    "x11vnc",
    "xquartz",
    "xrdp",
    "xvnc",
];
