//! What only macOS has: FileVault, profiles, MDM, screen sharing, pf.

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::host::Host;

/// What only macOS has: FileVault, profiles, MDM, screen sharing, pf.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mac {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host) -> Result<Mac, Gap> {
    Err(Gap::not_gathered())
}
