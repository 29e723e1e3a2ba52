//! The one visible list of checks, written by `tests/update`; a test keeps it current.

use crate::check::Check;

/// Every check, by id.
#[rustfmt::skip]
pub static CHECKS: &[&Check] = &[
    &crate::accounts::homes::CHECK,
    &crate::accounts::sudo_nopasswd::CHECK,
    &crate::accounts::uid_zero::CHECK,
    &crate::accounts::unused::CHECK,
    &crate::backup::agent::CHECK,
    &crate::encryption::data::CHECK,
    &crate::encryption::strength::CHECK,
    &crate::encryption::swap::CHECK,
    &crate::firewall::container_bypass::CHECK,
    &crate::firewall::default_deny::CHECK,
    &crate::firewall::enforced::CHECK,
    &crate::firewall::exposure::CHECK,
    &crate::firewall::ipv6_parity::CHECK,
    &crate::firewall::persistent::CHECK,
    &crate::guest_tools::current::CHECK,
    &crate::guest_tools::drivers::CHECK,
    &crate::guest_tools::enabled::CHECK,
    &crate::guest_tools::running::CHECK,
    &crate::integrity::system::CHECK,
    &crate::logs::persistent::CHECK,
    &crate::malware::protection::CHECK,
    &crate::mdm::enrolled::CHECK,
    &crate::mdm::profiles::CHECK,
    &crate::monitoring::agent::CHECK,
    &crate::passwords::changed::CHECK,
    &crate::passwords::default::CHECK,
    &crate::passwords::empty::CHECK,
    &crate::passwords::hash::CHECK,
    &crate::passwords::policy::CHECK,
    &crate::patches::automatic::CHECK,
    &crate::patches::index_fresh::CHECK,
    &crate::patches::kernel_running::CHECK,
    &crate::patches::release_supported::CHECK,
    &crate::patches::repositories::CHECK,
    &crate::patches::security::CHECK,
    &crate::patches::services_restarted::CHECK,
    &crate::remote_desktop::legacy_password::CHECK,
    &crate::remote_desktop::tunnelled::CHECK,
    &crate::secrets::cloud_keys::CHECK,
    &crate::secrets::seeds::CHECK,
    &crate::services::legacy::CHECK,
    &crate::ssh::algorithms::CHECK,
    &crate::ssh::authorized_keys::CHECK,
    &crate::ssh::authorized_keys_age::CHECK,
    &crate::ssh::config_loaded::CHECK,
    &crate::ssh::config_valid::CHECK,
    &crate::ssh::host_keys::CHECK,
    &crate::ssh::key_only::CHECK,
    &crate::ssh::private_keys::CHECK,
    &crate::ssh::root_login::CHECK,
    &crate::storage::redundancy::CHECK,
];

/// The check with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id).copied()
}
