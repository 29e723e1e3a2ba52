//! The init system's units: which files define them and what would start them at boot.

mod environment;
mod inetd;
mod openrc;
pub(crate) mod start;
mod systemd;
mod sysv;
mod udev;
mod unit_file;
pub(crate) mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{self, Host};

/// The units of the init system, from its files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Units {
    /// Which init system the host boots with.
    pub init: Init,
    /// Services, sockets and timers by name: `ssh.service`; for OpenRC the name in /etc/init.d with `.service`.
    pub units: BTreeMap<String, Unit>,
    /// What inetd or xinetd would start for a caller, in the order of their files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inetd: Vec<InetdService>,
    /// Files and folders of units that could not be read: what they define or start is not listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// The init systems that hostduty reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// systemd.
    #[default]
    Systemd,
    /// OpenRC (Alpine).
    OpenRc,
    /// Something else, or nothing (a container).
    Other,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unit {
    /// The file that defines it; the mask when it is masked.
    pub path: String,
    /// What `systemctl is-enabled` would say.
    pub state: UnitState,
    /// When the mask was put there, for a mask of the administrator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masked_at: Option<Timestamp>,
    /// The unit that this name stands for, when it is an alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    /// The drop-ins that change it, in the order in which they apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop_ins: Vec<String>,
    /// The symlinks that start it (`/etc/systemd/system/multi-user.target.wants/ssh.service`), the vendor's too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted_by: Vec<String>,
    /// The udev rules that start it when a device appears (`SYSTEMD_WANTS`), as `path:line`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub udev_rules: Vec<String>,
    /// Its `ExecStart=` program paths (first word, prefixes removed), without arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// Its `ConditionVirtualization=`, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_virtualization: Option<String>,
}

/// One entry of /etc/inetd.conf or /etc/xinetd.d that is not disabled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InetdService {
    /// `telnet`
    pub name: String,
    /// The file.
    pub path: String,
    /// Its line.
    pub line: u32,
}

/// What makes a unit start, in the words of systemctl(1) is-enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// A symlink in a `.wants` or `.requires` folder, or an alias, starts it.
    Enabled,
    /// The same below /run, until the next boot.
    EnabledRuntime,
    /// It has an `[Install]` section that nothing uses.
    #[default]
    Disabled,
    /// It has no `[Install]` section; something else starts it, or nothing.
    Static,
    /// Its name leads to /dev/null or to an empty file in /etc: nothing can start it.
    Masked,
    /// The same below /run, until the next boot.
    MaskedRuntime,
    /// A generator wrote it at boot, for instance from an init.d script.
    Generated,
    /// It is another name of a unit that is listed too.
    Alias,
    /// Its own links do not start it, but another name of it, an instance or a unit in its `Also=` may be enabled.
    Indirect,
    /// Its file lies outside the folders of units, and only a symlink to it makes it known.
    Linked,
}

impl UnitState {
    /// Whether it starts at the next boot by its own links.
    #[must_use]
    pub fn starts_at_boot(self) -> bool {
        matches!(self, Self::Enabled | Self::Generated)
    }
    /// Whether nothing can start it.
    #[must_use]
    pub fn is_masked(self) -> bool {
        matches!(self, Self::Masked | Self::MaskedRuntime)
    }
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::EnabledRuntime => "enabled-runtime",
            Self::Disabled => "disabled",
            Self::Static => "static",
            Self::Masked => "masked",
            Self::MaskedRuntime => "masked-runtime",
            Self::Generated => "generated",
            Self::Alias => "alias",
            Self::Indirect => "indirect",
            Self::Linked => "linked",
        }
    }
}

/// Targets that a machine passes on its way down, to sleep or to a repair, and never when it starts to serve.
const NOT_BOOT: &[&str] = &[
    "emergency",
    "final",
    "halt",
    "hibernate",
    "hybrid-sleep",
    "kexec",
    "poweroff",
    "reboot",
    "rescue",
    "shutdown",
    "sleep",
    "suspend",
    "suspend-then-hibernate",
    "system-update",
];

impl Unit {
    /// Whether a symlink of the administrator, of the vendor or of a generator starts it at the next boot. A unit that
    /// only a device, a socket, a timer or D-Bus starts answers `false` here.
    #[must_use]
    pub fn starts_at_boot(&self) -> bool {
        let boots = |link: &String| {
            let target = link.rsplit('/').nth(1).and_then(|folder| folder.split_once(".target."));
            !link.starts_with("/run/") && target.is_none_or(|(name, _)| !NOT_BOOT.contains(&name))
        };
        match self.state {
            UnitState::Masked | UnitState::MaskedRuntime => false,
            UnitState::Generated => true,
            UnitState::Enabled if self.wanted_by.is_empty() => true,
            _ => self.wanted_by.iter().any(boots),
        }
    }
}

impl Units {
    /// The unit of this name, or the one that the name is an alias of; with its own name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&str, &Unit)> {
        let (key, unit) = self.units.get_key_value(name)?;
        let target = unit.alias_of.as_ref().and_then(|target| self.units.get_key_value(target));
        let (key, unit) = target.unwrap_or((key, unit));
        Some((key, unit))
    }
}

/// Reads unit files, masks and links.
pub(crate) fn read(host: &dyn Host) -> Result<Units, Gap> {
    let mut units = Units { init: init(host), ..Units::default() };
    match units.init {
        Init::Systemd => {
            systemd::read(host, &mut units)?;
            udev::read(host, &mut units);
            sysv::read(host, &mut units);
        }
        Init::OpenRc => openrc::read(host, &mut units),
        Init::Other => sysv::read(host, &mut units),
    }
    inetd::read(host, &mut units);
    Ok(units)
}

/// The running init system where one says so (sd_booted(3) asks for the same folder), else the one that is installed.
fn init(host: &dyn Host) -> Init {
    let exists = |path: &str| host.stat(path).is_ok();
    if exists("/run/systemd/system") {
        return Init::Systemd;
    }
    if exists("/run/openrc") || (exists("/etc/runlevels") && exists("/sbin/openrc")) {
        return Init::OpenRc;
    }
    let first = host::read_line(host, "/proc/1/comm");
    let installed = exists("/usr/lib/systemd/systemd") || exists("/lib/systemd/systemd");
    match first {
        Ok(name) if name != "systemd" => Init::Other,
        _ if installed => Init::Systemd,
        _ => Init::Other,
    }
}

/// Lists a folder; an absent one is empty and any other obstacle is noted.
fn list(host: &dyn Host, dir: &str, gaps: &mut Vec<Gap>) -> Vec<String> {
    host.list(dir).unwrap_or_else(|gap| {
        if !gap.is_absent() {
            note(gaps, gap);
        }
        Vec::new()
    })
}

/// Keeps the first hundred gaps: the reader needs to know that there are some, not each of ten thousand.
fn note(gaps: &mut Vec<Gap>, gap: Gap) {
    if gaps.len() < 100 {
        gaps.push(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const SERVICE: &str =
        "[Service]\nExecStart=/usr/sbin/x --password secret\n[Install]\nWantedBy=multi-user.target\n";

    fn systemd() -> Tree {
        Tree::new(Timestamp(0)).file("/usr/lib/systemd/systemd", "").link("/lib", "usr/lib")
    }

    #[test]
    fn a_drop_in_an_alias_and_a_udev_rule_are_seen() {
        let tree = systemd()
            .file("/usr/lib/systemd/system/tools.service", SERVICE)
            .file(
                "/etc/systemd/system/tools.service.d/run.conf",
                "[Service]\nExecStart=\nExecStart=/opt/tools\n",
            )
            .link("/etc/systemd/system/other.service", "/lib/systemd/system/tools.service")
            .file("/usr/lib/udev/rules.d/60-tools.rules", "\nENV{SYSTEMD_WANTS}=\"tools.service\"\n")
            .file("/usr/lib/udev/rules.d/70-off.rules", "ENV{SYSTEMD_WANTS}=\"tools.service\"\n")
            .file("/etc/udev/rules.d/70-off.rules", "");
        let units = read(&tree).unwrap();
        let (name, unit) = units.find("other.service").unwrap();
        assert_eq!((name, unit.state), ("tools.service", UnitState::Indirect));
        assert_eq!(unit.programs, ["/opt/tools"]);
        assert_eq!(unit.udev_rules, ["/usr/lib/udev/rules.d/60-tools.rules:2"]);
        assert!(!unit.starts_at_boot());
        let text = toml::to_string(&units).unwrap();
        assert!(!text.contains("secret"));
        assert_eq!(toml::from_str::<Units>(&text).unwrap(), units);
    }

    #[test]
    fn init_scripts_start_by_their_links() {
        let executable =
            |tree: Tree, path: &str| tree.file(path, "#!/bin/sh\n").with(path, |node| node.mode = 0o755);
        let tree = executable(executable(systemd(), "/etc/init.d/xe-daemon"), "/etc/init.d/idle")
            .file("/etc/init.d/README", "")
            .link("/etc/rc3.d/S02xe-daemon", "../init.d/xe-daemon")
            .link("/etc/rc0.d/K01idle", "../init.d/idle");
        let units = read(&tree).unwrap();
        assert_eq!(units.units["xe-daemon.service"].state, UnitState::Generated);
        assert_eq!(units.units["xe-daemon.service"].wanted_by, ["/etc/rc3.d/S02xe-daemon"]);
        assert_eq!(units.units["idle.service"].state, UnitState::Disabled);
        assert_eq!(units.units.len(), 2);
    }

    #[test]
    fn openrc_services_start_by_their_runlevel() {
        let tree = Tree::new(Timestamp(0))
            .file("/sbin/openrc", "")
            .file("/etc/init.d/qemu-guest-agent", "#!/sbin/openrc-run\ncommand=\"/usr/bin/qemu-ga\"\n")
            .file("/etc/init.d/sshd", "command=\"${x}\"\n")
            .link("/etc/runlevels/default/qemu-guest-agent", "/etc/init.d/qemu-guest-agent")
            .link("/etc/runlevels/shutdown/sshd", "/etc/init.d/sshd");
        let units = read(&tree).unwrap();
        assert_eq!(units.init, Init::OpenRc);
        assert_eq!(units.units["qemu-guest-agent.service"].state, UnitState::Enabled);
        assert_eq!(units.units["qemu-guest-agent.service"].programs, ["/usr/bin/qemu-ga"]);
        assert_eq!(units.units["sshd.service"].state, UnitState::Disabled);
    }

    #[test]
    fn the_running_init_system_decides() {
        let shell =
            systemd().file("/proc/1/comm", "bash\n").file("/usr/lib/systemd/system/x.service", SERVICE);
        let units = read(&shell).unwrap();
        assert_eq!((units.init, units.units.len()), (Init::Other, 0));
        assert_eq!(read(&shell.dir("/run/systemd/system")).unwrap().units.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_a_gap_and_not_an_absent_unit() {
        let tree = systemd()
            .refuse("/usr/lib/systemd/system/x.service", Gap::denied("/usr/lib/systemd/system/x.service"))
            .refuse("/etc/systemd/system", Gap::denied("/etc/systemd/system"));
        let units = read(&tree).unwrap();
        assert_eq!(units.gaps.len(), 2);
        assert!(units.units.is_empty());
    }

    #[test]
    fn a_hostile_root_ends_in_time() {
        let mut tree = systemd()
            .link("/etc/systemd/system/a.service", "b.service")
            .link("/etc/systemd/system/b.service", "a.service")
            .link("/etc/systemd/system/self.service", "self.service")
            .file("/usr/lib/systemd/system/t@.service", SERVICE);
        for number in 0..10_000 {
            tree = tree.link(
                &format!("/etc/systemd/system/t@{number}.service"),
                "/usr/lib/systemd/system/t@.service",
            );
        }
        let units = read(&tree).unwrap();
        assert_eq!(units.units.len(), 10_001);
        for number in 0..30_001 {
            tree = tree.file(&format!("/run/systemd/system/{number}.timer"), "");
        }
        assert_eq!(read(&tree).unwrap_err().why, crate::gap::GapKind::TooLarge);
    }
}
