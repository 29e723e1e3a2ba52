//! The one visible list of checks, written by `tests/update`; a test keeps it current.

use crate::check::Check;

/// Every check, by id.
#[rustfmt::skip]
pub static CHECKS: &[&Check] = &[
    &crate::patches::automatic::CHECK,
    &crate::patches::kernel_running::CHECK,
    &crate::patches::release_supported::CHECK,
    &crate::patches::security::CHECK,
    &crate::ssh::key_only::CHECK,
];

/// The check with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id).copied()
}
