//! Whether the system's logs survive a reboot, and where they go.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// Whether the system's logs survive a reboot, and where they go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<Logging, Gap> {
    Err(Gap::not_gathered())
}
