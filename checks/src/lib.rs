//! The functional core of hostduty: facts of a host, and what they mean for the customer's duties.
//!
//! Nothing here touches a host. [`host::Host`] is the one door; [`facts::gather`] turns what comes through it into
//! plain data; a [`check::Check`] judges that data; [`report::judge`] puts the verdicts together.

pub mod check;
pub mod date;
pub mod document;
pub mod evidence;
pub mod facts;
pub mod gap;
pub mod history;
pub mod host;
pub mod policy;
pub mod providers;
pub mod reach;
pub mod redact;
pub mod registry;
pub mod report;

// What the judges of several checks share.
mod front_end;
mod mac;
mod package_index;
mod packet_filter;
mod software;
mod ssh_key;
mod ssh_remedy;
mod ssh_server;
mod tar;
mod unpack;

// One module per check, in the folder of its subject. `tests/update` writes the lines between the marks.
// <checks>
mod accounts {
    pub(crate) mod homes;
    pub(crate) mod sudo_nopasswd;
    pub(crate) mod uid_zero;
    pub(crate) mod unused;
}
mod backup {
    pub(crate) mod agent;
}
mod encryption {
    pub(crate) mod data;
    pub(crate) mod strength;
    pub(crate) mod swap;
}
mod firewall {
    pub(crate) mod container_bypass;
    pub(crate) mod default_deny;
    pub(crate) mod enforced;
    pub(crate) mod exposure;
    pub(crate) mod ipv6_parity;
    pub(crate) mod persistent;
}
mod guest_tools {
    pub(crate) mod current;
    pub(crate) mod drivers;
    pub(crate) mod enabled;
    pub(crate) mod running;
}
mod integrity {
    pub(crate) mod system;
}
mod logs {
    pub(crate) mod persistent;
}
mod malware {
    pub(crate) mod protection;
}
mod mdm {
    pub(crate) mod enrolled;
    pub(crate) mod profiles;
}
mod monitoring {
    pub(crate) mod agent;
}
mod passwords {
    pub(crate) mod changed;
    pub(crate) mod default;
    pub(crate) mod empty;
    pub(crate) mod hash;
    pub(crate) mod policy;
}
mod patches {
    pub(crate) mod automatic;
    pub(crate) mod index_fresh;
    pub(crate) mod kernel_running;
    pub(crate) mod release_supported;
    pub(crate) mod repositories;
    pub(crate) mod security;
    pub(crate) mod services_restarted;
}
mod remote_desktop {
    pub(crate) mod legacy_password;
    pub(crate) mod tunnelled;
}
mod secrets {
    pub(crate) mod cloud_keys;
    pub(crate) mod seeds;
}
mod services {
    pub(crate) mod legacy;
}
mod ssh {
    pub(crate) mod algorithms;
    pub(crate) mod authorized_keys;
    pub(crate) mod authorized_keys_age;
    pub(crate) mod config_loaded;
    pub(crate) mod config_valid;
    pub(crate) mod host_keys;
    pub(crate) mod key_only;
    pub(crate) mod private_keys;
    pub(crate) mod root_login;
}
mod storage {
    pub(crate) mod redundancy;
}
// </checks>
