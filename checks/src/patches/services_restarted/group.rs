//! What has to start again together: a service, a session, a container, systemd itself.

use crate::facts::replaced::Stale;

/// Services whose restart takes others down with it, by how their names begin: logins, the network, displays, containers
/// and virtual machines.
const CAREFUL: &[&str] = &[
    "ModemManager",
    "NetworkManager",
    "bird",
    "containerd",
    "display-manager",
    "docker",
    "frr",
    "gdm",
    "getty@",
    "k3s",
    "kubelet",
    "libvirtd",
    "lightdm",
    "lxcfs",
    "lxd",
    "networking",
    "openvpn",
    "podman",
    "sddm",
    "serial-getty@",
    "strongswan",
    "systemd-networkd",
    "virt",
    "wg-quick@",
    "wpa_supplicant",
    "xdm",
    "xendomains",
    "zfs",
];
/// Services without which the machine does not answer, and which many hold on to: only a reboot starts all of them again.
const NEVER: &[&str] = &["dbus", "systemd-logind", "elogind"];

/// What has to start again together.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// systemd as the first process.
    Manager,
    /// Another first process: of a container, or another init.
    First(String),
    /// A unit that is not one of the others.
    Unit(String),
    /// Somebody's login, or somebody's own systemd with what it started.
    Session(String),
    /// A container, by what names it on this host.
    Container(String),
    /// A service of OpenRC.
    Openrc(String),
    /// A program in no unit.
    Program(String),
}

impl Group {
    pub(super) fn of(stale: &Stale) -> Self {
        let unit = stale.unit.as_deref();
        match (unit, stale.group.as_deref()) {
            (Some("init.scope"), _) => Self::Manager,
            _ if stale.pid == 1 && stale.name == "systemd" => Self::Manager,
            _ if stale.pid == 1 => Self::First(stale.name.clone()),
            (Some(unit), _) if is_session(unit) => Self::Session(unit.to_owned()),
            (Some(unit), _) if is_container(unit) => Self::Container(unit.to_owned()),
            (Some(unit), _) => Self::Unit(unit.to_owned()),
            (None, Some(group)) => match group.strip_prefix("openrc.") {
                Some(service) => Self::Openrc(service.to_owned()),
                None => Self::Container(group.to_owned()),
            },
            (None, None) => Self::Program(stale.name.clone()),
        }
    }

    /// What a finding is about.
    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Manager => "systemd",
            Self::First(name)
            | Self::Unit(name)
            | Self::Session(name)
            | Self::Container(name)
            | Self::Openrc(name)
            | Self::Program(name) => name,
        }
    }

    /// What has to be done, as the end of a sentence.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Manager => "systemctl daemon-reexec starts it again and stops nothing".to_owned(),
            Self::First(_) => {
                "it is the first process: restart the container, or reboot the machine".to_owned()
            }
            Self::Unit(unit) if starts(unit, NEVER) => {
                "too much depends on it to restart it: reboot in a maintenance window".to_owned()
            }
            Self::Unit(unit) if starts(unit, CAREFUL) => {
                let unit = typed(unit);
                format!("systemctl restart {unit} interrupts what depends on it: in a maintenance window")
            }
            Self::Unit(unit) if unit.ends_with(".scope") => {
                "no service started it: restart it as it was started, or reboot".to_owned()
            }
            Self::Unit(unit) => format!("systemctl restart {}", typed(unit)),
            Self::Session(_) => "it ends when its user logs out everywhere".to_owned(),
            Self::Container(_) => "restart the container, or the service inside it".to_owned(),
            Self::Openrc(service) => format!("rc-service {} restart", typed(service)),
            Self::Program(_) => "it is in no unit: restart it as it was started".to_owned(),
        }
    }
}

/// What to type on this host, most harmless first; nothing where only words help.
pub(super) fn remedy<'a>(groups: impl Iterator<Item = &'a Group> + Clone) -> Option<String> {
    let units = |careful: bool| {
        let names = groups.clone().filter_map(move |group| match group {
            Group::Unit(unit) if unit.ends_with(".scope") || starts(unit, NEVER) => None,
            Group::Unit(unit) => (starts(unit, CAREFUL) == careful).then(|| typed(unit)),
            _ => None,
        });
        names.collect::<Vec<_>>().join(" ")
    };
    let (plain, careful) = (units(false), units(true));
    let mut steps = Vec::new();
    if !plain.is_empty() {
        steps.push(format!("systemctl restart {plain}"));
    }
    if groups.clone().any(|group| *group == Group::Manager) {
        steps.push("systemctl daemon-reexec".to_owned());
    }
    if !careful.is_empty() {
        steps.push(format!(
            "systemctl restart {careful}   # in a maintenance window: interrupts what depends on it"
        ));
    }
    for group in groups.clone() {
        if let Group::Openrc(service) = group {
            steps.push(format!("rc-service {} restart", typed(service)));
        }
    }
    let reboot =
        |group: &Group| matches!(group, Group::Unit(unit) if starts(unit, NEVER) || unit.ends_with(".scope"));
    if groups.clone().any(reboot) {
        steps.push("systemctl reboot   # in a maintenance window: starts the rest again".to_owned());
    }
    (!steps.is_empty()).then(|| steps.join("\n"))
}

/// A unit as one types it: systemd escapes what is not usual in a name with a backslash.
fn typed(unit: &str) -> String {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b":_.@-".contains(&byte);
    if unit.bytes().all(usual) { unit.to_owned() } else { format!("'{}'", unit.replace('\'', "'\\''")) }
}

fn starts(unit: &str, names: &[&str]) -> bool {
    names.iter().any(|name| unit.starts_with(name))
}

fn is_session(unit: &str) -> bool {
    (unit.starts_with("session-") && unit.ends_with(".scope"))
        || ["user@", "ssh@", "sshd@", "sshd-session@"].iter().any(|start| unit.starts_with(start))
}

/// Scopes that container managers and systemd-nspawn ask systemd for.
fn is_container(unit: &str) -> bool {
    unit.starts_with("systemd-nspawn@")
        || (unit.ends_with(".scope")
            && ["docker-", "libpod-", "cri-containerd-", "crio-", "machine-", "lxc-"]
                .iter()
                .any(|start| unit.starts_with(start)))
}
