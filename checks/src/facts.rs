//! What is known of a host: plain data in rooms, one per subject. Nothing here judges.

pub mod accounts;
pub mod automatic_updates;
pub mod block;
pub mod cloud_keys;
pub mod delivery;
pub mod firewall_boot;
pub mod host_keys;
pub mod hypervisor;
pub mod kernels;
pub mod logging;
pub mod logins;
pub mod mac;
pub mod machine;
pub mod network;
pub mod packages;
pub mod password_policy;
pub mod processes;
pub mod provider_traces;
pub mod replaced;
pub mod ruleset;
pub mod seeds;
pub mod sockets;
pub mod ssh_keys;
pub mod ssh_servers;
pub mod sshd;
pub mod sudoers;
pub mod units;
pub mod updates;
pub mod vnc_servers;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::gap::Reading;
use crate::host::{Host, System};

/// The version of the snapshot format, raised when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// What is known of a host. A room that nobody gathered is a gap.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The version of this format, [`SCHEMA`].
    pub schema: u32,
    /// When the facts were gathered; every age is judged against it.
    pub taken_at: Timestamp,
    /// The family of operating systems.
    pub system: System,
    /// Names, release, kernel and clock.
    pub machine: Reading<machine::Machine>,
    /// passwd(5), shadow(5) and group(5).
    pub accounts: Reading<accounts::Accounts>,
    /// The package database.
    pub packages: Reading<packages::Packages>,
    /// Unit files of the init system and what enables them.
    pub units: Reading<units::Units>,
    /// Running processes.
    pub processes: Reading<processes::Processes>,
    /// Processes that run code whose file is no longer where they took it from.
    pub replaced: Reading<replaced::Replaced>,
    /// Listening and bound sockets.
    pub sockets: Reading<sockets::Sockets>,
    /// Interfaces, addresses and routes, and what filters packets outside netfilter.
    pub network: Reading<network::Network>,
    /// SSH servers that run or will be started, with their command lines.
    pub ssh_servers: Reading<ssh_servers::SshServers>,
    /// VNC servers that run or will be started, and how each lets somebody in.
    pub vnc_servers: Reading<vnc_servers::VncServers>,
    /// The configuration of the SSH server.
    pub sshd: Reading<sshd::Sshd>,
    /// When the provider handed the machine over, by all the evidence on it.
    pub delivery: Reading<delivery::Delivery>,
    /// When accounts were last used, by what logins leave behind.
    pub logins: Reading<logins::Logins>,
    /// What a new password has to be like.
    pub password_policy: Reading<password_policy::PasswordPolicy>,
    /// Who may become root through sudo, and how.
    pub sudoers: Reading<sudoers::Sudoers>,
    /// Passwords in what set the machine up: where, never which.
    pub seeds: Reading<seeds::Seeds>,
    /// API keys of clouds that lie on the disk: where, how old, who can read them; never their content.
    pub cloud_keys: Reading<cloud_keys::CloudKeys>,
    /// authorized_keys of every account, and private keys that lie on the disk.
    pub ssh_keys: Reading<ssh_keys::SshKeys>,
    /// The keys by which the SSH server proves to be itself.
    pub host_keys: Reading<host_keys::HostKeys>,
    /// The packet filter that the kernel enforces: nftables and legacy tables.
    pub ruleset: Reading<ruleset::Ruleset>,
    /// What would load a packet filter at the next boot.
    pub firewall_boot: Reading<firewall_boot::FirewallBoot>,
    /// Updates that wait in the package indexes on disk, and how old those indexes are.
    pub updates: Reading<updates::Updates>,
    /// Kernels installed, and the one that runs.
    pub kernels: Reading<kernels::Kernels>,
    /// Whether updates install themselves.
    pub automatic_updates: Reading<automatic_updates::AutomaticUpdates>,
    /// Mounts and swap, and the chain of block devices beneath each.
    pub block: Reading<block::Block>,
    /// What the machine runs on: bare metal, a hypervisor, a container; and the hypervisor's channels and drivers.
    pub hypervisor: Reading<hypervisor::Hypervisor>,
    /// Whether the system's logs survive a reboot, and where they go.
    pub logging: Reading<logging::Logging>,
    /// What only macOS has: FileVault, profiles, MDM, screen sharing, pf.
    pub mac: Reading<mac::Mac>,
    /// What a provider's own set-up left on the machine.
    pub provider_traces: Reading<provider_traces::ProviderTraces>,
}

/// One room: how a subject gets from the host into the facts.
pub struct Room {
    /// The name of its field in [`Facts`].
    pub name: &'static str,
    /// The rooms that it reads from the facts; they come before it in [`ROOMS`].
    pub after: &'static [&'static str],
    /// Fills its field. It sees the rooms before it.
    pub gather: fn(&dyn Host, &mut Facts),
    /// Exchanges its field with that of other facts, and says whether the two were equal.
    pub exchange: fn(&mut Facts, &mut Facts) -> bool,
}

/// What [`Room::exchange`] does with a field.
fn exchange<T: PartialEq>(one: &mut Reading<T>, other: &mut Reading<T>) -> bool {
    let equal = one == other;
    std::mem::swap(one, other);
    equal
}

/// Every room, in the order in which they are gathered.
pub static ROOMS: &[Room] = &[
    Room {
        name: "machine",
        after: &[],
        gather: |host, facts| facts.machine = machine::read(host).into(),
        exchange: |one, other| exchange(&mut one.machine, &mut other.machine),
    },
    Room {
        name: "accounts",
        after: &[],
        gather: |host, facts| facts.accounts = accounts::read(host).into(),
        exchange: |one, other| exchange(&mut one.accounts, &mut other.accounts),
    },
    Room {
        name: "packages",
        after: &[],
        gather: |host, facts| facts.packages = packages::read(host).into(),
        exchange: |one, other| exchange(&mut one.packages, &mut other.packages),
    },
    Room {
        name: "units",
        after: &[],
        gather: |host, facts| facts.units = units::read(host).into(),
        exchange: |one, other| exchange(&mut one.units, &mut other.units),
    },
    Room {
        name: "processes",
        after: &[],
        gather: |host, facts| facts.processes = processes::read(host).into(),
        exchange: |one, other| exchange(&mut one.processes, &mut other.processes),
    },
    Room {
        name: "replaced",
        // What packages bring decides when it is worth a look.
        after: &["packages", "processes"],
        gather: |host, facts| facts.replaced = replaced::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.replaced, &mut other.replaced),
    },
    Room {
        name: "sockets",
        after: &["processes"],
        gather: |host, facts| facts.sockets = sockets::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.sockets, &mut other.sockets),
    },
    Room {
        name: "hypervisor",
        after: &[],
        gather: |host, facts| facts.hypervisor = hypervisor::read(host).into(),
        exchange: |one, other| exchange(&mut one.hypervisor, &mut other.hypervisor),
    },
    Room {
        name: "ssh_servers",
        after: &["units", "processes", "sockets"],
        gather: |host, facts| facts.ssh_servers = Ok(ssh_servers::read(host, facts)).into(),
        exchange: |one, other| exchange(&mut one.ssh_servers, &mut other.ssh_servers),
    },
    Room {
        name: "vnc_servers",
        after: &["accounts", "units", "processes", "sockets"],
        gather: |host, facts| facts.vnc_servers = vnc_servers::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.vnc_servers, &mut other.vnc_servers),
    },
    Room {
        name: "sshd",
        after: &["ssh_servers"],
        gather: |host, facts| {
            facts.sshd = sshd::read(host, facts).into();
            sshd::date(host, facts);
        },
        exchange: |one, other| exchange(&mut one.sshd, &mut other.sshd),
    },
    Room {
        name: "delivery",
        after: &["accounts"],
        gather: |host, facts| facts.delivery = delivery::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.delivery, &mut other.delivery),
    },
    Room {
        name: "logins",
        after: &["machine", "accounts"],
        gather: |host, facts| facts.logins = logins::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.logins, &mut other.logins),
    },
    Room {
        name: "password_policy",
        after: &[],
        gather: |host, facts| facts.password_policy = password_policy::read(host).into(),
        exchange: |one, other| exchange(&mut one.password_policy, &mut other.password_policy),
    },
    Room {
        name: "sudoers",
        after: &["accounts"],
        gather: |host, facts| facts.sudoers = sudoers::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.sudoers, &mut other.sudoers),
    },
    Room {
        name: "seeds",
        after: &[],
        gather: |host, facts| facts.seeds = seeds::read(host).into(),
        exchange: |one, other| exchange(&mut one.seeds, &mut other.seeds),
    },
    Room {
        name: "cloud_keys",
        after: &["accounts"],
        gather: |host, facts| facts.cloud_keys = cloud_keys::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.cloud_keys, &mut other.cloud_keys),
    },
    Room {
        name: "ssh_keys",
        after: &["accounts", "sshd"],
        gather: |host, facts| facts.ssh_keys = ssh_keys::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.ssh_keys, &mut other.ssh_keys),
    },
    Room {
        name: "host_keys",
        after: &["accounts", "sshd"],
        gather: |host, facts| {
            facts.host_keys = host_keys::read(host, facts, &host_keys::configured(facts)).into()
        },
        exchange: |one, other| exchange(&mut one.host_keys, &mut other.host_keys),
    },
    Room {
        name: "network",
        after: &[],
        gather: |host, facts| facts.network = network::read(host).into(),
        exchange: |one, other| exchange(&mut one.network, &mut other.network),
    },
    Room {
        name: "ruleset",
        after: &[],
        gather: |host, facts| facts.ruleset = ruleset::read(host).into(),
        exchange: |one, other| exchange(&mut one.ruleset, &mut other.ruleset),
    },
    Room {
        name: "firewall_boot",
        after: &["units"],
        gather: |host, facts| facts.firewall_boot = firewall_boot::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.firewall_boot, &mut other.firewall_boot),
    },
    Room {
        name: "updates",
        after: &["machine", "packages"],
        gather: |host, facts| facts.updates = updates::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.updates, &mut other.updates),
    },
    Room {
        name: "kernels",
        after: &["packages"],
        gather: |host, facts| facts.kernels = kernels::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.kernels, &mut other.kernels),
    },
    Room {
        name: "automatic_updates",
        after: &["packages", "units"],
        gather: |host, facts| facts.automatic_updates = automatic_updates::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.automatic_updates, &mut other.automatic_updates),
    },
    Room {
        name: "block",
        after: &[],
        gather: |host, facts| facts.block = block::read(host).into(),
        exchange: |one, other| exchange(&mut one.block, &mut other.block),
    },
    Room {
        name: "logging",
        after: &["units", "processes"],
        gather: |host, facts| facts.logging = logging::read(host, facts).into(),
        exchange: |one, other| exchange(&mut one.logging, &mut other.logging),
    },
    Room {
        name: "mac",
        after: &[],
        gather: |host, facts| facts.mac = mac::read(host).into(),
        exchange: |one, other| exchange(&mut one.mac, &mut other.mac),
    },
    Room {
        name: "provider_traces",
        after: &[],
        gather: |host, facts| facts.provider_traces = provider_traces::read(host).into(),
        exchange: |one, other| exchange(&mut one.provider_traces, &mut other.provider_traces),
    },
];

/// Facts with their instant and system, and no room gathered yet.
#[must_use]
pub fn begin(host: &dyn Host) -> Facts {
    Facts { schema: SCHEMA, taken_at: host.now(), system: host.system(), ..Facts::default() }
}

/// Gathers every room. What cannot be read becomes a gap; nothing here fails.
#[must_use]
pub fn gather(host: &dyn Host) -> Facts {
    let mut facts = begin(host);
    for room in ROOMS {
        (room.gather)(host, &mut facts);
    }
    facts
}
