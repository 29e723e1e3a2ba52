//! What would load a packet filter at the next boot.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::Host;

/// What would load a packet filter at the next boot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirewallBoot {}

/// Reads it.
pub(crate) fn read(_host: &dyn Host, _facts: &Facts) -> Result<FirewallBoot, Gap> {
    Err(Gap::not_gathered())
}
