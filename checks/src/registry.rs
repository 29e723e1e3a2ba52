//! The one visible list of checks, written by `tests/update`; a test keeps it current.

use crate::check::Check;

/// Every check, by id.
#[rustfmt::skip]
pub static CHECKS: &[&Check] = &[
    &crate::backup::agent::CHECK,
    &crate::guest_tools::drivers::CHECK,
    &crate::guest_tools::enabled::CHECK,
    &crate::guest_tools::running::CHECK,
    &crate::logs::persistent::CHECK,
    &crate::malware::protection::CHECK,
    &crate::monitoring::agent::CHECK,
    &crate::services::legacy::CHECK,
    &crate::ssh::key_only::CHECK,
];

/// The check with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id).copied()
}
